# SPDX-License-Identifier: Apache-2.0
"""Probes that tell the soil's permittivity: soil moisture by Topp's equation.

The rule it keeps: the permittivity stays beside the computed moisture. Source: Topp, Davis and Annan (1980),
doi:10.1029/WR016i003p00574: theta = -5.3e-2 + 2.92e-2 e - 5.5e-4 e² + 4.3e-6 e³ [m³/m³], mineral soils, e 3 to 40.
"""

from collections.abc import Iterable
from math import isfinite

from drivers.decode import Measured
from telemetry.records import Quality


def moisture(permittivity: float) -> float:
    """Give the volumetric water content [%] for a relative permittivity."""
    e = permittivity
    return 100.0 * (-5.3e-2 + 2.92e-2 * e - 5.5e-4 * e**2 + 4.3e-6 * e**3)


def permittivity(moisture_percent: float) -> float:
    """Give the permittivity that has ``moisture_percent`` [%] by the equation (bisection, 1 to 81); for simulation."""
    low, high = 1.0, 81.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if moisture(middle) < moisture_percent else (low, middle)
    return (low + high) / 2.0


def derive(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """Add soil moisture to what the probe said; outside the equation's range (e 3 to 40) it is flagged."""
    for m in measured:
        if m.quantity == "soil_permittivity":
            quality = m.quality
            if isfinite(m.raw) and not 3.0 <= m.raw <= 40.0:
                quality |= int(Quality.EXTRAPOLATED)
            return (Measured("soil_moisture", m.index, moisture(m.raw), "%", quality),)
    return ()


def imagine(moisture_percent: float) -> dict[str, float]:
    """Give what the probe's own values are where the soil has ``moisture_percent`` [%]."""
    return {"soil_permittivity": permittivity(moisture_percent)}
