# SPDX-License-Identifier: Apache-2.0
"""Curves from an instrument's signal to the truth: what a calibration, once fitted, does to every sample.

The rule it keeps: a curve goes from signal to truth and is applied directly, never inverted by search; outside its
domain it still answers and says so (``extrapolated``): nothing is clamped, and whoever controls refuses the value.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ZERO_CELSIUS_K: Final = 273.15
# Gas constant times ln 10 over Faraday's constant: mV per kelvin and pH unit. Source: CODATA 2018 R, F.
NERNST_MV_PER_K: Final = 8.31446261815324 * 2.302585092994046 / 96485.33212 * 1000.0
PH_ISOPOTENTIAL: Final = 7.0


class Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="offset"):
    """truth = signal + offset."""

    offset: float


class Linear(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="linear"):
    """truth = offset + gain · signal."""

    offset: float
    gain: float


class Polynomial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="polynomial"):
    """truth = Σ coefficient[i] · ((signal - centre)/scale)^i; the shift keeps high powers well conditioned."""

    coefficients: tuple[float, ...]
    centre: float = 0.0
    scale: float = 1.0


class Piecewise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="piecewise"):
    """Straight lines between knots (signal strictly increasing); the end pieces go on outside."""

    signal: tuple[float, ...]
    truth: tuple[float, ...]


class Spline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="spline"):
    """Monotone cubic Hermite pieces with ``slope`` at each knot (Fritsch and Carlson 1980, doi:10.1137/0717021)."""

    signal: tuple[float, ...]
    truth: tuple[float, ...]
    slope: tuple[float, ...]


class Nernst(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nernst"):
    """pH from electrode mV: slope as a share of Nernst's at the sample's temperature, offset at pH 7 [mV].

    Two slopes where three buffers were used: below and above pH 7.
    """

    offset_mv: float
    slope_acid: float
    slope_base: float


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cell"):
    """EC: cell constant times signal, brought to 25 °C by ``percent_per_k`` unless the instrument did that itself."""

    constant: float
    dry_offset: float = 0.0
    percent_per_k: float = 2.0
    compensated_by_instrument: bool = False


Curve = Offset | Linear | Polynomial | Piecewise | Spline | Nernst | Cell


def apply(curve: Curve, signal: Array, temperature_c: Array | float = 25.0) -> Array:
    """Bring ``signal`` (instrument unit, any shape) to truth.

    ``temperature_c`` [°C] is used by the curves that compensate (Nernst, Cell) and ignored by the others.
    nan in (signal, or temperature where it is used) gives nan out.
    """
    match curve:
        case Offset():
            return signal + curve.offset
        case Linear():
            return curve.offset + curve.gain * signal
        case Polynomial():
            return _polynomial(curve, signal)
        case Piecewise():
            return _piecewise(curve, signal)
        case Spline():
            return _spline(curve, signal)
        case Nernst():
            return _nernst(curve, signal, temperature_c)
        case Cell():
            return _cell(curve, signal, temperature_c)


def apply_one(curve: Curve, signal: float, temperature_c: float = 25.0) -> float:
    """Bring one signal to truth."""
    if isinstance(curve, Linear):  # the usual case, without an array
        return curve.offset + curve.gain * signal
    return float(apply(curve, np.array([signal]), temperature_c)[0])


def _polynomial(curve: Polynomial, signal: Array) -> Array:
    x = (signal - curve.centre) / curve.scale
    result = np.full_like(signal, 0.0)
    for coefficient in reversed(curve.coefficients):
        result = result * x + coefficient
    return result


def _pieces(knots: tuple[float, ...], signal: Array) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(np.array(knots), signal, side="right") - 1, 0, len(knots) - 2)


def _piecewise(curve: Piecewise, signal: Array) -> Array:
    x, y = np.array(curve.signal), np.array(curve.truth)
    i = _pieces(curve.signal, signal)
    result: Array = y[i] + (y[i + 1] - y[i]) * (signal - x[i]) / (x[i + 1] - x[i])
    return result


def _spline(curve: Spline, signal: Array) -> Array:
    x, y, m = np.array(curve.signal), np.array(curve.truth), np.array(curve.slope)
    i = _pieces(curve.signal, signal)
    width = x[i + 1] - x[i]
    t = (signal - x[i]) / width
    inner = (
        (1 + 2 * t) * (1 - t) ** 2 * y[i]
        + t * (1 - t) ** 2 * width * m[i]
        + t**2 * (3 - 2 * t) * y[i + 1]
        + t**2 * (t - 1) * width * m[i + 1]
    )
    # Beyond the last knots the end slope goes on as a straight line: a cubic would run away.
    before, after = t < 0.0, t > 1.0
    result: Array = np.where(before, y[0] + m[0] * (signal - x[0]), inner)
    return np.where(after, y[-1] + m[-1] * (signal - x[-1]), result)


def _nernst(curve: Nernst, signal: Array, temperature_c: Array | float) -> Array:
    full_mv = NERNST_MV_PER_K * (np.asarray(temperature_c, dtype=np.float64) + ZERO_CELSIUS_K)
    distance = signal - curve.offset_mv
    # Acid gives positive millivolts, base negative.
    slope = np.where(distance > 0.0, curve.slope_acid, curve.slope_base)
    result: Array = PH_ISOPOTENTIAL - distance / (full_mv * slope)
    return result


def _cell(curve: Cell, signal: Array, temperature_c: Array | float) -> Array:
    conductivity: Array = curve.constant * (signal - curve.dry_offset)
    if curve.compensated_by_instrument:
        return conductivity
    factor = 1.0 + curve.percent_per_k / 100.0 * (np.asarray(temperature_c, dtype=np.float64) - 25.0)
    compensated: Array = conductivity / factor
    return compensated
