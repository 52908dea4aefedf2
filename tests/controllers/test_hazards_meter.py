# SPDX-License-Identifier: Apache-2.0
"""A flow meter that is asked every few seconds: what it measured before a run proves nothing of that run (H2, H3)."""

import math

import pytest

from tests.controllers.farm_rig import Rig, RigMaker


def metered(farm: Rig, period_s: int, seconds: float, *, runs_dry: bool = False) -> float:
    """Let time pass with a flow meter asked every ``period_s``; give the seconds until the pump stopped, else inf."""
    farm.flows = False
    for second in range(int(seconds)):
        pumping = farm.level("pump") > 0.0 and farm.level("master") > 0.0 and not runs_dry
        farm.age_ms["line/water_flow"] = 1000 * (farm.ticks % period_s)
        if farm.ticks % period_s == 0:
            opened = farm.level("valve-a") + farm.level("valve-b")
            farm.values["line/water_flow"] = 20.0 * opened if pumping else 0.0
        if runs_dry and farm.level("pump") == 0.0:
            return second
        farm.tick()
    return math.inf


@pytest.mark.parametrize(("period_s", "pause_s"), [(5, 0), (5, 3), (60, 0), (60, 10)])
def test_h3_a_flow_measured_before_this_run_is_neither_a_dry_pump_nor_a_dead_valve(
    rig: RigMaker, period_s: int, pause_s: int
) -> None:
    farm = rig()
    for handover in range(4):
        farm.overrides = ()
        metered(farm, period_s, pause_s)
        farm.hold(("valve-a", "valve-b")[handover % 2], seconds=300)
        metered(farm, period_s, 101)
        assert farm.level("pump") == 1.0
    assert not farm.raised()


def test_h3_a_pump_that_rested_behind_its_open_valve_is_not_dry_when_it_starts_again(rig: RigMaker) -> None:
    farm = rig()
    farm.hold("valve-a", seconds=900)
    metered(farm, 5, 61)
    for rest_s in (10, 11, 12, 13, 14):  # wherever the meter's period stands
        farm.hold("pump", level=0.0, seconds=rest_s + 1)
        metered(farm, 5, rest_s)
        assert farm.level("pump") == 0.0
        metered(farm, 5, 40)
        assert farm.level("pump") == 1.0
    assert not farm.raised()


@pytest.mark.parametrize("period_s", [1, 5])
def test_h3_a_slow_meter_delays_the_end_of_a_dry_run_by_no_more_than_its_own_period(
    rig: RigMaker, period_s: int
) -> None:
    farm = rig()
    for valve in ("valve-a", "valve-b"):  # the second after a handover
        farm.overrides = ()
        farm.hold(valve, seconds=300)
        metered(farm, period_s, 61)
    assert metered(farm, period_s, 60, runs_dry=True) <= 5 + period_s
    assert farm.raised() == [("line", "safety.dry_run")]
