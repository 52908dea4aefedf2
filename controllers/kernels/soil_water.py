# SPDX-License-Identifier: Apache-2.0
"""The root zone's daily water balance: evaporation and transpiration apart, stress, salinity, runoff, deep percolation.

Rule kept: what goes in comes out or stays (the balance closes to rounding every day), a depletion is never negative nor
beyond what the soil holds, and a day with a NaN leaves the state as it was and says so.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels.jit import njit

Array = NDArray[np.float64]

# State of a field, columns of ``state`` (n, 4).
DE_MM, DR_MM, FW, DMAX_MM = 0, 1, 2, 3
STATE_COLUMNS = 4
# Soil of a field, columns of ``soil`` (n, 6).
THETA_FC, THETA_WP, ZE_M, REW_MM, P_TABLE, CN2 = 0, 1, 2, 3, 4, 5
SOIL_COLUMNS = 6
# What a day did to a field, columns of ``out_flux`` (n, 12).
(E_MM, T_MM, DP_MM, RUNOFF_MM, LOSS_MM, KS, KE, KR, FEW, P_ADJUSTED, TAW_MM, DPE_MM) = range(12)
FLUX_COLUMNS = 12
# Ways of reckoning, to be added: runoff by curve number, p as the table has it, Ks in AquaCrop's shape.
WITH_RUNOFF, FIXED_P, CURVED_KS = 1, 2, 4


@njit
def curve_number_runoff_mm(rain_mm: float, cn2: float, de_mm: float, rew_mm: float, tew_mm: float) -> float:
    """Return runoff [mm] of a day's ``rain_mm`` [mm] for curve number ``cn2`` [1..100], by the surface's depletion.

    ``de_mm``, ``rew_mm``, ``tew_mm`` [mm] are depletion, readily and totally evaporable water of the surface layer.
    Source: ASCE Manual 70 (2016) equations 14-12 to 14-20.
    """
    dry = cn2 / (2.281 - 0.01281 * cn2)
    wet = cn2 / (0.427 + 0.00573 * cn2)
    if de_mm <= 0.5 * rew_mm:
        cn = wet
    elif de_mm >= 0.7 * rew_mm + 0.3 * tew_mm:
        cn = dry
    else:
        cn = ((de_mm - 0.5 * rew_mm) * dry + (0.7 * rew_mm + 0.3 * tew_mm - de_mm) * wet) / (
            0.2 * rew_mm + 0.3 * tew_mm
        )
    storage_mm = 250.0 * (100.0 / cn - 1.0)
    if rain_mm <= 0.2 * storage_mm:
        return 0.0
    excess = rain_mm - 0.2 * storage_mm
    return min(excess * excess / (rain_mm + 0.8 * storage_mm), rain_mm)


@njit
def stress_coefficient(depletion_mm: float, taw_mm: float, p: float, curved: bool) -> float:
    """Return Ks [0..1] for a root zone depletion [mm] of ``taw_mm`` [mm, > 0] with fraction ``p`` [0..1).

    Straight between RAW and TAW; ``curved`` [-] uses AquaCrop's convex shape (shape factor 1.5).
    Source: FAO-56 equation 84; AquaCrop reference manual chapter 3, equation 3.2c.
    """
    if curved:
        relative = (depletion_mm / taw_mm - p) / (1.0 - p)
        value = 1.0 - (math.exp(1.5 * relative) - 1.0) / (math.exp(1.5) - 1.0)
    else:
        value = (taw_mm - depletion_mm) / (taw_mm - p * taw_mm)
    return min(max(value, 0.0), 1.0)


@njit
def salinity_factor(ece_ds_m: float, threshold_ds_m: float, slope_pct_per_ds_m: float, ky: float) -> float:
    """Return the transpiration factor [0..1] for a root zone salinity ``ece_ds_m`` [dS/m].

    ``threshold_ds_m`` [dS/m], ``slope_pct_per_ds_m`` [%/(dS/m)] after Maas and Hoffman; ``ky`` [-, > 0] turns yield
    loss into transpiration loss. nan (not measured) gives 1. Source: FAO-56 equation 89; Maas and Hoffman (1977).
    """
    if not ece_ds_m > threshold_ds_m:
        return 1.0
    return max(0.0, 1.0 - slope_pct_per_ds_m / (100.0 * ky) * (ece_ds_m - threshold_ds_m))


@njit
def leaching_fraction(ecw_ds_m: float, ece_ds_m: float) -> float:
    """Return the leaching requirement LR = ECw/(5 ECe - ECw) [0..0.9] for irrigation water and wanted soil salinity.

    ``ecw_ds_m`` and ``ece_ds_m`` [dS/m]. Source: FAO-29 (Ayers and Westcot 1985) equation 9.
    """
    room = 5.0 * ece_ds_m - ecw_ds_m
    if not room > 0.0:
        return 0.9
    return min(max(ecw_ds_m / room, 0.0), 0.9)


@njit
def effective_rain_usda_mm(rain_mm: float) -> float:
    """Return the part of a month's ``rain_mm`` [mm, >= 0] that a crop can use [mm].

    Source: USDA Soil Conservation Service method, as in FAO CROPWAT.
    """
    if rain_mm <= 250.0:
        return max(0.0, rain_mm * (125.0 - 0.2 * rain_mm) / 125.0)
    return 125.0 + 0.1 * rain_mm


@njit
def balance_day(
    et_mm: float,
    rain_mm: float,
    kcb: float,
    kc_max: float,
    fc: float,
    zr_m: float,
    soil: Array,
    irrigation_mm: Array,
    wetted: Array,
    efficiency: Array,
    ks_salt: Array,
    ways: int,
    state: Array,
    out_flux: Array,
) -> int:
    """Advance n fields that share crop and weather by one day; return how many were left alone for a NaN.

    ``et_mm`` [mm/d] reference ET, ``rain_mm`` [mm], ``kcb``, ``kc_max`` [-], ``fc`` [0..1], ``zr_m`` [m] of the day;
    ``soil`` (n, 6): field capacity and wilting point [m³/m³], Ze [m], REW [mm], p of FAO-56 table 22 [-], CN2 [-];
    ``irrigation_mm`` (n,) [mm], ``wetted`` (n,) [0..1, nan: as before], ``efficiency`` (n,) [0..1], ``ks_salt`` (n,)
    [0..1]; ``ways`` [-] a sum of WITH_RUNOFF, FIXED_P, CURVED_KS.
    ``state`` (n, 4): De, Dr [mm], fw [0..1], unused; ``out_flux`` (n, 12): see the column names [mm or -].
    Source: FAO-56 equations 69-89 (dual crop coefficient), pages 142-170.
    """
    skipped = 0
    sound_day = et_mm >= 0.0 and rain_mm >= 0.0 and kc_max > 0.0 and fc >= 0.0 and zr_m > 0.0
    for i in range(state.shape[0]):
        gift = irrigation_mm[i]
        if not (sound_day and gift >= 0.0 and state[i, DE_MM] >= 0.0 and state[i, DR_MM] >= 0.0):
            skipped += 1
            out_flux[i, E_MM] = math.nan
            out_flux[i, T_MM] = math.nan
            continue
        fc_theta, wp_theta = soil[i, THETA_FC], soil[i, THETA_WP]
        tew = 1000.0 * (fc_theta - 0.5 * wp_theta) * soil[i, ZE_M]
        rew = soil[i, REW_MM]
        taw = 1000.0 * (fc_theta - wp_theta) * zr_m
        de = state[i, DE_MM]
        runoff = curve_number_runoff_mm(rain_mm, soil[i, CN2], de, rew, tew) if ways & WITH_RUNOFF else 0.0
        loss = gift * (1.0 - efficiency[i])
        water_in = rain_mm - runoff
        given = gift - loss
        fw = state[i, FW]
        if gift > 0.0:
            fw = wetted[i] if wetted[i] > 0.0 else fw
        elif rain_mm >= 3.0:
            fw = 1.0
        few = min(max(min(1.0 - fc, fw), 0.01), 1.0)
        kr = min(max((tew - de) / (tew - rew), 0.0), 1.0)
        ke = min(kr * (kc_max - kcb), few * kc_max)
        evaporation = ke * et_mm
        surface_in = water_in + given / fw
        below_surface = max(surface_in - de, 0.0)
        de = min(max(de - surface_in + evaporation / few + below_surface, 0.0), tew)
        p = soil[i, P_TABLE]
        if not ways & FIXED_P:
            p = min(max(p + 0.04 * (5.0 - (ke + kcb) * et_mm), 0.1), 0.8)
        dr = state[i, DR_MM]
        ks = stress_coefficient(dr, taw, p, (ways & CURVED_KS) != 0) * ks_salt[i]
        transpiration = ks * kcb * et_mm
        total = water_in + given
        percolation = max(total - evaporation - transpiration - dr, 0.0)
        left = dr - total + evaporation + transpiration + percolation
        if left > taw:
            # The soil cannot give more than it holds: transpiration, then evaporation, is cut by what is missing.
            cut = min(left - taw, transpiration)
            evaporation -= min(left - taw - cut, evaporation)
            transpiration -= cut
            left = dr - total + evaporation + transpiration + percolation
        state[i, DE_MM] = de
        state[i, DR_MM] = max(left, 0.0)
        state[i, FW] = fw
        out_flux[i, E_MM], out_flux[i, T_MM], out_flux[i, DP_MM] = evaporation, transpiration, percolation
        out_flux[i, RUNOFF_MM], out_flux[i, LOSS_MM], out_flux[i, DPE_MM] = runoff, loss, below_surface
        out_flux[i, KS], out_flux[i, KE], out_flux[i, KR], out_flux[i, FEW] = ks, ke, kr, few
        out_flux[i, P_ADJUSTED], out_flux[i, TAW_MM] = p, taw
    return skipped


def warm_up() -> None:
    """Compile or load the entry kernels."""
    soil = np.array([[0.3, 0.15, 0.1, 9.0, 0.4, 75.0]])
    one = np.ones(1)
    balance_day(
        5.0,
        0.0,
        0.5,
        1.2,
        0.2,
        0.3,
        soil,
        one,
        one,
        one,
        one,
        WITH_RUNOFF,
        np.ones((1, STATE_COLUMNS)),
        np.empty((1, FLUX_COLUMNS)),
    )
    stress_coefficient(10.0, 60.0, 0.4, False)
    salinity_factor(2.0, 1.0, 10.0, 1.0)
    leaching_fraction(1.0, 2.0)
    effective_rain_usda_mm(50.0)
