# SPDX-License-Identifier: Apache-2.0
"""Runs the console's application: uvicorn that says when it answers and lets open pages go when it ends.

The rule it keeps: it ends in order, within two seconds, however many streams are open.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from edge.console.app import application
from edge.console.desk import Desk

STOP_WITHIN_S: Final = 2
BEAT_S: Final = 5.0
CONNECTIONS_MAX: Final = 100


class ConsoleServer(uvicorn.Server):
    """A web server for one desk."""

    def __init__(self, desk: Desk, host_names: frozenset[str], ready: Callable[[], None]) -> None:
        self._desk = desk
        self._ready = ready
        super().__init__(
            uvicorn.Config(
                application(desk, host_names=host_names),
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                limit_concurrency=CONNECTIONS_MAX,
                timeout_graceful_shutdown=STOP_WITHIN_S,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the sockets, then tell."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams first: uvicorn waits for them."""
        self._desk.board.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order on SIGTERM and SIGINT, with exit code 0; uvicorn itself would raise the signal again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for wanted in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(wanted, self.handle_exit, wanted, None)
        yield
        for wanted in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(wanted)


async def serve(
    desk: Desk,
    listening: socket.socket,
    host_names: frozenset[str],
    ready: Callable[[], None],
    beat: Callable[[], None],
) -> None:
    """Run until SIGTERM or SIGINT; ``ready`` is called when pages are answered, ``beat`` while the loop turns."""
    beating = asyncio.create_task(_beat(beat), name="beat")
    try:
        await ConsoleServer(desk, host_names, ready).serve(sockets=[listening])
    finally:
        beating.cancel()


async def _beat(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(BEAT_S)
