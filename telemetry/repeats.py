# SPDX-License-Identifier: Apache-2.0
"""The samples of a batch that looks like others before it: only what moves is read, the rest is known.

The rule it keeps: what is given equals what ``telemetry.codec.decode_samples`` gives, bit for bit; a body of a shape
that is not foreseen here is left to it, errors included. Both memories are bounded.

From batch to batch of a farm three things move: the times, the bits of the raw signals and, where a calibration lies
between them, those of the values. Everything else that makes the samples stands there as it did, byte for byte.
"""

import functools
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from telemetry.codec import (
    HEAD,
    Extent,
    Samples,
    checked_ints,
    decode_samples,
    finished,
    indices_of,
    lengths_of,
    names_of,
)
from telemetry.columns import (
    DECIMAL,
    Floats,
    Groups,
    Packed,
    decode_floats,
    groups_among,
    groups_of,
    packed_head,
    packed_together,
)
from telemetry.ints import ColumnError, Cursor, Ints, cut_ints, repeated_ints, rising_ints

SHAPES_MAX: Final = 4_096
KNOWN_MAX: Final = 32_768
ROWS_AT_ONCE: Final = 16_384  # of a lump: beyond it the arrays no longer fit a processor's cache
_LENGTHS: Final = 24  # bytes of the head that say where names, readings and samples lie


class _Shape(NamedTuple):
    """Where in bodies of such lengths stands what moves (times, bits) and what stays (layout, head, between, end)."""

    rows: int
    readings: int  # how many, if the samples refer to them; else 0
    layout: slice
    times: slice
    head: slice
    bits: slice
    between: slice
    value_bits: slice  # empty where every value is its raw signal
    end: slice


class _Known(NamedTuple):
    """What the bytes that stay alike mean."""

    names: tuple[str, ...]
    series: Ints
    layout: bytes
    raw: Packed
    rows: Ints | None  # whose value is not the raw signal
    value: Packed | None
    quality: Ints
    quality_bits: int  # that any sample has
    calibration: Ints
    uncertainty: Floats


class _Piece(NamedTuple):
    """What moves of one body, beside what is known of it."""

    known: _Known
    first_ms: int
    after_ms: Ints  # how long after the first one, of each row
    bits: bytes
    value_bits: bytes


_shapes: dict[bytes, _Shape] = {}


def samples_of(body: bytes) -> Samples:
    """Give the samples of a body as columns; ColumnError if it breaks the format."""
    piece = _recognised(body)
    if piece is None:
        return decode_samples(body)
    known = piece.known
    raw = known.raw.groups.ungrouped(known.raw.grouped(piece.bits))
    value = raw
    if known.value is not None:
        value = raw.copy()
        value[known.rows] = known.value.groups.ungrouped(known.value.grouped(piece.value_bits))
    return _samples(known, piece.after_ms + np.int64(piece.first_ms), raw, value, None)


def samples_together(bodies: Sequence[bytes]) -> list[Samples | None]:
    """Give the samples of many bodies, read as one array; None for those that ``samples_of`` has to read, or refuse."""
    found: list[Samples | None] = [None] * len(bodies)
    lump: list[tuple[int, _Piece]] = []
    rows = 0
    for at, body in enumerate(bodies):
        try:
            piece = _recognised(body)
        except ColumnError:
            continue
        if piece is not None:
            lump.append((at, piece))
            rows += len(piece.after_ms)
        if rows >= ROWS_AT_ONCE:
            _read_lump(lump, found)
            lump, rows = [], 0
    if lump:
        _read_lump(lump, found)
    return found


def _read_lump(lump: list[tuple[int, _Piece]], found: list[Samples | None]) -> None:
    """Read the bodies of a lump and put the samples where they belong."""
    pieces = [piece for _, piece in lump]
    knowns = [piece.known for piece in pieces]
    rows = [len(piece.after_ms) for piece in pieces]
    mono_ms = np.concatenate([piece.after_ms for piece in pieces])
    mono_ms += np.repeat(np.array([piece.first_ms for piece in pieces], np.int64), rows)
    begins = [0, *accumulate(rows)]
    raw = packed_together([known.raw for known in knowns], [piece.bits for piece in pieces])
    value = raw
    odd = [
        (begin, piece.value_bits, known.rows, known.value)
        for begin, piece, known in zip(begins, pieces, knowns, strict=False)
        if known.rows is not None and known.value is not None
    ]
    if odd:
        value = raw.copy()
        places = np.concatenate([begin + own for begin, _, own, _ in odd])
        value[places] = packed_together([packed for *_, packed in odd], [bits for _, bits, *_ in odd])
    starts = np.array(begins[:-1])
    low, high = np.minimum.reduceat(mono_ms, starts).tolist(), np.maximum.reduceat(mono_ms, starts).tolist()
    largest = np.fmax.reduceat(np.abs(value), starts).tolist()
    finite = np.logical_and.reduceat(np.isfinite(value), starts).tolist()
    for number, (at, piece) in enumerate(lump):
        known, here = piece.known, slice(begins[number], begins[number + 1])
        own = raw[here]
        plain = known.value is None and finite[number] and not known.quality_bits
        extent = Extent(low[number], high[number], largest[number], known.quality_bits, plain)
        found[at] = _samples(known, mono_ms[here], own, own if known.value is None else value[here], extent)


def _samples(known: _Known, mono_ms: Ints, raw: Floats, value: Floats, extent: Extent | None) -> Samples:
    return Samples(
        known.names,
        known.series,
        mono_ms,
        raw,
        value,
        known.quality,
        known.calibration,
        known.uncertainty,
        known.layout,
        extent,
    )


def _recognised(body: bytes) -> _Piece | None:
    """Give what moves of a body; None if its shape is not foreseen here. ColumnError if it breaks the format."""
    lengths = lengths_of(body)
    names = body[HEAD.size : HEAD.size + lengths[0]]
    key = body[:_LENGTHS] + names
    shape = _shapes.get(key)
    piece = _cut(body, names, shape) if shape else None
    if piece is None:
        shape = _look(body, lengths)
        if shape is None:
            return None
        if len(_shapes) >= SHAPES_MAX:
            _shapes.clear()
        _shapes[key] = shape
        piece = _cut(body, names, shape)
    return piece


def _cut(body: bytes, names: bytes, shape: _Shape) -> _Piece | None:
    """Cut what moves out of a body of this shape; None if it is of another."""
    n = shape.rows
    try:
        known = _meaning(
            n, shape.readings, names, body[shape.layout], body[shape.head], body[shape.between], body[shape.end]
        )
        first_ms, after_ms = rising_ints(body[shape.times], n)
    except ColumnError:
        return None
    bits, value_bits = body[shape.bits], body[shape.value_bits]
    if known.raw.size != len(bits) or (known.value.size if known.value else 0) != len(value_bits):
        return None
    return _Piece(known, first_ms, after_ms, bits, value_bits)


@functools.lru_cache(maxsize=KNOWN_MAX)
def _meaning(n: int, readings: int, names: bytes, layout: bytes, head: bytes, between: bytes, end: bytes) -> _Known:
    """Read what stays alike. ColumnError if it is not all of what it should be, to its last byte."""
    table = names_of(names)
    start = Cursor(layout)
    if not readings and start.byte():
        raise ColumnError("samples that refer to readings")
    series_data = cut_ints(start, n)
    finished(start, "layout")
    series, groups = checked_ints(series_data, n, len(table)), groups_of(series_data, n)
    raw = _packed(Cursor(head), groups)
    middle = Cursor(between)
    if readings and not middle.byte():
        raise ColumnError("samples with columns of their own")
    rows, value = _others(middle, series_data, n)
    last = Cursor(end)
    quality, calibration = repeated_ints(last, n), indices_of(last, n, table)
    uncertainty = decode_floats(last, groups)
    finished(last, "samples")
    bits = int(np.bitwise_or.reduce(quality))
    return _Known(table, series, series_data, raw, rows, value, quality, bits, calibration, uncertainty)


def _packed(cursor: Cursor, groups: Groups) -> Packed:
    """Read the head of a decimal column without exceptions, to the end of the bytes."""
    if cursor.byte() != DECIMAL:
        raise ColumnError("not a column of decimals")
    packed, odd = packed_head(cursor, groups)
    if odd:
        raise ColumnError("a column with exceptions")
    finished(cursor, "head")
    return packed


def _others(cursor: Cursor, layout: bytes, n: int) -> tuple[Ints | None, Packed | None]:
    """Read which values are not their raw signals, and the head of these values."""
    count = cursor.varint()
    if count == 0:
        finished(cursor, "values")
        return None, None
    if not 0 < count <= n:
        raise ColumnError("more values than samples")
    data = cut_ints(cursor, count)
    rows = checked_ints(data, count, n)
    return rows, _packed(cursor, groups_among(layout, n, data, count))


def _look(body: bytes, lengths: tuple[int, ...]) -> _Shape | None:
    """Find where everything stands; None if this is a shape that is not foreseen here, or broken."""
    readings_at = HEAD.size + lengths[0] + lengths[1]
    samples_at = readings_at + lengths[3]
    readings, n, size = lengths[2], lengths[4], lengths[5]
    try:
        cursor = Cursor(body, samples_at)
        refers = n > 0 and cursor.byte() != 0
        if n == 0 or (refers and readings != n):
            return None
        source = Cursor(body, readings_at) if refers else cursor
        begin = readings_at if refers else samples_at
        layout = cut_ints(source, n)
        times_at = source.at
        cut_ints(source, n)
        head_at = source.at
        if source.byte() != DECIMAL:
            return None
        packed, odd = packed_head(source, groups_of(layout, n))
        if odd:  # the exceptions stand before the bits
            return None
        bits_at = source.at
        source.take(packed.size)
        bits_end = source.at
        between_at = samples_at if refers else bits_end
        count = cursor.varint()
        if not 0 <= count <= n:
            return None
        value_bits = slice(cursor.at, cursor.at)
        if count:
            data = cut_ints(cursor, count)
            if cursor.byte() != DECIMAL:
                return None
            packed, odd = packed_head(cursor, groups_among(layout, n, data, count))
            if odd:
                return None
            value_bits = slice(cursor.at, cursor.at + packed.size)
    except (ColumnError, IndexError, ValueError):
        return None
    return _Shape(
        n,
        readings if refers else 0,
        slice(begin, times_at),
        slice(times_at, head_at),
        slice(head_at, bits_at),
        slice(bits_at, bits_end),
        slice(between_at, value_bits.start),
        value_bits,
        slice(value_bits.stop, samples_at + size),
    )
