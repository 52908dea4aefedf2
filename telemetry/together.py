# SPDX-License-Identifier: Apache-2.0
"""Runs the tasks of one connection together: when the first ends, so do all.

The rule it keeps: no task outlives its connection, and what ended the first is raised.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until_first_ends(**works: Coroutine[Any, Any, None]) -> None:
    """Run works by name until one ends or this is cancelled; the others are cancelled. Raises what ended the first."""
    tasks = [asyncio.create_task(work, name=name.replace("_", " ")) for name, work in works.items()]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
