# SPDX-License-Identifier: Apache-2.0
"""When to irrigate and how much: the gift whose season ahead is worth most, over the weather that may come.

Rule kept: the choice compares whole seasons (yield times price, less water times cost) under the same weathers, so it
sees stage, stress, rain to come and the season's end; whatever is no number falls back to the threshold rule, and a
zone is never left dry because an input is missing.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import crop_response as crops
from controllers.kernels.jit import njit, njit_counted

Array = NDArray[np.float64]

STAGES = 4
# Columns of the terms: price of yield [money/t], cost of water [money/mm], cost of one run [money], largest and
# smallest gift [mm], water left in the quota [mm, inf: none].
PRICE, COST_MM, COST_RUN, LARGEST_MM, SMALLEST_MM, QUOTA_MM = range(6)
TERMS = 6
CHOICES = 5


@njit
def stage_of(crop: Array, day: float) -> int:
    """Return the growth stage [0..3]: to 10 % cover, to full cover, to senescence, to maturity. Source: own rule."""
    if day < crop[crops.CANOPY10_D]:
        return 0
    if day < crop[crops.FULL_CANOPY_D]:
        return 1
    if day < crop[crops.SENESCENCE_D]:
        return 2
    return 3


@njit
def threshold_gift_mm(x: Array, crop: Array, allowed: Array, terms: Array, used_mm: float) -> float:
    """Return the gift [mm] of the plain rule: refill when the depletion passes the stage's ``allowed`` share [-].

    ``x``, ``crop``: see ``crop_response``; ``terms``: see above; ``used_mm`` [mm] given since the quota was read.
    Source: FAO-56 equation 83 with a share for each stage.
    """
    if x[crops.DAY] >= crop[crops.MATURITY_D]:
        return 0.0
    taw = 1000.0 * (crop[crops.THETA_FC] - crop[crops.THETA_WP]) * x[crops.ZR_M]
    if x[crops.DR_MM] < allowed[stage_of(crop, x[crops.DAY])] * taw:
        return 0.0
    gift = min(x[crops.DR_MM], terms[LARGEST_MM], terms[QUOTA_MM] - used_mm)
    return float(gift) if gift >= terms[SMALLEST_MM] else 0.0


@njit_counted
def worth(x0: Array, crop: Array, weather: Array, first_mm: float, allowed: Array, terms: Array) -> float:
    """Return the mean money of the seasons that follow if ``first_mm`` [mm] is given now and the plain rule after.

    ``weather`` (m, n, 2): ETo and rain [mm] of n days from today on, in m years; a NaN day is skipped, and
    if a year has more such days than others nothing can be said: NaN.
    Source: rollout, Bertsekas and Tsitsiklis (1996), section 6.4.
    """
    x = np.empty(crops.STATE_COLUMNS)
    total = 0.0
    for year in range(weather.shape[0]):
        x[:] = x0
        used, runs, unknown = 0.0, 0.0, 0
        for d in range(weather.shape[1]):
            if x[crops.DAY] >= crop[crops.MATURITY_D]:
                break
            gift = first_mm if d == 0 else threshold_gift_mm(x, crop, allowed, terms, used)
            if gift > 0.0:
                used += gift
                runs += 1.0
            if not crops.crop_day(x, crop, weather[year, d, 0], weather[year, d, 1], gift):
                unknown += 1
                if 2 * unknown > weather.shape[1]:
                    return math.nan
        value = terms[PRICE] * crops.yield_t_ha(x, crop) - terms[COST_MM] * used - terms[COST_RUN] * runs
        total += value
    return float(total / max(weather.shape[0], 1))


@njit_counted
def plan(x: Array, crop: Array, weather: Array, terms: Array, passes: int, allowed: Array) -> float:
    """Improve the stages' ``allowed`` depletion shares [0..1] for the season ahead; return what it is worth [money].

    ``passes`` [-] rounds over the stages. Source: coordinate search.
    """
    trial = allowed.copy()
    best = worth(x, crop, weather, 0.0, allowed, terms)
    for _ in range(passes):
        for stage in range(stage_of(crop, x[crops.DAY]), STAGES):
            for step in range(12):
                trial[:] = allowed
                trial[stage] = 0.08 + 0.08 * step
                value = worth(x, crop, weather, 0.0, trial, terms)
                if value > best:
                    best = value
                    allowed[stage] = trial[stage]
    return best


@njit
def choose_gift_mm(x: Array, crop: Array, weather: Array, allowed: Array, terms: Array, out_worth: Array) -> float:
    """Return today's gift [mm] of most worth, 0 if none; ``out_worth`` (5,) [money] gets the worth of each choice.

    Choices: nothing, then quarters of the largest gift up to the whole. A state or weather that gives no number: the
    plain rule decides. Source: as ``worth``.
    """
    sure = threshold_gift_mm(x, crop, allowed, terms, 0.0)
    if weather.shape[0] == 0 or weather.shape[1] == 0:
        out_worth[:] = math.nan
        return sure
    room = min(terms[LARGEST_MM], terms[QUOTA_MM])
    if not room >= terms[SMALLEST_MM] or x[crops.DAY] >= crop[crops.MATURITY_D]:
        out_worth[:] = math.nan
        return 0.0
    best, chosen = -math.inf, 0.0
    for choice in range(CHOICES):
        gift = room * choice / (CHOICES - 1)
        if 0.0 < gift < terms[SMALLEST_MM] or gift > x[crops.DR_MM] + terms[SMALLEST_MM]:
            out_worth[choice] = math.nan
            continue
        value = worth(x, crop, weather, gift, allowed, terms)
        out_worth[choice] = value
        if math.isnan(value):
            return sure
        if value > best:
            best, chosen = value, gift
    return chosen if best > -math.inf else sure


def warm_up() -> None:
    """Compile or load the entry kernels."""
    x, crop = np.ones(crops.STATE_COLUMNS), np.ones(crops.CROP_COLUMNS)
    crop[crops.THETA_WP], crop[crops.CN], crop[crops.MATURITY_D] = 0.5, 60.0, 9.0
    terms, weather = np.array([100.0, 1.0, 0.0, 25.0, 5.0, math.inf]), np.ones((1, 3, 2))
    allowed = np.full(STAGES, 0.5)
    plan(x, crop, weather, terms, 1, allowed)
    choose_gift_mm(x, crop, weather, allowed, terms, np.empty(CHOICES))
