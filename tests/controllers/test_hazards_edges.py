# SPDX-License-Identifier: Apache-2.0
"""The edges of the gate's own limits: just before a bound nothing, at it all of it; half levels, empty ways, nought."""

import math

import numpy as np
import pytest

from controllers.kernels import codes, safety
from controllers.kernels import columns as c
from tests.controllers.safety_rig import NOW, Gate

HOUR_MS = 3_600_000.0


def test_what_is_infinite_is_no_number() -> None:
    table = np.array([[math.inf, -math.inf, 3.0, math.nan]])
    safety.scrub(table)
    np.testing.assert_array_equal(table, [[math.nan, math.nan, 3.0, math.nan]])


@pytest.mark.parametrize(
    ("day", "since_ms", "starts"),
    [
        (8.0, 20.0 * HOUR_MS - 1.0, False),
        (8.0, 20.0 * HOUR_MS, True),
        (7.0, 30.0 * HOUR_MS - 1.0, False),
        (7.0, 30.0 * HOUR_MS, True),
        (math.nan, 30.0 * HOUR_MS, True),
    ],
)
def test_h12_a_days_count_ends_with_the_date_after_20_h_and_by_itself_after_30(
    day: float, since_ms: float, starts: bool
) -> None:
    gate = Gate("valve-a")
    gate.t.f[[c.F_DAY, c.F_DAY_RESET]] = 7.0, 5000.0
    gate.os[c.S_DAY_L] = 50.0
    safety.new_day(5000.0 + since_ms, day, 0.0, gate.t.f, gate.t.os)
    assert gate.os[c.S_DAY_L] == (0.0 if starts else 50.0)


def test_an_output_at_half_doses_and_waters_half() -> None:
    doser, valve = Gate("doser"), Gate("valve-a")
    doser.os[c.S_LEVEL], doser.op[c.O_ML_S] = 0.5, 10.0
    doser.account(2000.0)
    assert doser.os[c.S_EVENT_ML] == 10.0
    valve.os[c.S_LEVEL], valve.op[c.O_FLOW_L_MIN], valve.ls[c.T_EXPECTED] = 0.5, 20.0, 10.0
    valve.lx[0, c.X_FLOW] = 8.0
    valve.account(60_000.0)
    assert valve.os[c.S_DAY_L] == 8.0


@pytest.mark.parametrize(("expected", "litres"), [(0.0, 0.0), (0.5, 2.0)])
def test_h12_water_is_counted_at_any_rated_flow_but_none_without_one(expected: float, litres: float) -> None:
    gate = Gate("valve-a")
    gate.os[c.S_LEVEL], gate.op[c.O_FLOW_L_MIN], gate.ls[c.T_EXPECTED] = 1.0, 0.5, expected
    gate.lx[0, c.X_FLOW] = 2.0
    gate.account(60_000.0)
    assert gate.os[c.S_DAY_L] == litres


@pytest.mark.parametrize(("pump", "runs", "litres"), [(-1.0, 0.0, 20.0), (0.0, 0.0, 0.0), (0.0, 1.0, 20.0)])
def test_h12_without_a_meter_water_is_counted_while_the_pump_runs_or_there_is_none(
    pump: float, runs: float, litres: float
) -> None:
    gate = Gate("valve-a")
    gate.lay.lp[0, c.L_PUMP] = pump
    gate.os[c.S_LEVEL], gate.op[c.O_FLOW_L_MIN] = 1.0, 20.0
    gate.ls[[c.T_EXPECTED, c.T_PUMP]] = 20.0, runs
    gate.account(60_000.0)
    assert gate.os[c.S_DAY_L] == litres


def test_a_house_without_hazard_forces_nothing() -> None:
    gate = Gate("vent")
    gate.op[[c.O_HEAT, c.O_FROST, c.O_BLIND, c.O_BLIND_COLD, c.O_STORM]] = 0.3
    gate.t.hs[0, c.U_STORM] = 0.0
    level, code = safety.house_force(0, gate.o, gate.lay.op, gate.t.hs)
    assert math.isnan(level)
    assert code == 0.0


@pytest.mark.parametrize(("cap_l", "code"), [(10.0, 0.0), (9.99999, codes.DAILY_WATER)])
def test_h12_a_valve_may_reach_its_days_water_and_not_a_drop_more(cap_l: float, code: float) -> None:
    gate = Gate("valve-a")
    gate.op[[c.O_FLOW_L_MIN, c.O_CAP_L]] = 60.0, cap_l
    gate.os[c.S_DAY_L] = 9.0
    assert gate.line_veto() == code


def test_h5_each_dose_cap_may_be_reached_and_not_passed() -> None:
    gate = Gate("doser")
    for column, cap, ring, code in (
        (c.S_EVENT_ML, c.O_EVENT_ML, -1, codes.DOSE_EVENT),
        (-1, c.O_HOUR_ML, c.D_HOUR, codes.DOSE_HOUR),
        (-1, c.O_DAY_ML, c.D_DAY, codes.DOSE_DAY),
    ):
        gate.op[[c.O_EVENT_ML, c.O_HOUR_ML, c.O_DAY_ML, c.O_ML_S]] = 100.0, 100.0, 100.0, 10.0
        gate.t.ds[gate.o] = 0.0
        gate.os[c.S_EVENT_ML] = 0.0
        if ring >= 0:
            gate.t.ds[gate.o, ring + 3] = 40.0
        else:
            gate.os[column] = 40.0
        gate.op[cap] = 50.0
        assert gate.dose_veto() == 0.0
        gate.op[cap] = 49.9999
        assert gate.dose_veto() == code


def test_a_limit_of_one_millisecond_is_a_limit() -> None:
    gate = Gate("valve-a")
    gate.os[[c.S_LEVEL, c.S_SINCE]] = 1.0, NOW - 1.0
    gate.op[c.O_MAX_ON_MS] = 1.0
    assert gate.time_veto(wanted=True) == codes.MAX_ON
    day = Gate("valve-a")
    day.op[c.O_DAY_ON_MS] = day.os[c.S_DAY_ON_MS] = 1.0
    assert day.time_veto(wanted=True) == codes.DAILY_ON


@pytest.mark.parametrize(("ago_ms", "code"), [(4_999.0, codes.BOOT_HOLD), (5_000.0, 0.0)])
def test_h22_the_hold_after_a_start_ends_at_its_bound(ago_ms: float, code: float) -> None:
    gate = Gate("valve-a")
    gate.lay.g[c.G_BOOT_HOLD], gate.t.f[c.F_BOOT] = 5_000.0, NOW - ago_ms
    assert gate.start_veto() == code


@pytest.mark.parametrize(("level", "code"), [(0.0, codes.RESTART_ORDER), (0.5, 0.0), (1.0, 0.0)])
def test_what_runs_when_mains_is_back_may_go_on(level: float, code: float) -> None:
    gate = Gate("fan")
    gate.op[c.O_MAINS], gate.t.f[c.F_MAINS_SINCE], gate.os[c.S_LEVEL] = 1.0, NOW, level
    assert gate.start_veto() == code


@pytest.mark.parametrize(
    ("expected", "stood_ms", "left_ml"),
    [(0.0, 9_000.0, 0.0), (0.5, 9_000.0, 7.0), (0.5, 1_000.0, 0.0), (0.5, 1_001.0, 7.0)],
)
def test_h5_a_fed_injectors_event_is_one_set_of_open_valves(expected: float, stood_ms: float, left_ml: float) -> None:
    gate = Gate("doser")
    gate.op[c.O_FED], gate.os[c.S_EVENT_ML] = 1.0, 7.0
    gate.ls[[c.T_EXPECTED, c.T_CHANGED]] = expected, NOW - stood_ms
    gate.gate(1.0)
    assert gate.os[c.S_EVENT_ML] == left_ml


def test_a_trip_is_over_when_the_wish_is_withdrawn_also_in_the_tick_that_still_ran() -> None:
    gate = Gate("valve-a")
    gate.os[[c.S_LEVEL, c.S_TRIPPED]] = 1.0, 1.0
    assert gate.gate(0.0) == (0.0, 0.0)
    assert gate.os[c.S_TRIPPED] == 0.0


def test_a_second_look_at_the_same_moment_counts_nothing() -> None:
    gate = Gate("fan")
    lay, t, n = gate.lay, gate.t, len(gate.lay.outputs)
    gate.os[c.S_LEVEL], t.f[c.F_LAST] = 1.0, NOW
    hx, quiet = np.full((1, c.Y_WIDTH), math.nan), np.zeros(n)
    safety.run(
        NOW, math.nan, 0.0, math.nan, 0.0, lay.g, t.f, lay.op, t.os, t.ds, lay.lp, t.ls, gate.lx, lay.hp, t.hs, hx,
        lay.first, lay.members, quiet, quiet, quiet, np.full(n, math.nan), np.zeros(n), np.zeros(n),
    )  # fmt: skip
    assert gate.os[c.S_DAY_ON_MS] == 0.0
