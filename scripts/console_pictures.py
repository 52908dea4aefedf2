# SPDX-License-Identifier: Apache-2.0
"""Takes the pictures of the console that README and docs show: a rehearsed day of the demo farm, and an open valve.

    .venv/bin/python scripts/console_pictures.py [FOLDER]

The rule it keeps: a picture is made by the programs that it shows. The whole agent lives a day in virtual time on
simulated bytes (some minutes; kept in FOLDER for the next time); the console then shows its log and its last state.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from edge.agent import Agent  # noqa: E402
from edge.agent_client import AgentClient  # noqa: E402
from edge.config import FarmConfig, parse  # noqa: E402
from edge.console.board import Board  # noqa: E402
from edge.console.day_book import DayBook  # noqa: E402
from edge.console.day_memory import DayMemory  # noqa: E402
from edge.console.desk import Clocks, Desk  # noqa: E402
from edge.console.reason_words import reason_words  # noqa: E402
from edge.live import LiveState  # noqa: E402
from edge.rehearsal import rehearse  # noqa: E402
from edge.users import Role, Users  # noqa: E402
from edge.wiring import SimulatedField  # noqa: E402
from telemetry.history import LogReader  # noqa: E402
from tests.browser.site import ARGUMENTS, CHROMIUM, Site, running_site, site_of  # noqa: E402

IMAGES: Final = ROOT / "docs" / "img"
DAY_S: Final = 86_400.0
START: Final = "2026-03-14T10:05:00+07:00"
LAST: Final = "live.msgpack"


def farm() -> tuple[FarmConfig, str]:
    """Give the demo farm, beginning at START."""
    text = (ROOT / "deploy" / "examples" / "demo.toml").read_text(encoding="utf-8")
    text = text.replace("seed = 1", f'seed = 1\nstart = "{START}"', 1)
    return parse(text), text


def live_a_day(folder: Path) -> None:
    """Let the whole agent live a day; its log and its last live state stand in ``folder`` afterwards."""
    config, text = farm()

    async def look_at_the_end(agent: Agent, _field: SimulatedField) -> None:
        await asyncio.sleep(DAY_S - 3.0)
        (folder / LAST).write_bytes(msgspec.msgpack.encode(agent.desk.live()))

    rehearse(config, text, folder, DAY_S, look_at_the_end)


class Remembered(AgentClient):
    """An agent that says its last state; whoever orders it finds nobody there."""

    def __init__(self, state: LiveState, folder: Path) -> None:
        super().__init__(folder / "no-agent.sock")
        self.state = state

    async def watch(self) -> AsyncIterator[LiveState]:
        """See ``edge.console.board.Agent``."""
        for _ in count():
            yield self.state
            await asyncio.sleep(1.0)


def desk_of_the_day(day: Path, users: Users) -> Desk:
    """Put a console together that stands at the end of the rehearsed day."""
    state = msgspec.msgpack.decode((day / LAST).read_bytes(), type=LiveState)
    agent, memory, config = Remembered(state, day), DayMemory(), farm()[0]
    return Desk(
        config,
        agent,
        Board(agent, time.monotonic, memory.remember),
        memory,
        DayBook(lambda: LogReader(day / "farm.log"), memory),
        users,
        reason_words(),
        Clocks(lambda: state.wall_ms / 1000.0, time.monotonic),
    )


def take_the_day(page: Page, address: str) -> None:
    """Take the farm's page, a zone's page, and the question before water flows."""
    page.goto(address)
    page.locator(".spark .line").first.wait_for(state="attached", timeout=60_000)
    while len(page.locator(".chart .line").first.get_attribute("d") or "") < 400:  # the day's log is still being read
        page.wait_for_timeout(1000)
        page.reload()
    page.screenshot(path=IMAGES / "console-390.png")
    page.goto(f"{address}/place/pepper-1-1")
    page.screenshot(path=IMAGES / "console-zone-390.png")
    button = page.locator("a[id^=open-]")
    if button.count():
        button.first.click()
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=IMAGES / "console-confirm-390.png")


def take_the_valve(page: Page, site: Site) -> None:
    """Take an open valve, counted down; from the farm of the console's tests."""
    page.goto(f"{site.address}/place/pepper-1")
    page.locator("#open-valve-pepper-1").click()
    page.get_by_role("dialog").get_by_role("button").click()
    page.locator("#stop-valve-pepper-1").wait_for()
    page.wait_for_timeout(1600)
    page.screenshot(path=IMAGES / "console-open-390.png")


def main(day: Path) -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    day.mkdir(parents=True, exist_ok=True)
    if not (day / LAST).exists():
        live_a_day(day)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        users = Users(Path(folder) / "users.json")
        users.add("lan", Role.OPERATOR)
        desk = desk_of_the_day(day, users)
        for context_of in ("day", "valve"):
            context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2)
            if context_of == "day":
                with site_of(desk) as (address, _, _):
                    key = desk.signed(users.open_session("lan", desk.clocks.wall_s()))
                    context.add_cookies([{"name": "vuon_session", "value": key, "url": address}])
                    take_the_day(context.new_page(), address)
            else:
                with running_site(Path(folder) / "valve") as site:
                    context.add_cookies([site.cookie("operator")])  # type: ignore[list-item]
                    take_the_valve(context.new_page(), site)
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "var" / "rehearsed-day")
