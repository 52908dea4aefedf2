# SPDX-License-Identifier: Apache-2.0
"""Modbus RTU master: one request on the line, bytes in, events out.

The rule it keeps: a value is handed out only when its frame can belong to no other request. RTU frames carry
no transaction number, so every answer that may still come (``Owed``) is remembered, and a request whose answer
would look like one of those is refused by :meth:`RtuMaster.start` until the older one cannot come any more.
Sources: MODBUS over Serial Line V1.02 §2.4, §2.5; the faults met in the field are listed in docs/bus.md.
"""

import math
from typing import Final

import msgspec

from drivers.crc import crc16, modbus_crc
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import BROADCAST, COUNTED, EXCEPTIONS, READ_WRITE, Request, RequestError

LATE_LIMIT_S: Final = 2.0  # an unanswered device may still answer this long after its request
REPEAT_GUARD_S: Final = 0.25  # a device or gateway that says its answer twice does it within this time
OWED_MOST: Final = 32  # answers remembered for each unit; beyond, nothing of it counts as fresh for a while
GAP_S: Final = 0.02  # the longest hole inside a frame that an operating system or USB adapter makes
BROADCAST_TURNAROUND_S: Final = 0.1  # Serial Line V1.02 §2.4.1: 100 to 200 ms
MAX_BUFFER: Final = 1024
ECHO_LOST_LIMIT: Final = 2


class Reply(msgspec.Struct, frozen=True):
    """The answer to ``request``. ``fresh`` is False when it may be an older one: then it only proves life."""

    request: Request
    payload: bytes
    at_s: float  # when its last byte was seen
    latency_s: float  # from the end of the request to the start of the reply
    fresh: bool = True


class Failure(msgspec.Struct, frozen=True):
    """No usable answer: kind timeout, crc, truncated, noise, foreign, exception, echo."""

    request: Request
    kind: str
    at_s: float
    detail: str = ""
    code: int = 0  # of an exception
    latency_s: float = math.nan  # of an exception


class Stray(msgspec.Struct, frozen=True):
    """Bytes that answer nothing on the line now: kind late (an older request's) or foreign."""

    kind: str
    unit: int
    at_s: float
    latency_s: float = math.nan


Event = Reply | Failure | Stray


class Owed:
    """A request whose answer may still come."""

    __slots__ = ("answered", "frame", "request", "sent_s", "until_s")

    def __init__(self, request: Request, frame: bytes, sent_s: float, until_s: float, *, answered: bool) -> None:
        self.request = request
        self.frame = frame
        self.sent_s = sent_s
        self.until_s = until_s
        self.answered = answered

    def looks_like(self, other: Request) -> bool:
        """Say whether a reply to this request would pass for a reply to ``other``."""
        mine = self.request
        if mine.function != other.function or mine.reply_length != other.reply_length:
            return False
        return mine.function in COUNTED or mine.pdu[:5] == other.pdu[:5]


def frame_of(unit: int, pdu: bytes) -> bytes:
    """Put address and CRC around a PDU."""
    body = bytes((unit,)) + pdu
    return body + modbus_crc(body)


class RtuMaster:
    """The master's end of one RTU line. ``deadline_s`` is when :meth:`expire` wants to be called."""

    def __init__(
        self,
        settings: LineSettings,
        *,
        late_limit_s: float = LATE_LIMIT_S,
        repeat_guard_s: float = REPEAT_GUARD_S,
        gap_s: float = GAP_S,
    ) -> None:
        self.character_s = settings.character_s
        self.silence_s = settings.silence_s
        self.late_limit_s = late_limit_s
        self.repeat_guard_s = repeat_guard_s
        self.gap_s = max(gap_s, settings.silence_s)
        self.echo: bool | None = None  # None: not known yet
        self.deadline_s: float | None = None
        self.ready_s = 0.0  # the line may be used from then on
        self.sent_s = 0.0  # the end of the last request on the wire
        self.missing = 0  # bytes still to come, if the buffer begins like the answer
        self._request: Request | None = None
        self._frame = b""
        self._length = 0
        self._fresh = True
        self._damaged = False
        self._copies = 0
        self._echo_at = -1
        self._latest_s = 0.0
        self._unpaced = False
        self._echo_lost = 0
        self._buffer = bytearray()
        self._owed: dict[int, list[Owed]] = {}
        self._crowded_s: dict[int, float] = {}  # until then any answer of the unit may be one that is not remembered
        self._last_write: dict[int, bytes] = {}

    def forget_echo(self, *, possible: bool) -> None:
        """Begin anew with what is known of echoes; where none is possible, no early answer is taken for one."""
        self.echo = None if possible else False
        self._unpaced = self._unpaced or not possible

    # ---- sending -------------------------------------------------------------------------------

    def clear_at(self, request: Request, now: float) -> float:
        """Give the time from which no older answer can pass for the answer to ``request`` (``now`` or later)."""
        clear_s = max(now, self._crowded_s.get(request.unit, now))
        owed = self._owed.get(request.unit)
        if not owed:
            return clear_s
        owed[:] = [item for item in owed if item.until_s > now]
        for item in owed:
            if item.looks_like(request) and not self._same_write_again(item, request):
                clear_s = max(clear_s, item.until_s)
        return clear_s

    def _same_write_again(self, item: Owed, request: Request) -> bool:
        """A lost write repeated at once: either answer proves the same state, if nothing was written between."""
        if not request.writes or request.function == READ_WRITE or request.count == 0 or item.answered:
            return False
        return item.request == request and self._last_write.get(request.unit) == item.frame

    def start(self, request: Request, now: float, timeout_s: float, *, liveness: bool = False) -> bytes:
        """Begin a transaction and give the bytes to send now.

        ``timeout_s`` is the wait from the end of the request to the first byte of the answer. With ``liveness``
        a request is also sent while an older answer could pass for its own; such an answer is not ``fresh``.
        """
        if self._request is not None:
            raise RequestError("a request is on the line; wait for its event")
        if now < self.ready_s - 1e-9:
            raise RequestError(f"the line must be silent until {self.ready_s:.4f} s, now is {now:.4f} s")
        fresh = self.clear_at(request, now) <= now
        if not fresh and not liveness:
            raise RequestError(f"an older answer of unit {request.unit} could pass for this one's")
        frame = frame_of(request.unit, request.pdu)
        self._request, self._frame, self._fresh = request, frame, fresh
        self._length = request.reply_length + 3
        self._damaged, self._copies, self._echo_at, self.missing = False, 0, -1, 0
        self._buffer.clear()
        self.sent_s = now + len(frame) * self.character_s
        if request.writes:
            self._last_write[request.unit] = frame
        if request.unit == BROADCAST:
            self.deadline_s = self._latest_s = self.sent_s + BROADCAST_TURNAROUND_S
        else:
            self.deadline_s = self.sent_s + timeout_s + self.character_s
            self._latest_s = self.deadline_s + (2 * self._length + 16) * self.character_s + 4 * self.gap_s
        return frame

    # ---- receiving -----------------------------------------------------------------------------

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Take bytes that came by ``now``; give what they mean."""
        self.ready_s = max(self.ready_s, now + self.silence_s)
        buffer = self._buffer
        buffer += data
        request = self._request
        if request is None or request.unit == BROADCAST:
            del buffer[:-MAX_BUFFER]
            return self._strays(bytes(buffer), now, clear=True)
        if len(buffer) > MAX_BUFFER:
            self._echo_at -= len(buffer) - MAX_BUFFER
            del buffer[: len(buffer) - MAX_BUFFER]
            self._damaged = True
        return self._search(request, now)

    def expire(self, now: float) -> list[Event]:
        """End the transaction when its deadline has passed."""
        request, deadline = self._request, self.deadline_s
        if request is None or deadline is None or now < deadline:
            return []
        if request.unit == BROADCAST:
            self._end(now, drained=True)
            return [Reply(request, b"", now, 0.0)]
        seen = bytes(self._buffer)
        events = self._strays(seen, now, clear=False)
        kind, detail = self._diagnose(request, seen, events)
        spoiled = (
            kind == "crc" and len(seen) == self._length and seen[0] == request.unit and seen[1] == request.function
        )
        if not spoiled or self._owed.get(request.unit):  # just its own answer, damaged, cannot come once more
            self._owe(request, now, answered=False)
        if kind == "echo":
            self._lose_echo()
        self._end(now, drained=not seen)
        events.append(Failure(request, kind, now, detail))
        return events

    def abandon(self, now: float) -> None:
        """Forget the transaction without an event (the line is gone); its answer may still come."""
        if self._request is not None and self._request.unit != BROADCAST:
            self._owe(self._request, now, answered=False)
        self._end(now, drained=True)

    def _search(self, request: Request, now: float) -> list[Event]:
        """Hunt the answer through everything received, at every offset."""
        buffer, length, unit, function = self._buffer, self._length, request.unit, request.function
        at = 0
        if self.echo:
            if len(buffer) < len(self._frame) and self._frame.startswith(buffer):
                return []
            if buffer.startswith(self._frame):
                at = len(self._frame)
                self._copies = 1
        self.missing = 0
        at = buffer.find(unit, at)
        while at >= 0:
            left = len(buffer) - at
            kind = buffer[at + 1] if left > 1 else function
            if kind == function and self._header_fits(request, at):
                if left < length:
                    self.missing = self.missing or length - left
                elif crc16(buffer[at : at + length]) != 0:
                    self._damaged = True
                elif not request.mismatch(bytes(buffer[at + 1 : at + length - 2])):
                    if not self._only_echo(request, at, now):
                        return self._accept(request, at, now)
                    at += length - 1
            elif kind == function | 0x80 and left >= 5 and crc16(buffer[at : at + 5]) == 0:
                return self._accept_exception(request, at, now)
            elif kind == function | 0x80 and left < 5:
                self.missing = self.missing or 5 - left
            at = buffer.find(unit, at + 1)
        self._move_deadline(now)
        return []

    def _header_fits(self, request: Request, at: int) -> bool:
        head = self._buffer[at + 2 : at + 6]
        if request.function in COUNTED:
            return not head or head[0] == request.reply_length - 2
        if request.count:
            return request.pdu[1:5].startswith(head)
        return True

    def _move_deadline(self, now: float) -> None:
        deadline = self.deadline_s
        if deadline is None:
            return
        if self.missing:
            wanted = now + self.missing * self.character_s + self.gap_s
            self.deadline_s = min(max(deadline, wanted), self._latest_s)
        elif self._damaged:
            self.deadline_s = min(deadline, now + self.gap_s)

    def _only_echo(self, request: Request, at: int, now: float) -> bool:
        """A write's good answer equals the write: decide whether this copy is the line's own echo."""
        if not request.reply_may_equal_request or self._buffer[at : at + self._length] != self._frame:
            return False
        if self._copies or at != self._echo_at >= 0:
            self._copies = 1
            return False
        early = now < self.sent_s + 0.5 * self._length * self.character_s
        if self._echo_at < 0 and self.echo is False and (self._unpaced or not early):
            return False
        self._echo_at = at  # remembered: seen again later, it is no longer early, but still the echo
        return True

    def _accept(self, request: Request, at: int, now: float) -> list[Event]:
        length = self._length
        before = bytes(self._buffer[:at])
        payload = request.payload(bytes(self._buffer[at + 1 : at + length - 2]))
        latency_s = now - self.sent_s - length * self.character_s
        if request.function in COUNTED:
            self._learn_echo(before)
            self._unpaced = self._unpaced or (self._fresh and latency_s < -0.5 * length * self.character_s)
        elif self._copies:
            self.echo = True
        events = self._strays(before, now, clear=False) if before else []
        self._owe(request, now, answered=self._fresh)
        fresh = self._fresh
        self._end(now, drained=True)
        events.append(Reply(request, payload if fresh else b"", now, max(0.0, latency_s), fresh))
        return events

    def _accept_exception(self, request: Request, at: int, now: float) -> list[Event]:
        code = self._buffer[at + 2]
        self._learn_echo(bytes(self._buffer[:at]))
        sure = not any(item.request.function == request.function for item in self._owed.get(request.unit, ()))
        self._owe(request, now, answered=sure)
        latency_s = max(0.0, now - self.sent_s - 5 * self.character_s)
        self._end(now, drained=True)
        return [Failure(request, "exception", now, EXCEPTIONS.get(code, "maker's own code"), code, latency_s)]

    # ---- what is known of the line -------------------------------------------------------------

    def _learn_echo(self, before: bytes) -> None:
        if before.startswith(self._frame):
            self.echo, self._echo_lost = True, 0
        elif not before:
            if self.echo:
                self._lose_echo()
            else:
                self.echo = False

    def _lose_echo(self) -> None:
        self._echo_lost += 1
        if self._echo_lost >= ECHO_LOST_LIMIT:
            self.echo, self._echo_lost = None, 0

    def _diagnose(self, request: Request, seen: bytes, strays: list[Event]) -> tuple[str, str]:
        if not seen:
            return "timeout", ""
        if request.reply_may_equal_request and self._frame in seen:
            return "echo", "the request came back; no second copy that would be the device's answer"
        if self._damaged:
            return "crc", seen[:32].hex(" ")
        if self.echo and seen == self._frame:
            return "timeout", ""
        if self.missing:
            return "truncated", f"{len(seen)} bytes, {self.missing} missing: {seen[:32].hex(' ')}"
        if any(isinstance(event, Stray) for event in strays):
            return "foreign", seen[:32].hex(" ")
        return "noise", seen[:32].hex(" ")

    def _owe(self, request: Request, now: float, *, answered: bool) -> None:
        wait_s = self.repeat_guard_s if answered else self.late_limit_s
        item = Owed(request, self._frame, self.sent_s, now + wait_s, answered=answered)
        owed = self._owed.setdefault(request.unit, [])
        if len(owed) >= OWED_MOST:
            until_s = self._crowded_s.get(request.unit, now)
            self._crowded_s[request.unit] = max(until_s, owed.pop(0).until_s)
        owed.append(item)

    def _strays(self, seen: bytes, now: float, *, clear: bool) -> list[Event]:
        """Find whole frames that answer older requests or come from elsewhere."""
        events: list[Event] = []
        at = 0
        while at + 5 <= len(seen):
            size = _foreign_length(seen, at)
            if size and at + size <= len(seen) and crc16(seen[at : at + size]) == 0:
                if seen[at : at + size] != self._frame:
                    events.append(self._name_stray(seen[at : at + size], now))
                at += size
            else:
                at += 1
        if events and clear:
            self._buffer.clear()
        return events

    def _name_stray(self, frame: bytes, now: float) -> Stray:
        unit = frame[0]
        for item in self._owed.get(unit, ()):
            fits = len(frame) == item.request.reply_length + 3 and not item.request.mismatch(frame[1:-2])
            if fits and not item.answered:
                latency_s = now - item.sent_s - len(frame) * self.character_s
                return Stray("late", unit, now, max(0.0, latency_s))
        return Stray("foreign", unit, now)

    def _end(self, now: float, *, drained: bool) -> None:
        self._request, self.deadline_s, self.missing = None, None, 0
        self._buffer.clear()
        self.ready_s = max(self.ready_s, self.sent_s + self.silence_s, now if drained else now + self.silence_s)


def _foreign_length(seen: bytes, at: int) -> int:
    """Give the length of the reply frame that would begin at ``at``; 0 if none can."""
    function = seen[at + 1]
    if function & 0x80:
        return 5
    if function in COUNTED:
        return 5 + seen[at + 2]
    if function in {5, 6, 15, 16}:
        return 8
    return 0
