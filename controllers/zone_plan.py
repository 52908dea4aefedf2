# SPDX-License-Identifier: Apache-2.0
"""What a reckoning strategy must know of a zone, from its settings and tables: where names become numbers.

Rule kept: what is not in farm.toml comes from a table with its source; what is in neither, or cannot be, is refused by
name before an engine is built (``controllers.settings_check`` asks here).
"""

import math
from typing import Final, NamedTuple

import numpy as np

from controllers.crops import CropEntry, CropTableError, crop_of, stage_lengths_d
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.kernels import zone_water as w
from controllers.salinity import crop_limit_ms_cm
from controllers.settings import ControlSettings, ZoneSettings
from controllers.soils import Salt, salt_of, soil_of
from controllers.ticks import Floats
from controllers.zone_needs import PlanError, planted_day

PLAIN_STAGES_D: Final = (30.0, 40.0, 45.0, 30.0)
FULL_SEASON_D: Final = 200.0
LAI_FULL: Final = 3.0
COVER_MAX: Final = 0.92
FIRST_COVER: Final = 0.02
SINKS: Final = (0.050, 0.012)
"""What roots can draw at their top and bottom [m³/m³ a day]: AquaCrop's for most crops."""
TOPSOIL_M: Final = 0.1


class ZonePlan(NamedTuple):
    """A zone in numbers: the balance's parameters, the look-ahead's crop, and the limits of the plan."""

    water: Floats  # (PARAMETERS,) of ``kernels.zone_water``
    crop: Floats  # (CROP_COLUMNS,) of ``kernels.crop_columns``
    entry: CropEntry
    stages_d: tuple[float, float, float, float]
    planted: int  # local day number, -1: a crop that stands full
    salt: Salt | None
    salt_max_ms_cm: float


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
    row = np.zeros(k.CROP_COLUMNS)
    row[k.EMERGENCE], row[k.CANOPY10], row[k.FULL_CANOPY] = 0.3 * first, first, second
    row[k.CANOPY_END], row[k.SENESCENCE], row[k.MATURITY] = third, third, last
    row[k.MATURITY_D], row[k.FULL_CANOPY_D], row[k.CANOPY_END_D] = last, second, third
    row[k.HI_START_D] = round(first + 0.7 * stages_d[1])
    row[k.HI_SPAN_D], row[k.FLOWERING_D] = max(last - row[k.HI_START_D], 10.0), max(0.5 * stages_d[2], 1.0)
    row[k.CC0], row[k.CCX] = FIRST_COVER, COVER_MAX
    row[k.CGC] = math.log(0.25 * COVER_MAX / FIRST_COVER / 0.02) / max(second - 0.3 * first, 10.0)
    row[k.CDC] = 0.01 + 3.33 * max(1.0 - entry.kcb_end / entry.kcb_mid, 0.0) / max(stages_d[3], 1.0) * 0.3
    row[k.ZR_MIN_M], row[k.ZR_MAX_M], row[k.ROOT_FULL], row[k.ZR_SHAPE] = root_m, root_m, second, 1.0
    row[k.KCB] = 1.0
    row[k.P_GROW_UP], row[k.P_GROW_LOW], row[k.F_GROW] = 0.5 * depletion_share, 0.9, 3.0
    row[k.P_CLOSE_UP], row[k.P_CLOSE_LOW], row[k.F_CLOSE] = depletion_share, 1.0, 3.0
    row[k.P_AGE_UP], row[k.P_AGE_LOW], row[k.F_AGE] = min(1.5 * depletion_share, 0.85), 1.0, 3.0
    row[k.P_POL_UP], row[k.P_POL_LOW], row[k.POLLEN_EXCESS] = 0.85, 1.0, 2.0
    row[k.SINK_TOP], row[k.SINK_BOTTOM] = SINKS
    row[k.KIND], row[k.HI0], row[k.PRODUCT_LATE] = k.FRUIT, 0.5, 1.0
    row[k.PRODUCT_G_M2] = 100.0 / row[k.HI0] / (last - 0.5 * second)  # a harvest of 1 where nothing was lacking
    row[k.REW_MM], row[k.CN] = 9.0, 65.0
    crops.shape_index(row)
    field_capacity, wilting = soil
    n = k.COMPARTMENTS
    row[k.DZ_M] = TOPSOIL_M
    row[k.DZ_M + 1 : k.DZ_M + n] = max(root_m, TOPSOIL_M) / (n - 1)
    row[k.FC : k.FC + n], row[k.WILT : k.WILT + n] = field_capacity, wilting
    row[k.SATURATED : k.SATURATED + n] = min(field_capacity + 0.12, 0.98)
    row[k.TAU : k.TAU + n], row[k.KSAT_MM : k.KSAT_MM + n] = 0.6, 250.0
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
    limit = plan.salt_max_ms_cm or crop_limit_ms_cm(entry.en)
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
