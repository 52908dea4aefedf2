# SPDX-License-Identifier: Apache-2.0
"""A task's alarm clock: it wakes in time, hears at once that it is cancelled, and can be used again."""

import asyncio
import math

import pytest

from drivers.alarm_clock import AlarmClock
from edge import virtual
from tests.support.waiting import passes


def test_a_task_wakes_at_its_instant_again_and_again() -> None:
    async def main(loop: virtual.VirtualLoop) -> list[float]:
        clock, woken = AlarmClock(loop), []
        for when_s in (1.5, 4.0, 2.0, math.nan, math.inf, 5.25):
            await clock.at(when_s)
            woken.append(round(loop.time(), 6))
        return woken

    assert virtual.run(main) == [1.5, 4.0, 4.0, 4.0, 4.0, 5.25]


def test_two_tasks_with_a_clock_each_wake_in_the_order_of_their_instants() -> None:
    async def main(loop: virtual.VirtualLoop) -> list[str]:
        heard: list[str] = []

        async def wait(name: str, when_s: float) -> None:
            await AlarmClock(loop).at(when_s)
            heard.append(name)

        await asyncio.gather(wait("late", 3.0), wait("soon", 1.0), wait("then", 2.0))
        return heard

    assert virtual.run(main) == ["soon", "then", "late"]


def test_a_cancelled_wait_ends_at_once_and_the_timer_wakes_nobody_later() -> None:
    async def main(loop: virtual.VirtualLoop) -> tuple[float, int]:
        clock, wakes = AlarmClock(loop), 0

        async def wait() -> None:
            nonlocal wakes
            await clock.at(100.0)
            wakes += 1

        task = loop.create_task(wait())
        await passes(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended_s = loop.time()
        await passes(200.0)
        return ended_s, wakes

    assert virtual.run(main) == (1.0, 0)


def test_a_deadline_around_it_holds_and_the_clock_goes_on_afterwards() -> None:
    async def main(loop: virtual.VirtualLoop) -> list[float]:
        clock, told = AlarmClock(loop), []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await clock.at(50.0)
        told.append(loop.time())
        await clock.at(3.0)
        told.append(loop.time())
        assert not clock.cancel()  # nobody waits
        return told

    assert virtual.run(main) == [2.0, 3.0]
