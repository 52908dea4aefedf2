# SPDX-License-Identifier: Apache-2.0
"""Keeps a line open: opens it, has it served, opens it again when it goes.

The rule it keeps: a line that goes away is a fault that is told once, never an exception; the stream that failed is
closed before the next one is opened, so that no descriptor is left behind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Never

from drivers.ports import ByteStream, Fault, LineDown, StreamOpener

REOPEN_FIRST_S: Final = 0.1
REOPEN_LAST_S: Final = 0.5


async def keep_open(
    name: str,
    opener: StreamOpener,
    serve: Callable[[ByteStream], Awaitable[None]],
    lost: Callable[[float, str], None],
    report: Callable[[Fault], None],
) -> Never:
    """Serve the line until cancelled. ``lost`` is called with the time and what was seen each time it goes."""
    loop = asyncio.get_running_loop()
    wait_s = REOPEN_FIRST_S
    told = ""

    def down_again(down: LineDown) -> str:
        text = f"{down.seen}; {down.hint}"
        if text != told:
            report(Fault(name, "bus.line_down", loop.time(), text))
        lost(loop.time(), str(down))
        return text

    while True:
        try:
            stream = await opener.open()
        except LineDown as down:
            told = down_again(down)
            await asyncio.sleep(wait_s)
            wait_s = min(REOPEN_LAST_S, wait_s * 2)
            continue
        wait_s = REOPEN_FIRST_S
        try:
            if told:
                report(Fault(name, "bus.line_back", loop.time()))
                told = ""
            await serve(stream)
        except LineDown as down:
            told = down_again(down)
        finally:
            stream.close()
        await asyncio.sleep(wait_s)
