# SPDX-License-Identifier: Apache-2.0
"""The sheets that a technician fills where the truth is not read but worked out: oven, can and clock, tipping bucket.

The rule it keeps: a sheet that contradicts itself is refused with what is wrong; the figures stay in the record.
"""

from collections.abc import Mapping
from typing import Final

from drivers.calibration.methods import Sheet
from drivers.calibration.probes import oxygen_saturation_mg_l

WATER_G_CM3: Final = 0.998  # at 20 °C

# Field name, English label, unit.
SHEET_FIELDS: Final[dict[Sheet, tuple[tuple[str, str, str], ...]]] = {
    "": (),
    "oven": (
        ("tin_g", "Mass of the empty tin", "g"),
        ("wet_g", "Tin with wet soil", "g"),
        ("dry_g", "Tin with dry soil", "g"),
        ("volume_cm3", "Volume of the core", "cm³"),
    ),
    "catch": (("litres", "Water caught", "L"), ("seconds", "Time", "s")),
    "moist_air": (
        ("temperature_c", "Temperature of the air", "°C"),
        ("pressure_hpa", "Air pressure here, not reduced to sea level", "hPa"),
    ),
    "tip": (("water_ml", "Water poured", "mL"), ("funnel_cm2", "Area of the funnel", "cm²")),
}


class SheetRefused(ValueError):
    """The sheet makes no sense. ``code`` is an English msgid, ``fields`` belong to it."""

    def __init__(self, code: str, **fields: float | str) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


def truth_of(sheet: Sheet, entered: Mapping[str, float]) -> float:
    """Work out the truth in the quantity's unit: % by volume, L/min, mm or mg/L. Raises SheetRefused."""
    for name, value in entered.items():
        if value <= 0.0 and name != "tin_g":
            raise SheetRefused("{name} must be above 0, not {value:.4g}", name=name, value=value)
    match sheet:
        case "oven":
            return _oven(entered["tin_g"], entered["wet_g"], entered["dry_g"], entered["volume_cm3"])
        case "catch":
            return 60.0 * entered["litres"] / entered["seconds"]
        case "tip":
            return 10.0 * entered["water_ml"] / entered["funnel_cm2"]
        case "moist_air":
            return _saturated(entered["temperature_c"], entered["pressure_hpa"])
        case _:
            raise SheetRefused("There is no sheet for this point")


def _oven(tin_g: float, wet_g: float, dry_g: float, volume_cm3: float) -> float:
    """Give water content [%] by volume: mass of water over its density and the core's volume (ISO 11461:2001)."""
    if not 0.0 <= tin_g < dry_g:
        raise SheetRefused(
            "The dry soil weighs nothing: tin {tin:.1f} g, with dry soil {dry:.1f} g", tin=tin_g, dry=dry_g
        )
    if wet_g < dry_g:
        raise SheetRefused("Wet soil cannot be lighter than dry: {wet:.1f} g and {dry:.1f} g", wet=wet_g, dry=dry_g)
    density = (dry_g - tin_g) / volume_cm3
    if not 0.05 <= density <= 2.3:
        raise SheetRefused(
            "Dry soil of {density:.2f} g/cm³ is not believable (0.05 to 2.3): check masses and volume", density=density
        )
    return 100.0 * (wet_g - dry_g) / WATER_G_CM3 / volume_cm3


def _saturated(temperature_c: float, pressure_hpa: float) -> float:
    if not (temperature_c <= 40.0 and 500.0 <= pressure_hpa <= 1100.0):
        raise SheetRefused(
            "Air of {temperature:.4g} °C and {pressure:.4g} hPa is not possible here: up to 40 °C, 500 to 1100 hPa",
            temperature=temperature_c,
            pressure=pressure_hpa,
        )
    return oxygen_saturation_mg_l(temperature_c, pressure_hpa)
