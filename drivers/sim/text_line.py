# SPDX-License-Identifier: Apache-2.0
"""Line-protocol instruments on one simulated line: commands are cut from what was sent, answers come after their time.

The rule it keeps: every instrument on the line hears each command; answers come byte by byte at the line's speed, on
the event loop's clock, so that a day of them passes in seconds of virtual time.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from drivers.ports import ByteStream
from drivers.sim.line_instruments import SimulatedLineInstrument

MAX_COMMAND: Final = 128
CHARACTERS_S: Final = 120.0  # at 1200 baud


class TextLine:
    """The instruments' end of the line."""

    def __init__(self, instruments: Sequence[SimulatedLineInstrument]) -> None:
        self.instruments = list(instruments)
        self.requests = 0
        self._buffer = bytearray()

    def heard(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Take bytes from the master; give the answers with their delays [s]."""
        self._buffer += data
        answers: list[tuple[float, bytes]] = []
        while command := self._cut():
            self.requests += 1
            for instrument in self.instruments:
                answers += instrument.answer(command, now)
        return answers

    def _cut(self) -> bytes:
        """Take one whole command from what was heard; empty when none is whole."""
        ends = [self._ends(instrument) for instrument in self.instruments]
        whole = min((end for end in ends if end), default=0)
        command = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        if len(self._buffer) > MAX_COMMAND:
            self._buffer.clear()
        return command

    def _ends(self, instrument: SimulatedLineInstrument) -> int:
        if instrument.entry.protocol == "binary":
            length = len(bytes.fromhex(instrument.text.request))
            return length if len(self._buffer) >= length else 0
        end = b"!" if instrument.entry.protocol == "sdi12" else instrument.text.request[-1:].encode("ascii")
        return self._buffer.find(end) + 1


class TextLineOpener:
    """Opens the line inside this process."""

    def __init__(self, line: TextLine) -> None:
        self._line = line

    async def open(self) -> ByteStream:
        """Give a stream to the line."""
        return TextStream(self._line)


class TextStream:
    """The master's end, on the event loop's clock."""

    def __init__(self, line: TextLine) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._timers: list[asyncio.TimerHandle] = []

    async def read(self) -> bytes:
        """Wait for bytes."""
        return await self._came.get()

    async def write(self, data: bytes) -> None:
        """Put bytes on the line; answers come after their time."""
        now = self._loop.time()
        self._timers = [timer for timer in self._timers if timer.when() > now]
        for delay_s, answer in self._line.heard(data, now):
            began_s = now + delay_s + len(data) / CHARACTERS_S
            for index in range(len(answer)):
                at_s = began_s + index / CHARACTERS_S
                self._timers.append(self._loop.call_at(at_s, self._came.put_nowait, answer[index : index + 1]))

    async def send_break(self, seconds: float) -> None:
        """Hold the line in break state."""
        await asyncio.sleep(seconds)

    def discard_input(self) -> None:
        """Throw away what came."""
        while not self._came.empty():
            self._came.get_nowait()

    def close(self) -> None:
        """Nothing comes any more."""
        for timer in self._timers:
            timer.cancel()
