# SPDX-License-Identifier: Apache-2.0
"""A group of records to the body of a batch and back: columns for what comes in masses, msgpack for the rest.

The rule it keeps: what is decoded equals what was encoded, in the same order, floats bit for bit; a body that
breaks the format raises ``ColumnError`` and gives nothing. Only ``telemetry.envelope`` and the readers of
batches use this file.

Body: a head of nine u32 (bytes of names, bytes of kinds, then count and bytes of readings, samples, ticks, and
bytes of the others), the names as a msgpack list, then the sections. Names stand once, in order of first use,
so that two batches of one farm hold the same run of bytes and a dictionary compresses it to almost nothing.
"""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

import msgspec
import numpy as np

from telemetry.columns import UNKNOWN, Floats, Groups, Shape, decode_floats, encode_floats, groups_of
from telemetry.ints import ColumnError, Cursor, Ints, cut_ints, decode_ints, encode_ints, ints_of, repeated_ints, varint
from telemetry.records import Ack, AnyRecord, Command, Decision, Event, Reading, Sample, Tick

# A batch is never larger than this; the edge closes its group earlier, a decoder refuses more.
RECORDS_MAX: Final = 20_000
BODY_MAX: Final = 4_000_000
NAMES_MAX: Final = 20_000

# Nothing known of a series: no decimals, no base, no bits.
_NEW: Final = (0, nan, UNKNOWN)
_HEAD: Final = struct.Struct("<9I")
_READING, _SAMPLE, _TICK, _OTHER = 0, 1, 2, 3
_KIND: Final[dict[type, int]] = {Reading: _READING, Sample: _SAMPLE, Tick: _TICK}

Others = Decision | Command | Ack | Event
_others_decoder = msgspec.msgpack.Decoder(list[Others])
_names_decoder = msgspec.msgpack.Decoder(list[str])
_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Samples:
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


class BodyEncoder:
    """Encodes bodies for one log; remembers the shape of each series' values, so that columns stay alike."""

    def __init__(self) -> None:
        self._shapes: dict[str, dict[str, tuple[int, float, int]]] = {}

    def forget(self) -> None:
        """Look at every series anew: its base, its decimals, its bits. Worth it just before a new dictionary."""
        self._shapes.clear()

    def encode(self, records: Sequence[AnyRecord]) -> bytes:
        """Encode at most RECORDS_MAX records; ValueError if there are more or a number does not fit 64 bits."""
        if len(records) > RECORDS_MAX:
            raise ValueError(f"{len(records)} records in one batch; close the group at {RECORDS_MAX}")
        kinds = np.array([_KIND.get(type(record), _OTHER) for record in records], np.int64)
        readings = [record for record in records if type(record) is Reading]
        samples = [record for record in records if type(record) is Sample]
        ticks = [record for record in records if type(record) is Tick]
        others = [record for record in records if type(record) not in _KIND]
        names: dict[str, int] = {}
        kind_bytes = _encode_runs(kinds)
        reading_bytes, shared = self._readings(readings, names)
        sample_bytes = self._samples(samples, names, shared)
        tick_bytes = _encode_ticks(ticks)
        other_bytes = _encoder.encode(others) if others else b""
        name_bytes = _encoder.encode(list(names))
        counts = (len(name_bytes), len(kind_bytes), len(readings), len(reading_bytes), len(samples))
        head = _HEAD.pack(*counts, len(sample_bytes), len(ticks), len(tick_bytes), len(other_bytes))
        return b"".join((head, name_bytes, kind_bytes, reading_bytes, sample_bytes, tick_bytes, other_bytes))

    def _readings(self, readings: list[Reading], names: dict[str, int]) -> tuple[bytes, tuple[Ints, Ints, Floats]]:
        series = _intern(names, [record.series for record in readings])
        mono = np.array([record.mono_ms for record in readings], np.int64)
        raw = np.array([record.raw for record in readings], np.float64)
        device = _intern(names, [record.device for record in readings])
        unit = _intern(names, [record.unit for record in readings])
        quality = np.array([record.quality for record in readings], np.int64)
        out = b"".join(
            (
                encode_ints(series),
                encode_ints(mono),
                self._floats("raw", readings, raw, Groups(series)),
                encode_ints(device),
                encode_ints(unit),
                encode_ints(quality),
            )
        )
        return out, (series, mono, raw)

    def _samples(self, samples: list[Sample], names: dict[str, int], shared: tuple[Ints, Ints, Floats]) -> bytes:
        if not samples:
            return b""
        series = _intern(names, [record.series for record in samples])
        mono = np.array([record.mono_ms for record in samples], np.int64)
        raw = np.array([record.raw for record in samples], np.float64)
        value = np.array([record.value for record in samples], np.float64)
        quality = np.array([record.quality for record in samples], np.int64)
        calibration = _intern(names, [record.calibration for record in samples])
        uncertainty = np.array([record.uncertainty for record in samples], np.float64)
        groups = Groups(series)
        beside = (
            len(shared[0]) == len(series)
            and bool((shared[0] == series).all())
            and bool((shared[1] == mono).all())
            and bool((shared[2].view(np.int64) == raw.view(np.int64)).all())
        )
        out = [bytes((1 if beside else 0,))]
        if not beside:
            out += [encode_ints(series), encode_ints(mono), self._floats("raw", samples, raw, groups)]
        other = np.flatnonzero(raw.view(np.int64) != value.view(np.int64))
        out += [varint(len(other)), encode_ints(other)]
        out.append(self._floats("value", [samples[row] for row in other.tolist()], value[other], Groups(series[other])))
        out += [
            encode_ints(quality),
            encode_ints(calibration),
            self._floats("uncertainty", samples, uncertainty, groups),
        ]
        return b"".join(out)

    def _floats(self, column: str, records: Sequence[Reading | Sample], values: Floats, groups: Groups) -> bytes:
        names = [records[row].series for row in groups.order[groups.first].tolist()]
        known = self._shapes.setdefault(column, {})
        shapes = [known.get(name, _NEW) for name in names]
        shape = Shape(
            np.array([k for k, _, _ in shapes], np.int64),
            np.array([base for _, base, _ in shapes], np.float64),
            np.array([width for _, _, width in shapes], np.int64),
        )
        out = encode_floats(values, groups, shape)
        entries = zip(shape.decimals.tolist(), shape.base.tolist(), shape.width.tolist(), strict=True)
        known.update(zip(names, entries, strict=True))
        return out


@dataclass(frozen=True, slots=True)
class _Sections:
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
    return _decode_others(_split(body).others)


def _intern(names: dict[str, int], words: list[str]) -> Ints:
    return np.array([names.setdefault(word, len(names)) for word in words], np.int64)


def _split(body: bytes) -> _Sections:
    """Cut a body into its sections; every length is checked against the bytes there are."""
    if not _HEAD.size <= len(body) <= BODY_MAX:
        raise ColumnError(f"batch body of {len(body)} bytes")
    lengths = _HEAD.unpack_from(body)
    counts = (lengths[2], lengths[4], lengths[6])
    if sum(counts) > RECORDS_MAX:
        raise ColumnError(f"batch of {sum(counts)} records is over the limit of {RECORDS_MAX}")
    pieces = []
    at = _HEAD.size
    for size in (lengths[0], lengths[1], lengths[3], lengths[5], lengths[7], lengths[8]):
        pieces.append(body[at : at + size])
        at += size
    if at != len(body):
        raise ColumnError("the sections of the batch do not add up to its length")
    return _Sections(
        _names(pieces[0]), pieces[1], counts[0], pieces[2], counts[1], pieces[3], counts[2], pieces[4], pieces[5]
    )


@functools.lru_cache(maxsize=256)
def _names(data: bytes) -> tuple[str, ...]:
    """Read the table of names; batches of one farm repeat it, hence the small cache."""
    try:
        names = _names_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ColumnError(f"the table of names: {error}") from error
    if len(names) > NAMES_MAX:
        raise ColumnError(f"{len(names)} names in one batch")
    return tuple(names)


def _encode_runs(kinds: Ints) -> bytes:
    """Write which kind of record stands where, as runs."""
    if not len(kinds):
        return b""
    edges = np.flatnonzero(np.diff(kinds)) + 1
    starts = np.concatenate((np.zeros(1, np.int64), edges))
    lengths = np.diff(np.concatenate((starts, np.array([len(kinds)]))))
    return varint(len(starts)) + encode_ints(kinds[starts]) + encode_ints(lengths)


def _decode_runs(cursor: Cursor, total: int) -> Ints:
    if total == 0:
        return np.empty(0, np.int64)
    runs = cursor.varint()
    if not 0 < runs <= total:
        raise ColumnError(f"{runs} runs of kinds for {total} records")
    kinds, lengths = decode_ints(cursor, runs), decode_ints(cursor, runs)
    if kinds.min() < 0 or kinds.max() > _OTHER or lengths.min() < 1 or lengths.max() > total or lengths.sum() != total:
        raise ColumnError("the runs of kinds do not fit the records")
    return np.repeat(kinds, lengths)


_ReadingColumns = tuple[bytes, Ints, Ints, Floats, Cursor, Groups]


def _reading_columns(parts: _Sections) -> _ReadingColumns:
    cursor = Cursor(parts.readings)
    n = parts.reading_count
    layout = cut_ints(cursor, n)
    series, groups = _checked(layout, n, len(parts.names)), groups_of(layout, n)
    mono = decode_ints(cursor, n)
    return layout, series, mono, decode_floats(cursor, groups), cursor, groups


def _make_readings(parts: _Sections, columns: _ReadingColumns) -> list[Reading]:
    _, series, mono, raw, cursor, _ = columns
    n = parts.reading_count
    names = parts.names
    device, unit = _indices(cursor, n, names), _indices(cursor, n, names)
    quality = decode_ints(cursor, n)
    _finished(cursor, "readings")
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
        series, groups = _checked(layout, n, len(names)), groups_of(layout, n)
        mono = decode_ints(cursor, n)
        raw = decode_floats(cursor, groups)
    value = _other_values(cursor, series, raw)
    quality = repeated_ints(cursor, n)
    calibration = _indices(cursor, n, names)
    uncertainty = decode_floats(cursor, groups)
    _finished(cursor, "samples")
    return Samples(names, series, mono, raw, value, quality, calibration, uncertainty, layout)


def _other_values(cursor: Cursor, series: Ints, raw: Floats) -> Floats:
    """Read the values: only those that differ from the raw signal are written."""
    count = cursor.varint()
    if not 0 <= count <= len(raw):
        raise ColumnError("more values than samples")
    rows = decode_ints(cursor, count)
    if count == 0:
        return raw
    if int(rows.min()) < 0 or int(rows.max()) >= len(raw):
        raise ColumnError("a value outside the samples")
    value = raw.copy()
    value[rows] = decode_floats(cursor, Groups(series[rows]))
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


def _encode_ticks(ticks: list[Tick]) -> bytes:
    if not ticks:
        return b""
    mono = np.array([tick.mono_ms for tick in ticks], np.int64)
    return b"".join(
        (
            encode_ints(np.array([tick.number for tick in ticks], np.int64)),
            encode_ints(mono),
            encode_ints(np.array([tick.wall_ms for tick in ticks], np.int64) - mono),
            encode_ints(np.array([tick.clock_ok for tick in ticks], np.int64)),
            encode_ints(np.array([tick.late_us for tick in ticks], np.int64)),
        )
    )


def _decode_ticks(parts: _Sections) -> list[Tick]:
    cursor = Cursor(parts.ticks)
    n = parts.tick_count
    number, mono, offset, clock_ok, late_us = (decode_ints(cursor, n) for _ in range(5))
    _finished(cursor, "ticks")
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


def _indices(cursor: Cursor, n: int, names: tuple[str, ...]) -> Ints:
    return _checked(cut_ints(cursor, n), n, len(names))


@functools.lru_cache(maxsize=16_384)
def _checked(data: bytes, n: int, names: int) -> Ints:
    """Give a column of indices, all of them within the table of names."""
    column = ints_of(data, n)
    if n and (int(column.min()) < 0 or int(column.max()) >= names):
        raise ColumnError("a name outside the table of names")
    return column


def _finished(cursor: Cursor, section: str) -> None:
    if cursor.at != len(cursor.data):
        raise ColumnError(f"{len(cursor.data) - cursor.at} bytes left over after the {section}")
