# SPDX-License-Identifier: Apache-2.0
"""The host's end of the numbered link: bytes and time in, events and bytes out.

The rule it keeps: every call is done by the board at most once and in order (go-back-N; the board answers a
repeated call from its memory), and every call ends in exactly one event: its reply, its refusal, or its loss.
No clock, no I/O: ``now`` is the event loop's seconds.
"""

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.codec import MalformedBody
from firmware_bridge.dictionary import FIXED, PROTOCOL, Dictionary, DictionaryMismatch, dictionary_crc
from firmware_bridge.frame import Frame, FrameReader, Kind, encode_frame
from firmware_bridge.link_events import (
    Abandoned,
    Connected,
    Died,
    Event,
    Mismatched,
    Refused,
    Replied,
    ReplyLost,
    Reported,
    Restarted,
)

WINDOW_CALLS: Final = 4  # calls on the way
WINDOW_BYTES: Final = 120  # the smallest board's receive ring holds 127
RETRY_S: Final = 0.1  # a reply takes 7 ms on the wire; the board may write EEPROM for 70 ms meanwhile
RETRY_MAX_S: Final = 0.5
DEAD_S: Final = 3.0  # saving a configuration takes the board up to 1 s
QUEUE_MAX: Final = 64


class LinkError(ValueError):
    """We broke the rules: a call before the board is known, or more calls than anyone can mean."""


class State(enum.Enum):
    """Where the link stands."""

    IDLE = "idle"
    HELLO = "hello"
    LEARNING = "learning"
    READY = "ready"
    DEAD = "dead"


@dataclass(slots=True)
class _Call:
    token: int
    seq: int
    wire: bytes


@dataclass(slots=True)
class LinkCounts:
    """What a technician asks of a bad cable."""

    sent: int = 0
    resent: int = 0
    naks: int = 0
    reports_lost: int = 0


@dataclass(slots=True)
class _Learning:
    about: str = ""
    total: int = 0
    crc: int = 0
    lines: list[str] = field(default_factory=list)
    text: bytes = b""

    def take(self, values: Mapping[str, int | bytes]) -> None:
        """Add one chunk of the text being asked for."""
        if values["message"] != len(self.lines):
            return
        self.text += _text(values, "text")
        if len(self.text) >= _number(values, "length"):
            self.lines.append(self.text.decode("ascii", "replace"))
            self.text = b""

    def dictionary(self) -> Dictionary:
        """Give the checked dictionary, or raise DictionaryMismatch."""
        if dictionary_crc(self.lines) != self.crc:
            raise DictionaryMismatch(["the board's dictionary came damaged: its CRC does not match"])
        dictionary = Dictionary(self.lines)
        dictionary.check()
        return dictionary


class Link:
    """One link to one board. Feed it, ask ``to_send`` for bytes, call ``tick`` at ``deadline``."""

    def __init__(self, host_id: int, known: dict[int, tuple[str, ...]] | None = None) -> None:
        """``host_id`` tells hosts apart (random, not 0); ``known`` keeps dictionaries by CRC between links."""
        self.state = State.IDLE
        self.counts = LinkCounts()
        self._host_id = host_id
        self._known = known if known is not None else {}
        self._reader = FrameReader()
        self._dictionary: Dictionary = FIXED
        self._learning = _Learning()
        self._next_seq = 0
        self._next_token = 1
        self._flying: deque[_Call] = deque()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._out = bytearray()
        self._retry_s = RETRY_S
        self._retry_at: float | None = None
        self._heard_at = 0.0
        self._report_seq: int | None = None
        self._internal: set[int] = set()

    # --- what the owner does ---

    def start(self, now: float) -> list[Event]:
        """Begin, or begin again after Restarted or Died: says hello with a new numbering."""
        events = self._abandon()
        self.state = State.HELLO
        self._dictionary = FIXED
        self._learning = _Learning()
        self._report_seq = None
        self._heard_at = now
        self._retry_s = RETRY_S
        hello = FIXED.format("hello").encode({"host": self._host_id})
        self._send(Kind.CONNECT, self._internal_token(), bytes((FIXED.number("hello"),)) + hello, now)
        return events

    def call(self, name: str, now: float, **values: int | bytes) -> int:
        """Queue a call and give the token its ending event will carry."""
        if self.state is not State.READY:
            raise LinkError(f"call {name!r} while the link is {self.state.value}")
        if self.full:
            raise LinkError(f"{QUEUE_MAX} calls wait already; the caller does not wait for replies")
        return self._queue(name, values, now)

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the line."""
        events: list[Event] = []
        for frame in self._reader.feed(data):
            if frame.kind != Kind.REPORT:  # a board that still reports may have a wire broken on which it hears us
                self._heard_at = now
            self._take(frame, now, events)
        return events

    def tick(self, now: float) -> list[Event]:
        """Repeat what was not answered; call it at ``deadline`` or more often."""
        if self._retry_at is None or now < self._retry_at or not self._flying:
            return []
        if now - self._heard_at >= DEAD_S:
            self.state = State.DEAD
            return [*self._abandon(), Died()]
        self._resend(now)
        self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)
        return []

    def to_send(self) -> bytes:
        """Give the bytes to put on the line now."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def deadline(self) -> float | None:
        """When ``tick`` has work next; None while nothing is on the way."""
        return self._retry_at if self._flying else None

    @property
    def full(self) -> bool:
        """Whether no more calls may be queued."""
        return len(self._waiting) >= QUEUE_MAX

    @property
    def bad_frames(self) -> int:
        """Frames that came damaged."""
        return self._reader.bad

    # --- sending ---

    def _internal_token(self) -> int:
        token = self._next_token
        self._next_token += 1
        self._internal.add(token)
        return token

    def _queue(self, name: str, values: Mapping[str, int | bytes], now: float, *, internal: bool = False) -> int:
        number = self._dictionary.number(name)
        body = bytes((number,)) + self._dictionary.format(name).encode(values)
        token = self._internal_token() if internal else self._next_token
        if not internal:
            self._next_token += 1
        self._waiting.append((token, body))
        self._fill_window(now)
        return token

    def _fill_window(self, now: float) -> None:
        while self._waiting and len(self._flying) < WINDOW_CALLS:
            token, body = self._waiting[0]
            flying = sum(len(call.wire) for call in self._flying)
            if self._flying and flying + len(body) + 10 > WINDOW_BYTES:
                return
            self._waiting.popleft()
            self._send(Kind.CALL, token, body, now)

    def _send(self, kind: Kind, token: int, body: bytes, now: float) -> None:
        wire = encode_frame(Frame(kind, self._next_seq, 0, body))
        self._flying.append(_Call(token, self._next_seq, wire))
        self._next_seq = (self._next_seq + 1) & 0xFF
        self._out += wire
        self.counts.sent += 1
        if len(self._flying) == 1:
            self._heard_at = now  # silence counts from the question
            self._retry_at = now + self._retry_s

    def _resend(self, now: float) -> None:
        self._out.clear()  # what has not gone out would only come twice
        for call in self._flying:
            self._out += call.wire
            self.counts.resent += 1
        self._retry_at = now + self._retry_s

    # --- receiving ---

    def _take(self, frame: Frame, now: float, events: list[Event]) -> None:
        if frame.kind == Kind.REPORT:
            self._take_report(frame, events)
        elif frame.kind in {Kind.REPLY, Kind.DONE}:
            self._take_answer(frame, now, events)
        elif frame.kind == Kind.NAK and self._flying:
            self.counts.naks += 1
            self._resend(now)
        elif frame.kind == Kind.STRANGER and self.state is not State.HELLO:
            self._restarted(events)

    def _restarted(self, events: list[Event]) -> None:
        if self.state in {State.LEARNING, State.READY}:
            self.state = State.IDLE
            events += self._abandon()
            events.append(Restarted())

    def _take_report(self, frame: Frame, events: list[Event]) -> None:
        if self.state is not State.READY:
            return
        if self._report_seq is not None:
            self.counts.reports_lost += (frame.seq - self._report_seq - 1) & 0xFF
        self._report_seq = frame.seq
        decoded = self._decode(frame.body)
        if decoded is None:
            return
        if decoded[0] == "started":
            self._restarted(events)
        else:
            events.append(Reported(*decoded))

    def _decode(self, body: bytes) -> tuple[str, dict[str, int | bytes]] | None:
        if not body or body[0] >= len(self._dictionary.formats):
            self._reader.bad += 1
            return None
        form = self._dictionary.formats[body[0]]
        try:
            return form.name, form.decode(body[1:])
        except MalformedBody:
            self._reader.bad += 1
            return None

    def _take_answer(self, frame: Frame, now: float, events: list[Event]) -> None:
        if frame.seq not in {call.seq for call in self._flying}:
            return
        if self.state is State.HELLO and frame.kind == Kind.DONE:
            return  # an answer to somebody else's numbering
        while self._flying:
            call = self._flying.popleft()
            if call.seq == frame.seq:
                break
            self._end(call.token, None, now, events)  # a later answer: this one was done and its answer lost
        decoded = self._decode(frame.body) if frame.kind == Kind.REPLY else None
        self._retry_s = RETRY_S
        self._retry_at = now + self._retry_s
        self._end(call.token, decoded, now, events)
        self._fill_window(now)

    def _end(
        self, token: int, decoded: tuple[str, dict[str, int | bytes]] | None, now: float, events: list[Event]
    ) -> None:
        if token in self._internal:
            self._internal.discard(token)
            self._learn(decoded, now, events)
        elif decoded is None:
            events.append(ReplyLost(token))
        elif decoded[0] == "refused":
            values = decoded[1]
            events.append(Refused(token, _number(values, "reason"), _number(values, "detail")))
        else:
            events.append(Replied(token, *decoded))

    def _abandon(self) -> list[Event]:
        tokens = [call.token for call in self._flying] + [token for token, _ in self._waiting]
        self._flying.clear()
        self._waiting.clear()
        self._out.clear()
        self._retry_at = None
        lost: list[Event] = [Abandoned(token) for token in tokens if token not in self._internal]
        self._internal.clear()
        return lost

    # --- learning the board's dictionary ---

    def _learn(self, decoded: tuple[str, dict[str, int | bytes]] | None, now: float, events: list[Event]) -> None:
        learning = self._learning
        if decoded is not None and decoded[0] == "identity" and self.state is State.HELLO:
            values = decoded[1]
            learning.about = _text(values, "about").decode("ascii", "replace")
            learning.total = _number(values, "messages")
            learning.crc = _number(values, "dictionary_crc")
            protocol = _number(values, "protocol")
            if protocol != PROTOCOL:
                self._mismatch((f"the board speaks protocol {protocol}, this host {PROTOCOL}",), events)
                return
            self.state = State.LEARNING
            if learning.crc in self._known:
                learning.lines = list(self._known[learning.crc])
        elif decoded is not None and decoded[0] == "dictionary" and self.state is State.LEARNING:
            learning.take(decoded[1])
        if self.state is not State.LEARNING:
            return
        if len(learning.lines) < learning.total:
            ask = {"message": len(learning.lines), "offset": len(learning.text)}
            self._queue("get_dictionary", ask, now, internal=True)
            return
        self._finish_learning(events)

    def _finish_learning(self, events: list[Event]) -> None:
        learning = self._learning
        try:
            dictionary = learning.dictionary()
        except DictionaryMismatch as bad:
            self._mismatch(bad.lines, events)
            return
        self._known[learning.crc] = tuple(learning.lines)
        self._dictionary = dictionary
        self.state = State.READY
        events.append(Connected(learning.about, dictionary))

    def _mismatch(self, lines: tuple[str, ...], events: list[Event]) -> None:
        self.state = State.DEAD
        self._abandon()
        events.append(Mismatched(self._learning.about, lines))


def _number(values: Mapping[str, int | bytes], name: str) -> int:
    value = values[name]
    return value if isinstance(value, int) else 0


def _text(values: Mapping[str, int | bytes], name: str) -> bytes:
    value = values[name]
    return value if isinstance(value, bytes) else b""
