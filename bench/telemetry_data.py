# SPDX-License-Identifier: Apache-2.0
"""The data of the telemetry bench: 50 series every 10 s, as a farm's instruments would round them."""

from collections.abc import Iterator
from math import pi
from typing import Final

import numpy as np

from telemetry.records import AnyRecord, Reading, Sample

START_MS: Final = 1_788_220_800_000  # 2026-09-01, midnight UTC
PERIOD_MS: Final = 10_000
KINDS: Final = (
    ("air_temperature", 26.0, 4.0, 1, "°C"),
    ("air_humidity", 75.0, 12.0, 0, "%"),
    ("co2", 450.0, 60.0, 0, "ppm"),
    ("soil_moisture", 31.0, 3.0, 1, "%"),
    ("soil_ec", 1.8, 0.2, 2, "mS/cm"),
)
SERIES: Final = tuple(f"zone-{zone}/{kind[0]}" for zone in range(10) for kind in KINDS)


def values(seed: int, steps: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Give steps × 50 values: a day's swing, a slow walk and the noise of one last digit."""
    rng = np.random.default_rng(seed)
    at = np.arange(steps)
    out = np.empty((steps, len(SERIES)))
    for column in range(len(SERIES)):
        _, mean, swing, digits, _ = KINDS[column % len(KINDS)]
        day = swing * np.sin(2 * pi * (at * PERIOD_MS / 86_400_000 + column / 50))
        walk = np.cumsum(rng.normal(0, swing / 2_000, steps))
        noise = rng.normal(0, 0.25, steps) / 10.0**digits
        out[:, column] = np.round(mean + day + walk + noise, digits)
    return out


def records(row: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", mono_ms: int) -> list[AnyRecord]:
    """Give one poll of all instruments: a reading and a sample for each series."""
    readings: list[AnyRecord] = []
    samples: list[AnyRecord] = []
    for column, value in enumerate(row.tolist()):
        unit = KINDS[column % len(KINDS)][4]
        at = mono_ms + column // 5 * 130
        readings.append(Reading(SERIES[column], f"probe-{column // 5}", at, value, unit))
        samples.append(Sample(SERIES[column], at, value, value, 0, "", 0.3))
    return readings + samples


def polls(seed: int, count: int) -> Iterator[tuple[int, list[AnyRecord]]]:
    """Give ``count`` polls with their monotonic times."""
    for step, row in enumerate(values(seed, count)):
        yield step * PERIOD_MS, records(row, step * PERIOD_MS)
