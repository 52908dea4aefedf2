# SPDX-License-Identifier: Apache-2.0
"""Feeding: how much of each stock goes into the flowing water, so that EC and pH at the drippers are the recipe's.

The rules it keeps. Dosing is proportional to the measured flow; without trusted flow nothing is asked for. What the
recipe needs is computed beforehand (strength of the stocks, raw water, carbonate balance), and the probes only correct
it: by at most half for EC, so that an empty tank cannot be hidden by the other one. The correction is an integral over
litres, not seconds: the water between injector and probe is a volume, so its delay in litres is the same at any flow.
GAIN gives a gain margin of 4.4 and more for every split of that volume into pipe and mixing chamber (docs/water.md).
Caps, two probes and locks are safety's; nothing here can pass them.

Tables: those of ``kernels.columns`` by their usual names, ``wp``/``ws`` zones, ``wlp``/``wls`` lines, ``fp``/``fs``
channels, ``rp`` recipes, ``parts`` [recipe, output], ``nut`` accounts, of ``kernels.water_columns``.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.kernels.jit import njit
from controllers.kernels.safety_lines import higher, lower

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GAIN = 0.35  # of the correction, per volume of pipe and mixing chamber
EC_TRIM_MOST = 0.5  # share of the computed dose that the probe may add or take
ACID_TRIM_MOST = 1.0  # share of the alkalinity
LEAST_RISE = 0.05  # mS/cm: less is not worth a dose
PK_CARBONIC = 6.35  # first dissociation of carbonic acid at 25 °C
LEAST_CARBON = 0.2  # mmol/L: even soft water has so much, and the control of pH would else have no scale
WINDOW = 1.5  # volumes of pipe and chamber after which a dose must be seen
EFFECT = 0.1  # mS/cm or pH
RIPPLE = 0.1  # of a dose: so much of what the mixing chamber needs may come in one stroke
ACID_FIRST = 0.6  # of the computed acid, for an alkalinity that was measured once; the pH probe asks for the rest
HELD = 0.3  # mS/cm or pH: as near to the recipe a dosing has its effect even if nothing moves


@njit
def bicarbonate_share(ph: float) -> float:
    """Give the share [0..1] of dissolved carbon that is bicarbonate at ``ph`` [pH], below pH 8.3.

    Source: Stumm and Morgan, Aquatic Chemistry (3rd ed.), 4.2; pK1 6.35 at 25 °C.
    """
    if not math.isfinite(ph):
        return math.nan
    return float(1.0 / (1.0 + 10.0 ** (PK_CARBONIC - min(max(ph, 0.0), 14.0))))


@njit
def acid_meq_l(ph_from: float, ph_to: float, carbon_mmol_l: float) -> float:
    """Give the acid [meq/L] that brings water with so much carbon from one pH to another, negative when it is lower.

    Closed system, no other buffer. Source: as ``bicarbonate_share``.
    """
    return carbon_mmol_l * (bicarbonate_share(ph_from) - bicarbonate_share(ph_to))


@njit
def corrected(trim: float, error: float, litres: float, volume_l: float, most: float) -> float:
    """Give the correction [-] after ``litres`` with an error of ``error`` [-], held within ``most``.

    Source: integral control of a dead time, Skogestad (2003), J. Process Control 13, 291-309; docs/water.md.
    """
    if not math.isfinite(error):
        return trim
    return min(max(trim + GAIN * error * litres / volume_l, -most), most)


@njit
def pulse(owed_ml: float, on: bool, ml_per_s: float, dt: float, cycle_ms: float, smooth_ml: float) -> bool:
    """Whether an injector that only switches is to run in the next tick, from what it owes [mL]. Times [ms].

    It runs from a quarter of a cycle's millilitres on, or ``smooth_ml`` where the chamber smooths less, until nothing
    is owed. Source: docs/water.md.
    """
    if on:
        return owed_ml > 0.5 * ml_per_s * dt / 1000.0
    return owed_ml >= max(min(0.25 * ml_per_s * cycle_ms / 1000.0, smooth_ml), ml_per_s * dt / 1000.0)


@njit
def mean_of(a: float, b: float) -> float:
    """Give the mean of two probes [their unit] of which either may be NaN. Source: docs/water.md."""
    return 0.5 * (lower(a, b) + higher(a, b))


@njit
def feed_of(line: int, zp: Floats, zs: Floats, os: Floats, wp: Floats, wlp: Floats) -> tuple[float, bool]:
    """Give the recipe of the zones that run on a line (-2 nobody, -1 plain) and whether all are at their rinse [L].

    Source: docs/water.md.
    """
    recipe, rinsing = -2.0, True
    for z in range(zp.shape[0]):
        if zs[z, c.R_RUNNING] > 0.0 and int(zp[z, c.Z_LINE]) == line:
            recipe = wp[z, w.P_RECIPE]
            left = zs[z, c.R_TARGET_L] - (os[int(zp[z, c.Z_VALVE]), c.S_TOTAL_L] - zs[z, c.R_START_L])
            rinsing = rinsing and left <= wlp[line, w.L_RINSE_L]
    return recipe, rinsing


@njit
def correct(line: int, litres: float, ec: float, ph: float, target_ec: float, target_ph: float, raw_ec: float,
            stopped: bool, wlp: Floats, wls: Floats) -> None:  # fmt: skip
    """Correct the doses by what the probes show [mS/cm, pH], once the new solution has reached them [L].

    Not while safety holds the dosing, and not upwards while the injectors give their most. Source: docs/water.md.
    """
    dead, mix = wlp[line, w.L_DEAD_L], wlp[line, w.L_MIX_L]
    if stopped or wls[line, w.S_FLOWED_L] <= dead + 2.0 * mix:
        return
    error = (target_ec - ec) / max(target_ec - raw_ec, LEAST_RISE)
    if wls[line, w.S_LIMITED] == 0.0 or error < 0.0:
        wls[line, w.S_EC_TRIM] = corrected(wls[line, w.S_EC_TRIM], error, litres, dead + mix, EC_TRIM_MOST)
    missing = acid_meq_l(ph, target_ph, 1.0)
    if wls[line, w.S_LIMITED] < 2.0 or missing < 0.0:
        wls[line, w.S_PH_TRIM] = corrected(wls[line, w.S_PH_TRIM], missing, litres, dead + mix, ACID_TRIM_MOST)


@njit
def set_rates(line: int, recipe: int, flow: float, raw_ec: float, wlp: Floats, wls: Floats, op: Floats, fp: Floats,
              fs: Floats, rp: Floats, parts: Floats, first: Ints, members: Ints) -> bool:  # fmt: skip
    """Write what each channel of a line is to give [mL/s] at this flow [L/min]; give whether anything is needed.

    All fertilisers are cut alike when one injector cannot follow, so that their proportion stays. S_LIMITED then is
    1, with the acid's injector at its most 2 is added. Source: docs/water.md.
    """
    rise = (rp[recipe, w.R_EC] - raw_ec) * (1.0 + wls[line, w.S_EC_TRIM])
    carbon = max(wlp[line, w.L_ALKALINITY] / bicarbonate_share(wlp[line, w.L_RAW_PH]), LEAST_CARBON)
    acid = ACID_FIRST * acid_meq_l(wlp[line, w.L_RAW_PH], rp[recipe, w.R_PH], carbon)
    acid += wls[line, w.S_PH_TRIM] * carbon
    strength = 0.0
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if fp[o, w.F_KIND] == w.FERTILISER:
            strength += parts[recipe, o] * fp[o, w.F_STRENGTH]
    ml_l = rise / strength if rise > LEAST_RISE and strength > 0.0 else 0.0
    cut, limited, needed = 1.0, 0.0, False
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if fp[o, w.F_KIND] == w.FERTILISER:
            fs[o, w.C_RATE] = ml_l * parts[recipe, o] * flow / 60.0
            if fs[o, w.C_RATE] > op[o, c.O_ML_S]:
                cut, limited = min(cut, op[o, c.O_ML_S] / fs[o, w.C_RATE]), 1.0
        elif fp[o, w.F_KIND] == w.ACID:
            asked = max(acid, 0.0) / fp[o, w.F_STRENGTH] * flow / 60.0
            fs[o, w.C_RATE] = min(asked, op[o, c.O_ML_S])
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if fp[o, w.F_KIND] == w.FERTILISER:
            fs[o, w.C_RATE] *= cut
        elif fp[o, w.F_KIND] == w.ACID and fs[o, w.C_RATE] >= op[o, c.O_ML_S]:
            limited += 2.0
        needed = needed or fs[o, w.C_RATE] > 0.0
    wls[line, w.S_LIMITED] = limited
    return needed


@njit
def gain(before: float, now: float, target: float) -> float:
    """Give by how much a value [mS/cm or pH] has come nearer to its target; without a target, by how much it moved.

    Source: docs/water.md.
    """
    if not math.isfinite(target):
        return abs(now - before)
    return abs(before - target) - abs(now - target)


@njit
def judge_effect(line: int, litres: float, dosing: bool, ec: float, ph: float, target_ec: float, target_ph: float,
                 tries: float, wlp: Floats, wls: Floats, ls: Floats) -> None:  # fmt: skip
    """Lock the dosing after ``tries`` windows of dosing in a row that neither held nor bettered EC [mS/cm] and pH.

    A window is so many litres that a dose must have reached the probes; whoever asked for the dose. Better means
    nearer to the recipe than ever since the last success: plain water that dips in at a start is no effect. Source:
    docs/safety.md (H5).
    """
    wls[line, w.S_DOSED] = 1.0 if dosing or wls[line, w.S_DOSED] > 0.0 else 0.0
    if not (litres > 0.0 and math.isfinite(ec) and math.isfinite(ph)):
        return
    wls[line, w.S_DOSED_L] += litres
    wls[line, w.S_SUM_EC] += litres * ec
    wls[line, w.S_SUM_PH] += litres * ph
    if wls[line, w.S_DOSED_L] < WINDOW * (wlp[line, w.L_DEAD_L] + wlp[line, w.L_MIX_L]):
        return
    ec, ph = wls[line, w.S_SUM_EC] / wls[line, w.S_DOSED_L], wls[line, w.S_SUM_PH] / wls[line, w.S_DOSED_L]
    held = abs(ec - target_ec) <= HELD and abs(ph - target_ph) <= HELD
    nearer = (
        gain(wls[line, w.S_REF_EC], ec, target_ec) >= EFFECT or gain(wls[line, w.S_REF_PH], ph, target_ph) >= EFFECT
    )
    if held or nearer:
        wls[line, w.S_IDLE_N] = 0.0
    elif wls[line, w.S_DOSED] > 0.0:
        wls[line, w.S_IDLE_N] += 1.0
    if held or nearer or not math.isfinite(target_ec) or not math.isfinite(wls[line, w.S_REF_EC]):
        wls[line, w.S_REF_EC], wls[line, w.S_REF_PH] = ec, ph
    if wls[line, w.S_IDLE_N] >= tries:
        ls[line, c.T_DOSE_LATCH] = codes.DOSE_INEFFECTIVE
        wls[line, w.S_IDLE_N] = 0.0
    wls[line, w.S_DOSED_L] = wls[line, w.S_DOSED] = wls[line, w.S_SUM_EC] = wls[line, w.S_SUM_PH] = 0.0


@njit
def drive(line: int, dt: float, code: float, feeding: bool, flow: float, wlp: Floats, wls: Floats, op: Floats,
          os: Floats, fp: Floats, fs: Floats, first: Ints, members: Ints, want: Floats,
          code_of: Floats) -> bool:  # fmt: skip
    """Turn the rates [mL/s] at this flow [L/min] into levels [0..1]; give whether a channel doses. ``dt`` [ms].

    Source: docs/water.md.
    """
    dosing = False
    wls[line, w.S_VETOED] = 0.0
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if op[o, c.O_KIND] != c.DOSER:
            continue
        on = os[o, c.S_LEVEL] > 0.0
        if fs[o, w.C_WANT] > 0.0 and not on:
            wls[line, w.S_VETOED] = 1.0
        fs[o, w.C_WANT] = 0.0
        dosing = dosing or on
        want[o] = 0.0
        code_of[o] = code
        if not feeding or fp[o, w.F_KIND] == 0.0:
            fs[o, w.C_OWED_ML] = fs[o, w.C_RATE] = 0.0
            if fp[o, w.F_KIND] == 0.0:
                code_of[o] = codes.DOSE_NOT_ASKED
            continue
        most = op[o, c.O_ML_S]
        owed = fs[o, w.C_OWED_ML] + (fs[o, w.C_RATE] - os[o, c.S_LEVEL] * most) * dt / 1000.0
        stock = 0.5 * most * max(wlp[line, w.L_CYCLE_MS], dt) / 1000.0
        fs[o, w.C_OWED_ML] = min(max(owed, -stock), stock)  # what safety forbade is not made up for
        if op[o, c.O_PROPORTIONAL] > 0.0:
            want[o] = min(fs[o, w.C_RATE] / most, 1.0)
        elif fs[o, w.C_RATE] > 0.0:
            smooth = RIPPLE * wlp[line, w.L_MIX_L] * fs[o, w.C_RATE] * 60.0 / flow
            want[o] = 1.0 if pulse(fs[o, w.C_OWED_ML], on, most, dt, wlp[line, w.L_CYCLE_MS], smooth) else 0.0
        fs[o, w.C_WANT] = want[o]
        if fs[o, w.C_RATE] <= 0.0:
            code_of[o] = codes.FEED_NOT_NEEDED
    return dosing


@njit
def feed_line(line: int, dt: float, tries: float, zp: Floats, zs: Floats, op: Floats, os: Floats, lines: Floats,
              lx: Floats, wp: Floats, wlp: Floats, wls: Floats, wlx: Floats, fp: Floats, fs: Floats, rp: Floats,
              parts: Floats, first: Ints, members: Ints, want: Floats, code_of: Floats) -> None:  # fmt: skip
    """Feed one line for one tick of ``dt`` [ms]; flow [L/min], EC [mS/cm]. Source: docs/water.md."""
    recipe, rinsing = feed_of(line, zp, zs, os, wp, wlp)
    flow = lx[line, c.X_FLOW]
    ec, ph = mean_of(lx[line, c.X_EC1], lx[line, c.X_EC2]), mean_of(lx[line, c.X_PH1], lx[line, c.X_PH2])
    litres = flow * dt / 60_000.0 if flow > 0.0 else 0.0
    feeding = recipe >= 0.0 and not rinsing and flow > 0.0 and lines[line, c.T_EXPECTED] > 0.0
    code, target_ec, target_ph = float(codes.DOSE_NOT_ASKED), math.nan, math.nan
    if recipe == -2.0:
        wls[line, w.S_FLOWED_L] = 0.0
    elif recipe == -1.0:
        code = float(codes.FEED_PLAIN)
    elif rinsing:
        code = float(codes.FEED_RINSE)
    elif not feeding:
        code = float(codes.FEED_WAITS_WATER)
    else:
        row = int(recipe)
        target_ec, target_ph = rp[row, w.R_EC], rp[row, w.R_PH]
        raw_ec = wlx[line, w.X_SOURCE_EC]
        if not math.isfinite(raw_ec):
            raw_ec = wlp[line, w.L_RAW_EC]
        wls[line, w.S_FLOWED_L] += litres
        stopped = bool(lines[line, c.T_DOSE_STOP] != 0.0 or wls[line, w.S_VETOED] > 0.0)
        correct(line, litres, ec, ph, target_ec, target_ph, raw_ec, stopped, wlp, wls)
        needed = set_rates(line, row, flow, raw_ec, wlp, wls, op, fp, fs, rp, parts, first, members)
        code = float(codes.FEED_DOSING if needed else codes.FEED_NOT_NEEDED)
        if needed and wls[line, w.S_LIMITED] > 0.0:
            code = float(codes.FEED_LIMITED)
    dosing = drive(line, dt, code, feeding, flow, wlp, wls, op, os, fp, fs, first, members, want, code_of)
    judge_effect(line, litres, dosing, ec, ph, target_ec, target_ph, tries, wlp, wls, lines)


@njit
def account(line: int, dt: float, reset: float, zp: Floats, op: Floats, os: Floats, lx: Floats, fp: Floats,
            nut: Floats, first: Ints, members: Ints) -> None:  # fmt: skip
    """Put what the injectors gave in ``dt`` [ms] into the accounts [g, mL, L] of the zones that took it, by flow.

    ``reset`` is the time [ms] at which the farm's day began; an account of another day starts anew. Source:
    docs/water.md.
    """
    total = 0.0
    for z in range(zp.shape[0]):
        if int(zp[z, c.Z_LINE]) == line:
            if nut[z, w.N_DAY] != reset:
                nut[z, :] = 0.0
                nut[z, w.N_DAY] = reset
            if os[int(zp[z, c.Z_VALVE]), c.S_LEVEL] > 0.0:
                total += zp[z, c.Z_FLOW]
    flow = lx[line, c.X_FLOW]
    if total <= 0.0:
        return
    for z in range(zp.shape[0]):
        if int(zp[z, c.Z_LINE]) != line or os[int(zp[z, c.Z_VALVE]), c.S_LEVEL] <= 0.0:
            continue
        share = zp[z, c.Z_FLOW] / total
        fed = 0.0
        for at in range(first[line], first[line + 1]):
            o = members[at]
            ml = os[o, c.S_LEVEL] * op[o, c.O_ML_S] * dt / 1000.0 * share if op[o, c.O_KIND] == c.DOSER else 0.0
            if ml > 0.0:
                nut[z, w.N_N] += ml * fp[o, w.F_N] / 1000.0
                nut[z, w.N_P] += ml * fp[o, w.F_P] / 1000.0
                nut[z, w.N_K] += ml * fp[o, w.F_K] / 1000.0
                nut[z, w.N_ACID_ML if fp[o, w.F_KIND] == w.ACID else w.N_STOCK_ML] += ml
                fed = 1.0
        ec = mean_of(lx[line, c.X_EC1], lx[line, c.X_EC2])
        litres = flow * dt / 60_000.0 * share if flow > 0.0 and math.isfinite(ec) else 0.0
        if fed > 0.0 or nut[z, w.N_FED_L] > 0.0:
            nut[z, w.N_FED_L] += litres
            nut[z, w.N_EC_L] += litres * ec if litres > 0.0 else 0.0


@njit
def feed(dt: float, tries: float, reset: float, zp: Floats, zs: Floats, op: Floats, os: Floats, lines: Floats,
         lx: Floats, wp: Floats, wlp: Floats, wls: Floats, wlx: Floats, fp: Floats, fs: Floats, rp: Floats,
         parts: Floats, nut: Floats, first: Ints, members: Ints, want: Floats, code_of: Floats) -> None:  # fmt: skip
    """Feed every line that has a dosing unit, for one tick of ``dt`` [ms]. Source: docs/water.md."""
    for line in range(wlp.shape[0]):
        if wlp[line, w.L_FEED] > 0.0:
            account(line, dt, reset, zp, op, os, lx, fp, nut, first, members)
            feed_line(line, dt, tries, zp, zs, op, os, lines, lx, wp, wlp, wls, wlx, fp, fs, rp, parts, first, members,
                      want, code_of)  # fmt: skip
