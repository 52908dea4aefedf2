# SPDX-License-Identifier: Apache-2.0
"""Hazards of a house: heat, frost, blindness, storm (H7 to H9), at one tick a second.

The bounds are those of docs/safety.md.
"""

import math

import msgspec
import pytest

from controllers.settings import SafetyLimits
from telemetry.records import Quality
from tests.controllers.farm_rig import FARM, Rig, RigMaker, set_temperatures


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


@pytest.mark.parametrize(("air", "code"), [(42.0, ""), (42.1, "safety.heat"), (2.0, ""), (1.9, "safety.frost")])
def test_a_limit_is_passed_only_beyond_it_and_its_hysteresis_only_after_it(
    rig: RigMaker, air: float, code: str
) -> None:
    farm = rig()
    set_temperatures(farm, air, air, air)
    farm.run(3)
    assert [told for _, told in farm.raised()] == ([code] if code else [])


def test_h7_thermometers_that_are_silent_for_a_moment_are_no_blind_house(rig: RigMaker) -> None:
    farm = rig(limits={"blind_after_s": 20.0})
    for _ in range(2):
        set_temperatures(farm, math.nan, math.nan, math.nan)
        farm.run(19)
        assert not farm.raised()
        set_temperatures(farm, 24.0, 24.0, 24.0)
        farm.run(2)


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


def test_h7_a_house_that_nothing_moves_may_be_blind_without_an_alarm() -> None:
    settings = msgspec.structs.replace(FARM, outputs=(), zones=(), lines=(), limits=SafetyLimits(blind_after_s=20.0))
    farm = Rig(settings, flows=False)
    set_temperatures(farm, math.nan, math.nan, math.nan)
    farm.run(120)
    assert farm.engine.hazards() == []
    assert [e for e in farm.events if e.kind == "hazard.raised" and e.subject == "house"] == []


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
