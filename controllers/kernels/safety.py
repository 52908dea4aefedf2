# SPDX-License-Identifier: Apache-2.0
"""The safety gate: turns what is wanted of every output into what is allowed, and says which limit bound.

The rules it keeps. Total: any float in any input, nothing raised, every output answered with a level in [0, 1].
Last: nothing stands between it and the gate of commands. NaN never opens anything. Hazards force, limits forbid;
later steps win over earlier ones: hazard of the house, storm, water line, limits of the output itself, maintenance,
mains, start-up, emergency stop, interlock of pump and valves. Times are ms of the monotonic clock.

Tables (columns in ``controllers.kernels.columns``): ``op``/``os``/``ds`` outputs, ``lp``/``ls``/``lx`` lines,
``hp``/``hs``/``hx`` houses, ``f`` the farm's state, ``g`` its limits. ``want``, ``ask`` [ASK_*], ``maintained`` and
``feedback`` (NaN: cannot tell) have one entry per output; ``allowed`` and ``limit`` (a code of ``kernels.codes``) are
written.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.interlock import commit, interlock
from controllers.kernels.jit import njit
from controllers.kernels.safety_houses import judge_houses
from controllers.kernels.safety_lines import judge_lines

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY_GUARD_MS = 20 * 3_600_000.0  # a day's count starts anew with the date, but never sooner than this (H12)
DAY_LONGEST_MS = 30 * 3_600_000.0  # and by itself after this, when the clock tells no date
ODD_MS = 5_000.0  # feedback may contradict a command for so long (H1, H7)
LONGEST_TICK_MS = 600_000.0  # a longer pause counts as this: every lease was over long before
TRIP_REST_MS = 300_000.0  # after its maximum on time a climate output rests at least so long


@njit
def scrub(table: Floats) -> None:
    """Turn every infinite input into NaN, so that one test finds all that is no number.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            if not math.isfinite(table[i, j]):
                table[i, j] = math.nan


@njit
def ring_sum(ds: Floats, o: int, first: int, bins: int) -> float:
    """Sum the bins of one ring of amounts.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    total = 0.0
    for i in range(bins):
        total += ds[o, first + 1 + i]
    return total


@njit
def ring_turn(ds: Floats, o: int, first: int, bins: int, bin_ms: float, now: float) -> int:
    """Empty the bins that are older than the ring is long; return the column of the present bin.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    number = math.floor(now / bin_ms)
    last = ds[o, first]
    steps = min(max(number - last, 0.0), float(bins))
    for i in range(int(steps)):
        ds[o, first + 1 + int((number - i) % bins)] = 0.0
    ds[o, first] = max(number, last)
    return first + 1 + int(ds[o, first] % bins)


@njit
def new_day(now: float, day: float, minute: float, f: Floats, os: Floats) -> None:
    """Start the day's counts anew with the local date (``day`` NaN: clock not trusted), never sooner than in 20 h.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    trusted = math.isfinite(day)
    since = now - f[c.F_DAY_RESET]
    if not ((trusted and day != f[c.F_DAY] and since >= DAY_GUARD_MS) or since >= DAY_LONGEST_MS):
        return
    first = not math.isfinite(f[c.F_DAY_RESET])
    f[c.F_DAY_RESET] = now - (minute * 60_000.0 if first and trusted else 0.0)
    if trusted:
        f[c.F_DAY] = day
    for o in range(os.shape[0]):
        os[o, c.S_DAY_ON_MS] = 0.0
        os[o, c.S_DAY_L] = 0.0


@njit
def account(
    dt: float, now: float, op: Floats, os: Floats, ds: Floats, lp: Floats, ls: Floats, lx: Floats
) -> None:  # fmt: skip
    """Add what the last tick's levels did in ``dt`` [ms]: time on, litres (metered, else rated), millilitres dosed.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    for o in range(op.shape[0]):
        kind = op[o, c.O_KIND]
        level = os[o, c.S_LEVEL]
        if kind == c.DOSER:
            ml = level * op[o, c.O_ML_S] * dt / 1000.0
            os[o, c.S_EVENT_ML] += ml
            ds[o, ring_turn(ds, o, c.D_HOUR, c.HOUR_BINS, c.HOUR_BIN_MS, now)] += ml
            ds[o, ring_turn(ds, o, c.D_DAY, c.DAY_BINS, c.DAY_BIN_MS, now)] += ml
        if level <= 0.0:
            continue
        os[o, c.S_DAY_ON_MS] += dt
        line = int(op[o, c.O_LINE])
        if kind == c.VALVE and line >= 0 and ls[line, c.T_EXPECTED] > 0.0:
            flow = lx[line, c.X_FLOW]
            if not math.isfinite(flow):
                flow = ls[line, c.T_EXPECTED] if lp[line, c.L_PUMP] < 0.0 or ls[line, c.T_PUMP] > 0.0 else 0.0
            litres = max(flow, 0.0) * op[o, c.O_FLOW_L_MIN] * level / ls[line, c.T_EXPECTED] * dt / 60_000.0
            os[o, c.S_DAY_L] += litres
            os[o, c.S_TOTAL_L] += litres


@njit
def house_force(house: int, o: int, op: Floats, hs: Floats) -> tuple[float, float]:
    """Give the level that a hazard of the house forces on an output and its code; (NaN, 0) when it is free.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    hazard = hs[house, c.U_HAZARD]
    level = math.nan
    if hazard == codes.HEAT:
        level = op[o, c.O_HEAT]
    elif hazard == codes.FROST:
        level = op[o, c.O_FROST]
    elif hazard == codes.BLIND:
        level = op[o, c.O_BLIND]
    elif hazard == codes.BLIND_COLD:
        level = op[o, c.O_BLIND_COLD]
    if hs[house, c.U_STORM] != 0.0 and math.isfinite(op[o, c.O_STORM]):
        return op[o, c.O_STORM], hs[house, c.U_STORM]
    return level, hazard if math.isfinite(level) else 0.0


@njit
def line_veto(o: int, dt: float, now: float, g: Floats, op: Floats, os: Floats, ls: Floats) -> float:
    """Give the code by which the water line or a day's water forbids an output, 0 when it may run.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    kind = op[o, c.O_KIND]
    line = int(op[o, c.O_LINE])
    if line < 0:
        return 0.0
    if kind == c.FILL:
        return float(ls[line, c.T_FILL_STOP])
    if ls[line, c.T_STOP] != 0.0:
        return float(ls[line, c.T_STOP])
    if kind == c.DOSER:
        return float(ls[line, c.T_DOSE_STOP])
    if kind != c.VALVE:
        return 0.0
    if os[o, c.S_LEVEL] > 0.0 and ls[line, c.T_BAD_VALVES] > 0.0:
        os[o, c.S_FAULT_UNTIL] = now + g[c.G_FAULT_REST]
    if now < os[o, c.S_FAULT_UNTIL]:
        return float(codes.NO_FLOW)
    if ls[line, c.T_SALT] > op[o, c.O_SALT]:
        return float(codes.SALT)
    ahead_l = op[o, c.O_FLOW_L_MIN] * dt / 60_000.0
    return float(codes.DAILY_WATER) if os[o, c.S_DAY_L] + ahead_l > op[o, c.O_CAP_L] else 0.0


@njit
def dose_veto(o: int, dt: float, op: Floats, os: Floats, ds: Floats) -> float:
    """Give the dose cap that the next tick would pass, 0 when none (H5: per event, hour and day).

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    if op[o, c.O_KIND] != c.DOSER:
        return 0.0
    ahead_ml = op[o, c.O_ML_S] * dt / 1000.0
    if os[o, c.S_EVENT_ML] + ahead_ml > op[o, c.O_EVENT_ML]:
        return float(codes.DOSE_EVENT)
    if ring_sum(ds, o, c.D_HOUR, c.HOUR_BINS) + ahead_ml > op[o, c.O_HOUR_ML]:
        return float(codes.DOSE_HOUR)
    return float(codes.DOSE_DAY) if ring_sum(ds, o, c.D_DAY, c.DAY_BINS) + ahead_ml > op[o, c.O_DAY_ML] else 0.0


@njit
def time_veto(o: int, now: float, wanted: bool, op: Floats, os: Floats) -> float:
    """Give the limit of the output's own times that forbids it to be on, 0 when none does.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    on = os[o, c.S_LEVEL] > 0.0
    stood = now - os[o, c.S_SINCE]
    kind = op[o, c.O_KIND]
    water = kind in (c.VALVE, c.PUMP, c.MASTER, c.FILL, c.DOSER, c.FOGGER)
    if not wanted or (not water and not on and stood >= TRIP_REST_MS):
        os[o, c.S_TRIPPED] = 0.0
    if on and op[o, c.O_MAX_ON_MS] > 0.0 and stood >= op[o, c.O_MAX_ON_MS]:
        os[o, c.S_TRIPPED] = 1.0
    if os[o, c.S_TRIPPED] > 0.0:
        return float(codes.MAX_ON)
    if op[o, c.O_DAY_ON_MS] > 0.0 and os[o, c.S_DAY_ON_MS] >= op[o, c.O_DAY_ON_MS]:
        return float(codes.DAILY_ON)
    if not on and stood < op[o, c.O_MIN_OFF_MS]:
        return float(codes.MIN_OFF)
    return 0.0


@njit
def start_veto(o: int, now: float, g: Floats, op: Floats, os: Floats, f: Floats) -> float:
    """Give the code that keeps an output off after a start (H22) or while mains is away and just after, else 0.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    if now - f[c.F_BOOT] < g[c.G_BOOT_HOLD] and op[o, c.O_KIND] != c.SIREN:
        return float(codes.BOOT_HOLD)
    if op[o, c.O_MAINS] > 0.0:
        if f[c.F_MAINS_OFF] > 0.0:
            return float(codes.MAINS)
        wait = g[c.G_RESTART_SETTLE] + op[o, c.O_RANK] * g[c.G_RESTART_STAGGER]
        if os[o, c.S_LEVEL] <= 0.0 and now - f[c.F_MAINS_SINCE] < wait:
            return float(codes.RESTART_ORDER)
    return 0.0


@njit
def judge_feedback(now: float, op: Floats, os: Floats, ls: Floats, feedback: Floats) -> None:
    """Find switches that do not do what they were told; one of water that stays on latches its line (H1).

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    for o in range(op.shape[0]):
        told = os[o, c.S_LEVEL] > 0.0
        does = feedback[o]
        odd = math.isfinite(does) and op[o, c.O_PROPORTIONAL] == 0.0 and (does >= 0.5) != told
        if not odd:
            os[o, c.S_ODD_SINCE] = math.inf
            os[o, c.S_ODD] = 0.0
            continue
        os[o, c.S_ODD_SINCE] = min(os[o, c.S_ODD_SINCE], now)
        if now - max(os[o, c.S_ODD_SINCE], os[o, c.S_SINCE]) >= ODD_MS:
            os[o, c.S_ODD] = codes.NO_RESPONSE if told else codes.STUCK_ON
            line = int(op[o, c.O_LINE])
            if not told and line >= 0 and op[o, c.O_KIND] in (c.VALVE, c.PUMP, c.MASTER):
                ls[line, c.T_LATCH] = codes.STUCK_ON


@njit
def judge_mains(now: float, mains: float, g: Floats, f: Floats) -> None:
    """Follow the mains voltage [V]; NaN changes nothing, for a silent meter is no proof of either.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    if mains < g[c.G_MAINS_MIN]:
        f[c.F_MAINS_OFF] = 1.0
    elif mains >= g[c.G_MAINS_MIN] and f[c.F_MAINS_OFF] > 0.0:
        f[c.F_MAINS_OFF] = 0.0
        f[c.F_MAINS_SINCE] = now


@njit
def unit_level(level: float, proportional: float) -> float:
    """Bring a finite level into [0, 1], and to 0 or 1 for what only switches.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    if proportional == 0.0:
        return 1.0 if level >= 0.5 else 0.0
    return min(max(level, 0.0), 1.0)


@njit
def gate_output(
    o: int,
    dt: float,
    now: float,
    want: float,
    ask: float,
    maintained: float,
    stop: float,
    g: Floats,
    f: Floats,
    op: Floats,
    os: Floats,
    ds: Floats,
    ls: Floats,
    hs: Floats,
) -> tuple[float, float]:
    """Give the level one output may take and the code of the limit that bound (0: none), before the interlocks.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    safe = unit_level(op[o, c.O_SAFE], op[o, c.O_PROPORTIONAL])
    code = 0.0
    level = safe
    if math.isfinite(want):
        level = unit_level(want, op[o, c.O_PROPORTIONAL])
    else:
        code = float(codes.NOT_A_NUMBER)
    house = int(op[o, c.O_HOUSE])
    if house >= 0:
        forced, cause = house_force(house, o, op, hs)
        if math.isfinite(forced) and forced != level:
            level, code = forced, cause
    if op[o, c.O_KIND] == c.DOSER:
        line = int(op[o, c.O_LINE])
        if op[o, c.O_FED] > 0.0:  # its event is one set of open valves
            if ls[line, c.T_EXPECTED] <= 0.0 or now - ls[line, c.T_CHANGED] <= dt:
                os[o, c.S_EVENT_ML] = 0.0
        elif level == 0.0:
            os[o, c.S_EVENT_ML] = 0.0
    asked = level
    veto = 0.0
    if asked > 0.0 or os[o, c.S_LEVEL] > 0.0:
        veto = time_veto(o, now, asked > 0.0, op, os)
    else:  # at rest, and stays so
        os[o, c.S_TRIPPED] = 0.0
    if asked > 0.0:
        hydraulic = line_veto(o, dt, now, g, op, os, ls)
        dose = dose_veto(o, dt, op, os, ds)
        veto = hydraulic if hydraulic != 0.0 else (dose if dose != 0.0 else veto)
        if veto != 0.0:
            level, code = 0.0, veto
    # who is told as the cause: the strongest rule that the wish has met, not the first
    if maintained > 0.0 and ask != c.ASK_LOCAL and asked != safe:
        level, code = safe, float(codes.MAINTENANCE)
    veto = start_veto(o, now, g, op, os, f) if asked > 0.0 else 0.0
    if veto != 0.0:
        level, code = 0.0, veto
    if stop > 0.0 and op[o, c.O_KIND] != c.SIREN and asked > 0.0:
        level, code = 0.0, float(codes.STOP_ALL)
    return level, code


@njit
def run(
    now: float,
    day: float,
    minute: float,
    mains: float,
    stop: float,
    g: Floats,
    f: Floats,
    op: Floats,
    os: Floats,
    ds: Floats,
    lp: Floats,
    ls: Floats,
    lx: Floats,
    hp: Floats,
    hs: Floats,
    hx: Floats,
    first: Ints,
    members: Ints,
    want: Floats,
    ask: Floats,
    maintained: Floats,
    feedback: Floats,
    allowed: Floats,
    limit: Floats,
) -> None:
    """Judge one tick: read everything, write ``allowed`` and ``limit``, keep the states. Never raises.

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    dt = min(max(now - f[c.F_LAST], 0.0), LONGEST_TICK_MS)
    f[c.F_LAST] = now
    scrub(lx)
    scrub(hx)
    new_day(now, day, minute, f, os)
    account(dt, now, op, os, ds, lp, ls, lx)
    judge_feedback(now, op, os, ls, feedback)
    judge_mains(now, mains, g, f)
    judge_lines(now, g, lp, ls, lx, op, os, first, members)
    judge_houses(now, g, hp, hs, hx)
    for o in range(op.shape[0]):
        allowed[o], limit[o] = gate_output(o, dt, now, want[o], ask[o], maintained[o], stop, g, f, op, os, ds, ls, hs)
    for line in range(lp.shape[0]):
        interlock(line, now, stop, g, op, os, lp, ls, first, members, allowed, limit)
    commit(now, op, os, lp, ls, first, members, allowed)
