# SPDX-License-Identifier: Apache-2.0
"""Safety of water lines: what flow, pressure, current, levels and probes forbid (H1, H2, H3, H5, H6, H10).

The rule it keeps: total over every input. A value that is not trusted (NaN) can stop, never start. A latch (leak,
over-flow, three zones without flow, three dry runs, a probe out of water or two that differ for long, doses without
effect, a tank that would not fill) stays until a person resets it; the rest heals by itself. Bounds and sources:
docs/safety.md.

Arguments everywhere: ``now`` [ms, monotonic], ``g`` the farm's limits [G_*], and tables of one row per line:
``lp`` parameters [L_*], ``ls`` state [T_*], ``lx`` inputs [X_*]. The outputs of a line are
``members[first[line]:first[line + 1]]``.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAK_SETTLE_MS = 3_000.0  # a closing valve may still let water through so long
START_UP_MS = 3_000.0  # a motor's current is not judged before
LOST_MS = 2_000.0  # flow that stops in the middle of a run stops the pump after so long (H3: 5 s in all)
LOST_FRACTION = 0.1
NO_FLOW_ZONES = 3.0  # consecutive zones without flow stop the line (H2)
GOOD_RUN_MS = 60_000.0  # a run of so long forgives earlier dry runs
PROBE_JUDGE_MS = 10_000.0  # a probe out of water or two that differ for so long lock the dosing (H5, H6)
EFFECT = 0.1  # a dose must move EC [mS/cm] or pH by so much (H5)


@njit
def judge_flow(line: int, now: float, g: Floats, lp: Floats, ls: Floats, lx: Floats) -> None:
    """Find leak (H1), burst pipe and missing flow (H2) from a trusted flow [L/min] against the valves' rated flow.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    flow = lx[line, c.X_FLOW]
    expected = ls[line, c.T_EXPECTED]
    ls[line, c.T_BAD_VALVES] = 0.0
    fresh = lx[line, c.X_FLOW_AT] > ls[line, c.T_FLOW_AT]
    if fresh:
        ls[line, c.T_FLOW_AT] = lx[line, c.X_FLOW_AT]
    still = lx[line, c.X_FLOW_AT] - ls[line, c.T_CHANGED]  # so long had the valves stood when it was measured
    if not math.isfinite(flow):
        ls[line, c.T_LOW_SINCE] = math.inf
        return
    if expected <= 0.0:
        ls[line, c.T_LOW_SINCE] = math.inf
        ls[line, c.T_OVER_N] = 0.0
        if still >= LEAK_SETTLE_MS and fresh:
            ls[line, c.T_LEAK_N] = ls[line, c.T_LEAK_N] + 1.0 if flow > lp[line, c.L_LEAK] else 0.0
            if ls[line, c.T_LEAK_N] >= g[c.G_LEAK_SAMPLES]:
                ls[line, c.T_LATCH] = codes.LEAK
        return
    ls[line, c.T_LEAK_N] = 0.0
    if still < lp[line, c.L_FILL_DELAY_MS]:
        return
    if fresh:
        ls[line, c.T_OVER_N] = ls[line, c.T_OVER_N] + 1.0 if flow > lp[line, c.L_HIGH] * expected else 0.0
        if ls[line, c.T_OVER_N] >= g[c.G_LEAK_SAMPLES]:
            ls[line, c.T_LATCH] = codes.OVER_FLOW
    ran = lx[line, c.X_FLOW_AT] - ls[line, c.T_PUMP_SINCE]
    if lp[line, c.L_PUMP] >= 0.0 and (ls[line, c.T_PUMP] == 0.0 or ran < lp[line, c.L_FILL_DELAY_MS]):
        ls[line, c.T_LOW_SINCE] = math.inf  # a sample from before this run, or of pipes that fill, proves nothing of it
        return
    judge_low_flow(line, now, g, ls, flow < lp[line, c.L_LOW] * expected)


@njit
def judge_low_flow(line: int, now: float, g: Floats, ls: Floats, low: bool) -> None:
    """Mark the open valves as bad when flow, measured with the pipes full and the pump running, stays low (H2).

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    if not low:
        ls[line, c.T_LOW_SINCE] = math.inf
        ls[line, c.T_NO_FLOW_N] = 0.0
        ls[line, c.T_FLOW_SEEN] = 1.0
        return
    if ls[line, c.T_LOW_SINCE] == math.inf:
        ls[line, c.T_LOW_SINCE] = now
    if now - ls[line, c.T_LOW_SINCE] >= g[c.G_FLOW_JUDGE]:
        ls[line, c.T_LOW_SINCE] = math.inf
        ls[line, c.T_BAD_VALVES] = 1.0
        ls[line, c.T_NO_FLOW_N] += 1.0
        if ls[line, c.T_NO_FLOW_N] >= NO_FLOW_ZONES:
            ls[line, c.T_LATCH] = codes.NO_FLOW_STOP


@njit
def pump_is_dry(line: int, now: float, lp: Floats, ls: Floats, lx: Floats) -> bool:
    """Whether a running pump lacks water: by motor current, pressure, tank level, or flow that vanished (H3).

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    on_for = now - ls[line, c.T_PUMP_SINCE]
    if lx[line, c.X_CURRENT] < lp[line, c.L_DRY_A] and on_for >= START_UP_MS:
        return True
    if lx[line, c.X_PRESSURE] < lp[line, c.L_DRY_KPA] and on_for >= lp[line, c.L_FILL_DELAY_MS]:
        return True
    if lx[line, c.X_LEVEL] < lp[line, c.L_TANK_LOW]:
        return True
    gone = ls[line, c.T_FLOW_SEEN] > 0.0 and lx[line, c.X_FLOW] < LOST_FRACTION * ls[line, c.T_EXPECTED]
    if not gone:
        ls[line, c.T_LOST_SINCE] = math.inf
        return False
    if ls[line, c.T_LOST_SINCE] == math.inf:
        ls[line, c.T_LOST_SINCE] = now
    return bool(now - ls[line, c.T_LOST_SINCE] >= LOST_MS)


@njit
def judge_pump(line: int, now: float, g: Floats, lp: Floats, ls: Floats, lx: Floats) -> None:
    """Lock the pump out after a dry run or too much pressure (H3, H4); after so many tries a person must come.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    if ls[line, c.T_PUMP] == 0.0:
        ls[line, c.T_LOST_SINCE] = math.inf
        return
    cause = 0.0
    if lx[line, c.X_PRESSURE] > lp[line, c.L_PRESSURE_MAX]:
        cause = float(codes.PRESSURE)
    elif pump_is_dry(line, now, lp, ls, lx):
        cause = float(codes.DRY_RUN)
    if cause == 0.0:
        if now - ls[line, c.T_PUMP_SINCE] >= lp[line, c.L_FILL_DELAY_MS] + GOOD_RUN_MS:
            ls[line, c.T_DRY_N] = 0.0
        return
    ls[line, c.T_LOST_SINCE] = math.inf
    ls[line, c.T_DRY_CODE] = cause
    ls[line, c.T_DRY_UNTIL] = now + g[c.G_DRY_LOCKOUT]
    ls[line, c.T_DRY_N] += 1.0
    if ls[line, c.T_DRY_N] >= g[c.G_DRY_TRIES]:
        ls[line, c.T_LATCH] = codes.DRY_RUN_STOP


@njit
def line_stop(line: int, now: float, lp: Floats, ls: Floats, lx: Floats) -> float:
    """Give the code that keeps the whole line shut now, 0 when none does.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    if ls[line, c.T_LATCH] != 0.0:
        return float(ls[line, c.T_LATCH])
    if now < ls[line, c.T_DRY_UNTIL]:
        return float(ls[line, c.T_DRY_CODE])
    if lp[line, c.L_PUMP] >= 0.0 and lp[line, c.L_HAS_LEVEL] > 0.0:
        if lx[line, c.X_LEVEL] < lp[line, c.L_TANK_LOW]:
            return float(codes.TANK_LOW)
        guarded = (
            math.isfinite(lx[line, c.X_FLOW])
            or (lp[line, c.L_DRY_A] > 0.0 and math.isfinite(lx[line, c.X_CURRENT]))
            or (lp[line, c.L_DRY_KPA] > 0.0 and math.isfinite(lx[line, c.X_PRESSURE]))
        )
        if not math.isfinite(lx[line, c.X_LEVEL]) and not guarded:
            return float(codes.TANK_BLIND)
    return 0.0


@njit
def judge_tank(line: int, now: float, lp: Floats, ls: Floats, lx: Floats, os: Floats) -> None:
    """Forbid filling when the tank is full, its sensors are lost, or filling takes too long (H10).

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    full = lx[line, c.X_FLOAT] >= 0.5
    has_level = lp[line, c.L_HAS_LEVEL] > 0.0
    has_float = lp[line, c.L_HAS_FLOAT] > 0.0
    fill = int(lp[line, c.L_FILL])
    if full and has_level:  # the level sensor should have stopped it long before
        ls[line, c.T_FILL_LATCH] = codes.TANK_FLOAT
    if fill >= 0 and os[fill, c.S_LEVEL] > 0.0 and now - os[fill, c.S_SINCE] >= lp[line, c.L_FILL_MAX_MS]:
        ls[line, c.T_FILL_LATCH] = codes.FILL_TIME
    stop = ls[line, c.T_FILL_LATCH]
    if stop == 0.0:
        if full or (has_float and not math.isfinite(lx[line, c.X_FLOAT])):
            stop = float(codes.TANK_FLOAT if full else codes.TANK_BLIND)
        elif lx[line, c.X_LEVEL] >= lp[line, c.L_TANK_HIGH]:
            stop = float(codes.TANK_HIGH)
        elif not has_float and not math.isfinite(lx[line, c.X_LEVEL]):
            stop = float(codes.TANK_BLIND)
    ls[line, c.T_FILL_STOP] = stop


@njit
def lower(a: float, b: float) -> float:
    """Give the smaller of two values of which either may be NaN; NaN when both are.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    return a if a <= b or not math.isfinite(b) else b


@njit
def higher(a: float, b: float) -> float:
    """Give the greater of two values of which either may be NaN; NaN when both are.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    return a if a >= b or not math.isfinite(b) else b


@njit
def lasting(since: float, now: float, bad: bool) -> float:
    """Give since when something has been bad: ``since`` or ``now``, inf when it is not.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    if not bad:
        return math.inf
    return now if since == math.inf else since


@njit
def judge_probes(line: int, now: float, g: Floats, lp: Floats, ls: Floats, lx: Floats) -> float:
    """Give why the solution's probes forbid dosing now, 0 when they do not; latch what lasts (H5, H6).

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    ec_low, ec_high = lower(lx[line, c.X_EC1], lx[line, c.X_EC2]), higher(lx[line, c.X_EC1], lx[line, c.X_EC2])
    ph_low, ph_high = lower(lx[line, c.X_PH1], lx[line, c.X_PH2]), higher(lx[line, c.X_PH1], lx[line, c.X_PH2])
    dry = ec_low < g[c.G_PROBE_DRY]
    differ = ec_high - ec_low > g[c.G_DIFFER_EC] or ph_high - ph_low > g[c.G_DIFFER_PH]
    ls[line, c.T_PROBE_DRY_SINCE] = lasting(ls[line, c.T_PROBE_DRY_SINCE], now, dry)
    ls[line, c.T_DIFFER_SINCE] = lasting(ls[line, c.T_DIFFER_SINCE], now, differ)
    if now - ls[line, c.T_PROBE_DRY_SINCE] >= PROBE_JUDGE_MS:
        ls[line, c.T_DOSE_LATCH] = codes.PROBE_DRY
    if now - ls[line, c.T_DIFFER_SINCE] >= PROBE_JUDGE_MS:
        ls[line, c.T_DOSE_LATCH] = codes.PROBES_DIFFER
    if dry:
        return float(codes.PROBE_DRY)
    if differ:
        return float(codes.PROBES_DIFFER)
    if (lp[line, c.L_HAS_EC] > 0.0 and not math.isfinite(ec_high)) or (
        lp[line, c.L_HAS_PH] > 0.0 and not math.isfinite(ph_high)
    ):
        return float(codes.PROBE_LOST)
    # Raw water above the limit of pH is what a unit's acid is for; that it has no effect is counted there.
    basic = ph_high > lp[line, c.L_PH_MAX] and lp[line, c.L_FED] == 0.0
    if ec_high > lp[line, c.L_EC_MAX] or ph_low < lp[line, c.L_PH_MIN] or basic:
        return float(codes.SOLUTION_LIMIT)
    return 0.0


@njit
def count_doses(line: int, dosing: bool, g: Floats, ls: Floats, ec: float, ph: float) -> None:
    """Latch the dosing after so many doses in a row that moved neither EC nor pH (H5).

    For injectors that a person or a rule of the farm switches; a dosing unit's strokes are counted by
    ``kernels.fertigation.judge_effect``, in windows of what its pipe and chamber hold.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    ended = ls[line, c.T_DOSING] > 0.0 and not dosing
    ls[line, c.T_DOSING] = 1.0 if dosing else 0.0
    if not ended:
        return
    moved = abs(ec - ls[line, c.T_REF_EC]) >= EFFECT or abs(ph - ls[line, c.T_REF_PH]) >= EFFECT
    first = not math.isfinite(ls[line, c.T_REF_EC]) and not math.isfinite(ls[line, c.T_REF_PH])
    if moved or first:
        ls[line, c.T_REF_EC] = ec
        ls[line, c.T_REF_PH] = ph
        ls[line, c.T_DOSE_N] = 0.0
    ls[line, c.T_DOSE_N] += 1.0
    if ls[line, c.T_DOSE_N] >= g[c.G_DOSE_TRIES]:
        ls[line, c.T_DOSE_LATCH] = codes.DOSE_INEFFECTIVE


@njit
def judge_dosing(
    line: int,
    now: float,
    g: Floats,
    lp: Floats,
    ls: Floats,
    lx: Floats,
    op: Floats,
    os: Floats,
    first: Ints,
    members: Ints,
) -> None:
    """Forbid dosing without flowing water or without two eyes on EC and pH (H5, H6).

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    dosing = False
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if op[o, c.O_KIND] == c.DOSER and os[o, c.S_LEVEL] > 0.0:
            dosing = True
    if lp[line, c.L_FED] == 0.0:
        ec, ph = higher(lx[line, c.X_EC1], lx[line, c.X_EC2]), higher(lx[line, c.X_PH1], lx[line, c.X_PH2])
        count_doses(line, dosing, g, ls, ec, ph)
    expected = ls[line, c.T_EXPECTED]
    wet = (
        expected > 0.0
        and lx[line, c.X_FLOW] >= lp[line, c.L_LOW] * expected
        and now - ls[line, c.T_CHANGED] >= lp[line, c.L_FILL_DELAY_MS]
    )
    if wet:
        stop = judge_probes(line, now, g, lp, ls, lx)
    else:  # without water a probe may be dry and two may differ
        ls[line, c.T_PROBE_DRY_SINCE] = math.inf
        ls[line, c.T_DIFFER_SINCE] = math.inf
        stop = float(codes.DOSE_NO_WATER)
    ls[line, c.T_DOSE_STOP] = stop if ls[line, c.T_DOSE_LATCH] == 0.0 else ls[line, c.T_DOSE_LATCH]


@njit
def judge_lines(
    now: float, g: Floats, lp: Floats, ls: Floats, lx: Floats, op: Floats, os: Floats, first: Ints, members: Ints
) -> None:
    """Judge every line once a tick: T_STOP, T_FILL_STOP, T_DOSE_STOP and T_BAD_VALVES then say what is forbidden.

    Times [ms], flow [L/min], pressure [kPa], EC [mS/cm]. Source: docs/safety.md (H1 to H6, H10).
    """
    for line in range(lp.shape[0]):
        judge_flow(line, now, g, lp, ls, lx)
        judge_pump(line, now, g, lp, ls, lx)
        ls[line, c.T_STOP] = line_stop(line, now, lp, ls, lx)
        judge_tank(line, now, lp, ls, lx, os)
        judge_dosing(line, now, g, lp, ls, lx, op, os, first, members)
