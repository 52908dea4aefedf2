# SPDX-License-Identifier: Apache-2.0
"""Curves of soil probes: counts or permittivity to water content, bulk EC to the EC of the pore water.

The rule it keeps: the published equation comes first, the soil's own correction (a straight line found against
oven-dried samples) after it; what an equation cannot know is nan, not a guess.
"""

from typing import Final, Literal

import numpy as np

from drivers.calibration.shapes import Array, Shape

HILHORST_DRY: Final = 4.1  # permittivity of dry soil in Hilhorst's line
HILHORST_LEAST: Final = 10.0  # below it the line's denominator makes any answer


def topp(permittivity: Array) -> Array:
    """Give water content [m³/m³] from permittivity (Topp, Davis and Annan 1980, doi:10.1029/WR016i003p00574)."""
    e = permittivity
    result: Array = ((4.3e-6 * e - 5.5e-4) * e + 2.92e-2) * e - 5.3e-2
    return result


def teros_mineral(counts: Array) -> Array:
    """Give water content [m³/m³] of mineral soil from a TEROS 11/12's RAW (METER manual 18224, p. 18)."""
    result: Array = 3.879e-4 * counts - 0.6956
    return result


def teros_counts(mineral_percent: Array) -> Array:
    """Give the RAW that the mineral equation made ``mineral_percent`` [%] of."""
    result: Array = (mineral_percent / 100.0 + 0.6956) / 3.879e-4
    return result


def teros_soilless(counts: Array) -> Array:
    """Give water content [m³/m³] of a soilless medium from a TEROS 11/12's RAW (METER manual 18224, p. 18)."""
    result: Array = ((6.771e-10 * counts - 5.105e-6) * counts + 1.302e-2) * counts - 10.848
    return result


def teros_permittivity(counts: Array) -> Array:
    """Give permittivity from a TEROS 11/12's RAW (METER manual 18224, p. 18)."""
    root = ((2.887e-9 * counts - 2.080e-5) * counts + 5.276e-2) * counts - 43.39
    result: Array = root * root
    return result


class Soil(Shape, frozen=True, tag="soil"):
    """Water content [%] by a published ``equation``, then offset + gain · that: the soil's own correction.

    ``teros-*`` take RAW counts, or with ``signal`` "%" what the mineral equation made of them (a straight line, so
    nothing is lost); ``topp`` takes permittivity. Values below 0 are given as they are: the pipeline flags them.
    """

    equation: Literal["teros-mineral", "teros-soilless", "teros-topp", "topp"]
    gain: float = 1.0
    offset: float = 0.0
    signal: Literal["", "%"] = ""

    def of(self, signal: Array) -> Array:
        """Bring signals to % by volume."""
        counts = teros_counts(signal) if self.signal == "%" else signal
        return self.offset + self.gain * published_percent(self.equation, counts)


def published_percent(equation: str, signal: Array) -> Array:
    """Give water content [%] by the equation alone."""
    match equation:
        case "teros-mineral":
            share = teros_mineral(signal)
        case "teros-soilless":
            share = teros_soilless(signal)
        case "teros-topp":
            share = topp(teros_permittivity(signal))
        case "topp":
            share = topp(signal)
        case _:
            raise ValueError(f"no soil equation {equation!r}")
    return 100.0 * share


class Hilhorst(Shape, frozen=True, tag="hilhorst"):
    """Pore water EC = εp · bulk EC/(εb - 4.1), εp = 80.3 - 0.37 (T - 20); nan below permittivity 10.

    Source: Hilhorst (2000), doi:10.2136/sssaj2000.6461976x. ``gain`` is the soil's own correction.
    """

    gain: float = 1.0

    def of(self, signal: Array, temperature_c: Array | float, permittivity: Array | float) -> Array:
        """Bring bulk EC to pore water EC, in the same unit."""
        bulk = np.asarray(permittivity, dtype=np.float64)
        bulk = np.where(bulk >= HILHORST_LEAST, bulk, np.nan)
        water = 80.3 - 0.37 * (np.asarray(temperature_c, dtype=np.float64) - 20.0)
        result: Array = self.gain * water * signal / (bulk - HILHORST_DRY)
        return result
