# SPDX-License-Identifier: Apache-2.0
"""Irrigation in closed loop on AquaCrop-OSPy: ``adaptive`` against thresholds, intervals, a grid search and faults.

    .venv/bin/python -m bench.irrigation [--plots]     --plots writes docs/img/irrigation-*.svg anew

The controller sees past weather, a noisy forecast of seven days and noisy probes; its climatology is the tuning years',
the figures are the test years'. The grid search of six climates is made with hindsight on the very test years.
"""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from bench._bars import bars
from bench._venv import ROOT, venv_python

Job = dict[str, Any]

MAIZE: Job = {
    "climate": "champion", "crop": "Maize", "soil": "SiltClayLoam", "planting": "05/01", "start_pct": 70,
    "price": 180.0, "cost_mm": 1.0, "tuning_years": list(range(1982, 2016, 3)),
}  # fmt: skip
FIXED_USD_HA = 1728.0
MAIZE_TEST = list(range(1983, 2017, 3))
PUBLISHED = [69.9, 56.8, 35.3, 11.1]


def place(climate: str, crop: str, planting: str, soil: str, tuning: range, test: tuple[int, ...]) -> Job:
    """Make a scenario."""
    return {
        "climate": climate, "crop": crop, "planting": planting, "soil": soil, "start_pct": 50,
        "tuning_years": list(tuning), "test_years": list(test),
    }  # fmt: skip


PLACES = (
    place("brussels", "Potato", "04/25", "SandyLoam", range(1977, 2004, 4), (1978, 1986, 1994)),
    place("tunis", "Wheat", "11/01", "SandyLoam", range(1980, 2000, 3), (1981, 1987, 1994)),
    place("hyderabad", "Tomato", "11/15", "SandyLoam", range(2000, 2009, 2), (2001, 2003, 2007)),
    place("champion", "Soybean", "05/10", "Loam", range(1982, 2016, 3), (1983, 1992, 2004)),
    place("suffolk", "SugarBeet", "04/01", "SandyLoam", range(1992, 2020, 4), (1995, 2003, 2010)),
    place("cordoba", "Tomato", "04/20", "Loam", range(1992, 2020, 4), (1995, 2003, 2010)),
)
GRID = [[level] * 3 + [level * late] for level in (25, 35, 45, 55, 65, 75) for late in (1.0, 0.6, 0.3)]
OURS: Job = {"kind": "adaptive"}
FAULTS: Job = {"kind": "adaptive", "bias": 0.05, "missing": 0.10}


def smt(levels: list[float]) -> Job:
    """Make a threshold policy from percentages of the available water per stage."""
    return {"kind": "smt", "smt": levels}


def run(jobs: list[Job]) -> list[Job]:
    """Run seasons in the crop model's venv."""
    done = subprocess.run(
        [str(venv_python("bench-irrigation")), str(ROOT / "bench" / "_aquacrop_worker.py")],
        input=json.dumps(jobs),
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=900,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def means(results: list[Job]) -> tuple[float, float]:
    """Give the mean yield [t/ha] and water [mm]."""
    return float(np.mean([r["yield"] for r in results])), float(np.mean([r["mm"] for r in results]))


def maize() -> dict[str, float]:
    """Run the Nebraska economics; give the mean profit [USD/ha] of each policy on the test years."""
    policies: dict[str, Job] = {
        "rainfed": {"kind": "rainfed"}, "interval 7 d": {"kind": "interval"}, "threshold 50": smt([50] * 4),
        "threshold 90": smt([90] * 4), "published": smt(PUBLISHED), "adaptive": OURS, "adaptive, faults": FAULTS,
    }  # fmt: skip
    jobs = [{"scenario": MAIZE, "year": year, "policy": one} for one in policies.values() for year in MAIZE_TEST]
    results, profit = run(jobs), {}
    print(f"{'Nebraska maize, 12 test years':32}{'t/ha':>8}{'mm':>8}{'USD/ha':>9}")
    ours = [r for r in results if "model_yield" in r]
    for i, name in enumerate(policies):
        grain, water = means(results[i * len(MAIZE_TEST) : (i + 1) * len(MAIZE_TEST)])
        profit[name] = MAIZE["price"] * grain - MAIZE["cost_mm"] * water - FIXED_USD_HA
        print(f"{name:32}{grain:8.2f}{water:8.0f}{profit[name]:9.0f}", flush=True)
    worst = max(abs(r["model_yield"] / r["yield"] - 1.0) for r in ours)
    spent = np.mean([r["ms_a_day"] for r in ours])
    print(f"the look-ahead's yield against AquaCrop's: {worst:.1%} off at worst; {spent:.0f} ms of CPU a zone and day")
    plot(
        "maize", "Nebraska maize, profit [USD/ha], mean of 12 test years", {n: {"profit": v} for n, v in profit.items()}
    )
    return profit


def climates() -> dict[str, Any]:
    """Run six climates and crops with one configuration; compare water with each place's own grid search."""
    policies = [OURS, smt([90] * 4), *(smt(levels) for levels in GRID)]
    jobs = [
        {"scenario": s, "year": year, "policy": one} for s in PLACES for one in policies for year in s["test_years"]
    ]
    results, at = run(jobs), 0
    le_grid, pct, against_90 = 0, [], []
    drawn: dict[str, dict[str, float]] = {}
    print(
        f"\n{'climate, crop':24}{'best t/ha':>10}{'ours t/ha':>10}{'%':>7}{'ours mm':>9}{'grid mm':>9}{'SMT90 mm':>9}"
    )
    for s in PLACES:
        size = len(s["test_years"])
        rows = [means(results[at + i * size : at + (i + 1) * size]) for i in range(len(policies))]
        at += size * len(policies)
        best = max(row[0] for row in rows)
        # the grid may not reach what ours yields; then it is held to its own best
        grid_best = max(row[0] for row in rows[1:])
        grid_mm = min(row[1] for row in rows[1:] if row[0] >= 0.98 * grid_best)
        (grain, water), full_mm = rows[0], rows[1][1]
        le_grid += water <= grid_mm
        pct.append(100.0 * grain / best)
        against_90.append(water / full_mm)
        name = f"{s['climate']} {s['crop']}"
        drawn[name] = {"adaptive": water, "grid search": grid_mm, "90 % threshold": full_mm}
        print(
            f"{name:24}{best:10.2f}{grain:10.2f}{pct[-1]:10.1f}{water:10.0f}{grid_mm:10.0f}{full_mm:10.0f}", flush=True
        )
    plot("climates", "Water [mm], mean of three test years", drawn)
    return {
        "climates": len(PLACES), "water_le_grid": f"{le_grid} of {len(PLACES)}",
        "yield_pct_min": round(min(pct), 1), "water_vs_smt90_median": round(float(np.median(against_90)), 3),
    }  # fmt: skip


def plot(name: str, title: str, rows: dict[str, dict[str, float]]) -> None:
    """Write a picture for the documentation, where that was asked."""
    if "--plots" in sys.argv:
        (ROOT / "docs" / "img" / f"irrigation-{name}.svg").write_text(bars(title, rows), encoding="utf-8")


def main() -> None:
    """Print the tables and the JSON line."""
    profit = maize()
    found = climates()
    ours = profit["adaptive"]
    print(
        json.dumps(
            {
                "maize_profit_usd_ha": round(ours, 1),
                "maize_published": round(profit["published"], 1),
                "foresight": 520,
                **found,
                "fault_loss_pct": round(100.0 * (ours - profit["adaptive, faults"]) / ours, 2),
                "maize_profits": {name: round(value, 1) for name, value in profit.items()},
                "notes": "foresight: a local search with perfect foresight made once, not in this run; best t/ha is the"
                " best of ours, the 90 % threshold and the 18 grid points, on the test years",
            }
        )
    )


if __name__ == "__main__":
    main()
