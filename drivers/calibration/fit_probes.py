# SPDX-License-Identifier: Apache-2.0
"""Fits the curves that follow physics: pH electrodes, EC cells, soils, thermistors, gas cells; and judges their health.

The rule it keeps: the physics limits what a sound probe can be; a fit outside it is refused with what to check.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from drivers.calibration.curves import Beside
from drivers.calibration.fit import Fit, FitRefused, checked, fitted, solve
from drivers.calibration.probes import PH_ISOPOTENTIAL, Cell, GasPressure, Nernst, SteinhartHart, nernst_mv, to_25
from drivers.calibration.shapes import Array
from drivers.calibration.soils import Hilhorst, Soil

# A sound pH electrode: 85 to 105 % of Nernst's slope, and its zero within 1 pH of 7 (makers give ±30 mV as good).
SLOPE_LOW: Final = 0.85
SLOPE_HIGH: Final = 1.05
ZERO_MAX_PH: Final = 1.0
SOIL_GAIN_LOW: Final = 0.4
SOIL_GAIN_HIGH: Final = 2.5
UNSOUND_SLOPE: Final = (
    "The electrode's slope is {slope:.1f} %: a sound one gives {low:.0f} to {high:.0f} %; "
    "clean it, use fresh buffers, or replace it"
)
UNSOUND_ZERO: Final = (
    "The electrode's zero lies {zero:.2f} pH from 7, at most {most} is sound: check the buffers or replace it"
)
SWAPPED: Final = "The reading falls where the reference rises: were the two references swapped?"


def fit_nernst(
    signal: Sequence[float], truth: Sequence[float], temperature_c: Sequence[float], unit: Literal["mV", "pH"]
) -> Fit:
    """Fit an electrode's offset and slope(s): one slope from two buffers, acid and base from three or more.

    ``signal`` in ``unit``, ``truth`` in pH, ``temperature_c`` of each buffer [°C] (used for mV).
    """
    x, y = checked(signal, truth, 2)
    warm = np.asarray(temperature_c, dtype=np.float64)
    if unit == "mV" and not np.isfinite(warm).all():
        raise FitRefused("The buffers' temperature is not known: a pH electrode in mV cannot be judged without it")
    per_ph = nernst_mv(warm) if unit == "mV" else np.ones_like(x)
    distance = x if unit == "mV" else PH_ISOPOTENTIAL - x
    reach = per_ph * (PH_ISOPOTENTIAL - y)
    acid, base = np.where(y < PH_ISOPOTENTIAL, reach, 0.0), np.where(y > PH_ISOPOTENTIAL, reach, 0.0)
    sided = len(x) >= 3 and acid.any() and base.any()
    columns = (acid, base) if sided else (reach,)
    found = solve(np.column_stack((np.ones_like(x), *columns)), distance)
    offset, *slopes = found.coefficients.tolist()
    zero_ph = offset / float(np.mean(per_ph))
    check_electrode(min(slopes), max(slopes), zero_ph)
    curve = Nernst(offset, slopes[0], slopes[-1], unit)
    return fitted(curve, x, y, len(slopes) + 1, deviations=found.deviations, beside=Beside(warm))


def check_electrode(low: float, high: float, zero_ph: float) -> None:
    """Raise FitRefused for an electrode whose slopes (shares of Nernst's) or zero [pH from 7] are out of health."""
    if low < 0.0:
        raise FitRefused(SWAPPED)
    if low < SLOPE_LOW or high > SLOPE_HIGH:
        raise FitRefused(
            UNSOUND_SLOPE,
            slope=100.0 * (low if low < SLOPE_LOW else high),
            low=100.0 * SLOPE_LOW,
            high=100.0 * SLOPE_HIGH,
        )
    if abs(zero_ph) > ZERO_MAX_PH:
        raise FitRefused(UNSOUND_ZERO, zero=zero_ph, most=ZERO_MAX_PH)


def fit_cell(
    signal: Sequence[float], truth_25: Sequence[float], temperature_c: Sequence[float], *, compensated: bool
) -> Fit:
    """Fit a cell constant; a point with truth 0 is the dry cell in air and gives the offset.

    ``truth_25`` is the standard's EC at 25 °C. ``compensated``: the instrument brings its signal to 25 °C itself.
    """
    x, y = checked(signal, truth_25, 1)
    warm = np.asarray(temperature_c, dtype=np.float64)
    if not compensated and not np.isfinite(warm).all():
        raise FitRefused("The standard's temperature is not known: EC cannot be brought to 25 °C without it")
    wet = y > 0.0
    if not wet.any():
        raise FitRefused("A cell constant needs a standard: a dry point alone gives none")
    dry = float(np.mean(x[~wet])) if (~wet).any() else 0.0
    at_temperature = y if compensated else y * to_25(warm, Cell(1.0).percent_per_k)
    if wet.sum() >= 2 and not (~wet).any():
        found = solve(np.column_stack((np.ones(wet.sum()), x[wet])), at_temperature[wet])
        constant = float(found.coefficients[1])
        dry = -float(found.coefficients[0]) / constant if constant else 0.0
    else:
        found = solve((x[wet] - dry)[:, None], at_temperature[wet])
        constant = float(found.coefficients[0])
    if constant <= 0.0:
        raise FitRefused(SWAPPED)
    curve = Cell(constant, dry, compensated_by_instrument=compensated)
    parameters = len(found.coefficients) + int((~wet).any())
    return fitted(curve, x, y, parameters, deviations=found.deviations, beside=Beside(warm))


def fit_soil(
    signal: Sequence[float],
    truth_percent: Sequence[float],
    equation: Literal["teros-mineral", "teros-soilless", "teros-topp", "topp"],
    unit: Literal["", "%"] = "",
) -> Fit:
    """Correct a published equation for this soil: an offset from one sample, a line from two or more."""
    x, y = checked(signal, truth_percent, 1)
    by_equation = Soil(equation, signal=unit).of(x)
    if len(x) == 1:
        curve = Soil(equation, 1.0, float(y[0] - by_equation[0]), unit)
        return fitted(curve, x, y, 1)
    found = solve(np.column_stack((np.ones_like(x), by_equation)), y)
    offset, gain = found.coefficients.tolist()
    _plausible_gain(gain)
    return fitted(Soil(equation, gain, offset, unit), x, y, 2, deviations=found.deviations)


def fit_hilhorst(
    bulk_ec: Sequence[float], pore_ec: Sequence[float], temperature_c: Sequence[float], permittivity: Sequence[float]
) -> Fit:
    """Correct Hilhorst's pore water EC for this soil by one factor; refused in soil too dry for the equation."""
    x, y = checked(bulk_ec, pore_ec, 1)
    beside = Beside(
        np.asarray(temperature_c, dtype=np.float64), permittivity=np.asarray(permittivity, dtype=np.float64)
    )
    by_equation = Hilhorst().of(x, beside.temperature_c, beside.permittivity)
    if not np.isfinite(by_equation).all():
        raise FitRefused("The soil is too dry for pore water EC (permittivity below 10): water it and measure again")
    found = solve(by_equation[:, None], y)
    gain = float(found.coefficients[0])
    _plausible_gain(gain)
    return fitted(Hilhorst(gain), x, y, 1, deviations=found.deviations, beside=beside)


def fit_gas(shown_ppm: Sequence[float], truth_ppm: Sequence[float], pressure_hpa: Sequence[float]) -> Fit:
    """Find the offset of a CO₂ cell that does not know the air's pressure; one point or more."""
    x, y = checked(shown_ppm, truth_ppm, 1)
    pressure = np.asarray(pressure_hpa, dtype=np.float64)
    factor = GasPressure().of(np.ones_like(x), pressure)
    if not np.isfinite(factor).all():
        raise FitRefused("The air's pressure is not known: enter it in hPa (500 to 1100)")
    offset = float(np.mean(y / factor - x))
    return fitted(GasPressure(1.0, offset), x, y, 1, beside=Beside(pressure_hpa=pressure))


def fit_steinhart_hart(ohms: Sequence[float], truth_c: Sequence[float]) -> Fit:
    """Find a thermistor's three coefficients from three temperatures or more, well apart."""
    x, y = checked(ohms, truth_c, 3)
    if (x <= 0.0).any():
        raise FitRefused("A resistance is above 0 ohm: check the wiring")
    logarithm = np.log(x)
    found = solve(np.column_stack((np.ones_like(x), logarithm, logarithm**3)), 1.0 / (y + 273.15))
    a, b, c = found.coefficients.tolist()
    order: Array = x[np.argsort(y)]
    if not (np.diff(order) < 0.0).all():
        raise FitRefused("A thermistor's resistance falls when it gets warmer: check the order of the references")
    return fitted(SteinhartHart(a, b, c), x, y, 3, deviations=found.deviations)


def _plausible_gain(gain: float) -> None:
    if gain < 0.0:
        raise FitRefused(SWAPPED)
    if not SOIL_GAIN_LOW <= gain <= SOIL_GAIN_HIGH:
        raise FitRefused(
            "The soil's correction is {gain:.2f} times: {low} to {high} is believable; weigh the samples again",
            gain=gain,
            low=SOIL_GAIN_LOW,
            high=SOIL_GAIN_HIGH,
        )
