# SPDX-License-Identifier: Apache-2.0
"""PID loops: against closed forms and a slow textbook loop, limits, windup, hand-over, lost sensors."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.kernels import pid
from controllers.kernels.pid import Gains

PLAIN = Gains(kp=2.0, ki_per_s=0.0, kd_s=0.0, filter_s=0.0, back_per_s=0.0, low=-100.0, high=100.0)
NAN = math.nan


class Loop:
    """One loop, for tests."""

    def __init__(self, gains: Gains) -> None:
        self.gains = pid.parameters([gains])
        self.state = pid.fresh_state(1)
        self.out = np.zeros(1)

    def step(self, setpoint: float, measured: float, forced: float = NAN, dt_s: float = 1.0) -> float:
        at, seen, hand = (np.array([value]) for value in (setpoint, measured, forced))
        pid.pid_step(dt_s, at, seen, hand, self.gains, self.state, self.out)
        return float(self.out[0])


def test_proportional_alone_is_gain_times_error() -> None:
    assert Loop(PLAIN).step(20.0, 17.0) == pytest.approx(6.0)


def test_integral_of_a_constant_error_is_a_ramp() -> None:
    loop = Loop(PLAIN._replace(kp=0.0, ki_per_s=0.1))
    for _second in range(50):
        out = loop.step(20.0, 18.0)
    assert out == pytest.approx(0.1 * 2.0 * 49)


def test_derivative_of_a_ramp_settles_at_minus_gain_times_slope_with_the_filter_s_lag() -> None:
    loop = Loop(PLAIN._replace(kp=0.0, kd_s=5.0, filter_s=10.0))
    seen = [loop.step(0.0, 0.3 * second) for second in range(200)]
    assert seen[-1] == pytest.approx(-5.0 * 0.3, rel=1e-6)
    # forward Euler of a first-order lag: 1 - (1 - dt/T)^n of the way
    assert seen[10] == pytest.approx(-5.0 * 0.3 * (1.0 - 0.9**10), rel=1e-9)


def test_setpoint_step_does_not_kick_the_derivative() -> None:
    loop = Loop(PLAIN._replace(kp=0.0, kd_s=50.0))
    loop.step(20.0, 18.0)
    assert loop.step(30.0, 18.0) == 0.0


def test_saturated_loop_recovers_as_soon_as_the_error_turns() -> None:
    gains = Gains(kp=0.5, ki_per_s=0.05, kd_s=0.0, filter_s=0.0, back_per_s=0.1)
    wound = gains._replace(back_per_s=0.0)
    with_back, without = Loop(gains), Loop(wound)
    for _second in range(600):
        with_back.step(20.0, 10.0)
        without.step(20.0, 10.0)
    steps = 0
    while with_back.step(20.0, 21.0) >= 1.0:
        steps += 1
    assert steps < 30
    for _second in range(100):
        still = without.step(20.0, 21.0)
    assert still == 1.0  # what back-calculation is there to prevent


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30),
    st.floats(-50, 50),
    st.floats(0.1, 60.0),
)
def test_output_never_leaves_its_limits(inputs: list[tuple[float, float]], kp: float, dt_s: float) -> None:
    loop = Loop(Gains(kp=kp, ki_per_s=kp / 100.0, kd_s=kp, filter_s=5.0, back_per_s=0.01, low=0.1, high=0.9))
    for setpoint, measured in inputs:
        assert 0.1 <= loop.step(setpoint, measured, dt_s=dt_s) <= 0.9
    assert np.isfinite(loop.state).all()


def test_taking_over_from_a_hand_does_not_jump() -> None:
    loop = Loop(Gains(kp=0.5, ki_per_s=0.01, kd_s=0.0, filter_s=0.0, back_per_s=0.02))
    for _second in range(100):
        loop.step(20.0, 19.0)
    for _second in range(50):
        assert loop.step(20.0, 19.8, forced=0.37) == 0.37
    assert loop.step(20.0, 19.8) == pytest.approx(0.37, abs=0.001)


def test_forced_level_is_held_inside_the_limits() -> None:
    loop = Loop(Gains(kp=0.5, ki_per_s=0.01, kd_s=0.0, filter_s=0.0, back_per_s=0.02, low=0.0, high=0.8))
    assert loop.step(20.0, 19.0, forced=3.0) == 0.8
    assert loop.step(20.0, 19.0, forced=-3.0) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_lost_sensor_gives_the_low_limit_and_a_clean_start(bad: float, which: int) -> None:
    gains = Gains(kp=-0.25, ki_per_s=-0.001, kd_s=-6.0, filter_s=60.0, back_per_s=0.001)
    loop = Loop(gains)
    for _second in range(100):
        loop.step(24.0, 30.0)
    values = [24.0, 30.0]
    values[which] = bad
    assert loop.step(values[0], values[1]) == 0.0
    assert loop.step(values[0], values[1], forced=0.9) == 0.0
    assert loop.step(24.0, 25.0) == pytest.approx(Loop(gains).step(24.0, 25.0))


@pytest.mark.parametrize("dt_s", [0.0, -1.0, math.nan, math.inf])
def test_impossible_time_gives_the_low_limit_and_forgets_nothing(dt_s: float) -> None:
    loop = Loop(PLAIN._replace(ki_per_s=0.1, low=0.0))
    loop.step(20.0, 10.0)
    before = loop.state.copy()
    assert loop.step(20.0, 10.0, dt_s=dt_s) == 0.0
    np.testing.assert_array_equal(before, loop.state)


def textbook(gains: Gains, setpoint: float, measured: list[float], dt_s: float) -> list[float]:
    """The same controller written the slow way, straight from the differential equations (Euler)."""
    integral, filtered, out = 0.0, measured[0], []
    for y in measured:
        slope = (y - filtered) / max(gains.filter_s, dt_s)
        u = gains.kp * (setpoint - y) + integral - gains.kd_s * slope
        clipped = min(max(u, gains.low), gains.high)
        integral += dt_s * gains.ki_per_s * (setpoint - y) + min(dt_s * gains.back_per_s, 1.0) * (clipped - u)
        filtered += dt_s * slope
        out.append(clipped)
    return out


def test_ten_thousand_loops_are_ten_thousand_times_the_textbook_loop() -> None:
    rng = np.random.default_rng(4)
    count, steps = 500, 40
    loops = [
        Gains(kp, kp * rng.uniform(0, 0.1), kp * rng.uniform(0, 5), rng.uniform(0, 30), rng.uniform(0, 0.1))
        for kp in rng.normal(0, 1, count)
    ]
    setpoint, measured = rng.normal(20, 2, count), rng.normal(20, 3, (steps, count))
    gains, state, out = pid.parameters(loops), pid.fresh_state(count), np.zeros(count)
    seen = np.empty((steps, count))
    for k in range(steps):
        pid.pid_step(2.0, setpoint, measured[k], np.full(count, NAN), gains, state, out)
        seen[k] = out
    for i in range(count):
        want = textbook(loops[i], setpoint[i], measured[:, i].tolist(), 2.0)
        np.testing.assert_allclose(seen[:, i], want, rtol=1e-9, atol=1e-9)


def test_ten_thousand_loops_take_microseconds() -> None:
    count = 10_000
    gains, state = pid.parameters([Gains(-0.25, -0.001, -6.0, 60.0, 0.001)] * count), pid.fresh_state(count)
    setpoint, measured, forced = np.full(count, 24.0), np.full(count, 25.0), np.full(count, NAN)
    out = np.zeros(count)
    pid.pid_step(1.0, setpoint, measured, forced, gains, state, out)
    started = time.process_time()
    for _ in range(200):
        pid.pid_step(1.0, setpoint, measured, forced, gains, state, out)
    assert (time.process_time() - started) / 200 < 400e-6  # some 15 µs on a free core


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kp": math.nan}, "no number"),
        ({"low": 1.0, "high": 1.0}, "low < high"),
        ({"filter_s": -1.0}, "filter_s >= 0"),
        ({"back_per_s": -1.0}, "back_per_s >= 0"),
        ({"kp": 1.0, "ki_per_s": -0.1}, "opposite sign"),
    ],
)
def test_gains_that_cannot_be_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pid.parameters([PLAIN, PLAIN._replace(**change)])


def test_a_farm_without_loops_has_empty_tables_of_the_right_form() -> None:
    assert pid.parameters([]).shape == (len(Gains._fields), 0)
    assert pid.fresh_state(0).shape == (pid.STATES, 0)
