# SPDX-License-Identifier: Apache-2.0
"""What a log holds, read beside its writer: live values, ranges, decisions, and the batches themselves.

The rule it keeps: a reader never blocks the writer for longer than one short transaction, and what is damaged is
left out, counted and named in ``damage``; it never becomes a value.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.archive import Archive
from telemetry.chunks import Rollup, Stretch, merge, roll_up
from telemetry.codec import Others, Samples
from telemetry.columns import Floats
from telemetry.envelope import Batch, EnvelopeError, Header, Opener
from telemetry.ints import Ints
from telemetry.records import UNUSABLE, Ack, AnyRecord, Command, Decision, Event, Sample
from telemetry.rows import Disk, RealDisk, find_dictionary, open_for_reading, sealed_row
from telemetry.sealing import LEVELS, combine, stretches_of

# Decoded groups kept in memory: six hours of 10 s groups, about 20 MB for 50 series.
TAIL_GROUPS: Final = 2_200
LATEST_GROUPS: Final = 400
DAMAGE_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A series' newest sample and when it was measured, ms since 1970."""

    sample: Sample
    wall_ms: int

    def age_ms(self, now_ms: int) -> int:
        """How old it is at the wall clock time ``now_ms``."""
        return max(0, now_ms - self.wall_ms)


@dataclass(frozen=True, slots=True)
class Points:
    """A stretch of one series: times in ms since 1970 (rising), values (nan = no answer) and quality bits."""

    wall_ms: Ints
    value: Floats
    quality: Ints


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision, command, ack or event, and when it was, ms since 1970."""

    wall_ms: int
    record: Others


@dataclass(frozen=True, slots=True)
class _Group:
    samples: Samples
    wall_ms: Ints


class LogReader:
    """A reader of one log file, for the console, the command line and the uplink. Not for two threads at once."""

    def __init__(self, path: Path, disk: Disk | None = None, *, source: int = 0) -> None:
        """Open the log at ``path`` for reading. DiskError if it is not there.

        ``source`` is 0 in an edge's own log; a hub's file holds many edges, each with its number.
        """
        self._connection = open_for_reading(disk or RealDisk(), path)
        self._source = source
        self._opener = Opener(lambda number: find_dictionary(self._connection, number))
        self._groups: OrderedDict[int, _Group] = OrderedDict()
        self._seen_row = 0
        self._latest: dict[str, Seen] = {}
        self.damage: dict[int | str, str] = {}
        self._archive = Archive(self._connection, source, self._damaged)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def series(self) -> list[str]:
        """Name the series that have been seen, in alphabetical order."""
        self._follow()
        return sorted(self._latest.keys() | set(self._archive.names()))

    def latest(self) -> dict[str, Seen]:
        """Give the newest sample of each series."""
        self._follow()
        return dict(self._latest)

    def range(self, series: str, from_wall_ms: int, to_wall_ms: int, max_points: int = 0) -> Points:
        """Give a series from (inclusive) to (exclusive), thinned to at most ``max_points`` (0 = all).

        Thinning keeps the lowest and the highest point of each bucket, so that no peak is lost on a chart.
        """
        with self._snapshot() as sealed:
            pieces = [_points(piece) for piece in self._archive.stretches(series, from_wall_ms, to_wall_ms)]
            groups = self._overlapping(from_wall_ms, to_wall_ms, sealed)
            points = _join([*pieces, *(_stretch(group, series) for group in groups)])
        low, high = np.searchsorted(points.wall_ms, (from_wall_ms, to_wall_ms)).tolist()
        points = Points(points.wall_ms[low:high], points.value[low:high], points.quality[low:high])
        return thin(points, max_points) if 0 < max_points < len(points.wall_ms) else points

    def stretch(self, series: str, from_wall_ms: int, to_wall_ms: int) -> Stretch:
        """Give all that is stored of a series from (inclusive) to (exclusive): raw signals and calibrations too."""
        with self._snapshot() as sealed:
            pieces = list(self._archive.stretches(series, from_wall_ms, to_wall_ms))
            data = self._connection.execute(
                "SELECT row, data FROM batch WHERE row>? AND source=? AND last_ms>=? AND first_ms<? ORDER BY row",
                (sealed, self._source, from_wall_ms, to_wall_ms),
            ).fetchall()
        cut = (stretches_of(batch).get(series) for _, batch in self._open(data))
        pieces += [piece for piece in cut if piece is not None]
        if not pieces:
            return _as_stretch(_join([]))
        whole = merge(pieces)
        return whole.take(np.flatnonzero((whole.wall_ms >= from_wall_ms) & (whole.wall_ms < to_wall_ms)))

    def rollup(self, series: str, from_wall_ms: int, to_wall_ms: int, bucket_ms: int) -> Rollup:
        """Give count, lowest, highest and sum of the good values of each minute, hour or day from (incl.) to (excl.).

        ``bucket_ms`` is 60,000, 3,600,000 or 86,400,000; the bounds are taken down to whole buckets.
        """
        level = [bucket for bucket, _ in LEVELS].index(bucket_ms)
        first, end = from_wall_ms // bucket_ms * bucket_ms, to_wall_ms // bucket_ms * bucket_ms
        with self._snapshot() as sealed:
            found = self._archive.rollup(series, level, first, end)
            open_points = [_points(piece) for piece in self._archive.parts(series, first, end)]
            groups = self._overlapping(first, end, sealed)
            rest = _join([*open_points, *(_stretch(group, series) for group in groups)])
        fresh = roll_up(_as_stretch(rest), bucket_ms, int(UNUSABLE))
        whole = combine(found, fresh)
        return whole.take(np.flatnonzero((whole.wall_ms >= first) & (whole.wall_ms < end)))

    def decisions(self, place_or_output: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give the stored decisions of a place or an output ("" = all), oldest first."""
        return [
            stored
            for stored in self.others(from_wall_ms, to_wall_ms)
            if isinstance(stored.record, Decision)
            and place_or_output in ("", stored.record.place, stored.record.output)
        ]

    def events(self, from_wall_ms: int, to_wall_ms: int, kind: str = "") -> list[Stored]:
        """Give events whose kind begins with ``kind``, oldest first."""
        return [
            stored
            for stored in self.others(from_wall_ms, to_wall_ms)
            if isinstance(stored.record, Event) and stored.record.kind.startswith(kind)
        ]

    def commands(self, from_wall_ms: int, to_wall_ms: int, output: str = "") -> list[Stored]:
        """Give commands and their acks, of one output or of all, oldest first."""
        return [
            stored
            for stored in self.others(from_wall_ms, to_wall_ms)
            if isinstance(stored.record, Command | Ack) and output in ("", stored.record.output)
        ]

    def others(self, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give all decisions, commands, acks and events of a time, oldest first."""
        with self._snapshot() as sealed:
            found = [Stored(*told) for told in self._archive.journal(from_wall_ms, to_wall_ms)]
            rows = self._connection.execute(
                "SELECT row, data FROM batch WHERE row>? AND source=? AND last_ms>=? AND first_ms<? ORDER BY row",
                (sealed, self._source, from_wall_ms, to_wall_ms),
            ).fetchall()
        for row, batch in self._open(rows):
            try:
                others = batch.others()
            except EnvelopeError as error:
                self._damaged(row, str(error))
                continue
            found += [Stored(other.mono_ms + batch.header.offset_ms, other) for other in others]
        found = [stored for stored in found if from_wall_ms <= stored.wall_ms < to_wall_ms]
        found.sort(key=lambda stored: stored.wall_ms)
        return found

    def batches(self, from_row: int = 0, limit: int = 1_000) -> list[tuple[int, Batch]]:
        """Give the next sound batches behind ``from_row`` with their rows, oldest first: for replay and uplink."""
        while rows := self._connection.execute(
            "SELECT row, data FROM batch WHERE row>? AND source=? ORDER BY row LIMIT ?", (from_row, self._source, limit)
        ).fetchall():
            if sound := list(self._open(rows)):
                return sound
            from_row = rows[-1][0]  # all of them are damaged: look behind them
        return []

    def records(self) -> Iterator[tuple[Header, list[AnyRecord]]]:
        """Walk through everything, batch by batch, oldest first."""
        row = 0
        while chunk := self.batches(row):
            for _, batch in chunk:
                yield batch.header, batch.records()
            row = chunk[-1][0]

    def check(self) -> dict[int | str, str]:
        """Open every batch and give what is damaged: row and reason."""
        row = 0
        while rows := self._connection.execute(
            "SELECT row, data FROM batch WHERE row>? AND source=? ORDER BY row LIMIT 500", (row, self._source)
        ).fetchall():
            for number, batch in self._open(rows):
                try:
                    batch.records()
                except EnvelopeError as error:
                    self._damaged(number, str(error))
            row = rows[-1][0]
        self._archive.check()
        return dict(self.damage)

    def _follow(self) -> None:
        """Read what the writer has added since, and keep each series' newest sample."""
        query = "SELECT row FROM batch WHERE row>? AND source=? ORDER BY row DESC LIMIT ?"
        rows = self._connection.execute(query, (self._seen_row, self._source, LATEST_GROUPS)).fetchall()
        if not rows:
            return
        for group in self._load([row for (row,) in reversed(rows)]):
            samples = group.samples
            for at, series in enumerate(samples.series.tolist()):
                name = samples.names[series]
                if name not in self._latest or self._latest[name].wall_ms <= group.wall_ms[at]:
                    self._latest[name] = Seen(_sample(samples, at), int(group.wall_ms[at]))
        self._seen_row = rows[0][0]

    @contextmanager
    def _snapshot(self) -> Iterator[int]:
        """Hold one state of the file for a reading of several tables; give the last sealed row."""
        self._connection.execute("BEGIN")
        try:
            yield sealed_row(self._connection)
        finally:
            self._connection.execute("COMMIT")

    def _overlapping(self, from_wall_ms: int, to_wall_ms: int, sealed: int) -> list[_Group]:
        rows = self._connection.execute(
            "SELECT row FROM batch WHERE row>? AND source=? AND last_ms>=? AND first_ms<? ORDER BY row",
            (sealed, self._source, from_wall_ms, to_wall_ms),
        ).fetchall()
        return list(self._load([row for (row,) in rows]))

    def _load(self, rows: list[int]) -> Iterator[_Group]:
        """Give the groups of these rows that are sound, from memory or from the file."""
        for row in rows:
            if row not in self._groups:
                data = self._connection.execute("SELECT row, data FROM batch WHERE row=?", (row,)).fetchall()
                for number, batch in self._open(data):
                    try:
                        samples = batch.samples()
                    except EnvelopeError as error:
                        self._damaged(number, str(error))
                        continue
                    self._groups[row] = _Group(samples, samples.mono_ms + batch.header.offset_ms)
                while len(self._groups) > TAIL_GROUPS:
                    self._groups.popitem(last=False)
            if row in self._groups:
                yield self._groups[row]

    def _open(self, rows: list[tuple[int, bytes]]) -> Iterator[tuple[int, Batch]]:
        for row, data in rows:
            try:
                yield row, self._opener.open(data)
            except EnvelopeError as error:
                self._damaged(row, str(error))

    def _damaged(self, row: int | str, reason: str) -> None:
        if len(self.damage) < DAMAGE_MAX:
            self.damage[row] = reason


def thin(points: Points, max_points: int) -> Points:
    """Keep the lowest and the highest point of each of max_points / 2 buckets of equal time, in their order."""
    buckets = max(1, max_points // 2)
    start, end = int(points.wall_ms[0]), int(points.wall_ms[-1]) + 1
    bucket = (points.wall_ms - start) * buckets // (end - start)
    edges = np.flatnonzero(np.diff(bucket, prepend=-1))
    value = np.where(np.isnan(points.value), np.inf, points.value)
    keep = set[int]()
    for low, high in zip(edges.tolist(), [*edges[1:].tolist(), len(bucket)], strict=True):
        stretch = points.value[low:high]
        if np.isnan(stretch).all():
            keep.add(low)
        else:
            keep |= {low + int(np.argmin(value[low:high])), low + int(np.nanargmax(stretch))}
    rows = np.array(sorted(keep), np.int64)
    return Points(points.wall_ms[rows], points.value[rows], points.quality[rows])


def _stretch(group: _Group, series: str) -> Points | None:
    try:
        number = group.samples.names.index(series)
    except ValueError:
        return None
    rows = np.flatnonzero(group.samples.series == number)
    return Points(group.wall_ms[rows], group.samples.value[rows], group.samples.quality[rows]) if len(rows) else None


def _points(piece: Stretch) -> Points:
    return Points(piece.wall_ms, piece.value, piece.quality)


def _as_stretch(points: Points) -> Stretch:
    none = np.zeros(len(points.wall_ms), np.int64)
    return Stretch(points.wall_ms, none, points.value, points.value, points.quality, none, points.value, ("",))


def _join(pieces: Iterable[Points | None]) -> Points:
    """Put stretches together in the order of time."""
    there = [piece for piece in pieces if piece is not None]
    if not there:
        return Points(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    if len(there) == 1 and bool((there[0].wall_ms[1:] >= there[0].wall_ms[:-1]).all()):
        return there[0]
    wall = np.concatenate([piece.wall_ms for piece in there])
    order = np.argsort(wall, kind="stable")
    value = np.concatenate([piece.value for piece in there])
    quality = np.concatenate([piece.quality for piece in there])
    return Points(wall[order], value[order], quality[order])


def _sample(samples: Samples, at: int) -> Sample:
    return Sample(
        samples.names[int(samples.series[at])],
        int(samples.mono_ms[at]),
        float(samples.raw[at]),
        float(samples.value[at]),
        int(samples.quality[at]),
        samples.names[int(samples.calibration[at])],
        float(samples.uncertainty[at]),
    )
