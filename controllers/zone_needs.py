# SPDX-License-Identifier: Apache-2.0
"""What of a zone's plan can be judged and shown without reckoning: its planting day and its easy water.

The rule it keeps: no kernel is loaded for it, so that farm.toml is judged before the compiler is asked for anything.
"""

from datetime import date

from controllers.crops import crop_of
from controllers.settings import ZoneSettings
from controllers.soils import soil_of


class PlanError(ValueError):
    """A zone's settings lack what its strategy needs."""


def planted_day(text: str) -> int:
    """Give the day number of "YYYY-MM-DD", -1 for ""; PlanError says what was seen."""
    if not text:
        return -1
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise PlanError(f"planted: {text!r} is no day; write it as 2026-11-22") from None


def easy_water_pct(zone: ZoneSettings) -> tuple[float, float]:
    """Give the soil moisture [%] between which roots draw without effort: down to the table's share p, up to capacity.

    Source: FAO-56 eq. 82-83 (total and readily available water). Errors: CropTableError, SoilError.
    """
    plan = zone.plan
    soil = soil_of(zone.soil, zone.substrate, plan.field_capacity_pct, plan.wilting_pct)
    share = plan.depletion_share or crop_of(zone.crop).p
    easy = share * (soil.field_capacity - soil.wilting)
    return 100.0 * (soil.field_capacity - easy), 100.0 * soil.field_capacity
