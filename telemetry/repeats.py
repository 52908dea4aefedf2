# SPDX-License-Identifier: Apache-2.0
"""The samples of a batch that looks like others before it: only what moves is read, the rest is known.

The rule it keeps: what is given equals what ``telemetry.codec.decode_samples`` gives, bit for bit; a body of a shape
that is not foreseen here is left to it, errors included. Both memories are bounded.

From batch to batch of a farm three things move: the times, the bits of the raw signals and, where a calibration lies
between them, those of the values. Everything else that makes the samples stands there as it did, byte for byte.
"""

import functools
from typing import Final, NamedTuple

from telemetry.codec import HEAD, Samples, checked_ints, decode_samples, finished, indices_of, lengths_of, names_of
from telemetry.columns import DECIMAL, Floats, Groups, Packed, decode_floats, groups_among, groups_of, packed_head
from telemetry.ints import ColumnError, Cursor, Ints, cut_ints, repeated_ints, rising_ints

SHAPES_MAX: Final = 4_096
KNOWN_MAX: Final = 32_768
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
    calibration: Ints
    uncertainty: Floats


_shapes: dict[bytes, _Shape] = {}


def samples_of(body: bytes) -> Samples:
    """Give the samples of a body as columns; ColumnError if it breaks the format."""
    lengths = lengths_of(body)
    names = body[HEAD.size : HEAD.size + lengths[0]]
    key = body[:_LENGTHS] + names
    shape = _shapes.get(key)
    found = _read(body, names, shape) if shape else None
    if found is None:
        shape = _look(body, lengths)
        if shape is None:
            return decode_samples(body)
        if len(_shapes) >= SHAPES_MAX:
            _shapes.clear()
        _shapes[key] = shape
        found = _read(body, names, shape)
    return found or decode_samples(body)


def _read(body: bytes, names: bytes, shape: _Shape) -> Samples | None:
    """Read a body of this shape; None if it is of another."""
    n = shape.rows
    times = body[shape.times]
    try:
        known = _meaning(
            n, shape.readings, names, body[shape.layout], body[shape.head], body[shape.between], body[shape.end]
        )
        if len(cut_ints(Cursor(times), n)) != len(times):
            return None
    except ColumnError:
        return None
    bits, value_bits = body[shape.bits], body[shape.value_bits]
    if known.raw.size != len(bits) or (known.value.size if known.value else 0) != len(value_bits):
        return None
    raw = known.raw.groups.ungrouped(known.raw.grouped(bits))
    value = raw
    if known.value is not None:
        value = raw.copy()
        value[known.rows] = known.value.groups.ungrouped(known.value.grouped(value_bits))
    mono_ms = rising_ints(times, n)
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
    )


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
    return _Known(table, series, series_data, raw, rows, value, quality, calibration, uncertainty)


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
