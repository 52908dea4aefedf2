# SPDX-License-Identifier: Apache-2.0
"""Limits that hold for every output, people, mains and time (H12, H14, H16, H22, H25), at one tick a second.

The bounds are those of docs/safety.md.
"""

import math
from functools import partial

import msgspec
import pytest

from controllers.settings import LineSettings
from controllers.ticks import Maintenance, Reset
from tests.controllers.farm_rig import IRRIGATION, WET, RigMaker, is_on, set_temperatures, watering


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
