# SPDX-License-Identifier: Apache-2.0
"""Simulated instruments behind a pseudo-terminal, served by a thread of their own, for programs that block."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drivers.line_settings import LineSettings
from drivers.sim.devices import line_with
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.pty_line import PtyLine


@contextmanager
def served(devices: Sequence[SimulatedInstrument], settings: LineSettings) -> Iterator[str]:
    """Run the devices on a line; gives the port to open."""
    line = line_with(devices, settings, latency_s=0.001)
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ptys: list[PtyLine] = []

    def serve() -> None:
        asyncio.set_event_loop(loop)
        ptys.append(PtyLine(line, loop))
        loop.call_soon(ready.set)
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(5.0)
        yield ptys[0].path
    finally:
        loop.call_soon_threadsafe(ptys[0].close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        loop.close()
