# SPDX-License-Identifier: Apache-2.0
"""How tests wait: virtual time passes at once; for another process one looks again and again, with an end.

The rule it keeps: no test of ours waits for a fixed wall time.
"""

import asyncio
import time
from collections.abc import Callable

LOOK_S = 0.02


async def passes(seconds: float) -> None:
    """Let time pass on the running loop: in virtual time at once, in a coroutine that plays a slow part really."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


async def until(good: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    """Wait for what another process or task does; AssertionError names what did not happen."""
    end_s = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end_s, f"{what} did not happen in {seconds} s"
        await passes(LOOK_S)
