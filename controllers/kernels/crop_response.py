# SPDX-License-Identifier: Apache-2.0
"""A crop's answer to water, day by day: transpiration, growth, harvest index, yield; fast enough to look ahead with.

Rule kept: FAO's AquaCrop (Steduto et al. 2009, doi:10.2134/agronj2008.0139s; reference manual chapter 3) as far as a
watering decision needs it; a day with a NaN changes nothing and says so. Soil: ``crop_soil``; leaves and roots:
``crop_canopy``; columns: ``crop_columns``.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import crop_canopy as leaves
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_soil as soil
from controllers.kernels.jit import njit

Array = NDArray[np.float64]

LEAST_COVER = 0.05
RIPE_BEFORE_D = 5.0


@njit
def begin(x: Array, crop: Array, share: float) -> None:
    """Write a field's state at planting into ``x``, its soil ``share`` [0..1] full. Source: own rule."""
    for i in range(k.STATE_COLUMNS):
        x[i] = 0.0
    x[k.ZR_M], x[k.ROOT_DENSITY], x[k.TR_RATIO] = crop[k.ZR_MIN_M], 1.0, 1.0
    x[k.CC0_NOW], x[k.HI_LIMIT], x[k.F_EARLY] = crop[k.CC0], crop[k.HI0], 1.0
    x[k.F_GROWN], x[k.F_CLOSED] = 1.0, 1.0
    for i in range(k.COMPARTMENTS):
        x[k.THETA + i] = crop[k.WILT + i] + share * (crop[k.FC + i] - crop[k.WILT + i])
    soil.begin_evaporation(x, crop)
    soil.root_water(x, crop)


@njit
def ripe(x: Array, crop: Array) -> bool:
    """Say whether the season is over: its clock [d or °C d] has run down, or it died. Source: manual 3.3."""
    return bool(x[k.TOTAL] >= crop[k.MATURITY] or x[k.DEAD] > 0.0)


@njit
def shade(cover: float) -> float:
    """Return the share of the ground [0..1] that a ``cover`` [0..1] shades, edges included. Source: manual 3.9."""
    return min(max(1.72 * cover - cover * cover + 0.3 * cover * cover * cover, 0.0), 1.0)


@njit
def _evaporation_wish(x: Array, crop: Array, et0_mm: float) -> float:
    """Give the evaporation [mm] of a ground that is wet: shaded, or under withered leaves. Source: manual 3.9."""
    wish = soil.KEX * (1.0 - shade(x[k.CC])) * et0_mm
    most = soil.KEX * et0_mm * (1.0 - x[k.CCX_HELD] * soil.WITHERED_SHELTER)
    top = x[k.CCX_NOW]
    if x[k.CLOCK] > crop[k.SENESCENCE] and top > 0.0:
        gone = min(max((top - x[k.CC]) / (0.5 * top), 0.0), 1.0)
        wish *= 1.0 - top * soil.WITHERED_SHELTER * gone
        least = max(soil.KEX * (1.0 - shade(top)) * et0_mm, 0.0)
        wish = max(wish, least) if wish < least else min(wish, most)
    return min(wish, most) if x[k.EARLY] > 0.0 else wish


@njit
def _transpire(x: Array, crop: Array, et0_mm: float, warmth: float, before: float) -> float:
    """Let the crop drink for a day; return the transpiration [mm]. Source: manual 3.10."""
    strength = crop[k.KCB]
    old = x[k.DAY] - x[k.LATE_D] - crop[k.FULL_CANOPY_D]
    if old > RIPE_BEFORE_D:
        strength -= (old - RIPE_BEFORE_D) * crop[k.FADE_PER_D] * x[k.CCX_HELD]
    wish = max(strength, 0.0) * shade(x[k.CC]) * et0_mm * warmth
    if x[k.CC] < x[k.CCX_HELD] and x[k.CC] > 0.001:
        wish *= x[k.CC] / x[k.CCX_HELD]
    share = soil.root_water(x, crop)
    upper, lower = leaves.moved(crop[k.P_CLOSE_UP], et0_mm), leaves.moved(crop[k.P_CLOSE_LOW], et0_mm)
    closed = min(max((share - upper) / max(lower - upper, 1e-9), 0.0), 1.0)
    open_share = min(1.0 - closed, soil.air(x, crop))
    drunk = soil.drink(x, crop, wish * open_share, upper) if wish > 0.0 else 0.0
    if x[k.CC] - before > 0.005 and drunk == 0.0:
        x[k.CC] = before
    x[k.TR_RATIO] = min(max(drunk / wish, 0.0), 1.0) if wish > 0.0 else 1.0
    return drunk


@njit
def _reference_index(x: Array, crop: Array, since: float) -> float:
    """Return the harvest index [-] of an unhurt crop ``since`` [d] its start; lag into ``x``. Source: manual 3.12."""
    if since <= 0.0:
        return 0.0
    first, full, rate = 0.01, crop[k.HI0], crop[k.HI_GROWTH]
    curved = since
    if crop[k.KIND] == k.FRUIT and since >= crop[k.HI_SWITCH_D]:
        curved = crop[k.HI_SWITCH_D]
    index = first * full / (first + (full - first) * math.exp(-rate * curved))
    if crop[k.KIND] == k.FRUIT:
        index += crop[k.HI_LINEAR] * (since - curved)
    elif index >= leaves.FULL * full:
        index = full
    if index > full or full - index < 0.004:
        index = full
    elif index <= first + 0.004:
        index = 0.0
    withered = x[k.CC] <= LEAST_COVER and x[k.CC] < x[k.CCX_HELD]
    if withered and crop[k.KIND] != k.LEAFY and x[k.HI_LIMIT] == full and since <= crop[k.HI_SPAN_D]:
        x[k.HI_LIMIT] = index
    return float(min(index, x[k.HI_LIMIT]))


@njit
def _early_gain(x: Array, crop: Array) -> float:
    """Return the factor [-] that thirst before flowering gives the index. Source: manual 3.12.4."""
    if x[k.CC] <= 0.01:
        return 0.0
    most = crop[k.HI_EARLY_PCT]
    if most <= 0.0 or x[k.BIOMASS_FREE] <= 0.0:
        return 1.0
    ratio = x[k.BIOMASS] / x[k.BIOMASS_FREE]
    spread = math.log(most) / 5.62
    low, top = 1.0 - spread, 1.0 - spread / 3.0
    if low <= ratio < top:
        turn = 1.5 - (ratio - low) / (top - low)
    elif top < ratio <= 1.0:
        turn = 0.5 + (ratio - top) / (1.0 - top)
    else:
        return 1.0
    return float(1.0 + 0.5 * (1.0 + math.sin(turn * math.pi)) * most / 100.0)


@njit
def _flowered(since: float, span: float) -> float:
    share = min(100.0 * since / span, 100.0)
    return 0.0 if since <= 0.0 else max(0.00558 * math.pow(share, 0.63) - 0.000969 * share - 0.00383, 0.0)


@njit
def _harvest_index(x: Array, crop: Array, et0_mm: float, setting: float, since: float) -> None:
    """Advance the harvest index by a day of yield formation. Source: manual 3.12."""
    if crop[k.KIND] == k.LEAFY:
        x[k.HI] = x[k.HI_REF]
        return
    if x[k.EARLY_SET] == 0.0:
        x[k.EARLY_SET] = 1.0
        x[k.F_EARLY] = _early_gain(x, crop)
    share = soil.root_water(x, crop)
    span = crop[k.FLOWERING_D]
    limit = crop[k.HI0]
    if crop[k.KIND] == k.FRUIT:
        if 0.0 < since <= span and x[k.CC] >= LEAST_COVER:
            first, last = _flowered(since - 1.0, span), _flowered(since, span)
            up, low = crop[k.P_POL_UP], crop[k.P_POL_LOW]
            dry = min(max((share - up) / max(low - up, 1e-9), 0.0), 1.0)
            if abs(last - first) >= 1e-7:
                part = 100.0 * 0.5 * (first + last) / span
                x[k.F_POLLEN] = min(x[k.F_POLLEN] + min(1.0 - dry, setting) * part * crop[k.POLLEN_EXCESS], 1.0)
        limit *= x[k.F_POLLEN]
    first_d, second_d = crop[k.CANOPY_END_D] - crop[k.HI_START_D], crop[k.HI_SPAN_D]
    if since > 0.0 and x[k.F_EARLY] > 0.99 and x[k.CC] > 0.001:
        if crop[k.A_HI] > 0.0 and first_d > 0.0 and since <= first_d:
            grow = leaves.strain(share, crop[k.P_GROW_UP], crop[k.P_GROW_LOW], crop[k.F_GROW], et0_mm)
            x[k.SUM_GROW] += 1.0 + (1.0 - grow) / crop[k.A_HI]
            x[k.F_GROWN] = x[k.SUM_GROW] / since
        if crop[k.B_HI] > 0.0 and second_d > 0.0 and since <= second_d:
            close = leaves.strain(share, crop[k.P_CLOSE_UP], crop[k.P_CLOSE_LOW], crop[k.F_CLOSE], et0_mm)
            x[k.SUM_CLOSE] += math.pow(close, 0.1) * (1.0 - (1.0 - close) / crop[k.B_HI])
            x[k.F_CLOSED] = x[k.SUM_CLOSE] / since
    after = 1.0
    if since > 0.0:
        a, b = max(first_d, 0.0), second_d
        if a <= b:
            after = x[k.F_CLOSED] * (a * x[k.F_GROWN] + b - a) / max(b, 1.0)
        else:
            after = x[k.F_GROWN] * (b * x[k.F_CLOSED] + a - b) / a
    x[k.HI] = min(x[k.F_EARLY] * after, 1.0 + crop[k.HI_MORE]) * min(x[k.HI_REF], limit)


@njit
def _grow_product(x: Array, crop: Array, et0_mm: float, drunk_mm: float, warmth: float, setting: float) -> None:
    """Turn a day's transpiration into biomass and yield. Source: manual 3.11, 3.12."""
    since = x[k.DAY] - x[k.LATE_D] - crop[k.HI_START_D] - 1.0
    x[k.HI_REF] = _reference_index(x, crop, since)
    product = crop[k.PRODUCT_G_M2]
    if crop[k.KIND] != k.LEAFY and x[k.HI_REF] > 0.0:
        if crop[k.DETERMINATE] > 0.0:
            lag = crop[k.HI_SWITCH_D] if crop[k.KIND] == k.FRUIT else 0.0
        else:
            lag = crop[k.HI_SPAN_D] / 3.0
        late = min(since / lag, 1.0) if lag > 0.0 else 1.0
        product *= 1.0 - (1.0 - crop[k.PRODUCT_LATE]) * late
    if et0_mm > 0.0:
        x[k.BIOMASS] += product * drunk_mm / et0_mm
        if since < 0.0 or x[k.EARLY_SET] == 0.0:
            x[k.BIOMASS_FREE] += product * crop[k.KCB] * shade(x[k.CC_FREE]) * warmth
    if since >= 0.0:
        _harvest_index(x, crop, et0_mm, setting, since)


@njit
def crop_day(x: Array, crop: Array, day: Array, gift_mm: float) -> bool:
    """Advance one field by a ``day`` of weather (5,) and a ``gift_mm`` of irrigation [mm]; False if one is NaN.

    ``x`` (62,), ``crop`` (125,), ``day``: see ``crop_columns``. A field that is ripe stays as it is.
    Source: AquaCrop reference manual chapter 3.
    """
    et0, rain, step = day[k.ET0], day[k.RAIN], day[k.STEP]
    warmth, setting = day[k.WARMTH], day[k.SETTING]
    if not (et0 >= 0.0 and rain >= 0.0 and gift_mm >= 0.0 and step >= 0.0 and warmth >= 0.0 and setting >= 0.0):
        return False
    if ripe(x, crop):
        x[k.ET_MM] = 0.0
        return True
    x[k.DAY] += 1.0
    x[k.TOTAL] += step
    x[k.CLOCK] += step
    leaves.roots_day(x, crop, step)
    x[k.DRAINED_MM] = soil.drain(x, crop)
    x[k.RUNOFF_MM] = soil.runoff_mm(x, crop, rain)
    soaked = rain - x[k.RUNOFF_MM] + gift_mm
    x[k.DRAINED_MM] += soil.infiltrate(x, crop, soaked)
    if x[k.GERMINATED] == 0.0:
        if soil.germinates(x, crop):
            x[k.GERMINATED], x[k.GUARDED] = 1.0, crop[k.SOWN]
        else:
            x[k.CLOCK] -= step
            x[k.LATE_D] += 1.0
    before = x[k.CC]
    leaves.canopy_day(x, crop, soil.root_water(x, crop), et0, step)
    if x[k.EARLY_SET] == 0.0:
        leaves.free_canopy(x, crop)
    evaporated = soil.evaporate(x, crop, _evaporation_wish(x, crop, et0), soaked)
    drunk = _transpire(x, crop, et0, warmth, before)
    _grow_product(x, crop, et0, drunk, warmth, setting)
    x[k.ET_MM] = evaporated + drunk
    soil.root_water(x, crop)
    return True


@njit
def yield_t_ha(x: Array) -> float:
    """Return the dry yield [t/ha] of a season so far. Source: manual 3.12."""
    return float(x[k.BIOMASS] * 0.01 * x[k.HI])


@njit
def _index(day: float, full: float, rate: float) -> float:
    return 0.01 * full / (0.01 + (full - 0.01) * math.exp(-rate * day))


@njit
def shape_index(crop: Array) -> None:
    """Write into ``crop`` how its harvest index grows to HI0 [-] in its span [d]; a fruit's evenly at last.

    The rate is a multiple of 0.001 a day. Source: manual 3.12.
    """
    span, full, rate = crop[k.HI_SPAN_D], crop[k.HI0], 0.001
    while _index(span, full, rate) <= 0.98 * full and rate < 5.0:
        rate += 0.001
    crop[k.HI_GROWTH] = rate
    if crop[k.KIND] != k.FRUIT:
        return
    day, before, reached = 0.0, 0.01, 0.0
    while reached <= full and day < span:
        day += 1.0
        now = _index(day, full, rate)
        reached = now + (span - day) * (now - before)
        before = now
    crop[k.HI_SWITCH_D] = day - 1.0
    begun = _index(day - 1.0, full, rate) if day > 1.0 else 0.0
    crop[k.HI_LINEAR] = (full - begun) / max(span - day + 1.0, 1.0)


@njit
def cold_answer(degree_days: float, low: float, up: float) -> float:
    """Return the share [0..1] of transpiration that a day of ``degree_days`` [°C d] allows. Source: manual 3.10.4."""
    if up <= low or degree_days >= up:
        return 1.0
    if degree_days <= low:
        return 0.0
    relative, first = (degree_days - low) / (up - low), 0.02
    shape = -math.log((first - 0.98 * first) / (0.98 * (1.0 - first)))
    return first / (first + (1.0 - first) * math.exp(-shape * relative)) - first * (1.0 - relative)


@njit
def pollen_answer(relative: float) -> float:
    """Return the share [0..1] of flowers set at a ``relative`` cold or heat [0..1]. Source: manual 3.2.4."""
    if relative <= 0.0:
        return 1.0
    if relative >= 1.0:
        return 0.0
    return 0.001 / (0.001 + 0.999 * math.exp(-13.8135 * (1.0 - relative)))


def warm_up() -> None:
    """Compile or load the entry kernels."""
    crop, x = np.ones(k.CROP_COLUMNS), np.ones(k.STATE_COLUMNS)
    crop[k.WILT : k.SATURATED], crop[k.SATURATED : k.TAU] = 0.5, 1.5
    crop[k.CN], crop[k.MATURITY] = 60.0, 9.0
    crop[k.HI_SPAN_D], crop[k.HI0] = 50.0, 0.5
    shape_index(crop)
    begin(x, crop, 0.7)
    crop_day(x, crop, np.array([5.0, 0.0, 1.0, 1.0, 1.0]), 0.0)
    yield_t_ha(x)
    cold_answer(5.0, 0.0, 12.0)
    pollen_answer(0.5)
