# SPDX-License-Identifier: Apache-2.0
"""METER TEROS 11 and 12: soil moisture from the raw count by the maker's mineral soil equation.

The rule it keeps: the raw count stays beside the computed moisture, so that a soil's own calibration can replace
the equation later. Source: TEROS 11/12 manual, p. 18: theta = 3.879e-4 RAW - 0.6956 [m³/m³].
"""

from collections.abc import Iterable
from math import isfinite
from typing import Final

from drivers.decode import Measured
from telemetry.records import Quality

SLOPE: Final = 3.879e-4  # [m³/m³ per count]
INTERCEPT: Final = -0.6956  # [m³/m³]


def moisture(raw_count: float) -> float:
    """Give the volumetric water content [%] of mineral soil for a raw count (about 1800 to 3200)."""
    return 100.0 * (SLOPE * raw_count + INTERCEPT)


def raw_count(moisture_percent: float) -> float:
    """Give the raw count that the probe shows in mineral soil of ``moisture_percent`` [%]; for simulation."""
    return (moisture_percent / 100.0 - INTERCEPT) / SLOPE


def derive(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """Add soil moisture to what the probe said; outside 0 to 70 % it is flagged, never clamped."""
    for m in measured:
        if m.quantity == "raw_signal":
            value = moisture(m.raw)
            quality = m.quality
            if isfinite(value) and not 0.0 <= value <= 70.0:
                quality |= int(Quality.RANGE)
            return (Measured("soil_moisture", m.index, value, "%", quality),)
    return ()


def imagine(moisture_percent: float) -> dict[str, float]:
    """Give what the probe's own values are where the soil has ``moisture_percent`` [%]."""
    return {"raw_signal": raw_count(moisture_percent)}
