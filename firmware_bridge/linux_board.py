# SPDX-License-Identifier: Apache-2.0
"""The linux board of the firmware behind a byte stream, with its pins in the hands of a simulated plant.

The rule it keeps: the firmware is the same C as on the real board; only what is soldered to it is simulated. In
virtual time it follows the event loop's clock in lockstep; in real time it is a process with a socket for a line.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from math import floor
from pathlib import Path
from typing import Final

from drivers.ports import ByteStream, LineDown
from firmware_bridge.board_process import BOARD_PROGRAM, BoardEvent, BoardGone, BoardProcess, decode_event

FOLLOW_S: Final = 0.5  # how far a board in virtual time may lag behind the loop; its own events keep exact times
READ_MOST: Final = 4096
STOP_WAIT_S: Final = 2.0
HINT: Final = "Build the board's program: make -C firmware_bridge/firmware linux"


def _ignore(_event: BoardEvent) -> None:
    """Nobody watches."""


class VirtualBoard:
    """A board in the event loop's own time. Open it as a line; the plant injects and watches.

    ``on_event`` gets outputs (mask ``on``), reset and sdi12 events with their exact board time in microseconds.
    """

    def __init__(self, command: Sequence[str | Path] = (BOARD_PROGRAM, "--virtual")) -> None:
        self.on_event: Callable[[BoardEvent], None] = _ignore
        self._process = BoardProcess(command)
        self._received = bytearray()
        self._arrived = asyncio.Event()
        self._origin_s: float | None = None

    @property
    def on(self) -> int:
        """The outputs as they were at the board's present time."""
        return self._process.on

    def follow(self) -> None:
        """Bring the board up to the loop's time; the plant calls it before it looks at the outputs."""
        now = asyncio.get_running_loop().time()
        if self._origin_s is None:
            self._origin_s = now - self._process.us * 1e-6
        us = max(0, floor((now - self._origin_s) * 1e6) - self._process.us)
        for event in self._process.run(us):
            if event.e == "tx":
                self._received += bytes.fromhex(event.hex)
                self._arrived.set()
            else:
                self.on_event(event)

    def inject(self, *lines: str) -> None:
        """``counter N PULSES``, ``adc N MILLIVOLT``, ``input N 0|1``, ``reset``, ``power``, ``hang``, ``wedge``."""
        self.follow()
        self._process.do(*lines)
        self.follow()  # what it caused at once is seen at once

    def shut(self) -> None:
        """End the child process."""
        self._process.close()

    # --- StreamOpener and ByteStream: the board is its own line ---

    async def open(self) -> ByteStream:
        """Open the line; as on real boards that resets the board."""
        self.inject("reset")
        self._received.clear()
        return self

    async def read(self) -> bytes:
        """Wait for bytes."""
        while not self._received:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FOLLOW_S):
                    await self._arrived.wait()
            self._follow_or_down()
        data = bytes(self._received)
        self._received.clear()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes; the board answers without delay in virtual time."""
        self._follow_or_down()
        self._process.send(data)
        self._follow_or_down()

    async def send_break(self, seconds: float) -> None:
        """Refuse: this line has no break."""
        raise LineDown("virtual board", f"asked for a break of {seconds} s", HINT)

    def discard_input(self) -> None:
        """Forget unread bytes."""
        self._received.clear()

    def close(self) -> None:
        """Nothing to close: the board goes on without a host."""

    def _follow_or_down(self) -> None:
        try:
            self.follow()
        except BoardGone as gone:
            raise LineDown("virtual board", str(gone), HINT) from gone


class _SocketLine:
    """The line of a board process in real time."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    async def read(self) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._line, READ_MOST)
        except OSError as error:
            raise LineDown("linux board", str(error), HINT) from error
        if not data:
            raise LineDown("linux board", "the board process ended", HINT)
        return data

    async def write(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._line, data)
        except OSError as error:
            raise LineDown("linux board", str(error), HINT) from error

    async def send_break(self, seconds: float) -> None:
        raise LineDown("linux board", f"asked for a break of {seconds} s", HINT)

    def discard_input(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._line.recv(READ_MOST):
                pass

    def close(self) -> None:
        """The socket lives as long as the process: opening again means only a reset."""


class LiveBoard:
    """A board process in real time. ``run`` it as a task beside the bridge; ``open`` gives its line.

    With ``pty`` its line is a pseudo-terminal, whose ``path`` any other process may open as it would a serial port.
    """

    def __init__(self, program: Path = BOARD_PROGRAM, eeprom: Path | None = None, *, pty: bool = False) -> None:
        self.on = 0
        self.path = ""
        self.on_event: Callable[[BoardEvent], None] = _ignore
        self._pty = pty
        self._words = [str(program), *(("--eeprom", str(eeprom)) if eeprom is not None else ())]
        self._child: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._started = asyncio.Event()

    async def run(self) -> None:
        """Keep the process and deliver its events until cancelled; BoardGone when it ends by itself."""
        if self._pty:
            await self._run_behind("--pty", "-")
            return
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._line = ours
        try:
            with theirs:
                await self._run_behind("--fd", str(theirs.fileno()), line=theirs)
        finally:
            ours.close()

    async def _run_behind(self, *words: str, line: socket.socket | None = None) -> None:
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self._words,
                *words,
                pass_fds=() if line is None else (line.fileno(),),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                process_group=0,  # a board on its wall does not hear the Ctrl-C that ends the agent
            )
        except OSError as error:
            raise BoardGone(f"{self._words[0]}: {error.strerror}; {HINT}") from error
        if line is not None:
            line.close()
            self._started.set()
        try:
            await self._deliver(self._child)
        finally:
            self._started.clear()
            await _stop(self._child)

    async def started(self) -> None:
        """Wait until its line can be opened."""
        await self._started.wait()

    async def _deliver(self, child: asyncio.subprocess.Process) -> None:
        while child.stdout is not None:
            line = await child.stdout.readline()
            if not line:
                raise BoardGone(f"the board process ended with {await child.wait()}")
            event = decode_event(line)
            if event.e == "outputs":
                self.on = event.on
            elif event.e == "pty":
                self.path = event.path
                self._started.set()
            self.on_event(event)

    def inject(self, *lines: str) -> None:
        """As VirtualBoard.inject; nothing happens while the process is not there."""
        if self._child is not None and self._child.stdin is not None and self._child.returncode is None:
            self._child.stdin.write("".join(f"{line}\n" for line in lines).encode("ascii"))

    async def open(self) -> ByteStream:
        """Open the line; as on real boards that resets the board."""
        await self._started.wait()
        if self._line is None:
            raise LineDown("linux board", "the board process is not running", HINT)
        self.inject("reset")
        return _SocketLine(self._line)


async def _stop(child: asyncio.subprocess.Process) -> None:
    """Close its standard input, which ends it; kill it if that does not."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(STOP_WAIT_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
