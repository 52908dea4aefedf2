# SPDX-License-Identifier: Apache-2.0
"""How the one configuration of bench/irrigation.py was chosen: candidates side by side on the tuning years alone.

    .venv/bin/python -m bench.irrigation_tuning maize|climates

The rule it keeps: no test year is run here, and a season never foresees itself (its year leaves its own climatology).
"""

import sys
from typing import Any

from bench.irrigation import FIXED_USD_HA, GRID, MAIZE, PLACES, PUBLISHED, Job, means, run, smt

CANDIDATES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no search each day": {"tries": 0},
    "no search at all": {"tries": 0, "first_tries": 0},
    "gifts from 12.5 mm": {"smallest_mm": 12.5},
    "97 % of the harvest": {"goal": 0.97},
}


def adaptive(tuned: dict[str, Any]) -> Job:
    """Make a policy of ours with other figures."""
    return {"kind": "adaptive", "tuned": tuned}


def maize() -> None:
    """Print the profit of each candidate on the maize's tuning years."""
    policies: dict[str, Job] = {"published": smt(PUBLISHED)} | {n: adaptive(t) for n, t in CANDIDATES.items()}
    years = MAIZE["tuning_years"]
    results = run([{"scenario": MAIZE, "year": year, "policy": one} for one in policies.values() for year in years])
    for i, name in enumerate(policies):
        grain, water = means(results[i * len(years) : (i + 1) * len(years)])
        profit = MAIZE["price"] * grain - MAIZE["cost_mm"] * water - FIXED_USD_HA
        print(f"{name:34}{grain:8.2f}{water:8.0f}{profit:9.0f}", flush=True)


def climates() -> None:
    """Print each candidate's yield and water against each place's grid, on three tuning years a place."""
    policies = [smt([90] * 4), *(smt(levels) for levels in GRID), *(adaptive(tuned) for tuned in CANDIDATES.values())]
    ours = len(policies) - len(CANDIDATES)
    below = dict.fromkeys(CANDIDATES, 0)
    for s in PLACES:
        years = s["tuning_years"][1::2][:3]
        results = run([{"scenario": s, "year": year, "policy": one} for one in policies for year in years])
        rows = [means(results[i * len(years) : (i + 1) * len(years)]) for i in range(len(policies))]
        best = max(row[0] for row in rows)
        grid_best = max(row[0] for row in rows[:ours])
        grid_mm = min(row[1] for row in rows[:ours] if row[0] >= 0.98 * grid_best)
        print(f"{s['climate']} {s['crop']}: grid {grid_mm:.0f} mm, 90 % {rows[0][1]:.0f} mm")
        for name, (grain, water) in zip(CANDIDATES, rows[ours:], strict=True):
            below[name] += water <= grid_mm and grain >= 0.98 * best
            print(f"  {name:34}{100.0 * grain / best:7.1f} %{water:8.0f} mm", flush=True)
    print({name: f"{count} of {len(PLACES)}" for name, count in below.items()})


if __name__ == "__main__":
    {"maize": maize, "climates": climates}[sys.argv[1]]()
