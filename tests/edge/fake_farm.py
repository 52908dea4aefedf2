# SPDX-License-Identifier: Apache-2.0
"""A farm for the console's tests: settings, a day of history, and an agent that obeys like the real one."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from controllers.settings import ControlSettings, DayPart, HouseSettings, LineSettings, OutputSettings, ZoneSettings
from edge.agent_client import AgentAway
from edge.config import Farm, FarmConfig
from edge.console.board import Board
from edge.console.day_book import DayBook, Record
from edge.console.day_memory import DayMemory
from edge.console.desk import NO_HEALTH, Clocks, Desk
from edge.console.reason_words import reason_words
from edge.console.sentences import ReasonWords
from edge.live import Alarm, LiveState, Outcome, OutputState, Tile
from edge.users import Role, Users
from telemetry.quantities import QUANTITIES
from telemetry.records import Decision, Event, Input, Quality

NOW_MS = 1_795_316_712_000  # 2026-11-22 10:05:12 in Việt Nam
DAY_MS = 86_400_000
PASSWORD = "bốn từ dễ nhớ"
REASONS = {
    **reason_words(),
    "refused.tank": ReasonWords("The tank is empty.", "Fill the tank or check its float."),
}


def settings() -> FarmConfig:
    """Give two houses with three zones."""
    part = DayPart("day", "00:00", 18.0, 27.0, 0.8, 1.2)
    houses = tuple(
        HouseSettings(name, area_m2=1000.0, crop="sweet_pepper", day_parts=(part,), title=title)
        for name, title in (("pepper", "Nhà ớt Đà Lạt"), ("melon", "Nhà dưa Tây Ninh"))
    )
    zones = tuple(
        ZoneSettings(
            name, house, 500.0, "sweet_pepper", "moisture", f"valve-{name}", "line", 9.6, 48.0, 1800.0, 900.0, 900.0,
            10.0, 6.0, title=title,
        )
        for name, house, title in (
            ("pepper-1", "pepper", "Khu 1 – Ớt"), ("pepper-2", "pepper", "Khu 2 – Ớt"),
            ("melon-1", "melon", "Khu 3 – Dưa lưới"),
        )
    )  # fmt: skip
    outputs = (
        *(OutputSettings(f"valve-{zone.id}", "valve", zone.id, max_on_s=1800.0) for zone in zones),
        OutputSettings("vent-pepper", "vent", "pepper", proportional=True),
        OutputSettings("fan-melon", "fan", "melon"),
    )
    return FarmConfig(
        Farm("demo", "HTX Tân Tiến", 11.94, 108.44),
        ControlSettings(houses, zones, (LineSettings("line"),), outputs),
    )


def curve(quantity: str, wall_ms: int, phase: float = 0.0) -> float:
    """Give a believable value at a time of day."""
    day = math.sin((wall_ms % DAY_MS) / DAY_MS * 2 * math.pi - 0.6 + phase)
    wiggle = 0.15 * math.sin(wall_ms / 700_000 + phase * 7)
    saw = (wall_ms / 3_600_000 + phase * 3) % 5
    return {
        "air_temperature": 23.0 + 4.5 * day + wiggle,
        "air_humidity": 74.0 - 14.0 * day + 3 * wiggle,
        "vapour_pressure_deficit": 0.9 + 0.45 * day + wiggle / 4,
        "co2": 520.0 - 90.0 * day + 40 * wiggle,
        "soil_moisture": 34.0 - 1.6 * saw + wiggle,
        "soil_temperature": 22.0 + 1.5 * day,
        "soil_ec": 1.8 + 0.05 * day,
        "solar_radiation": max(0.0, 700.0 * day),
        "wind_speed": 1.4 + wiggle,
    }[quantity]


SERIES: tuple[tuple[str, str, tuple[float, float] | None, float], ...] = (
    *(
        (house, name, band, phase)
        for house, phase in (("pepper", 0.0), ("melon", 0.5))
        for name, band in (
            ("air_temperature", (18.0, 27.0)), ("air_humidity", None), ("vapour_pressure_deficit", (0.8, 1.2)),
            ("co2", None),
        )
    ),
    *(
        (zone, name, band, phase)
        for zone, phase in (("pepper-1", 0.0), ("pepper-2", 0.4), ("melon-1", 0.9))
        for name, band in (("soil_moisture", (28.0, 36.0)), ("soil_temperature", None), ("soil_ec", (1.5, 2.2)))
    ),
    ("station", "solar_radiation", None, 0.0),
    ("station", "wind_speed", None, 0.0),
)  # fmt: skip


@dataclass
class FakeAgent:
    """Obeys ``hold`` and ``stop``; a test moves its time and values and then calls ``show``."""

    now_ms: int = NOW_MS
    values: dict[str, float] = field(default_factory=dict)
    ages: dict[str, float] = field(default_factory=dict)
    qualities: dict[str, int] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    held: dict[str, tuple[float, str]] = field(default_factory=dict)  # output -> (until mono s, person)
    refuse: Outcome | None = None
    gone: bool = False
    orders: list[tuple[str, ...]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self) -> None:
        """Tell the followers."""
        self._news.set()
        self._news = asyncio.Event()

    def state(self) -> LiveState:
        """Give the live state."""
        tiles = tuple(
            Tile(
                f"{place}/{name}", place, name, QUANTITIES[name].unit,
                self.values.get(f"{place}/{name}", curve(name, self.now_ms, phase)),
                self.qualities.get(f"{place}/{name}", 0) | Quality.SIMULATED,
                self.ages.get(f"{place}/{name}", 2.0), 10.0, band=band,
            )
            for place, name, band, phase in SERIES
        )  # fmt: skip
        outputs = (
            *(self._valve(zone) for zone in ("pepper-1", "pepper-2", "melon-1")),
            self._climate("vent-pepper", "pepper", "vent", 0.0),
            self._climate("fan-melon", "melon", "fan", 0.5),
        )  # fmt: skip
        return LiveState(
            "demo", "HTX Tân Tiến", 1, 1000, self.now_ms, clock_ok=True, tiles=tiles, outputs=outputs,
            alarms=self.alarms, health=NO_HEALTH,
        )  # fmt: skip

    def _climate(self, output: str, place: str, kind: str, phase: float) -> OutputState:
        seen = self.values.get(f"{place}/air_temperature", curve("air_temperature", self.now_ms, phase))
        vpd = Input("vpd_kpa", curve("vapour_pressure_deficit", self.now_ms, phase))
        low, high = Input("temperature_low_c", 18.0), Input("temperature_high_c", 27.0)
        inputs = (Input("temperature_c", seen), low, high, Input("fan_from_c", 28.5), vpd)
        level, code = (0.4, "climate.cooling") if seen > 27.0 else (0.0, "climate.in_band")
        return OutputState(output, place, kind, level, level, code, "climate", inputs)

    def _valve(self, zone: str) -> OutputState:
        until_ms, person = self.held.get(f"valve-{zone}", (0.0, ""))
        left_s = max(0.0, (until_ms - self.now_ms) / 1000)
        return OutputState(
            f"valve-{zone}", zone, "valve", float(left_s > 0), float(left_s > 0),
            "manual" if left_s > 0 else "irrigation.idle.wet_enough", "irrigation",
            (Input("soil_moisture", 31.2), Input("start_pct", 28.0)),
            override_s=left_s, person=person if left_s > 0 else "", hold_max_s=1800.0, flow_l_min=9.6,
        )  # fmt: skip

    async def watch(self) -> AsyncIterator[LiveState]:
        """See Agent."""
        while not self.gone:
            news = self._news
            yield self.state()
            await news.wait()
        raise AgentAway("the test sent it away")

    async def hold(self, output: str, level: float, seconds: float, person: str, role: str) -> Outcome:
        """See Agent."""
        if self.gone:
            raise AgentAway("the test sent it away")
        self.orders.append(("hold", output, f"{level:.0f}", f"{seconds:.0f}", person, role))
        if self.refuse is None:
            self.held[output] = (self.now_ms + seconds * 1000, person)
            self.show()
        return self.refuse or Outcome("done")

    async def acknowledge(self, number: int, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("acknowledge", str(number), person, role)

    async def shelve(self, number: int, seconds: float, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("shelve", str(number), f"{seconds:.0f}", person, role)

    async def unshelve(self, number: int, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("unshelve", str(number), person, role)

    async def maintain(self, place: str, seconds: float, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("maintain", place, f"{seconds:.0f}", person, role)

    async def reset(self, place: str, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("reset", place, person, role)

    async def test_alarms(self, person: str, role: str) -> Outcome:
        """See Agent."""
        return self._answer("test_alarms", person, role)

    def _answer(self, *order: str) -> Outcome:
        if self.gone:
            raise AgentAway("the test sent it away")
        self.orders.append(order)
        return self.refuse or Outcome("done")

    async def stop(self, output: str, person: str, role: str) -> Outcome:
        """See Agent."""
        if self.gone:
            raise AgentAway("the test sent it away")
        self.orders.append(("stop", output, person, role))
        self.held.pop(output, None)
        self.show()
        return Outcome("done")


class FakeReader:
    """A record with two waterings of today and one alarm that is over."""

    def events(self, from_wall_ms: int, to_wall_ms: int, kind: str = "") -> list[Record]:
        """See Reader."""
        raised = Event("alarm.raised", "melon-1/soil_moisture", 0, "alarm", fields={"alarm": "sensor.silent"})
        seen = Event("alarm.acknowledged", "melon-1/soil_moisture", 1, person="lan", fields={"alarm": "sensor.silent"})
        cleared = Event("alarm.cleared", "melon-1/soil_moisture", 2, fields={"alarm": "sensor.silent"})
        told = ((NOW_MS - 7_200_000, raised), (NOW_MS - 7_100_000, seen), (NOW_MS - 3_600_000, cleared))
        return [
            SimpleNamespace(wall_ms=at, record=event)
            for at, event in told
            if from_wall_ms <= at < to_wall_ms and event.kind.startswith(kind)
        ]

    def latest(self) -> Mapping[str, Any]:
        """See Reader."""
        return {
            f"{place}/{name}": SimpleNamespace(
                wall_ms=NOW_MS - 60_000, sample=SimpleNamespace(value=curve(name, NOW_MS, phase), quality=0)
            )
            for place, name, _, phase in SERIES
        }

    def range(self, series: str, from_wall_ms: int, to_wall_ms: int, max_points: int = 0) -> Any:
        """See Reader."""
        del max_points
        place, _, name = series.partition("/")
        phase = next(p for at, q, _, p in SERIES if (at, q) == (place, name))
        times = list(range(from_wall_ms, to_wall_ms, 60_000))
        # The probes of the second house were silent for an hour and a half at night.
        if place == "melon":
            times = [at for at in times if not 3.2e7 < at - from_wall_ms < 3.75e7]
        return SimpleNamespace(
            wall_ms=Column(times),
            value=Column([curve(name, at, phase) for at in times]),
            quality=Column([0] * len(times)),
        )

    def decisions(self, place_or_output: str, from_wall_ms: int, to_wall_ms: int) -> list[Record]:
        """See Reader."""
        del place_or_output
        midnight = NOW_MS - 36_312_000
        found: list[Record] = []
        for zone, hours in (("pepper-1", (5.1, 8.6)), ("melon-1", (6.3,))):
            for hour in hours:
                begin = midnight + round(hour * 3_600_000)
                inputs = (Input("soil_moisture", 27.6), Input("start_pct", 28.0), Input("target_l", 48.0))
                for at, level, code in (
                    (begin, 1.0, "irrigation.start.moisture"),
                    (begin + 292_000, 0.0, "irrigation.stop.given"),
                ):
                    decision = Decision(f"valve-{zone}", zone, 0, code, level, "irrigation", inputs)
                    if from_wall_ms <= at < to_wall_ms:
                        found.append(SimpleNamespace(wall_ms=at, record=decision))
        return found


class Column(list[Any]):
    """A list that can say ``tolist`` as arrays do."""

    def tolist(self) -> list[Any]:
        """Give it as a list."""
        return list(self)


@dataclass
class FarmUnderTest:
    """A desk with everything that moves it."""

    desk: Desk
    agent: FakeAgent
    wall_s: list[float]
    mono_s: list[float]

    def session(self, name: str) -> str:
        """Give the cookie of a logged-in person."""
        return self.desk.signed(self.desk.users.open_session(name, self.wall_s[0]))


def farm_under_test(folder: Path, *, running: bool = False) -> FarmUnderTest:
    """Give a farm with one person of each role; its clocks stand still until a test moves them, or are ``running``."""
    wall_s, mono_s = [NOW_MS / 1000], [1000.0]
    now_s = time.monotonic if running else lambda: mono_s[0]
    agent = FakeAgent()
    memory = DayMemory()
    users = Users(folder / "users.json")
    for role in Role:
        users.add(role.word, role)
    desk = Desk(
        settings(), agent, Board(agent, now_s, memory.remember), memory,
        DayBook(FakeReader, memory), users, REASONS,
        Clocks(lambda: wall_s[0], now_s),
    )  # fmt: skip
    return FarmUnderTest(desk, agent, wall_s, mono_s)
