# SPDX-License-Identifier: Apache-2.0
"""A crop's season: basal coefficient, height, rooting depth, upper coefficient and cover for each day.

Rule kept: the curve depends on the crop and the weather only, so it is computed once for all fields that share them;
the water balance (``soil_water``) then runs over fields.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels.jit import njit

Array = NDArray[np.float64]

# Columns of a crop row.
KCB_INI, KCB_MID, KCB_END, L_INI_D, L_DEV_D, L_MID_D, L_END_D = 0, 1, 2, 3, 4, 5, 6
H_INI_M, H_MAX_M, ZR_INI_M, ZR_MAX_M, KCM_INI, KCM_MID, KCM_END = 7, 8, 9, 10, 11, 12, 13
CROP_COLUMNS = 14


@njit
def stage_coefficient(
    day: float, ini: float, mid: float, end: float, stages_d: tuple[float, float, float, float]
) -> float:
    """Return the trapezoidal coefficient [-] on ``day`` [d after planting, 0 = planting].

    ``ini``, ``mid``, ``end`` [-] are the coefficients; ``stages_d`` [d] the lengths of the initial, development, mid
    and late stages, each > 0. The same shape serves Kc and Kcb. Source: FAO-56 figure 25 and equation 66.
    """
    first = stages_d[0]
    second = first + stages_d[1]
    third = second + stages_d[2]
    last = third + stages_d[3]
    if day <= first:
        return ini
    if day <= second:
        return ini + (mid - ini) * (day - first) / (second - first)
    if day <= third:
        return mid
    if day <= last:
        return mid + (end - mid) * (day - third) / (last - third)
    return end


@njit
def climate_term(u2_m_s: float, rh_min_pct: float, height_m: float) -> float:
    """Return the climate adjustment of Kc mid and end [-]: (0.04 (u2 - 2) - 0.004 (RHmin - 45)) (h/3)^0.3.

    ``u2_m_s`` [m/s] is held in 1..6, ``rh_min_pct`` [%] in 20..80; ``height_m`` [m, > 0].
    Source: FAO-56 equations 62, 65, 70, 72.
    """
    wind = min(max(u2_m_s, 1.0), 6.0)
    humidity = min(max(rh_min_pct, 20.0), 80.0)
    return (0.04 * (wind - 2.0) - 0.004 * (humidity - 45.0)) * math.pow(height_m / 3.0, 0.3)


@njit
def crop_season(crop: Array, u2_m_s: Array, rh_min_pct: Array, given: Array, tall: bool, out: Array) -> None:
    """Write a crop's daily curve, n days.

    ``crop`` (14,): see the column names [-, d, m]; ``u2_m_s`` (n,) [m/s] and ``rh_min_pct`` (n,) [%] of each day;
    ``given`` (n, 3): measured Kcb [-], height [m] and cover [0..1] that overrule the curve, nan where not measured;
    ``tall`` [-]: the reference crop is alfalfa. ``out`` (n, 6): curve Kcb, Kcb used, single Kc [-], height [m],
    rooting depth [m], Kc max [-]; ``cover`` makes the cover of them. Source: FAO-56 equations 66, 72 and page 279.
    """
    second = crop[L_INI_D] + crop[L_DEV_D]
    third = second + crop[L_MID_D]
    height, root = 0.0, 0.0
    curve, kcb, single = crop[KCB_INI], crop[KCB_INI], crop[KCM_INI]
    for day in range(out.shape[0]):
        # Day by day along the slopes: where a measurement ends, the crop goes on from there.
        if day <= crop[L_INI_D]:
            curve, kcb, single = crop[KCB_INI], crop[KCB_INI], crop[KCM_INI]
        elif day <= second:
            curve += (crop[KCB_MID] - crop[KCB_INI]) / crop[L_DEV_D]
            kcb += (crop[KCB_MID] - crop[KCB_INI]) / crop[L_DEV_D]
            single += (crop[KCM_MID] - crop[KCM_INI]) / crop[L_DEV_D]
        elif day <= third:
            curve, kcb, single = crop[KCB_MID], crop[KCB_MID], crop[KCM_MID]
        elif day <= third + crop[L_END_D]:
            curve -= (crop[KCB_MID] - crop[KCB_END]) / crop[L_END_D]
            kcb -= (crop[KCB_MID] - crop[KCB_END]) / crop[L_END_D]
            single -= (crop[KCM_MID] - crop[KCM_END]) / crop[L_END_D]
        else:
            curve, kcb, single = crop[KCB_END], crop[KCB_END], crop[KCM_END]
        if given[day, 0] > 0.0:
            kcb = given[day, 0]
        grown = crop[H_INI_M] + (crop[H_MAX_M] - crop[H_INI_M]) * (kcb - crop[KCB_INI]) / (
            crop[KCB_MID] - crop[KCB_INI]
        )
        height = max(grown, 0.001, height)
        if given[day, 1] > 0.0:
            height = given[day, 1]
        rooted = crop[ZR_INI_M] + (crop[ZR_MAX_M] - crop[ZR_INI_M]) * (curve - crop[KCB_INI]) / (
            crop[KCB_MID] - crop[KCB_INI]
        )
        root = max(rooted, 0.001, root)
        upper = 1.0 if tall else 1.2 + climate_term(u2_m_s[day], rh_min_pct[day], height)
        out[day, 0] = curve
        out[day, 1] = kcb
        out[day, 2] = single
        out[day, 3] = height
        out[day, 4] = root
        out[day, 5] = max(upper, kcb + 0.05)


@njit
def cover(kcb: float, kcb_min: float, kc_max: float, height_m: float) -> float:
    """Return the fraction of ground covered fc [0..0.99]: ((Kcb - Kcb,min)/(Kc,max - Kcb,min))^(1 + 0.5 h).

    ``kcb``, ``kcb_min``, ``kc_max`` [-], ``height_m`` [m]. Source: FAO-56 equation 76.
    """
    if not kcb > kcb_min:
        return 0.0
    return min(math.pow((kcb - kcb_min) / (kc_max - kcb_min), 1.0 + 0.5 * height_m), 0.99)


def warm_up() -> None:
    """Compile or load the entry kernels."""
    crop = np.array([0.15, 1.1, 0.7, 30.0, 40.0, 45.0, 30.0, 0.05, 0.6, 0.2, 0.7, 0.6, 1.15, 0.8])
    crop_season(crop, np.full(2, 2.0), np.full(2, 45.0), np.full((2, 3), np.nan), False, np.empty((2, 6)))
    cover(0.5, 0.15, 1.2, 0.3)
