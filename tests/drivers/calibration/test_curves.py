# SPDX-License-Identifier: Apache-2.0
"""Curves against published vectors, at their edges, and stored and read back."""

import math

import msgspec
import numpy as np
import pytest

from drivers.calibration.curves import Beside, Curve, apply, apply_one, needs_temperature
from drivers.calibration.probes import Beta, Cell, GasPressure, Nernst, SteinhartHart, nernst_mv
from drivers.calibration.shapes import Linear, Offset, Piecewise, Polynomial, Spline
from drivers.calibration.soils import Hilhorst, Soil, teros_counts, teros_mineral, teros_permittivity, topp


def at(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([value])


@pytest.mark.parametrize(
    ("counts", "permittivity", "mineral", "soilless", "by_topp"),
    [(2500.0, 13.100, 27.42, 37.54, 24.48), (3000.0, 31.798, 46.81, 54.87, 45.76)],
)
def test_teros_equations_give_the_makers_values(
    counts: float, permittivity: float, mineral: float, soilless: float, by_topp: float
) -> None:
    assert float(teros_permittivity(at(counts))[0]) == pytest.approx(permittivity, abs=1e-3)
    assert apply_one(Soil("teros-mineral"), counts) == pytest.approx(mineral, abs=0.006)
    assert apply_one(Soil("teros-soilless"), counts) == pytest.approx(soilless, abs=0.006)
    assert apply_one(Soil("teros-topp"), counts) == pytest.approx(by_topp, abs=0.006)
    # From the percentage that the mineral equation made, the counts come back whole.
    shown = 100.0 * float(teros_mineral(at(counts))[0])
    assert float(teros_counts(at(shown))[0]) == pytest.approx(counts)
    assert apply_one(Soil("teros-soilless", signal="%"), shown) == pytest.approx(soilless, abs=0.006)


def test_a_soil_below_nothing_is_given_as_it_is_not_clamped() -> None:
    assert apply_one(Soil("teros-soilless"), 1800.0) == pytest.approx(-0.34, abs=0.01)


@pytest.mark.parametrize(
    ("permittivity", "share"), [(5.0, 0.0798), (10.0, 0.1883), (20.0, 0.3454), (40.0, 0.5102), (80.1, 0.9670)]
)
def test_topp_gives_the_published_values(permittivity: float, share: float) -> None:
    assert float(topp(at(permittivity))[0]) == pytest.approx(share, abs=6e-5)
    assert apply_one(Soil("topp", 1.1, 2.0), permittivity) == pytest.approx(2.0 + 110.0 * share, abs=0.01)


@pytest.mark.parametrize(("celsius", "mv"), [(0.0, 54.199), (20.0, 58.167), (25.0, 59.159), (30.0, 60.151)])
def test_nernst_slope_by_temperature(celsius: float, mv: float) -> None:
    assert float(nernst_mv(celsius)) == pytest.approx(mv, abs=6e-4)
    assert apply_one(Nernst(0.0, 1.0, 1.0), 3.0 * mv, Beside(celsius)) == pytest.approx(4.0, abs=1e-4)
    assert apply_one(Nernst(0.0, 1.0, 1.0), -3.0 * mv, Beside(celsius)) == pytest.approx(10.0, abs=1e-4)


def test_ec_is_brought_to_25_degrees() -> None:
    assert apply_one(Cell(1.0), 1500.0, Beside(18.0)) == pytest.approx(1744.2, abs=0.05)
    assert apply_one(Cell(1.0, percent_per_k=1.91), 1500.0, Beside(18.0)) == pytest.approx(1731.5, abs=0.05)
    assert apply_one(Cell(1.0, compensated_by_instrument=True), 1500.0, Beside(18.0)) == 1500.0
    assert math.isnan(apply_one(Cell(1.0), 1500.0, Beside(-25.0)))


def test_pore_water_ec_and_its_limit() -> None:
    assert apply_one(Hilhorst(), 0.8, Beside(25.0, permittivity=25.0)) == pytest.approx(3.0029, abs=1e-4)
    assert math.isnan(apply_one(Hilhorst(), 0.8, Beside(25.0, permittivity=9.99)))
    assert math.isnan(apply_one(Hilhorst(), 0.8))  # permittivity not known


def test_thermistors() -> None:
    usual = SteinhartHart(1.12924e-3, 2.34108e-4, 0.87755e-7)  # 10k, 3 coefficients as sold
    assert apply_one(usual, 32650.0) == pytest.approx(0.0, abs=0.02)
    assert apply_one(usual, 3893.0) == pytest.approx(47.962, abs=0.02)
    assert apply_one(Beta(10000.0, 3950.0), 32650.0) == pytest.approx(0.55, abs=0.03)
    assert math.isnan(apply_one(usual, 0.0))
    assert math.isnan(apply_one(Beta(10000.0, 3950.0), -5.0))


def test_co2_by_pressure() -> None:
    assert apply_one(GasPressure(), 800.0, Beside(pressure_hpa=900.0)) == pytest.approx(900.7, abs=0.05)
    assert math.isnan(apply_one(GasPressure(), 800.0, Beside(pressure_hpa=0.0)))


def test_flow_meter_k_factor() -> None:
    """YF-S201: f = 7.5 Q, so 75 Hz are 10 L/min."""
    assert apply_one(Linear(0.0, 1.0 / 7.5), 75.0) == pytest.approx(10.0)


CURVES: list[Curve] = [
    Offset(1.0), Linear(1.0, 2.0), Polynomial((1.0, 2.0, 0.5), 3.0, 2.0), Piecewise((0.0, 1.0), (0.0, 2.0)),
    Spline((0.0, 1.0, 2.0), (0.0, 1.0, 4.0), (1.0, 1.5, 3.0)), Nernst(3.0, 0.95, 0.99), Nernst(0.1, 0.95, 0.99, "pH"),
    Cell(1.1, 0.01), SteinhartHart(1e-3, 2e-4, 1e-7), Beta(1e4, 3950.0), GasPressure(1.0, 5.0), Soil("topp", 1.1, 2.0),
    Hilhorst(1.2),
]  # fmt: skip


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_a_curve_is_stored_and_read_back_and_nan_stays_nan(curve: Curve) -> None:
    again = msgspec.json.decode(msgspec.json.encode(curve), type=Curve)
    assert again == curve
    assert math.isnan(apply_one(again, math.nan, Beside(permittivity=30.0)))
    many = apply(curve, np.linspace(1.0, 5.0, 7), Beside(permittivity=30.0))
    one = [apply_one(curve, float(x), Beside(permittivity=30.0)) for x in np.linspace(1.0, 5.0, 7)]
    assert many.tolist() == pytest.approx(one, rel=1e-12)


def test_outside_its_knots_a_curve_goes_on_and_is_not_clamped() -> None:
    assert apply_one(Piecewise((0.0, 1.0), (0.0, 2.0)), 3.0) == pytest.approx(6.0)
    assert apply_one(Spline((0.0, 1.0, 2.0), (0.0, 1.0, 4.0), (1.0, 1.5, 3.0)), 4.0) == pytest.approx(10.0)
    assert apply_one(Spline((0.0, 1.0, 2.0), (0.0, 1.0, 4.0), (1.0, 1.5, 3.0)), -2.0) == pytest.approx(-2.0)


def test_a_missing_temperature_gives_no_value_where_it_is_needed() -> None:
    assert math.isnan(apply_one(Nernst(0.0, 1.0, 1.0), 100.0, Beside(math.nan)))
    assert apply_one(Nernst(0.0, 1.0, 1.0, "pH"), 5.0, Beside(math.nan)) == 5.0
    needing: tuple[Curve, ...] = (Nernst(0.0, 1.0, 1.0), Cell(1.0), Hilhorst())
    chip = Cell(1.0, compensated_by_instrument=True)
    others: tuple[Curve, ...] = (Nernst(0.0, 1.0, 1.0, "pH"), chip, Linear(0.0, 1.0))
    assert all(map(needs_temperature, needing))
    assert not any(map(needs_temperature, others))


@pytest.mark.parametrize(
    "text",
    [
        '{"kind":"nernst","offset":0,"slope_acid":0,"slope_base":1}', '{"kind":"cell","constant":-1}',
        '{"kind":"piecewise","signal":[1,1],"truth":[0,1]}', '{"kind":"piecewise","signal":[1],"truth":[1]}',
        '{"kind":"spline","signal":[1,2,3],"truth":[1,2,3],"slope":[1]}', '{"kind":"beta","ohm_25":0,"beta_k":1}',
        '{"kind":"soil","equation":"guess"}', '{"kind":"magic"}', '{"kind":"linear","offset":0,"gain":1,"extra":1}',
    ],
)  # fmt: skip
def test_a_curve_that_cannot_be_is_not_read(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Curve)
