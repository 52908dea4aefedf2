# SPDX-License-Identifier: Apache-2.0
"""Safety of houses: heat and frost that kill, a house without a thermometer, storm (H7, H8, H9).

The rule it keeps: total over every input; two of three thermometers decide, and where two disagree the one that
tells of danger is believed. A wind meter that is silent counts as a storm. Bounds: docs/safety.md.

``hp`` parameters [H_*], ``hs`` state [U_*], ``hx`` inputs [Y_*], one row per house; times in ms, monotonic.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]

CLEAR_K = 1.0  # a hazard of temperature is over when its limit is left by so much
CALM_FRACTION = 0.8  # a storm is over when wind stays below this share of the limit
COLD_OUTSIDE_K = 5.0  # a blind house closes rather than opens when outside is within so much of frost


@njit
def votes(house: int, hx: Floats, limit: float, above: bool) -> float:
    """Give the share of trusted thermometers beyond ``limit`` [°C]; NaN when none is trusted.

    Temperatures [°C], wind [m/s], times [ms]. Source: docs/safety.md (H7 to H9).
    """
    trusted = 0
    beyond = 0
    for column in range(c.Y_T1, c.Y_T3 + 1):
        t = hx[house, column]
        if math.isfinite(t):
            trusted += 1
            if (above and t > limit) or (not above and t < limit):
                beyond += 1
    return beyond / trusted if trusted > 0 else math.nan


@njit
def judge_temperature(house: int, now: float, g: Floats, hp: Floats, hs: Floats, hx: Floats) -> None:
    """Set U_HAZARD to HEAT, FROST, BLIND, BLIND_COLD or 0 (H7, H8).

    Temperatures [°C], wind [m/s], times [ms]. Source: docs/safety.md (H7 to H9).
    """
    was = hs[house, c.U_HAZARD]
    heat_limit = hp[house, c.H_HEAT] - (CLEAR_K if was == codes.HEAT else 0.0)
    frost_limit = hp[house, c.H_FROST] + (CLEAR_K if was == codes.FROST else 0.0)
    hot = votes(house, hx, heat_limit, True)
    cold = votes(house, hx, frost_limit, False)
    sees = math.isfinite(hot) and not (hot >= 0.5 and cold >= 0.5)
    if sees:
        hs[house, c.U_SEEN] = now
        hs[house, c.U_HAZARD] = codes.HEAT if hot >= 0.5 else (codes.FROST if cold >= 0.5 else codes.NONE)
    elif now - hs[house, c.U_SEEN] >= g[c.G_BLIND_AFTER]:
        near_frost = hx[house, c.Y_OUTSIDE] < hp[house, c.H_FROST] + COLD_OUTSIDE_K
        hs[house, c.U_HAZARD] = codes.BLIND_COLD if near_frost else codes.BLIND


@njit
def judge_wind(house: int, now: float, g: Floats, hp: Floats, hs: Floats, hx: Floats) -> None:
    """Set U_STORM to STORM, WIND_STALE or 0; a storm ends only after a calm of G_STORM_CLEAR (H9).

    Temperatures [°C], wind [m/s], times [ms]. Source: docs/safety.md (H7 to H9).
    """
    if hp[house, c.H_HAS_WIND] == 0.0:
        return
    wind = hx[house, c.Y_WIND]
    if math.isfinite(wind):
        hs[house, c.U_WIND_SEEN] = max(hs[house, c.U_WIND_SEEN], hx[house, c.Y_WIND_AT])
    if now - hs[house, c.U_WIND_SEEN] > g[c.G_WIND_STALE]:
        if hs[house, c.U_STORM] != codes.STORM:
            hs[house, c.U_STORM] = codes.WIND_STALE
        hs[house, c.U_CALM_SINCE] = math.inf
    elif wind > hp[house, c.H_STORM]:
        hs[house, c.U_STORM] = codes.STORM
        hs[house, c.U_CALM_SINCE] = math.inf
    elif hs[house, c.U_STORM] == codes.WIND_STALE:
        hs[house, c.U_STORM] = codes.NONE
    elif wind < CALM_FRACTION * hp[house, c.H_STORM]:
        if hs[house, c.U_CALM_SINCE] == math.inf:
            hs[house, c.U_CALM_SINCE] = now
        if now - hs[house, c.U_CALM_SINCE] >= g[c.G_STORM_CLEAR]:
            hs[house, c.U_STORM] = codes.NONE
    else:
        hs[house, c.U_CALM_SINCE] = math.inf


@njit
def judge_houses(now: float, g: Floats, hp: Floats, hs: Floats, hx: Floats) -> None:
    """Judge every house once a tick.

    Temperatures [°C], wind [m/s], times [ms]. Source: docs/safety.md (H7 to H9).
    """
    for house in range(hp.shape[0]):
        judge_temperature(house, now, g, hp, hs, hx)
        judge_wind(house, now, g, hp, hs, hx)
