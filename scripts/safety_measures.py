# SPDX-License-Identifier: Apache-2.0
"""Measures the agent's safety bounds on the small farm of the tests, second by second, always with the same result.

The rule it keeps: a figure comes from a life of the real engine; nothing here is typed in.
"""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from controllers.settings import SafetyLimits
from controllers.ticks import Maintenance
from tests.controllers.farm_rig import FARM, GOOD, WET, Rig, set_temperatures

LONG_S: Final = 4000.0


def _farm(**limits: float) -> Rig:
    changed = msgspec.structs.replace(SafetyLimits(), **limits)
    return Rig(settings=msgspec.structs.replace(FARM, limits=changed)).run(60)


def _watering() -> Rig:
    farm = _farm()
    farm.values |= WET
    return farm.run(60)


def _raised(farm: Rig, code: str) -> float:
    return farm.until(lambda rig: any(code == told for _, told in rig.raised()), LONG_S)


def _level(farm: Rig, output: str, level: float) -> float:
    return farm.until(lambda rig: rig.level(output) == level, LONG_S)


def leak() -> float:
    """Flow with all valves shut: seconds until the line is latched."""
    farm = _farm()
    farm.flows, farm.values["line/water_flow"] = False, 5.0
    return _raised(farm, "safety.leak")


def stuck_on() -> float:
    """A switch that stays on: seconds until its line is latched."""
    farm = _farm()
    farm.feedback["valve-b"] = 1.0
    return _raised(farm, "safety.stuck_on")


def burst() -> float:
    """Twice the rated flow in the middle of a watering: seconds until the pump is off."""
    farm = _watering()
    farm.flows, farm.values["line/water_flow"] = False, 50.0
    return _level(farm, "pump", 0.0)


def no_flow() -> float:
    """No flow from the beginning: seconds from the pump's start until its valve is shut (20 s of them filling)."""
    farm = _farm()
    farm.flows = False
    farm.values |= WET | {"line/water_flow": 0.1}
    _level(farm, "pump", 1.0)
    return _level(farm, "valve-a", 0.0)


def dry_by(series: str, value: float) -> Callable[[], float]:
    """Give what measures the seconds from the loss of water to the pump's stop, seen by one instrument."""

    def measure() -> float:
        farm = _watering()
        farm.flows, farm.values[series] = False, value
        return _level(farm, "pump", 0.0)

    return measure


def dead_head() -> float:
    """Orders at random on pump, master and valves for an hour: seconds in which the pump stood against a closed way."""
    farm = _farm()
    against = 0.0
    for second in range(3600):
        if second % 7 == 0:
            farm.overrides = ()
            for i, output in enumerate(("pump", "master", "valve-a", "valve-b")):
                farm.hold(output, level=float((second * 2654435761 >> (3 + i)) & 1), seconds=7.0)
        farm.tick()
        way = farm.level("master") > 0.0 and (farm.level("valve-a") > 0.0 or farm.level("valve-b") > 0.0)
        against += farm.level("pump") > 0.0 and not way
    return against


def overdose() -> float:
    """The most of a watering's cap that is ever given, in percent of the cap."""
    farm = _farm()
    farm.hold("valve-a", seconds=3000)
    farm.run(60)
    farm.hold("doser", seconds=3000)
    given = 0.0
    for _ in range(300):
        farm.tick()
        given += 10.0 * farm.level("doser")
    return 100.0 * given / 500.0


def probe_lost() -> float:
    """An EC probe that is gone during a dose: seconds until dosing stops."""
    farm = _farm()
    farm.hold("valve-a", seconds=3000)
    farm.run(60)
    farm.hold("doser", seconds=3000)
    farm.run(5)
    farm.values |= {"line/water_ec": math.nan, "line/water_ec.1": math.nan}
    return _level(farm, "doser", 0.0)


def heat() -> float:
    """Two hot thermometers of three: seconds until vents and fans are fully on."""
    farm = _farm()
    set_temperatures(farm, 45.0, 45.0, 24.0)
    return farm.until(lambda rig: rig.level("vent") == rig.level("fan") == 1.0, LONG_S)


def blind() -> float:
    """No thermometer left: seconds until the house is opened."""
    farm = _farm()
    set_temperatures(farm, math.nan, math.nan, math.nan)
    return farm.until(lambda rig: rig.level("vent") == rig.level("fan") == 1.0, LONG_S)


def frost() -> float:
    """Two cold thermometers of three: seconds until the heater is on and the vents are shut."""
    farm = _farm()
    set_temperatures(farm, 0.0, 0.0, 24.0)
    return farm.until(lambda rig: rig.level("heater") == 1.0 and rig.level("vent") == 0.0, LONG_S)


def storm(wind: float) -> Callable[[], float]:
    """Give what measures the seconds until open vents stand in storm position; wind NaN: the meter falls silent."""

    def measure() -> float:
        farm = _farm()
        farm.hold("vent", seconds=3000.0)
        farm.run(5)
        farm.values["station/wind_speed"] = wind
        return _level(farm, "vent", 0.0)

    return measure


def overflow(series: str, value: float) -> Callable[[], float]:
    """Give what measures the seconds until filling stops, once level or float tell of a full tank."""

    def measure() -> float:
        farm = _farm()
        farm.values["tank/water_level"] = 1.0
        farm.hold("fill", seconds=3000.0)
        farm.run(5)
        farm.values[series] = value
        return _level(farm, "fill", 0.0)

    return measure


def day_water() -> float:
    """Litres above the day's cap when the date jumps forward every hour while a person asks for water all day."""
    farm = Rig(step_ms=5000).run(60)
    litres = 0.0
    for second in range(0, 6 * 3600, 5):
        if second % 3600 == 0:
            farm.day += 1
        if second % 600 == 0:
            farm.overrides = ()
            farm.hold("valve-a", seconds=600.0)
        farm.tick()
        litres += farm.level("valve-a") * farm.level("pump") * 20.0 * 5.0 / 60.0
    return max(0.0, litres - 400.0)


def endless_order() -> float:
    """Seconds in which an endless or no-number order holds a valve open."""
    farm = _farm()
    farm.hold("valve-a", level=math.nan)
    farm.hold("valve-b", seconds=1e12)
    on = 0.0
    for _ in range(120):
        farm.tick()
        on += farm.level("valve-a") + farm.level("valve-b")
    return on


def boot_hold() -> float:
    """Seconds of the first ten after a start in which anything is on, with everybody asking."""
    farm = Rig()
    farm.values |= WET
    farm.hold("valve-b")
    on = 0.0
    for _ in range(9):
        farm.tick()
        on += any(farm.level(output.id) > 0.0 for output in FARM.outputs)
    return on


def maintenance() -> float:
    """Somebody begins to work at the house: seconds until its fan, held on from afar, stands still."""
    farm = _farm()
    farm.hold("fan", origin="remote")
    farm.run(60)
    farm.maintenance = (Maintenance("house", farm.mono_ms + 600_000, "minh"),)
    return _level(farm, "fan", 0.0)


def mains() -> float:
    """The mains fail: seconds until the pump is off."""
    limits = msgspec.structs.replace(FARM.limits, mains="line/voltage")
    farm = Rig(settings=msgspec.structs.replace(FARM, limits=limits), values=GOOD | {"line/voltage": 230.0}).run(60)
    farm.values |= WET
    farm.run(60)
    farm.values["line/voltage"] = 0.0
    return _level(farm, "pump", 0.0)


def emergency_stop() -> float:
    """The emergency stop is pressed during a watering: seconds until everything but the siren is off."""
    farm = _watering()
    farm.stop_all = True
    off = [output.id for output in FARM.outputs if output.kind != "siren"]
    return farm.until(lambda rig: not any(rig.level(output) > 0.0 for output in off), LONG_S)


def longest_on() -> float:
    """Seconds beyond its longest time on for which a valve that a person keeps asking for stays open."""
    farm = _farm()
    farm.hold("valve-b", seconds=4000.0)
    _level(farm, "valve-b", 1.0)
    return _level(farm, "valve-b", 0.0) - 1200.0
