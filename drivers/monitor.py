# SPDX-License-Identifier: Apache-2.0
"""Listens to a line that others use: cuts frames out of the bytes, pairs answers with requests, names the values.

The rule it keeps: pure and passive; what fits no frame is shown as noise with its bytes, never dropped in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from drivers.catalogue_schema import Entry
from drivers.crc import crc16
from drivers.decode import ReadBlock
from drivers.line_settings import LineSettings
from drivers.modbus_slave import MAX_FRAME, request_length
from drivers.polling import registers_of
from drivers.registry import read_registers
from telemetry.records import Quality

# Operating systems and USB adapters tear holes of up to this into a frame.
HOLE_S: Final = 0.03
MAX_HELD: Final = 2 * MAX_FRAME


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing on the line. ``values`` are canonical values by name where the device is known."""

    at_s: float
    gap_s: float  # since the end of what was seen before
    kind: Literal["request", "reply", "exception", "noise"]
    unit: int
    frame: bytes
    request: bytes = b""  # of a reply: what it answers
    values: tuple[tuple[str, float], ...] = ()


def reply_length(data: bytes | bytearray) -> int:
    """Give the whole length of the reply that ``data`` begins with; 0 when more bytes must tell or it is none."""
    if len(data) < 3:
        return 0
    function = data[1]
    if function & 0x80:
        return 5
    if function in {1, 2, 3, 4, 23}:
        return 5 + data[2]
    return 8 if function in {5, 6, 15, 16} else 0


class Monitor:
    """Feed it the line's bytes. ``devices`` maps addresses to what stands there, as far as it is known."""

    def __init__(self, settings: LineSettings, devices: Mapping[int, Entry] | None = None) -> None:
        self._devices = dict(devices or {})
        self._hole_s = max(HOLE_S, settings.silence_s)
        self._character_s = settings.character_s
        self._buffer = bytearray()
        self._started_s = 0.0
        self._last_s = float("nan")
        self._fed_s = float("-inf")
        self._asked: dict[int, bytes] = {}

    def feed(self, data: bytes, now: float) -> list[Seen]:
        """Take bytes that came by ``now``; give what is whole."""
        seen = self.idle(now)
        if not self._buffer:
            self._started_s = now - len(data) * self._character_s
        self._buffer += data
        seen += self._cut(now)
        if len(self._buffer) > MAX_HELD:
            seen.append(self._noise(len(self._buffer), now))
        self._fed_s = now
        return seen

    def idle(self, now: float) -> list[Seen]:
        """The line may have been silent: what is left in the buffer is then no frame."""
        if self._buffer and now - self._fed_s > self._hole_s:
            return [self._noise(len(self._buffer), self._fed_s)]
        return []

    def _cut(self, now: float) -> list[Seen]:
        seen: list[Seen] = []
        while len(self._buffer) >= 4:
            at, size = self._find()
            if size == 0:
                break
            if at:
                seen.append(self._noise(at, now))
            frame = bytes(self._buffer[:size])
            del self._buffer[:size]
            seen.append(self._name(frame, now))
        return seen

    def _find(self) -> tuple[int, int]:
        """Find the first whole frame: (offset, length), or (0, 0)."""
        for at in range(len(self._buffer) - 3):
            rest = self._buffer[at:]
            answers = len(rest) > 1 and self._asked.get(rest[0], b"")[1:2] == bytes((rest[1] & 0x7F,))
            sizes = (reply_length(rest), request_length(rest, {}))
            for size in sizes if answers else sizes[::-1]:
                if 4 <= size <= len(rest) and crc16(bytes(rest[:size])) == 0:
                    return at, size
        return 0, 0

    def _name(self, frame: bytes, now: float) -> Seen:
        unit, function = frame[0], frame[1]
        asked = self._asked.pop(unit, b"")
        gap_s = self._gap(now)
        if function & 0x80:
            return Seen(now, gap_s, "exception", unit, frame, asked)
        if asked and asked[1] == function and reply_length(frame) == len(frame) and self._fits(asked, frame):
            return Seen(now, gap_s, "reply", unit, frame, asked, self._values(unit, asked, frame))
        if len(frame) == request_length(frame, {}):
            if unit:
                self._asked[unit] = frame
            return Seen(now, gap_s, "request", unit, frame)
        return Seen(now, gap_s, "reply", unit, frame)

    @staticmethod
    def _fits(asked: bytes, frame: bytes) -> bool:
        if asked[1] in {1, 2, 3, 4}:
            count = int.from_bytes(asked[4:6], "big")
            return frame[2] == ((count + 7) // 8 if asked[1] <= 2 else 2 * count)
        return asked[2:6] == frame[2:6]

    def _values(self, unit: int, asked: bytes, frame: bytes) -> tuple[tuple[str, float], ...]:
        entry = self._devices.get(unit)
        if entry is None or asked[1] not in {1, 2, 3, 4}:
            return ()
        block = ReadBlock(asked[1], int.from_bytes(asked[2:4], "big"), int.from_bytes(asked[4:6], "big"))
        measured = read_registers(entry, registers_of(block, frame[3:-2]))
        return tuple((m.name, m.canonical) for m in measured if not m.quality & Quality.COMM)

    def _noise(self, size: int, now: float) -> Seen:
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Seen(now, self._gap(now), "noise", 0, frame)

    def _gap(self, now: float) -> float:
        gap_s = self._started_s - self._last_s
        self._last_s = now
        self._started_s = now
        return gap_s


def golden_case(seen: Seen) -> str:
    """Write a seen answer as a golden frame for the device's catalogue file."""
    if seen.kind != "reply" or not seen.request:
        raise ValueError("only an answer with its request makes a golden frame")
    lines = ["[[golden]]", f'request = "{seen.request.hex(" ").upper()}"', f'reply = "{seen.frame.hex(" ").upper()}"']
    if seen.values:
        lines.append("gives = { " + ", ".join(f'"{name}" = {value!r}' for name, value in seen.values) + " }")
    return "\n".join(lines) + "\n"
