# SPDX-License-Identifier: Apache-2.0
"""The engine's thinking: when zones water and why, that one bad sensor stays one zone's affair, and that it repeats."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from controllers.engine import Engine
from controllers.kernels import columns as c
from controllers.settings import ControlSettings, ScheduledRun
from controllers.strategies import PlanInput, Proposal
from controllers.ticks import TickInput
from telemetry.records import Quality
from tests.controllers.farm_rig import FARM, ZONE_A, ZONE_B, Rig, RigMaker

ROOT = Path(__file__).parents[2]


def farm_with(**zone_a: object) -> ControlSettings:
    """The farm with another zone A."""
    return msgspec.structs.replace(FARM, zones=(msgspec.structs.replace(ZONE_A, **zone_a), ZONE_B))


def test_moisture_waters_to_the_target_and_tells_why(rig: RigMaker) -> None:
    farm = rig()
    farm.values["zone-a/soil_moisture"] = 24.0
    farm.run(30)
    start = next(d for d in farm.decisions if d.code == "irrigation.start.moisture")
    assert {i.name: i.value for i in start.inputs} == {"target_l": 100.0, "soil_moisture": 24.0, "start_pct": 25.0}
    assert (start.place, start.rule, start.level, start.vetoed) == ("zone-a", "moisture", 1.0, False)
    farm.values["zone-a/soil_moisture"] = 32.5
    farm.run(5)
    assert "irrigation.stop.target" in [d.code for d in farm.decisions]
    assert farm.level("valve-a") == 0.0


def test_between_start_and_target_a_run_goes_on_and_an_idle_zone_stays_idle(rig: RigMaker) -> None:
    farm = rig()
    farm.values["zone-a/soil_moisture"] = 28.0
    farm.run(60)
    assert farm.code("valve-a") == "irrigation.idle.wet_enough"
    farm.values["zone-a/soil_moisture"] = 24.9
    farm.run(5)
    farm.values["zone-a/soil_moisture"] = 28.0
    farm.run(60)
    assert farm.level("valve-a") == 1.0


def test_a_dose_a_rest_and_a_days_cap_hold(rig: RigMaker) -> None:
    farm = rig(minute=1.0, step_ms=5000)
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(20 * 3600)
    mine = [d for d in farm.decisions if d.output == "valve-a"]
    stops = [d.mono_ms for d in mine if d.code in {"irrigation.stop.given", "irrigation.stop.cap"}]
    starts = [d.mono_ms for d in mine if d.code == "irrigation.start.moisture" and not d.limit]
    assert len(stops) == len(starts) == 4
    assert all(b - a >= 1_800_000 for a, b in zip(stops, starts[1:], strict=False))
    assert 390.0 <= farm.engine.water_today_l()["zone-a"] <= 400.0
    assert farm.code("valve-a") == "irrigation.idle.cap"


def test_a_run_ends_at_its_longest_time(rig: RigMaker) -> None:
    farm = rig(settings=farm_with(run_max_s=120.0))
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(200)
    assert "irrigation.stop.run_max" in [d.code for d in farm.decisions]


def test_zones_of_one_line_wait_for_each_other(rig: RigMaker) -> None:
    zone_b = msgspec.structs.replace(ZONE_A, id="zone-b", valve="valve-b")
    farm = rig(settings=msgspec.structs.replace(FARM, zones=(ZONE_A, zone_b)))
    farm.values |= {"zone-a/soil_moisture": 20.0, "zone-b/soil_moisture": 20.0}
    farm.run(60)
    assert (farm.level("valve-a"), farm.level("valve-b")) == (1.0, 0.0)
    assert farm.code("valve-b") == "irrigation.idle.queued"
    farm.run(320)
    assert farm.level("valve-b") == 1.0


def test_a_lost_probe_sends_only_its_zone_to_the_safe_rule_and_back(rig: RigMaker) -> None:
    farm = rig(minute=1.0, step_ms=10_000)
    farm.values["zone-a/soil_moisture"] = 24.0
    farm.quality["zone-a/soil_moisture"] = int(Quality.STUCK)
    farm.run(11 * 3600)
    assert farm.code("valve-a") == "irrigation.idle.safe_rule"
    farm.run(2 * 3600)
    runs = [d for d in farm.decisions if d.code == "irrigation.start.safe_rule" and d.level > 0.0]
    assert {i.name: i.value for i in runs[0].inputs} == {"target_l": 40.0, "safe_every_h": 12.0}
    assert farm.engine.water_today_l()["zone-a"] == pytest.approx(40.0, abs=4.0)
    assert any(d.code == "irrigation.start.schedule" for d in farm.decisions if d.place == "zone-b")
    farm.quality.clear()
    farm.values["zone-a/soil_moisture"] = 30.0
    farm.run(20)
    assert farm.code("valve-a") == "irrigation.idle.wet_enough"


def test_a_zone_may_choose_to_stay_shut_without_its_probe(rig: RigMaker) -> None:
    farm = rig(settings=farm_with(safe_dose_l=0.0), step_ms=60_000)
    del farm.values["zone-a/soil_moisture"]
    farm.run(48 * 3600)
    assert farm.code("valve-a") == "irrigation.idle.no_data"
    assert farm.engine.water_today_l()["zone-a"] == 0.0


def test_a_probe_lost_during_a_run_ends_it_at_the_safe_dose(rig: RigMaker) -> None:
    farm = rig()
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(30)
    farm.values["zone-a/soil_moisture"] = math.nan
    farm.run(300)
    assert "irrigation.stop.sensor_lost" in [d.code for d in farm.decisions]
    assert 39.0 <= farm.engine.water_today_l()["zone-a"] <= 42.0


def test_a_schedule_runs_at_its_times_and_not_into_wet_soil(rig: RigMaker) -> None:
    farm = rig(minute=6 * 60.0, step_ms=10_000)
    farm.run(3600)
    assert farm.engine.water_today_l()["zone-b"] == pytest.approx(60.0, abs=4.0)
    farm.values["zone-b/soil_moisture"] = 40.0
    farm.run(10 * 3600)
    assert farm.engine.water_today_l()["zone-b"] == pytest.approx(60.0, abs=4.0)
    assert "irrigation.idle.too_wet" in [d.code for d in farm.decisions]


def test_without_a_trusted_clock_a_schedule_becomes_the_safe_rule(rig: RigMaker) -> None:
    farm = rig(minute=6 * 60.0, step_ms=10_000, clock_ok=False)
    farm.run(3600)
    assert farm.code("valve-b") == "irrigation.idle.clock"
    farm.run(12 * 3600)
    assert farm.engine.water_today_l()["zone-b"] == pytest.approx(40.0, abs=4.0)


def test_a_missed_run_that_is_too_late_is_told(rig: RigMaker) -> None:
    farm = rig(minute=6 * 60.0)
    farm.minute = 9 * 60.0
    farm.tick()
    event = next(e for e in farm.events if e.kind == "schedule.dropped")
    assert (event.subject, event.fields["code"], event.fields["late_min"]) == ("zone-b", "time.run_too_late", 150)


@pytest.mark.parametrize(
    ("zone", "code", "idle"),
    [
        ({"strategy": "radiation_sum", "radiation_start_j_cm2": 100.0}, "irrigation.start.radiation", "wait_radiation"),
        ({"strategy": "vpd_sum", "vpd_start_kpa_h": 1.0}, "irrigation.start.vpd", "wait_vpd"),
    ],
)
def test_sums_start_a_watering_and_begin_anew(rig: RigMaker, zone: dict[str, object], code: str, idle: str) -> None:
    farm = rig(settings=farm_with(**zone))
    farm.values["zone-a/soil_moisture"] = 30.0
    expected_s = 100.0 / 300.0 * 1e4 if "radiation" in code else 3600.0 / 1.0145
    assert farm.code("valve-a") == f"irrigation.idle.{idle}"
    assert farm.until(lambda r: r.level("valve-a") > 0.0, 7200) == pytest.approx(expected_s - 60.0, abs=3.0)
    assert farm.code("valve-a") == code
    farm.run(400)
    assert farm.level("valve-a") == 0.0
    for name in ("station/solar_radiation", "house/air_humidity"):
        farm.values.pop(name)
    farm.run(3)
    assert farm.code("valve-a") == "irrigation.idle.safe_rule"


def test_an_off_zone_says_so_and_allowed_hours_may_pass_midnight(rig: RigMaker) -> None:
    assert rig(settings=farm_with(strategy="off")).code("valve-a") == "irrigation.idle.off"
    farm = rig(settings=farm_with(allowed_from="22:00", allowed_to="05:00"), step_ms=10_000)
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(100)
    assert farm.code("valve-a") == "irrigation.idle.outside_hours"
    assert farm.until(lambda r: r.level("valve-a") > 0.0, 11 * 3600) == pytest.approx(10 * 3600 - 400, abs=400)


class EveryHour:
    """A planner that asks for 25 L when the soil is below 30 %, and counts how often it is asked."""

    series = ("zone-a/soil_moisture",)
    period_s = 3600.0

    def __init__(self) -> None:
        self.asked: list[PlanInput] = []

    def plan(self, at: PlanInput) -> Proposal:
        self.asked.append(at)
        moisture = float(at.values[0])
        return Proposal(25.0 if moisture < 30.0 else 0.0) if math.isfinite(moisture) else Proposal(math.nan)


def test_a_planner_is_asked_at_its_pace_and_its_wish_is_served_once(rig: RigMaker) -> None:
    farm = rig(settings=farm_with(strategy="planned", rest_min_s=0.0), started=False, step_ms=10_000)
    planner = EveryHour()
    farm.engine = Engine(farm.settings, 0, {"zone-a": planner})
    farm.values["zone-a/soil_moisture"] = 28.0
    farm.run(3000)
    assert farm.engine.water_today_l()["zone-a"] == pytest.approx(25.0, abs=4.0)
    farm.run(7200)
    assert len(planner.asked) == 3
    assert planner.asked[1].given_l == pytest.approx(25.0, abs=4.0)
    farm.values["zone-a/soil_moisture"] = 33.0
    farm.run(3600)
    assert farm.code("valve-a") == "irrigation.idle.no_need"
    farm.values["zone-a/soil_moisture"] = math.nan
    farm.run(3700)
    assert farm.code("valve-a") == "irrigation.idle.safe_rule"


@pytest.mark.parametrize(
    ("change", "output", "low", "high", "code"),
    [
        ({"t": 29.0}, "vent", 0.5, 1.0, "climate.cooling"),
        ({"t": 29.0}, "fan", 1.0, 1.0, "climate.cooling"),
        ({"t": 29.0, "station/rain_rate": 4.0}, "vent", 0.1, 0.1, "climate.rain"),
        ({"t": 19.0}, "heater", 0.5, 1.0, "climate.heating"),
        ({"t": 24.0, "house/air_humidity": 85.0}, "vent", 0.1, 0.5, "climate.drying"),
        (
            {"t": 24.0, "house/air_humidity": 94.0, "station/air_temperature": 28.0, "station/air_humidity": 95.0},
            "heater",
            0.1,
            1.0,
            "climate.heat_to_dry",
        ),
        ({"t": 26.0, "house/air_humidity": 40.0}, "fogger", 1.0, 1.0, "climate.fogging"),
        ({"station/solar_radiation": 800.0}, "shade", 1.0, 1.0, "climate.shading"),
        ({"t": math.nan}, "heater", 0.0, 0.0, "climate.no_data"),
        ({}, "vent", 0.0, 0.0, "climate.in_band"),
    ],
)
def test_climate_acts_on_the_band(
    rig: RigMaker, change: dict[str, float], output: str, low: float, high: float, code: str
) -> None:
    farm = rig(limits={"blind_after_s": 600.0})
    air = change.pop("t", 24.0)
    farm.values |= change | {f"house/air_temperature{end}": air for end in ("", ".1", ".2")}
    farm.run(130)
    if farm.code(output) == "climate.between_pulses":
        farm.until(lambda r: r.code(output) != "climate.between_pulses", 600)
    assert farm.code(output) == code
    assert low - 1e-9 <= farm.level(output) <= high + 1e-9


def test_the_night_has_its_own_band_and_an_untrusted_clock_the_widest(rig: RigMaker) -> None:
    farm = rig(minute=23 * 60.0)
    for end in ("", ".1", ".2"):
        farm.values[f"house/air_temperature{end}"] = 24.0
    farm.run(3)
    assert farm.code("vent") == "climate.cooling"
    farm.clock_ok = False
    farm.run(3)
    assert farm.code("vent") == "climate.in_band"
    air, band = farm.engine.air_and_band(0)
    assert air[c.C_T] == 24.0
    assert band[c.B_T_LOW] <= 24.0 <= band[c.B_T_HIGH]


def test_a_decision_is_stored_when_something_changes_and_every_quarter_of_an_hour(rig: RigMaker) -> None:
    farm = rig(started=False)
    farm.run(3600)
    quiet = [d.mono_ms for d in farm.decisions if d.output == "siren"]
    assert quiet == [1000, 901_000, 1_801_000, 2_701_000]
    assert {d.output for d in farm.decisions} == set(farm.engine.outputs)


def test_an_override_is_told_with_person_time_and_origin(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("fan", seconds=600, origin="remote")
    farm.run(3)
    decision = next(d for d in farm.decisions if d.code == "people.override")
    assert decision.rule == "override remote"
    assert {i.name: i.value for i in decision.inputs if i.name != "wanted"} == {
        "level": 1.0,
        "override_left_min": 9.9833,
    }


def scripted_life(seconds: int = 2500) -> str:
    """Live through a fixed story and give a hash of everything that came out."""
    dice = np.random.default_rng(7)
    farm = Rig()
    names = sorted(farm.values)
    digest = hashlib.sha256()
    for tick in range(seconds):
        if tick % 7 == 0:
            name = names[int(dice.integers(len(names)))]
            farm.values[name] = float(dice.choice([math.nan, -5.0, 0.0, 0.5, 6.5, 20.0, 45.0, 300.0]))
        if tick % 50 == 0:
            farm.values = dict(Rig().values) | {"zone-a/soil_moisture": 20.0}
        if tick % 300 == 10:
            farm.hold("doser", seconds=40)
        result = farm.tick()
        digest.update(result.allowed.tobytes())
        digest.update(msgspec.json.encode([result.decisions, result.events]))
    return digest.hexdigest()


def test_uncompiled_the_same_story_has_the_same_end_to_the_last_bit() -> None:
    code = "from tests.controllers.test_engine import scripted_life; print(scripted_life())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"VUON_NO_JIT": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == scripted_life()


def test_replaying_the_ticks_gives_the_same_decisions(rig: RigMaker) -> None:
    farm = rig(started=False)
    farm.values["zone-a/soil_moisture"] = 20.0
    told = [farm.tick() for _ in range(500)]
    engine = Engine(farm.settings)
    again = rig(started=False)
    again.engine = engine
    again.values["zone-a/soil_moisture"] = 20.0
    for result in told:
        same = again.tick()
        assert same.decisions == result.decisions
        assert same.events == result.events
        assert np.array_equal(same.allowed, result.allowed)


def test_ten_thousand_zones_are_thought_about_without_a_python_loop(rig: RigMaker) -> None:
    count = 10_000
    zones = tuple(msgspec.structs.replace(ZONE_A, id=f"z{i}", valve=f"v{i}", line=f"l{i // 100}") for i in range(count))
    outs = tuple(msgspec.structs.replace(FARM.outputs[0], id=f"v{i}", place=f"z{i}") for i in range(count))
    lines = tuple(
        msgspec.structs.replace(FARM.lines[0], id=f"l{i}", pump="", master_valve="", fill_valve="") for i in range(100)
    )
    engine = Engine(msgspec.structs.replace(FARM, zones=zones, lines=lines, outputs=outs))
    moisture = {f"z{i}/soil_moisture": (20.0 if i % 2 else 30.0, 0, 0) for i in range(count)}
    sense = engine.sense(moisture | {name: (value, 0, 0) for name, value in Rig().values.items()})
    for second in range(1, 15):
        result = engine.tick(TickInput(second, second * 1000, 0, True, 739_000, 600, sense))
    assert result.allowed.sum() == 100.0  # one zone a line, and only a dry one
    assert not result.decisions


def test_a_second_schedule_entry_of_one_zone_is_its_own_job(rig: RigMaker) -> None:
    zone = msgspec.structs.replace(ZONE_B, schedule=(ScheduledRun("12:05", 20.0), ScheduledRun("12:50", 20.0)))
    farm = rig(settings=msgspec.structs.replace(FARM, zones=(ZONE_A, zone)), step_ms=5000)
    farm.run(3600)
    assert farm.engine.water_today_l()["zone-b"] == pytest.approx(40.0, abs=4.0)
