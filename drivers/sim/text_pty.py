# SPDX-License-Identifier: Apache-2.0
"""Line-protocol instruments behind a pseudo-terminal: whole commands in, answers out after their time.

The rule it keeps: it cuts commands the way each protocol ends them and lets every instrument on the line hear each;
a pseudo-terminal carries no break, so an SDI-12 sensor here is always awake.
"""

import asyncio
import os
import pty
import termios
import tty
from collections.abc import Sequence
from typing import Final

from drivers.sim.line_instruments import SimulatedLineInstrument

READ_MOST: Final = 4096
MAX_COMMAND: Final = 128


class TextPtyLine:
    """Open ``path`` with any serial program. ``patience`` scales the instruments' own delays (0 = at once)."""

    def __init__(self, instruments: Sequence[SimulatedLineInstrument], patience: float = 1.0) -> None:
        self.instruments = list(instruments)
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._master, self.slave = pty.openpty()  # ours stays open, or the last client's close would end the line
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self.slave)
        self._buffer = bytearray()
        self._timers: list[asyncio.TimerHandle] = []
        self._loop.add_reader(self._master, self._heard)

    def close(self) -> None:
        """Close at once."""
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        for timer in self._timers:
            timer.cancel()
        os.close(self._master)
        os.close(self.slave)
        self._master = self.slave = -1

    def _heard(self) -> None:
        try:
            self._buffer += os.read(self._master, READ_MOST)
        except (BlockingIOError, OSError):
            return
        now = self._loop.time()
        while command := self._cut():
            for instrument in self.instruments:
                for delay_s, data in instrument.answer(command, now):
                    self._timers = [timer for timer in self._timers if timer.when() > now]
                    self._timers.append(self._loop.call_at(now + delay_s * self._patience, self._say, data))

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

    def _say(self, data: bytes) -> None:
        if self._master >= 0:
            os.write(self._master, data)
