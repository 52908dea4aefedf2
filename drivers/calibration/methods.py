# SPDX-License-Identifier: Apache-2.0
"""The ways to calibrate: which points, in which order, when a signal is still, what is fitted, when it is due again.

The rule it keeps: a method is data; its version goes into the record, so that a certificate can be read years later.
Due times are the intervals that makers and VietGAP-style farm rules usually ask; a farm may shorten them.
"""

from typing import Final, Literal

import msgspec

from drivers.calibration.stability import Criterion
from telemetry.quantities import quantity

FitKind = Literal["offset", "linear", "nernst", "cell"]


class PointPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One point: what the person does (English msgid), the truth proposed (None: he enters it) and its limits."""

    prompt: str
    truth: float | None = None
    low: float = float("-inf")
    high: float = float("inf")


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to calibrate one or more quantities."""

    name: str
    version: int
    title: str  # English msgid
    quantities: tuple[str, ...]  # () = every quantity that is not a running total
    fit: FitKind
    points: tuple[PointPlan, ...]
    spread_min_share: float  # the references must differ by this share of the quantity's usual span
    due_days: int


_LOW = "Put the probe where the value is low and known, and enter the reference's value."
_HIGH = "Put the probe where the value is high and known, and enter the reference's value."
_BESIDE = "Hold the reference instrument beside the probe and enter what it shows."

METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        Method(
            "two-point",
            1,
            "Two points against a reference",
            (),
            "linear",
            (PointPlan(_LOW), PointPlan(_HIGH)),
            0.05,
            180,
        ),
        Method("one-point", 1, "One point against a reference", (), "offset", (PointPlan(_BESIDE),), 0.0, 180),
    )
}

# How much a signal may move while it is called still: share of the quantity's usual span.
_SD_SHARE: Final = 0.004
_DRIFT_SHARE: Final = 0.004
# What a quantity usually spans on a farm; where it is not named, its plausible range.
_USUAL_SPAN: Final[dict[str, float]] = {
    "air_temperature": 40.0,
    "soil_temperature": 30.0,
    "water_temperature": 30.0,
    "air_humidity": 70.0,
    "soil_moisture": 50.0,
    "co2": 2000.0,
    "ppfd": 2000.0,
    "solar_radiation": 1100.0,
    "soil_ec": 4.0,
    "water_ec": 4.0,
    "water_ph": 6.0,
    "soil_ph": 6.0,
    "water_flow": 60.0,
    "water_pressure": 400.0,
    "water_level": 3.0,
}


def methods_for(name: str) -> list[Method]:
    """Give the methods that fit the quantity called ``name``; none for running totals."""
    if quantity(name).cumulative:
        return []
    return [method for method in METHODS.values() if not method.quantities or name in method.quantities]


def usual_span(name: str) -> float:
    """Give what the quantity usually spans on a farm, in its unit."""
    known = quantity(name)
    return _USUAL_SPAN.get(name, known.high - known.low)


def criterion_for(name: str, period_s: float) -> Criterion:
    """Say when a signal of this quantity, read every ``period_s``, counts as still."""
    span = usual_span(name)
    window_s = max(10.0, 5.0 * period_s)
    return Criterion(window_s, max(3, min(8, int(0.6 * window_s / period_s))), _SD_SHARE * span, _DRIFT_SHARE * span)
