# SPDX-License-Identifier: Apache-2.0
"""An event loop whose time jumps to the next timer when nothing is ready.

The rule it keeps: no thread, no file descriptor, no real clock. What runs in it runs in one order only, so a
run with the same seed repeats bit for bit, and a day passes as fast as the processor can think it.
"""

import asyncio
import concurrent.futures
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
# Timers closer together than this fire in the same turn; below any protocol's timing, above float noise.
RESOLUTION_S: Final = 1e-9


class Deadlock(RuntimeError):
    """Every task waits and no timer is set: in real life this program would hang for ever."""


class _TimeSelector(selectors.BaseSelector):
    """Stands where a selector stands and passes time instead of waiting."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("every task waits and no timer is set")
        if timeout > 0:
            self._advance(timeout)
        return []

    def register(self, *_: Any) -> NoReturn:
        raise NotImplementedError("virtual time has no files and sockets: give the agent a simulated line instead")

    def unregister(self, *_: Any) -> NoReturn:
        raise NotImplementedError("virtual time has no files and sockets")

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    """``loop.time()`` is seconds since the loop was made; it moves only when every task waits."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._selector = _TimeSelector(self._pass_time)
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._now_s

    def _pass_time(self, seconds: float) -> None:
        self._now_s += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """Files never become ready here."""

    def _write_to_self(self) -> None:
        """No other thread can wake this loop: there is none."""

    def run_in_executor(
        self,
        _executor: concurrent.futures.Executor | None,
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Do the work at once, in this thread: the order of things is then the same in every run."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # a thread pool hands every error to the waiter
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            done.set_exception(error)
        return done


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run ``main(loop)`` to its end in a new virtual loop, cancel what it left behind and close the loop."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(main(loop))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
