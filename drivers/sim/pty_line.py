# SPDX-License-Identifier: Apache-2.0
"""A simulated line behind a pseudo-terminal: other programs open it as a serial port, bytes come at the baud rate.

The rule it keeps: a request counts from its first byte for the time that it would take on a wire, and every
byte of the answer leaves at its own instant, so what a master measures is what a bus would let it measure.
"""

import asyncio
import os
import pty
import termios
import tty
from typing import Final

from drivers.modbus_slave import MAX_FRAME, request_length
from drivers.sim.line import SimLine

READ_MOST: Final = 4096


class PtyLine:
    """The line's end of a pseudo-terminal. Open ``path`` with any serial program; ``close`` at the end."""

    def __init__(self, line: SimLine, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.line = line
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._master, self.slave = pty.openpty()  # ours stays open, or the last client's close would end the line
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self.slave)
        self._buffer = bytearray()
        self._first_s = 0.0
        self._gap: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._master, self._heard)

    def close(self) -> None:
        """Close at once; a client sees an input/output error, as when an adapter is unplugged."""
        if self._master < 0:
            return
        self._loop.remove_reader(self._master)
        for handle in (self._gap, self._timer):
            if handle is not None:
                handle.cancel()
        os.close(self._master)
        os.close(self.slave)
        self._master = self.slave = -1

    def _heard(self) -> None:
        now = self._loop.time()
        try:
            data = os.read(self._master, READ_MOST)
        except (BlockingIOError, OSError):
            return
        if not self._buffer:
            self._first_s = now
        self._buffer += data
        size = request_length(self._buffer, {})
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None
        if (size and len(self._buffer) == size) or len(self._buffer) > MAX_FRAME:
            self._whole()
        else:
            wait_s = len(data) * self.line.character_s + self.line.silence_s
            self._gap = self._loop.call_at(now + wait_s, self._whole)

    def _whole(self) -> None:
        frame = bytes(self._buffer)
        self._buffer.clear()
        self._gap = None
        self.line.take(self._first_s)
        self.line.master_sent(frame, self._first_s)
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when_s = self.line.next_s()
        if when_s != float("inf"):
            self._timer = self._loop.call_at(when_s, self._release)

    def _release(self) -> None:
        self._timer = None
        data = self.line.take(self._loop.time())
        if data:
            try:
                os.write(self._master, data)
            except (BlockingIOError, OSError):
                return  # nobody reads: the kernel's buffer is full, the bytes are lost as on a wire
        self._plan()
