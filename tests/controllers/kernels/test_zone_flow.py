# SPDX-License-Identifier: Apache-2.0
"""The learned flow of a zone: the stated false-alarm rate, how soon a leak or clog is found, what must not alarm."""

import math

import numpy as np
import pytest

from controllers.kernels import codes
from controllers.kernels import water_columns as w
from controllers.kernels.zone_flow import CLIP, LEARN_N, REACH, judge, relearn, to_normal, uncertainty_l_min

STATED_RUNS = 3500.0  # in control: waterings between two false alarms of a zone (docs/water.md)


def runs_to_alarm(rng: np.random.Generator, zones: int, most: int, spread: float, outliers: float = 0.0) -> list[float]:
    """Let zones with nothing wrong water; give for each the watering that alarmed, inf for none."""
    found = []
    for _ in range(zones):
        ws = np.zeros((1, w.Z_WIDTH))
        flows = 40.0 * (1.0 + spread * rng.standard_normal(most))
        if outliers:
            flows = np.where(rng.random(most) < outliers, flows * 1.5, flows)
        at = math.inf
        for number in range(most):
            if judge(0, float(flows[number]), ws) != 0.0:
                at = number + 1.0
                break
        found.append(at)
    return found


@pytest.mark.parametrize("spread", [0.01, 0.05])
def test_false_alarms_come_no_more_often_than_stated_whatever_the_meters_noise(spread: float) -> None:
    zones, most = 350, 1000
    found = np.array(runs_to_alarm(np.random.default_rng(11), zones, most, spread))
    lived = np.minimum(found, most).sum()
    alarms = int(np.isfinite(found).sum())
    # Alarms of a rate: the number is Poisson; three standard deviations above what the stated rate gives.
    expected = lived / STATED_RUNS
    assert alarms <= expected + 3.0 * math.sqrt(expected)
    assert alarms >= expected / 3.0, "so few that the test has lost its power"


@pytest.mark.parametrize(
    ("change", "spread", "most_runs", "code"),
    [
        (0.90, 0.02, 8, codes.FLOW_LOW),  # a tenth of the drippers clogged
        (1.10, 0.02, 8, codes.FLOW_HIGH),  # a dripper line off
        (0.95, 0.02, 14, codes.FLOW_LOW),
        (0.70, 0.08, 8, codes.FLOW_LOW),
    ],
)
def test_a_lasting_change_is_found_within_days(change: float, spread: float, most_runs: int, code: int) -> None:
    rng = np.random.default_rng(5)
    delays = []
    for _ in range(60):
        ws = np.zeros((1, w.Z_WIDTH))
        for _ in range(40):
            judge(0, 40.0 * (1.0 + spread * rng.standard_normal()), ws)
        ws[0, [w.Z_UP, w.Z_DOWN, w.Z_VERDICT]] = 0.0
        for run in range(1, 200):
            if judge(0, 40.0 * change * (1.0 + spread * rng.standard_normal()), ws) != 0.0:
                assert ws[0, w.Z_VERDICT] == code
                delays.append(run)
                break
    assert len(delays) == 60
    assert np.median(delays) <= most_runs


def test_one_odd_watering_alone_never_alarms() -> None:
    assert REACH > CLIP
    ws = np.zeros((1, w.Z_WIDTH))
    for _ in range(30):
        judge(0, 40.0, ws)
    assert judge(0, 400.0, ws) == 0.0
    assert judge(0, 40.0, ws) == 0.0
    assert ws[0, w.Z_MEAN] == pytest.approx(40.0, rel=0.02)  # and is hardly learned


def test_a_hose_now_and_then_hardly_raises_the_rate() -> None:
    found = runs_to_alarm(np.random.default_rng(3), 100, 200, 0.02, outliers=0.02)
    assert sum(math.isfinite(at) for at in found) <= 3.0 * 100 * 200 / STATED_RUNS


def test_a_watering_without_a_reading_changes_nothing_and_a_verdict_stays_until_somebody_looked() -> None:
    ws = np.zeros((1, w.Z_WIDTH))
    for _ in range(20):
        judge(0, 40.0, ws)
    before = ws.copy()
    judge(0, math.nan, ws)
    assert np.array_equal(ws, before)
    for _ in range(10):
        judge(0, 30.0, ws)
    assert ws[0, w.Z_VERDICT] == codes.FLOW_LOW
    for _ in range(10):
        judge(0, 40.0, ws)
    assert ws[0, w.Z_VERDICT] == codes.FLOW_LOW
    assert ws[0, w.Z_MEAN] == pytest.approx(40.0, rel=0.05)  # what is wrong did not become usual
    relearn(0, ws)
    assert ws[0, w.Z_VERDICT] == 0.0
    assert ws[0, w.Z_N] == 0.0


def test_the_learned_flow_tells_its_uncertainty_and_it_covers_the_truth() -> None:
    rng = np.random.default_rng(8)
    inside = 0
    for _ in range(300):
        ws = np.zeros((1, w.Z_WIDTH))
        for _ in range(25):
            judge(0, 40.0 + 0.8 * rng.standard_normal(), ws)
        inside += abs(ws[0, w.Z_MEAN] - 40.0) <= 2.0 * uncertainty_l_min(0, ws)
    assert 270 <= inside <= 298  # k = 2 of Student's t with 24 degrees: 94 %
    assert math.isnan(uncertainty_l_min(0, np.zeros((1, w.Z_WIDTH))))


def test_students_t_becomes_the_normal_deviate_of_the_same_probability() -> None:
    # Two-sided 5 % and 0.27 % points of t (tables): 2.776 and 6.620 for 4 degrees, 2.262 and 4.094 for 9.
    for degrees, t, z in ((4.0, 2.776, 1.960), (4.0, 6.620, 3.0), (9.0, 2.262, 1.960), (9.0, 4.094, 3.0)):
        assert to_normal(t, degrees) == pytest.approx(z, abs=0.03)
        assert to_normal(-t, degrees) == pytest.approx(-z, abs=0.03)
    assert LEARN_N >= 5.0
