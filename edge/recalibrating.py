# SPDX-License-Identifier: Apache-2.0
"""History seen through another calibration: both versions side by side, and lines that a store may take twice.

The rule it keeps: nothing stored is changed; the same span with the same record gives the same bytes every time.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from drivers.calibration.artifact import Calibration, summary
from drivers.calibration.curves import Beside
from drivers.calibration.recompute import Recomputed, recompute, usual_beside
from edge.beside import neighbours
from telemetry.stores.line_protocol import escape, sample_head
from telemetry.versions import Version, make_version

if TYPE_CHECKING:
    from telemetry.chunks import Stretch
    from telemetry.history import LogReader, Points

# What stands beside a probe is believed for so long.
BESIDE_MAX_MS: Final = 600_000
COLUMNS: Final = (
    "time", "raw", "value_stored", "calibration_stored", "quality_stored", "value", "calibration", "uncertainty",
    "quality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Versions:
    """One span of a series in both versions."""

    series: str
    record: Calibration
    stored: "Stretch"
    made: Recomputed

    @property
    def changed(self) -> int:
        """How many values differ."""
        before, after = self.stored.value, self.made.value
        return int(np.sum(~((before == after) | (np.isnan(before) & np.isnan(after)))))


def recalibrate(reader: "LogReader", record: Calibration, from_ms: int, to_ms: int) -> Versions:
    """Compute the span [from, to) of the record's series anew from the raw signals in the log."""
    stored = reader.stretch(record.series, from_ms, to_ms)
    beside = _beside(reader, record, stored, from_ms, to_ms)
    made = recompute(record, stored.wall_ms, stored.raw, stored.quality, beside)
    return Versions(record.series, record, stored, made)


def as_csv(versions: Versions) -> Iterator[str]:
    """Write both versions side by side, one row a reading."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    stored, made = versions.stored, versions.made
    names = [*stored.names, ""]
    for row in zip(
        stored.wall_ms.tolist(), stored.raw.tolist(), stored.value.tolist(), stored.calibration.tolist(),
        stored.quality.tolist(), made.value.tolist(), made.quality.tolist(), strict=True,
    ):  # fmt: skip
        at_ms, raw, before, named, flags, after, fresh = row
        table.writerow((
            datetime.fromtimestamp(at_ms / 1000.0, UTC).isoformat(timespec="milliseconds"), _plain(raw), _plain(before),
            names[named], flags, _plain(after), versions.record.id, _plain(made.uncertainty), fresh,
        ))  # fmt: skip
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def as_lines(versions: Versions, edge: str) -> Iterator[str]:
    """Write the new version as InfluxDB lines with the record's id as a tag: a second time they change nothing."""
    head = f"{sample_head(edge, versions.series).rstrip()},calibration={escape(versions.record.id)} "
    stored, made = versions.stored, versions.made
    rows = zip(stored.wall_ms.tolist(), stored.raw.tolist(), made.value.tolist(), made.quality.tolist(), strict=True)
    for at_ms, raw, value, quality in rows:
        fields = [f"{name}={number!r}" for name, number in (("v", value), ("r", raw)) if np.isfinite(number)]
        yield f"{head}{','.join([*fields, f'q={quality}i'])} {at_ms * 1_000_000}\n"


def as_version(versions: Versions, edge: str) -> Version:
    """Seal the new version for the hub's store."""
    stored, made = versions.stored, versions.made
    return make_version(edge, summary(versions.record), stored.wall_ms, stored.raw, made.value, made.quality)


def _beside(reader: "LogReader", record: Calibration, stored: "Stretch", from_ms: int, to_ms: int) -> Beside:
    """Give what was measured beside the probe at each row; where nothing was, what the points were taken at."""
    names = neighbours(record.series, reader.series())
    usual = usual_beside(record)

    def column(kind: str, otherwise: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | float":
        if kind not in names:
            return otherwise
        return _at(reader.range(names[kind], from_ms - BESIDE_MAX_MS, to_ms), stored)

    return Beside(
        column("temperature", float(usual.temperature_c)),
        column("pressure", float(usual.pressure_hpa)),
        column("permittivity", float(usual.permittivity)),
    )


def _at(points: "Points", stored: "Stretch") -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Give the last good value before each row; nan where it is too old."""
    good = np.isfinite(points.value)
    wall, value = points.wall_ms[good], points.value[good]
    if not len(wall):
        return np.full(len(stored.wall_ms), nan)
    at = np.searchsorted(wall, stored.wall_ms, side="right") - 1
    known = (at >= 0) & (stored.wall_ms - wall[np.maximum(at, 0)] <= BESIDE_MAX_MS)
    return np.where(known, value[np.maximum(at, 0)], nan)


def _plain(number: float) -> str:
    return repr(number) if np.isfinite(number) else ""
