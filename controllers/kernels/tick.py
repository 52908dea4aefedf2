# SPDX-License-Identifier: Apache-2.0
"""One tick of a whole farm in one compiled call: believe, climate, water, people, safety, and what to store.

The rule it keeps: the order below is the order of authority; safety comes after everybody who asks. All tables lie
in two buffers (``controllers.kernels.packed``) in the order of the M_* and N_* numbers; their columns stand in
``controllers.kernels.columns`` and the meaning of each step in its own module.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import (
    climate,
    codes,
    fertigation,
    house_rules,
    hydraulics,
    irrigation,
    records,
    safety,
    safety_hazards,
    sense,
    source_water,
    zone_flow,
)
from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.kernels.jit import njit
from controllers.kernels.packed import index_table, index_vector, pack_floats, pack_ints, table, vector

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# tables of numbers
(
    M_X, M_G, M_F, M_OP, M_OS, M_LP, M_LS, M_LX, M_HP, M_HS, M_HX, M_HC, M_BAND, M_SHADE, M_ZP, M_ZS, M_ZX, M_DUE,
    M_BUSY, M_OVERRIDE, M_ASK, M_MAINTAINED, M_WANT, M_CODE, M_ALLOWED, M_LIMIT, M_HAZARDS, M_KEPT, M_STORED, M_MARKS,
    M_GAINS, M_LOOPS, M_CLIMATE,
) = range(33)  # fmt: skip
# tables of hydraulics and fertigation, columns in ``kernels.water_columns``
(
    M_WATER_ZP, M_WATER_ZS, M_WATER_LP, M_WATER_LS, M_WATER_LX, M_WATER_FP, M_WATER_FS, M_WATER_RECIPES,
    M_WATER_PARTS, M_WATER_NUT,
) = range(33, 43)  # fmt: skip
M_DS = 43
# tables of indices
N_LINE, N_HAZARD, N_HUMIDITY, N_OUTSIDE, N_MOISTURE, N_FIRST, N_MEMBERS, N_WATER = range(8)


@njit
def apply_overrides(override: Floats, want: Floats, code_of: Floats) -> None:
    """Let people's levels (NaN: none) replace what the engine wants; they may be infinite, safety looks after that.

    Times [ms], levels [0..1]. Source: docs/control.md (the order of a tick).
    """
    for o in range(override.shape[0]):
        if not math.isnan(override[o]):
            want[o] = override[o]
            code_of[o] = codes.OVERRIDE


@njit
def believe(values: Floats, quality: Ints, age_ms: Ints, now: float, refused: int, stale_ms: float,
            m: Floats, shape: Ints, n: Ints, n_shape: Ints) -> None:  # fmt: skip
    """Fill the input tables of lines, houses and zones from the believed samples.

    Times [ms], levels [0..1]. Source: docs/control.md (the order of a tick).
    """
    x, hx, hc = vector(m, shape, M_X), table(m, shape, M_HX), table(m, shape, M_HC)
    sense.clean(values, quality, age_ms, refused, stale_ms, x)
    sense.fill_lines(x, age_ms, now, index_table(n, n_shape, N_LINE), table(m, shape, M_LX))
    sense.fill_houses(
        x,
        age_ms,
        now,
        index_table(n, n_shape, N_HAZARD),
        index_table(n, n_shape, N_HUMIDITY),
        index_table(n, n_shape, N_OUTSIDE),
        hx,
        hc,
    )
    moisture, zp = index_table(n, n_shape, N_MOISTURE), table(m, shape, M_ZP)
    sense.fill_zones(x, moisture, zp, hc, vector(m, shape, M_DUE), table(m, shape, M_ZX))
    hydraulics.fill_inputs(x, index_table(n, n_shape, N_WATER), table(m, shape, M_WATER_LX))


@njit
def water(now: float, dt: float, hour: float, clock_ok: float, grace_ms: float, m: Floats, shape: Ints) -> None:
    """Write what is wanted of every valve: learned flow and salt first, then the zones, then the filters.

    Times [ms], levels [0..1]. Source: docs/water.md.
    """
    os, want, code_of = table(m, shape, M_OS), vector(m, shape, M_WANT), vector(m, shape, M_CODE)
    lp, ls, lx = table(m, shape, M_LP), table(m, shape, M_LS), table(m, shape, M_LX)
    zp, zs, zx, busy = table(m, shape, M_ZP), table(m, shape, M_ZS), table(m, shape, M_ZX), vector(m, shape, M_BUSY)
    wp, ws = table(m, shape, M_WATER_ZP), table(m, shape, M_WATER_ZS)
    wlp, wls, wlx = table(m, shape, M_WATER_LP), table(m, shape, M_WATER_LS), table(m, shape, M_WATER_LX)
    source_water.judge_salt(now, dt, wlp, wlx, wls, ls)
    zone_flow.watch(now, ls, lp, lx, zp, os, ws, wls, wlp)
    irrigation.decide(
        now, dt, hour, clock_ok, grace_ms, zp, zs, zx, os, lp, ls, busy, want, code_of, wp, ws, wlp, wls
    )  # fmt: skip
    hydraulics.wash(now, dt, lx, ls, wlp, wls, wlx, os, want, code_of)


@njit
def dose(dt: float, first: Ints, members: Ints, m: Floats, shape: Ints) -> None:
    """Write what is wanted of every injector, after people and lines have said which water flows.

    Times [ms], levels [0..1]. Source: docs/water.md.
    """
    fertigation.feed(
        dt,
        vector(m, shape, M_G)[c.G_DOSE_TRIES],
        vector(m, shape, M_F)[c.F_DAY_RESET],
        table(m, shape, M_ZP),
        table(m, shape, M_ZS),
        table(m, shape, M_OP),
        table(m, shape, M_OS),
        table(m, shape, M_LS),
        table(m, shape, M_LX),
        table(m, shape, M_WATER_ZP),
        table(m, shape, M_WATER_LP),
        table(m, shape, M_WATER_LS),
        table(m, shape, M_WATER_LX),
        table(m, shape, M_WATER_FP),
        table(m, shape, M_WATER_FS),
        table(m, shape, M_WATER_RECIPES),
        table(m, shape, M_WATER_PARTS),
        table(m, shape, M_WATER_NUT),
        first,
        members,
        vector(m, shape, M_WANT),
        vector(m, shape, M_CODE),
    )


@njit
def think(now: float, dt: float, minute: float, clock_ok: float, grace_ms: float,
          m: Floats, shape: Ints, n: Ints, n_shape: Ints) -> bool:  # fmt: skip
    """Write what is wanted of every output and why; give whether a zone is being watered.

    Times [ms], levels [0..1]. Source: docs/control.md (the order of a tick).
    """
    op, os, want, code_of = (
        table(m, shape, M_OP),
        table(m, shape, M_OS),
        vector(m, shape, M_WANT),
        vector(m, shape, M_CODE),
    )
    hc, band, shade = table(m, shape, M_HC), table(m, shape, M_BAND), vector(m, shape, M_SHADE)
    gains, loops, asked = table(m, shape, M_GAINS), table(m, shape, M_LOOPS), table(m, shape, M_CLIMATE)
    # At the very first tick no time has passed; a millisecond keeps the loops from calling that a lost thermometer.
    house_rules.decide_houses(now, max(dt, 1.0) / 1000.0, hc, band, shade, op, os, gains, loops, asked, want, code_of)
    lp, lx, zs = table(m, shape, M_LP), table(m, shape, M_LX), table(m, shape, M_ZS)
    hour = minute if clock_ok > 0.0 else -1.0
    water(now, dt, hour, clock_ok, grace_ms, m, shape)
    override = vector(m, shape, M_OVERRIDE)
    apply_overrides(override, want, code_of)
    first, members = index_vector(n, n_shape, N_FIRST), index_vector(n, n_shape, N_MEMBERS)
    irrigation.serve_lines(lp, lx, op, os, first, members, want, code_of)
    dose(dt, first, members, m, shape)
    apply_overrides(override, want, code_of)
    watering = False
    for z in range(zs.shape[0]):
        watering = watering or zs[z, c.R_RUNNING] > 0.0
    return watering


@njit
def guard(now: float, day: float, minute: float, mains: float, stop: float, feedback: Floats,
          m: Floats, shape: Ints, n: Ints, n_shape: Ints) -> int:  # fmt: skip
    """Judge what is wanted; write what is allowed and the limits that bound; give how many hazards changed.

    Times [ms], levels [0..1]. Source: docs/control.md (the order of a tick).
    """
    f, os, ls, hs = vector(m, shape, M_F), table(m, shape, M_OS), table(m, shape, M_LS), table(m, shape, M_HS)
    limit = vector(m, shape, M_LIMIT)
    safety.run(
        now,
        day,
        minute,
        mains,
        stop,
        vector(m, shape, M_G),
        f,
        table(m, shape, M_OP),
        os,
        table(m, shape, M_DS),
        table(m, shape, M_LP),
        ls,
        table(m, shape, M_LX),
        table(m, shape, M_HP),
        hs,
        table(m, shape, M_HX),
        index_vector(n, n_shape, N_FIRST),
        index_vector(n, n_shape, N_MEMBERS),
        vector(m, shape, M_WANT),
        vector(m, shape, M_ASK),
        vector(m, shape, M_MAINTAINED),
        feedback,
        vector(m, shape, M_ALLOWED),
        limit,
    )
    return safety_hazards.collect(f, os, ls, hs, limit, stop, vector(m, shape, M_HAZARDS))


@njit
def run_tick(now: float, dt: float, day: float, minute: float, clock_ok: float, stop: float, refused: int,
             stale_ms: float, grace_ms: float, repeat_ms: float, mains_index: int, values: Floats, quality: Ints,
             age_ms: Ints, feedback: Floats, m: Floats, shape: Ints, n: Ints, n_shape: Ints,
             ) -> tuple[int, int, bool]:  # fmt: skip
    """Run one tick; give how many hazards changed, how many decisions to store, and whether a zone is watered.

    Times in ms, monotonic; ``day`` and ``minute`` local, used only while ``clock_ok``; ``refused`` quality bits.

    Times [ms], levels [0..1]. Source: docs/control.md (the order of a tick).
    """
    believe(values, quality, age_ms, now, refused, stale_ms, m, shape, n, n_shape)
    watering = think(now, dt, minute, clock_ok, grace_ms, m, shape, n, n_shape)
    mains = vector(m, shape, M_X)[mains_index] if mains_index >= 0 else math.inf
    trusted_day = day if clock_ok > 0.0 else math.nan
    changed = guard(now, trusted_day, minute, mains, stop, feedback, m, shape, n, n_shape)
    store = records.find_changes(
        now,
        repeat_ms,
        vector(m, shape, M_ALLOWED),
        vector(m, shape, M_CODE),
        vector(m, shape, M_LIMIT),
        table(m, shape, M_OP),
        table(m, shape, M_KEPT),
        vector(m, shape, M_STORED),
        vector(m, shape, M_MARKS),
    )
    return changed, store, watering


def warm_up() -> None:
    """Compile or load the tick, and the belief that planners use, with tables of a farm that has nothing."""
    widths = (
        0, 0, 0, c.O_WIDTH, c.S_WIDTH, c.L_WIDTH, c.T_WIDTH, c.X_WIDTH, c.H_WIDTH, c.U_WIDTH, c.Y_WIDTH, c.C_WIDTH,
        c.B_WIDTH, 0, c.Z_WIDTH, c.R_WIDTH, c.I_WIDTH, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, climate.KINDS,
        w.P_WIDTH, w.Z_WIDTH, w.L_WIDTH, w.S_WIDTH, w.X_WIDTH, w.F_WIDTH, w.C_WIDTH, w.R_WIDTH, 1, w.N_WIDTH,
        c.D_WIDTH,
    )  # fmt: skip
    sizes = {M_X: 1, M_G: c.G_WIDTH, M_F: c.F_WIDTH, M_HAZARDS: 2}
    tables = [np.zeros((0, width)) if width else np.zeros(sizes.get(i, 0)) for i, width in enumerate(widths)]
    tables[M_GAINS], tables[M_LOOPS] = climate.loops(0)
    memory, shape, _ = pack_floats(tables)
    index_widths = (c.X_WIDTH, c.Y_WIDTH, 3, 5, 4)
    indices = [np.zeros((0, width), dtype=np.int64) for width in index_widths]
    none_of_all = np.zeros((0, w.X_WIDTH), dtype=np.int64)
    flat, flat_shape = pack_ints(
        [*indices, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), none_of_all]
    )  # fmt: skip
    none = np.zeros(0)
    whole = np.zeros(0, dtype=np.int64)
    run_tick(
        0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0, 1.0, 1.0, 1.0, -1, none, whole, whole, none, memory, shape, flat, flat_shape
    )  # fmt: skip
    sense.clean(none, whole, whole, 0, 1.0, np.zeros(1))
