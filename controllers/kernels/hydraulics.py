# SPDX-License-Identifier: Apache-2.0
"""Which zones may be open together, whose turn it is, pauses for the soil to drink, and washing of the filter.

The rules it keeps. The rated flows of all open zones never exceed what pump and source can give at the pressure that
the most demanding of them needs. A zone that has to wait always gets a code that says for what. A filter is washed
between waterings, never while a zone is fed. Nothing here can open a valve that safety forbids.

Tables: ``zp``/``zs``/``zx`` zones of ``kernels.columns``; ``wp``/``ws`` zones, ``lp``/``ls`` lines, ``lx`` inputs of
``kernels.water_columns``.
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

NO_FLOW_L_MIN = 1e-9
PATIENCE_MS = 600_000.0  # who has waited so much longer than another is served first, even if the other would fit now
BLOCKED_MS = 60_000.0  # a backwash that safety does not let begin is given up after so long
PRESSURE_LASTS_MS = 15_000.0  # so long the filter's loss of pressure must stay high
STILL_CLOGGED = 3.0  # so many backwashes in a row without help call a person


@njit
def fill_inputs(x: Floats, index: Ints, lx: Floats) -> None:
    """Fill the lines' inputs [unit of their series] from the believed values. Source: docs/water.md."""
    for line in range(index.shape[0]):
        for j in range(w.X_WIDTH):
            lx[line, j] = x[index[line, j]]


@njit
def begin(zs: Floats, zp: Floats, wp: Floats, ws: Floats, ls: Floats, lp: Floats) -> None:
    """Add up what the running zones take of each line (flow [L/min], room, recipe) and who has waited longest there.

    Source: docs/water.md.
    """
    for line in range(ls.shape[0]):
        ls[line, w.S_LOAD] = 0.0
        ls[line, w.S_ROOM] = lp[line, w.L_FLOW_MAX]
        ls[line, w.S_RECIPE] = -2.0
        ls[line, w.S_OLDEST] = math.inf
    for z in range(zs.shape[0]):
        if zs[z, c.R_RUNNING] > 0.0:
            take(z, int(zp[z, c.Z_LINE]), wp, ls)
        elif zs[z, c.R_CODE] in (codes.IDLE_QUEUED, codes.IDLE_FLOW_BUDGET, codes.IDLE_RECIPE):
            line = int(zp[z, c.Z_LINE])
            ls[line, w.S_OLDEST] = min(ls[line, w.S_OLDEST], ws[z, w.Z_ASKED_SINCE])


@njit
def take(z: int, line: int, wp: Floats, ls: Floats) -> None:
    """Count zone ``z`` among those that run: flow [L/min]. Source: docs/water.md."""
    ls[line, w.S_LOAD] += wp[z, w.P_FLOW]
    ls[line, w.S_ROOM] = min(ls[line, w.S_ROOM], wp[z, w.P_ROOM])
    ls[line, w.S_RECIPE] = wp[z, w.P_RECIPE]


@njit
def ask(z: int, now: float, litres: float, ws: Floats) -> None:
    """Remember what a zone asks for [L] and since when [ms]; 0 litres take the question back. Source: docs/water.md."""
    if not litres > 0.0:
        if ws[z, w.Z_ASKED_SINCE] == math.inf:
            return
        ws[z, w.Z_ASKED_SINCE] = math.inf
        ws[z, w.Z_ASKED_L] = 0.0
        ws[z, w.Z_HOLD] = math.nan
        return
    ws[z, w.Z_ASKED_SINCE] = min(ws[z, w.Z_ASKED_SINCE], now)
    ws[z, w.Z_ASKED_L] = litres


@njit
def turn(z: int, line: int, now: float, salt: float, wp: Floats, ws: Floats, ls: Floats, lp: Floats) -> float:
    """Give the code for which zone ``z`` has to wait although nothing of its own holds it back, 0: it may start.

    Times [ms], flows [L/min], ``salt`` of the intake [mS/cm] (NaN: not judged). A zone whose flow alone exceeds the
    budget starts alone: the check of the settings refused it, and a zone must not stay dry for a number. Source:
    docs/water.md.
    """
    if salt > wp[z, w.P_SALT]:
        return float(codes.SALT)
    if ls[line, w.S_BW_DUE] != 0.0 or ls[line, w.S_BW_BEGAN] != math.inf:
        return float(codes.IDLE_BACKWASH)
    if min(ws[z, w.Z_ASKED_SINCE], now) - ls[line, w.S_OLDEST] >= PATIENCE_MS:
        return float(codes.IDLE_QUEUED)
    if ls[line, w.S_RECIPE] != -2.0:
        if ls[line, w.S_RECIPE] != wp[z, w.P_RECIPE]:
            return float(codes.IDLE_RECIPE)
        if ls[line, w.S_LOAD] + wp[z, w.P_FLOW] > min(ls[line, w.S_ROOM], wp[z, w.P_ROOM]) * (1.0 + 1e-9):
            return float(codes.IDLE_FLOW_BUDGET)
    if lp[line, w.L_SEQUENCED] > 0.0 and wp[z, w.P_WAIT] > 0.0:
        if now - ws[z, w.Z_ASKED_SINCE] >= wp[z, w.P_WAIT]:
            return 0.0
        if not ws[z, w.Z_HOLD] <= now:
            return float(codes.IDLE_CHEAPER) if math.isfinite(ws[z, w.Z_HOLD]) else float(codes.IDLE_QUEUED)
    return 0.0


@njit
def end_of_cycle(z: int, now: float, dt: float, zs: Floats, wp: Floats) -> float:
    """Give STOP_SOAK when a zone has been open for one cycle and more is to come, else 0. Times [ms].

    Source: cycle and soak, Irrigation Association, Landscape Irrigation Best Management Practices (2014).
    """
    if wp[z, w.P_CYCLE] > 0.0 and now - zs[z, c.R_STARTED] + dt > wp[z, w.P_CYCLE]:
        return float(codes.STOP_SOAK)
    return 0.0


@njit
def soak(z: int, now: float, grace: float, zs: Floats, zp: Floats, wp: Floats, ws: Floats, os: Floats) -> None:
    """Put off the rest of a watering [L] until the soil has drunk. Times [ms]. Source: docs/water.md."""
    given = os[int(zp[z, c.Z_VALVE]), c.S_TOTAL_L] - zs[z, c.R_START_L]
    left = zs[z, c.R_TARGET_L] - given
    if left <= 0.0:
        return
    ws[z, w.Z_SOAK_UNTIL] = now + wp[z, w.P_SOAK]
    zs[z, c.R_PENDING_L] = left
    zs[z, c.R_PENDING_UNTIL] = now + wp[z, w.P_SOAK] + grace
    zs[z, c.R_PENDING_CODE] = codes.START_CYCLE


@njit
def soaking(z: int, now: float, bar: float, code: float, zp: Floats, zs: Floats, zx: Floats, ws: Floats) -> float:
    """Give the bar of a put-off rest of a watering: its soak instead of the zone's pause. Times [ms], moisture [%].

    A moisture zone that has meanwhile reached its target gives the rest up. Source: docs/water.md.
    """
    if code != codes.START_CYCLE:
        return bar
    if zp[z, c.Z_START] != 0.0 and zx[z, c.I_MOISTURE] >= zp[z, c.Z_TARGET]:
        zs[z, c.R_PENDING_L] = 0.0
        return float(codes.IDLE_WET_ENOUGH)
    if now < ws[z, w.Z_SOAK_UNTIL]:
        return float(codes.IDLE_SOAK)
    return 0.0 if bar == codes.IDLE_RESTING else bar


@njit
def judge_filter(line: int, now: float, dt: float, flow: float, lp: Floats, ls: Floats, lx: Floats) -> None:
    """Note when the filter is due for washing, by pressure lost [kPa] or litres passed. Times [ms], flow [L/min].

    Source: docs/water.md.
    """
    if flow > 0.0:
        ls[line, w.S_BW_L] += flow * dt / 60_000.0
    lost = lx[line, w.X_FILTER_IN] - lx[line, w.X_FILTER_OUT]
    high = flow > 0.0 and lost >= lp[line, w.L_BW_KPA]
    if not high:
        if lost < lp[line, w.L_BW_KPA] and flow > 0.0:
            ls[line, w.S_BW_N] = 0.0
        ls[line, w.S_BW_SINCE] = math.inf
    else:
        ls[line, w.S_BW_SINCE] = min(ls[line, w.S_BW_SINCE], now)
    if ls[line, w.S_BW_DUE] != 0.0 or now - ls[line, w.S_BW_ENDED] < lp[line, w.L_BW_REST]:
        return
    if now - ls[line, w.S_BW_SINCE] >= PRESSURE_LASTS_MS:
        ls[line, w.S_BW_DUE] = codes.BACKWASH_PRESSURE
    elif ls[line, w.S_BW_L] >= lp[line, w.L_BW_L]:
        ls[line, w.S_BW_DUE] = codes.BACKWASH_VOLUME


@njit
def wash(now: float, dt: float, meters: Floats, lines: Floats, lp: Floats, ls: Floats, lx: Floats, os: Floats,
         want: Floats, code_of: Floats) -> None:  # fmt: skip
    """Ask for the backwash valves: when due and no zone runs, for the set time. Times [ms], flow [L/min].

    ``meters`` and ``lines`` are the lines' inputs [X_*] and state [T_*] of ``kernels.columns``. The time counts from
    when the valve is really open. Source: docs/water.md.
    """
    for line in range(ls.shape[0]):
        o = int(lp[line, w.L_BACKWASH])
        if o < 0:
            continue
        running = ls[line, w.S_BW_BEGAN] != math.inf
        if not running:
            judge_filter(line, now, dt, meters[line, c.X_FLOW], lp, ls, lx)
            if ls[line, w.S_BW_DUE] != 0.0 and ls[line, w.S_LOAD] <= NO_FLOW_L_MIN and lines[line, c.T_STOP] == 0.0:
                ls[line, w.S_BW_BEGAN] = now
                running = True
        open_for = now - os[o, c.S_SINCE] if os[o, c.S_LEVEL] > 0.0 else 0.0
        washed = open_for >= lp[line, w.L_BW_MS]
        blocked = os[o, c.S_LEVEL] <= 0.0 and now - ls[line, w.S_BW_BEGAN] >= BLOCKED_MS
        if running and (washed or blocked or lines[line, c.T_STOP] != 0.0):
            if washed:
                ls[line, w.S_BW_N] += 1.0 if ls[line, w.S_BW_DUE] == codes.BACKWASH_PRESSURE else 0.0
                ls[line, w.S_BW_L] = 0.0
            ls[line, w.S_BW_SINCE] = math.inf
            ls[line, w.S_BW_DUE] = 0.0
            ls[line, w.S_BW_BEGAN] = math.inf
            ls[line, w.S_BW_ENDED] = now
            running = False
        want[o] = 1.0 if running else 0.0
        code_of[o] = ls[line, w.S_BW_DUE] if running else float(codes.BACKWASH_IDLE)
