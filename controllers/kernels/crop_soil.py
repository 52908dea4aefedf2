# SPDX-License-Identifier: Apache-2.0
"""Water in a layered soil under a crop, day by day: runoff, infiltration, drainage, evaporation, uptake by roots.

Rule kept: AquaCrop's soil (Raes et al. 2009, doi:10.2134/agronj2008.0140s; reference manual chapter 3) without
groundwater, bunds and mulch; every mm that comes in is stored, drained, run off, evaporated or drunk.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels import crop_columns as k
from controllers.kernels.jit import njit

Array = NDArray[np.float64]

N = k.COMPARTMENTS
EVAPORATION_STEPS = 10
LAYER_MIN_M, LAYER_MAX_M = 0.15, 0.30
KEX, F_EVAPORATION, GROW_AT = 1.1, 4.0, 0.4
WITHERED_SHELTER = 0.5
CN_DEPTH_M, GERMINATION_M, GERMINATION_SHARE = 0.3, 0.3, 0.2
AIRLESS_D = 3.0


@njit
def root_water(x: Array, crop: Array) -> float:
    """Write the roots' depletion and available water [mm] into ``x``; return the depletion's share that is felt [-].

    Roots in wet topsoil feel no stress, however dry it is below them. Source: AquaCrop manual 3.2.1.
    """
    depth, above = x[k.ZR_M], 0.0
    short, span = 0.0, 0.0
    for i in range(N):
        if above >= depth - 1e-9:
            break
        share = min((depth - above) / crop[k.DZ_M + i], 1.0)
        mm = 1000.0 * share * crop[k.DZ_M + i]
        short += mm * (crop[k.FC + i] - x[k.THETA + i])
        span += mm * (crop[k.FC + i] - crop[k.WILT + i])
        above += crop[k.DZ_M + i]
    x[k.TAW_MM] = max(span, 1e-6)
    x[k.DR_MM] = min(short, x[k.TAW_MM])
    felt = x[k.DR_MM] / x[k.TAW_MM]
    top = (crop[k.FC] - x[k.THETA]) / (crop[k.FC] - crop[k.WILT])
    return float(min(felt, top, 1.0))


@njit
def set_depletion(x: Array, crop: Array, depletion_mm: float) -> None:
    """Make the roots' depletion ``depletion_mm`` [mm]: each compartment takes its share of what differs.

    Wetter: in proportion to what each lacks; drier: to what each still gives. Source: own rule.
    """
    root_water(x, crop)
    more = min(max(depletion_mm, 0.0), x[k.TAW_MM]) - max(x[k.DR_MM], 0.0)
    depth, above, room = x[k.ZR_M], 0.0, 0.0
    for step in range(2):
        above = 0.0
        for i in range(N):
            if above >= depth - 1e-9:
                break
            mm = 1000.0 * min(depth - above, crop[k.DZ_M + i])
            edge = crop[k.WILT + i] if more > 0.0 else crop[k.FC + i]
            gap = max((x[k.THETA + i] - edge) if more > 0.0 else (edge - x[k.THETA + i]), 0.0)
            if step == 0:
                room += mm * gap
            elif room > 1e-9:
                x[k.THETA + i] -= math.copysign(min(abs(more) / room, 1.0) * gap, more)
            above += crop[k.DZ_M + i]
    root_water(x, crop)


@njit
def _ability(theta: float, crop: Array, i: int) -> float:
    """Give the water content [m³/m³] that compartment ``i`` lets go in a day at ``theta``. Source: manual 3.7.1."""
    fc, sat = crop[k.FC + i], crop[k.SATURATED + i]
    if theta <= fc:
        return 0.0
    full = crop[k.TAU + i] * (sat - fc)
    gone = full if theta >= sat else full * (math.exp(theta - fc) - 1.0) / (math.exp(sat - fc) - 1.0)
    return float(min(gone, theta - fc))


@njit
def _carrying(rate: float, crop: Array, i: int) -> float:
    """Give the water content [m³/m³] at which compartment ``i`` lets ``rate`` [1/d] go. Source: manual 3.7.1."""
    fc, sat = crop[k.FC + i], crop[k.SATURATED + i]
    full = crop[k.TAU + i] * (sat - fc)
    if rate <= 0.0 or full <= 0.0:
        return float(fc)
    return float(min(fc + math.log(1.0 + rate * (math.exp(sat - fc) - 1.0) / full), sat))


@njit
def drain(x: Array, crop: Array) -> float:
    """Let water above field capacity sink; return what leaves the profile [mm]. Source: manual 3.7."""
    flow, above = 0.0, 0.0
    for i in range(N):
        dz = crop[k.DZ_M + i]
        mm = 1000.0 * dz
        theta = x[k.THETA + i]
        own = _ability(theta, crop, i)
        if flow <= own * 1000.0 * above + 1e-12:
            x[k.THETA + i] = theta - own
            flow += own * mm
        else:
            level = _carrying(flow / (1000.0 * above), crop, i)
            theta += flow / mm
            passed = 0.0
            if theta > level:
                passed = (theta - level) * mm
                theta = level
            own = _ability(theta, crop, i)
            theta -= own
            flow = passed + own * mm
            if theta > crop[k.SATURATED + i]:
                flow += (theta - crop[k.SATURATED + i]) * mm
                theta = crop[k.SATURATED + i]
            x[k.THETA + i] = theta
        above += dz
    return flow


@njit
def runoff_mm(x: Array, crop: Array, rain_mm: float) -> float:
    """Return the rain [mm] that runs off, by the curve number of a topsoil as wet as it is. Source: manual 3.6."""
    if rain_mm <= 0.0:
        return 0.0
    cn = crop[k.CN]
    low = 0.507 * cn - 0.00374 * cn * cn + 0.0000867 * cn * cn * cn
    high = 2.33 * cn - 0.0209 * cn * cn + 0.000076 * cn * cn * cn
    wet, depth, before = 0.0, 0.0, 0.0
    for i in range(N):
        depth = min(depth + crop[k.DZ_M + i], CN_DEPTH_M)
        weight = 1.016 * (1.0 - math.exp(-4.16 * depth / CN_DEPTH_M))
        held = max(x[k.THETA + i] - crop[k.WILT + i], 0.0) / (crop[k.FC + i] - crop[k.WILT + i])
        wet += (weight - before) * held
        before = weight
        if depth >= CN_DEPTH_M - 1e-9:
            break
    number = math.floor(low + 0.5) + (math.floor(high + 0.5) - math.floor(low + 0.5)) * min(max(wet, 0.0), 1.0)
    storage = 25400.0 / max(number, 1.0) - 254.0
    excess = rain_mm - 0.05 * storage
    return 0.0 if excess <= 0.0 else float(excess * excess / (rain_mm + 0.95 * storage))


@njit
def infiltrate(x: Array, crop: Array, water_mm: float) -> float:
    """Fill the profile from the top with ``water_mm`` [mm]; return what sinks through it. Source: manual 3.7.2."""
    left = min(water_mm, crop[k.KSAT_MM])
    for i in range(N):
        if left <= 0.0:
            break
        mm = 1000.0 * crop[k.DZ_M + i]
        room = _carrying(left / mm, crop, i) - x[k.THETA + i]
        if room > 0.0:
            taken = min(left, room * mm)
            x[k.THETA + i] += taken / mm
            left -= taken
    return float(max(left, 0.0))


@njit
def germinates(x: Array, crop: Array) -> bool:
    """Say whether the seedbed [0.3 m] is wet enough for seed to germinate. Source: manual 3.3.2."""
    held, span, above = 0.0, 0.0, 0.0
    for i in range(N):
        share = min(GERMINATION_M - above, crop[k.DZ_M + i])
        if share <= 1e-9:
            break
        held += share * (x[k.THETA + i] - crop[k.WILT + i])
        span += share * (crop[k.FC + i] - crop[k.WILT + i])
        above += crop[k.DZ_M + i]
    return bool(held >= GERMINATION_SHARE * span)


@njit
def _layer_mm(x: Array, crop: Array, depth_m: float) -> tuple[float, float, float, float]:
    """Give the water [mm] in the top ``depth_m`` at saturation, at field capacity, air-dry and now."""
    above, sat, fc, dry, now = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(N):
        mm = 1000.0 * min(depth_m - above, crop[k.DZ_M + i])
        if mm <= 1e-9:
            break
        sat += mm * crop[k.SATURATED + i]
        fc += mm * crop[k.FC + i]
        dry += mm * 0.5 * crop[k.WILT + i]
        now += mm * x[k.THETA + i]
        above += crop[k.DZ_M + i]
    return sat, fc, dry, max(now, 0.0)


@njit
def _take_from_top(x: Array, crop: Array, wanted_mm: float, depth_m: float) -> float:
    """Take ``wanted_mm`` out of the top ``depth_m``, from the top on; return what was there [mm]."""
    above, taken = 0.0, 0.0
    for i in range(N):
        share = min(depth_m - above, crop[k.DZ_M + i])
        if share <= 1e-9 or taken >= wanted_mm:
            break
        there = max(1000.0 * share * (x[k.THETA + i] - 0.5 * crop[k.WILT + i]), 0.0)
        part = min(there, wanted_mm - taken)
        x[k.THETA + i] -= part / (1000.0 * crop[k.DZ_M + i])
        taken += part
        above += crop[k.DZ_M + i]
    return taken


@njit
def _second_stage(x: Array, crop: Array) -> float:
    """Give the relative water of the layer at which the second stage of evaporation begins. Source: manual 3.9."""
    sat, fc, _, now = _layer_mm(x, crop, x[k.LAYER_M])
    ready = fc - crop[k.REW_MM]
    return float(max((now - ready) / (sat - ready), 0.0))


@njit
def begin_evaporation(x: Array, crop: Array) -> None:
    """Begin a season whose topsoil has dried: no water [mm] in its skin. Source: manual 3.9."""
    x[k.SKIN_MM], x[k.LAYER_M] = 0.0, LAYER_MIN_M
    x[k.SECOND] = _second_stage(x, crop)


@njit
def evaporate(x: Array, crop: Array, wanted_mm: float, wetted_mm: float) -> float:
    """Evaporate up to ``wanted_mm`` [mm] after ``wetted_mm`` has soaked in; return what went. Source: manual 3.9."""
    if wetted_mm > 0.0:
        x[k.SKIN_MM], x[k.SECOND], x[k.LAYER_M] = min(wetted_mm, crop[k.REW_MM]), 0.0, LAYER_MIN_M
    first = min(wanted_mm, x[k.SKIN_MM])
    gone = 0.0
    if first > 0.0:
        gone = _take_from_top(x, crop, first, LAYER_MIN_M)
        x[k.SKIN_MM] = x[k.SKIN_MM] - gone if gone >= first - 1e-4 else 0.0
        if x[k.SKIN_MM] < 1e-4:
            x[k.SKIN_MM] = 0.0
            x[k.SECOND] = _second_stage(x, crop)
    left = (wanted_mm - gone) / EVAPORATION_STEPS
    if left <= 0.0:
        return gone
    for _ in range(EVAPORATION_STEPS):
        sat, fc, dry, now = _layer_mm(x, crop, x[k.LAYER_M])
        upper = x[k.SECOND] * (sat - fc + crop[k.REW_MM]) + fc - crop[k.REW_MM]
        wet = (now - dry) / max(upper - dry, 1e-9)
        while x[k.LAYER_M] < LAYER_MAX_M and wet < GROW_AT * (LAYER_MAX_M - x[k.LAYER_M]) / (LAYER_MAX_M - LAYER_MIN_M):
            x[k.LAYER_M] += 0.001
            sat, fc, dry, now = _layer_mm(x, crop, x[k.LAYER_M])
            upper = x[k.SECOND] * (sat - fc + crop[k.REW_MM]) + fc - crop[k.REW_MM]
            wet = (now - dry) / max(upper - dry, 1e-9)
        rate = min((math.exp(F_EVAPORATION * wet) - 1.0) / (math.exp(F_EVAPORATION) - 1.0), 1.0)
        gone += _take_from_top(x, crop, rate * left, x[k.LAYER_M])
    return gone


@njit
def air(x: Array, crop: Array) -> float:
    """Return what want of air leaves of the roots' uptake [0..1] and count its days in ``x``. Source: manual 3.10.3."""
    depth, above, empty, room = x[k.ZR_M], 0.0, 0.0, crop[k.AIR]
    if room <= 0.0:
        return 1.0
    for i in range(N):
        share = min(depth - above, crop[k.DZ_M + i])
        if share <= 1e-9:
            break
        empty += share * (crop[k.SATURATED + i] - x[k.THETA + i])
        above += crop[k.DZ_M + i]
    left = empty / max(min(depth, above), 1e-9) / room
    if left >= 1.0:
        x[k.AIRLESS_D] = 0.0
        return 1.0
    days = x[k.AIRLESS_D]
    x[k.AIRLESS_D] = min(days + 1.0, AIRLESS_D)
    return float(max(left if days >= AIRLESS_D else 1.0 - days / AIRLESS_D * (1.0 - left), 0.0))


@njit
def _layer_air(x: Array, crop: Array, i: int) -> float:
    """Give what want of air leaves of layer ``i``'s uptake [0..1]; count its days. Source: manual 3.10.3."""
    empty = crop[k.SATURATED + i] - x[k.THETA + i]
    if empty >= crop[k.AIR] or crop[k.AIR] <= 0.0:
        x[k.LAYER_AIRLESS_D + i] = 0.0
        return 1.0
    days = min(x[k.LAYER_AIRLESS_D + i] + 1.0, AIRLESS_D)
    x[k.LAYER_AIRLESS_D + i] = days
    first = 0.0 if days >= AIRLESS_D else 1.0
    return float((first + (days - 1.0) * max(empty / crop[k.AIR], 0.0)) / (first + days - 1.0))


@njit
def drink(x: Array, crop: Array, wanted_mm: float, close_up: float) -> float:
    """Let roots take up to ``wanted_mm`` [mm], from the top on, each compartment as far as it gives; return it [mm].

    ``close_up`` [-]: the depletion at which a compartment's roots begin to close. Source: manual 3.10.
    """
    depth, above, taken = x[k.ZR_M], 0.0, 0.0
    bottom = crop[k.SINK_BOTTOM] * x[k.ROOT_DENSITY]
    upper = crop[k.SINK_TOP]
    for i in range(N):
        if above >= depth - 1e-9 or taken >= wanted_mm:
            break
        dz = crop[k.DZ_M + i]
        theta = x[k.THETA + i]
        lower = bottom + (crop[k.SINK_TOP] - bottom) * max((depth - above - dz) / depth, 0.0)
        sink = 0.5 * (upper + lower) * min((depth - above) / dz, 1.0)
        upper = lower
        gone = (crop[k.FC + i] - theta) / (crop[k.FC + i] - crop[k.WILT + i])
        if gone >= 1.0:
            sink = 0.0
        elif gone > close_up:
            relative = (gone - crop[k.P_CLOSE_UP]) / (crop[k.P_CLOSE_LOW] - crop[k.P_CLOSE_UP])
            sink *= min(answer(relative, crop[k.F_CLOSE]), _layer_air(x, crop, i))
        else:
            sink *= _layer_air(x, crop, i)
        sink = min(sink, (wanted_mm - taken) / (1000.0 * dz), max(theta - 0.5 * crop[k.WILT + i], 0.0))
        x[k.THETA + i] = theta - sink
        taken += sink * 1000.0 * dz
        above += dz
    return taken


@njit
def answer(relative: float, shape: float) -> float:
    """Return Ks [0..1] at a ``relative`` depletion [0..1], convex by ``shape`` [-]. Source: manual 3.2."""
    if relative <= 0.0:
        return 1.0
    if relative >= 1.0:
        return 0.0
    return 1.0 - (math.exp(relative * shape) - 1.0) / (math.exp(shape) - 1.0)


def warm_up() -> None:
    """Compile or load what sets a field's water by what the balance says."""
    x, crop = np.ones(k.STATE_COLUMNS), np.ones(k.CROP_COLUMNS)
    crop[k.WILT : k.SATURATED] = 0.5
    set_depletion(x, crop, 5.0)
