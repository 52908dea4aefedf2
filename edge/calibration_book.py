# SPDX-License-Identifier: Apache-2.0
"""The active calibrations in memory, ready for every reading.

The rule it keeps: the shelf on disk is read at start and when somebody activates a record, never in between; a
damaged record is reported and the one before it stays in force.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import apply_one
from drivers.calibration.shelf import Shelf
from edge.pipeline import Applied
from telemetry.records import Quality


@dataclass(frozen=True, slots=True)
class _Page:
    record: Calibration
    due_ms: float


class ShelfBook:
    """Applies each series' active calibration (``edge.pipeline.CalibrationBook``).

    ``wall`` gives the wall clock in ms and whether it may be trusted; while not, nothing is called overdue.
    """

    def __init__(self, shelf: Shelf, wall: Callable[[], tuple[int, bool]]) -> None:
        self._shelf = shelf
        self._wall = wall
        self._pages: dict[str, _Page] = {}
        for series in shelf.series():
            self._open(series, shelf.active(series))

    @property
    def active(self) -> dict[str, Calibration]:
        """The calibrations in force by series."""
        return {series: page.record for series, page in self._pages.items()}

    def apply(self, series: str, raw: float, mono_ms: int) -> Applied | None:  # noqa: ARG002 the port's shape
        """Turn the signal into truth by the active record; None where there is none."""
        page = self._pages.get(series)
        if page is None:
            return None
        record = page.record
        flags = 0
        if record.adjusted and not record.domain_low <= raw <= record.domain_high:
            flags |= Quality.EXTRAPOLATED
        wall_ms, clock_ok = self._wall()
        if clock_ok and wall_ms > page.due_ms:
            flags |= Quality.OVERDUE
        value = apply_one(record.curve, raw) if record.adjusted else None
        return Applied(value, record.id, record.expanded_uncertainty, int(flags))

    def activate(self, series: str, identity: str, person: str) -> Calibration | None:
        """Put a kept record in force ("" = the maker's scale). UnknownCalibration when there is no such record."""
        now = datetime.fromtimestamp(self._wall()[0] / 1000.0, UTC)
        chosen = self._shelf.activate(series, identity, person, now)
        self._open(series, chosen)
        return chosen

    def _open(self, series: str, record: Calibration | None) -> None:
        if record is None:
            self._pages.pop(series, None)
        else:
            self._pages[series] = _Page(record, record.due_at.timestamp() * 1000.0)
