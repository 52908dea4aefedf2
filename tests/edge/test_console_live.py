# SPDX-License-Identifier: Apache-2.0
"""The stream: one watch for all tabs, only what changed, honest when the agent goes, ended by log-out."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.console.board import FOLLOWERS_MAX, Board, Shot, TooManyFollowers
from edge.console.live_feed import LiveFeed, difference
from edge.live import Alarm
from tests.edge.fake_farm import NOW_MS, FarmUnderTest, farm_under_test

TILE = "t-pepper-air-temperature"


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    return farm_under_test(tmp_path)


async def until(board: Board, true: Callable[[Shot], bool]) -> None:
    """Follow the board until something is true of it."""
    async with asyncio.timeout(5), aclosing(board.follow()) as shots:  # type: ignore[type-var]
        async for shot in shots:
            if true(shot):
                return


@asynccontextmanager
async def followed(farm: FarmUnderTest) -> AsyncIterator[Board]:
    task = asyncio.create_task(farm.desk.board.run())
    try:
        await until(farm.desk.board, lambda shot: shot.state is not None)
        yield farm.desk.board
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settle(farm: FarmUnderTest) -> None:
    """Show the agent's state and wait until the board has it."""
    before = farm.desk.board.shot.number
    farm.agent.show()
    await until(farm.desk.board, lambda shot: shot.number > before)


async def test_only_what_changed_is_sent(farm: FarmUnderTest) -> None:
    feed = LiveFeed(farm.desk)
    async with followed(farm):
        shown = feed.sheet("", "vi", may_operate=True)
        farm.agent.values["pepper/air_temperature"] = 24.4
        await settle(farm)
        message = difference(shown.parts, feed.sheet("", "vi", may_operate=True))
        assert set(message["parts"]) == {"o-vent-pepper"}  # its reason names the temperature
        assert list(message["quick"]) == [TILE]
        assert message["quick"][TILE][0] == "24,4"
        farm.agent.values["pepper/air_temperature"] = 30.0
        await settle(farm)
        message = difference(shown.parts, feed.sheet("", "vi", may_operate=True))
        assert set(message["parts"]) == {TILE, "chips", "o-vent-pepper"}
        assert "cao hơn 27,0" in message["parts"][TILE]


async def test_a_page_that_is_not_known_gets_everything_and_a_new_tile_asks_for_a_reload(farm: FarmUnderTest) -> None:
    feed = LiveFeed(farm.desk)
    async with followed(farm):
        sheet = feed.sheet("pepper-1", "vi", may_operate=True)
        assert set(difference(None, sheet)["parts"]) == set(sheet.parts)
        fewer = {name: part for name, part in sheet.parts.items() if name != "t-pepper-1-soil-ec"}
        assert difference(fewer, sheet)["again"] is True


async def test_the_day_is_drawn_as_soon_as_the_log_is_read(farm: FarmUnderTest) -> None:
    feed = LiveFeed(farm.desk)
    async with followed(farm):
        before = feed.sheet("pepper-1", "vi", may_operate=True)
        farm.desk.book._fill(NOW_MS)
        farm.desk.book.filled = True
        await settle(farm)
        changed = difference(before.parts, feed.sheet("pepper-1", "vi", may_operate=True))["parts"]
        assert {"t-pepper-1-soil-moisture", "c-pepper-1-soil-moisture"} <= set(changed)


async def test_sheets_of_another_run_are_not_mistaken_for_ours(farm: FarmUnderTest) -> None:
    async with followed(farm):
        one, other = LiveFeed(farm.desk), LiveFeed(farm.desk)
        assert one.sheet("", "vi", may_operate=True).number != other.sheet("", "vi", may_operate=True).number


async def events(feed: LiveFeed, seen: str, welcome: list[bool]) -> AsyncGenerator[dict[str, Any], None]:
    stream = feed.stream("", "vi", seen, may_operate=True, still_welcome=lambda: welcome[0])
    async with aclosing(stream) as lines:  # type: ignore[type-var]
        async for line in lines:
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


async def test_a_tab_hears_changes_alarms_and_that_the_agent_is_gone(farm: FarmUnderTest) -> None:
    feed = LiveFeed(farm.desk)
    async with followed(farm), asyncio.timeout(10):
        stream = events(feed, feed.sheet("", "vi", may_operate=True).number, [True])
        assert (await anext(stream))["parts"] == {}
        farm.agent.alarms = (Alarm("sensor.silent", "melon-1/soil_moisture", "alarm", 3.0),)
        farm.agent.show()
        message = await anext(stream)
        assert "Cảnh báo nặng" in message["parts"]["problems"]
        farm.agent.gone = True
        farm.mono_s[0] += 40.0
        farm.agent.show()
        message = await anext(stream)
        assert message["live"] is False
        assert "số liệu lúc 10:05:12" in message["parts"]["problems"]
        assert "số liệu cũ" in message["parts"][TILE]
        farm.agent.gone = False
        message = await anext(stream)
        while not message["live"]:
            message = await anext(stream)
        assert "đạt" in message["parts"][TILE]
        await stream.aclose()


async def test_live_values_go_on_with_the_line_of_the_day(farm: FarmUnderTest) -> None:
    async with followed(farm):
        for minute in range(1, 20):
            farm.agent.now_ms = NOW_MS + minute * 60_000
            await settle(farm)
        drawn = farm.desk.memory.series("pepper/co2", NOW_MS, farm.agent.now_ms, 10_000)
        assert len(drawn.times_ms) == 8  # 10:03 to 10:24


async def test_a_person_who_is_logged_out_hears_no_more(farm: FarmUnderTest) -> None:
    welcome = [True]
    async with followed(farm), asyncio.timeout(5):
        stream = events(LiveFeed(farm.desk), "", welcome)
        assert "parts" in await anext(stream)
        welcome[0] = False
        farm.agent.show()
        assert await anext(stream) == {"again": True}
        assert [message async for message in stream] == []


async def test_many_tabs_share_one_watch_and_have_an_end(farm: FarmUnderTest) -> None:
    async with followed(farm) as board:
        followers = [board.follow() for _ in range(FOLLOWERS_MAX)]
        for follower in followers:
            await anext(follower)
        assert board.followers == FOLLOWERS_MAX
        with pytest.raises(TooManyFollowers):
            await anext(board.follow())
        for follower in followers:
            await follower.aclose()  # type: ignore[attr-defined]
        assert board.followers == 0


async def test_a_slow_reader_gets_the_newest_not_the_backlog(farm: FarmUnderTest) -> None:
    async with followed(farm) as board, aclosing(board.follow()) as follower:  # type: ignore[type-var]
        first = await anext(follower)
        for _ in range(10):
            await settle(farm)
        assert (await anext(follower)).number >= first.number + 10
