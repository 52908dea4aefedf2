# SPDX-License-Identifier: Apache-2.0
"""What a zone's roots lack, hour by hour: a balance of weather and gifts, corrected by probes, not believed blindly.

Rule kept: whatever is missing has a stand-in (the zone's own past days, then a plain day), and each stand-in lowers the
grade; a probe that stands still while the plants drink is left out. All amounts are mm over the zone's area.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import water_filter
from controllers.kernels.crop_curve import stage_coefficient
from controllers.kernels.jit import njit

Array = NDArray[np.float64]

# Parameters of a zone. Water contents [m³/m³], depths [m], stages [d], shares [-].
(
    AREA_M2, EFFICIENCY, WETTED, FC, WP, ROOT_M, P_TABLE, KCB_INI, KCB_MID, KCB_END, L_INI_D, L_DEV_D, L_MID_D, L_END_D,
    SUBSTRATE, ALLOWED_SHARE, DRAIN_TARGET, ADAPTIVE,
) = range(18)  # fmt: skip
PARAMETERS = 18
# State of a zone: the filter's five (mm over the wetted depth), then what was learned and counted.
(
    SCALE, REF_THETA, REF_ET_MM, SINCE_GIFT_H, LAST_THETA, STILL_MM, SINCE_PROBE_H, ET_TODAY_MM, HOURS_TODAY, DAY,
    ET_DAY_MM, USED_L, LAST_L, DRAIN_SHARE, GRADE, BEGUN, SEEN_THETA, PRE_THETA, PRE_MM, GIFT_MM,
    DRUNK_MM, HOUR0,
) = range(water_filter.STATE_COLUMNS, water_filter.STATE_COLUMNS + 22)  # fmt: skip
STATE_COLUMNS = HOUR0 + 24
# What came in since the last step.
(DT_H, RATE_MM_H, RAIN_MM, THETA, GIVEN_L, HOUR, TODAY, AGE_D, DRAIN_L) = range(9)
INPUTS = 9

RATE_MAX_MM_H = 1.5
"""More than the sun can evaporate (1,000 W/m² is 1.47 mm/h): a reading beyond it is a fault."""
PLAIN_DAY_MM = 4.0
PROBE_SD = 0.02
PROBE_SUBSTRATE_SD = 0.008
PROBE_MOVES = 0.002
STUCK_THETA = 0.03
SETTLE_H = 3.0
SETTLE_SUBSTRATE_H = 0.5
VISIBLE_THETA = 0.012
FALL_THETA = 0.02
"""So far a probe must be reckoned to fall before its fall is compared: some times its noise."""
# Grades: 0 measured, 1 one input had a stand-in, 2 the zone's own past days, 3 a plain day.


@njit
def begin(s: Array, p: Array, theta: float) -> None:
    """Start a zone's memory from its first believed ``theta`` [m³/m³]; NaN: half of the readily available water gone.

    ``s`` (51,), ``p`` (18,): see the column names. Source: own rule.
    """
    s[:] = 0.0
    depth = 1000.0 * p[ROOT_M] * p[WETTED]
    taw = (p[FC] - p[WP]) * depth
    known = 0.0 <= theta <= 1.0
    s[water_filter.MEAN_MM] = min(max((p[FC] - theta) * depth, 0.0), taw) if known else 0.5 * p[P_TABLE] * taw
    s[water_filter.VAR_MM2] = (0.03 * depth) ** 2 if known else (0.3 * taw) ** 2
    # A substrate's capacity is what its own probe reads after draining; a field's comes from a table or another probe.
    s[water_filter.VAR_BIAS] = 2.5e-5 if p[SUBSTRATE] > 0.0 else 9e-4
    # the first reading is the whole knowledge: an error of the probe is an error of the depletion
    s[water_filter.COV] = s[water_filter.VAR_BIAS] * depth if known else 0.0
    s[SCALE] = 1.0
    s[REF_THETA], s[LAST_THETA], s[DAY], s[LAST_L] = math.nan, theta, -1.0, math.nan
    s[SINCE_GIFT_H], s[ET_DAY_MM] = SETTLE_H, PLAIN_DAY_MM
    s[DRAIN_SHARE] = s[SEEN_THETA] = s[PRE_THETA] = math.nan
    s[BEGUN] = 1.0
    s[HOUR0 : HOUR0 + 24] = math.nan


@njit
def available_mm(p: Array) -> float:
    """Return the water [mm] that roots can take between field capacity and wilting. Source: FAO-56 equation 82."""
    return float(1000.0 * (p[FC] - p[WP]) * p[ROOT_M] * p[WETTED])


@njit
def plain_rate_mm_h(hour: float) -> float:
    """Return a plain day's rate [mm/h] at ``hour`` [0..23, -1 unknown], all of it from 6 to 18 h. Source: own rule."""
    if hour < 0.0:
        return PLAIN_DAY_MM / 24.0
    return PLAIN_DAY_MM / 12.0 if 6.0 <= hour < 18.0 else 0.0


@njit
def crop_share(p: Array, age_d: float) -> float:
    """Return the crop's share [0..1.5] of its full evapotranspiration at ``age_d`` [d]; NaN age: full.

    Source: FAO-56 figure 25, as a share of Kcb mid.
    """
    if not age_d >= 0.0:
        return 1.0
    stages = (p[L_INI_D], p[L_DEV_D], p[L_MID_D], p[L_END_D])
    return float(max(stage_coefficient(age_d, p[KCB_INI], p[KCB_MID], p[KCB_END], stages) / p[KCB_MID], 0.25))


@njit
def rate_now_mm_h(s: Array, x: Array) -> tuple[float, float]:
    """Return the full crop's rate [mm/h] and its grade; learn the measured rate of this hour of the day.

    Source: own rule; the bound is the sun's.
    """
    hour = x[HOUR]
    at = HOUR0 + int(hour) if 0.0 <= hour < 24.0 else -1
    rate = x[RATE_MM_H]
    if 0.0 <= rate <= RATE_MAX_MM_H:
        if at >= 0:
            weight = min(0.3 * x[DT_H], 1.0)
            s[at] = rate if math.isnan(s[at]) else s[at] + weight * (rate - s[at])
        return float(rate), 0.0
    if at >= 0 and not math.isnan(s[at]):
        return float(s[at]), 2.0
    known, total = 0.0, 0.0
    for h in range(24):
        if not math.isnan(s[HOUR0 + h]):
            known += 1.0
            total += s[HOUR0 + h]
    if at < 0 and known == 24.0:
        return total / 24.0, 2.0
    return plain_rate_mm_h(hour), 3.0


@njit
def take_probe(s: Array, p: Array, x: Array, change_mm: float) -> bool:
    """Weigh the probe's reading; return whether it was believed. ``change_mm`` [mm]: what it should have seen.

    A probe that stands still while more than 0.03 m³/m³ should have come or gone is stuck. Source: ``water_filter``.
    """
    depth = 1000.0 * p[ROOT_M] * p[WETTED]
    theta = x[THETA]
    if not 0.0 <= theta <= 1.0:
        return False
    if not abs(theta - s[LAST_THETA]) <= PROBE_MOVES:
        s[LAST_THETA] = theta
        s[STILL_MM] = 0.0
    s[STILL_MM] += abs(change_mm)
    if s[STILL_MM] > STUCK_THETA * depth:
        return False
    s[SINCE_PROBE_H] += x[DT_H]
    if s[SINCE_PROBE_H] < 1.0:
        return True  # errors of one hour are the same error: it is weighed once
    s[SINCE_PROBE_H] = 0.0
    sd = PROBE_SUBSTRATE_SD if p[SUBSTRATE] > 0.0 else PROBE_SD
    return water_filter.correct(s, theta, p[FC], p[ROOT_M] * p[WETTED], available_mm(p), sd)


@njit
def learn_scale(s: Array, p: Array, x: Array, et_mm: float, believed: bool) -> None:
    """Learn how much faster or slower this crop drinks than reckoned, from how the probe falls between two gifts.

    Differences of one probe are free of its bias. ``et_mm`` [mm] of the step. Source: own rule, bounds 0.5..1.8.
    """
    if x[GIVEN_L] > 0.0 or x[RAIN_MM] > 0.2 or not believed:
        s[SINCE_GIFT_H] = 0.0 if believed else s[SINCE_GIFT_H]
        s[REF_THETA] = math.nan
        return
    s[SINCE_GIFT_H] += x[DT_H]
    if s[SINCE_GIFT_H] < (SETTLE_SUBSTRATE_H if p[SUBSTRATE] > 0.0 else SETTLE_H):
        return
    if p[SUBSTRATE] > 0.0 and x[THETA] > p[FC] - 0.003:
        return  # what falls there after a gift is drain as much as drink
    if math.isnan(s[REF_THETA]):
        s[REF_THETA], s[REF_ET_MM] = x[THETA], 0.0
        return
    s[REF_ET_MM] += et_mm
    depth = 1000.0 * p[ROOT_M] * p[WETTED]
    if s[REF_ET_MM] < FALL_THETA * depth:
        return
    seen = (s[REF_THETA] - x[THETA]) * depth / s[REF_ET_MM]
    s[SCALE] = min(max(s[SCALE] * (1.0 + 0.3 * (min(max(seen, 0.4), 2.0) - 1.0)), 0.5), 1.8)
    s[REF_THETA], s[REF_ET_MM] = x[THETA], 0.0


@njit
def learn_refill(s: Array, p: Array, x: Array, before_mm: float, gift_mm: float, et_mm: float, believed: bool) -> None:
    """Learn from what a gift put into the probe's reading: what did not stay has drained, what stayed was missing.

    ``before_mm`` [mm] depletion before the step, ``gift_mm`` and ``et_mm`` [mm] of the step. A gift that stayed whole
    or that no probe could see says nothing; one that drained shows how much the plants had really drunk.
    Source: own rule; differences are free of bias.
    """
    if gift_mm > 0.0:
        if s[GIFT_MM] == 0.0:
            s[PRE_THETA], s[PRE_MM], s[DRUNK_MM] = s[SEEN_THETA], before_mm, 0.0
        s[GIFT_MM] += gift_mm
    elif s[GIFT_MM] > 0.0 and s[SINCE_GIFT_H] >= SETTLE_H:
        depth = 1000.0 * p[ROOT_M] * p[WETTED]
        stayed = (x[THETA] - s[PRE_THETA]) * depth + s[DRUNK_MM] + et_mm if believed else math.nan
        if stayed >= 0.0 and s[GIFT_MM] >= VISIBLE_THETA * depth and p[SUBSTRATE] == 0.0:
            lost = min(max(1.0 - stayed / s[GIFT_MM], 0.0), 1.0)
            if not x[DRAIN_L] >= 0.0:
                s[DRAIN_SHARE] = lost if math.isnan(s[DRAIN_SHARE]) else 0.7 * s[DRAIN_SHARE] + 0.3 * lost
            if lost > 0.2 and s[PRE_MM] > 0.0:
                seen = min(max(stayed / s[PRE_MM], 0.4), 2.0)
                s[SCALE] = min(max(s[SCALE] * (1.0 + 0.3 * (seen - 1.0)), 0.5), 1.8)
            if lost > 0.6 and s[GIFT_MM] > 0.3 * s[PRE_MM]:
                # The probe did not rise: the roots were full whatever it says, so what it says beside that is its bias.
                s[water_filter.MEAN_MM] = min(s[water_filter.MEAN_MM], s[DRUNK_MM] + et_mm)
                s[water_filter.BIAS] = x[THETA] - p[FC] + s[water_filter.MEAN_MM] / depth
                s[water_filter.VAR_MM2] = (0.05 * available_mm(p)) ** 2
                s[water_filter.VAR_BIAS], s[water_filter.COV] = 4e-4, 0.0
        s[GIFT_MM] = 0.0
    s[DRUNK_MM] += et_mm
    if believed and s[GIFT_MM] == 0.0:
        s[SEEN_THETA] = x[THETA]


@njit
def advance(s: Array, p: Array, x: Array) -> float:
    """Let the zone live through one step; return the step's evapotranspiration [mm].

    ``x`` (9,): hours passed [h], full crop's rate [mm/h], rain [mm], water content [m³/m³], litres given, hour of the
    day [0..23, -1], local day [-1: unknown], crop age [d, NaN], litres drained; NaN: not known.
    Source: FAO-56 equations 84 and 85, sub-daily.
    """
    rate, grade = rate_now_mm_h(s, x)
    taw = available_mm(p)
    mean = s[water_filter.MEAN_MM]
    ks = min(max((taw - mean) / (taw * (1.0 - p[P_TABLE])), 0.0), 1.0)
    et = rate * x[DT_H] * crop_share(p, x[AGE_D]) * s[SCALE] * ks
    given = max(x[GIVEN_L], 0.0)
    rain = max(x[RAIN_MM], 0.0)
    gift = given * p[EFFICIENCY] / p[AREA_M2]
    left = mean + et - gift - rain
    drained = left < -0.02 * taw
    s[water_filter.MEAN_MM] = min(max(left, 0.0), taw)
    s[water_filter.VAR_MM2] += 0.0225 * et * max(s[ET_DAY_MM], 1.0) + 0.01 * gift * gift + 0.04 * rain * rain
    if drained:
        s[water_filter.VAR_MM2] = min(s[water_filter.VAR_MM2], (0.02 * taw) ** 2 + 0.1)
        s[water_filter.COV] = 0.0
    believed = take_probe(s, p, x, s[water_filter.MEAN_MM] - mean)
    learn_scale(s, p, x, et, believed)
    learn_refill(s, p, x, mean, gift, et, believed)
    s[GRADE] = max(grade, 0.0 if believed else 1.0)
    s[USED_L] += given
    if given > 0.0 and x[DRAIN_L] >= 0.0:
        share = min(x[DRAIN_L] / given, 1.0)
        s[DRAIN_SHARE] = share if math.isnan(s[DRAIN_SHARE]) else 0.7 * s[DRAIN_SHARE] + 0.3 * share
    _count_day(s, x, et)
    return float(et)


@njit
def _count_day(s: Array, x: Array, et_mm: float) -> None:
    if x[TODAY] >= 0.0 and x[TODAY] != s[DAY]:
        if s[DAY] >= 0.0 and s[HOURS_TODAY] >= 20.0:
            s[ET_DAY_MM] += 0.4 * (s[ET_TODAY_MM] * 24.0 / s[HOURS_TODAY] - s[ET_DAY_MM])
        s[DAY], s[ET_TODAY_MM], s[HOURS_TODAY] = x[TODAY], 0.0, 0.0
    s[ET_TODAY_MM] += et_mm
    s[HOURS_TODAY] += x[DT_H]


@njit
def allowed_mm(s: Array, p: Array, stage_share: float) -> float:
    """Return the depletion [mm] at which watering begins, less half a standard deviation of what is not known.

    ``stage_share`` [-]: the stage's share of the available water; 0: FAO-56 table 22, adjusted to the day's demand.
    Source: FAO-56 equation 83 and its footnote.
    """
    taw = available_mm(p)
    if p[SUBSTRATE] > 0.0:
        allowed = p[ALLOWED_SHARE] * taw
    elif stage_share > 0.0:
        allowed = stage_share * taw
    else:
        allowed = min(max(p[P_TABLE] + 0.04 * (5.0 - s[ET_DAY_MM]), 0.1), 0.8) * taw
    doubt = 0.5 * math.sqrt(max(s[water_filter.VAR_MM2], 0.0))
    return float(max(allowed - min(doubt, 0.5 * allowed), 0.0))


@njit
def drains_share(s: Array, p: Array, leaching: float) -> float:
    """Return the share [0..0.9] of a gift that shall pass the roots: ``leaching`` [0..0.9], in a substrate its target.

    The target is corrected by half of what the drain has missed it. Source: FAO-29 equation 9; own rule.
    """
    share = leaching
    if p[SUBSTRATE] > 0.0:
        share = p[DRAIN_TARGET]
        if s[DRAIN_SHARE] >= 0.0:
            share = min(max(p[DRAIN_TARGET] + 0.5 * (p[DRAIN_TARGET] - s[DRAIN_SHARE]), 0.0), 0.6)
    return float(share)


@njit
def gift_l(s: Array, p: Array, rain_mm: float, leaching: float) -> float:
    """Return the litres that refill the roots, less ``rain_mm`` [mm] to come, plus what shall drain.

    ``leaching`` [0..0.9]: see ``drains_share``. Source: FAO-56 equation 88.
    """
    need = max(s[water_filter.MEAN_MM] - max(rain_mm, 0.0), 0.0)
    return float(need / max(1.0 - drains_share(s, p, leaching), 0.1) * p[AREA_M2] / p[EFFICIENCY])


def warm_up() -> None:
    """Compile or load the entry kernels."""
    s, p, x = np.zeros(STATE_COLUMNS), np.ones(PARAMETERS), np.zeros(INPUTS)
    p[WP], p[P_TABLE], x[DT_H] = 0.5, 0.5, 0.1
    begin(s, p, 0.7)
    advance(s, p, x)
    allowed_mm(s, p, 0.0)
    gift_l(s, p, 0.0, 0.0)
