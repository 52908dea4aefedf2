# SPDX-License-Identifier: Apache-2.0
"""The root zone's daily balance: it closes, it never breaks its bounds, and a NaN changes nothing."""

from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.kernels import soil_water as sw

SOIL = np.array([[0.30, 0.15, 0.10, 9.0, 0.40, 75.0]])
ONE = np.ones(1)


def day(
    state: np.ndarray, et_mm: float, rain_mm: float, gift_mm: float, kcb: float = 0.9, *, runoff: bool = False
) -> tuple[int, np.ndarray]:
    flux = np.empty((1, sw.FLUX_COLUMNS))
    skipped = sw.balance_day(
        et_mm, rain_mm, kcb, 1.2, 0.6, 0.6, SOIL, ONE * gift_mm, ONE * 0.4, ONE * 0.9, ONE, runoff, state, flux
    )
    return skipped, flux[0]


@settings(max_examples=300)
@given(
    de=st.floats(0.0, 22.5),
    dr=st.floats(0.0, 90.0),
    et=st.floats(0.0, 15.0),
    rain=st.floats(0.0, 200.0),
    gift=st.floats(0.0, 60.0),
    runoff=st.booleans(),
)
def test_the_day_closes_to_a_billionth_of_a_millimetre(
    de: float, dr: float, et: float, rain: float, gift: float, *, runoff: bool
) -> None:
    state = np.array([[de, dr, 0.6, 0.0]])
    skipped, flux = day(state, et, rain, gift, runoff=runoff)
    assert skipped == 0
    into = rain - flux[sw.RUNOFF_MM] + gift - flux[sw.LOSS_MM]
    out = flux[sw.E_MM] + flux[sw.T_MM] + flux[sw.DP_MM]
    assert dr - state[0, sw.DR_MM] == pytest.approx(into - out, abs=1e-9)
    assert 0.0 <= state[0, sw.DR_MM] <= 90.0 + 1e-9
    assert 0.0 <= state[0, sw.DE_MM] <= 22.5 + 1e-9
    assert flux[sw.E_MM] >= 0.0
    assert flux[sw.T_MM] >= 0.0


@pytest.mark.parametrize(("et", "rain", "gift"), [(float("nan"), 0.0, 0.0), (5.0, float("nan"), 0.0), (5.0, 0.0, -1.0)])
def test_a_day_that_is_no_day_leaves_the_field_as_it_was(et: float, rain: float, gift: float) -> None:
    state = np.array([[5.0, 20.0, 0.6, 0.0]])
    skipped, flux = day(state, et, rain, gift)
    assert skipped == 1
    assert state.tolist() == [[5.0, 20.0, 0.6, 0.0]]
    assert isnan(flux[sw.T_MM])


def test_stress_begins_at_the_readily_available_water() -> None:
    assert sw.stress_coefficient(40.0, 100.0, 0.4, False) == 1.0
    assert sw.stress_coefficient(70.0, 100.0, 0.4, False) == pytest.approx(0.5)
    assert sw.stress_coefficient(100.0, 100.0, 0.4, False) == 0.0
    assert sw.stress_coefficient(70.0, 100.0, 0.4, True) > 0.5  # AquaCrop's curve is convex


def test_salinity_takes_what_maas_and_hoffman_say() -> None:
    # Pepper: threshold 1.5 dS/m, slope 14 % per dS/m (facts of USSL); at 2.5 dS/m 14 % is lost.
    assert sw.salinity_factor(1.5, 1.5, 14.0, 1.0) == 1.0
    assert sw.salinity_factor(2.5, 1.5, 14.0, 1.0) == pytest.approx(0.86)
    assert sw.salinity_factor(20.0, 1.5, 14.0, 1.0) == 0.0
    assert sw.salinity_factor(float("nan"), 1.5, 14.0, 1.0) == 1.0


def test_leaching_asks_for_more_with_saltier_water_and_never_for_all() -> None:
    assert sw.leaching_fraction(1.0, 2.0) == pytest.approx(1.0 / 9.0)
    assert sw.leaching_fraction(9.0, 1.5) == 0.9


def test_runoff_needs_more_rain_than_the_soil_can_hold_back() -> None:
    assert sw.curve_number_runoff_mm(8.0, 75.0, 5.0, 9.0, 22.5) == 0.0
    assert 0.0 < sw.curve_number_runoff_mm(80.0, 75.0, 5.0, 9.0, 22.5) < 80.0
