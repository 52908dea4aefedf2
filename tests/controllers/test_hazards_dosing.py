# SPDX-License-Identifier: Apache-2.0
"""Hazards of dosing: caps, probes, doses without effect (H5, H6), at one tick a second.

The bounds are those of docs/safety.md.
"""

import math

import msgspec
import pytest

from controllers.ticks import Reset
from telemetry.records import Quality
from tests.controllers.farm_rig import Rig, RigMaker


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
    farm = dosing(rig, settings=msgspec.structs.replace(settings, outputs=outs), step_ms=10_000)
    given: list[float] = []
    seen = set()
    ph = 6.0
    for tick in range(3_000):
        if tick % 1_400 == 0:
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
        given.append(100.0 * farm.level("doser"))
        seen.add(farm.limit("doser"))
    assert seen >= {"safety.dose_event", "safety.dose_hour", "safety.dose_day"}
    assert sum(given) <= 1.1 * 4000.0
    assert max(sum(given[i : i + 360]) for i in range(0, len(given) - 360, 12)) <= 1.1 * 1000.0
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
