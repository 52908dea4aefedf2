# SPDX-License-Identifier: Apache-2.0
"""The bounds of a water line's safety to the millisecond: just before them nothing, at them all of it (H1, H2, H3)."""

import numpy as np
import pytest

from controllers.kernels import codes, safety_lines
from controllers.kernels import columns as c
from tests.controllers.safety_rig import Line, row, solution


@pytest.mark.parametrize(
    ("limit", "signal", "delay_ms"), [(c.L_DRY_A, c.X_CURRENT, 3_000.0), (c.L_DRY_KPA, c.X_PRESSURE, 5_000.0)]
)
@pytest.mark.parametrize(("early_ms", "code"), [(1.0, 0.0), (0.0, codes.DRY_RUN)])
def test_h3_low_current_counts_when_the_motor_runs_and_low_pressure_when_the_pipes_are_full(
    limit: int, signal: int, delay_ms: float, early_ms: float, code: float
) -> None:
    line = Line()
    line.lp[0, limit], line.lx[0, signal] = 2.0, 1.0
    line.ls[0, c.T_PUMP_SINCE] = 100_000.0
    line.pump(100_000.0 + delay_ms - early_ms)
    assert line.ls[0, c.T_DRY_CODE] == code


@pytest.mark.parametrize(("now", "dry"), [(151_999.0, False), (152_000.0, True)])
def test_h3_a_flow_that_is_gone_for_two_seconds_stops_the_pump(now: float, dry: bool) -> None:
    line = Line()
    line.ls[0, [c.T_PUMP_SINCE, c.T_FLOW_SEEN]] = 100_000.0, 1.0
    line.lx[0, c.X_FLOW] = 1.0
    line.pump(150_000.0)
    line.pump(now)
    assert bool(line.ls[0, c.T_DRY_CODE] == codes.DRY_RUN) is dry


@pytest.mark.parametrize(("now", "left"), [(164_999.0, 2.0), (165_000.0, 0.0)])
def test_h3_a_minute_of_good_running_with_full_pipes_forgives_earlier_dry_runs(now: float, left: float) -> None:
    line = Line()
    line.ls[0, [c.T_PUMP_SINCE, c.T_DRY_N]] = 100_000.0, 2.0
    line.pump(now)
    assert line.ls[0, c.T_DRY_N] == left


@pytest.mark.parametrize(("stood_ms", "leak"), [(2_999.0, False), (3_000.0, True)])
def test_h1_flow_with_all_valves_shut_counts_three_seconds_after_the_last_closed(stood_ms: float, leak: bool) -> None:
    line = Line()
    line.ls[0, [c.T_EXPECTED, c.T_PUMP, c.T_CHANGED]] = 0.0, 0.0, 100_000.0
    line.g[c.G_LEAK_SAMPLES] = 1.0
    line.flow(100_000.0 + stood_ms, 5.0, 100_000.0 + stood_ms)
    assert bool(line.ls[0, c.T_LATCH] == codes.LEAK) is leak


@pytest.mark.parametrize("output", [0.0, 1.0])
def test_h2_a_flow_from_before_the_pumps_run_proves_nothing_whichever_output_it_is(output: float) -> None:
    line = Line()
    line.lp[0, c.L_PUMP] = output
    line.ls[0, c.T_PUMP_SINCE] = 110_000.0
    line.flow(111_000.0, 0.0, 109_000.0)
    assert line.ls[0, c.T_LOW_SINCE] == np.inf
    line.flow(116_000.0, 0.0, 115_000.0)
    assert line.ls[0, c.T_LOW_SINCE] == 116_000.0


def test_h2_valves_without_flow_are_marked_once_and_not_before_their_time() -> None:
    line = Line()
    line.ls[0, c.T_PUMP_SINCE] = 100_000.0
    marked = []
    for now in (110_000.0, 119_999.0, 120_000.0, 121_000.0):
        line.flow(now, 0.0, now)
        marked.append(line.ls[0, c.T_BAD_VALVES])
    assert marked == [0.0, 0.0, 1.0, 0.0]


def test_h2_a_valve_of_half_a_litre_a_minute_is_a_valve() -> None:
    line = Line()
    line.ls[0, [c.T_EXPECTED, c.T_PUMP_SINCE]] = 0.5, 100_000.0
    line.flow(110_000.0, 0.0, 110_000.0)
    assert line.ls[0, c.T_LOW_SINCE] == 110_000.0
    assert line.ls[0, c.T_LATCH] == 0.0


def test_h3_a_tenth_of_the_flow_is_still_a_flow() -> None:
    line = Line()
    line.ls[0, [c.T_PUMP_SINCE, c.T_FLOW_SEEN]] = 100_000.0, 1.0
    line.lx[0, c.X_FLOW] = 2.0
    line.pump(150_000.0)
    assert line.ls[0, c.T_LOST_SINCE] == np.inf
    line.lx[0, c.X_FLOW] = 1.99
    line.pump(151_000.0)
    assert line.ls[0, c.T_LOST_SINCE] == 151_000.0


@pytest.mark.parametrize("between", ["flow", "rest"])
def test_h3_a_flow_that_came_back_and_a_pump_that_rested_begin_the_two_seconds_anew(between: str) -> None:
    line = Line()
    line.ls[0, [c.T_PUMP_SINCE, c.T_FLOW_SEEN]] = 100_000.0, 1.0
    line.lx[0, c.X_FLOW] = 0.0
    line.pump(150_000.0)
    line.lx[0, c.X_FLOW] = 20.0 if between == "flow" else 0.0
    line.ls[0, c.T_PUMP] = 1.0 if between == "flow" else 0.0
    line.pump(151_000.0)
    line.lx[0, c.X_FLOW], line.ls[0, c.T_PUMP] = 0.0, 1.0
    line.pump(151_500.0)
    line.pump(152_500.0)
    assert line.ls[0, c.T_DRY_CODE] == 0.0
    line.pump(153_500.0)
    assert line.ls[0, c.T_DRY_CODE] == codes.DRY_RUN
    assert line.ls[0, c.T_LOST_SINCE] == np.inf


@pytest.mark.parametrize(("earlier", "latch"), [(1.0, 0.0), (2.0, codes.DRY_RUN_STOP)])
def test_h3_the_third_dry_run_needs_a_person(earlier: float, latch: float) -> None:
    line = Line()
    line.g[[c.G_DRY_TRIES, c.G_DRY_LOCKOUT]] = 3.0, 600_000.0
    line.lp[0, c.L_TANK_LOW], line.lx[0, c.X_LEVEL] = 0.5, 0.4
    line.ls[0, c.T_DRY_N] = earlier
    line.pump(150_000.0)
    assert line.ls[0, c.T_LATCH] == latch
    assert line.ls[0, c.T_DRY_UNTIL] == 750_000.0


@pytest.mark.parametrize(
    ("limit", "signal", "set_to", "code"),
    [
        (c.L_DRY_A, c.X_CURRENT, 0.0, codes.TANK_BLIND),
        (c.L_DRY_A, c.X_CURRENT, 0.5, 0.0),
        (c.L_DRY_KPA, c.X_PRESSURE, 0.0, codes.TANK_BLIND),
        (c.L_DRY_KPA, c.X_PRESSURE, 0.5, 0.0),
    ],
)
def test_h3_without_the_tanks_level_only_a_guard_that_has_a_limit_guards(
    limit: int, signal: int, set_to: float, code: float
) -> None:
    line = Line()
    line.lp[0, [c.L_HAS_LEVEL, c.L_DRY_A, c.L_DRY_KPA]] = 1.0, 0.0, 0.0
    line.lp[0, limit], line.lx[0, signal] = set_to, 4.0
    assert safety_lines.line_stop(0, 150_000.0, line.lp, line.ls, line.lx) == code
    line.lp[0, c.L_PUMP] = -1.0
    assert safety_lines.line_stop(0, 150_000.0, line.lp, line.ls, line.lx) == 0.0


@pytest.mark.parametrize(("level", "code"), [(0.49, codes.TANK_LOW), (0.5, 0.0)])
def test_h3_a_tank_is_empty_below_its_limit_and_not_at_it(level: float, code: float) -> None:
    line = Line()
    line.lp[0, [c.L_HAS_LEVEL, c.L_TANK_LOW]], line.lx[0, c.X_LEVEL] = (1.0, 0.5), level
    assert safety_lines.line_stop(0, 150_000.0, line.lp, line.ls, line.lx) == code


@pytest.mark.parametrize(("filled_ms", "latch"), [(59_999.0, 0.0), (60_000.0, codes.FILL_TIME)])
def test_h10_filling_is_latched_at_its_longest_time(filled_ms: float, latch: float) -> None:
    line = Line()
    line.lp[0, [c.L_FILL, c.L_FILL_MAX_MS]] = 0.0, 60_000.0
    outputs = row(c.S_WIDTH, 0.0)
    outputs[0, [c.S_LEVEL, c.S_SINCE]] = 1.0, 100_000.0
    safety_lines.judge_tank(0, 100_000.0 + filled_ms, line.lp, line.ls, line.lx, outputs)
    assert line.ls[0, c.T_FILL_LATCH] == latch


@pytest.mark.parametrize(
    ("ref_ph", "ec", "ph", "doses"),
    [(0.2, 0.15, 0.2, 4.0), (0.2, 0.1, 0.2, 1.0), (0.2, 0.2, 0.15, 4.0), (0.2, 0.2, 0.1, 1.0), (np.nan, 0.2, 0.2, 4.0)],
)
def test_h5_a_dose_has_an_effect_when_it_moves_ec_or_ph_by_a_tenth(
    ref_ph: float, ec: float, ph: float, doses: float
) -> None:
    line = Line()
    line.g[c.G_DOSE_TRIES] = 15.0
    line.ls[0, [c.T_DOSING, c.T_REF_EC, c.T_REF_PH, c.T_DOSE_N]] = 1.0, 0.2, ref_ph, 3.0
    safety_lines.count_doses(0, False, line.g, line.ls, ec, ph)
    assert line.ls[0, c.T_DOSE_N] == doses


@pytest.mark.parametrize(("earlier", "latch"), [(13.0, 0.0), (14.0, codes.DOSE_INEFFECTIVE)])
def test_h5_the_fifteenth_dose_without_effect_locks(earlier: float, latch: float) -> None:
    line = Line()
    line.g[c.G_DOSE_TRIES] = 15.0
    line.ls[0, [c.T_DOSING, c.T_REF_EC, c.T_REF_PH, c.T_DOSE_N]] = 1.0, 2.0, 6.0, earlier
    safety_lines.count_doses(0, False, line.g, line.ls, 2.0, 6.0)
    assert line.ls[0, c.T_DOSE_LATCH] == latch


@pytest.mark.parametrize(
    ("signal", "value", "code"), [(c.X_EC1, 0.01, codes.PROBE_DRY), (c.X_PH2, 6.5, codes.PROBES_DIFFER)]
)
def test_h6_what_is_wrong_with_the_probes_for_ten_seconds_locks_the_dosing(
    signal: int, value: float, code: float
) -> None:
    line = solution()
    if code == codes.PROBE_DRY:  # both hang in the air
        line.lx[0, c.X_EC2] = value
    line.lx[0, signal] = value
    assert line.probes(100_000.0) == code
    assert line.probes(109_999.0) == code
    assert line.ls[0, c.T_DOSE_LATCH] == 0.0
    line.probes(110_000.0)
    assert line.ls[0, c.T_DOSE_LATCH] == code


@pytest.mark.parametrize(("both", "has"), [((c.X_EC1, c.X_EC2), c.L_HAS_EC), ((c.X_PH1, c.X_PH2), c.L_HAS_PH)])
def test_h6_probes_that_the_farm_has_must_speak_and_others_need_not(both: tuple[int, int], has: int) -> None:
    line = solution()
    line.lx[0, both] = np.nan
    assert line.probes(100_000.0) == codes.PROBE_LOST
    line.lp[0, has] = 0.0
    assert line.probes(100_000.0) == 0.0


def test_h5_dosing_is_judged_line_by_line_and_in_any_trickle() -> None:
    lines, outputs = [solution(), solution()], np.zeros((2, c.O_WIDTH))
    lp, ls, lx = (np.vstack([getattr(one, name) for one in lines]) for name in ("lp", "ls", "lx"))
    ls[0, c.T_EXPECTED], lx[0, c.X_FLOW] = 0.5, 0.5
    outputs[:, c.O_KIND] = c.DOSER
    states = np.zeros((2, c.S_WIDTH))
    states[1, c.S_LEVEL] = 1.0
    first, members = np.array([0, 1, 2]), np.array([0, 1])
    safety_lines.judge_dosing(0, 100_000.0, lines[0].g, lp, ls, lx, outputs, states, first, members)
    assert ls[:, c.T_DOSING].tolist() == [0.0, 0.0]
    assert ls[0, c.T_DOSE_STOP] == 0.0
    safety_lines.judge_dosing(1, 100_000.0, lines[0].g, lp, ls, lx, outputs, states, first, members)
    assert ls[:, c.T_DOSING].tolist() == [0.0, 1.0]
