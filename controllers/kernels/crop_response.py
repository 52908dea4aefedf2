# SPDX-License-Identifier: Apache-2.0
"""A crop's answer to water, day by day: canopy, roots, transpiration, stress, yield; fast enough to look ahead with.

Rule kept: it is the reduced form of FAO's AquaCrop that a decision needs (one root zone, one layer below it, no
nutrients, no heat or cold); a day with a NaN changes nothing and says so. Equations: docs/irrigation.md.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels.jit import njit

Array = NDArray[np.float64]

# Columns of a crop and its soil. Days count from planting; p are fractions of the available water.
(
    EMERGENCE_D, CANOPY10_D, FULL_CANOPY_D, SENESCENCE_D, MATURITY_D, HI_START_D, HI_END_D, CGC, CDC, CC0, CCX,
    ZR_MIN_M, ZR_MAX_M, ZR_FULL_D, ZR_SHAPE, KCB, P_GROW_UP, P_GROW_LOW, F_GROW, P_CLOSE_UP, F_CLOSE, P_AGE_UP, F_AGE,
    A_HI, B_HI, YIELD_PER_UNIT, THETA_FC, THETA_WP, REW_MM, CN, FADE_PER_D,
) = range(31)  # fmt: skip
CROP_COLUMNS = 31
# Columns of a field's state.
DAY, DR_MM, ZR_M, BELOW, CC, BIOMASS, HI_SUM, HI_DAYS, DE_MM, ET_MM, DRAINED_MM, CC_TOP, TOP_MM = range(13)
STATE_COLUMNS = 13
TOP_M = 0.1
TOP_SINK_MM = 5.0
"""What roots draw from the top 0.1 m in a day while it is wet; AquaCrop's extraction begins at the top."""
ADJUST_HI_HIGH = 1.15


@njit
def stress(depletion: float, up: float, low: float, shape: float, et0_mm: float) -> float:
    """Return Ks [0..1] at a ``depletion`` [-] between ``up`` (none) and ``low`` (full), of convex ``shape`` [-].

    The thresholds move with the air's demand ``et0_mm`` [mm/d]. Source: Raes et al. (2009),
    doi:10.2134/agronj2008.0140s, equations 3-5; AquaCrop reference manual chapter 3.2.
    """
    upper = min(max(up + 0.04 * (5.0 - et0_mm) * math.log10(10.0 - 9.0 * up), 0.0), 0.95)
    lower = low
    if low < 1.0:
        lower = min(max(low + 0.04 * (5.0 - et0_mm) * math.log10(10.0 - 9.0 * low), upper + 0.01), 1.0)
    relative = (depletion - upper) / (lower - upper)
    relative = min(max(relative, 0.0), 1.0)
    return 1.0 - (math.exp(relative * shape) - 1.0) / (math.exp(shape) - 1.0)


@njit
def root_depth_m(crop: Array, day: float) -> float:
    """Return the depth of the roots [m] on ``day`` [d after planting]. Source: AquaCrop manual equation 3.6."""
    begin = 0.5 * crop[EMERGENCE_D]
    if day <= begin:
        return float(crop[ZR_MIN_M])
    share = min((day - begin) / max(crop[ZR_FULL_D] - begin, 1.0), 1.0)
    return float(crop[ZR_MIN_M] + (crop[ZR_MAX_M] - crop[ZR_MIN_M]) * math.pow(share, 1.0 / crop[ZR_SHAPE]))


@njit
def _canopy(x: Array, crop: Array, grow: float, age: float) -> None:
    day, cover = x[DAY], x[CC]
    if day < crop[EMERGENCE_D]:
        return
    if cover <= 0.0:
        if day < crop[SENESCENCE_D]:
            x[CC] = crop[CC0]
        return
    top = crop[CCX]
    if day < crop[SENESCENCE_D]:
        if day < crop[FULL_CANOPY_D] * 1.1 + 5.0:
            rate = crop[CGC] * grow
            ahead = cover * math.exp(rate) if cover < 0.5 * top else top - (top - cover) * math.exp(-rate)
            x[CC] = min(max(ahead, cover), top)
        if age < 1.0:
            x[CC] *= 1.0 - 0.2 * crop[CDC] * (1.0 - math.pow(age, 8.0)) * 3.33
        x[CC_TOP] = max(x[CC], 0.01)
        return
    high = max(x[CC_TOP], 0.01)
    since = day - crop[SENESCENCE_D]
    left = high * (1.0 - 0.05 * (math.exp(3.33 * crop[CDC] * since / (high + 2.29)) - 1.0))
    x[CC] = max(min(cover, left), 0.0)


@njit
def crop_day(x: Array, crop: Array, et0_mm: float, rain_mm: float, gift_mm: float) -> bool:
    """Advance one field by a day under ``et0_mm``, ``rain_mm`` and irrigation ``gift_mm`` [mm]; False if one is NaN.

    ``x`` (13,): day [d], depletion [mm], root depth [m], depletion below the roots [m³/m³], cover [0..1], sum of
    Tr/ETo [-], harvest index factor's sum and days, surface depletion [mm], the day's ET and drainage [mm], cover at
    senescence, depletion of the top 0.1 m [mm]. ``crop`` (31,): see the column names.
    Source: Steduto et al. (2009), doi:10.2134/agronj2008.0139s.
    """
    if not (et0_mm >= 0.0 and rain_mm >= 0.0 and gift_mm >= 0.0):
        return False
    x[DAY] += 1.0
    day = x[DAY]
    root = max(root_depth_m(crop, day), x[ZR_M])
    x[DR_MM] += 1000.0 * (root - x[ZR_M]) * x[BELOW]
    x[ZR_M] = root
    taw = 1000.0 * (crop[THETA_FC] - crop[THETA_WP]) * root
    storage = 254.0 * (100.0 / crop[CN] - 1.0)
    excess = max(rain_mm - 0.05 * storage, 0.0)
    water_in = rain_mm - excess * excess / (rain_mm + 0.95 * storage) + gift_mm
    x[DE_MM] = max(x[DE_MM] - water_in, 0.0)
    x[TOP_MM] = max(x[TOP_MM] - water_in, 0.0)
    x[DR_MM] -= water_in
    x[DRAINED_MM] = max(-x[DR_MM], 0.0)
    x[DR_MM] = max(x[DR_MM], 0.0)
    under = 1000.0 * (crop[ZR_MAX_M] - root)
    if under > 1.0:
        x[BELOW] = max(x[BELOW] - x[DRAINED_MM] / under, 0.0)
    # Roots in wet topsoil feel no stress, however dry it is below them (AquaCrop manual 3.2.1).
    top_taw = 1000.0 * (crop[THETA_FC] - crop[THETA_WP]) * TOP_M
    depletion = min(x[DR_MM] / taw, x[TOP_MM] / top_taw)
    grow = stress(depletion, crop[P_GROW_UP], crop[P_GROW_LOW], crop[F_GROW], et0_mm)
    close = stress(depletion, crop[P_CLOSE_UP], 1.0, crop[F_CLOSE], et0_mm)
    age = stress(depletion, crop[P_AGE_UP], 1.0, crop[F_AGE], et0_mm)
    _canopy(x, crop, grow, age)
    cover = x[CC]
    shade = min(max(1.72 * cover - cover * cover + 0.3 * cover * cover * cover, 0.0), 1.0)
    # Leaves transpire less as they age, and less again while the canopy withers (AquaCrop manual 3.10.5, 3.10.6).
    old = max(day - crop[FULL_CANOPY_D] - 5.0, 0.0)
    strength = max(crop[KCB] - old * crop[FADE_PER_D] * x[CC_TOP], 0.2)
    if day >= crop[SENESCENCE_D] and x[CC_TOP] > 0.01:
        strength *= min(cover / x[CC_TOP], 1.0)
    transpiration = close * strength * shade * et0_mm
    tew = 1000.0 * (crop[THETA_FC] - 0.5 * crop[THETA_WP]) * 0.15
    dry = min(max((tew - x[DE_MM]) / max(tew - crop[REW_MM], 1.0), 0.0), 1.0)
    kr = (math.exp(4.0 * dry) - 1.0) / (math.exp(4.0) - 1.0)
    evaporation = min(kr * 1.1 * (1.0 - shade) * et0_mm, max(tew - x[DE_MM], 0.0))
    x[DE_MM] += evaporation + 0.2 * transpiration
    x[DE_MM] = min(x[DE_MM], tew)
    x[TOP_MM] += evaporation + min(transpiration, TOP_SINK_MM * max(1.0 - x[TOP_MM] / top_taw, 0.0))
    x[TOP_MM] = min(x[TOP_MM], top_taw)
    taken = min(transpiration + evaporation, max(taw * 1.02 - x[DR_MM], 0.0))
    x[DR_MM] += taken
    x[ET_MM] = taken
    if day <= crop[MATURITY_D] and et0_mm > 0.0:
        x[BIOMASS] += transpiration / et0_mm
    if crop[HI_START_D] <= day <= crop[HI_END_D] and cover > 0.02:
        lift = 1.0 + (1.0 - grow) / crop[A_HI] if crop[A_HI] > 0.0 else 1.0
        fall = math.pow(max(close, 1e-6), 0.1) * (1.0 - (1.0 - close) / crop[B_HI]) if crop[B_HI] > 0.0 else 1.0
        x[HI_SUM] += lift * fall
        x[HI_DAYS] += 1.0
    elif crop[HI_START_D] <= day <= crop[HI_END_D]:
        x[HI_DAYS] += 1.0
    return True


@njit
def yield_t_ha(x: Array, crop: Array) -> float:
    """Return the yield [t/ha] of a season run to its end. Source: as ``crop_day``."""
    factor = x[HI_SUM] / x[HI_DAYS] if x[HI_DAYS] > 0.0 else 0.0
    return float(x[BIOMASS] * crop[YIELD_PER_UNIT] * min(max(factor, 0.0), ADJUST_HI_HIGH))


def warm_up() -> None:
    """Compile or load the entry kernels."""
    crop, x = np.ones(CROP_COLUMNS), np.ones(STATE_COLUMNS)
    crop[THETA_WP], crop[CN] = 0.5, 60.0
    crop_day(x, crop, 5.0, 0.0, 0.0)
    yield_t_ha(x, crop)
