# SPDX-License-Identifier: Apache-2.0
"""What is due, and what drifted: lists over all calibrations of the farm.

The rule it keeps: a figure comes from sealed records alone; a damaged file is named, never counted.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final, Literal

from drivers.calibration.methods import usual_span
from drivers.calibration.shelf import Shelf

SOON: Final = timedelta(days=14)
Grade = Literal["overdue", "soon", "in date", "maker's scale"]


@dataclass(frozen=True, slots=True)
class Due:
    """One series and when its calibration is due."""

    series: str
    record: str
    person: str
    due_at: datetime | None
    grade: Grade
    kept: int
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far instruments of one type were found off, as shares of the quantity's usual span."""

    quantity: str
    model: str
    records: int
    median_pct: float
    worst_pct: float


def due_list(shelf: Shelf, now: datetime) -> list[Due]:
    """Give every series with a calibration, the most urgent first."""
    rows = []
    for series in shelf.series():
        active = shelf.active(series)
        kept, refused = shelf.kept(series)
        grade: Grade = "maker's scale"
        if active is not None:
            left = active.due_at - now
            grade = "overdue" if left <= timedelta(0) else "soon" if left <= SOON else "in date"
        rows.append(
            Due(
                series,
                active.id if active else "",
                active.person if active else "",
                active.due_at if active else None,
                grade,
                len(kept),
                tuple(one.path.name for one in refused),
            )
        )
    return sorted(rows, key=lambda row: (row.due_at is None, row.due_at or now, row.series))


def drift_report(shelf: Shelf) -> list[Drift]:
    """Give the error found at calibration by quantity and instrument type, the worst type first.

    The first record of a probe is left out: what it found is the maker's work, not drift.
    """
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for series in shelf.series():
        for record in shelf.kept(series)[0]:
            if record.previous_hash:
                share = 100.0 * record.as_found_error / usual_span(record.quantity)
                found[record.quantity, record.device.model].append(share)
    rows = [Drift(kind, model, len(each), median(each), max(each)) for (kind, model), each in found.items()]
    return sorted(rows, key=lambda row: -row.median_pct)
