# SPDX-License-Identifier: Apache-2.0
"""All curves from an instrument's signal to the truth, and the one way to apply them.

The rule it keeps: a curve goes from signal to truth and is applied directly, never inverted by search; outside its
domain it still answers and says so (``extrapolated``): nothing is clamped, and whoever controls refuses the value.
"""

from dataclasses import dataclass

import numpy as np

from drivers.calibration.probes import STANDARD_HPA, Beta, Cell, GasPressure, Nernst, SteinhartHart
from drivers.calibration.shapes import Array, Linear, Offset, Piecewise, Polynomial, Spline
from drivers.calibration.soils import Hilhorst, Soil

Curve = (
    Offset | Linear | Polynomial | Piecewise | Spline | Nernst | Cell | SteinhartHart | Beta | GasPressure | Soil
    | Hilhorst
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Beside:
    """What is measured beside the probe: temperature [°C], air pressure [hPa], soil permittivity; arrays or one."""

    temperature_c: Array | float = 25.0
    pressure_hpa: Array | float = STANDARD_HPA
    permittivity: Array | float = float("nan")


USUAL = Beside()


def apply(curve: Curve, signal: Array, beside: Beside = USUAL) -> Array:
    """Bring ``signal`` (instrument unit, any shape) to truth.

    nan in (the signal, or what the curve needs beside it) gives nan out.
    """
    match curve:
        case Nernst() | Cell():
            return curve.of(signal, beside.temperature_c)
        case GasPressure():
            return curve.of(signal, beside.pressure_hpa)
        case Hilhorst():
            return curve.of(signal, beside.temperature_c, beside.permittivity)
        case _:
            return curve.of(signal)


def apply_one(curve: Curve, signal: float, beside: Beside = USUAL) -> float:
    """Bring one signal to truth."""
    if isinstance(curve, Linear):  # the usual case, without an array
        return curve.offset + curve.gain * signal
    return float(apply(curve, np.array([signal]), beside)[0])


def needs_temperature(curve: Curve) -> bool:
    """Say whether the curve cannot be applied without a temperature beside the probe."""
    match curve:
        case Nernst():
            return curve.signal == "mV"
        case Cell():
            return not curve.compensated_by_instrument
        case _:
            return isinstance(curve, Hilhorst)
