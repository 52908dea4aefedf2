# SPDX-License-Identifier: Apache-2.0
"""The active calibrations in memory, ready for every reading.

The rule it keeps: the shelf on disk is read at start and when somebody activates a record, never in between; a
damaged record is reported and the one before it stays in force.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, nan
from typing import Final

from drivers.calibration.artifact import Calibration
from drivers.calibration.curves import Beside, apply_one, needs_temperature
from drivers.calibration.probes import STANDARD_HPA, GasPressure
from drivers.calibration.shelf import Shelf
from drivers.calibration.soils import Hilhorst
from edge.beside import neighbours
from edge.pipeline import Applied, scale_of
from telemetry.records import Quality

# What is measured beside a probe counts for so long; soil and water change slowly.
BESIDE_MAX_MS: Final = 600_000
_COMPANIONS: Final = frozenset({
    "air_temperature", "water_temperature", "soil_temperature", "air_pressure", "soil_permittivity",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Page:
    record: Calibration
    due_ms: float
    needs: tuple[str, ...]
    points_c: float  # the mean temperature at the points


class ShelfBook:
    """Applies each series' active calibration (``edge.pipeline.CalibrationBook``).

    ``wall`` gives the wall clock in ms and whether it may be trusted; while not, nothing is called overdue.
    ``units`` gives the unit of each series' signal, so that what is beside a probe can be understood.
    """

    def __init__(
        self,
        shelf: Shelf,
        wall: Callable[[], tuple[int, bool]],
        units: Mapping[str, str] | None = None,
    ) -> None:
        self._shelf = shelf
        self._wall = wall
        self._units = units or {}
        self._pages: dict[str, _Page] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        self._beside: dict[str, dict[str, str]] = {}
        self.on_change: Callable[[], None] = lambda: None
        for series in shelf.series():
            self._open(series, shelf.active(series))

    @property
    def active(self) -> dict[str, Calibration]:
        """The calibrations in force by series."""
        return {series: page.record for series, page in self._pages.items()}

    def apply(self, series: str, raw: float, mono_ms: int) -> Applied | None:
        """Turn the signal into truth by the active record; None where there is none."""
        page = self._pages.get(series)
        if page is None:
            if series.partition("/")[2] in _COMPANIONS:
                self._seen[series] = (mono_ms, self._canonical(series, raw))
            return None
        record = page.record
        flags = 0
        if record.adjusted and not record.domain_low <= raw <= record.domain_high:
            flags |= Quality.EXTRAPOLATED
        wall_ms, clock_ok = self._wall()
        if clock_ok and wall_ms > page.due_ms:
            flags |= Quality.OVERDUE
        value: float | None = None
        if record.adjusted:
            conditions, known = self._conditions(series, page, mono_ms)
            value = apply_one(record.curve, raw, conditions)
            if not known:
                flags |= Quality.STALE  # what is beside the probe is
        if series.partition("/")[2] in _COMPANIONS:
            self._seen[series] = (mono_ms, self._canonical(series, raw) if value is None else value)
        return Applied(value, record.id, record.expanded_uncertainty, int(flags))

    def activate(self, series: str, identity: str, person: str, reason: str = "") -> Calibration | None:
        """Put a kept record in force ("" = the maker's scale). UnknownCalibration when there is no such record."""
        now = datetime.fromtimestamp(self._wall()[0] / 1000.0, UTC)
        chosen = self._shelf.activate(series, identity, person, now, reason)
        self._open(series, chosen)
        self.on_change()
        return chosen

    def due(self, within_ms: float) -> Iterable[tuple[str, Calibration, float]]:
        """Give what is due within ``within_ms``, with the milliseconds left (negative: overdue); none while the
        wall clock is not to be trusted.
        """
        wall_ms, clock_ok = self._wall()
        if clock_ok:
            for series, page in self._pages.items():
                if page.due_ms - wall_ms <= within_ms:
                    yield series, page.record, page.due_ms - wall_ms

    def _canonical(self, series: str, raw: float) -> float:
        factor, offset = scale_of(self._units.get(series, ""), series.partition("/")[2])
        return raw * factor + offset

    def _conditions(self, series: str, page: _Page, mono_ms: int) -> tuple[Beside, bool]:
        """Give what is beside the probe, and whether all that the curve needs is known.

        Where the farm has no thermometer there, the points' own temperature stands for it; where it has one that is
        silent, the value is not to be trusted.
        """
        if not page.needs:
            return Beside(), True
        if series not in self._beside:
            self._beside[series] = neighbours(series, self._units)
        names = self._beside[series]
        seen = {kind: self._recent(names[kind], mono_ms) if kind in names else nan for kind in page.needs}
        known = all(isfinite(value) for kind, value in seen.items() if kind in names or kind != "temperature")
        temperature = seen.get("temperature", nan)
        pressure = seen.get("pressure", nan)
        return (
            Beside(
                temperature if isfinite(temperature) else page.points_c,
                pressure if isfinite(pressure) else STANDARD_HPA,
                seen.get("permittivity", nan),
            ),
            known,
        )

    def _recent(self, series: str, mono_ms: int) -> float:
        at_ms, value = self._seen.get(series, (0, nan))
        return value if mono_ms - at_ms <= BESIDE_MAX_MS else nan

    def _open(self, series: str, record: Calibration | None) -> None:
        if record is None:
            self._pages.pop(series, None)
            return
        warm = [point.temperature_c for point in record.points if point.temperature_c is not None]
        needs: tuple[str, ...] = ("temperature",) if needs_temperature(record.curve) else ()
        needs += ("pressure",) if isinstance(record.curve, GasPressure) else ()
        needs += ("permittivity",) if isinstance(record.curve, Hilhorst) else ()
        mean_c = sum(warm) / len(warm) if warm else 25.0
        self._pages[series] = _Page(record, record.due_at.timestamp() * 1000.0, needs, mean_c)
