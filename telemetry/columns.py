# SPDX-License-Identifier: Apache-2.0
"""Columns of numbers to bytes and back, exactly: whole numbers as deltas, floats as decimals where they are decimals.

The rule it keeps: what comes back is bit for bit what went in (nan payloads, -0.0 and infinities included),
and a reader never trusts a length: every read is bounded by the bytes at hand.

A decimal float is m / 10**k with |m| < 2**53 and k <= 9. Both m and 10**k are exact doubles and IEEE 754
division rounds correctly, so the quotient is the very double that the text "m e-k" names.
"""

from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

K_MAX: Final = 9
NOT_DECIMAL: Final = -1
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
    """Write a column of int64; n is known to the reader. Spans over 63 bits are written as they are."""
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


def encode_floats(column: Floats, order: Ints | None, starts: NDArray[np.bool_] | None, decimals: Ints) -> bytes:
    """Write a column of float64, exactly.

    ``order`` sorts the rows by series and ``starts`` marks each series' first row in that order (None: one row a
    series), so that a value is written as the difference to the one before it in its series. ``decimals`` is the
    number of decimals expected for each row; it is *updated in place* where a value has more.
    """
    n = len(column)
    if n == 0:
        return b""
    bits = column.view(np.int64)
    if (bits == bits[0]).all():
        return bytes((_SAME_BITS,)) + bits[:1].astype("<i8").tobytes()
    mantissa, exact = _decimals(column, bits, decimals)
    odd = np.flatnonzero(~exact)
    if len(odd) * 4 > n:
        return bytes((_RAW,)) + _planes(bits.view(np.uint64), 3)
    mantissa[odd] = 0
    if order is not None and starts is not None:
        mantissa = mantissa[order]
        steps = mantissa.copy()
        steps[1:] -= mantissa[:-1]
        mantissa = np.where(starts, mantissa, steps)
    out = [bytes((_DECIMAL,)), encode_ints(np.maximum(decimals, 0)), encode_ints(mantissa), varint(len(odd))]
    if len(odd):
        out += [encode_ints(odd.astype(np.int64)), encode_ints(bits[odd])]
    return b"".join(out)


def decode_floats(cursor: Cursor, n: int, order: Ints | None, starts: NDArray[np.bool_] | None) -> Floats:
    """Read a column of n float64 (see encode_floats)."""
    if n == 0:
        return np.empty(0)
    mode = cursor.byte()
    if mode == _SAME_BITS:
        return np.full(n, np.frombuffer(cursor.take(8), "<i8")[0]).view(np.float64)
    if mode == _RAW:
        return _unplanes(cursor, n, 3).view(np.float64)
    if mode != _DECIMAL:
        raise ColumnError(f"unknown float column mode {mode}")
    decimals = decode_ints(cursor, n)
    if int(decimals.min()) < 0 or int(decimals.max()) > K_MAX:
        raise ColumnError("decimals out of range")
    mantissa = decode_ints(cursor, n)
    if order is not None and starts is not None:
        total = np.cumsum(mantissa)
        base = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
        sums = total - (total - mantissa)[base]
        mantissa = np.empty(n, np.int64)
        mantissa[order] = sums
    out: Floats = mantissa / _POW10[decimals]
    odd_count = cursor.varint()
    if not 0 <= odd_count <= n:
        raise ColumnError("more exceptions than values")
    if odd_count:
        odd = decode_ints(cursor, odd_count)
        if int(odd.min()) < 0 or int(odd.max()) >= n:
            raise ColumnError("exception outside the column")
        out.view(np.int64)[odd] = decode_ints(cursor, odd_count)
    return out


def by_series(series: Ints) -> tuple[Ints | None, NDArray[np.bool_] | None]:
    """Give the order that puts each series' rows together, and where each begins; None when rows are one a series."""
    order: Ints = np.argsort(series, kind="stable")
    grouped = series[order]
    starts = np.empty(len(series), np.bool_)
    starts[:1] = True
    np.not_equal(grouped[1:], grouped[:-1], out=starts[1:])
    return (None, None) if bool(starts.all()) else (order, starts)


def _decimals(column: Floats, bits: Ints, decimals: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Find m of m / 10**k for each value; raise k in ``decimals`` where a value needs more than was expected.

    A value that is no decimal leaves ``NOT_DECIMAL`` there, so that the caller need not have it searched again.
    """
    mantissa = np.zeros(len(column), np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        # -0.0 is no decimal: adding 0.0 makes it 0.0, and the bits differ.
        scaled = np.rint(column * _POW10[decimals]) + 0.0
        good = (np.abs(scaled) < _EXACT) & ((scaled / _POW10[decimals]).view(np.int64) == bits)
        mantissa[good] = scaled[good]
        left = np.flatnonzero(~good & np.isfinite(column) & (decimals >= 0))
        for k in range(K_MAX + 1):
            if not len(left):
                break
            scaled = np.rint(column[left] * _POW10[k]) + 0.0
            fits = (np.abs(scaled) < _EXACT) & ((scaled / _POW10[k]).view(np.int64) == bits[left])
            hit = left[fits]
            mantissa[hit] = scaled[fits]
            decimals[hit] = k
            good[hit] = True
            left = left[~fits]
        decimals[left] = NOT_DECIMAL
    return mantissa, good


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
