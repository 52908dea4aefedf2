# SPDX-License-Identifier: Apache-2.0
"""What is wrong with what a zone's reckoning strategy was given: crop, soil, stages, planting day, shares.

The rule it keeps: as ``controllers.settings_check``, which asks here; a soil whose wilting point lies above its field
capacity and a crop without coefficients are refused by name, never replaced silently.
"""

from collections.abc import Iterator
from typing import Final

from controllers.crops import CropTableError, crop_of
from controllers.settings import ZoneSettings
from controllers.settings_mistake import NEEDS_VALUE, Mistake, outside
from controllers.soils import SUBSTRATES, SoilError, soil_of
from controllers.strategies import RECKON
from controllers.zone_needs import PlanError, planted_day

UNKNOWN_CROP: Final = (
    "the strategy {strategy} needs the coefficients of {seen}: take a name of FAO-56's table, for instance tomato"
)
UNKNOWN_SOIL: Final = (
    "no water content is known of the soil {seen}: take a texture like loam, or set the plan's two percentages"
)
WILTS_TOO_WET: Final = "the wilting point must be below field capacity ({high} %), but is {seen} %"
NO_DAY: Final = "not a day: {seen}; write it as 2026-11-22"
FOUR_STAGES: Final = "four lengths in days above 0 are needed, but it is {seen}"
TARGET_WETTER: Final = "must be wetter (nearer to 0) than start_kpa ({low}), but is {seen}"

RANGES: Final = {
    "root_m": (0.0, 3.0),
    "wetted_share": (0.01, 1.0),
    "field_capacity_pct": (0.0, 95.0),
    "wilting_pct": (0.0, 90.0),
    "depletion_share": (0.0, 0.9),
    "efficiency": (0.3, 1.0),
    "cover_light": (0.05, 1.0),
    "allowed_pct": (1.0, 60.0),
    "drain_target_pct": (0.0, 60.0),
    "salt_max_ms_cm": (0.0, 20.0),
    "quota_l": (0.0, 1e9),
    "crop_value_m2": (0.0, 1e9),
    "water_cost_m3": (0.0, 1e9),
    "run_cost": (0.0, 1e9),
}

TENSIONS: Final = {"start_kpa": (-200.0, 0.0), "target_kpa": (-200.0, 0.0)}


def plan_problems(path: str, zone: ZoneSettings) -> Iterator[Mistake]:
    """Give (path, message id, fields) of each mistake in what a zone's reckoning rests on."""
    plan = zone.plan
    yield from outside(f"{path}.plan", plan, RANGES)
    yield from outside(path, zone, TENSIONS)
    if zone.strategy == "tension" and not zone.start_kpa < zone.target_kpa:
        yield Mistake(f"{path}.target_kpa", TARGET_WETTER, {"low": zone.start_kpa, "seen": zone.target_kpa})
    if zone.strategy not in RECKON:
        return
    try:
        crop_of(zone.crop)
    except CropTableError:
        yield Mistake(f"{path}.crop", UNKNOWN_CROP, {"strategy": zone.strategy, "seen": zone.crop})
    yield from _soil(path, zone)
    try:
        planted_day(plan.planted)
    except PlanError:
        yield Mistake(f"{path}.plan.planted", NO_DAY, {"seen": plan.planted})
    if plan.stages_d and not (len(plan.stages_d) == 4 and all(days > 0.0 for days in plan.stages_d)):
        yield Mistake(f"{path}.plan.stages_d", FOUR_STAGES, {"seen": str(list(plan.stages_d))})
    if zone.strategy == "drain" and not plan.drain:
        yield Mistake(f"{path}.plan.drain", NEEDS_VALUE, {"strategy": zone.strategy})


def _soil(path: str, zone: ZoneSettings) -> Iterator[Mistake]:
    plan = zone.plan
    try:
        soil_of(zone.soil, zone.substrate, plan.field_capacity_pct, plan.wilting_pct)
    except SoilError:
        if zone.substrate or zone.soil in SUBSTRATES or plan.wilting_pct > 0.0 or plan.field_capacity_pct > 0.0:
            fields: dict[str, str | float] = {"high": plan.field_capacity_pct, "seen": plan.wilting_pct}
            yield Mistake(f"{path}.plan.wilting_pct", WILTS_TOO_WET, fields)
        else:
            yield Mistake(f"{path}.soil", UNKNOWN_SOIL, {"seen": zone.soil})
