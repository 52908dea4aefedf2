# SPDX-License-Identifier: Apache-2.0
"""Line-protocol instruments behind a pseudo-terminal: whole commands in, answers out after their time.

The rule it keeps: a pseudo-terminal carries no break, so an SDI-12 sensor here is always awake, as behind an adapter
that makes the breaks itself.
"""

import asyncio
import contextlib
import os
import pty
import termios
import tty
from typing import Final

from drivers.sim.text_line import TextLine

READ_MOST: Final = 4096


class TextPtyLine:
    """Open ``path`` with any serial program."""

    def __init__(self, line: TextLine) -> None:
        self.line = line
        self._loop = asyncio.get_running_loop()
        self._master, self.slave = pty.openpty()  # ours stays open, or the last client's close would end the line
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self.slave)
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
            data = os.read(self._master, READ_MOST)
        except (BlockingIOError, OSError):
            return
        now = self._loop.time()
        self._timers = [timer for timer in self._timers if timer.when() > now]
        for delay_s, answer in self.line.heard(data, now):
            self._timers.append(self._loop.call_at(now + delay_s, self._say, answer))

    def _say(self, data: bytes) -> None:
        if self._master >= 0:
            with contextlib.suppress(BlockingIOError):  # nobody reads: the bytes are lost as on a wire
                os.write(self._master, data)
