# SPDX-License-Identifier: Apache-2.0
"""Columns of whole numbers to bytes and back: constants, steps, offsets and deltas in byte planes.

The rule it keeps: a reader never trusts a length: every read is bounded by the bytes at hand.
"""

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_WIDTHS: Final = ((1, "<u1"), (2, "<u2"), (4, "<u4"), (8, "<u8"))

# Modes of an integer column; 8, 16, 32, 64 bits wide ones add the width's index 0..3.
_CONST, _STEP, _PLAIN, _DELTA = 0, 1, 4, 8


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
        part = self.byte()
        if part < 0x80:  # most are small
            return (part >> 1) ^ -(part & 1)
        value, shift = part & 0x7F, 7
        for _ in range(9):
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
        return bytes((_PLAIN + 3,)) + varint(0) + planes(column.view(np.uint64), 3)
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
            + planes((steps - step_low).view(np.uint64), delta)
        )
    return bytes((_PLAIN + plain,)) + varint(low) + planes((column - low).view(np.uint64), plain)


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
        return unplanes(cursor, n, mode - _PLAIN) + np.int64(low)
    if _DELTA <= mode < _DELTA + 4:
        first, step_low = cursor.varint(), cursor.varint()
        out = np.empty(n, np.int64)
        out[0] = first
        out[1:] = unplanes(cursor, n - 1, mode - _DELTA) + np.int64(step_low)
        return np.cumsum(out)
    raise ColumnError(f"unknown integer column mode {mode}")


def repeated_ints(cursor: Cursor, n: int) -> Ints:
    """Read a column of n int64 that stands alike in many batches: what was read before is not computed again.

    The array is shared: it is not to be written to.
    """
    return ints_of(cut_ints(cursor, n), n)


def cut_ints(cursor: Cursor, n: int) -> bytes:
    """Cut the bytes of a column of n int64 out, without decoding it."""
    start = cursor.at
    if n:
        mode = cursor.byte()
        cursor.varint()
        if mode != _CONST and not _PLAIN <= mode < _PLAIN + 4:
            cursor.varint()
        if _PLAIN <= mode < _PLAIN + 4:
            cursor.take(n << (mode - _PLAIN))
        elif _DELTA <= mode < _DELTA + 4:
            cursor.take((n - 1) << (mode - _DELTA))
        elif mode not in (_CONST, _STEP):
            raise ColumnError(f"unknown integer column mode {mode}")
    return cursor.data[start : cursor.at]


def rising_ints(data: bytes, n: int) -> tuple[int, Ints]:
    """Decode a column of n int64, n over 0, whose first number moves while the rest repeats: times.

    Gives the first number and how far each lies from it (shared, read-only). ColumnError if the bytes are not exactly
    such a column.
    """
    first = Cursor(data, 1)
    base = first.varint()
    return base, _exactly(data[:1] + b"\0" + data[first.at :], n)


@functools.lru_cache(maxsize=16_384)
def _exactly(data: bytes, n: int) -> Ints:
    if len(cut_ints(Cursor(data), n)) != len(data):
        raise ColumnError("bytes left over after a column")
    return ints_of(data, n)


@functools.lru_cache(maxsize=16_384)
def ints_of(data: bytes, n: int) -> Ints:
    """Decode the bytes that ``cut_ints`` gave; the array is shared and read-only."""
    column = decode_ints(Cursor(data), n)
    column.flags.writeable = False
    return column


def _width(span: int) -> int:
    return 0 if span < 1 << 8 else 1 if span < 1 << 16 else 2 if span < 1 << 32 else 3


def planes(values: NDArray[np.uint64], width: int) -> bytes:
    """Write the low bytes of each value, plane by plane: like bytes stand together and compress."""
    size, dtype = _WIDTHS[width]
    narrow = values.astype(dtype)
    if size == 1:
        return narrow.tobytes()
    return narrow.view(np.uint8).reshape(-1, size).T.tobytes()


def unplanes(cursor: Cursor, n: int, width: int) -> Ints:
    """Read n values of a width that ``planes`` wrote."""
    size, dtype = _WIDTHS[width]
    data = np.frombuffer(cursor.take(n * size), np.uint8)
    if size > 1:
        data = np.ascontiguousarray(data.reshape(size, n).T).reshape(-1)
    return data.view(dtype).astype(np.int64)
