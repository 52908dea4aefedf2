# SPDX-License-Identifier: Apache-2.0
"""A console on a free port of this machine, in a thread, with the farm of the console's tests behind it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.console.app import LOCAL_NAMES
from edge.console.desk import SESSION_COOKIE, Desk
from edge.console.server import ConsoleServer
from tests.edge.fake_farm import FarmUnderTest, farm_under_test

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Site:
    """A running console; ``do`` changes the farm from the test's thread."""

    farm: FarmUnderTest
    address: str
    server: ConsoleServer
    loop: asyncio.AbstractEventLoop

    def do(self, change: Callable[[], object]) -> None:
        """Run ``change`` where the console runs, and show the agent's new state."""
        done = threading.Event()

        def run() -> None:
            change()
            self.farm.agent.show()
            done.set()

        self.loop.call_soon_threadsafe(run)
        assert done.wait(5)

    def cookie(self, role: str) -> dict[str, str]:
        """Give the cookie of a logged-in person as Playwright takes it."""
        return {"name": SESSION_COOKIE, "value": self.farm.session(role), "url": self.address}


@contextmanager
def site_of(desk: Desk) -> Iterator[tuple[str, ConsoleServer, asyncio.AbstractEventLoop]]:
    """Serve a desk on a free port until the block ends; gives address, server and its event loop."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    up = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    server = ConsoleServer(desk, LOCAL_NAMES, up.set)

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="site")
    thread.start()
    try:
        assert up.wait(10)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", server, loops[0]
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Serve the farm of the console's tests until the block ends."""
    farm = farm_under_test(folder, running=True)
    with site_of(farm.desk) as (address, server, loop):
        yield Site(farm, address, server, loop)
