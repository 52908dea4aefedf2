# SPDX-License-Identifier: Apache-2.0
"""The body of a batch, read: columns for what comes in masses, msgpack for the rest.

The rule it keeps: what is decoded equals what ``telemetry.encoding`` was given, in the same order, floats bit for
bit; a body that breaks the format raises ``ColumnError`` and gives nothing.

Body: a head of nine u32 (bytes of names, bytes of kinds, then count and bytes of readings, samples, ticks, and
bytes of the others), the names as a msgpack list, then the sections. Names stand once, in order of first use,
so that two batches of one farm hold the same run of bytes and a dictionary compresses it to almost nothing.
"""

import functools
import struct
from typing import Final, NamedTuple

import msgspec
import numpy as np

from telemetry.columns import Floats, Groups, decode_floats, groups_among, groups_of
from telemetry.ints import ColumnError, Cursor, Ints, cut_ints, decode_ints, ints_of, repeated_ints
from telemetry.records import Ack, AnyRecord, Command, Decision, Event, Reading, Sample, Tick

# A batch is never larger than this; the edge closes its group earlier, a decoder refuses more.
RECORDS_MAX: Final = 20_000
BODY_MAX: Final = 4_000_000
NAMES_MAX: Final = 20_000

HEAD: Final = struct.Struct("<9I")
_OTHERS_LENGTH, _NONE = slice(HEAD.size - 4, HEAD.size), bytes(4)
# What stands in the column of kinds.
READING, SAMPLE, TICK, OTHER = 0, 1, 2, 3

Others = Decision | Command | Ack | Event
_others_decoder = msgspec.msgpack.Decoder(list[Others])
_names_decoder = msgspec.msgpack.Decoder(list[str])


class Extent(NamedTuple):
    """Between which bounds the samples of a batch lie: what is judged before they are believed."""

    mono_min_ms: int
    mono_max_ms: int
    largest: float  # magnitude of a value; nan counts only where there is nothing else
    quality: int  # the bits that any of them has
    plain: bool  # every value is finite and its own raw signal, and no quality bit is set


class Samples(NamedTuple):
    """The samples of a batch as columns, without a record made: what stores and charts read.

    ``series`` and ``calibration`` index ``names``. All arrays have one row a sample, in the order appended.
    """

    names: tuple[str, ...]
    series: Ints
    mono_ms: Ints
    raw: Floats
    value: Floats
    quality: Ints
    calibration: Ints
    uncertainty: Floats
    layout: bytes = b""  # alike for batches with the same series in the same order
    known_extent: Extent | None = None  # where it is reckoned already

    @property
    def extent(self) -> Extent:
        """Their bounds; only of samples that there are."""
        if self.known_extent is not None:
            return self.known_extent
        quality = int(np.bitwise_or.reduce(self.quality))
        return Extent(
            int(np.minimum.reduce(self.mono_ms)),
            int(np.maximum.reduce(self.mono_ms)),
            float(np.fmax.reduce(np.abs(self.value))),
            quality,
            self.value is self.raw and not quality and bool(np.isfinite(self.value).all()),
        )


class _Sections(NamedTuple):
    names: tuple[str, ...]
    kinds: bytes
    reading_count: int
    readings: bytes
    sample_count: int
    samples: bytes
    tick_count: int
    ticks: bytes
    others: bytes


def decode_records(body: bytes) -> list[AnyRecord]:
    """Decode a whole body into its records, in their order. ColumnError if it breaks the format."""
    parts = _split(body)
    reading_columns = _reading_columns(parts)
    readings = _make_readings(parts, reading_columns)
    samples = _make_samples(parts, _sample_columns(parts, reading_columns))
    ticks = _decode_ticks(parts)
    others = _decode_others(parts.others)
    total = len(readings) + len(samples) + len(ticks) + len(others)
    kinds = _decode_runs(Cursor(parts.kinds), total)
    piles: tuple[list[AnyRecord], ...] = (list(readings), list(samples), list(ticks), list(others))
    if [int(count) for count in np.bincount(kinds, minlength=4)] != [len(pile) for pile in piles]:
        raise ColumnError("the kinds of records do not agree with the sections")
    rows = [iter(pile) for pile in piles]
    return [next(rows[kind]) for kind in kinds.tolist()]


def decode_samples(body: bytes) -> Samples:
    """Decode only the samples, as columns."""
    parts = _split(body)
    return _sample_columns(parts, None)


def decode_others(body: bytes) -> list[Others]:
    """Decode only decisions, commands, acks and events."""
    if body[_OTHERS_LENGTH] == _NONE:  # as nearly always
        return []
    size = lengths_of(body)[8]
    return _decode_others(body[-size:]) if size else []


def lengths_of(body: bytes) -> tuple[int, ...]:
    """Read the nine numbers of a body's head; every length is checked against the bytes there are."""
    if not HEAD.size <= len(body) <= BODY_MAX:
        raise ColumnError(f"batch body of {len(body)} bytes")
    lengths: tuple[int, ...] = HEAD.unpack_from(body)
    names, kinds, reading_count, readings, sample_count, samples, tick_count, ticks, others = lengths
    if (count := reading_count + sample_count + tick_count) > RECORDS_MAX:
        raise ColumnError(f"batch of {count} records is over the limit of {RECORDS_MAX}")
    if HEAD.size + names + kinds + readings + samples + ticks + others != len(body):
        raise ColumnError("the sections of the batch do not add up to its length")
    return lengths


def _split(body: bytes) -> _Sections:
    """Cut a body into its sections."""
    lengths = lengths_of(body)
    pieces = []
    at = HEAD.size
    for part in (0, 1, 3, 5, 7, 8):
        pieces.append(body[at : at + lengths[part]])
        at += lengths[part]
    names, kinds, readings, samples, ticks, others = pieces
    return _Sections(names_of(names), kinds, lengths[2], readings, lengths[4], samples, lengths[6], ticks, others)


@functools.lru_cache(maxsize=256)
def names_of(data: bytes) -> tuple[str, ...]:
    """Read the table of names; batches of one farm repeat it, hence the small cache."""
    try:
        names = _names_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ColumnError(f"the table of names: {error}") from error
    if len(names) > NAMES_MAX:
        raise ColumnError(f"{len(names)} names in one batch")
    return tuple(names)


def _decode_runs(cursor: Cursor, total: int) -> Ints:
    if total == 0:
        return np.empty(0, np.int64)
    runs = cursor.varint()
    if not 0 < runs <= total:
        raise ColumnError(f"{runs} runs of kinds for {total} records")
    kinds, lengths = decode_ints(cursor, runs), decode_ints(cursor, runs)
    if kinds.min() < 0 or kinds.max() > OTHER or lengths.min() < 1 or lengths.max() > total or lengths.sum() != total:
        raise ColumnError("the runs of kinds do not fit the records")
    return np.repeat(kinds, lengths)


_ReadingColumns = tuple[bytes, Ints, Ints, Floats, Cursor, Groups]


def _reading_columns(parts: _Sections) -> _ReadingColumns:
    cursor = Cursor(parts.readings)
    n = parts.reading_count
    layout = cut_ints(cursor, n)
    series, groups = checked_ints(layout, n, len(parts.names)), groups_of(layout, n)
    mono = decode_ints(cursor, n)
    return layout, series, mono, decode_floats(cursor, groups), cursor, groups


def _make_readings(parts: _Sections, columns: _ReadingColumns) -> list[Reading]:
    _, series, mono, raw, cursor, _ = columns
    n = parts.reading_count
    names = parts.names
    device, unit = indices_of(cursor, n, names), indices_of(cursor, n, names)
    quality = decode_ints(cursor, n)
    finished(cursor, "readings")
    rows = zip(
        series.tolist(), device.tolist(), mono.tolist(), raw.tolist(), unit.tolist(), quality.tolist(), strict=True
    )
    return [Reading(names[s], names[d], m, r, names[u], q) for s, d, m, r, u, q in rows]


def _sample_columns(parts: _Sections, readings: _ReadingColumns | None) -> Samples:
    n = parts.sample_count
    names = parts.names
    if n == 0:
        if parts.samples:
            raise ColumnError("bytes of samples, but no sample")
        no, none = np.empty(0, np.int64), np.empty(0)
        return Samples(names, no, no, none, none, no, no, none)
    cursor = Cursor(parts.samples)
    if cursor.byte():
        if parts.reading_count != n:
            raise ColumnError("samples refer to readings that are not there")
        layout, series, mono, raw, _, groups = readings or _reading_columns(parts)
    else:
        layout = cut_ints(cursor, n)
        series, groups = checked_ints(layout, n, len(names)), groups_of(layout, n)
        mono = decode_ints(cursor, n)
        raw = decode_floats(cursor, groups)
    value = _other_values(cursor, layout, raw)
    quality = repeated_ints(cursor, n)
    calibration = indices_of(cursor, n, names)
    uncertainty = decode_floats(cursor, groups)
    finished(cursor, "samples")
    return Samples(names, series, mono, raw, value, quality, calibration, uncertainty, layout)


def _other_values(cursor: Cursor, layout: bytes, raw: Floats) -> Floats:
    """Read the values: only those that differ from the raw signal are written."""
    count = cursor.varint()
    if not 0 <= count <= len(raw):
        raise ColumnError("more values than samples")
    if count == 0:
        return raw
    data = cut_ints(cursor, count)
    rows = ints_of(data, count)
    if int(rows.min()) < 0 or int(rows.max()) >= len(raw):
        raise ColumnError("a value outside the samples")
    value = raw.copy()
    value[rows] = decode_floats(cursor, groups_among(layout, len(raw), data, count))
    return value


def _make_samples(parts: _Sections, columns: Samples) -> list[Sample]:
    names = parts.names
    rows = zip(
        columns.series.tolist(),
        columns.mono_ms.tolist(),
        columns.raw.tolist(),
        columns.value.tolist(),
        columns.quality.tolist(),
        columns.calibration.tolist(),
        columns.uncertainty.tolist(),
        strict=True,
    )
    return [Sample(names[s], m, r, v, q, names[c], u) for s, m, r, v, q, c, u in rows]


def _decode_ticks(parts: _Sections) -> list[Tick]:
    cursor = Cursor(parts.ticks)
    n = parts.tick_count
    number, mono, offset, clock_ok, late_us = (decode_ints(cursor, n) for _ in range(5))
    finished(cursor, "ticks")
    wall = mono + offset
    rows = zip(number.tolist(), mono.tolist(), wall.tolist(), clock_ok.tolist(), late_us.tolist(), strict=True)
    return [Tick(number, m, w, bool(ok), late) for number, m, w, ok, late in rows]


def _decode_others(data: bytes) -> list[Others]:
    if not data:
        return []
    try:
        others = _others_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ColumnError(f"decisions, commands, acks and events: {error}") from error
    if len(others) > RECORDS_MAX:
        raise ColumnError(f"{len(others)} records over the limit of {RECORDS_MAX}")
    return others


def indices_of(cursor: Cursor, n: int, names: tuple[str, ...]) -> Ints:
    """Read a column of indices into the table of names."""
    return checked_ints(cut_ints(cursor, n), n, len(names))


@functools.lru_cache(maxsize=16_384)
def checked_ints(data: bytes, n: int, names: int) -> Ints:
    """Give a column of indices, all of them within the table of names."""
    column = ints_of(data, n)
    if n and (int(column.min()) < 0 or int(column.max()) >= names):
        raise ColumnError("a name outside the table of names")
    return column


def finished(cursor: Cursor, section: str) -> None:
    """Make sure that a section is read to its end."""
    if cursor.at != len(cursor.data):
        raise ColumnError(f"{len(cursor.data) - cursor.at} bytes left over after the {section}")
