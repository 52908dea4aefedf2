# SPDX-License-Identifier: Apache-2.0
"""A crop's leaves and roots, day by day: growth, what dry soil takes from it, withering before its time and in time.

Rule kept: AquaCrop's canopy and roots (Steduto et al. 2009, doi:10.2134/agronj2008.0139s; reference manual 3.3 to 3.5)
without want of nutrients; the state passed in is all it remembers.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import crop_columns as k
from controllers.kernels import crop_soil as soil
from controllers.kernels.jit import njit

Array = NDArray[np.float64]

FIRST_ROOTS = 0.7
ROOT_ANSWER = -6.0
FULL = 0.9799


@njit
def moved(p: float, et0_mm: float) -> float:
    """Return a threshold ``p`` [-] on a day of ``et0_mm`` [mm]: lower in thirsty air. Source: manual 3.2."""
    return min(max(p + 0.04 * (5.0 - et0_mm) * math.log10(10.0 - 9.0 * p), 0.0), 1.0)


@njit
def strain(share: float, up: float, low: float, shape: float, et0_mm: float) -> float:
    """Return Ks [0..1] at a felt depletion ``share`` [-] between ``up`` and ``low``. Source: manual 3.2."""
    upper, lower = moved(up, et0_mm), moved(low, et0_mm)
    if share <= upper:
        return 1.0
    if share >= lower:
        return 0.0
    return float(soil.answer((share - upper) / (lower - upper), shape))


@njit
def _grown(since: float, small: float, top: float, rate: float) -> float:
    cover = small * math.exp(min(rate * since, 50.0))
    if cover > 0.5 * top:
        cover = top - 0.25 * (top / small) * top * math.exp(-rate * since)
    return min(max(min(cover, top), 0.0), 1.0)


@njit
def _age_of(cover: float, small: float, top: float, rate: float) -> float:
    if cover <= 0.5 * top:
        return math.log(max(cover / small, 1e-12)) / rate
    return math.log(0.25 * top * top / small / max(top - cover, 1e-12)) / rate


@njit
def _withered(since: float, top: float, rate: float, held: float) -> float:
    if top < 0.001:
        return 0.0
    fall = math.exp(min(since * rate * 3.33 / (held + 2.29), 50.0)) - 1.0
    return min(max(top * (1.0 - 0.05 * fall), 0.0), 1.0)


@njit
def _growing(x: Array, crop: Array, grow: float, step: float) -> float:
    """Return the cover of a day on which leaves may still grow."""
    before, small, top = x[k.CC], x[k.CC0_NOW], crop[k.CCX]
    planned = _grown(x[k.CLOCK] - crop[k.EMERGENCE], crop[k.CC0], top, crop[k.CGC])
    if before <= small or (x[k.GUARDED] > 0.0 and before <= 1.25 * small):
        if x[k.GUARDED] > 0.0:
            if planned > 1.25 * small:
                x[k.GUARDED] = 0.0
            return planned
        return float(small * math.exp(crop[k.CGC] * step))
    if before >= FULL * top:
        x[k.CC0_NOW] = crop[k.CC0]
        return planned
    rate = crop[k.CGC] * grow
    if rate <= 1e-9:
        x[k.CC0_NOW] = crop[k.CC0] if before > small else before
        return float(before)
    age = _age_of(before, small, top, rate)
    if age <= 0.0:
        return float(before)
    reach = _grown(age + crop[k.CANOPY_END] - x[k.CLOCK] + step, small, top, rate)
    if reach <= before or reach <= 0.0:
        return float(before)
    if abs(before - FULL * top) < 0.001:
        return planned
    age = _age_of(before, small, reach, rate)
    return float(before) if age <= 0.0 else _grown(age + step, small, reach, rate)


@njit
def _wither_early(x: Array, crop: Array, before: float, share: float, et0_mm: float, step: float) -> float:
    """Return the cover that dry soil leaves of ``x``'s on this day."""
    if x[k.EARLY] == 0.0:
        x[k.CCX_EARLY] = before
    x[k.EARLY] += step
    age = strain(share, crop[k.P_AGE_UP], crop[k.P_AGE_LOW], crop[k.F_AGE], et0_mm)
    rate = 0.0001 if age > 0.99999 else (1.0 - math.pow(age, 8.0)) * crop[k.CDC]
    top, left = x[k.CCX_EARLY], 0.0
    if top >= 0.001:
        pace = rate * 3.33 / (top + 2.29)
        since = math.log(1.0 + max(1.0 - before / top, 0.0) / 0.05) / pace
        left = _withered(since + step, top, rate, top)
    if x[k.CLOCK] < crop[k.SENESCENCE]:
        left = min(left, crop[k.CCX], before)
        x[k.CCX_NOW] = left
        x[k.CC0_NOW] = min(left, crop[k.CC0])
        return float(left)
    return min(float(x[k.CC]), left)


@njit
def canopy_day(x: Array, crop: Array, share: float, et0_mm: float, step: float) -> None:
    """Advance the leaves by a day on which the roots feel the depletion ``share`` [-]. Source: manual 3.4."""
    now, before = x[k.CLOCK], x[k.CC]
    if now < crop[k.EMERGENCE] or now > crop[k.MATURITY] + 0.5:
        x[k.CC], x[k.CC0_NOW] = 0.0, crop[k.CC0]
    elif now < crop[k.CANOPY_END]:
        grow = strain(share, crop[k.P_GROW_UP], crop[k.P_GROW_LOW], crop[k.F_GROW], et0_mm)
        x[k.CC] = _growing(x, crop, grow, step)
        x[k.CCX_NOW] = max(x[k.CC], x[k.CCX_NOW])
    elif now >= crop[k.SENESCENCE]:
        rate = crop[k.CDC] * (x[k.CCX_NOW] + 2.29) / (crop[k.CCX] + 2.29)
        x[k.CC] = _withered(now - crop[k.SENESCENCE], x[k.CCX_NOW], rate, x[k.CCX_NOW])
    if now >= crop[k.EMERGENCE] and (now < crop[k.SENESCENCE] or x[k.EARLY] > 0.0):
        sooner = crop[k.AGE_SOONER] if x[k.EARLY] > 0.0 else 0.0
        upper = moved(crop[k.P_AGE_UP], et0_mm) * (1.0 - sooner)
        if share > upper and x[k.GUARDED] == 0.0:
            x[k.CC] = _wither_early(x, crop, before, share, et0_mm, step)
        else:
            if now > crop[k.SENESCENCE] and x[k.EARLY] > 0.0:  # rain on leaves that withered too soon
                since = now - step - crop[k.SENESCENCE]
                top = before / max(_withered(since, 1.0, crop[k.CDC], crop[k.CCX]), 1e-6)
                x[k.CCX_NOW] = top
                rate = crop[k.CDC] * (top + 2.29) / (crop[k.CCX] + 2.29)
                x[k.CC] = _withered(since + step, top, rate, top)
            x[k.EARLY] = 0.0
        x[k.CCX_HELD] = max(x[k.CC], x[k.CCX_HELD])
    if now > crop[k.CANOPY_END] and x[k.CC] < 0.001:
        x[k.CC], x[k.DEAD] = 0.0, 1.0


@njit
def free_canopy(x: Array, crop: Array) -> None:
    """Write the cover [0..1] of a crop that never lacked water, to the start of its yield. Source: manual 3.4."""
    now = x[k.CLOCK]
    if now < crop[k.EMERGENCE]:
        x[k.CC_FREE] = 0.0
    elif now < crop[k.CANOPY_END]:
        x[k.CC_FREE] = _grown(now - crop[k.EMERGENCE], crop[k.CC0], 0.98 * crop[k.CCX], crop[k.CGC])
    x[k.CC_FREE] = max(x[k.CC_FREE], x[k.CC])


@njit
def root_depth_m(crop: Array, clock: float) -> float:
    """Return the depth [m] of roots that nothing hinders at ``clock`` [d or °C d]. Source: manual 3.5."""
    begin = math.floor(0.5 * crop[k.EMERGENCE] + 0.5)
    first = FIRST_ROOTS * crop[k.ZR_MIN_M]
    if clock <= begin:
        return float(crop[k.ZR_MIN_M])
    share = min((clock - begin) / max(crop[k.ROOT_FULL] - begin, 1.0), 1.0)
    depth = first + (crop[k.ZR_MAX_M] - first) * math.pow(share, 1.0 / crop[k.ZR_SHAPE])
    return float(max(depth, crop[k.ZR_MIN_M]))


@njit
def roots_day(x: Array, crop: Array, step: float) -> None:
    """Deepen the roots by a ``step`` [d], less where the crop thirsts or the soil before them is dry.

    Source: manual 3.5.
    """
    depth = root_depth_m(crop, x[k.CLOCK])
    more = depth - root_depth_m(crop, x[k.CLOCK] - step)
    if x[k.TR_RATIO] < 0.9999:
        more *= (math.exp(x[k.TR_RATIO] * ROOT_ANSWER) - 1.0) / (math.exp(ROOT_ANSWER) - 1.0)
    if more > 0.001:
        above, i = crop[k.DZ_M], 0
        while above < x[k.ZR_M] + more - 1e-9 and i < k.COMPARTMENTS - 1:
            i += 1
            above += crop[k.DZ_M + i]
        limit = 0.5 + 0.5 * crop[k.P_CLOSE_UP]
        gone = (crop[k.FC + i] - x[k.THETA + i]) / (crop[k.FC + i] - crop[k.WILT + i])
        if gone > limit:
            more *= soil.answer((gone - limit) / (1.0 - limit), crop[k.F_CLOSE])
    if x[k.GERMINATED] == 0.0 or (x[k.CC] <= 0.0 and x[k.CC_FREE] > 0.5):
        more = 0.0
    x[k.ZR_M] += more
    x[k.ROOT_DENSITY] = 1.0
    if x[k.ZR_M] < depth - 1e-9 and crop[k.SINK_BOTTOM] > 0.0:
        mean = 0.5 * (crop[k.SINK_TOP] + crop[k.SINK_BOTTOM])
        dense = (2.0 * depth / x[k.ZR_M] * mean - crop[k.SINK_TOP]) / crop[k.SINK_BOTTOM]
        x[k.ROOT_DENSITY] = max(dense * x[k.TR_RATIO], 1.0)
