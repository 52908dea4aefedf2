# SPDX-License-Identifier: Apache-2.0
"""Every hazard that the agent answers for, at one tick a second: it reacts within its bound, and not without cause.

The bounds are those of docs/safety.md; the plant's own (relay, microcontroller, hub) are tested where they live.
"""

import math
from functools import partial

import msgspec
import pytest

from controllers.settings import LineSettings
from controllers.ticks import Maintenance, Reset
from telemetry.records import Quality
from tests.controllers.farm_rig import Rig, RigMaker

WET = {"zone-a/soil_moisture": 20.0}
IRRIGATION = ("valve-a", "valve-b", "pump", "master", "doser")


def watering(rig: RigMaker, **more: object) -> Rig:
    """A rig whose zone A has been watering for a minute."""
    made = rig(**more)
    made.values |= WET
    made.run(60)
    assert made.level("valve-a") == made.level("pump") == made.level("master") == 1.0
    return made


def test_h1_a_leak_shuts_the_line_within_10_s_and_stays_shut_until_a_person_resets(rig: RigMaker) -> None:
    farm = rig()
    farm.flows = False
    farm.values["line/water_flow"] = 5.0
    assert farm.until(lambda r: ("line", "safety.leak") in r.raised(), 60) <= 10
    farm.values |= WET
    farm.values["line/water_flow"] = 0.0
    farm.run(120)
    assert [farm.level(name) for name in IRRIGATION] == [0.0] * 5
    farm.resets = (Reset("line", "an"),)
    farm.flows = True
    assert farm.until(lambda r: r.level("pump") == 1.0, 10) < 10
    assert any(e.kind == "safety.reset" and e.person == "an" for e in farm.events)


def test_h1_one_strange_sample_is_no_leak(rig: RigMaker) -> None:
    farm = rig()
    farm.flows = False
    for flow in (5.0, 0.0, 5.0, 5.0, 0.0, 5.0):
        farm.values["line/water_flow"] = flow
        farm.tick()
    assert not farm.raised()


def test_h1_the_same_old_sample_seen_again_is_not_counted_as_more_proof(rig: RigMaker) -> None:
    farm = rig()
    farm.flows = False
    farm.values["line/water_flow"] = 5.0
    for second in range(20):
        farm.age_ms["line/water_flow"] = 1000 * (second + 1)
        farm.tick()
    assert not farm.raised()


def test_h1_a_switch_that_stays_on_latches_its_line(rig: RigMaker) -> None:
    farm = rig()
    farm.feedback["valve-b"] = 1.0
    assert farm.until(lambda r: ("valve-b", "safety.stuck_on") in r.raised(), 60) <= 10
    farm.values |= WET
    farm.run(10)
    assert farm.level("pump") == 0.0


def test_a_motor_that_does_not_follow_is_told_and_forgiven_when_it_does(rig: RigMaker) -> None:
    farm = rig()
    farm.values["house/air_temperature"] = farm.values["house/air_temperature.1"] = 35.0
    farm.feedback["fan"] = 0.0
    assert farm.until(lambda r: ("fan", "safety.no_response") in r.raised(), 60) <= 10
    farm.feedback["fan"] = 1.0
    farm.run(2)
    assert any(e.kind == "hazard.cleared" and e.subject == "fan" for e in farm.events)
    assert farm.level("pump") == 0.0


def test_h1_too_much_flow_shuts_everything(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.flows = False
    farm.values["line/water_flow"] = 30.0
    assert farm.until(lambda r: r.level("pump") == 0.0, 60) <= 10
    farm.values["line/water_flow"] = 0.0
    farm.run(5)
    assert ("line", "safety.over_flow") in farm.raised()
    assert [farm.level(name) for name in IRRIGATION] == [0.0] * 5


def test_h2_a_zone_without_flow_is_skipped_and_three_in_a_row_stop_the_line(rig: RigMaker) -> None:
    farm = rig(limits={"zone_fault_rest_s": 60.0})
    farm.flows = False
    farm.values |= WET | {"line/water_flow": 0.1}
    started = farm.until(lambda r: r.level("pump") > 0.0, 10)
    assert math.isfinite(started)
    fill_and_bound_s = 20 + 10
    assert farm.until(lambda r: r.level("valve-a") == 0.0, 60) <= fill_and_bound_s
    assert ("valve-a", "safety.no_flow") in farm.raised()
    for _ in range(2):
        farm.run(70)
        farm.hold("valve-b")
        farm.until(lambda r: r.level("valve-b") > 0.0, 200)
        farm.until(lambda r: r.level("valve-b") == 0.0, 60)
        farm.overrides = ()
    assert ("line", "safety.no_flow_stop") in farm.raised()
    farm.run(7200)
    assert farm.level("valve-b") == 0.0


def test_h2_good_flow_between_forgives(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.run(300)
    assert farm.code("valve-a").startswith(("irrigation.stop", "irrigation.idle"))
    assert not farm.raised()


@pytest.mark.parametrize(
    ("series", "value"), [("line/current", 0.2), ("line/water_pressure", 10.0), ("line/water_flow", 0.0)]
)
def test_h3_a_pump_without_water_stops_within_5_s_and_is_locked_out_for_ten_minutes(
    rig: RigMaker, series: str, value: float
) -> None:
    farm = watering(rig)
    farm.flows = False
    farm.values[series] = value
    assert farm.until(lambda r: r.level("pump") == 0.0, 60) <= 5
    assert ("line", "safety.dry_run") in farm.raised()
    farm.flows = True
    farm.values |= {"line/current": 4.0, "line/water_pressure": 200.0}
    assert 590 <= farm.until(lambda r: r.level("pump") > 0.0, 7200) <= 7200


def test_h3_after_three_dry_runs_a_person_must_come(rig: RigMaker) -> None:
    farm = rig()
    farm.values |= {"line/current": 0.2} | WET
    farm.hold("valve-a", seconds=14_000)
    farm.run(60 + 3 * 620)
    assert ("line", "safety.dry_run_stop") in farm.raised()
    farm.values["line/current"] = 4.0
    farm.run(3600)
    assert farm.level("pump") == 0.0


def test_h3_a_good_run_forgives_earlier_dry_ones(rig: RigMaker) -> None:
    farm = rig()
    for _ in range(4):
        farm.hold("valve-a", seconds=400)
        farm.values["line/current"] = 0.2
        farm.run(20)
        farm.values["line/current"] = 4.0
        farm.overrides = ()
        farm.run(700)
        farm.hold("valve-a", seconds=400)
        farm.run(100)
        assert farm.level("pump") == 1.0
        farm.overrides = ()
        farm.run(10)
    assert ("line", "safety.dry_run_stop") not in farm.raised()


def test_h3_an_empty_tank_keeps_the_pump_off(rig: RigMaker) -> None:
    farm = rig()
    farm.values |= {"tank/water_level": 0.2} | WET
    farm.run(10)
    assert farm.level("pump") == farm.level("valve-a") == 0.0
    assert ("line", "safety.tank_low") in farm.raised()


def test_h3_an_unknown_tank_level_is_borne_while_another_guard_watches(rig: RigMaker) -> None:
    farm = rig()
    del farm.values["tank/water_level"]
    farm.values |= WET
    assert farm.until(lambda r: r.level("pump") > 0.0, 10) < 10
    for lost in ("line/water_flow", "line/current"):
        farm.values.pop(lost)
        farm.run(3)
        assert farm.level("pump") == 1.0
    del farm.values["line/water_pressure"]
    farm.run(3)
    assert farm.level("pump") == 0.0
    assert ("line", "safety.tank_blind") in farm.raised()


def test_h4_a_pump_never_runs_without_an_open_way_whatever_people_order(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("pump")
    farm.run(30)
    assert farm.level("pump") == 0.0
    assert farm.limit("pump") == "safety.needs_valve"
    farm.hold("valve-a")
    opened = farm.until(lambda r: r.level("valve-a") > 0.0, 10)
    assert math.isfinite(opened)
    farm.run(5)
    assert farm.level("pump") == 1.0
    farm.hold("master", level=0.0)
    farm.tick()
    assert farm.level("pump") == 0.0


def test_h4_the_pump_stops_before_its_last_valve_closes(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.hold("valve-a", level=0.0)
    farm.tick()
    assert (farm.level("pump"), farm.level("valve-a"), farm.level("master")) == (0.0, 1.0, 1.0)
    assert farm.limit("valve-a") == "safety.held_for_pump"
    farm.run(2)
    assert (farm.level("valve-a"), farm.level("master")) == (0.0, 0.0)


def test_h4_too_much_pressure_stops_the_pump_at_once(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.values["line/water_pressure"] = 600.0
    farm.tick()
    assert farm.level("pump") == 0.0
    assert ("line", "safety.pressure") in farm.raised()


def dosing(rig: RigMaker, **more: object) -> Rig:
    """A rig that waters by hand long enough and doses."""
    farm = rig(**more)
    farm.hold("valve-a", seconds=14_000)
    farm.run(40)
    farm.hold("doser", seconds=14_000)
    return farm


def test_h5_no_dose_without_flowing_water(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("doser")
    farm.run(30)
    assert farm.level("doser") == 0.0
    assert farm.limit("doser") == "safety.dose_no_water"
    farm.hold("valve-a")
    farm.run(15)
    assert farm.level("doser") == 0.0  # the pipe is still filling
    farm.run(20)
    assert farm.level("doser") == 1.0
    farm.hold("pump", level=0.0)
    farm.tick()
    assert farm.level("doser") == 0.0


def test_h5_doses_stop_at_the_caps_of_event_hour_and_day_and_never_pass_110_percent(rig: RigMaker) -> None:
    farm = dosing(rig)
    valve = msgspec.structs.replace(farm.settings.zones[0], daily_cap_l=1e6)
    settings = msgspec.structs.replace(farm.settings, zones=(valve, farm.settings.zones[1]))
    outs = tuple(msgspec.structs.replace(o, max_on_s=80_000.0) for o in settings.outputs)
    farm = dosing(rig, settings=msgspec.structs.replace(settings, outputs=outs), step_ms=2000)
    given: list[float] = []
    seen = set()
    ph = 6.0
    for tick in range(15_000):
        if tick % 7_000 == 0:
            farm.overrides = ()
            farm.hold("valve-a", seconds=14_300)
            farm.hold("doser", seconds=14_300)
        if farm.limit("doser") == "safety.dose_event":  # somebody asks again and again
            farm.overrides = tuple(o for o in farm.overrides if o.output != "doser")
            farm.tick()
            farm.hold("doser", seconds=14_000)
        ph = 6.2 if ph == 6.0 else 6.0  # every dose has an effect
        farm.values |= {"line/water_ph": ph, "line/water_ph.1": ph}
        farm.tick()
        given.append(20.0 * farm.level("doser"))
        seen.add(farm.limit("doser"))
    assert seen >= {"safety.dose_event", "safety.dose_hour", "safety.dose_day"}
    assert sum(given) <= 1.1 * 4000.0
    assert max(sum(given[i : i + 1800]) for i in range(0, len(given) - 1800, 60)) <= 1.1 * 1000.0
    assert sum(given) >= 0.9 * 4000.0


def test_h5_two_probes_that_differ_stop_dosing_at_once_and_lock_it(rig: RigMaker) -> None:
    for probe, value in (("line/water_ph.1", 6.5), ("line/water_ec.1", 2.5)):
        farm = dosing(rig)
        farm.run(3)
        assert farm.level("doser") == 1.0
        farm.values[probe] = value
        farm.tick()
        assert farm.level("doser") == 0.0
        farm.run(15)
        farm.values |= {"line/water_ph.1": 6.0, "line/water_ec.1": 2.0}
        farm.run(30)
        assert farm.level("doser") == 0.0
        assert ("line", "safety.probes_differ") in farm.raised()
        farm.resets = (Reset("line", "an"),)
        farm.run(3)
        assert farm.level("doser") == 1.0


def test_h5_a_short_disagreement_only_pauses(rig: RigMaker) -> None:
    farm = dosing(rig)
    farm.values["line/water_ph.1"] = 6.5
    farm.run(5)
    farm.values["line/water_ph.1"] = 6.0
    farm.run(2)
    assert farm.level("doser") == 1.0


def test_h5_fifteen_doses_without_effect_lock(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=14_000)
    farm.run(40)
    base = farm.overrides
    for dose in range(1, 16):
        farm.hold("doser")
        farm.run(2)
        farm.overrides = base
        farm.run(2)
        assert (("line", "safety.dose_ineffective") in farm.raised()) == (dose == 15)
    farm.hold("doser")
    farm.run(5)
    assert farm.level("doser") == 0.0


def test_h5_a_dose_with_effect_starts_the_count_anew(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=14_000)
    farm.run(40)
    base = farm.overrides
    for dose in range(40):
        farm.hold("doser")
        farm.run(2)
        farm.overrides = base
        if dose % 10 == 9:
            farm.values |= {"line/water_ec": 2.0 + dose / 50, "line/water_ec.1": 2.0 + dose / 50}
        farm.run(2)
    assert not farm.raised()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"line/water_ec": 0.1, "line/water_ec.1": 0.1}, "safety.probe_dry"),
        ({"line/water_ec": 4.5, "line/water_ec.1": 4.5}, "safety.solution_limit"),
        ({"line/water_ph": 4.2, "line/water_ph.1": 4.2}, "safety.solution_limit"),
        ({"line/water_ph": 7.9, "line/water_ph.1": 7.9}, "safety.solution_limit"),
        ({"line/water_ec": math.nan, "line/water_ec.1": math.nan}, "safety.probe_lost"),
        ({"line/water_ph": math.inf, "line/water_ph.1": math.nan}, "safety.probe_lost"),
    ],
)
def test_h6_a_bad_probe_or_solution_stops_dosing_within_a_tick(
    rig: RigMaker, change: dict[str, float], code: str
) -> None:
    farm = dosing(rig)
    farm.run(3)
    assert farm.level("doser") == 1.0
    farm.values |= change
    farm.tick()
    assert farm.level("doser") == 0.0
    assert ("line", code) in farm.raised()


def test_h6_one_lost_probe_of_two_is_borne_and_a_dry_one_latches(rig: RigMaker) -> None:
    farm = dosing(rig)
    farm.values["line/water_ec"] = math.nan
    farm.run(3)
    assert farm.level("doser") == 1.0
    farm.values["line/water_ec.1"] = 0.1
    farm.run(15)
    farm.values["line/water_ec.1"] = 2.0
    farm.run(15)
    assert farm.level("doser") == 0.0


@pytest.mark.parametrize("flag", [Quality.STALE, Quality.STUCK, Quality.RANGE, Quality.SPIKE, Quality.LOCKED])
def test_h6_a_value_with_a_bad_mark_is_no_value(rig: RigMaker, flag: Quality) -> None:
    farm = dosing(rig)
    farm.run(3)
    farm.quality |= {"line/water_ph": int(flag), "line/water_ph.1": int(flag)}
    farm.tick()
    assert farm.level("doser") == 0.0


def set_temperatures(farm: Rig, *values: float) -> None:
    for name, value in zip(
        ("house/air_temperature", "house/air_temperature.1", "house/air_temperature.2"), values, strict=True
    ):
        farm.values[name] = value


def test_h7_two_of_three_hot_thermometers_open_everything_within_30_s(rig: RigMaker) -> None:
    farm = rig()
    set_temperatures(farm, 24.0, 24.0, 55.0)
    farm.run(30)
    assert ("house", "safety.heat") not in farm.raised()
    set_temperatures(farm, 24.0, 44.0, 55.0)
    assert farm.until(lambda r: r.level("vent") == 1.0 and r.level("fan") == 1.0 and r.level("shade") == 1.0, 60) <= 30
    assert farm.level("heater") == 0.0
    assert ("house", "safety.heat") in farm.raised()
    set_temperatures(farm, 24.0, 41.5, 55.0)
    farm.tick()
    assert not [e for e in farm.events if e.kind == "hazard.cleared"]  # one kelvin of hysteresis
    set_temperatures(farm, 24.0, 40.5, 24.0)
    farm.tick()
    assert [e.subject for e in farm.events if e.kind == "hazard.cleared"] == ["house"]


def test_h7_heat_wins_over_people(rig: RigMaker) -> None:
    farm = rig()
    set_temperatures(farm, 45.0, 45.0, 45.0)
    farm.hold("vent", level=0.0)
    farm.hold("heater", level=1.0)
    farm.run(3)
    assert (farm.level("vent"), farm.level("heater")) == (1.0, 0.0)


@pytest.mark.parametrize(("outside", "vent", "code"), [(20.0, 1.0, "safety.blind"), (4.0, 0.0, "safety.blind_cold")])
def test_h7_a_blind_house_opens_unless_it_is_cold_outside(
    rig: RigMaker, outside: float, vent: float, code: str
) -> None:
    farm = rig(limits={"blind_after_s": 20.0})
    farm.values["station/air_temperature"] = outside
    farm.values |= {"house/air_humidity": 20.0}  # dry air: the fogger wants to run
    farm.hold("heater")
    farm.run(70)
    assert farm.level("heater") == 1.0
    set_temperatures(farm, math.nan, math.nan, math.nan)
    farm.quality["house/air_temperature"] = int(Quality.COMM)
    assert farm.until(lambda r: ("house", code) in r.raised(), 60) <= 30
    assert (farm.level("vent"), farm.level("heater"), farm.level("fogger")) == (vent, 0.0, 0.0)
    set_temperatures(farm, math.nan, 24.0, math.nan)
    farm.run(2)
    assert [e.subject for e in farm.events if e.kind == "hazard.cleared"] == ["house"]


def test_h7_two_thermometers_that_tell_of_heat_and_of_frost_make_the_house_blind(rig: RigMaker) -> None:
    farm = rig(limits={"blind_after_s": 20.0})
    set_temperatures(farm, 60.0, -4.0, math.nan)
    assert farm.until(lambda r: ("house", "safety.blind") in r.raised(), 60) <= 30


def test_h8_frost_closes_and_heats_within_30_s(rig: RigMaker) -> None:
    farm = rig()
    set_temperatures(farm, 1.0, 1.5, 12.0)
    farm.hold("vent", level=1.0)
    assert farm.until(lambda r: r.level("vent") == 0.0 and r.level("heater") == 1.0, 60) <= 30
    assert ("house", "safety.frost") in farm.raised()
    set_temperatures(farm, 2.5, 2.5, 2.5)
    farm.tick()
    assert not [e for e in farm.events if e.kind == "hazard.cleared"]
    set_temperatures(farm, 3.5, 3.5, 3.5)
    farm.tick()
    assert [e.subject for e in farm.events if e.kind == "hazard.cleared"] == ["house"]


def test_h9_a_storm_closes_the_vents_at_once_and_a_calm_opens_them_later(rig: RigMaker) -> None:
    farm = rig(limits={"storm_clear_s": 300.0})
    set_temperatures(farm, 33.0, 33.0, 33.0)
    farm.run(3)
    assert farm.level("vent") == 1.0
    farm.values["station/wind_speed"] = 16.0
    farm.tick()
    assert farm.level("vent") == 0.0
    assert ("house", "safety.storm") in farm.raised()
    farm.values["station/wind_speed"] = 13.0  # not calm yet
    farm.run(600)
    assert farm.level("vent") == 0.0
    farm.values["station/wind_speed"] = 5.0
    farm.run(200)
    farm.values["station/wind_speed"] = 13.0  # the calm must last
    farm.run(5)
    farm.values["station/wind_speed"] = 5.0
    assert 295 <= farm.until(lambda r: r.level("vent") == 1.0, 600) <= 310


def test_h9_storm_wins_over_heat_for_vents_while_fans_run(rig: RigMaker) -> None:
    farm = rig()
    set_temperatures(farm, 45.0, 45.0, 45.0)
    farm.values["station/wind_speed"] = 20.0
    farm.run(40)
    assert (farm.level("vent"), farm.level("fan")) == (0.0, 1.0)


def test_h9_a_silent_wind_meter_counts_as_a_storm_after_60_s(rig: RigMaker) -> None:
    farm = rig()
    set_temperatures(farm, 33.0, 33.0, 33.0)
    farm.run(3)
    del farm.values["station/wind_speed"]
    farm.run(55)
    assert farm.level("vent") == 1.0
    assert farm.until(lambda r: r.level("vent") == 0.0, 60) <= 20
    assert ("house", "safety.wind_stale") in farm.raised()
    farm.values["station/wind_speed"] = 3.0
    farm.run(2)
    assert farm.level("vent") == 1.0


def test_h9_a_wind_meter_that_dies_in_a_storm_keeps_the_storm(rig: RigMaker) -> None:
    farm = rig()
    farm.values["station/wind_speed"] = 20.0
    farm.run(3)
    del farm.values["station/wind_speed"]
    farm.run(120)
    assert ("house", "safety.wind_stale") not in farm.raised()
    assert farm.engine.hazards() == [("house", "safety.storm")]


def test_h9_vents_stay_shut_after_a_start_until_wind_is_known(rig: RigMaker) -> None:
    farm = rig(started=False)
    del farm.values["station/wind_speed"]
    set_temperatures(farm, 33.0, 33.0, 33.0)
    farm.run(30)
    assert farm.level("vent") == 0.0


def filling(rig: RigMaker) -> Rig:
    farm = rig()
    farm.values["tank/water_level"] = 1.0
    farm.run(3)
    assert farm.level("fill") == 1.0
    return farm


@pytest.mark.parametrize(
    ("change", "code", "latched"),
    [
        ({"tank/water_level": 2.0}, "safety.tank_high", False),
        ({"tank/switch": 1.0}, "safety.tank_float", True),
        ({"tank/switch": math.nan}, "safety.tank_blind", False),
    ],
)
def test_h10_filling_stops_within_a_tick(rig: RigMaker, change: dict[str, float], code: str, latched: bool) -> None:
    farm = filling(rig)
    farm.hold("fill")
    farm.values |= change
    farm.tick()
    assert farm.level("fill") == 0.0
    assert farm.limit("fill") == code
    farm.values |= {"tank/water_level": 1.0, "tank/switch": 0.0}
    farm.run(5)
    assert farm.level("fill") == (0.0 if latched else 1.0)


def test_h10_filling_that_takes_too_long_is_latched_and_reset(rig: RigMaker) -> None:
    farm = filling(rig)
    assert farm.until(lambda r: r.level("fill") == 0.0, 7200) <= 3600
    assert ("line", "safety.fill_time") in farm.raised()
    farm.run(60)
    assert farm.level("fill") == 0.0
    farm.resets = (Reset("line", "an"),)
    farm.run(2)
    assert farm.level("fill") == 1.0


def test_h10_a_tank_of_unknown_level_is_not_filled(rig: RigMaker) -> None:
    farm = filling(rig)
    del farm.values["tank/water_level"]
    farm.run(2)
    assert farm.level("fill") == 0.0
    line = msgspec.structs.replace(farm.settings.lines[0], tank_float="")
    settings = msgspec.structs.replace(farm.settings, lines=(line,))
    blind = rig(settings=settings)
    del blind.values["tank/water_level"]
    blind.hold("fill")
    blind.run(5)
    assert blind.level("fill") == 0.0
    assert blind.limit("fill") == "safety.tank_blind"


def test_h12_a_day_that_comes_too_soon_brings_no_more_water(rig: RigMaker) -> None:
    farm = rig(minute=1.0, step_ms=20_000)
    farm.values |= WET
    total = 0.0
    for hour in range(19):
        farm.day += hour % 2  # the date runs wild
        farm.wall_ms += 86_400_000 * (hour % 2)
        before = farm.engine.water_today_l()["zone-a"]
        farm.run(3600)
        total += max(0.0, farm.engine.water_today_l()["zone-a"] - before)
    assert total <= 400.0 + 0.5
    assert any(e.kind == "clock.step" for e in farm.events)


def test_h12_without_a_trusted_clock_the_day_is_counted_by_the_monotonic_one(rig: RigMaker) -> None:
    farm = rig(clock_ok=False, step_ms=60_000)
    farm.values |= WET
    farm.run(29 * 3600)
    assert farm.engine.water_today_l()["zone-a"] <= 400.0
    assert farm.code("valve-a") == "irrigation.idle.cap"
    farm.run(2 * 3600)
    assert farm.code("valve-a") != "irrigation.idle.cap"


def test_h12_the_first_day_ends_at_its_own_midnight(rig: RigMaker) -> None:
    farm = rig(minute=22 * 60.0, step_ms=10_000)
    farm.values |= WET
    farm.run(7000)
    assert farm.engine.water_today_l()["zone-a"] > 100.0
    farm.run(300)
    assert farm.engine.water_today_l()["zone-a"] < 100.0


def test_h14_an_override_that_is_over_or_endless_has_no_effect(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=0.5)
    farm.tick()
    farm.hold("valve-b", seconds=1e7)
    farm.hold("nothing-of-that-name")
    farm.run(5)
    assert farm.level("valve-a") == farm.level("valve-b") == 0.0


def test_h22_after_a_start_everything_is_off_while_leaks_are_looked_for(rig: RigMaker) -> None:
    farm = rig(started=False)
    farm.values |= WET
    for name in ("fan", "heater", "vent"):
        farm.hold(name)
    farm.run(9)
    assert [farm.level(name) for name in farm.engine.outputs] == [0.0] * len(farm.engine.outputs)
    assert farm.limit("fan") == "safety.boot_hold"
    farm.run(200)
    assert farm.level("fan") == 1.0


def test_h25_maintenance_keeps_a_place_safe_except_by_the_hand_there_and_ends_by_itself(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.maintenance = (Maintenance("line", farm.mono_ms + 600_000, "binh"),)
    farm.tick()
    farm.run(3)
    assert [farm.level(name) for name in IRRIGATION] == [0.0] * 5
    assert farm.limit("pump") == "safety.maintenance"
    farm.hold("valve-a", origin="remote")
    farm.run(2)
    assert farm.level("valve-a") == 0.0
    farm.hold("valve-a", origin="local")
    farm.run(2)
    assert farm.level("valve-a") == 1.0
    farm.overrides = ()
    farm.run(700)
    assert farm.limit("pump") != "safety.maintenance"
    farm.maintenance = (Maintenance("house", farm.mono_ms + 10_000_000, "binh"),)
    farm.hold("fan")
    farm.run(40)
    assert farm.level("fan") == 1.0  # endless maintenance is refused


def test_h25_the_hand_at_the_plant_wins_over_remote(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("fan", 0.0, origin="local")
    farm.hold("fan", 1.0, origin="remote")
    farm.run(40)
    assert farm.level("fan") == 0.0


def is_on(output: str, farm: Rig) -> bool:
    return farm.level(output) > 0.0


def test_mains_loss_switches_off_and_machines_come_back_one_after_the_other(rig: RigMaker) -> None:
    limits = {"mains": "farm/voltage", "restart_settle_s": 10.0, "restart_stagger_s": 5.0}
    farm = rig(limits=limits, started=False)
    farm.values["farm/voltage"] = 230.0
    for name in ("fan", "heater", "shade"):
        farm.hold(name, seconds=3000)
    farm.run(200)
    assert farm.level("fan") == farm.level("heater") == farm.level("shade") == 1.0
    farm.values["farm/voltage"] = math.nan  # a silent meter proves nothing
    farm.tick()
    assert farm.level("fan") == 1.0
    farm.values["farm/voltage"] = 20.0
    farm.tick()
    assert farm.level("fan") == farm.level("heater") == 0.0
    assert ("farm", "safety.mains") in farm.raised()
    farm.run(120)
    farm.values["farm/voltage"] = 231.0
    starts = {name: farm.until(partial(is_on, name), 200) for name in ("fan", "heater", "shade")}
    assert starts["fan"] >= 10.0
    assert min(starts["heater"], starts["shade"]) >= 4.0


def test_the_emergency_stop_shuts_all_at_once_but_lets_the_siren_cry(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.hold("siren")
    farm.hold("fan")
    farm.run(40)
    farm.stop_all = True
    farm.tick()
    levels = {name: farm.level(name) for name in farm.engine.outputs}
    assert levels.pop("siren") == 1.0
    assert set(levels.values()) == {0.0}
    assert ("farm", "safety.stop_all") in farm.raised()


def test_longest_time_on_trips_and_water_needs_a_new_wish(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=4000)
    farm.run(30)
    assert 1160 <= farm.until(lambda r: r.level("valve-a") == 0.0, 2000) <= 1205
    assert ("valve-a", "safety.max_on") in farm.raised() or farm.limit("valve-a") == "safety.daily_water"
    farm.run(600)
    assert farm.level("valve-a") == 0.0
    farm.resets = (Reset("valve-a", "an"),)
    farm.run(3)


def test_a_climate_output_rests_after_its_longest_time_and_comes_back(rig: RigMaker) -> None:
    outs = tuple(
        msgspec.structs.replace(o, max_on_s=100.0, min_off_s=0.0) if o.id == "heater" else o
        for o in rig(started=False).settings.outputs
    )
    farm = rig(settings=msgspec.structs.replace(rig(started=False).settings, outputs=outs))
    set_temperatures(farm, 1.0, 1.0, 1.0)
    farm.run(3)
    assert farm.level("heater") == 1.0
    assert farm.until(lambda r: r.level("heater") == 0.0, 200) <= 101
    assert 295 <= farm.until(lambda r: r.level("heater") == 1.0, 600) <= 305


def test_shortest_pause_and_hours_a_day_hold(rig: RigMaker) -> None:
    base = rig(started=False).settings
    outs = tuple(
        msgspec.structs.replace(o, daily_max_on_s=120.0, min_off_s=30.0) if o.id == "fan" else o for o in base.outputs
    )
    farm = rig(settings=msgspec.structs.replace(base, outputs=outs))
    farm.hold("fan")
    farm.run(60)
    farm.overrides = ()
    farm.run(2)
    farm.hold("fan")
    farm.run(10)
    assert farm.level("fan") == 0.0
    assert farm.limit("fan") == "safety.min_off"
    farm.run(200)
    assert farm.level("fan") == 0.0
    assert farm.limit("fan") == "safety.daily_on"


def test_a_days_water_is_held_against_people_too(rig: RigMaker) -> None:
    farm = rig()
    for _ in range(10):
        farm.overrides = ()
        farm.run(3)
        farm.hold("valve-b", seconds=1000)
        farm.run(600)
    assert 350.0 <= farm.engine.water_today_l()["zone-b"] <= 400.0
    assert farm.limit("valve-b") == "safety.daily_water"


@pytest.mark.parametrize("level", [math.nan, math.inf, -math.inf])
def test_a_wish_that_is_no_number_opens_nothing(rig: RigMaker, level: float) -> None:
    farm = rig()
    for name in farm.engine.outputs:
        farm.hold(name, level)
    farm.run(5)
    assert [farm.level(name) for name in farm.engine.outputs] == [0.0] * len(farm.engine.outputs)
    assert ("valve-a", "safety.not_a_number") in farm.raised()


@pytest.mark.parametrize(("wish", "vent", "fan"), [(7.0, 1.0, 1.0), (-3.0, 0.0, 0.0), (0.3, 0.3, 0.0)])
def test_levels_are_held_in_their_range(rig: RigMaker, wish: float, vent: float, fan: float) -> None:
    farm = rig()
    farm.hold("vent", wish)
    farm.hold("fan", wish)
    farm.run(40)
    assert (farm.level("vent"), farm.level("fan")) == (vent, fan)


def test_a_reset_of_an_unknown_place_changes_nothing(rig: RigMaker) -> None:
    farm = rig()
    farm.resets = (Reset("nowhere", "an"),)
    farm.tick()
    assert not [e for e in farm.events if e.kind == "safety.reset"]


def test_a_plain_farm_without_pump_master_tank_wind_or_meter_still_waters_and_airs(rig: RigMaker) -> None:
    base = rig(started=False).settings
    line = LineSettings(id="line")
    house = msgspec.structs.replace(base.houses[0], wind="", rain="", outside_temperature="")
    keep = {"valve-a", "valve-b", "vent", "doser"}
    outs = tuple(o for o in base.outputs if o.id in keep)
    plain = rig(settings=msgspec.structs.replace(base, lines=(line,), houses=(house,), outputs=outs), flows=False)
    plain.values |= WET
    set_temperatures(plain, 33.0, 33.0, 33.0)
    plain.hold("doser")
    plain.run(3)
    assert (plain.level("valve-a"), plain.level("vent"), plain.level("doser")) == (1.0, 1.0, 0.0)
    plain.run(400)
    assert plain.code("valve-a") == "irrigation.idle.resting"
    assert 95.0 <= plain.engine.water_today_l()["zone-a"] <= 105.0  # by its rated flow


def test_low_flow_before_the_pump_has_run_long_enough_is_not_judged(rig: RigMaker) -> None:
    farm = rig()
    farm.flows = False
    farm.values |= WET | {"line/water_flow": 0.1}
    farm.hold("pump", level=0.0)
    farm.run(300)
    assert ("valve-a", "safety.no_flow") not in farm.raised()


def test_flow_that_comes_back_within_a_moment_is_no_dry_run(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.flows = False
    farm.values["line/water_flow"] = 0.0
    farm.run(1)
    farm.values["line/water_flow"] = 20.0
    farm.run(10)
    farm.values["line/water_flow"] = math.nan
    farm.run(10)
    assert farm.level("pump") == 1.0
    assert not farm.raised()


def test_h3_a_tank_that_runs_empty_stops_the_running_pump(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.values["tank/water_level"] = 0.2
    farm.tick()
    assert farm.level("pump") == 0.0
    assert ("line", "safety.dry_run") in farm.raised()


def test_h1_an_old_sample_of_too_much_flow_is_one_proof_not_three(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.flows = False
    farm.values["line/water_flow"] = 30.0
    for second in range(10):
        farm.age_ms["line/water_flow"] = 1000 * second
        farm.tick()
    assert not farm.raised()
