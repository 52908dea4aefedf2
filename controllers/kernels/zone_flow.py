# SPDX-License-Identifier: Apache-2.0
"""What flow each zone usually takes, learned from its waterings, and when that has changed: a leak or a clog.

The rules it keeps. One watering is one observation: the mean of the meter's readings after the pipes have filled. The
zone's mean and spread are its own, so no rated figure is needed. The test is a self-starting cumulative sum: with
nothing wrong it gives one false alarm in some 3,500 waterings of a zone (REACH, tests/controllers/kernels/
test_zone_flow.py), whatever the meter's noise, and one odd watering alone never alarms (CLIP). It only tells: what must
act within seconds is safety's (``kernels.safety_lines``).
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLACK = 0.5  # half the shift to be found, in standard deviations
REACH = 7.0  # the sum that alarms
CLIP = 3.0  # no watering counts for more standard deviations than this
LEARN_N = 5.0  # waterings before the first judgement
MEMORY_N = 200.0  # older waterings fade
LEAST_SPREAD = 0.005  # of the mean: a meter that shows whole steps has no spread of its own
SAMPLES_MIN = 3.0

NOTHING, FLUSH, MARK = 0.0, 1.0, 2.0


@njit
def to_normal(t: float, degrees: float) -> float:
    """Turn Student's t [-] with ``degrees`` of freedom (4 or more) into the normal deviate of the same probability.

    Good to 0.02 for |t| up to 10. Source: Wallace (1959), Ann. Math. Stat. 30(4), equation 2.
    """
    size = math.sqrt(degrees * math.log(1.0 + t * t / degrees)) * (8.0 * degrees + 1.0) / (8.0 * degrees + 3.0)
    return size if t >= 0.0 else -size


@njit
def judge(z: int, seen: float, ws: Floats) -> float:
    """Take one watering's flow [L/min] into account; give FLOW_HIGH, FLOW_LOW or 0. Lasting until ``relearn``.

    Source: self-starting CUSUM, Hawkins (1987), The Statistician 36, 299-316; Hawkins and Olwell (1998), chapter 7.
    """
    if not math.isfinite(seen):
        return float(ws[z, w.Z_VERDICT])
    n, mean = ws[z, w.Z_N], ws[z, w.Z_MEAN]
    ws[z, w.Z_LAST] = seen
    taken = seen
    if n >= LEARN_N:
        spread = max(math.sqrt(ws[z, w.Z_M2] / (n - 1.0)), LEAST_SPREAD * mean)
        score = to_normal((seen - mean) / spread * math.sqrt(n / (n + 1.0)), n - 1.0)
        score = min(max(score, -CLIP), CLIP)
        ws[z, w.Z_UP] = max(0.0, ws[z, w.Z_UP] + score - SLACK)
        ws[z, w.Z_DOWN] = max(0.0, ws[z, w.Z_DOWN] - score - SLACK)
        if ws[z, w.Z_VERDICT] == 0.0 and ws[z, w.Z_UP] > REACH:
            ws[z, w.Z_VERDICT] = codes.FLOW_HIGH
        if ws[z, w.Z_VERDICT] == 0.0 and ws[z, w.Z_DOWN] > REACH:
            ws[z, w.Z_VERDICT] = codes.FLOW_LOW
        taken = min(max(seen, mean - CLIP * spread), mean + CLIP * spread)
    if ws[z, w.Z_VERDICT] == 0.0:  # what is wrong must not become what is usual
        n = min(n + 1.0, MEMORY_N)
        off = taken - mean
        ws[z, w.Z_MEAN] = mean + off / n
        kept = 1.0 if n < MEMORY_N else 1.0 - 1.0 / n
        ws[z, w.Z_M2] = ws[z, w.Z_M2] * kept + off * (taken - ws[z, w.Z_MEAN])
        ws[z, w.Z_N] = n
    return float(ws[z, w.Z_VERDICT])


@njit
def relearn(z: int, ws: Floats) -> None:
    """Forget what was usual [L/min], after a person looked or changed the drippers. Source: docs/water.md."""
    ws[z, w.Z_N] = ws[z, w.Z_MEAN] = ws[z, w.Z_M2] = 0.0
    ws[z, w.Z_UP] = ws[z, w.Z_DOWN] = ws[z, w.Z_VERDICT] = 0.0


@njit
def uncertainty_l_min(z: int, ws: Floats) -> float:
    """Give the standard uncertainty of a zone's learned flow [L/min]; NaN before two waterings. Source: GUM 4.2.3."""
    n = ws[z, w.Z_N]
    return math.sqrt(ws[z, w.Z_M2] / (n - 1.0) / n) if n >= 2.0 else math.nan


@njit
def watch(now: float, lines: Floats, lp: Floats, lx: Floats, zp: Floats, os: Floats, ws: Floats, ls: Floats,
          wlp: Floats) -> None:  # fmt: skip
    """Gather the meter's readings of each watering and judge them when the set of open valves changes.

    ``lines``, ``lp``, ``lx``, ``zp`` and ``os`` are tables of ``kernels.columns``. Flow [L/min], times [ms]. With
    several zones open each is told its share by usual (else rated) flow. Source: docs/water.md.
    """
    marked = False
    for line in range(ls.shape[0]):
        ls[line, w.S_MARK] = NOTHING
        if lines[line, c.T_CHANGED] != ls[line, w.S_SET_AT]:
            if ls[line, w.S_SEEN_N] >= SAMPLES_MIN:
                ls[line, w.S_MARK] = FLUSH
            else:
                ls[line, w.S_SEEN_N] = 0.0
            ls[line, w.S_SET_AT] = lines[line, c.T_CHANGED]
        elif settled(line, now, lines, lp) and lx[line, c.X_FLOW_AT] > ls[line, w.S_SEEN_AT]:
            backwash = int(wlp[line, w.L_BACKWASH])
            if math.isfinite(lx[line, c.X_FLOW]) and not (backwash >= 0 and os[backwash, c.S_LEVEL] > 0.0):
                if ls[line, w.S_SEEN_N] == 0.0:
                    ls[line, w.S_MARK] = MARK
                    ls[line, w.S_SEEN_SUM] = 0.0
                ls[line, w.S_SEEN_N] += 1.0
                ls[line, w.S_SEEN_SUM] += lx[line, c.X_FLOW]
                ls[line, w.S_SEEN_AT] = lx[line, c.X_FLOW_AT]
        marked = marked or ls[line, w.S_MARK] != NOTHING
    if marked:
        share_out(zp, os, ws, ls)


@njit
def settled(line: int, now: float, lines: Floats, lp: Floats) -> bool:
    """Whether water is asked for and the pipes have had their time to fill [ms]. Source: docs/water.md."""
    if lines[line, c.T_EXPECTED] <= 0.0 or now - lines[line, c.T_CHANGED] < lp[line, c.L_FILL_DELAY_MS]:
        return False
    pumped = lines[line, c.T_PUMP] > 0.0 and now - lines[line, c.T_PUMP_SINCE] >= lp[line, c.L_FILL_DELAY_MS]
    return bool(lp[line, c.L_PUMP] < 0.0 or pumped)


@njit
def usual(z: int, zp: Floats, ws: Floats) -> float:
    """Give a zone's flow [L/min]: learned where there is enough of it, else rated. Source: docs/water.md."""
    return float(ws[z, w.Z_MEAN] if ws[z, w.Z_N] >= LEARN_N else zp[z, c.Z_FLOW])


@njit
def share_out(zp: Floats, os: Floats, ws: Floats, ls: Floats) -> None:
    """Note which zones the readings belong to, or give each its share [L/min] of them. Source: docs/water.md."""
    for line in range(ls.shape[0]):
        mark = ls[line, w.S_MARK]
        if mark == NOTHING:
            continue
        total = 0.0
        for z in range(zp.shape[0]):
            if int(zp[z, c.Z_LINE]) == line:
                if mark == MARK:
                    ws[z, w.Z_IN_SET] = 1.0 if os[int(zp[z, c.Z_VALVE]), c.S_LEVEL] > 0.0 else 0.0
                elif ws[z, w.Z_IN_SET] > 0.0:
                    total += usual(z, zp, ws)
        if mark == FLUSH:
            mean = ls[line, w.S_SEEN_SUM] / ls[line, w.S_SEEN_N]
            ls[line, w.S_SEEN_N] = 0.0
            for z in range(zp.shape[0]):
                if int(zp[z, c.Z_LINE]) == line and ws[z, w.Z_IN_SET] > 0.0:
                    ws[z, w.Z_IN_SET] = 0.0
                    judge(z, mean * usual(z, zp, ws) / total, ws)


def warm_up() -> None:
    """Compile or load what a person's reset of a zone calls: tables lie by columns, one of one row either way."""
    relearn(0, np.zeros((1, w.Z_WIDTH)))
    relearn(0, np.zeros((2, w.Z_WIDTH), order="F"))
