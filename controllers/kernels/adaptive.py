# SPDX-License-Identifier: Apache-2.0
"""When to irrigate and how much: the gift whose season ahead is worth most, over the weather that may come.

Rule kept: the choice compares whole seasons (yield times price, less water times cost) under the same weathers, so it
sees stage, stress, rain to come and the season's end; whatever is no number falls back to the threshold rule, and a
zone is never left dry because an input is missing.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.kernels.jit import njit

Array = NDArray[np.float64]

PHASES = 6
# A policy: the depletion's share [-] at which each phase waters, then how much each gives [mm].
SHARE, GIFT_MM = 0, PHASES
POLICY = 2 * PHASES
# Columns of the terms: price of yield [money/t], cost of water [money/mm], cost of one run [money], largest and
# smallest gift [mm], water left in the quota [mm, inf: none].
PRICE, COST_MM, COST_RUN, LARGEST_MM, SMALLEST_MM, QUOTA_MM = range(6)
TERMS = 6
CHOICES = 6
SCRATCH = k.STATE_COLUMNS + POLICY
"""Room that the caller lends to a look-ahead: a field's state and a policy on trial."""
SHARE_STEP, GIFT_STEP = 0.3, 0.6


@njit
def _copy(source: Array, target: Array) -> None:
    for i in range(len(target)):
        target[i] = source[i]


@njit
def stage_of(crop: Array, clock: float) -> int:
    """Return the growth stage [0..3]: to 10 % cover, to full cover, to senescence, to maturity. Source: own rule."""
    if clock < crop[k.CANOPY10]:
        return 0
    if clock < crop[k.FULL_CANOPY]:
        return 1
    if clock < crop[k.SENESCENCE]:
        return 2
    return 3


@njit
def phase_of(crop: Array, clock: float) -> int:
    """Return the phase [0..5]: as the stages, the third one cut where leaves end and half-way on. Source: own rule."""
    stage = stage_of(crop, clock)
    if stage != 2:
        return stage if stage < 2 else PHASES - 1
    first, last, leaves_end = crop[k.FULL_CANOPY], crop[k.SENESCENCE], crop[k.CANOPY_END]
    if not first < leaves_end < last:
        leaves_end = first + (last - first) / 3.0
    if clock < leaves_end:
        return 2
    return 3 if clock < 0.5 * (leaves_end + last) else 4


@njit
def threshold_gift_mm(x: Array, crop: Array, policy: Array, terms: Array, used_mm: float) -> float:
    """Return the gift [mm] of the plain rule: the phase's own, when the roots' depletion passes the phase's share.

    ``x``, ``crop``: see ``crop_columns``; ``policy`` (12,), ``terms`` (6,): see above; ``used_mm`` [mm] given since the
    quota was read. Source: FAO-56 equation 83 with a share for each phase.
    """
    if crops.ripe(x, crop):
        return 0.0
    phase = phase_of(crop, x[k.CLOCK])
    if x[k.DR_MM] < policy[SHARE + phase] * x[k.TAW_MM]:
        return 0.0
    gift = min(policy[GIFT_MM + phase], terms[LARGEST_MM], terms[QUOTA_MM] - used_mm)
    return float(gift) if gift >= terms[SMALLEST_MM] else 0.0


@njit
def worth(x0: Array, crop: Array, weather: Array, first_mm: float, policy: Array, terms: Array,
          scratch: Array) -> float:  # fmt: skip
    """Return the mean money of the seasons that follow if ``first_mm`` [mm] is given now and the plain rule after.

    ``first_mm`` below 0: the plain rule today too. ``weather`` (m, n, 5): n days from today on, in m years; a NaN day
    is skipped, and if a year has more such days than others nothing can be said: NaN. ``scratch`` (74,) is overwritten.
    Source: rollout, Bertsekas and Tsitsiklis (1996), section 6.4.
    """
    x = scratch[: k.STATE_COLUMNS]
    total = 0.0
    for year in range(weather.shape[0]):
        _copy(x0, x)
        used, runs, unknown = 0.0, 0.0, 0
        for d in range(weather.shape[1]):
            if crops.ripe(x, crop):
                break
            gift = first_mm if d == 0 and first_mm >= 0.0 else threshold_gift_mm(x, crop, policy, terms, used)
            if gift > 0.0:
                used += gift
                runs += 1.0
            if not crops.crop_day(x, crop, weather[year, d], gift):
                unknown += 1
                if 2 * unknown > weather.shape[1]:
                    return math.nan
        value = terms[PRICE] * crops.yield_t_ha(x) - terms[COST_MM] * used - terms[COST_RUN] * runs
        total += value
    return float(total / max(weather.shape[0], 1))


@njit
def _chance(seed: int) -> int:
    """Give the next number of a plain generator [0..2^31): the same compiled or not. Source: ISO C's example."""
    return (seed * 1103515245 + 12345) % 2147483648


@njit
def plan(x: Array, crop: Array, weather: Array, terms: Array, tries: int, seed: int, policy: Array,
         scratch: Array) -> float:  # fmt: skip
    """Improve ``policy`` (12,) in place for the season ahead by ``tries`` [-] trials; return its worth [money].

    Each trial moves one share or one gift of a phase to come, and stays when the seasons under all weathers are worth
    more on average. The same ``seed`` gives the same trials. Source: random local search.
    """
    trial = scratch[k.STATE_COLUMNS :]
    best = worth(x, crop, weather, -1.0, policy, terms, scratch)
    first = phase_of(crop, x[k.CLOCK])
    chance = _chance(_chance(seed % 2147483648))
    for _ in range(tries):
        _copy(policy, trial)
        chance = _chance(chance)
        moves = 1 if chance < 1288490189 else 2
        for _move in range(moves):
            chance = _chance(chance)
            phase = first + (chance >> 8) % (PHASES - first)
            chance = _chance(chance)
            on_share = chance < 1395864371
            chance = _chance(chance)
            one = chance / 2147483648.0
            chance = _chance(chance)
            step = one + chance / 2147483648.0 - 1.0
            if on_share:
                trial[SHARE + phase] = min(max(trial[SHARE + phase] + SHARE_STEP * step, 0.0), 1.2)
            else:
                moved = trial[GIFT_MM + phase] + GIFT_STEP * terms[LARGEST_MM] * step
                trial[GIFT_MM + phase] = min(max(moved, terms[SMALLEST_MM]), terms[LARGEST_MM])
        value = worth(x, crop, weather, -1.0, trial, terms, scratch)
        if value > best:
            best = value
            _copy(trial, policy)
    return best


@njit
def choose_gift_mm(x: Array, crop: Array, weather: Array, policy: Array, terms: Array, out_worth: Array,
                   scratch: Array) -> float:  # fmt: skip
    """Return today's gift [mm] of most worth, 0 if none; ``out_worth`` (6,) [money] gets the worth of each choice.

    Choices: nothing, then fifths of the largest gift up to the whole. A state or weather that gives no number: the
    plain rule decides. Source: as ``worth``.
    """
    sure = threshold_gift_mm(x, crop, policy, terms, 0.0)
    for choice in range(CHOICES):
        out_worth[choice] = math.nan
    if weather.shape[0] == 0 or weather.shape[1] == 0:
        return sure
    room = min(terms[LARGEST_MM], terms[QUOTA_MM])
    if not room >= terms[SMALLEST_MM] or crops.ripe(x, crop):
        return 0.0
    best, chosen = -math.inf, 0.0
    for choice in range(CHOICES):
        gift = room * choice / (CHOICES - 1)
        if 0.0 < gift < terms[SMALLEST_MM]:
            continue
        value = worth(x, crop, weather, gift, policy, terms, scratch)
        out_worth[choice] = value
        if math.isnan(value):
            return sure
        if value > best:
            best, chosen = value, gift
    return chosen if best > -math.inf else sure


def warm_up() -> None:
    """Compile or load the entry kernels."""
    x, crop = np.ones(k.STATE_COLUMNS), np.ones(k.CROP_COLUMNS)
    crop[k.WILT : k.SATURATED], crop[k.SATURATED : k.TAU] = 0.5, 1.5
    crop[k.CN], crop[k.MATURITY] = 60.0, 9.0
    crops.begin(x, crop, 0.7)
    terms, weather = np.array([100.0, 1.0, 0.0, 25.0, 5.0, math.inf]), np.ones((1, 3, k.WEATHER_COLUMNS))
    policy, scratch = np.full(POLICY, 0.5), np.empty(SCRATCH)
    plan(x, crop, weather, terms, 1, 7, policy, scratch)
    worth(x, crop, weather, -1.0, policy, terms, scratch)
    threshold_gift_mm(x, crop, policy, terms, 0.0)
    choose_gift_mm(x, crop, weather, policy, terms, np.empty(CHOICES), scratch)
