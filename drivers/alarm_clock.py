# SPDX-License-Identifier: Apache-2.0
"""Wakes one task at an instant of its loop's clock, in one round of the loop where a timer with a future takes two.

The rule it keeps: it is what a task may wait for (asyncio knows such by ``_asyncio_future_blocking``), and a task that
is cancelled while it waits hears so at once. The timer calls the task itself: no future is made, nothing waits a turn.
"""

import asyncio
import contextvars
import math
from collections.abc import Callable, Generator
from typing import Any


class AlarmClock:
    """One task's clock; it waits for one instant at a time."""

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._when_s = 0.0
        self._cancelled = False
        self._timer: asyncio.TimerHandle | None = None
        self._wake: Callable[[AlarmClock], object] | None = None
        self._context: contextvars.Context | None = None

    def at(self, when_s: float) -> "AlarmClock":
        """Set the instant to wait for; one that is none, or past, is now."""
        self._when_s = when_s if math.isfinite(when_s) else self._loop.time()
        return self

    def __await__(self) -> Generator[Any, None, None]:
        self._cancelled = False
        self._asyncio_future_blocking = True
        yield self

    # ---- what a task asks of that which it waits for -------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Give the loop whose clock it is."""
        return self._loop

    def add_done_callback(
        self, wake: "Callable[[AlarmClock], object]", *, context: contextvars.Context | None = None
    ) -> None:
        """Take the waiting task's own wake-up as what the timer calls."""
        self._wake, self._context = wake, context
        self._timer = self._loop.call_at(self._when_s, wake, self, context=context)

    def cancel(self, msg: str | None = None) -> bool:  # noqa: ARG002 - the task keeps the message itself
        """Wake the task now with the news that it is cancelled; False when it waits no longer."""
        if self._timer is None or self._timer.cancelled() or self._wake is None:
            return False
        self._timer.cancel()
        self._cancelled = True
        self._loop.call_soon(self._wake, self, context=self._context)
        return True

    def result(self) -> None:
        """Say how the wait ended: by itself, or by being cancelled."""
        self._timer = None
        if self._cancelled:
            raise asyncio.CancelledError
