# SPDX-License-Identifier: Apache-2.0
"""Yesterday's line and today's waterings: bounded memory, extremes kept, runs from decisions."""

import asyncio
from collections.abc import Callable, Mapping
from math import nan
from typing import Any

from edge.console.day_book import DayBook, runs_of, turns_of
from edge.console.day_memory import BUCKET_MS, BUCKETS, DayMemory
from telemetry.records import Decision, Quality
from telemetry.rows import DiskError
from tests.edge.fake_farm import NOW_MS, FakeReader

DAY_MS = 86_400_000


def decision(level: float, code: str = "dry", *, vetoed: bool = False) -> Decision:
    return Decision("valve", "zone", 0, code, level, "irrigation", vetoed=vetoed)


def test_runs_begin_and_end_where_the_level_does() -> None:
    runs = runs_of(
        [
            (10, decision(0.0)),
            (20, decision(1.0)),
            (25, decision(1.0, "still")),
            (30, decision(0.0)),
            (40, decision(1.0, vetoed=True)),
            (50, decision(1.0, "again")),
        ]
    )
    assert [(run.begin_ms, run.end_ms, run.code) for run in runs] == [(20, 30, "dry"), (50, 0, "again")]


def test_a_busy_day_keeps_every_turn_of_every_output() -> None:
    many = [(at, decision(float(at % 600 < 5), f"d{at}")) for at in range(30_000)]
    turns = turns_of(many)
    assert len(turns) == 100
    assert runs_of(turns) == runs_of(many)


def test_a_day_keeps_extremes_and_forgets_the_day_before() -> None:
    memory = DayMemory()
    for minute in range(3 * 1440):
        memory.add("s", NOW_MS + minute * 60_000, 20.0 if minute != 3 * 1440 - 100 else -5.0, 0)
    end = NOW_MS + 3 * DAY_MS
    series = memory.series("s", end - DAY_MS, end, 60_000)
    assert 400 < len(series.times_ms) <= BUCKETS + 1
    assert min(series.values) == -5.0
    assert series.highs is not None
    assert max(series.highs) == 20.0
    assert min(series.times_ms) >= end - DAY_MS
    assert memory.series("s", NOW_MS, NOW_MS + DAY_MS, 60_000).times_ms == []


def test_what_may_not_be_believed_leaves_a_gap() -> None:
    memory = DayMemory()
    for value, quality in ((nan, 0), (20.0, Quality.STUCK), (float("inf"), 0)):
        memory.add("s", NOW_MS, value, quality)
    assert memory.series("s", NOW_MS - DAY_MS, NOW_MS + 1, 1000).times_ms == []
    memory.add("s", NOW_MS, 20.0, Quality.UNCALIBRATED | Quality.SIMULATED)
    assert memory.series("s", NOW_MS - DAY_MS, NOW_MS + 1, 1000).values == [20.0]


def test_a_value_from_before_the_kept_day_does_not_overwrite_today() -> None:
    memory = DayMemory()
    memory.add("s", NOW_MS, 20.0, 0)
    memory.add("s", NOW_MS - BUCKET_MS * BUCKETS, 99.0, 0)
    assert memory.series("s", NOW_MS - DAY_MS, NOW_MS + 1, 1000).values == [20.0]


class Watched(FakeReader):
    """Tells what was asked of it, and fails the first time."""

    asked: list[tuple[int, int]]
    fail: bool

    def __init__(self, enough: Callable[[], object]) -> None:
        self.asked, self.fail, self._enough = [], True, enough

    def latest(self) -> Mapping[str, Any]:
        if self.fail:
            self.fail = False
            raise OSError("not there yet")
        return super().latest()

    def decisions(self, place_or_output: str, from_wall_ms: int, to_wall_ms: int) -> list[Any]:
        self.asked.append((from_wall_ms, to_wall_ms))
        if len(self.asked) == 3:
            self._enough()
        return super().decisions(place_or_output, from_wall_ms, to_wall_ms)


async def test_a_record_that_cannot_be_read_is_told_until_it_can(monkeypatch: Any) -> None:
    monkeypatch.setattr("edge.console.day_book.LOOK_AGAIN_S", 0.001)
    enough, loop = asyncio.Event(), asyncio.get_running_loop()
    reader = Watched(lambda: loop.call_soon_threadsafe(enough.set))

    def too_old() -> FakeReader:
        raise DiskError("farm.log: schema 2")

    book = DayBook(too_old, DayMemory())
    assert await book.events(0, NOW_MS) is None
    assert book.trouble == "farm.log: schema 2"
    reader.fail = False
    monkeypatch.setattr(book, "_open_reader", lambda: reader)
    task = asyncio.create_task(book.run(lambda: NOW_MS))
    async with asyncio.timeout(10):
        await enough.wait()
    assert book.trouble == ""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_book_fills_the_memory_and_then_reads_only_what_is_new(monkeypatch: Any) -> None:
    monkeypatch.setattr("edge.console.day_book.LOOK_AGAIN_S", 0.001)
    enough, loop = asyncio.Event(), asyncio.get_running_loop()
    reader, memory = Watched(lambda: loop.call_soon_threadsafe(enough.set)), DayMemory()
    book = DayBook(lambda: reader, memory)
    now_ms = [NOW_MS]
    task = asyncio.create_task(book.run(lambda: now_ms[0]))
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(memory.series("pepper/co2", NOW_MS - DAY_MS, NOW_MS, 60_000).times_ms) > 470
    assert reader.asked[0][0] < NOW_MS - DAY_MS
    assert reader.asked[1][0] > NOW_MS - 600_000
    assert [run.end_ms - run.begin_ms for run in book.runs("valve-pepper-1", NOW_MS - DAY_MS)] == [292_000, 292_000]
    assert book.runs("valve-pepper-2", 0) == []
