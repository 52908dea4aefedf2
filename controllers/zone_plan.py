# SPDX-License-Identifier: Apache-2.0
"""What a reckoning strategy must know of a zone, from its settings and tables: where names become numbers.

Rule kept: what is not in farm.toml comes from a table with its source; what is in neither, or cannot be, is refused by
name before an engine is built (``controllers.settings_check`` asks here).
"""

import math
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from controllers.crops import CropEntry, CropTableError, crop_of, stage_lengths_d
from controllers.kernels import crop_response as crops
from controllers.kernels import zone_water as w
from controllers.settings import ControlSettings, ZoneSettings
from controllers.soils import Salt, salt_of, soil_of, water_salt_max_ms_cm
from controllers.ticks import Floats

PLAIN_STAGES_D: Final = (30.0, 40.0, 45.0, 30.0)
FULL_SEASON_D: Final = 200.0
LAI_FULL: Final = 3.0
COVER_MAX: Final = 0.92


class PlanError(ValueError):
    """A zone's settings lack what its strategy needs."""


class ZonePlan(NamedTuple):
    """A zone in numbers: the balance's parameters, the look-ahead's crop, and the limits of the plan."""

    water: Floats  # (PARAMETERS,) of ``kernels.zone_water``
    crop: Floats  # (CROP_COLUMNS,) of ``kernels.crop_response``
    entry: CropEntry
    stages_d: tuple[float, float, float, float]
    planted: int  # local day number, -1: a crop that stands full
    salt: Salt | None
    salt_max_ms_cm: float


def planted_day(text: str) -> int:
    """Give the day number of "YYYY-MM-DD", -1 for ""; PlanError says what was seen."""
    if not text:
        return -1
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise PlanError(f"planted: {text!r} is no day; write it as 2026-11-22") from None


def stages_of(zone: ZoneSettings, entry: CropEntry) -> tuple[float, float, float, float]:
    """Give the lengths of the four stages [d]: the zone's own, else the first of FAO-56 table 11 for the crop."""
    given = zone.plan.stages_d
    if given:
        if len(given) != 4 or not all(days > 0.0 for days in given):
            raise PlanError(f"stages_d: four lengths in days above 0 are needed, but it is {list(given)}")
        return given[0], given[1], given[2], given[3]
    key = entry.en.casefold().replace(",", "").split(" (")[0].split(" /")[0]
    found = stage_lengths_d(key) or stage_lengths_d(key + "s") or stage_lengths_d(f"{key}s bell")
    return found[0] if found else PLAIN_STAGES_D


def season_row(entry: CropEntry, stages_d: tuple[float, ...], soil: tuple[float, float], root_m: float,
               depletion_share: float) -> Floats:  # fmt: skip
    """Make the look-ahead's crop out of FAO-56's figures; it gives a share of the full harvest, not tonnes.

    Cover follows Kcb; the thresholds of growth and ageing lie at half and at one and a half of p, as AquaCrop's do for
    most crops. Source: FAO-56 tables 11, 12, 17, 22; AquaCrop reference manual, annex I.
    """
    first, second = stages_d[0], stages_d[0] + stages_d[1]
    third, last = second + stages_d[2], sum(stages_d)
    grow_d = max(second - 0.3 * first, 10.0)
    begin = 0.02
    row = np.zeros(crops.CROP_COLUMNS)
    row[crops.EMERGENCE_D], row[crops.CANOPY10_D] = 0.3 * first, first
    row[crops.FULL_CANOPY_D], row[crops.SENESCENCE_D], row[crops.MATURITY_D] = second, third, last
    row[crops.HI_START_D], row[crops.HI_END_D] = first + 0.7 * stages_d[1], last
    row[crops.CGC] = math.log(0.25 * COVER_MAX / begin / 0.02) / grow_d
    row[crops.CDC] = 0.01 + 3.33 * max(1.0 - entry.kcb_end / entry.kcb_mid, 0.0) / max(stages_d[3], 1.0) * 0.3
    row[crops.CC0], row[crops.CCX] = begin, COVER_MAX
    row[crops.ZR_MIN_M], row[crops.ZR_MAX_M], row[crops.ZR_FULL_D], row[crops.ZR_SHAPE] = root_m, root_m, second, 1.0
    row[crops.KCB] = 1.0
    row[crops.P_GROW_UP], row[crops.P_GROW_LOW], row[crops.F_GROW] = 0.5 * depletion_share, 0.9, 3.0
    row[crops.P_CLOSE_UP], row[crops.F_CLOSE] = depletion_share, 3.0
    row[crops.P_AGE_UP], row[crops.F_AGE] = min(1.5 * depletion_share, 0.85), 3.0
    row[crops.YIELD_PER_UNIT] = 1.0 / last
    row[crops.THETA_FC], row[crops.THETA_WP] = soil
    row[crops.REW_MM], row[crops.CN] = 9.0, 65.0
    return row


def zone_plan(zone: ZoneSettings) -> ZonePlan:
    """Turn a zone's settings into numbers; PlanError, CropTableError or SoilError says what is missing."""
    plan = zone.plan
    entry = crop_of(zone.crop)
    soil = soil_of(zone.soil, zone.substrate, plan.field_capacity_pct, plan.wilting_pct)
    stages = stages_of(zone, entry)
    root_m = plan.root_m or (0.16 if zone.substrate else entry.zr_low_m)
    share = plan.depletion_share or entry.p
    row = np.zeros(w.PARAMETERS)
    row[w.AREA_M2], row[w.EFFICIENCY], row[w.WETTED] = zone.area_m2, plan.efficiency, plan.wetted_share
    row[w.FC], row[w.WP], row[w.ROOT_M], row[w.P_TABLE] = soil.field_capacity, soil.wilting, root_m, share
    row[w.KCB_INI], row[w.KCB_MID], row[w.KCB_END] = entry.kcb_ini, entry.kcb_mid, entry.kcb_end
    row[w.L_INI_D : w.L_END_D + 1] = stages
    row[w.SUBSTRATE], row[w.ALLOWED_SHARE] = float(zone.substrate), plan.allowed_pct / 100.0
    row[w.DRAIN_TARGET], row[w.ADAPTIVE] = plan.drain_target_pct / 100.0, float(zone.strategy == "adaptive")
    wetted_root_m = root_m * plan.wetted_share  # mm over the whole area: a dry path between the rows holds no water
    crop = season_row(entry, stages, (soil.field_capacity, soil.wilting), wetted_root_m, share)
    limit = plan.salt_max_ms_cm or water_salt_max_ms_cm(entry.en)
    return ZonePlan(row, crop, entry, stages, planted_day(plan.planted), salt_of(entry.en), limit)


def trouble(zone: ZoneSettings) -> str:
    """Say what keeps a zone's reckoning from being made, "" for nothing."""
    try:
        zone_plan(zone)
    except (PlanError, CropTableError, ValueError) as error:
        return str(error)
    return ""


def house_of(settings: ControlSettings, zone: ZoneSettings) -> int:
    """Give the row of a zone's house."""
    return next(i for i, house in enumerate(settings.houses) if house.id == zone.house)
