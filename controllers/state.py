# SPDX-License-Identifier: Apache-2.0
"""The engine's memory: its tables, how they begin, and how they survive a restart.

The rules it keeps. A snapshot is a plain record of numbers; it keeps ages, not times, for monotonic time starts anew
with each boot. After a restart everything is off, latches and water counts stand, and a watering that was cut is
finished at most once and never with more water than was left of it (H22).
"""

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.layout import Layout
from controllers.schedule import CalendarState
from controllers.ticks import Floats

SNAPSHOT_MS: Final = 10_000
"""A snapshot is to be written at least so often while water runs; so much of a cut run counts as given."""

_TIMES: Final = {
    "os": (c.S_FAULT_UNTIL,),
    "ls": (c.T_DRY_UNTIL,),
    "zs": (c.R_STARTED, c.R_ENDED, c.R_PENDING_UNTIL),
}


@dataclass(slots=True)
class Tables:
    """The state tables of all kernels; one row per output, line, house, zone."""

    f: Floats
    os: Floats
    ds: Floats
    ls: Floats
    hs: Floats
    zs: Floats


class EngineState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A snapshot: rows by the names of their owners, so that a changed farm keeps what still exists."""

    saved_mono_ms: int
    saved_wall_ms: int
    clock_ok: bool
    day: float
    day_reset_ms_ago: float
    outputs: dict[str, tuple[float, ...]]
    lines: dict[str, tuple[float, ...]]
    zones: dict[str, tuple[float, ...]]
    calendar: CalendarState
    plans: dict[str, tuple[float, ...]] = {}
    water: dict[str, tuple[float, ...]] = {}
    weather: dict[str, bytes] = {}  # of places, changed once a day (``controllers.past_weather``)


def nothing_known() -> EngineState:
    """Make the record of an engine that remembers nothing: restoring it begins as ``fresh`` does."""
    return EngineState(
        saved_mono_ms=0, saved_wall_ms=0, clock_ok=False, day=math.nan, day_reset_ms_ago=math.inf,
        outputs={}, lines={}, zones={}, calendar=CalendarState(),
    )  # fmt: skip


def fresh(layout: Layout, now_ms: int) -> Tables:
    """Make the memory of an engine that has never run."""
    now = float(now_ms)
    f = np.zeros(c.F_WIDTH)
    f[c.F_LAST] = f[c.F_BOOT] = f[c.F_MAINS_SINCE] = now
    f[c.F_DAY] = math.nan
    f[c.F_DAY_RESET] = -math.inf
    os = np.zeros((len(layout.outputs), c.S_WIDTH))
    os[:, c.S_SINCE] = now
    os[:, c.S_FAULT_UNTIL] = -math.inf
    os[:, c.S_ODD_SINCE] = math.inf
    ds = np.zeros((len(layout.outputs), c.D_WIDTH))
    ds[:, [c.D_HOUR, c.D_DAY]] = -math.inf
    ls = np.zeros((len(layout.lines), c.T_WIDTH))
    ls[:, c.T_CHANGED] = now
    ls[:, [c.T_FLOW_AT, c.T_DRY_UNTIL, c.T_PUMP_SINCE]] = -math.inf
    ls[:, [c.T_LOW_SINCE, c.T_LOST_SINCE, c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE]] = math.inf
    ls[:, [c.T_REF_EC, c.T_REF_PH, c.T_SALT]] = math.nan
    hs = np.zeros((len(layout.houses), c.U_WIDTH))
    hs[:, c.U_STORM] = np.where(layout.hp[:, c.H_HAS_WIND] > 0.0, float(codes.WIND_STALE), 0.0)
    hs[:, c.U_CALM_SINCE] = math.inf
    hs[:, c.U_SEEN] = now
    hs[:, c.U_WIND_SEEN] = -math.inf
    zs = np.zeros((len(layout.zones), c.R_WIDTH))
    zs[:, [c.R_STARTED, c.R_PENDING_UNTIL]] = -math.inf
    zs[:, c.R_ENDED] = now - layout.zp[:, c.Z_REST]  # it may water at once; its safe rule waits its time
    return Tables(f, os, ds, ls, hs, zs)


def snapshot(
    layout: Layout,
    tables: Tables,
    calendar: CalendarState,
    plans: dict[str, tuple[float, ...]],
    water: dict[str, tuple[float, ...]],
    mono_ms: int,
    wall_ms: int,
    *,
    clock_ok: bool,
) -> EngineState:
    """Take the memory as a record."""

    def rows(names: tuple[str, ...], table: Floats) -> dict[str, tuple[float, ...]]:
        return {name: tuple(table[i].tolist()) for i, name in enumerate(names)}

    return EngineState(
        saved_mono_ms=mono_ms,
        saved_wall_ms=wall_ms,
        clock_ok=clock_ok,
        day=float(tables.f[c.F_DAY]),
        day_reset_ms_ago=mono_ms - float(tables.f[c.F_DAY_RESET]),
        outputs=rows(layout.outputs, np.hstack((tables.os, tables.ds))),
        lines=rows(layout.lines, tables.ls),
        zones=rows(layout.zones, tables.zs),
        calendar=calendar,
        plans=plans,
        water=water,
    )


def turned_ring(old: Floats, bin_ms: float, now_ms: float, down_ms: float) -> Floats:
    """Carry a ring of amounts (its bin number, then its bins) over to another boot's clock."""
    bins = len(old) - 1
    new = np.zeros(len(old))
    new[0] = math.floor(now_ms / bin_ms)
    if not math.isfinite(old[0]):
        return new
    gone = math.floor(down_ms / bin_ms)
    for back in range(bins - gone):
        new[1 + int((new[0] - gone - back) % bins)] = old[1 + int((old[0] - back) % bins)]
    return new


def restore(
    layout: Layout, state: EngineState, now_ms: int, down_ms: int, grace_ms: float, *, down_known: bool
) -> Tables:
    """Make the memory after a restart ``down_ms`` long (0 when not known) from the last snapshot."""
    tables = fresh(layout, now_ms)
    shift = float(now_ms - state.saved_mono_ms - down_ms)
    tables.f[c.F_DAY] = state.day
    tables.f[c.F_DAY_RESET] = now_ms - state.day_reset_ms_ago - down_ms
    kept = (c.S_DAY_ON_MS, c.S_DAY_L, c.S_TOTAL_L, c.S_EVENT_ML)
    own = {name: row[: c.S_WIDTH] for name, row in state.outputs.items()}
    _take(layout.outputs, own, tables.os, kept, _TIMES["os"], shift)
    rings = ((c.D_HOUR, c.HOUR_BINS, c.HOUR_BIN_MS), (c.D_DAY, c.DAY_BINS, c.DAY_BIN_MS))
    for i, name in enumerate(layout.outputs):
        if name in state.outputs:
            old = np.array(state.outputs[name][c.S_WIDTH :])
            for first, bins, bin_ms in rings:
                part = slice(first, first + 1 + bins)
                tables.ds[i, part] = turned_ring(old[part], bin_ms, float(now_ms), float(down_ms))
    latched = (c.T_LATCH, c.T_DOSE_LATCH, c.T_FILL_LATCH, c.T_NO_FLOW_N, c.T_DRY_CODE, c.T_DRY_N, c.T_DOSE_N)
    _take(layout.lines, state.lines, tables.ls, (*latched, c.T_REF_EC, c.T_REF_PH, c.T_SALT), _TIMES["ls"], shift)
    sums = (
        c.R_RUNNING,
        c.R_START_L,
        c.R_TARGET_L,
        c.R_RADIATION,
        c.R_VPD,
        c.R_PENDING_L,
        c.R_PENDING_CODE,
        c.R_RESUMED,
    )
    _take(layout.zones, state.zones, tables.zs, sums, _TIMES["zs"], shift)
    for z in range(len(layout.zones)):
        if tables.zs[z, c.R_RUNNING] > 0.0:
            young = down_known and down_ms <= grace_ms
            _end_cut_run(layout, tables, z, now_ms, down_ms, now_ms + grace_ms - down_ms if young else -math.inf)
    return tables


def _take(
    names: tuple[str, ...],
    saved: dict[str, tuple[float, ...]],
    table: Floats,
    kept: tuple[int, ...],
    times: tuple[int, ...],
    shift: float,
) -> None:
    for i, name in enumerate(names):
        row = saved.get(name)
        if row is not None and len(row) <= table.shape[1]:  # an older version knew fewer columns
            row += tuple(table[i, len(row) :].tolist())
            for column in kept:
                table[i, column] = row[column]
            for column in times:
                table[i, column] = row[column] + shift


def _end_cut_run(layout: Layout, tables: Tables, z: int, now_ms: int, down_ms: int, until_ms: float) -> None:
    """End a run that the power cut; its rest stays pending until ``until_ms``, if it was not resumed before."""
    row = tables.zs[z]
    valve = int(layout.zp[z, c.Z_VALVE])
    unseen_l = layout.zp[z, c.Z_FLOW] * SNAPSHOT_MS / 60_000.0
    left_l = row[c.R_TARGET_L] - (tables.os[valve, c.S_TOTAL_L] - row[c.R_START_L]) - unseen_l
    tables.os[valve, c.S_DAY_L] += unseen_l
    row[c.R_RUNNING] = 0.0
    if until_ms > now_ms and left_l > 0.0 and row[c.R_RESUMED] == 0.0:
        row[c.R_PENDING_L], row[c.R_PENDING_UNTIL], row[c.R_PENDING_CODE] = left_l, until_ms, codes.START_RESUMED
    else:
        row[c.R_ENDED] = now_ms - down_ms
