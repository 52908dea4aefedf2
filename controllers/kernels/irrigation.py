# SPDX-License-Identifier: Apache-2.0
"""When each zone starts and stops watering: schedule, soil moisture, radiation sum, VPD sum, a plan, the safe rule.

The rules it keeps. One zone's bad sensor touches that zone alone: it goes over to its safe rule (so many litres every
so many hours of monotonic time) and back by itself. Whatever the strategy wants, rest, longest run, litres a day and
zones at once hold. Every zone gets a code each tick, also for doing nothing.

Tables: ``zp`` parameters [Z_*], ``zs`` state [R_*], ``zx`` inputs [I_*] (NaN: no trusted value), one row per zone;
litres given come from ``os`` [S_*], kept by the safety kernel, which is the one account of water. A new strategy is a
number in ``columns``, a line in ``trigger`` and an entry in ``controllers.strategies.STRATEGIES``.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes, hydraulics
from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCKED_MS: Final = 60_000.0  # a run whose valve safety keeps shut gives its place to the next zone after so long
SMALLEST_SHARE: Final = 0.1  # a watering that the day's cap leaves less than this share of is not begun
REFILL_SHARE: Final = 0.8
J_CM2_PER_W_M2_MS: Final = 1.0e-7


@njit
def trigger(z: int, zp: Floats, zs: Floats, zx: Floats) -> tuple[float, float]:
    """Give the litres that the zone's strategy wants now (NaN: it lacks its sensor, 0: none) and the code why.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    strategy = zp[z, c.Z_STRATEGY]
    dose = zp[z, c.Z_DOSE]
    if strategy == c.OFF:
        return 0.0, float(codes.IDLE_OFF)
    if strategy == c.MOISTURE:
        moisture = zx[z, c.I_MOISTURE]
        if not math.isfinite(moisture):
            return math.nan, 0.0
        return (
            (dose, float(codes.START_MOISTURE)) if moisture < zp[z, c.Z_START] else (0.0, float(codes.IDLE_WET_ENOUGH))
        )
    if strategy == c.TENSION:  # kPa, negative: the drier, the lower
        tension = zx[z, c.I_MOISTURE]
        if not math.isfinite(tension):
            return math.nan, 0.0
        return (dose, float(codes.START_TENSION)) if tension < zp[z, c.Z_START] else (0.0, float(codes.IDLE_TENSION))
    if strategy == c.RADIATION_SUM:
        if not math.isfinite(zx[z, c.I_RADIATION]):
            return math.nan, 0.0
        reached = zs[z, c.R_RADIATION] >= zp[z, c.Z_RADIATION]
        return (dose, float(codes.START_RADIATION)) if reached else (0.0, float(codes.IDLE_WAIT_RADIATION))
    if strategy == c.VPD_SUM:
        if not math.isfinite(zx[z, c.I_VPD]):
            return math.nan, 0.0
        reached = zs[z, c.R_VPD] >= zp[z, c.Z_VPD]
        return (dose, float(codes.START_VPD)) if reached else (0.0, float(codes.IDLE_WAIT_VPD))
    if strategy == c.PLANNED:
        litres = zx[z, c.I_PLANNED_L]
        if not math.isfinite(litres):
            return math.nan, 0.0
        code = zx[z, c.I_PLANNED_CODE]
        if litres > 0.0:
            return litres, code if code > 0.0 else float(codes.START_PLANNED)
        return 0.0, code if code > 0.0 else float(codes.IDLE_NO_NEED)
    return 0.0, float(codes.IDLE_WAIT_SCHEDULE)


@njit
def wish(z: int, now: float, clock_ok: float, zp: Floats, zs: Floats, zx: Floats) -> tuple[float, float]:
    """Give litres (0: none) and code after the pending run and the safe rule are seen.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    if zs[z, c.R_PENDING_L] > 0.0:
        return zs[z, c.R_PENDING_L], zs[z, c.R_PENDING_CODE]
    litres, code = trigger(z, zp, zs, zx)
    blind = not math.isfinite(litres)
    timeless = zp[z, c.Z_STRATEGY] == c.SCHEDULE and clock_ok == 0.0
    if not blind and not timeless:
        return litres, code
    if zp[z, c.Z_SAFE_DOSE] <= 0.0:
        return 0.0, float(codes.IDLE_NO_DATA_CLOSED)
    if now - zs[z, c.R_ENDED] >= zp[z, c.Z_SAFE_EVERY]:
        return zp[z, c.Z_SAFE_DOSE], float(codes.START_SAFE_RULE)
    return 0.0, float(codes.IDLE_CLOCK if timeless else codes.IDLE_SAFE_RULE)


@njit
def in_hours(minute: float, start: float, end: float) -> bool:
    """Whether a minute of the day lies in [start, end), which may pass midnight.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    if start <= end:
        return start <= minute < end
    return minute >= start or minute < end


@njit
def continue_run(z: int, dt: float, now: float, zp: Floats, zs: Floats, zx: Floats, os: Floats) -> float:
    """Give the code why a run ends now, or 0 to go on.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    valve = int(zp[z, c.Z_VALVE])
    given = os[valve, c.S_TOTAL_L] - zs[z, c.R_START_L]
    step_l = zp[z, c.Z_FLOW] * dt / 60_000.0
    begun = zs[z, c.R_START_CODE]
    if begun in (codes.START_MOISTURE, codes.START_TENSION):
        moisture = zx[z, c.I_MOISTURE]
        if moisture >= zp[z, c.Z_TARGET]:
            return float(codes.STOP_TARGET if begun == codes.START_MOISTURE else codes.STOP_TENSION)
        if not math.isfinite(moisture) and given >= zp[z, c.Z_SAFE_DOSE]:
            return float(codes.STOP_SENSOR_LOST)
    if given + 0.5 * step_l >= zs[z, c.R_TARGET_L]:
        return float(codes.STOP_GIVEN)
    if now - zs[z, c.R_STARTED] + dt > zp[z, c.Z_RUN_MAX]:
        return float(codes.STOP_RUN_MAX)
    if os[valve, c.S_LEVEL] <= 0.0 and now - max(zs[z, c.R_STARTED], os[valve, c.S_SINCE]) >= BLOCKED_MS:
        return float(codes.STOP_BLOCKED)
    if os[valve, c.S_DAY_L] + step_l > zp[z, c.Z_CAP]:
        return float(codes.STOP_CAP)
    return 0.0


@njit
def bar_start(
    z: int,
    now: float,
    minute: float,
    litres: float,
    code: float,
    zp: Floats,
    zs: Floats,
    zx: Floats,
    os: Floats,
    ls: Floats,
) -> float:
    """Give the code that keeps a wanted watering of ``litres`` from starting, or 0.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    if ls[int(zp[z, c.Z_LINE]), c.T_STOP] != 0.0:
        return float(codes.IDLE_LINE_STOPPED)
    if now < os[int(zp[z, c.Z_VALVE]), c.S_FAULT_UNTIL]:
        return float(codes.IDLE_FAULT)
    if minute >= 0.0 and not in_hours(minute, zp[z, c.Z_FROM], zp[z, c.Z_TO]):
        return float(codes.IDLE_OUTSIDE_HOURS)
    if now - zs[z, c.R_ENDED] < zp[z, c.Z_REST]:
        return float(codes.IDLE_RESTING)
    if zx[z, c.I_MOISTURE] >= zp[z, c.Z_WET] and code != codes.START_MOISTURE:
        return float(codes.IDLE_TOO_WET)
    left = zp[z, c.Z_CAP] - os[int(zp[z, c.Z_VALVE]), c.S_DAY_L]
    return float(codes.IDLE_CAP) if left < SMALLEST_SHARE * litres else 0.0


@njit
def gather(z: int, dt: float, now: float, grace: float, zp: Floats, zs: Floats, zx: Floats, os: Floats) -> None:
    """Keep the zone's sums, its pending run and the end of its last watering, by whomever it was opened.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    radiation, vpd = zx[z, c.I_RADIATION], zx[z, c.I_VPD]
    if radiation > 0.0:
        zs[z, c.R_RADIATION] += radiation * dt * J_CM2_PER_W_M2_MS
    if vpd > 0.0:
        zs[z, c.R_VPD] += vpd * dt / 3_600_000.0
    if zx[z, c.I_DUE_L] > 0.0:
        zs[z, c.R_PENDING_L] = zx[z, c.I_DUE_L]
        zs[z, c.R_PENDING_UNTIL] = now + grace
        zs[z, c.R_PENDING_CODE] = codes.START_SCHEDULE
    if now > zs[z, c.R_PENDING_UNTIL]:
        zs[z, c.R_PENDING_L] = 0.0
    is_open = os[int(zp[z, c.Z_VALVE]), c.S_LEVEL] > 0.0
    if zs[z, c.R_OPEN] > 0.0 and not is_open:
        zs[z, c.R_ENDED] = now
    zs[z, c.R_OPEN] = 1.0 if is_open else 0.0


@njit
def start_run(z: int, now: float, litres: float, code: float, zp: Floats, zs: Floats, os: Floats) -> None:
    """Begin a run of ``litres``, or of what the day's cap leaves.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    valve = int(zp[z, c.Z_VALVE])
    zs[z, c.R_RUNNING] = 1.0
    zs[z, c.R_STARTED] = now
    zs[z, c.R_START_L] = os[valve, c.S_TOTAL_L]
    zs[z, c.R_TARGET_L] = min(litres, zp[z, c.Z_CAP] - os[valve, c.S_DAY_L])
    zs[z, c.R_START_CODE] = code
    zs[z, c.R_CODE] = code
    zs[z, c.R_RADIATION] = 0.0
    zs[z, c.R_VPD] = 0.0
    zs[z, c.R_PENDING_L] = 0.0
    zs[z, c.R_RESUMED] = 1.0 if code == codes.START_RESUMED else 0.0


@njit
def decide(
    now: float,
    dt: float,
    minute: float,
    clock_ok: float,
    grace: float,
    zp: Floats,
    zs: Floats,
    zx: Floats,
    os: Floats,
    lp: Floats,
    ls: Floats,
    busy: Floats,
    want: Floats,
    code_of: Floats,
    wp: Floats,
    ws: Floats,
    wlp: Floats,
    wls: Floats,
) -> None:
    """Decide every zone: writes R_CODE and, by valve, ``want`` (0 or 1) and ``code_of``.

    ``now``, ``dt``, ``grace`` [ms]; ``minute`` of the local day, -1 while the clock is not trusted (then the allowed
    hours cannot hold); ``busy`` is scratch, one entry per line; ``wp`` ... ``wls`` are the tables of
    ``kernels.hydraulics``.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    busy[:] = 0.0
    for z in range(zp.shape[0]):
        gather(z, dt, now, grace, zp, zs, zx, os)
        if zs[z, c.R_RUNNING] > 0.0:
            end = continue_run(z, dt, now, zp, zs, zx, os)
            if end == 0.0:
                end = hydraulics.end_of_cycle(z, now, dt, zs, wp)
                if end != 0.0:
                    hydraulics.soak(z, now, grace, zs, zp, wp, ws, os)
            if end != 0.0:
                zs[z, c.R_RUNNING] = 0.0
                zs[z, c.R_ENDED] = now
                zs[z, c.R_CODE] = end
            else:
                busy[int(zp[z, c.Z_LINE])] += 1.0
                zs[z, c.R_CODE] = zs[z, c.R_START_CODE]
    hydraulics.begin(zs, zp, wp, ws, wls, wlp)
    for z in range(zp.shape[0]):
        ended = zs[z, c.R_ENDED] == now
        if zs[z, c.R_RUNNING] == 0.0 and not ended:
            line = int(zp[z, c.Z_LINE])
            litres, code = wish(z, now, clock_ok, zp, zs, zx)
            if litres > 0.0:
                bar = bar_start(z, now, minute, litres, code, zp, zs, zx, os, ls)
                bar = hydraulics.soaking(z, now, bar, code, zp, zs, zx, ws)
                hydraulics.ask(z, now, litres if bar == 0.0 else 0.0, ws)
                if bar == 0.0:
                    bar = hydraulics.turn(z, line, now, ls[line, c.T_SALT], wp, ws, wls, wlp)
                    if bar == codes.IDLE_CHEAPER:
                        zs[z, c.R_PENDING_UNTIL] = max(zs[z, c.R_PENDING_UNTIL], now + grace)
                if bar == 0.0 and busy[line] >= lp[line, c.L_ZONES_AT_ONCE]:
                    bar = float(codes.IDLE_QUEUED)
                if bar == 0.0:
                    start_run(z, now, litres, code, zp, zs, os)
                    busy[line] += 1.0
                    hydraulics.take(z, line, wp, wls)
                    hydraulics.ask(z, now, 0.0, ws)
                else:
                    zs[z, c.R_CODE] = bar
            else:
                zs[z, c.R_CODE] = code
                hydraulics.ask(z, now, 0.0, ws)
        want[int(zp[z, c.Z_VALVE])] = zs[z, c.R_RUNNING]
        code_of[int(zp[z, c.Z_VALVE])] = zs[z, c.R_CODE]


@njit
def serve_lines(
    lp: Floats, lx: Floats, op: Floats, os: Floats, first: Ints, members: Ints, want: Floats, code_of: Floats
) -> None:
    """Ask for pump and master valve while a valve of the line is asked for, and keep the tank filled.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    for line in range(lp.shape[0]):
        asked = 0.0
        for at in range(first[line], first[line + 1]):
            if want[members[at]] > 0.0 and op[members[at], c.O_KIND] == c.VALVE:
                asked = 1.0
        for at in range(first[line], first[line + 1]):
            o = members[at]
            kind = op[o, c.O_KIND]
            if kind in (c.PUMP, c.MASTER):
                want[o] = asked
                code_of[o] = codes.LINE_SERVES if asked > 0.0 else codes.LINE_IDLE
            elif kind == c.FILL:
                want[o], code_of[o] = fill_wish(lx[line, c.X_LEVEL], lp[line, c.L_TANK_HIGH], os[o, c.S_LEVEL] > 0.0)
            elif kind == c.DOSER:
                want[o] = 0.0
                code_of[o] = codes.DOSE_NOT_ASKED


@njit
def fill_wish(level: float, high: float, filling: bool) -> tuple[float, float]:
    """Fill a tank from REFILL_SHARE of its high mark up to the mark; an unknown level asks for nothing.

    Times [ms], water [L], moisture [%]. Source: docs/control.md.
    """
    if not math.isfinite(level) or not math.isfinite(high):
        return 0.0, float(codes.TANK_LEVEL_UNKNOWN)
    if level < REFILL_SHARE * high or (filling and level < high):
        return 1.0, float(codes.TANK_FILLING)
    return 0.0, float(codes.TANK_FULL_ENOUGH)
