# SPDX-License-Identifier: Apache-2.0
"""A zone keeps its place's past weather and plans its season with it, through restarts and lost sensors alike."""

import math
import subprocess
import sys
from datetime import date

import msgspec
import numpy as np
import pytest

from controllers.engine import Engine
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.past_weather import ET, RAIN, SPAN_D, YEARS, PastWeather
from controllers.settings import ControlSettings, PlanSettings
from controllers.state import EngineState
from controllers.strategies import PlanInput
from controllers.ticks import TickInput
from controllers.zone_planner import ZonePlanner
from tests.controllers.farm_rig import FARM, GOOD, ZONE_A

replace = msgspec.structs.replace
TODAY = date(2026, 4, 1).toordinal()
FIELD = replace(
    ZONE_A, strategy="adaptive", crop="maize", soil="loam", dose_l=12_500.0, daily_cap_l=40_000.0, flow_l_min=100.0,
    run_max_s=9_000.0, soil_moisture=(),
    plan=PlanSettings(
        covered=False, root_m=0.6, field_capacity_pct=31.0, wilting_pct=15.0, planted="2026-04-01",
        stages_d=(15.0, 25.0, 30.0, 20.0), efficiency=1.0,
    ),
)  # fmt: skip
OPEN: ControlSettings = replace(FARM, zones=(FIELD, FARM.zones[1]))


def sun_w_m2(minute: int) -> float:
    return max(0.0, math.sin((minute / 60.0 - 6.0) / 12.0 * math.pi)) * 700.0


def past(years: int = 5, et_mm: float = 5.0, rain_mm: float = 20.0) -> PastWeather:
    """Years of the same sun, with rain every tenth day, another one in each year."""
    kept = PastWeather()
    for day in range(date(2026 - years, 4, 1).toordinal(), TODAY):
        kept.keep(day, et_mm, rain_mm if (day + day // 365) % 10 == 0 else 0.0)
    return kept


def test_the_days_before_come_back_by_their_date_and_a_missing_one_is_bridged_from_another_year() -> None:
    kept = PastWeather()
    for year in range(2021, 2026):
        for i in range(30):
            if (year, i) != (2023, 7):
                kept.keep(date(year, 4, 1).toordinal() + i, 3.0 + 0.1 * (2026 - year), float(i))
    days, bridged = kept.ahead(TODAY, 30)
    assert days.shape == (5, 30, 2)
    assert days[0, :, ET] == pytest.approx(3.1)
    assert days[2, 7] == pytest.approx([3.2, 7.0])  # 2023 has no 8 April: 2024's, as near as 2022's and newer
    assert days[:, :, RAIN] == pytest.approx(np.tile(np.arange(30.0), (5, 1)))
    assert bridged == pytest.approx(1.0 / 150.0)


def test_too_few_years_are_none() -> None:
    assert past(2).ahead(TODAY, 90)[0].shape[0] == 0
    assert past(3).ahead(TODAY, 90)[0].shape[0] == 3
    assert PastWeather().ahead(date(2028, 2, 29).toordinal(), 90)[0].shape[0] == 0


def test_what_is_kept_is_bounded_and_comes_back_bit_for_bit() -> None:
    kept = past(YEARS + 5)
    assert len(kept) == SPAN_D
    kept.keep(TODAY - SPAN_D - 9, 1.0, 1.0)  # too old
    kept.keep(TODAY + 400, 2.0, 0.0)  # more than a year later: the days between are missing
    assert len(kept) == SPAN_D - 400
    again = PastWeather()
    again.recall(kept.saved())
    assert again.saved() == kept.saved()
    assert np.array_equal(again.ahead(TODAY + 401, 60)[0], kept.ahead(TODAY + 401, 60)[0])
    for damaged in (b"", b"x" * 77, kept.saved()[:-1]):
        fresh = PastWeather()
        fresh.recall(damaged)
        assert len(fresh) == 0


@pytest.mark.parametrize("bad", [(math.nan, 0.0), (5.0, math.nan), (-1.0, 0.0), (99.0, 0.0), (math.inf, 0.0)])
def test_a_day_that_cannot_be_is_not_kept(bad: tuple[float, float]) -> None:
    kept = PastWeather()
    kept.keep(TODAY, *bad)
    assert len(kept) == 0


class Live:
    """The real engine living in steps of five minutes of plain weather."""

    def __init__(self, state: EngineState | None = None, mono_ms: int = 0, wall_ms: int = 0) -> None:
        self.engine = Engine(OPEN, mono_ms)
        self.mono_ms, self.number = mono_ms, 0
        self.start_ms = mono_ms - wall_ms
        if state is not None:
            self.engine.restore(state, mono_ms, wall_ms, clock_ok=True)

    @property
    def wall_ms(self) -> int:
        return self.mono_ms - self.start_ms

    def hours(self, count: float, lost: frozenset[str] = frozenset()) -> list[bytes]:
        told = []
        for _ in range(round(count * 12)):
            self.mono_ms += 300_000
            self.number += 1
            minute = self.wall_ms // 60_000 % 1440
            seen = GOOD | {
                "station/air_temperature": 26.0, "station/air_humidity": 60.0, "station/wind_speed": 1.5,
                "station/rain_rate": 1.0, "station/solar_radiation": sun_w_m2(minute),
            }  # fmt: skip
            sense = self.engine.sense({name: (value, 0, 0) for name, value in seen.items() if name not in lost})
            day = TODAY + self.wall_ms // 86_400_000
            given = TickInput(self.number, self.mono_ms, self.wall_ms, True, day, minute, sense)
            result = self.engine.tick(given)
            told.append(msgspec.msgpack.encode((result.decisions, result.events)))
        return told

    def snapshot(self) -> EngineState:
        return self.engine.snapshot(self.mono_ms, self.wall_ms, clock_ok=True)

    def weather(self) -> PastWeather:
        kept = PastWeather()
        kept.recall(self.snapshot().weather.get("house", b""))
        return kept


def test_the_engine_keeps_each_measured_day_of_its_place_and_no_other() -> None:
    live = Live()
    live.hours(24.5)
    assert live.weather().knows(TODAY)
    live.hours(8.0, lost=frozenset({"station/solar_radiation"}))
    live.hours(16.0)
    kept = live.weather()
    assert not kept.knows(TODAY + 1)  # a third of it was not measured
    live.hours(24.0)
    kept = live.weather()
    assert kept.knows(TODAY + 2)
    assert len(kept) == 2
    days = kept._days[[TODAY % SPAN_D, (TODAY + 2) % SPAN_D]] * 0.01
    assert days[1, ET] == pytest.approx(days[0, ET], abs=0.05)
    assert 4.0 < days[1, ET] < 7.0
    assert days[1, RAIN] == pytest.approx(24.0, abs=0.1)


def test_nothing_is_compiled_while_a_warmed_farm_plans_a_season() -> None:
    program = (
        "from controllers.kernels import warm\nwarm.warm_all()\n"
        "from controllers.kernels.jit import compilations\n"
        "from tests.controllers.test_zone_season import Live, msgspec, past\n"
        "state = msgspec.structs.replace(Live().snapshot(), weather={'house': past(3).saved()})\n"
        "before = compilations()\nLive(state).hours(1.0)\nprint(compilations() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["0"], done.stderr


def test_a_field_without_a_rain_gauge_learns_no_past() -> None:
    live = Live()
    live.hours(25.0, lost=frozenset({"station/rain_rate"}))
    assert len(live.weather()) == 0


def test_past_weather_and_plan_survive_a_restart_and_the_same_days_are_decided_bit_for_bit() -> None:
    weather = {"house": past().saved()}
    first = Live()
    begun = replace(first.snapshot(), weather=weather)
    one, two = Live(begun), Live(begun)
    assert one.hours(26.0) == two.hours(26.0)
    left = one.snapshot()
    assert left == two.snapshot() or msgspec.msgpack.encode(left) == msgspec.msgpack.encode(two.snapshot())
    again = Live(left, 5_000_000, one.wall_ms).snapshot()
    assert again.weather == left.weather
    assert again.weather["house"] != weather["house"]  # one more day
    assert again.plans["zone-a"][55:] == left.plans["zone-a"][55:]


class Season:
    """One planner through a season on a field that answers as the crop model says; ``rain``: day of season -> mm."""

    def __init__(self, kept: PastWeather, strategy: str = "adaptive") -> None:
        zone = replace(FIELD, strategy=strategy)
        self.planner = ZonePlanner(OPEN, zone, kept)
        self.crop = self.planner._made.crop
        self.x = np.zeros(k.STATE_COLUMNS)
        crops.begin(self.x, self.crop, 0.8)
        self.accounts: list[dict[str, float | str]] = []
        self.codes: set[int] = set()
        self.given_l = 0.0

    def run(self, days: int = 90) -> "Season":
        minute = 0
        for d in range(days):
            today_l = 0.0
            for hour in range(24):
                minute = 60 * hour
                theta = 31.0 - self.x[k.DR_MM] / 6.0
                seen = {
                    "station/air_temperature": 26.0, "station/air_humidity": 60.0, "station/wind_speed": 1.5,
                    "station/rain_rate": 0.0, "station/solar_radiation": sun_w_m2(minute),
                    "zone-a/soil_moisture": theta if hour == 0 else math.nan,
                }  # fmt: skip
                values = np.array([seen.get(name, math.nan) for name in self.planner.series])
                mono = (d * 24 + hour) * 3_600_000
                wish = self.planner.plan(PlanInput(mono, TODAY + d, minute, values, self.given_l))
                self.accounts.append(dict(wish.account))
                self.codes.add(wish.code)
                gift = min(wish.litres, FIELD.daily_cap_l - today_l)
                self.given_l += gift
                today_l += gift
            crops.crop_day(self.x, self.crop, np.array([5.3, 0.0, 1.0, 1.0, 1.0]), today_l / 500.0)
        return self


def test_a_season_is_watered_by_what_the_past_years_say() -> None:
    dry, wet, none = (
        Season(past(3, rain_mm=0.0)).run(25),
        Season(past(3, rain_mm=60.0)).run(25),
        Season(PastWeather()).run(25),
    )
    assert {account["past_years"] for account in dry.accounts if "past_years" in account} == {3.0}
    assert all("past_years" not in account for account in none.accounts)
    assert dry.given_l > wet.given_l  # where it always rained it pays to wait for rain
    assert not np.isnan([account["worth_wait"] for account in dry.accounts if "worth_wait" in account]).any()


def test_a_whole_season_on_past_weather_yields_as_much_as_the_balance_with_no_more_water() -> None:
    ahead, plain = Season(past(3, rain_mm=0.0)).run(), Season(PastWeather(), "balance").run()
    assert crops.yield_t_ha(ahead.x) >= 0.97 * crops.yield_t_ha(plain.x)
    assert ahead.given_l <= plain.given_l
