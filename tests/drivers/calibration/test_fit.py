# SPDX-License-Identifier: Apache-2.0
"""Fits against certified sets, and every refusal of a fit."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.calibration.curves import Beside, apply_one
from drivers.calibration.fit import (
    Fit,
    FitRefused,
    fit_gain,
    fit_linear,
    fit_offset,
    fit_piecewise,
    fit_polynomial,
    fit_spline,
    least_squares,
)
from drivers.calibration.fit_probes import (
    fit_cell,
    fit_gas,
    fit_hilhorst,
    fit_nernst,
    fit_soil,
    fit_steinhart_hart,
)
from drivers.calibration.probes import Cell, Nernst, nernst_mv
from drivers.calibration.uncertainty import Component, combined, effective_freedom, student_t
from tests.drivers.calibration.published import H3_CORRECTION, H3_READING, NORRIS, PONTIUS, WAMPLER3, Certified


@pytest.mark.parametrize("known", [NORRIS, PONTIUS, WAMPLER3], ids=lambda known: known.name)
def test_certified_sets_come_out_to_nine_digits(known: Certified) -> None:
    found = least_squares(np.array(known.x), np.array(known.y), len(known.coefficients) - 1)
    assert found.coefficients.tolist() == pytest.approx(known.coefficients, rel=1e-9)
    assert found.deviations == pytest.approx(known.deviations, rel=1e-9)
    assert found.residual_sd == pytest.approx(known.residual_sd, rel=1e-9)


def test_gum_h3_thermometer_to_the_printed_digits() -> None:
    """JCGM 100:2008 H.3: y1 = -0.1712 (29), y2 = 0.00218 (67), r = -0.930, s = 0.0035, b(30 °C) = -0.1494 (41)."""
    found = least_squares(np.array(H3_READING) - 20.0, np.array(H3_CORRECTION), 1)
    first, second = found.coefficients
    u1, u2 = found.deviations
    assert (round(first, 4), round(second, 5)) == (-0.1712, 0.00218)
    assert (round(u1, 4), round(u2, 5), round(found.residual_sd, 4)) == (0.0029, 0.00067, 0.0035)
    assert round(float(found.covariance[0, 1]) / (u1 * u2), 3) == -0.930
    at_30 = np.array([1.0, 10.0])
    assert round(float(at_30 @ found.coefficients), 4) == -0.1494
    assert round(found.deviation_at(at_30), 4) == 0.0041


def test_gum_h1_end_gauge_to_the_printed_digits() -> None:
    """JCGM 100:2008 H.1: l = 50.000 838 mm, uc = 32 nm, ν_eff = 16, t99 = 2.92, U99 = 93 nm."""
    length_nm, expansion_per_c = 50_000_623.0, 11.5e-6
    budget = [
        Component("standard l_S", 75.0 / 3.0, 18),
        Component("repeated observations", 13.0 / math.sqrt(5.0), 24),
        Component("comparator, random", 10.0 / 2.57, 5),
        Component("comparator, systematic", 20.0 / 3.0, 8),
        Component("difference of expansion", length_nm * 0.1 * 1e-6 / math.sqrt(3.0), 50),
        Component("difference of temperature", length_nm * expansion_per_c * 0.05 / math.sqrt(3.0), 2),
    ]
    assert [round(one.standard, 1) for one in budget] == [25.0, 5.8, 3.9, 6.7, 2.9, 16.6]
    uc = combined(budget)
    assert round((length_nm + 215.0) / 1e6, 6) == 50.000838
    assert round(uc) == 32
    freedom = math.floor(effective_freedom(budget))
    assert freedom == 16
    assert round(student_t(0.99, freedom), 2) == 2.92
    assert math.ceil(student_t(0.99, freedom) * uc) == 93


@pytest.mark.parametrize(
    ("level", "freedom", "printed"),
    [(0.95, 1, 12.71), (0.95, 5, 2.57), (0.99, 2, 9.92), (0.6827, 10, 1.05), (0.9545, 50, 2.05), (0.9545, 1e9, 2.0)],
)
def test_t_factors_are_those_of_gum_table_g2(level: float, freedom: float, printed: float) -> None:
    assert student_t(level, freedom) == pytest.approx(printed, abs=0.006)


Refusal = tuple[str, Callable[[], Fit], str]
REFUSALS: list[Refusal] = [
    ("no point", lambda: fit_offset([], []), "Too few points"),
    ("one point for a line", lambda: fit_linear([1.0], [1.0]), "Too few points"),
    ("equal signals", lambda: fit_linear([5.0, 5.0], [1.0, 2.0]), "Equal points"),
    ("nearly equal signals", lambda: fit_polynomial([1.0, 1.0, 2.0], [1.0, 1.1, 2.0], 2), "Equal points"),
    ("nan", lambda: fit_linear([1.0, math.nan], [1.0, 2.0]), "not a number"),
    ("infinite truth", lambda: fit_offset([1.0], [math.inf]), "not a number"),
    ("truth does not move", lambda: fit_linear([1.0, 2.0], [7.0, 7.0]), "does not change"),
    ("lengths differ", lambda: fit_linear([1.0, 2.0], [1.0]), "Too few points"),
    ("degree 1", lambda: fit_polynomial([1.0, 2.0], [1.0, 2.0], 1), "not offered"),
    ("degree 11", lambda: fit_polynomial(list(range(12)), list(range(12)), 11), "not offered"),
    ("turns back", lambda: fit_polynomial([0.0, 1.0, 2.0], [0.0, 1.0, 0.1], 2), "turns back"),
    ("falls and rises", lambda: fit_piecewise([0.0, 1.0, 2.0], [0.0, 1.0, 0.5]), "rise or fall throughout"),
    ("spline of two", lambda: fit_spline([0.0, 1.0], [0.0, 1.0]), "Too few points"),
    ("gain at zero", lambda: fit_gain([0.0], [1.0]), "at zero"),
    ("gain of a dry pipe", lambda: fit_gain([1.0], [0.0]), "at zero"),
    ("swapped buffers", lambda: fit_nernst([0.0, 177.0], [4.0, 7.0], [25.0, 25.0], "mV"), "swapped"),
    ("swapped pH", lambda: fit_nernst([7.0, 4.0, 10.0], [7.0, 10.0, 4.0], [25.0] * 3, "pH"), "swapped"),
    ("tired electrode", lambda: fit_nernst([0.0, 140.0], [7.0, 4.0], [25.0, 25.0], "mV"), "slope is 78"),
    ("too steep", lambda: fit_nernst([0.0, 195.0], [7.0, 4.0], [25.0, 25.0], "mV"), "slope is 109"),
    ("one side tired", lambda: fit_nernst([0.0, 177.0, -130.0], [7.0, 4.0, 10.0], [25.0] * 3, "mV"), "slope is 73"),
    ("zero far off", lambda: fit_nernst([70.0, 247.0], [7.0, 4.0], [25.0, 25.0], "mV"), "zero lies"),
    ("no temperature", lambda: fit_nernst([0.0, 177.0], [7.0, 4.0], [math.nan, 25.0], "mV"), "temperature"),
    ("dry cell alone", lambda: fit_cell([0.01], [0.0], [25.0], compensated=True), "needs a standard"),
    ("cell swapped", lambda: fit_cell([12.0, 1.4], [1.413, 12.88], [25.0] * 2, compensated=True), "swapped"),
    ("EC without temperature", lambda: fit_cell([1.4], [1.413], [math.nan], compensated=False), "temperature"),
    ("soil upside down", lambda: fit_soil([2500.0, 3000.0], [40.0, 20.0], "teros-mineral"), "swapped"),
    ("soil not believable", lambda: fit_soil([2500.0, 2520.0], [10.0, 40.0], "teros-mineral"), "believable"),
    ("too dry for pore water", lambda: fit_hilhorst([0.5], [3.0], [25.0], [8.0]), "too dry"),
    ("no air pressure", lambda: fit_gas([400.0], [425.0], [0.0]), "pressure"),
    ("thermistor of two", lambda: fit_steinhart_hart([1.0, 2.0], [1.0, 2.0]), "Too few"),
    ("thermistor backwards", lambda: fit_steinhart_hart([1e3, 1e4, 3e4], [0.0, 25.0, 50.0]), "warmer"),
]


@pytest.mark.parametrize(("fit", "why"), [one[1:] for one in REFUSALS], ids=[name for name, _, _ in REFUSALS])
def test_a_fit_that_cannot_be_trusted_is_refused_and_never_gives_a_curve(fit: Callable[[], Fit], why: str) -> None:
    with pytest.raises(FitRefused, match=why):
        fit()


def test_two_buffers_give_the_electrode_that_made_them_at_their_own_temperatures() -> None:
    acid_mv = 5.0 + 0.97 * float(nernst_mv(31.0)) * 3.0
    made = fit_nernst([5.0, acid_mv], [7.0, 4.0], [18.0, 31.0], "mV")
    assert isinstance(made.curve, Nernst)
    assert (made.curve.offset, made.curve.slope_acid) == pytest.approx((5.0, 0.97))
    assert made.curve.slope_acid == made.curve.slope_base
    assert max(map(abs, made.residuals)) < 1e-9


@settings(max_examples=60)
@given(
    offset=st.floats(-30, 30), acid=st.floats(0.86, 1.04), base=st.floats(0.86, 1.04), warm=st.floats(5, 40),
    ph=st.floats(2, 12), unit=st.sampled_from(["mV", "pH"]),
)  # fmt: skip
def test_three_buffers_find_any_sound_electrode(
    offset: float, acid: float, base: float, warm: float, ph: float, unit: str
) -> None:
    scale = float(nernst_mv(warm)) if unit == "mV" else 1.0
    zero = offset if unit == "mV" else offset / 60.0

    def shows(truth: float) -> float:
        distance = zero + (acid if truth < 7.0 else base) * scale * (7.0 - truth)
        return distance if unit == "mV" else 7.0 - distance

    buffers = [7.0, 4.01, 10.01]
    made = fit_nernst([shows(b) for b in buffers], buffers, [warm] * 3, "mV" if unit == "mV" else "pH")
    assert apply_one(made.curve, shows(ph), Beside(warm)) == pytest.approx(ph, abs=1e-6)


@pytest.mark.parametrize("compensated", [True, False])
def test_a_cell_is_compensated_once(compensated: bool) -> None:
    """A probe that brings its value to 25 °C itself is not corrected again, one that does not is."""
    warm, standard = 18.0, 1.413
    shown = standard / 1.05 if compensated else standard * (1 + 0.02 * (warm - 25.0)) / 1.05
    made = fit_cell([0.0, shown], [0.0, standard], [warm, warm], compensated=compensated)
    assert isinstance(made.curve, Cell)
    assert made.curve.constant == pytest.approx(1.05)
    assert made.curve.compensated_by_instrument is compensated
    later = 2.0 if compensated else 2.0 * (1 + 0.02 * (30.0 - 25.0))
    assert apply_one(made.curve, later / 1.05, Beside(30.0)) == pytest.approx(2.0)


def test_two_standards_find_constant_and_dry_offset() -> None:
    made = fit_cell([1.413 / 1.1 + 0.02, 12.88 / 1.1 + 0.02], [1.413, 12.88], [25.0] * 2, compensated=True)
    assert isinstance(made.curve, Cell)
    assert (made.curve.constant, made.curve.dry_offset) == pytest.approx((1.1, 0.02))


def test_three_temperatures_find_a_thermistor() -> None:
    """10k thermistor 3977: 32650 Ω at 0 °C, 10000 at 25, 3603 at 50 (Vishay NTCLE100E3103 table)."""
    made = fit_steinhart_hart([32650.0, 10000.0, 3603.0], [0.0, 25.0, 50.0])
    assert apply_one(made.curve, 3893.0) == pytest.approx(47.962, abs=0.05)


def test_a_soil_of_its_own_is_found_from_two_cores() -> None:
    made = fit_soil([2500.0, 3000.0], [30.0, 50.0], "teros-mineral")
    assert apply_one(made.curve, 2500.0) == pytest.approx(30.0)
    assert apply_one(made.curve, 3000.0) == pytest.approx(50.0)
    by_percent = fit_soil([27.415, 46.81], [30.0, 50.0], "teros-soilless", "%")
    assert apply_one(by_percent.curve, 27.415) == pytest.approx(30.0)


points = st.lists(st.floats(-100, 100), min_size=3, max_size=8, unique_by=lambda x: round(x, 1)).map(sorted)


@settings(max_examples=60)
@given(signal=points, steps=st.lists(st.floats(0.5, 20), min_size=7, max_size=7), data=st.data())
def test_spline_and_pieces_pass_through_their_points_and_never_turn_back(
    signal: list[float], steps: list[float], data: st.DataObject
) -> None:
    truth = [float(sum(steps[:i])) for i in range(len(signal))]
    for made in (fit_piecewise(signal, truth), fit_spline(signal, truth)):
        assert [apply_one(made.curve, x) for x in signal] == pytest.approx(truth, abs=1e-6)
        tries = sorted(data.draw(st.lists(st.floats(-150, 150), min_size=2, max_size=6)))
        values = [apply_one(made.curve, x) for x in tries]
        assert all(b - a > -1e-7 * (1 + abs(a)) for a, b in pairwise(values))


@settings(max_examples=60)
@given(gain=st.floats(0.1, 10), offset=st.floats(-50, 50), x=st.floats(-100, 100))
def test_a_line_is_found_again(gain: float, offset: float, x: float) -> None:
    made = fit_linear([-10.0, 40.0], [offset - 10.0 * gain, offset + 40.0 * gain])
    assert apply_one(made.curve, x) == pytest.approx(offset + gain * x, abs=1e-6)
