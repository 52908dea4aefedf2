# SPDX-License-Identifier: Apache-2.0
"""One tick of a whole farm in one compiled call: believe, climate, water, people, safety, and what to store.

The rule it keeps: the order below is the order of authority; safety comes after everybody who asks. It is one call
because calling compiled code costs more than running it. All tables: ``controllers.kernels.columns``; the meaning of
each step is told in its own module.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes, house_rules, irrigation, records, safety, sense
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit
def apply_overrides(override: Floats, want: Floats, code_of: Floats) -> None:
    """Let people's levels (NaN: none) replace what the engine wants; they may be infinite, safety looks after that."""
    for o in range(override.shape[0]):
        if not math.isnan(override[o]):
            want[o] = override[o]
            code_of[o] = codes.OVERRIDE


@njit
def run_tick(
    now: float,
    dt: float,
    day: float,
    minute: float,
    clock_ok: float,
    stop: float,
    refused: int,
    stale_ms: float,
    grace_ms: float,
    mains_index: int,
    values: Floats,
    quality: Ints,
    age_ms: Ints,
    x: Floats,
    index_line: Ints,
    index_hazard: Ints,
    index_humidity: Ints,
    index_outside: Ints,
    index_moisture: Ints,
    g: Floats,
    f: Floats,
    op: Floats,
    os: Floats,
    lp: Floats,
    ls: Floats,
    lx: Floats,
    hp: Floats,
    hs: Floats,
    hx: Floats,
    hc: Floats,
    band: Floats,
    shade: Floats,
    zp: Floats,
    zs: Floats,
    zx: Floats,
    due_l: Floats,
    busy: Floats,
    first: Ints,
    members: Ints,
    override: Floats,
    ask: Floats,
    maintained: Floats,
    feedback: Floats,
    want: Floats,
    code_of: Floats,
    allowed: Floats,
    limit: Floats,
    hazards: Floats,
    kept: Floats,
    stored_ms: Floats,
    marks: Floats,
) -> tuple[int, int]:
    """Run one tick; give how many hazards changed and how many decisions are to be stored."""
    sense.clean(values, quality, age_ms, refused, stale_ms, x)
    sense.fill_lines(x, age_ms, now, index_line, lx)
    sense.fill_houses(x, age_ms, now, index_hazard, index_humidity, index_outside, hx, hc)
    sense.fill_zones(x, index_moisture, zp, hc, due_l, zx)
    house_rules.decide_houses(hc, band, shade, op, os, want, code_of)
    hour = minute if clock_ok > 0.0 else -1.0
    irrigation.decide(now, dt, hour, clock_ok, grace_ms, zp, zs, zx, os, lp, ls, busy, want, code_of)
    apply_overrides(override, want, code_of)
    irrigation.serve_lines(lp, lx, op, os, first, members, want, code_of)
    apply_overrides(override, want, code_of)
    mains = x[mains_index] if mains_index >= 0 else math.inf
    safety.run(
        now,
        day if clock_ok > 0.0 else math.nan,
        minute,
        mains,
        stop,
        g,
        f,
        op,
        os,
        lp,
        ls,
        lx,
        hp,
        hs,
        hx,
        first,
        members,
        want,
        ask,
        maintained,
        feedback,
        allowed,
        limit,
    )
    changed = safety.collect(f, os, ls, hs, limit, stop, hazards)
    return changed, records.find_changes(now, allowed, code_of, limit, kept, stored_ms, marks)
