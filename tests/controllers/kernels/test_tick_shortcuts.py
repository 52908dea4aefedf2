# SPDX-License-Identifier: Apache-2.0
"""What makes a tick of many zones quick changes no number: tables by columns, outputs at rest, the list of hazards."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.kernels import codes, safety, safety_hazards
from controllers.kernels import columns as c
from controllers.kernels.packed import pack_floats, table, vector

NOW = 7_200_000.0
DT = 1_000.0


def test_tables_packed_by_columns_read_and_write_as_the_tables_did() -> None:
    chance = np.random.default_rng(1)
    arrays = [chance.random((3, 4)), chance.random(5), chance.random((1, 6)), np.zeros((0, 2)), chance.random((7, 1))]
    memory, shape, views = pack_floats(arrays)
    for i, (array, view) in enumerate(zip(arrays, views, strict=True)):
        seen = table(memory, shape, i) if array.ndim == 2 else vector(memory, shape, i)
        assert np.array_equal(seen, array)
        assert np.array_equal(view, array)
        assert np.shares_memory(view, memory) or view.size == 0
    views[0][2, 1] = 9.0
    assert table(memory, shape, 0)[2, 1] == 9.0


def farm(seed: int) -> tuple[np.ndarray, ...]:
    """One output of any kind on one line and in one house, with anything in its tables."""
    chance = np.random.default_rng(seed)
    op, os, ds = np.zeros((1, c.O_WIDTH)), np.zeros((1, c.S_WIDTH)), np.zeros((1, c.D_WIDTH))
    op[0, c.O_KIND] = chance.integers(0, 11)
    op[0, [c.O_HOUSE, c.O_LINE]] = chance.integers(-1, 1, 2)
    if op[0, c.O_KIND] in (c.VALVE, c.DOSER):
        op[0, c.O_LINE] = 0.0
    op[0, [c.O_SAFE, c.O_PROPORTIONAL, c.O_MAINS, c.O_FED]] = chance.integers(0, 2, 4)
    op[0, [c.O_MAX_ON_MS, c.O_MIN_OFF_MS, c.O_DAY_ON_MS]] = chance.choice([0.0, 500.0, 5e5, 1e9], 3)
    op[0, [c.O_STORM, c.O_HEAT, c.O_FROST, c.O_BLIND, c.O_BLIND_COLD]] = chance.choice([math.nan, 0.0, 1.0], 5)
    op[0, [c.O_FLOW_L_MIN, c.O_CAP_L, c.O_ML_S, c.O_EVENT_ML, c.O_HOUR_ML, c.O_DAY_ML, c.O_SALT]] = chance.random(7) * 9
    os[0] = chance.choice([0.0, 0.0, 1.0, 5.0, NOW - 600.0, NOW - 4e5, NOW + 5.0], c.S_WIDTH)
    os[0, c.S_LEVEL] = chance.choice([0.0, 0.0, 0.4, 1.0])
    ds[0] = chance.random(c.D_WIDTH)
    g, f = chance.random(c.G_WIDTH) * 1e6, chance.choice([0.0, NOW - 500.0, 1.0], c.F_WIDTH)
    ls = chance.choice([0.0, 0.0, 1.0, float(codes.LEAK), NOW - 500.0], (1, c.T_WIDTH))
    hs = chance.choice([0.0, float(codes.HEAT), float(codes.FROST), float(codes.STORM)], (1, c.U_WIDTH))
    return op, os, ds, g, f, ls, hs


def plainly_gated(
    want: float, ask: float, maintained: float, stop: float, tables: tuple[np.ndarray, ...]
) -> tuple[float, float]:
    """The gate as it is told in words: every limit is asked for every output, then those that hold are kept."""
    op, os, ds, g, f, ls, hs = tables
    safe = safety.unit_level(op[0, c.O_SAFE], op[0, c.O_PROPORTIONAL])
    level, code = safe, float(codes.NOT_A_NUMBER)
    if math.isfinite(want):
        level, code = safety.unit_level(want, op[0, c.O_PROPORTIONAL]), 0.0
    if op[0, c.O_HOUSE] >= 0.0:
        forced, cause = safety.house_force(0, 0, op, hs)
        if math.isfinite(forced) and forced != level:
            level, code = forced, cause
    if op[0, c.O_KIND] == c.DOSER:
        still = ls[0, c.T_EXPECTED] <= 0.0 or NOW - ls[0, c.T_CHANGED] <= DT
        if still if op[0, c.O_FED] > 0.0 else level == 0.0:
            os[0, c.S_EVENT_ML] = 0.0
    asked = level
    own = safety.time_veto(0, NOW, asked > 0.0, op, os)
    if asked > 0.0:
        first = safety.line_veto(0, DT, NOW, g, op, os, ls) or safety.dose_veto(0, DT, op, os, ds) or own
        if first:
            level, code = 0.0, first
    if maintained > 0.0 and ask != c.ASK_LOCAL and asked != safe:
        level, code = safe, float(codes.MAINTENANCE)
    start = safety.start_veto(0, NOW, g, op, os, f)
    if start and asked > 0.0:
        level, code = 0.0, start
    if stop > 0.0 and op[0, c.O_KIND] != c.SIREN and asked > 0.0:
        level, code = 0.0, float(codes.STOP_ALL)
    return level, code


@settings(deadline=None, max_examples=400)
@given(
    seed=st.integers(0, 10**9), want=st.sampled_from([0.0, 0.3, 1.0, math.nan, math.inf]), ask=st.integers(0, 2),
    maintained=st.integers(0, 1), stop=st.integers(0, 1),
)  # fmt: skip
def test_an_output_at_rest_is_judged_as_if_every_limit_were_asked(
    seed: int, want: float, ask: int, maintained: int, stop: int
) -> None:
    one, two = farm(seed), farm(seed)
    op, os, ds, g, f, ls, hs = one
    quick = safety.gate_output(
        0, DT, NOW, want, float(ask), float(maintained), float(stop), g, f, op, os, ds, ls, hs
    )  # fmt: skip
    assert quick == plainly_gated(want, float(ask), float(maintained), float(stop), two)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


def test_each_hazard_has_its_place_in_the_list_and_only_what_changed_is_counted() -> None:
    f, os, ls, hs = np.zeros(c.F_WIDTH), np.zeros((2, c.S_WIDTH)), np.zeros((2, c.T_WIDTH)), np.zeros((1, c.U_WIDTH))
    f[c.F_MAINS_OFF], f[c.F_LAST] = 1.0, NOW
    ls[0, c.T_STOP], ls[1, c.T_DOSE_STOP], ls[1, c.T_FILL_STOP] = codes.LEAK, codes.PROBE_DRY, codes.TANK_HIGH
    hs[0, c.U_HAZARD], hs[0, c.U_STORM] = codes.HEAT, codes.STORM
    os[0, c.S_FAULT_UNTIL], os[1, c.S_ODD] = NOW + 1.0, codes.STUCK_ON
    limit, hazards = np.array([0.0, float(codes.MAX_ON)]), np.zeros(2 + 6 + 2 + 4)
    wanted = [
        codes.MAINS, codes.STOP_ALL, codes.LEAK, 0, 0, 0, codes.PROBE_DRY, codes.TANK_HIGH, codes.HEAT, codes.STORM,
        codes.NO_FLOW, 0, codes.MAX_ON, codes.STUCK_ON,
    ]  # fmt: skip
    assert safety_hazards.collect(f, os, ls, hs, limit, 1.0, hazards) == sum(code != 0 for code in wanted)
    assert hazards.tolist() == [float(code) for code in wanted]
    ls[0, c.T_STOP] = 0.0
    assert safety_hazards.collect(f, os, ls, hs, limit, 1.0, hazards) == 1
    assert hazards[2] == 0.0
