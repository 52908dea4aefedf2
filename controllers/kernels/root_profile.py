# SPDX-License-Identifier: Apache-2.0
"""A layered soil's daily water balance: the root zone grows into the layers below, which keep what they hold.

Rule kept: the plain balance (``soil_water``), with its options, for one field whose soil changes with depth; a day with
a NaN leaves the state as it was and says so.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import soil_water as sw
from controllers.kernels.jit import njit, njit_counted

Array = NDArray[np.float64]

# State: surface depletion [mm], root zone depletion [mm], wetted share [0..1], depletion to the deepest root [mm],
# depletion below the roots [mm], available water below the roots [mm].
DE_MM, DR_MM, FW, DEEP_MM, BELOW_MM, BELOW_TAW_MM = range(6)
STATE_COLUMNS = 6
# The surface: TEW and REW [mm], p of FAO-56 table 22 [-], curve number [1..100], deepest root [m].
TEW_MM, REW_MM, P_TABLE, CN2, ZR_MAX_M = range(5)
SURFACE_COLUMNS = 5
# A day: reference ET and rain [mm], Kcb and Kc max [-], cover [0..1], root depth [m], gift [mm], wetted share [0..1,
# NaN: as before], efficiency [0..1].
ET_MM, RAIN_MM, KCB, KC_MAX, COVER, ZR_M, GIFT_MM, WETTED, EFFICIENCY = range(9)
DAY_COLUMNS = 9
FLUX_COLUMNS = sw.FLUX_COLUMNS + 1
INTO_ROOTS_MM = sw.FLUX_COLUMNS


@njit
def layered_mm(depth_m: float, bottom_m: Array, content: Array) -> float:
    """Return the water [mm] that a ``content`` (k,) [m³/m³] of layers ending at ``bottom_m`` (k,) [m] makes to a depth.

    The depth is taken in whole millimetres. Source: FAO-56 equation 82, layer by layer.
    """
    whole_mm = math.floor(depth_m * 1000.0)
    top, total = 0.0, 0.0
    for i in range(bottom_m.shape[0]):
        bottom = min(bottom_m[i] * 1000.0, whole_mm)
        if bottom > top:
            total += (bottom - top) * content[i]
            top = bottom
    return total


@njit_counted
def begin(surface: Array, zr_m: float, ze_m: float, bottom_m: Array, layers: Array, state: Array) -> None:
    """Start a season's state from the layers: ``layers`` (k, 3) field capacity, wilting point, water now [m³/m³].

    ``surface`` (5,) gets its TEW; ``zr_m`` and ``ze_m`` [m]. Source: FAO-56 equations 73, 82 and 87.
    """
    capacity, wilting, now = layers[:, 0].copy(), layers[:, 1].copy(), layers[:, 2].copy()
    surface[TEW_MM] = layered_mm(ze_m, bottom_m, capacity - 0.5 * wilting)
    state[DE_MM], state[FW] = surface[TEW_MM], 1.0
    state[DR_MM] = layered_mm(zr_m, bottom_m, capacity - now)
    state[DEEP_MM] = layered_mm(surface[ZR_MAX_M], bottom_m, capacity - now)
    state[BELOW_MM] = state[DEEP_MM] - state[DR_MM]
    deep_taw = layered_mm(surface[ZR_MAX_M], bottom_m, capacity - wilting)
    state[BELOW_TAW_MM] = deep_taw - layered_mm(zr_m, bottom_m, capacity - wilting)


@njit
def profile_day(
    day: Array, surface: Array, bottom_m: Array, available: Array, ways: int, state: Array, flux: Array
) -> bool:  # fmt: skip
    """Advance one field by a day; False, with the state as it was, for a day that is none.

    ``day`` (9,), ``surface`` (5,), ``state`` (6,): see the column names; ``bottom_m`` (k,) [m] and ``available`` (k,)
    [m³/m³] of the layers; ``ways`` [-] and ``flux`` (13,): as ``soil_water``'s, then
    what came to the roots by growing [mm]. Source: FAO-56 pages 142-170; Thorp et al. (2024) for the layers below.
    """
    et, rain, kcb, kc_max = day[ET_MM], day[RAIN_MM], day[KCB], day[KC_MAX]
    sound = et >= 0.0 and rain >= 0.0 and kc_max > 0.0 and day[COVER] >= 0.0
    if not (sound and day[ZR_M] > 0.0 and day[GIFT_MM] >= 0.0):
        return False
    tew, rew, de = surface[TEW_MM], surface[REW_MM], state[DE_MM]
    loss = day[GIFT_MM] * (1.0 - day[EFFICIENCY])
    given = day[GIFT_MM] - loss
    runoff = sw.curve_number_runoff_mm(rain, surface[CN2], de, rew, tew) if ways & sw.WITH_RUNOFF else 0.0
    water = rain - runoff
    if day[GIFT_MM] > 0.0:
        state[FW] = day[WETTED] if day[WETTED] > 0.0 else state[FW]
    elif rain >= 3.0:
        state[FW] = 1.0
    few = min(max(min(1.0 - day[COVER], state[FW]), 0.01), 1.0)
    kr = min(max((tew - de) / (tew - rew), 0.0), 1.0)
    ke = min(kr * (kc_max - kcb), few * kc_max)
    evaporation = ke * et
    below_surface = max(water + given / state[FW] - de, 0.0)
    state[DE_MM] = min(max(de - water - given / state[FW] + evaporation / few + below_surface, 0.0), tew)
    taw = layered_mm(day[ZR_M], bottom_m, available)
    deep_taw = layered_mm(surface[ZR_MAX_M], bottom_m, available)
    before, state[BELOW_TAW_MM] = state[BELOW_TAW_MM], deep_taw - taw
    p = surface[P_TABLE]
    if not ways & sw.FIXED_P:
        p = min(max(p + 0.04 * (5.0 - (ke + kcb) * et), 0.1), 0.8)
    ks = sw.stress_coefficient(state[DR_MM], taw, p, (ways & sw.CURVED_KS) != 0)
    transpiration = ks * kcb * et
    used = evaporation + transpiration
    percolation = max(water + given - used - state[DEEP_MM], 0.0)
    grown = state[BELOW_MM] * (1.0 - state[BELOW_TAW_MM] / before) if before > 0.0 else 0.0
    state[DR_MM] = min(max(state[DR_MM] - water - given + used + grown, 0.0), taw)
    state[DEEP_MM] = min(max(state[DEEP_MM] - water - given + used + percolation, 0.0), deep_taw)
    state[BELOW_MM] = min(max(state[DEEP_MM] - state[DR_MM], 0.0), state[BELOW_TAW_MM])
    flux[sw.E_MM], flux[sw.T_MM], flux[sw.DP_MM], flux[sw.RUNOFF_MM] = evaporation, transpiration, percolation, runoff
    flux[sw.LOSS_MM], flux[sw.KS], flux[sw.KE], flux[sw.KR] = loss, ks, ke, kr
    flux[sw.FEW], flux[sw.P_ADJUSTED], flux[sw.TAW_MM], flux[sw.DPE_MM] = few, p, taw, below_surface
    flux[INTO_ROOTS_MM] = grown
    return True


def warm_up() -> None:
    """Compile or load the entry kernels."""
    surface, state = np.array([20.0, 8.0, 0.5, 75.0, 1.0]), np.zeros(STATE_COLUMNS)
    bottom, layers = np.array([0.3, 1.2]), np.array([[0.3, 0.15, 0.25], [0.28, 0.14, 0.25]])
    begin(surface, 0.3, 0.1, bottom, layers, state)
    day = np.array([5.0, 0.0, 0.5, 1.2, 0.2, 0.3, 0.0, math.nan, 1.0])
    profile_day(day, surface, bottom, layers[:, 0] - layers[:, 1], 0, state, np.zeros(FLUX_COLUMNS))
