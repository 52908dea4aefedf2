# SPDX-License-Identifier: Apache-2.0
"""Runs the child that sends messages: only while something waits, again when it dies, and never too often.

The rule it keeps: the libraries of messengers live in another process (50 MB that a small board has only while
something is sent); whatever the child does or fails to do, the agent only ever reads its lines.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge.notify_queue import Queue

BACK_OFF_S: Final = (1.0, 5.0, 15.0, 60.0, 300.0)
CHILD_MAX_S: Final = 1800.0  # a child that hangs is ended; what it did not finish is still on disk
LINE_MAX: Final = 64 * 1024

Delivered = Callable[[str, str, str, int, str, str], None]


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the child: what became of one message to one person."""

    notice: str
    contact: str
    outcome: str
    attempts: int
    way: str = ""
    detail: str = ""


class NotifyKeeper:
    """Keeps the child. ``delivered`` takes what it says of each message and person."""

    def __init__(self, state: Path, contacts_file: str, delivered: Delivered, command: tuple[str, ...] = ()) -> None:
        self._queue = Queue(state)
        self._command = command or (
            sys.executable, "-m", "edge.notify", "--state", str(state), "--contacts", contacts_file,
        )  # fmt: skip
        self._delivered = delivered
        self._stir = asyncio.Event()
        self.starts = 0

    def stir(self) -> None:
        """Say that there is something to send."""
        self._stir.set()

    async def run(self) -> None:
        """Run the child whenever messages wait, until cancelled."""
        failures = 0
        while True:
            if await asyncio.to_thread(len, self._queue):
                ended_well = await self._child()
                failures = 0 if ended_well else failures + 1
                if not ended_well:
                    await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1])
                continue
            self._stir.clear()
            await self._stir.wait()

    async def _child(self) -> bool:
        """Run one child to its end; True when it ended by itself with nothing left to do."""
        self.starts += 1
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_MAX
            )
        except OSError as error:
            self._delivered("*", "*", "failed", 0, "", f"the sender cannot be started: {error}")
            return False
        try:
            async with asyncio.timeout(CHILD_MAX_S):
                assert child.stdout is not None
                async for line in child.stdout:
                    self._hear(line)
                return await child.wait() == 0
        except (TimeoutError, ValueError):
            return False
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
            if child.stdin is not None:
                child.stdin.close()
            await child.communicate()  # both pipes to their end: nothing of the child is left behind

    def _hear(self, line: bytes) -> None:
        try:
            told = msgspec.json.decode(line, type=Told)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # a library's own chatter
        self._delivered(told.notice, told.contact, told.outcome, told.attempts, told.way, told.detail)
