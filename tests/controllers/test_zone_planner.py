# SPDX-License-Identifier: Apache-2.0
"""The strategies that reckon: a reason every time, stand-ins for what is missing, never dry or open for one sensor."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from controllers.engine import Engine
from controllers.reasons import BY_NAME, name_of
from controllers.settings import ControlSettings, PlanSettings
from controllers.settings_check import problems
from controllers.strategies import STRATEGIES, PlanInput, Proposal
from controllers.zone_planner import ZonePlanner
from tests.controllers.farm_rig import DAY0, FARM, ZONE_A, Rig

replace = msgspec.structs.replace
SOIL = PlanSettings(root_m=0.4, field_capacity_pct=31.0, wilting_pct=15.0)
BED = replace(
    ZONE_A, strategy="adaptive", crop="sweet pepper", soil="loam", plan=SOIL, dose_l=4000.0, daily_cap_l=9000.0
)
OPEN = replace(BED, plan=replace(SOIL, covered=False))


def farm(**more: object) -> ControlSettings:
    return replace(FARM, zones=(replace(BED, **more), FARM.zones[1]))


class Days:
    """A planner living through days of plain weather, with a true root zone behind the probe."""

    def __init__(self, zone: object = BED, settings: ControlSettings = FARM) -> None:
        self.planner = ZonePlanner(settings, zone)  # type: ignore[arg-type]
        self.zone = zone
        self.mono_ms = 0
        self.truth_mm = 6.0
        self.given_l = 0.0
        self.bias_pct = 0.0
        self.probe: Callable[[float], float] = lambda pct: pct
        self.lost: set[str] = set()
        self.bent: dict[str, float] = {}
        self.codes: list[str] = []
        self.last = Proposal(0.0)
        self.driest_mm = 0.0

    def hours(self, count: float) -> "Days":
        for _ in range(int(count * 4)):
            self.step()
        return self

    def step(self) -> None:
        self.mono_ms += 900_000
        minute = self.mono_ms // 60_000 % 1440
        sun = max(0.0, math.sin((minute / 60.0 - 6.0) / 12.0 * math.pi)) * 700.0
        self.truth_mm = min(self.truth_mm + (sun * 0.7 * 0.0036 * 0.6 * 0.878 / 2.45 + 0.04) / 4.0, 64.0)
        self.driest_mm = max(self.driest_mm, self.truth_mm)
        theta = self.probe(31.0 - self.truth_mm / 4.0) + self.bias_pct
        seen = {
            "house/air_temperature": 26.0, "house/air_humidity": 75.0, "station/air_temperature": 26.0,
            "station/air_humidity": 75.0, "station/solar_radiation": sun, "station/wind_speed": 1.5,
            "station/rain_rate": 0.0, "zone-a/soil_moisture": theta,
        } | self.bent  # fmt: skip
        values = [math.nan if name in self.lost else seen.get(name, math.nan) for name in self.planner.series]
        day = DAY0 + self.mono_ms // 86_400_000
        given = PlanInput(
            self.mono_ms, day, minute, np.array(values), self.given_l, np.zeros(len(values), dtype=np.int64)
        )
        self.last = self.planner.plan(given)
        self.codes.append(name_of(self.last.code))
        if self.last.litres > 0.0:
            self.given_l += self.last.litres
            self.truth_mm = max(self.truth_mm - self.last.litres * 0.9 / 500.0, 0.0)


def test_every_answer_has_a_code_with_words_and_its_numbers() -> None:
    days = Days().hours(24 * 10)
    assert set(days.codes) == {"irrigation.start.depletion", "irrigation.idle.enough_water"}
    for code in set(days.codes):
        for name in BY_NAME[code].fields:
            assert name == "target_l" or name in days.last.account


def test_the_roots_stay_within_what_the_crop_bears_and_little_drains() -> None:
    days = Days().hours(24 * 20)
    assert days.driest_mm < 0.42 * 64.0
    assert days.given_l * 0.9 / 500.0 == pytest.approx(20 * 3.2, rel=0.35)


@pytest.mark.parametrize(
    ("name", "bend"),
    [
        ("a probe that reads 5 points too wet", lambda d: setattr(d, "bias_pct", 5.0)),
        ("a probe that reads 5 points too dry", lambda d: setattr(d, "bias_pct", -5.0)),
        ("a probe stuck at field capacity", lambda d: setattr(d, "probe", lambda _pct: 31.0)),
        ("no probe", lambda d: d.lost.add("zone-a/soil_moisture")),
        ("no sun", lambda d: d.lost.add("station/solar_radiation")),
        ("no air", lambda d: d.lost.update({"house/air_temperature", "house/air_humidity"})),
        ("nothing at all", lambda d: d.lost.update(d.planner.series)),
        ("a sun of 9,000 W/m²", lambda d: d.bent.update({"station/solar_radiation": 9000.0})),
    ],
)
def test_no_lost_sensor_leaves_the_zone_dry_or_open(name: str, bend: Callable[[Days], None]) -> None:
    days = Days().hours(24 * 6)
    bend(days)
    before = days.given_l
    days.hours(24 * 12)
    given_mm = (days.given_l - before) * 0.9 / 500.0
    assert days.driest_mm < 0.62 * 64.0, name
    assert 15.0 < given_mm < 80.0, name
    assert float(days.last.account["grade"]) >= (0.0 if "reads" in name or "air" in name else 1.0)


def test_one_absurd_hour_of_weather_changes_next_to_nothing() -> None:
    plain, bent = Days().hours(24 * 8), Days().hours(24 * 4)
    bent.bent = {"station/solar_radiation": 1e6, "house/air_temperature": 1e4}
    bent.hours(1)
    bent.bent = {}
    bent.hours(24 * 4 - 1)
    assert bent.given_l == pytest.approx(plain.given_l, abs=0.15 * plain.given_l + 1500.0)


def test_how_fast_this_crop_drinks_is_learned_from_the_probe() -> None:
    days = Days()
    days.probe = lambda pct: pct
    slow = days.step

    def half() -> None:
        before = days.truth_mm
        slow()
        if days.truth_mm > before:
            days.truth_mm = before + 0.6 * (days.truth_mm - before)

    days.step = half  # type: ignore[method-assign]
    days.hours(24 * 25)
    assert float(days.last.account["scale"]) < 0.85


def test_salty_water_is_not_given_and_a_lost_salt_probe_does_not_stop_the_watering() -> None:
    days = Days(replace(BED, plan=replace(SOIL, water_ec="line/water_ec")))
    days.bent = {"line/water_ec": 2.0}
    days.hours(24 * 5)
    assert days.given_l == 0.0
    assert days.codes[-1] == "irrigation.idle.salty_water"
    days.lost = {"line/water_ec"}
    days.step()
    assert days.last.litres > 0.0


def test_a_quota_ends_the_watering_and_says_so() -> None:
    days = Days(replace(BED, plan=replace(SOIL, quota_l=6000.0))).hours(24 * 12)
    assert days.given_l <= 6000.0
    assert days.codes[-1] == "irrigation.idle.quota"


def test_forecast_rain_is_waited_for_in_the_open_and_not_under_cover() -> None:
    for zone, waits in ((OPEN, True), (BED, False)):
        days = Days(zone)
        days.bent = {"forecast/rain_day": 30.0, "forecast/rain_day.1": 20.0}
        days.hours(24 * 6)
        assert ("irrigation.idle.rain_coming" in days.codes) == waits


def test_the_memory_survives_a_restart_and_the_same_inputs_give_the_same_bits() -> None:
    first, again = Days().hours(30), Days().hours(30)
    assert first.planner.memory() == pytest.approx(again.planner.memory(), nan_ok=True, abs=0.0)
    new = ZonePlanner(FARM, BED)
    new.recall(first.planner.memory(), first.mono_ms)
    assert new.memory() == pytest.approx(first.planner.memory(), nan_ok=True, abs=0.0)


def test_through_the_engine_it_waters_by_its_reason_and_its_snapshot_holds_the_plan() -> None:
    rig = Rig(settings=farm())
    rig.values["zone-a/soil_moisture"] = 24.0
    rig.run(120)
    assert rig.level("valve-a") == 1.0
    assert rig.code("valve-a") == "irrigation.start.depletion"
    told = [event for event in rig.events if event.kind == "plan.made"]
    assert told[0].subject == "zone-a"
    assert told[0].fields["code"] == "irrigation.start.depletion"
    state = rig.engine.snapshot(rig.mono_ms, rig.wall_ms, clock_ok=True)
    assert "zone-a" in state.plans
    other = Engine(rig.settings, 0)
    other.restore(state, 1000, rig.wall_ms, clock_ok=True)
    assert other.snapshot(1000, rig.wall_ms, clock_ok=True).plans["zone-a"][0] == state.plans["zone-a"][0]


def test_tension_starts_dry_and_stops_at_its_aim() -> None:
    rig = Rig(settings=farm(strategy="tension", start_kpa=-25.0, target_kpa=-10.0))
    rig.values["zone-a/soil_tension"] = -15.0
    rig.run(60)
    assert rig.code("valve-a") == "irrigation.idle.tension"
    rig.values["zone-a/soil_tension"] = -30.0
    rig.run(30)
    assert rig.code("valve-a") == "irrigation.start.tension"
    rig.values["zone-a/soil_tension"] = -9.0
    rig.run(10)
    assert "irrigation.stop.tension" in [one.code for one in rig.decisions if one.output == "valve-a"]


@pytest.mark.parametrize("strategy", ["balance", "drain", "adaptive"])
def test_all_strategies_have_a_kernel_number(strategy: str) -> None:
    assert STRATEGIES[strategy].number == STRATEGIES["planned"].number


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"crop": "durian"}, "zone[0].crop"),
        ({"soil": "moon dust", "plan": PlanSettings()}, "zone[0].soil"),
        ({"plan": replace(SOIL, wilting_pct=33.0)}, "zone[0].plan.wilting_pct"),
        ({"plan": replace(SOIL, planted="yesterday")}, "zone[0].plan.planted"),
        ({"plan": replace(SOIL, stages_d=(30.0, 0.0, 1.0, 1.0))}, "zone[0].plan.stages_d"),
        ({"plan": replace(SOIL, wetted_share=0.0)}, "zone[0].plan.wetted_share"),
        ({"strategy": "drain", "substrate": True}, "zone[0].plan.drain"),
        ({"strategy": "tension", "start_kpa": -10.0, "target_kpa": -20.0}, "zone[0].target_kpa"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_by_name(more: dict[str, object], path: str) -> None:
    found = problems(farm(**more))
    assert path in [one.path for one in found]
    assert all(one.msgid.format(**one.fields) for one in found)


def test_settings_that_can_be_reckoned_have_no_problem() -> None:
    assert problems(farm()) == []
