# SPDX-License-Identifier: Apache-2.0
"""Moist air against the worked examples of FAO-56."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.kernels import psychrometrics as psy


@pytest.mark.parametrize(("t_c", "e_kpa"), [(24.5, 3.075), (15.0, 1.705)])
def test_saturation_pressure_fao56_example_3(t_c: float, e_kpa: float) -> None:
    assert psy.saturation_pressure_kpa(t_c) == pytest.approx(e_kpa, abs=0.0006)


def test_pressure_and_gamma_fao56_example_2() -> None:
    assert psy.pressure_kpa(1800.0) == pytest.approx(81.8, abs=0.05)
    assert psy.psychrometric_constant_kpa_k(psy.pressure_kpa(1800.0)) == pytest.approx(0.054, abs=0.0005)


def test_wet_bulb_fao56_example_4() -> None:
    pressure = psy.pressure_kpa(1200.0)
    assert psy.vapour_pressure_wet_bulb_kpa(25.6, 19.5, pressure) == pytest.approx(1.91, abs=0.005)


@pytest.mark.parametrize(
    ("t_c", "rh_pct", "vpd"),
    [(17.9, 85, 0.31), (19.5, 91, 0.20), (33, 79, 1.06), (35.5, 77.5, 1.30), (38, 50, 3.31), (40, 45, 4.06)],
)
def test_vpd_of_vietnamese_houses(t_c: float, rh_pct: float, vpd: float) -> None:
    assert psy.vpd_kpa(t_c, rh_pct) == pytest.approx(vpd, abs=0.006)


def test_vapour_density_at_20_degrees_is_the_textbook_17_3_grams() -> None:
    assert psy.saturation_density_kg_m3(20.0) == pytest.approx(0.0173, abs=0.0001)


@given(st.floats(-30, 55), st.floats(1, 100))
def test_density_dew_point_and_humidity_round_trip(t_c: float, rh_pct: float) -> None:
    e_kpa = psy.vapour_pressure_kpa(t_c, rh_pct)
    assert psy.relative_humidity_pct(psy.vapour_density_kg_m3(e_kpa, t_c), t_c) == pytest.approx(rh_pct)
    assert psy.saturation_pressure_kpa(psy.dew_point_c(e_kpa)) == pytest.approx(e_kpa)
    assert psy.dew_point_c(e_kpa) <= t_c + 1e-9


@pytest.mark.parametrize("bad", [(math.nan, 50.0), (20.0, math.nan)])
def test_nan_in_gives_nan_out(bad: tuple[float, float]) -> None:
    assert math.isnan(psy.vpd_kpa(*bad))


def test_dew_point_of_no_vapour_is_nan() -> None:
    assert math.isnan(psy.dew_point_c(0.0))
    assert math.isnan(psy.dew_point_c(math.nan))


def test_supersaturated_air_has_no_negative_deficit() -> None:
    assert psy.vpd_kpa(20.0, 104.0) == 0.0
