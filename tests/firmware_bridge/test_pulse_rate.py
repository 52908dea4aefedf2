# SPDX-License-Identifier: Apache-2.0
"""Flow from pulses: right from pulse to pulse, no saw-tooth, and 0 when the water stands."""

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.pulse_rate import STILL_S, PulseRate


def rates(flow_l_min: float, per_pulse: float, report_s: float, until_s: float, stops_at_s: float) -> list[float]:
    """Meter a flow that begins at 10 s and ends at ``stops_at_s``."""
    meter, counted, found = PulseRate(per_pulse), 0, []
    gap_s = 60.0 * per_pulse / flow_l_min
    for step in range(1, ceil(until_s / report_s)):
        now = step * report_s
        total = max(0, int((min(now, stops_at_s) - 10.0) / gap_s + 1e-9))
        last = 10.0 + total * gap_s if total else 0.0
        found.append(meter.take(total - counted, last, now))
        counted = total
    return found


@settings(max_examples=60)
@given(st.floats(1.0, 200.0), st.sampled_from([0.01, 0.1, 1.0, 10.0]), st.sampled_from([0.1, 1.0, 2.0, 10.0]))
def test_a_steady_flow_is_told_exactly_once_two_pulses_have_come(
    flow_l_min: float, per_pulse: float, report_s: float
) -> None:
    gap_s = 60.0 * per_pulse / flow_l_min
    settled = 10.0 + 2.0 * gap_s + 3.0 * report_s
    if gap_s > STILL_S / 2:
        return
    found = rates(flow_l_min, per_pulse, report_s, settled + 60.0, stops_at_s=1e9)
    late = [rate for step, rate in enumerate(found, start=1) if step * report_s > settled]
    assert late
    assert all(rate == pytest.approx(flow_l_min, rel=0.02) for rate in late)


def test_a_flow_never_looks_larger_than_it_is_when_it_begins() -> None:
    for report_s in (0.5, 1.0, 2.0):
        assert max(rates(40.0, 1.0, report_s, 60.0, 1e9)) <= 40.0 * 1.02


def test_standing_water_falls_to_nought() -> None:
    found = rates(40.0, 1.0, 2.0, 140.0, stops_at_s=40.0)
    after = found[21:]
    assert all(a >= b for a, b in pairwise(after))
    assert after[-1] == 0.0


def test_a_board_that_was_reset_and_pulses_at_the_same_moment_are_no_flow() -> None:
    meter = PulseRate(1.0)
    assert meter.take(5, 3.0, 3.0) == 0.0
    assert meter.take(1, 3.0, 4.0) == 0.0
    assert meter.take(-4, 0.0, 5.0) == 0.0
