# SPDX-License-Identifier: Apache-2.0
"""Calibration in numbers: one sensor-year at 10 s recomputed from raw, against the same row by row.

    .venv/bin/python -m bench.calibration

The rows do what the agent does for each reading: the curve (``apply_one``), the domain, the range, the due date. Both
ways must give the same values and the same flags. A straight line is the case in which rows fare best, so it is the one
that ``ratio_vs_rows`` tells.
"""

import json
import math
import time
from collections.abc import Sequence

import msgspec
import numpy as np

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import Beside, Curve, apply_one
from drivers.calibration.probes import Cell, Nernst
from drivers.calibration.recompute import GIVEN_BY_CALIBRATION, recompute
from drivers.calibration.shapes import Linear, Polynomial
from drivers.calibration.soils import Soil
from telemetry.quantities import quantity
from telemetry.records import Quality
from tests.drivers.calibration.walk import record

POINTS = 3_153_600  # 365 days at 10 s
ROWS = 50_000  # the rows are timed on a part and scaled
START_MS = 1_764_000_000_000
EXTRAPOLATED, RANGE, OVERDUE = int(Quality.EXTRAPOLATED), int(Quality.RANGE), int(Quality.OVERDUE)


CASES: tuple[tuple[str, Curve, float, float], ...] = (
    ("linear", Linear(0.02, 1.03), 7.0, 1.5),
    ("polynomial", Polynomial((7.0, 3.1, 0.05), 7.0, 3.0), 7.0, 1.5),
    ("Nernst, °C", Nernst(5.0, 0.97, 0.99), 0.0, 120.0),
    ("EC cell, °C", Cell(1.05, 0.01), 3.0, 1.0),
    ("TEROS soil", Soil("teros-soilless"), 2500.0, 150.0),
)


def row_by_row(
    made: Calibration, wall_ms: Sequence[int], raw: Sequence[float], quality: Sequence[int],
    warm: Sequence[float],
) -> tuple[list[float], list[int]]:  # fmt: skip
    """Compute each reading as it comes."""
    known, due_ms = quantity(made.quantity), made.due_at.timestamp() * 1000.0
    values, flags = [], []
    for at_ms, signal, before, celsius in zip(wall_ms, raw, quality, warm, strict=True):
        value = apply_one(made.curve, signal, Beside(celsius))
        flag = before & ~GIVEN_BY_CALIBRATION
        if not math.isnan(signal):
            if not made.domain_low <= signal <= made.domain_high:
                flag |= EXTRAPOLATED
            if not known.low <= value <= known.high:
                flag |= RANGE
        if at_ms > due_ms:
            flag |= OVERDUE
        values.append(value)
        flags.append(flag)
    return values, flags


def main() -> None:
    """Time both ways for every kind of curve."""
    chance = np.random.default_rng(1)
    wall = START_MS + 10_000 * np.arange(POINTS)
    quality = np.where(chance.random(POINTS) < 0.001, int(Quality.COMM), int(Quality.UNCALIBRATED))
    warm = 22.0 + 6.0 * np.sin(np.arange(POINTS) / 1375.0)
    found = []
    sample = record()
    print(f"{'curve':14}{'1 year, s':>11}{'points/s':>14}{'rows/s':>12}{'times':>8}")
    for name, curve, centre, spread in CASES:
        raw = chance.normal(centre, spread, POINTS)
        raw[quality == int(Quality.COMM)] = np.nan
        made = msgspec.structs.replace(sample, curve=curve, domain_low=centre - spread, domain_high=centre + 2 * spread)
        beside = Beside(warm)
        fast_s = math.inf
        for _ in range(3):
            began = time.perf_counter()
            new = recompute(made, wall, raw, quality, beside)
            fast_s = min(fast_s, time.perf_counter() - began)
        part = (wall[:ROWS].tolist(), raw[:ROWS].tolist(), quality[:ROWS].tolist(), warm[:ROWS].tolist())
        slow_s = math.inf
        for _ in range(3):
            began = time.perf_counter()
            values, flags = row_by_row(made, *part)
            slow_s = min(slow_s, time.perf_counter() - began)
        assert np.allclose(values, new.value[:ROWS], rtol=1e-12, equal_nan=True), name
        assert flags == new.quality[:ROWS].tolist(), name
        ratio = (slow_s / ROWS) / (fast_s / POINTS)
        found.append((fast_s, ratio))
        print(f"{name:14}{fast_s:11.3f}{POINTS / fast_s:14,.0f}{ROWS / slow_s:12,.0f}{ratio:8.0f}")
    worst_s = max(seconds for seconds, _ in found)
    ratio = found[0][1]
    told = {
        "recompute_points_per_s": round(POINTS / worst_s),
        "year_s": round(worst_s, 3),
        "ratio_vs_rows": round(ratio, 1),
        "ratio_min": round(min(each for _, each in found), 1),
        "points": POINTS,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
