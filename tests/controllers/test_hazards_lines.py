# SPDX-License-Identifier: Apache-2.0
"""Flow, tank and solution of one water line at their bounds, and the list of hazards (H1, H2, H3, H5, H6, H10)."""

import numpy as np
import pytest

from controllers.kernels import codes, safety_hazards, safety_lines
from controllers.kernels import columns as c
from tests.controllers.safety_rig import Line, row, solution

NAN = float("nan")
NOW = 200_000.0


def flowing(expected: float = 20.0) -> Line:
    """Give a line that has run well for a minute."""
    line = Line()
    line.g[c.G_LEAK_SAMPLES] = 3.0
    line.ls[0, [c.T_EXPECTED, c.T_PUMP_SINCE, c.T_CHANGED]] = expected, NOW - 60_000.0, NOW - 60_000.0
    line.ls[0, c.T_FLOW_AT] = -np.inf
    return line


@pytest.mark.parametrize(("measured", "latch"), [(26.0, 0.0), (26.1, codes.OVER_FLOW)])
def test_h1_three_fresh_samples_beyond_the_rated_flow_latch_the_line(measured: float, latch: float) -> None:
    line = flowing()
    for second in range(3):
        assert line.ls[0, c.T_LATCH] == 0.0
        at = NOW + 1000.0 * second
        line.flow(at, measured, at)
        line.flow(at + 1.0, measured, at)  # the same sample is no further proof
    assert line.ls[0, c.T_LATCH] == latch


def test_h1_one_good_sample_begins_the_count_of_too_much_flow_anew() -> None:
    line = flowing()
    for second, measured in enumerate((30.0, 30.0, 20.0, 30.0, 30.0)):
        line.flow(NOW + 1000.0 * second, measured, NOW + 1000.0 * second)
    assert line.ls[0, c.T_LATCH] == 0.0


@pytest.mark.parametrize(("measured", "latch"), [(0.2, 0.0), (0.21, codes.LEAK)])
def test_h1_three_fresh_samples_above_the_leak_limit_latch_the_line(measured: float, latch: float) -> None:
    line = flowing(expected=0.0)
    line.ls[0, c.T_PUMP] = 0.0
    for second in range(3):
        assert line.ls[0, c.T_LATCH] == 0.0
        line.flow(NOW + 1000.0 * second, measured, NOW + 1000.0 * second)
    assert line.ls[0, c.T_LATCH] == latch


def test_h1_the_counts_of_a_leak_and_of_too_much_flow_end_when_the_valves_change_over() -> None:
    line = flowing(expected=0.0)
    line.ls[0, [c.T_LEAK_N, c.T_OVER_N]] = 2.0, 2.0
    line.flow(NOW, 5.0, NOW)
    assert line.ls[0, [c.T_LEAK_N, c.T_OVER_N]].tolist() == [3.0, 0.0]
    line.ls[0, [c.T_EXPECTED, c.T_CHANGED]] = 20.0, NOW
    line.flow(NOW + 1000.0, 5.0, NOW + 1000.0)
    assert line.ls[0, c.T_LEAK_N] == 0.0


@pytest.mark.parametrize(("still_ms", "over"), [(4_999.0, 0.0), (5_000.0, 1.0)])
def test_flow_is_judged_when_the_pipes_are_full(still_ms: float, over: float) -> None:
    line = flowing()
    line.ls[0, c.T_CHANGED] = NOW - still_ms
    line.flow(NOW, 30.0, NOW)
    assert line.ls[0, c.T_OVER_N] == over


@pytest.mark.parametrize(("measured", "low"), [(10.0, False), (9.9, True)])
def test_h2_less_than_half_the_rated_flow_is_low(measured: float, low: bool) -> None:
    line = flowing()
    line.ls[0, c.T_NO_FLOW_N] = 2.0
    line.flow(NOW, measured, NOW)
    assert bool(line.ls[0, c.T_LOW_SINCE] == NOW) is low
    assert line.ls[0, [c.T_FLOW_SEEN, c.T_NO_FLOW_N]].tolist() == ([0.0, 2.0] if low else [1.0, 0.0])


@pytest.mark.parametrize("lost", ["meter", "pump"])
def test_h2_without_a_meter_or_a_running_pump_low_flow_proves_nothing(lost: str) -> None:
    line = flowing()
    line.ls[0, c.T_LOW_SINCE] = NOW - 9_000.0
    line.ls[0, c.T_PUMP] = 1.0 if lost == "meter" else 0.0
    line.flow(NOW, NAN if lost == "meter" else 0.0, NOW)
    assert line.ls[0, c.T_LOW_SINCE] == np.inf


@pytest.mark.parametrize(("earlier", "latch"), [(1.0, 0.0), (2.0, codes.NO_FLOW_STOP)])
def test_h2_the_third_zone_in_a_row_without_flow_stops_the_line(earlier: float, latch: float) -> None:
    line = flowing()
    line.ls[0, [c.T_LOW_SINCE, c.T_NO_FLOW_N]] = NOW - 10_000.0, earlier
    line.flow(NOW, 0.0, NOW)
    assert line.ls[0, [c.T_BAD_VALVES, c.T_NO_FLOW_N, c.T_LATCH]].tolist() == [1.0, earlier + 1.0, latch]


@pytest.mark.parametrize(
    ("limit", "signal", "at", "beyond", "code"),
    [
        (c.L_PRESSURE_MAX, c.X_PRESSURE, 500.0, 500.1, codes.PRESSURE),
        (c.L_DRY_A, c.X_CURRENT, 2.0, 1.9, codes.DRY_RUN),
        (c.L_DRY_KPA, c.X_PRESSURE, 50.0, 49.9, codes.DRY_RUN),
        (c.L_TANK_LOW, c.X_LEVEL, 0.3, 0.29, codes.DRY_RUN),
    ],
)
def test_h3_h4_a_running_pump_is_stopped_beyond_its_limits_for_the_lockout(
    limit: int, signal: int, at: float, beyond: float, code: float
) -> None:
    line = flowing()
    line.g[[c.G_DRY_LOCKOUT, c.G_DRY_TRIES]] = 600_000.0, 3.0
    line.lp[0, limit] = at
    line.lx[0, signal] = at
    line.pump(NOW)
    assert line.ls[0, c.T_DRY_CODE] == 0.0
    line.lx[0, signal] = beyond
    line.pump(NOW)
    assert line.ls[0, [c.T_DRY_CODE, c.T_DRY_UNTIL, c.T_DRY_N]].tolist() == [code, NOW + 600_000.0, 1.0]
    stop = [safety_lines.line_stop(0, now, line.lp, line.ls, line.lx) for now in (NOW, NOW + 599_999.0, NOW + 6e5)]
    assert stop == [code, code, 0.0]
    line.ls[0, c.T_LATCH] = codes.LEAK
    assert safety_lines.line_stop(0, NOW, line.lp, line.ls, line.lx) == codes.LEAK


def test_h1_a_quiet_sample_begins_the_count_of_a_leak_anew_and_ends_low_flow() -> None:
    line = flowing(expected=0.0)
    line.ls[0, [c.T_LEAK_N, c.T_LOW_SINCE]] = 2.0, NOW - 1000.0
    line.flow(NOW, 0.1, NOW)
    assert line.ls[0, [c.T_LEAK_N, c.T_LOW_SINCE]].tolist() == [0.0, np.inf]


def test_h2_after_a_mark_the_next_ten_seconds_begin_anew() -> None:
    line = flowing()
    line.ls[0, c.T_LOW_SINCE] = NOW - 10_000.0
    line.flow(NOW, 0.0, NOW)
    assert line.ls[0, c.T_LOW_SINCE] == np.inf


def test_h3_a_run_that_never_had_flow_is_no_flow_that_vanished() -> None:
    line = flowing()
    line.ls[0, c.T_FLOW_SEEN] = 0.0
    line.lx[0, c.X_FLOW] = 0.0
    line.pump(NOW)
    assert line.ls[0, c.T_LOST_SINCE] == np.inf


def test_h3_a_line_without_a_level_sensor_has_no_empty_tank() -> None:
    line = Line()
    line.lp[0, [c.L_HAS_LEVEL, c.L_TANK_LOW]], line.lx[0, c.X_LEVEL] = (0.0, 0.5), 0.1
    assert safety_lines.line_stop(0, NOW, line.lp, line.ls, line.lx) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "low", "high"), [(1.0, 2.0, 1.0, 2.0), (2.0, 1.0, 1.0, 2.0), (1.0, NAN, 1.0, 1.0), (NAN, 2.0, 2.0, 2.0)]
)
def test_of_two_probes_the_one_that_speaks_counts(a: float, b: float, low: float, high: float) -> None:
    assert (safety_lines.lower(a, b), safety_lines.higher(a, b)) == (low, high)


@pytest.mark.parametrize(("signal", "good"), [(c.X_EC2, 2.25), (c.X_PH2, 6.25)])
def test_h6_probes_may_differ_by_their_limit(signal: int, good: float) -> None:
    line = solution()
    line.g[[c.G_DIFFER_EC, c.G_DIFFER_PH]] = 0.25, 0.25
    line.lx[0, signal] = good
    assert line.probes(NOW) == 0.0


@pytest.mark.parametrize(
    ("was", "dosing", "doses"), [(0.0, False, 3.0), (1.0, True, 3.0), (0.0, True, 3.0), (1.0, False, 4.0)]
)
def test_h5_a_dose_counts_when_it_has_ended(was: float, dosing: bool, doses: float) -> None:
    line = Line()
    line.g[c.G_DOSE_TRIES] = 15.0
    line.ls[0, [c.T_DOSING, c.T_REF_EC, c.T_REF_PH, c.T_DOSE_N]] = was, 2.0, 6.0, 3.0
    safety_lines.count_doses(0, dosing, line.g, line.ls, 2.0, 6.0)
    assert line.ls[0, [c.T_DOSE_N, c.T_DOSING]].tolist() == [doses, float(dosing)]


@pytest.mark.parametrize(("ref_ec", "ref_ph"), [(NAN, NAN), (2.0, 6.0)])
def test_h5_the_first_dose_and_one_with_effect_are_what_the_next_is_held_against(ref_ec: float, ref_ph: float) -> None:
    line = Line()
    line.g[c.G_DOSE_TRIES] = 15.0
    line.ls[0, [c.T_DOSING, c.T_REF_EC, c.T_REF_PH, c.T_DOSE_N]] = 1.0, ref_ec, ref_ph, 3.0
    safety_lines.count_doses(0, False, line.g, line.ls, 2.5, 5.5)
    assert line.ls[0, [c.T_REF_EC, c.T_REF_PH, c.T_DOSE_N]].tolist() == [2.5, 5.5, 1.0]


def tank(
    level: float, floats: float, *, has_level: float = 1.0, has_float: float = 1.0, filling: float = 0.0
) -> list[float]:
    """Give what stops the filling of a tank, and what latches it."""
    line, outputs = Line(), row(c.S_WIDTH, 0.0)
    line.lp[0, [c.L_FILL, c.L_FILL_MAX_MS, c.L_TANK_HIGH]] = 0.0, 60_000.0, 2.0
    line.lp[0, [c.L_HAS_LEVEL, c.L_HAS_FLOAT]] = has_level, has_float
    line.lx[0, [c.X_LEVEL, c.X_FLOAT]] = level, floats
    outputs[0, [c.S_LEVEL, c.S_SINCE]] = filling, NOW - 60_000.0
    safety_lines.judge_tank(0, NOW, line.lp, line.ls, line.lx, outputs)
    found: list[float] = line.ls[0, [c.T_FILL_STOP, c.T_FILL_LATCH]].tolist()
    return found


@pytest.mark.parametrize(
    ("level", "floats", "has", "stop", "latch"),
    [
        (1.99, 0.49, (1.0, 1.0), 0.0, 0.0),
        (2.0, 0.0, (1.0, 1.0), codes.TANK_HIGH, 0.0),
        (1.0, 0.5, (1.0, 1.0), codes.TANK_FLOAT, codes.TANK_FLOAT),
        (NAN, 0.5, (0.0, 1.0), codes.TANK_FLOAT, 0.0),
        (1.0, NAN, (1.0, 1.0), codes.TANK_BLIND, 0.0),
        (NAN, 0.0, (1.0, 1.0), 0.0, 0.0),
        (NAN, NAN, (1.0, 0.0), codes.TANK_BLIND, 0.0),
        (1.0, NAN, (1.0, 0.0), 0.0, 0.0),
    ],
)
def test_h10_a_tank_is_filled_only_while_what_it_has_says_that_there_is_room(
    level: float, floats: float, has: tuple[float, float], stop: float, latch: float
) -> None:
    assert tank(level, floats, has_level=has[0], has_float=has[1]) == [stop, latch]


@pytest.mark.parametrize(("filling", "code"), [(0.0, 0.0), (0.5, codes.FILL_TIME), (1.0, codes.FILL_TIME)])
def test_h10_only_a_tank_that_fills_takes_too_long(filling: float, code: float) -> None:
    assert tank(1.0, 0.0, filling=filling) == [code, code]


@pytest.mark.parametrize(
    ("signals", "good", "bad", "code"),
    [
        ((c.X_EC1, c.X_EC2), 0.05, 0.04, codes.PROBE_DRY),
        ((c.X_EC1, c.X_EC2), 3.5, 3.51, codes.SOLUTION_LIMIT),
        ((c.X_PH1, c.X_PH2), 5.0, 4.99, codes.SOLUTION_LIMIT),
        ((c.X_PH1, c.X_PH2), 7.0, 7.01, codes.SOLUTION_LIMIT),
        ((c.X_EC2,), 2.25, 2.31, codes.PROBES_DIFFER),
        ((c.X_EC1,), 1.75, 1.69, codes.PROBES_DIFFER),
        ((c.X_PH2,), 6.25, 6.31, codes.PROBES_DIFFER),
        ((c.X_PH1,), 5.75, 5.69, codes.PROBES_DIFFER),
    ],
)
def test_h6_a_solution_is_bad_beyond_its_limits(signals: tuple[int, ...], good: float, bad: float, code: float) -> None:
    line = solution()
    line.lx[0, signals] = good
    assert line.probes(NOW) == 0.0
    line.lx[0, signals] = bad
    assert line.probes(NOW) == code
    line.lx[0, signals] = good
    assert line.probes(NOW + 1000.0) == 0.0
    assert line.ls[0, [c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE]].tolist() == [np.inf, np.inf]


def test_h6_raw_water_above_the_limit_of_ph_is_what_a_units_acid_is_for() -> None:
    line = solution()
    line.lx[0, [c.X_PH1, c.X_PH2]] = 7.5
    line.lp[0, c.L_FED] = 1.0
    assert line.probes(NOW) == 0.0


@pytest.mark.parametrize("lost", [c.X_EC1, c.X_EC2, c.X_PH1, c.X_PH2])
def test_h6_one_of_two_probes_is_enough(lost: int) -> None:
    line = solution()
    line.lx[0, lost] = NAN
    assert line.probes(NOW) == 0.0


@pytest.mark.parametrize(
    ("measured", "stood_ms", "latched", "stop"),
    [
        (10.0, 5_000.0, 0.0, 0.0),
        (9.9, 5_000.0, 0.0, codes.DOSE_NO_WATER),
        (10.0, 4_999.0, 0.0, codes.DOSE_NO_WATER),
        (NAN, 5_000.0, 0.0, codes.DOSE_NO_WATER),
        (10.0, 5_000.0, codes.PROBES_DIFFER, codes.PROBES_DIFFER),
    ],
)
def test_h5_nothing_is_dosed_but_into_water_that_flows(
    measured: float, stood_ms: float, latched: float, stop: float
) -> None:
    line = solution()
    line.lx[0, c.X_FLOW] = measured
    line.ls[0, [c.T_CHANGED, c.T_DOSE_LATCH]] = NOW - stood_ms, latched
    line.ls[0, [c.T_DIFFER_SINCE, c.T_PROBE_DRY_SINCE]] = NOW - 1000.0
    nobody, first = np.zeros((0, c.O_WIDTH)), np.array([0, 0])
    states, members = np.zeros((0, c.S_WIDTH)), np.zeros(0, dtype=np.int64)
    safety_lines.judge_dosing(0, NOW, line.g, line.lp, line.ls, line.lx, nobody, states, first, members)
    assert line.ls[0, c.T_DOSE_STOP] == stop
    assert line.ls[0, [c.T_DIFFER_SINCE, c.T_PROBE_DRY_SINCE]].tolist() == [np.inf, np.inf]


@pytest.mark.parametrize(
    ("limit", "own"),
    [
        (codes.NOT_A_NUMBER, True), (codes.MAX_ON, True), (codes.DAILY_ON, True), (codes.DAILY_WATER, True),
        (codes.NO_FLOW, True), (codes.SALT, True), (codes.DOSE_EVENT, True), (codes.DOSE_HOUR, True),
        (codes.DOSE_DAY, True), (codes.LEAK, False), (codes.STORM, False), (codes.MAINS, False), (0.0, False),
        (codes.DOSE_EVENT - 1.0, False), (codes.DOSE_DAY + 1.0, False),
    ],
)  # fmt: skip
def test_an_output_tells_its_own_limits_and_not_those_of_its_line_or_house(limit: float, own: bool) -> None:
    assert safety_hazards.own_limit(limit) == (limit if own else 0.0)


def test_each_hazard_stands_at_its_own_place_and_a_change_is_counted_once() -> None:
    f, os, ls, hs = np.zeros(c.F_WIDTH), row(c.S_WIDTH, 0.0), row(c.T_WIDTH, 0.0), row(c.U_WIDTH, 0.0)
    hazards, limit = np.zeros(9), np.array([codes.MAX_ON], dtype=np.float64)
    f[c.F_LAST], f[c.F_MAINS_OFF] = NOW, 1.0
    ls[0, [c.T_STOP, c.T_DOSE_STOP, c.T_FILL_STOP]] = codes.LEAK, codes.PROBE_LOST, codes.TANK_HIGH
    hs[0, [c.U_HAZARD, c.U_STORM]] = codes.HEAT, codes.STORM
    os[0, [c.S_FAULT_UNTIL, c.S_ODD]] = NOW + 1.0, codes.STUCK_ON
    assert safety_hazards.collect(f, os, ls, hs, limit, 1.0, hazards) == 9
    assert hazards.tolist() == [
        codes.MAINS, codes.STOP_ALL, codes.LEAK, codes.PROBE_LOST, codes.TANK_HIGH, codes.HEAT, codes.STORM,
        codes.MAX_ON, codes.STUCK_ON,
    ]  # fmt: skip
    assert safety_hazards.collect(f, os, ls, hs, limit, 1.0, hazards) == 0
    limit[0] = 0.0
    assert safety_hazards.collect(f, os, ls, hs, limit, 1.0, hazards) == 1
    assert hazards[7] == codes.NO_FLOW  # a valve that rests after its fault is still at fault
    f[c.F_LAST] = NOW + 1.0
    assert safety_hazards.collect(f, os, ls, hs, limit, 0.0, hazards) == 2
    assert hazards[[1, 7]].tolist() == [0.0, 0.0]
