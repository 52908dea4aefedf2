# SPDX-License-Identifier: Apache-2.0
"""Curves of electrodes, thermistors and gas cells: each follows its physics and needs to know what is beside it.

The rule it keeps: a correction is applied once: a curve says whether the instrument did it already.
"""

from math import exp
from typing import Final, Literal

import numpy as np

from drivers.calibration.shapes import Array, Shape

ZERO_CELSIUS_K: Final = 273.15
# Gas constant times ln 10 over Faraday's constant: mV per kelvin and pH unit. Source: CODATA 2018 R, F.
NERNST_MV_PER_K: Final = 8.31446261815324 * 2.302585092994046 / 96485.33212 * 1000.0
PH_ISOPOTENTIAL: Final = 7.0
STANDARD_HPA: Final = 1013.25


def nernst_mv(temperature_c: Array | float) -> Array:
    """Give the ideal slope of a pH electrode [mV per pH] at ``temperature_c`` [°C]: 59.159 at 25 °C."""
    return NERNST_MV_PER_K * (np.asarray(temperature_c, dtype=np.float64) + ZERO_CELSIUS_K)


class Nernst(Shape, frozen=True, tag="nernst"):
    """pH of an electrode by its slopes (share of Nernst's) on the acid and the base side and its offset at pH 7.

    ``signal`` is mV (acid positive; the temperature of the sample is then used), or the pH that an instrument made of
    it with the ideal slope at the sample's temperature; the slope's share is the same, so it is corrected once.
    ``offset`` is in the signal's unit: mV, or pH counted from 7 towards acid.
    """

    offset: float
    slope_acid: float
    slope_base: float
    signal: Literal["mV", "pH"] = "mV"

    def __post_init__(self) -> None:
        if not (self.slope_acid > 0.0 and self.slope_base > 0.0):
            raise ValueError("an electrode's slope is above 0")

    def of(self, signal: Array, temperature_c: Array | float) -> Array:
        """Bring signals to pH."""
        if self.signal == "mV":
            distance = (signal - self.offset) / nernst_mv(temperature_c)
        else:
            distance = (PH_ISOPOTENTIAL - signal) - self.offset
        slope = np.where(distance > 0.0, self.slope_acid, self.slope_base)
        result: Array = PH_ISOPOTENTIAL - distance / slope
        return result


class Cell(Shape, frozen=True, tag="cell"):
    """EC at 25 °C: cell constant times (signal - dry), and ``percent_per_k`` unless the instrument did that itself.

    Source: EC25 = EC/(1 + 0.02 (T - 25)), ISO 7888:1985; 1.91 %/K for natural waters.
    """

    constant: float
    dry_offset: float = 0.0
    percent_per_k: float = 2.0
    compensated_by_instrument: bool = False

    def __post_init__(self) -> None:
        if not self.constant > 0.0:
            raise ValueError("a cell constant is above 0")

    def of(self, signal: Array, temperature_c: Array | float) -> Array:
        """Bring signals to EC at 25 °C, in the signal's unit times the constant."""
        conductivity: Array = self.constant * (signal - self.dry_offset)
        if self.compensated_by_instrument:
            return conductivity
        compensated: Array = conductivity / to_25(temperature_c, self.percent_per_k)
        return compensated


def to_25(temperature_c: Array | float, percent_per_k: float) -> Array:
    """Give by what EC at ``temperature_c`` is divided to be EC at 25 °C; nan where the water would be no water."""
    factor = 1.0 + percent_per_k / 100.0 * (np.asarray(temperature_c, dtype=np.float64) - 25.0)
    return np.where(factor > 0.1, factor, np.nan)


class SteinhartHart(Shape, frozen=True, tag="steinhart-hart"):
    """Temperature [°C] of a thermistor from ohms: 1/T = a + b ln R + c (ln R)³ (Steinhart and Hart 1968)."""

    a: float
    b: float
    c: float

    def of(self, signal: Array) -> Array:
        """Bring ohms to °C; nan for a resistance that is none."""
        logarithm = np.log(np.where(signal > 0.0, signal, np.nan))
        result: Array = 1.0 / (self.a + self.b * logarithm + self.c * logarithm**3) - ZERO_CELSIUS_K
        return result


class Beta(Shape, frozen=True, tag="beta"):
    """Temperature [°C] of a thermistor from ohms by its beta [K] about ``ohm_25``; 0.5 K wrong some 25 K away."""

    ohm_25: float
    beta_k: float

    def __post_init__(self) -> None:
        if not (self.ohm_25 > 0.0 and self.beta_k > 0.0):
            raise ValueError("a thermistor has a resistance and a beta above 0")

    def of(self, signal: Array) -> Array:
        """Bring ohms to °C; nan for a resistance that is none."""
        ratio = np.log(np.where(signal > 0.0, signal, np.nan) / self.ohm_25)
        result: Array = 1.0 / (1.0 / (25.0 + ZERO_CELSIUS_K) + ratio / self.beta_k) - ZERO_CELSIUS_K
        return result


class GasPressure(Shape, frozen=True, tag="gas-pressure"):
    """CO₂ of a cell that does not know the air's pressure: (gain · signal + offset) · 1013.25/p (ideal gas)."""

    gain: float = 1.0
    offset: float = 0.0

    def of(self, signal: Array, pressure_hpa: Array | float) -> Array:
        """Bring ppm as shown to ppm at the pressure [hPa]; nan for a pressure outside 500 to 1100 hPa."""
        pressure = np.asarray(pressure_hpa, dtype=np.float64)
        pressure = np.where((pressure >= 500.0) & (pressure <= 1100.0), pressure, np.nan)
        result: Array = (self.gain * signal + self.offset) * (STANDARD_HPA / pressure)
        return result


def oxygen_saturation_mg_l(temperature_c: float, pressure_hpa: float) -> float:
    """Give the oxygen [mg/L] of fresh water in balance with moist air of ``temperature_c`` and ``pressure_hpa``.

    Valid 0 to 40 °C, 500 to 1100 hPa. Source: Benson and Krause 1984 (APHA 4500-O): 9.092 at 20 °C, 1013.25 hPa.
    """
    kelvin = temperature_c + ZERO_CELSIUS_K
    at_sea = exp(
        -139.34411 + 1.575701e5 / kelvin - 6.642308e7 / kelvin**2 + 1.2438e10 / kelvin**3 - 8.621949e11 / kelvin**4
    )
    vapour = exp(11.8571 - 3840.70 / kelvin - 216961.0 / kelvin**2)
    theta = 0.000975 - 1.426e-5 * temperature_c + 6.436e-8 * temperature_c**2
    pressure = pressure_hpa / STANDARD_HPA
    return at_sea * (pressure - vapour) * (1.0 - theta * pressure) / ((1.0 - vapour) * (1.0 - theta))
