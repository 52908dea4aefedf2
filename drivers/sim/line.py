# SPDX-License-Identifier: Apache-2.0
"""A simulated RS-485 line: bytes paced at the baud rate, collisions, silence watched, faults injected.

The rule it keeps: no clock of its own. The master's bytes and the time go in, the bytes that the master would
hear come out, so the same line runs in virtual time, on an event loop and behind a pseudo-terminal.
"""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from drivers.bus_master import BusMaster
from drivers.crc import crc16
from drivers.line_settings import LineSettings
from drivers.modbus_rtu import frame_of
from drivers.modbus_slave import Serve
from drivers.ports import ByteStream, LineDown

SILENCE_TOLERANCE_S: Final = 20e-6
MAX_PENDING: Final = 4096


class Emission:
    """Bytes that someone puts on the line. ``polite``: handed over by a buffering gateway, cannot collide."""

    __slots__ = ("data", "end_s", "polite", "spacing_s", "start_s", "taken")

    def __init__(self, start_s: float, data: bytes, spacing_s: float, *, polite: bool = False) -> None:
        self.start_s = start_s
        self.data = bytearray(data)
        self.spacing_s = spacing_s
        self.end_s = start_s + len(data) * spacing_s
        self.polite = polite
        self.taken = 0  # bytes that the master has


class Exchange:
    """One request on the line, as a fault sees it."""

    __slots__ = ("ask_unit", "character_s", "end_s", "frame", "latency_s", "line", "rng", "start_s", "unit")

    def __init__(self, line: "SimLine", frame: bytes, start_s: float, end_s: float) -> None:
        self.line = line
        self.frame = frame
        self.start_s = start_s
        self.end_s = end_s
        self.unit = frame[0] if frame else 0
        self.rng = line.rng
        self.character_s = line.character_s
        self.latency_s = line.latency_of(self.unit)
        self.ask_unit = line.ask

    def ask(self) -> bytes | None:
        """Let the addressed device act on the request; give its reply frame, None for silence."""
        return self.ask_unit(self.frame, self.end_s)

    def emit(self, data: bytes, delay_s: float = 0.0, *, polite: bool = False, spacing: float = 1.0) -> Emission:
        """Put ``data`` on the line ``delay_s`` after the moment at which the device normally answers."""
        start_s = self.end_s + self.latency_s + delay_s
        return Emission(start_s, data, spacing * self.character_s, polite=polite)


Behaviour = Callable[[Exchange], list[Emission]]


def plain(exchange: Exchange) -> list[Emission]:
    """A healthy line: the device answers after its latency."""
    reply = exchange.ask()
    return [] if reply is None else [exchange.emit(reply)]


class SimLine:
    """The line with its devices. ``serve`` maps a unit to a function from request PDU to reply PDU or None.

    Without ``byte_by_byte`` the master is woken for an answer's first and last byte only (faster to run).
    """

    def __init__(
        self,
        settings: LineSettings,
        serve: Mapping[int, Serve],
        *,
        latency_s: float | Mapping[int, float] = 0.01,
        byte_by_byte: bool = True,
        behaviour: Behaviour = plain,
        seed: int = 0,
    ) -> None:
        self.serve = serve
        self.behaviour = behaviour
        self.character_s = settings.character_s
        self.silence_s = settings.silence_s
        self.rng = random.Random(seed)  # noqa: S311 - a repeatable simulation
        self.now_s = 0.0  # when the device now served was asked
        self.requests = 0
        self.violations = 0  # requests that came before the line was silent for t3.5
        self.collisions = 0
        self._latency_s = latency_s
        self._byte_by_byte = byte_by_byte
        self._arrivals: list[Emission] = []
        self._pending: list[Emission] = []
        self._last_s = -math.inf  # the end of the last byte on the wire

    def latency_of(self, unit: int) -> float:
        """Give the time between a request's end and the device's first byte."""
        if isinstance(self._latency_s, Mapping):
            return self._latency_s.get(unit, 0.01)
        return self._latency_s

    def ask(self, frame: bytes, at_s: float) -> bytes | None:
        """Serve a request frame as the devices on the line do."""
        self.now_s = at_s
        if len(frame) < 4 or crc16(frame) != 0:
            return None
        unit, pdu = frame[0], frame[1:-2]
        if unit == 0:
            for serve in self.serve.values():
                serve(pdu)
            return None
        serve_one = self.serve.get(unit)
        reply = serve_one(pdu) if serve_one is not None else None
        return None if reply is None else frame_of(unit, reply)

    def master_sent(self, frame: bytes, now: float) -> None:
        """The master puts one frame on the line, beginning now."""
        self.requests += 1
        end_s = now + len(frame) * self.character_s
        self._pending = [item for item in self._pending if item.end_s > now]
        spoiled = False
        for item in self._pending:
            if item.start_s < end_s and not item.polite:
                self._spoil(item)
                spoiled = True
        if now - self._last_s < self.silence_s - SILENCE_TOLERANCE_S:
            self.violations += 1
        self._last_s = max(self._last_s, end_s)
        exchange = Exchange(self, self._noised(frame) if spoiled else frame, now, end_s)
        for emission in self.behaviour(exchange):
            self.put(emission)

    def put(self, emission: Emission) -> None:
        """Let bytes come over the line; what overlaps is spoiled for both."""
        if not emission.data or len(self._pending) >= MAX_PENDING:
            return
        if not emission.polite:
            for item in self._pending:
                if not item.polite and item.start_s < emission.end_s and emission.start_s < item.end_s:
                    self._spoil(item)
                    self._spoil(emission)
        self._pending.append(emission)
        self._arrivals.append(emission)

    def next_s(self) -> float:
        """Give the time of the next bytes towards the master (infinity: nothing is under way)."""
        arrivals = self._arrivals
        if not arrivals:
            return math.inf
        if self._byte_by_byte:
            return min(item.start_s + (item.taken + 1) * item.spacing_s for item in arrivals)
        return min(item.end_s if item.taken else item.start_s + item.spacing_s for item in arrivals)

    def take(self, now: float) -> bytes:
        """Give the bytes that arrived by ``now``."""
        arrivals = self._arrivals
        if not arrivals:
            return b""
        pieces: list[tuple[float, bytes]] = []
        for item in arrivals:
            size = len(item.data)
            count = min(size, int((now - item.start_s + 1e-8) / item.spacing_s))
            if count <= item.taken:
                continue
            if not item.polite:
                self._last_s = max(self._last_s, item.start_s + count * item.spacing_s)
            if len(arrivals) == 1:
                pieces.append((0.0, bytes(item.data[item.taken : count])))
            else:
                times = [(item.start_s + (i + 1) * item.spacing_s, i) for i in range(item.taken, count)]
                pieces += [(when_s, bytes(item.data[i : i + 1])) for when_s, i in times]
            item.taken = count
        self._arrivals = [item for item in arrivals if item.taken < len(item.data)]
        if len(arrivals) > 1:
            pieces.sort(key=lambda piece: piece[0])
        return b"".join(piece for _, piece in pieces)

    def _noised(self, data: bytes | bytearray) -> bytes:
        while True:
            noised = bytes(byte ^ self.rng.randrange(1, 256) for byte in data)
            if len(noised) < 4 or crc16(noised) != 0:
                return noised

    def _spoil(self, emission: Emission) -> None:
        self.collisions += 1
        emission.data[:] = self._noised(emission.data)


def run_virtual(master: BusMaster, line: SimLine, from_s: float, until_s: float) -> float:
    """Run a bus on a simulated line in virtual time; give the time reached (exact, no clock, no sleep)."""
    now = from_s
    while now < until_s:
        data = line.take(now)
        if data:
            master.received(data, now)
        step = master.step(now)
        if step.send:
            line.master_sent(step.send, now)
        arrival_s = line.next_s()
        if step.look_s >= step.until_s and not step.send:
            now = step.look_s
        elif max(arrival_s, step.look_s) <= step.until_s:
            now = max(arrival_s, step.look_s, now)
        elif math.isinf(step.until_s):
            return now
        else:
            now = max(step.until_s, now)
    return now


class LineStream:
    """A simulated line as a byte stream on an event loop, real or virtual."""

    def __init__(self, line: SimLine) -> None:
        self.line = line
        self._loop = asyncio.get_running_loop()
        self._sent = asyncio.Event()
        self._closed = False

    async def read(self) -> bytes:
        """Wait for at least one byte and give all that came."""
        while True:
            if self._closed:
                raise LineDown("simulated line", "it was closed", "Open it again")
            now = self._loop.time()
            data = self.line.take(now)
            if data:
                return data
            self._sent.clear()
            next_s = self.line.next_s()
            try:
                async with asyncio.timeout_at(None if math.isinf(next_s) else next_s):
                    await self._sent.wait()
            except TimeoutError:
                continue

    def read_now(self) -> bytes:
        """Give what came, or nothing; never wait."""
        if self._closed:
            raise LineDown("simulated line", "it was closed", "Open it again")
        return self.line.take(self._loop.time())

    async def write(self, data: bytes) -> None:
        """Send one frame."""
        if self._closed:
            raise LineDown("simulated line", "it was closed", "Open it again")
        self.line.master_sent(data, self._loop.time())
        self._sent.set()

    async def send_break(self, seconds: float) -> None:
        """Refuse: an RS-485 line has no break."""
        raise LineDown("simulated line", f"no break of {seconds} s", "Use the SDI-12 line")

    def discard_input(self) -> None:
        """Throw away what was received and not yet read."""
        self.line.take(self._loop.time())

    def close(self) -> None:
        """Close at once."""
        self._closed = True
        self._sent.set()


class LineOpener:
    """Opens a simulated line again and again."""

    def __init__(self, line: SimLine) -> None:
        self.line = line

    async def open(self) -> ByteStream:
        """Give a stream on the line."""
        return LineStream(self.line)
