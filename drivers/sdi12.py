# SPDX-License-Identifier: Apache-2.0
"""SDI-12 recorder: breaks, commands and retries as events, measurements to their last value. No I/O, no clock.

The rule it keeps: the line's timing is the specification's, each figure with its section. It can be used alone:
it needs nothing of this project but its words and its CRC.
"""

import math
from typing import Final

import msgspec

from drivers import sdi12_words as words_
from drivers.sdi12_words import AnswerError, Command, CommandError

# SDI-12 1.4 §7 "Timing"; in seconds.
BREAK_S: Final = 0.0123  # at least 12 ms
MARK_S: Final = 0.0087  # marking after the break, at least 8.33 ms
ANSWER_S: Final = 0.015  # the answer begins within 15 ms of the command's end
BETWEEN_CHARACTERS_S: Final = 0.00166
AWAKE_S: Final = 0.087  # a sensor may sleep after so long a silence: break again
RETRY_WAIT_S: Final = 0.0167  # at least 16.67 ms before a command is sent again
CHARACTER_S: Final = 10 / 1200
TRIES: Final = 3  # with one break
BREAKS: Final = 3
STARTS: Final = frozenset("MCVHR")
MEASURE_EXTRA_S: Final = 1.0  # for a sensor that is late with the end of its measurement


class Transmit(msgspec.Struct, frozen=True):
    """For the line: hold break (0: none), hold marking, send; then call :meth:`Recorder.sent`."""

    wait_s: float
    break_s: float
    mark_s: float
    data: bytes


class Answered(msgspec.Struct, frozen=True):
    """A sensor answered ``command``; ``text`` without CRC and CR LF, ``packet`` for a binary answer."""

    command: Command
    text: str
    packet: bytes
    at_s: float


class Unanswered(msgspec.Struct, frozen=True):
    """All tries failed: kind timeout or garbled."""

    command: Command
    kind: str
    detail: str
    at_s: float


class ServiceRequest(msgspec.Struct, frozen=True):
    """A sensor says that its measurement is done."""

    address: str
    at_s: float


Event = Answered | Unanswered | ServiceRequest
Move = Transmit | Answered | Unanswered | ServiceRequest


class Recorder:
    """The recorder's end of one SDI-12 line.

    ``slack_s`` is what the transport adds to the sensor's own time (USB adapter 0.1, microcontroller 0).
    """

    def __init__(self, *, slack_s: float = 0.1) -> None:
        self.slack_s = slack_s
        self.deadline_s: float | None = None
        self._command: Command | None = None
        self._buffer = bytearray()
        self._tries = 0
        self._breaks = 0
        self._most = (TRIES, BREAKS)
        self._last_address = ""
        self._last_s = float("-inf")
        self._seen = ""
        self._latest_s = math.inf

    @property
    def busy(self) -> bool:
        """Say whether a command is under way."""
        return self._command is not None

    def start(self, command: Command, now: float, *, tries: int = TRIES, breaks: int = BREAKS) -> Transmit:
        """Begin a command; a break goes first if the sensor may sleep or another one is addressed.

        ``tries`` with each of ``breaks``: fewer than the specification wants only to look after a dead sensor, or
        where an adapter repeats by itself.
        """
        if self._command is not None:
            raise CommandError(f"{self._command.wire!r} is still under way")
        self._command = command
        self._tries, self._breaks, self._seen = 0, 0, ""
        self._most = (tries, breaks)
        awake = command.address == self._last_address and now - self._last_s < AWAKE_S
        return self._transmit(with_break=not awake, wait_s=0.0)

    def sent(self, now: float) -> None:
        """The last stop bit of the command has left."""
        if self._command is not None:
            self._last_s = now
            self.deadline_s = now + ANSWER_S + CHARACTER_S + self.slack_s
            self._latest_s = self.deadline_s + words_.MAX_LINE * CHARACTER_S

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Take characters from the line (7 bits each, or whole bytes of a binary packet)."""
        self._last_s = now
        self._buffer += data[: words_.MAX_LINE]
        command = self._command
        if command is None:
            return self._unasked(now)
        if self.deadline_s is not None:
            # A line that never falls silent must not keep the command for ever.
            self.deadline_s = min(now + BETWEEN_CHARACTERS_S + CHARACTER_S + self.slack_s, self._latest_s)
        if command.kind == "packet":
            return self._packet(command, now)
        self._skip_echo(command)
        while (end := self._buffer.find(b"\r\n")) >= 0:
            line = bytes(self._buffer[:end]).lstrip(b"\0\x7f\xff").decode("ascii", "replace")
            del self._buffer[: end + 2]
            if line[:1] != command.address and command.address != words_.QUERY and command.body[:1] != "A":
                self._seen = line
                continue
            try:
                text = words_.check_crc(line, command)
            except AnswerError as error:
                self._seen = str(error)
                continue
            return self._done(Answered(command, text, b"", now), now)
        del self._buffer[: -words_.MAX_LINE]
        return []

    def expire(self, now: float) -> list[Move]:
        """The deadline passed: try again as the specification wants it, or give up."""
        command = self._command
        if command is None or self.deadline_s is None or now < self.deadline_s:
            return []
        self._seen = self._seen or bytes(self._buffer).decode("ascii", "replace")
        self._buffer.clear()
        tries, breaks = self._most
        if self._tries < tries:
            return [self._transmit(with_break=False, wait_s=RETRY_WAIT_S)]
        if self._breaks < breaks:
            self._tries = 0
            return [self._transmit(with_break=True, wait_s=RETRY_WAIT_S)]
        kind = "garbled" if self._seen else "timeout"
        self._command, self.deadline_s, self._last_address = None, None, ""
        return [Unanswered(command, kind, self._seen, now)]

    def _transmit(self, *, with_break: bool, wait_s: float) -> Transmit:
        command = self._command
        if command is None:
            raise CommandError("nothing is under way")
        self._tries += 1
        self._breaks += with_break or not self._breaks
        self._buffer.clear()
        self.deadline_s = None
        self._last_address = command.address
        if with_break:
            return Transmit(wait_s, BREAK_S, MARK_S, command.wire)
        return Transmit(wait_s, 0.0, 0.0 if wait_s else MARK_S, command.wire)

    def _skip_echo(self, command: Command) -> None:
        """A one-wire adapter hears its own command."""
        if self._buffer.startswith(command.wire):
            del self._buffer[: len(command.wire)]

    def _packet(self, command: Command, now: float) -> list[Event]:
        self._skip_echo(command)
        size = words_.packet_length(bytes(self._buffer[:3]))
        if size > words_.MAX_LINE:
            self._seen = bytes(self._buffer[:16]).hex(" ")
            self._buffer.clear()
        elif size and len(self._buffer) >= size:
            packet = bytes(self._buffer[:size])
            del self._buffer[:size]
            return self._done(Answered(command, "", packet, now), now)
        return []

    def _unasked(self, now: float) -> list[Event]:
        events: list[Event] = []
        while (end := self._buffer.find(b"\r\n")) >= 0:
            line = bytes(self._buffer[:end]).decode("ascii", "replace").strip("\0\x7f")
            del self._buffer[: end + 2]
            if len(line) == 1 and line in words_.ADDRESSES:
                events.append(ServiceRequest(line, now))
        del self._buffer[:-8]
        return events

    def _done(self, event: Answered, now: float) -> list[Event]:
        self._command, self.deadline_s = None, None
        self._last_s = now
        return [event]


class Result(msgspec.Struct, frozen=True):
    """A measurement's values, and when the sensor had them."""

    address: str
    values: tuple[float, ...]
    measured_at_s: float


class Failed(msgspec.Struct, frozen=True):
    """A measurement that gave no values: kind timeout, garbled or short."""

    address: str
    kind: str
    detail: str


class Round:
    """Measurements of several sensors on one line: concurrent ones together, others one after the other.

    ``next`` gives the command to send now, or None with ``wait_s`` the time to call again; ``take`` takes the
    recorder's events. Finished measurements stand in ``results``.
    """

    def __init__(self, starts: list[Command]) -> None:
        self.results: list[Result | Failed] = []
        self.wait_s: float | None = None
        self._waiting: list[Command] = []
        for command in sorted(starts, key=lambda start: start.body[:1] != "C"):
            self.add(command)
        self._running: dict[str, _Running] = {}
        self._alone: str | None = None  # a sensor doing aM!: the line is its own until it is done

    def add(self, command: Command) -> None:
        """Take one more measurement into the round."""
        if command.body[:1] not in STARTS:
            raise CommandError(f"{command.wire!r} starts no measurement")
        self._waiting.append(command)

    def drop(self, address: str) -> None:
        """Forget the measurements of one sensor."""
        self._waiting = [command for command in self._waiting if command.address != address]
        self._running.pop(address, None)
        self._alone = None if self._alone == address else self._alone

    @property
    def done(self) -> bool:
        """Say whether every measurement has its result."""
        return not self._waiting and not self._running

    @property
    def next_ready_s(self) -> float:
        """Give the time at which the next measurement should be ready (0 if none runs)."""
        return min((item.ready_s for item in self._running.values()), default=0.0)

    def next(self, now: float) -> Command | None:
        """Give the next command to send."""
        ready = [item for item in self._running.values() if item.ready_s <= now]
        if self._alone is not None:
            ready = [item for item in ready if item.address == self._alone]
        if ready:
            return min(ready, key=lambda item: item.ready_s).fetch()
        if self._waiting and self._alone is None:
            free = [command for command in self._waiting if command.address not in self._running]
            if free:
                self._waiting.remove(free[0])
                return free[0]
        self.wait_s = min((item.ready_s for item in self._running.values()), default=None)
        return None

    def take(self, event: Event) -> None:
        """Take what the recorder says."""
        if isinstance(event, ServiceRequest):
            running = self._running.get(event.address)
            if running is not None:
                running.ready_s = min(running.ready_s, event.at_s)
                running.measured_s = event.at_s
        elif isinstance(event, Unanswered):
            self._end(event.command.address, Failed(event.command.address, event.kind, event.detail))
        else:
            try:
                self._answered(event)
            except AnswerError as error:
                self._end(event.command.address, Failed(event.command.address, "garbled", str(error)))

    def _answered(self, event: Answered) -> None:
        command, address = event.command, event.command.address
        if command.body[0] == "R":
            self._end(address, Result(address, words_.values(event.text), event.at_s))
        elif command.body[0] == "D":
            running = self._running[address]
            got = words_.packet_values(event.packet) if command.kind == "packet" else words_.values(event.text)
            running.page += 1
            running.got += got
            if len(running.got) >= running.wanted:
                self._end(address, Result(address, running.got[: running.wanted], running.measured_s))
            elif not got:
                seen = f"{len(running.got)} of {running.wanted} values"
                self._end(address, Failed(address, "short", seen))
        else:
            begun = words_.started(event.text)
            if begun.values == 0:
                self._end(address, Failed(address, "short", "the sensor says it has no values"))
                return
            alone = command.body[0] in {"M", "V"}
            late_s = MEASURE_EXTRA_S if alone and begun.seconds else 0.0  # it ends its own wait by a service request
            ready_s = event.at_s + begun.seconds + late_s
            self._running[address] = _Running(command, begun.values, ready_s, event.at_s + begun.seconds)
            self._alone = address if alone else self._alone

    def _end(self, address: str, result: Result | Failed) -> None:
        self._running.pop(address, None)
        if self._alone == address:
            self._alone = None
        self.results.append(result)


class _Running:
    """A measurement that was started."""

    def __init__(self, command: Command, wanted: int, ready_s: float, measured_s: float) -> None:
        self.address = command.address
        self.wanted = wanted
        self.ready_s = ready_s
        self.measured_s = measured_s
        self.page = 0
        self.got: tuple[float, ...] = ()
        self._binary = command.body == "HB"
        self._crc = command.body[:2] in {"MC", "CC", "HA"}

    def fetch(self) -> Command:
        """Give the command for the next page."""
        if self._binary:
            return words_.binary_data(self.address, self.page)
        return words_.data(self.address, self.page, crc=self._crc)
