# SPDX-License-Identifier: Apache-2.0
"""The bounds of a water line's safety to the millisecond: just before them nothing, at them all of it (H1, H2, H3)."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from controllers.kernels import codes, safety_lines
from controllers.kernels import columns as c
from controllers.kernels.safety_lines import Floats


def row(width: int, fill: float) -> Floats:
    return np.full((1, width), fill)


@dataclass
class Line:
    """One line with a pump and nothing wrong: what it is, how it stands, what it measures."""

    lp: Floats = field(default_factory=lambda: row(c.L_WIDTH, np.nan))
    ls: Floats = field(default_factory=lambda: row(c.T_WIDTH, 0.0))
    lx: Floats = field(default_factory=lambda: row(c.X_WIDTH, np.nan))
    g: Floats = field(default_factory=lambda: np.full(c.G_WIDTH, 3.0))

    def __post_init__(self) -> None:
        self.lp[0, [c.L_PUMP, c.L_FILL_DELAY_MS, c.L_LOW, c.L_HIGH, c.L_LEAK]] = 0.0, 5_000.0, 0.5, 1.3, 0.2
        self.ls[0, [c.T_LOW_SINCE, c.T_LOST_SINCE]] = np.inf
        self.ls[0, [c.T_EXPECTED, c.T_PUMP]] = 20.0, 1.0
        self.g[c.G_FLOW_JUDGE] = 10_000.0

    def pump(self, now: float) -> None:
        safety_lines.judge_pump(0, now, self.g, self.lp, self.ls, self.lx)

    def flow(self, now: float, measured: float, measured_at: float) -> None:
        self.lx[0, [c.X_FLOW, c.X_FLOW_AT]] = measured, measured_at
        safety_lines.judge_flow(0, now, self.g, self.lp, self.ls, self.lx)


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
