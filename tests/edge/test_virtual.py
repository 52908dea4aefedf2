# SPDX-License-Identifier: Apache-2.0
"""Virtual time: jumps, repeats, and admits when nothing can ever happen."""

import asyncio

import pytest

from edge import virtual
from tests.support.waiting import passes


def test_a_day_passes_at_once_and_exactly() -> None:
    async def main(loop: virtual.VirtualLoop) -> float:
        for _ in range(1440):
            await passes(60)
        return loop.time()

    assert virtual.run(main) == pytest.approx(86400.0, abs=1e-6)


def test_two_tasks_interleave_by_their_timers_in_every_run() -> None:
    async def main(loop: virtual.VirtualLoop) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def tick(name: str, period_s: float) -> None:
            while loop.time() < 1.0:
                await passes(period_s)
                seen.append((name, loop.time()))

        await asyncio.gather(tick("a", 0.3), tick("b", 0.2))
        return seen

    first = virtual.run(main)
    assert [name for name, _ in first][:5] == ["b", "a", "b", "a", "b"]
    assert virtual.run(main) == first


def test_a_timeout_passes_in_virtual_time() -> None:
    async def main(loop: virtual.VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return loop.time()

    assert virtual.run(main) == pytest.approx(3600.0)


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main(_: virtual.VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(virtual.Deadlock):
        virtual.run(main)


def test_thread_work_is_done_at_once_and_its_error_arrives() -> None:
    def broken() -> None:
        raise OSError("disk")

    async def main(_: virtual.VirtualLoop) -> int:
        with pytest.raises(OSError, match="disk"):
            await asyncio.to_thread(broken)
        return await asyncio.to_thread(lambda: 42)

    assert virtual.run(main) == 42


def test_a_socket_is_refused() -> None:
    async def main(_: virtual.VirtualLoop) -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with pytest.raises(NotImplementedError):
        virtual.run(main)


def test_tasks_left_behind_are_cancelled() -> None:
    ended: list[str] = []

    async def main(_: virtual.VirtualLoop) -> None:
        async def child() -> None:
            try:
                await passes(1e9)
            finally:
                ended.append("child")

        kept = asyncio.create_task(child())
        await passes(1)
        assert not kept.done()

    virtual.run(main)
    assert ended == ["child"]
