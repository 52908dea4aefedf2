# SPDX-License-Identifier: Apache-2.0
"""Columns of numbers to bytes and back, exactly: whole numbers as deltas, floats as decimals where they are decimals.

The rule it keeps: what comes back is bit for bit what went in (nan payloads, -0.0 and infinities included),
and a reader never trusts a length: every read is bounded by the bytes at hand.

A decimal float is m / 10**k with |m| < 2**53 and k <= 9. Both m and 10**k are exact doubles and IEEE 754
division rounds correctly, so the quotient is the very double that the text "m e-k" names. A series' first value
is written as its distance from a base, each further one as its distance from the one before, in as many bits as
that series needs.
"""

from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

K_MAX: Final = 9
NOT_DECIMAL: Final = -1
UNKNOWN: Final = -1
_POW10: Final[Floats] = np.array([10.0**k for k in range(K_MAX + 1)])
_EXACT: Final = float(2**53)
_NAN_BITS: Final = int(np.array([nan]).view(np.int64)[0])
_WIDTHS: Final = ((1, "<u1"), (2, "<u2"), (4, "<u4"), (8, "<u8"))

# Modes of an integer column; 8, 16, 32, 64 bits wide ones add the width's index 0..3.
_CONST, _STEP, _PLAIN, _DELTA = 0, 1, 4, 8
# Modes of a float column.
_SAME_BITS, _DECIMAL, _RAW = 0, 1, 2


class ColumnError(ValueError):
    """The bytes of a column break the format: they came from elsewhere or were damaged."""


class Cursor:
    """A bounded reader over the bytes of a batch."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, count: int) -> bytes:
        """Take ``count`` bytes; ColumnError if there are fewer."""
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise ColumnError(f"column wants {count} bytes at {self.at}, batch has {len(self.data)}")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def byte(self) -> int:
        """Take one byte."""
        if self.at >= len(self.data):
            raise ColumnError(f"column wants a byte at {self.at}, batch has {len(self.data)}")
        value = self.data[self.at]
        self.at += 1
        return value

    def varint(self) -> int:
        """Take one signed number (zigzag LEB128, at most 10 bytes)."""
        value = shift = 0
        for _ in range(10):
            part = self.byte()
            value |= (part & 0x7F) << shift
            if part < 0x80:
                if value >= 1 << 64:
                    raise ColumnError("number over 64 bits")
                return (value >> 1) ^ -(value & 1)
            shift += 7
        raise ColumnError("number over 10 bytes")


def varint(value: int) -> bytes:
    """Write a signed 64-bit number as zigzag LEB128."""
    left = (value << 1) ^ (value >> 63)
    out = bytearray()
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def encode_ints(column: Ints) -> bytes:
    """Write a column of int64; n is known to the reader. Spans over 62 bits are written as they are."""
    n = len(column)
    if n == 0:
        return b""
    low, high = int(column.min()), int(column.max())
    first = int(column[0])
    if low == high:
        return bytes((_CONST,)) + varint(first)
    if high - low >= 1 << 62:
        return bytes((_PLAIN + 3,)) + varint(0) + _planes(column.view(np.uint64), 3)
    steps = column[1:] - column[:-1]
    step_low, step_high = int(steps.min()), int(steps.max())
    if step_low == step_high:
        return bytes((_STEP,)) + varint(first) + varint(step_low)
    plain, delta = _width(high - low), _width(step_high - step_low)
    if delta < plain:
        return (
            bytes((_DELTA + delta,))
            + varint(first)
            + varint(step_low)
            + _planes((steps - step_low).view(np.uint64), delta)
        )
    return bytes((_PLAIN + plain,)) + varint(low) + _planes((column - low).view(np.uint64), plain)


def decode_ints(cursor: Cursor, n: int) -> Ints:
    """Read a column of n int64."""
    if n == 0:
        return np.empty(0, np.int64)
    mode = cursor.byte()
    if mode == _CONST:
        return np.full(n, cursor.varint(), np.int64)
    if mode == _STEP:
        first, step = cursor.varint(), cursor.varint()
        with np.errstate(over="ignore"):
            return np.int64(first) + np.arange(n, dtype=np.int64) * np.int64(step)
    if _PLAIN <= mode < _PLAIN + 4:
        low = cursor.varint()
        return _unplanes(cursor, n, mode - _PLAIN) + np.int64(low)
    if _DELTA <= mode < _DELTA + 4:
        first, step_low = cursor.varint(), cursor.varint()
        out = np.empty(n, np.int64)
        out[0] = first
        out[1:] = _unplanes(cursor, n - 1, mode - _DELTA) + np.int64(step_low)
        return np.cumsum(out)
    raise ColumnError(f"unknown integer column mode {mode}")


class Groups:
    """How the rows of a batch fall into series: the order that puts each series' rows together, and their starts."""

    __slots__ = ("first", "order", "starts", "which")

    def __init__(self, series: Ints) -> None:
        """Take the series of each row (any whole numbers)."""
        self.order: Ints = np.argsort(series, kind="stable")
        grouped = series[self.order]
        self.starts = np.empty(len(series), np.bool_)
        self.starts[:1] = True
        np.not_equal(grouped[1:], grouped[:-1], out=self.starts[1:])
        self.first: Ints = np.flatnonzero(self.starts)  # in the sorted order
        self.which: Ints = np.cumsum(self.starts) - 1  # the group of each sorted row

    def __len__(self) -> int:
        """Count the series."""
        return len(self.first)


class Shape:
    """What a column of one set of series looked like before: decimals, a base value and bits for the rest, a series.

    The encoder keeps these nearly constant from batch to batch, so that a dictionary holds them already and a batch
    pays only for the few bits by which each value lies off its base. ``base`` is nan where none is known yet.
    """

    __slots__ = ("base", "decimals", "width")

    def __init__(self, decimals: Ints, base: Floats, width: Ints) -> None:
        """Take one entry a series, in the order of ``Groups``."""
        self.decimals = decimals
        self.base = base
        self.width = width


def encode_floats(column: Floats, groups: Groups, shape: Shape) -> bytes:
    """Write a column of float64, exactly; ``shape`` is updated in place to what was found."""
    n = len(column)
    if n == 0:
        return b""
    bits = column.view(np.int64)
    if (bits == bits[0]).all():
        return bytes((_SAME_BITS,)) + bits[:1].astype("<i8").tobytes()
    values, bits = column[groups.order], bits[groups.order]
    mantissa, exact = _decimals(values, bits, groups, shape)
    odd = np.flatnonzero(~exact)
    if len(odd) * 4 > n:
        return bytes((_RAW,)) + _planes(bits.view(np.uint64), 3)
    base = _bases(mantissa, exact, groups, shape)
    mantissa[odd] = base[groups.which[odd]]
    steps = np.empty(n, np.int64)
    steps[1:] = mantissa[1:] - mantissa[:-1]
    steps[groups.first] = mantissa[groups.first] - base
    folded = ((steps << 1) ^ (steps >> 63)).view(np.uint64)
    needed = np.frexp(np.maximum.reduceat(folded, groups.first).astype(np.float64))[1].astype(np.int64)
    # One bit is kept spare for a new series; a value that needs more widens it for good only by one.
    shape.width = np.where(shape.width == UNKNOWN, np.minimum(needed + 1, 64), shape.width)
    width = np.maximum(needed, shape.width)
    shape.width = np.minimum(shape.width + (needed > shape.width), 64)
    out = [
        bytes((_DECIMAL,)),
        encode_ints(np.maximum(shape.decimals, 0)),
        encode_ints(base),
        encode_ints(width),
        varint(len(odd)),
    ]
    if len(odd):
        out += [encode_ints(odd), encode_ints(bits[odd])]
    out.append(_pack_bits(folded, width[groups.which]))
    return b"".join(out)


def decode_floats(cursor: Cursor, groups: Groups) -> Floats:
    """Read a column of float64 (see encode_floats)."""
    n = len(groups.order)
    if n == 0:
        return np.empty(0)
    mode = cursor.byte()
    if mode == _SAME_BITS:
        return np.full(n, np.frombuffer(cursor.take(8), "<i8")[0]).view(np.float64)
    if mode == _RAW:
        grouped = _unplanes(cursor, n, 3).view(np.float64)
    elif mode == _DECIMAL:
        grouped = _decode_decimals(cursor, groups, n)
    else:
        raise ColumnError(f"unknown float column mode {mode}")
    out = np.empty(n)
    out[groups.order] = grouped
    return out


def _decode_decimals(cursor: Cursor, groups: Groups, n: int) -> Floats:
    decimals = decode_ints(cursor, len(groups))
    base = decode_ints(cursor, len(groups))
    width = decode_ints(cursor, len(groups))
    if int(decimals.min()) < 0 or int(decimals.max()) > K_MAX or int(width.min()) < 0 or int(width.max()) > 64:
        raise ColumnError("decimals or widths out of range")
    odd_count = cursor.varint()
    if not 0 <= odd_count <= n:
        raise ColumnError("more exceptions than values")
    odd, odd_bits = decode_ints(cursor, odd_count), decode_ints(cursor, odd_count)
    if odd_count and (int(odd.min()) < 0 or int(odd.max()) >= n):
        raise ColumnError("exception outside the column")
    folded = _unpack_bits(cursor, width[groups.which])
    steps = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    total = np.cumsum(steps)
    mantissa = total + (base - (total - steps)[groups.first])[groups.which]
    out: Floats = mantissa / _POW10[decimals[groups.which]]
    out.view(np.int64)[odd] = odd_bits
    return out


def decimal_places(values: Floats) -> int | None:
    """Give the fewest decimals (at most K_MAX) with which every one of these finite values is exact; None if none."""
    bits = values.view(np.int64)
    left = np.ones(len(values), np.bool_)
    for k in range(K_MAX + 1):
        _, fits = _scale(values[left], bits[left], np.full(int(left.sum()), k))
        if fits.all():
            # a value that is exact with fewer decimals is so with more, unless it grew too large
            return k if _scale(values, bits, np.full(len(values), k))[1].all() else None
        left[np.flatnonzero(left)[fits]] = False
    return None


def _bases(mantissa: Ints, exact: NDArray[np.bool_], groups: Groups, shape: Shape) -> Ints:
    """Give the base of each series as a whole number at its decimals; a series without one takes its first value."""
    scaled = np.rint(shape.base * _POW10[np.maximum(shape.decimals, 0)])
    unknown = np.isnan(scaled) | (np.abs(scaled) >= _EXACT)
    base = np.where(unknown, 0.0, scaled).astype(np.int64)
    new = unknown & exact[groups.first]
    base[new] = mantissa[groups.first[new]]
    shape.base[new] = base[new] / _POW10[np.maximum(shape.decimals[new], 0)]
    return base


def _decimals(values: Floats, bits: Ints, groups: Groups, shape: Shape) -> tuple[Ints, NDArray[np.bool_]]:
    """Find m of m / 10**k for each (sorted) value, k being one a series; raise k where a series needs more.

    A series with a value that is no decimal gets ``NOT_DECIMAL``, so that it need not be searched again.
    """
    mantissa, good = _scale(values, bits, shape.decimals[groups.which])
    left = np.flatnonzero(~good & np.isfinite(values) & (shape.decimals[groups.which] >= 0))
    if not len(left):
        return mantissa, good
    for k in range(K_MAX + 1):
        _, fits = _scale(values[left], bits[left], np.full(len(left), k))
        np.maximum.at(shape.decimals, groups.which[left[fits]], k)
        left = left[~fits]
    # A value that is none is known as such only if its series has no decimals otherwise either.
    shape.decimals[groups.which[left]] = NOT_DECIMAL
    return _scale(values, bits, shape.decimals[groups.which])


def _scale(values: Floats, bits: Ints, decimals: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Multiply by 10**decimals and say where that is a whole number that divides back to the very same bits."""
    with np.errstate(invalid="ignore", over="ignore"):
        power = _POW10[np.maximum(decimals, 0)]
        # -0.0 is no decimal: adding 0.0 makes it 0.0, and the bits differ.
        scaled = np.rint(values * power) + 0.0
        good = (np.abs(scaled) < _EXACT) & ((scaled / power).view(np.int64) == bits)
    return np.where(good, scaled, 0.0).astype(np.int64), good


def _pack_bits(values: NDArray[np.uint64], width: Ints) -> bytes:
    """Write the low ``width`` bits of each value, one behind the other, lowest bit first."""
    rows = np.repeat(np.arange(len(values)), width)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(width) - width, width)
    found = (values[rows] >> place.astype(np.uint64)) & np.uint64(1)
    return np.packbits(found.astype(np.uint8), bitorder="little").tobytes()


def _unpack_bits(cursor: Cursor, width: Ints) -> NDArray[np.uint64]:
    total = int(width.sum())
    data = np.frombuffer(cursor.take((total + 7) // 8), np.uint8)
    out = np.zeros(len(width), np.uint64)
    if total:
        ends = np.cumsum(width)
        place = np.arange(total) - np.repeat(ends - width, width)
        found = np.unpackbits(data, count=total, bitorder="little").astype(np.uint64) << place.astype(np.uint64)
        there = np.flatnonzero(width)
        out[there] = np.add.reduceat(found, (ends - width)[there])
    return out


def _width(span: int) -> int:
    return 0 if span < 1 << 8 else 1 if span < 1 << 16 else 2 if span < 1 << 32 else 3


def _planes(values: NDArray[np.uint64], width: int) -> bytes:
    """Write the low bytes of each value, plane by plane: like bytes stand together and compress."""
    size, dtype = _WIDTHS[width]
    narrow = values.astype(dtype)
    if size == 1:
        return narrow.tobytes()
    return narrow.view(np.uint8).reshape(-1, size).T.tobytes()


def _unplanes(cursor: Cursor, n: int, width: int) -> Ints:
    size, dtype = _WIDTHS[width]
    data = np.frombuffer(cursor.take(n * size), np.uint8)
    if size > 1:
        data = np.ascontiguousarray(data.reshape(size, n).T).reshape(-1)
    return data.view(dtype).astype(np.int64)
