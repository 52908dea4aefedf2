# SPDX-License-Identifier: Apache-2.0
"""Hazards of water: leak, no flow, dry pump, dead head, tank (H1 to H4, H10), at one tick a second.

The bounds are those of docs/safety.md.
"""

import math

import msgspec
import pytest

from controllers.ticks import Reset
from tests.controllers.farm_rig import IRRIGATION, WET, Rig, RigMaker, watering


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
        open_last: list[str] = []
        while farm.level("valve-b") > 0.0 and ("line", "safety.no_flow_stop") not in farm.raised():
            open_last = [one for one in ("valve-a", "valve-b") if farm.level(one) > 0.0]
            farm.tick()
        farm.overrides = ()
    assert ("line", "safety.no_flow_stop") in farm.raised()
    stop = next(e for e in farm.events if e.fields.get("code") == "safety.no_flow_stop" and e.kind == "hazard.raised")
    assert stop.fields["valves"] == ", ".join(open_last)
    assert open_last
    farm.run(7200)
    assert farm.level("valve-b") == 0.0


def test_h2_the_alarm_of_a_valve_stands_while_its_zone_is_left_out_and_names_what_should_flow(
    rig: RigMaker,
) -> None:
    farm = rig(limits={"zone_fault_rest_s": 60.0})
    farm.flows = False
    farm.values |= WET | {"line/water_flow": 0.1}
    farm.until(lambda r: ("valve-a", "safety.no_flow") in r.raised(), 120)
    raised = next(e for e in farm.events if e.kind == "hazard.raised")
    assert raised.fields["expected_l_min"] == 20.0
    farm.values |= {"zone-a/soil_moisture": 35.0}  # nobody wants it any more
    farm.run(50)
    assert not [e for e in farm.events if e.kind == "hazard.cleared"]
    farm.run(15)
    assert [e.subject for e in farm.events if e.kind == "hazard.cleared"] == ["valve-a"]


def test_h2_a_valve_that_has_been_repaired_waters_again_after_its_rest(rig: RigMaker) -> None:
    farm = rig(limits={"zone_fault_rest_s": 60.0})
    farm.flows = False
    farm.values |= WET | {"line/water_flow": 0.1}
    farm.until(lambda r: ("valve-a", "safety.no_flow") in r.raised(), 120)
    farm.run(5)
    farm.flows = True
    farm.hold("valve-a", seconds=600.0)
    assert farm.until(lambda r: r.level("valve-a") == 1.0, 120) >= 45
    farm.run(120)
    assert farm.level("valve-a") == farm.level("pump") == 1.0


def test_h2_good_flow_between_forgives(rig: RigMaker) -> None:
    farm = watering(rig)
    farm.run(300)
    assert farm.code("valve-a").startswith(("irrigation.stop", "irrigation.idle"))
    assert not farm.raised()


def test_h3_a_zone_without_flow_after_one_with_flow_is_no_dry_pump(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=120)
    farm.run(110)
    assert farm.level("pump") == 1.0
    farm.hold("valve-b", seconds=600)
    farm.until(lambda r: r.level("valve-b") == 1.0 and r.level("valve-a") == 0.0, 60)
    farm.flows = False
    farm.values["line/water_flow"] = 0.0
    farm.until(lambda r: r.level("valve-b") == 0.0, 60)
    assert [code for _, code in farm.raised()] == ["safety.no_flow"]


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
