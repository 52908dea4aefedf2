# SPDX-License-Identifier: Apache-2.0
"""A service manager that only listens, for an agent in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from edge.world import Connection


class Manager:
    """Stands where the service manager stands, and offers no socket."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []

    async def serve_local(self, path: Path, answer: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        del path, answer
        await asyncio.Event().wait()

    def notify(self, message: str) -> None:
        self.told.append((asyncio.get_running_loop().time(), message))
