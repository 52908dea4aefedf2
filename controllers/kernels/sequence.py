# SPDX-License-Identifier: Apache-2.0
"""In which order and when zones are watered, so that the pump runs in the cheap hours and everything is done in time.

The rules it keeps. Time is cut into equal slots; a pump costs by the slot in which it runs at all, so zones that fit
together share it. A plan never exceeds the flow budget, the zones at once, or one recipe at a time, and starts every
zone within its window; what does not fit gets -1 and the caller says so. Up to EXACT_MOST demands the plan is the
cheapest there is (branch and bound); beyond, the best of several orders improved by moving one and two demands.

Tables: demands ``d`` [D_*], one row each; slots ``s`` [S_*], one row each, with what already runs.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels.jit import njit, njit_counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

D_SLOTS, D_FLOW, D_RELEASE, D_LATEST, D_ROOM, D_RECIPE = range(6)  # slots, L/min, slot, slot, L/min, row
D_WIDTH = 6
S_COST, S_LOAD, S_COUNT, S_ROOM, S_RECIPE = range(5)  # money of a slot, L/min, zones, L/min, row (-2: none)
S_WIDTH = 5

EARLY = 1e-6  # of the dearest slot: what a slot of waiting costs, so that what costs nothing starts at once
EXACT_MOST = 4
NODES_MOST = 40_000
ROUNDS_MOST = 8
NONE = -2.0


@njit
def added_cost(i: int, start: int, d: Floats, s: Floats, at_once: float, early: float) -> float:
    """Give what demand ``i`` adds to the cost [money] when it starts in slot ``start``; inf when it does not fit.

    Source: docs/water.md.
    """
    slots = int(d[i, D_SLOTS])
    if start < d[i, D_RELEASE] or start > d[i, D_LATEST] or start + slots > s.shape[0]:
        return math.inf
    cost = early * (start - d[i, D_RELEASE])
    for t in range(start, start + slots):
        room = min(s[t, S_ROOM], d[i, D_ROOM])
        if s[t, S_COUNT] >= at_once or s[t, S_LOAD] + d[i, D_FLOW] > room * (1.0 + 1e-9):
            return math.inf
        if s[t, S_RECIPE] != NONE and s[t, S_RECIPE] != d[i, D_RECIPE]:
            return math.inf
        if s[t, S_COUNT] == 0.0:
            cost += s[t, S_COST]
    return float(cost)


@njit
def put(i: int, start: int, d: Floats, s: Floats) -> None:
    """Let demand ``i`` occupy its slots [L/min]. Source: docs/water.md."""
    for t in range(start, start + int(d[i, D_SLOTS])):
        s[t, S_LOAD] += d[i, D_FLOW]
        s[t, S_COUNT] += 1.0
        s[t, S_ROOM] = min(s[t, S_ROOM], d[i, D_ROOM])
        s[t, S_RECIPE] = d[i, D_RECIPE]


@njit
def best_start(i: int, d: Floats, s: Floats, at_once: float, early: float) -> tuple[int, float]:
    """Give the slot in which demand ``i`` adds least [money], the first of equals; (-1, inf) when it fits nowhere.

    Source: docs/water.md.
    """
    found, least = -1, math.inf
    for start in range(int(d[i, D_RELEASE]), int(min(d[i, D_LATEST], s.shape[0] - d[i, D_SLOTS])) + 1):
        cost = added_cost(i, start, d, s, at_once, early)
        if cost < least - 1e-12:
            found, least = start, cost
    return found, least


@njit_counted
def rebuild(starts: Ints, but_a: int, but_b: int, d: Floats, free: Floats, s: Floats) -> None:
    """Set the slots to what runs already plus all placed demands but two [L/min]. Source: docs/water.md."""
    s[:, :] = free
    for i in range(starts.shape[0]):
        if starts[i] >= 0 and i not in (but_a, but_b):
            put(i, starts[i], d, s)


@njit_counted
def value(starts: Ints, d: Floats, free: Floats, early: float, missed: float) -> float:
    """Give the cost [money] of a plan; a demand without a place costs ``missed``. Source: docs/water.md."""
    s = free.copy()
    total = 0.0
    for i in range(starts.shape[0]):
        if starts[i] < 0:
            total += missed
            continue
        total += early * (starts[i] - d[i, D_RELEASE])
        for t in range(starts[i], starts[i] + int(d[i, D_SLOTS])):
            if s[t, S_COUNT] == 0.0:
                total += s[t, S_COST]
            s[t, S_COUNT] += 1.0
    return total


@njit_counted
def place_all(order: Ints, d: Floats, free: Floats, at_once: float, early: float, starts: Ints) -> None:
    """Place the demands one after the other where each adds least [money]. Source: docs/water.md."""
    s = free.copy()
    for at in range(order.shape[0]):
        i = order[at]
        starts[i], _ = best_start(i, d, s, at_once, early)
        if starts[i] >= 0:
            put(i, starts[i], d, s)


@njit_counted
def improve(starts: Ints, d: Floats, free: Floats, at_once: float, early: float, missed: float) -> float:
    """Move one demand, then two at a time, while that lowers the cost [money]; give it. Source: docs/water.md."""
    n = starts.shape[0]
    s = free.copy()
    best = value(starts, d, free, early, missed)
    for _ in range(ROUNDS_MOST):
        before = best
        for a in range(n):
            for b in range(a, n):
                old_a, old_b = starts[a], starts[b]
                for swap in range(2):
                    one, two = (a, b) if swap == 0 else (b, a)
                    rebuild(starts, a, b, d, free, s)
                    starts[one], _ = best_start(one, d, s, at_once, early)
                    if starts[one] >= 0:
                        put(one, starts[one], d, s)
                    if a != b:
                        starts[two], _ = best_start(two, d, s, at_once, early)
                    now = value(starts, d, free, early, missed)
                    if now < best - 1e-12:
                        best, old_a, old_b = now, starts[a], starts[b]
                    starts[a], starts[b] = old_a, old_b
        if best >= before:
            break
    return best


@njit_counted
def search(d: Floats, free: Floats, at_once: float, early: float, missed: float, starts: Ints, best: float) -> float:
    """Try all starts of few demands, leaving out what cannot beat ``best`` [money]; the best stay in ``starts``.

    Source: depth-first branch and bound, Land and Doig (1960), Econometrica 28, 497-520.
    """
    n, slots = d.shape[0], free.shape[0]
    now = np.full(n, -2, dtype=np.int64)  # -2: not tried, -1: left out
    spent = np.zeros(n + 1)
    tables = np.zeros((n + 1, slots, free.shape[1]))
    tables[0] = free
    level, nodes = 0, 0
    while level >= 0 and nodes < NODES_MOST:
        nodes += 1
        first = int(d[level, D_RELEASE])
        start = first if now[level] == -2 else now[level] + 1
        last = int(min(d[level, D_LATEST], slots - d[level, D_SLOTS]))
        cost = math.inf
        while start <= last:
            cost = added_cost(level, start, d, tables[level], at_once, early)
            if spent[level] + cost < best - 1e-12:
                break
            start += 1
        if start > last:  # nothing better here: leave it out once, then go back
            if now[level] < slots and spent[level] + missed < best - 1e-12:
                now[level], cost = slots, missed
                tables[level + 1] = tables[level]
            else:
                now[level] = -2
                level -= 1
                continue
        else:
            now[level] = start
            tables[level + 1] = tables[level]
            put(level, start, d, tables[level + 1])
        spent[level + 1] = spent[level] + cost
        if level + 1 == n:
            best = float(spent[n])
            for i in range(n):
                starts[i] = now[i] if now[i] < slots else -1
        else:
            level += 1
            now[level] = -2
    return best


@njit_counted
def plan(d: Floats, free: Floats, at_once: float, starts: Ints) -> float:
    """Write the slot in which each demand starts (-1: no place for it) and give the cost [money] of the plan.

    Source: docs/water.md.
    """
    n = d.shape[0]
    dearest = max(np.max(free[:, S_COST]), 0.0) if free.shape[0] else 0.0
    early = EARLY * (dearest + 1.0)
    missed = 1e3 * (dearest + 1.0) * (free.shape[0] + 1.0)
    best = math.inf
    tried = np.full(n, -1, dtype=np.int64)
    for rule in range(4):
        key: Floats = d[:, D_LATEST].copy()
        if rule == 1:
            key = -d[:, D_SLOTS]
        elif rule == 2:
            key = -d[:, D_FLOW]
        elif rule == 3:
            key = d[:, D_RECIPE] * 1e3 - d[:, D_SLOTS]
        place_all(np.argsort(key, kind="mergesort"), d, free, at_once, early, tried)
        improved = improve(tried, d, free, at_once, early, missed)
        if improved < best - 1e-12:
            best = improved
            starts[:] = tried
    if 1 < n <= EXACT_MOST:
        best = search(d, free, at_once, early, missed, starts, best)
    return best


def warm_up() -> None:
    """Compile or load the planner for float tables."""
    plan(np.array([[1.0, 1.0, 0.0, 1.0, 9.0, -1.0]] * 2), np.array([[1.0, 0.0, 0.0, 9.0, NONE]] * 3), 1.0,
         np.zeros(2, dtype=np.int64))  # fmt: skip
