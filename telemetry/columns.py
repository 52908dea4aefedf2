# SPDX-License-Identifier: Apache-2.0
"""Columns of floats to bytes and back, exactly: decimals where they are decimals, else as they are.

The rule it keeps: what comes back is bit for bit what went in, nan payloads, -0.0 and infinities included.

A decimal float is m / 10**k with |m| < 2**53 and k <= 9. Both m and 10**k are exact doubles and IEEE 754
division rounds correctly, so the quotient is the very double that the text "m e-k" names. A series' first value
is written as its distance from a base, each further one as its distance from the one before, in as many bits as
that series needs.
"""

import functools
from collections.abc import Sequence
from itertools import accumulate
from math import nan
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from telemetry.ints import (
    ColumnError,
    Cursor,
    Ints,
    cut_ints,
    decode_ints,
    encode_ints,
    ints_of,
    planes,
    repeated_ints,
    unplanes,
    varint,
)

Floats = NDArray[np.float64]

K_MAX: Final = 9
NOT_DECIMAL: Final = -1
UNKNOWN: Final = -1
POW10: Final[Floats] = np.array([10.0**k for k in range(K_MAX + 1)])
EXACT: Final = float(2**53)
_NAN_BITS: Final = int(np.array([nan]).view(np.int64)[0])

# Modes of a float column.
SAME_BITS, DECIMAL, _RAW = 0, 1, 2

_WORD: Final = 64
_WORDS: Final = np.dtype("<u8")
_BEHIND: Final = bytes(9)  # so that a word can be read at the last byte and the one after it
_ONE: Final = np.uint64(1)
_TOP_BYTE: Final = np.uint64(_WORD - 8)
_MASKS: Final = np.array([(1 << width) - 1 for width in range(_WORD + 1)], np.uint64)


class Groups:
    """How the rows of a batch fall into series: the order that puts each series' rows together, and their starts."""

    __slots__ = ("_back", "first", "order", "rows_each", "starts", "which")

    def __init__(self, series: Ints) -> None:
        """Take the series of each row (any whole numbers)."""
        self.order: Ints = np.argsort(series, kind="stable")
        grouped = series[self.order]
        self.starts = np.empty(len(series), np.bool_)
        self.starts[:1] = True
        np.not_equal(grouped[1:], grouped[:-1], out=self.starts[1:])
        self.first: Ints = np.flatnonzero(self.starts)  # in the sorted order
        self.which: Ints = np.cumsum(self.starts) - 1  # the group of each sorted row
        each = len(series) // max(1, len(self.first))
        even = np.array_equal(self.first, np.arange(len(self.first)) * each) and each * len(self.first) == len(series)
        self.rows_each = each if even else 0  # how many rows each series has; 0 = not all as many
        self._back: Ints | None = None

    def __len__(self) -> int:
        """Count the series."""
        return len(self.first)

    @property
    def back(self) -> Ints:
        """Where in the sorted order each row stands."""
        if self._back is None:
            self._back = np.empty(len(self.order), np.int64)
            self._back[self.order] = np.arange(len(self.order))
        return self._back

    def ungrouped(self, grouped: Floats) -> Floats:
        """Put values that stand in the sorted order back into the order of the rows."""
        return grouped.take(self.back)


@functools.lru_cache(maxsize=4_096)
def groups_of(data: bytes, n: int) -> Groups:
    """Give the groups of a series column that ``cut_ints`` gave; shared, not to be written to."""
    return Groups(ints_of(data, n))


@functools.lru_cache(maxsize=4_096)
def groups_among(data: bytes, n: int, rows: bytes, count: int) -> Groups:
    """Give the groups of some rows of such a series column; ``rows`` is a column of ``count`` row numbers."""
    return Groups(ints_of(data, n)[ints_of(rows, count)])


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
        return bytes((SAME_BITS,)) + bits[:1].astype("<i8").tobytes()
    values, bits = column[groups.order], bits[groups.order]
    mantissa, exact = _decimals(values, bits, groups, shape)
    odd = np.flatnonzero(~exact)
    if len(odd) * 4 > n:
        return bytes((_RAW,)) + planes(bits.view(np.uint64), 3)
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
        bytes((DECIMAL,)),
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
    """Read a column of float64 (see encode_floats). It may be shared: it is not to be written to."""
    n = len(groups.order)
    if n == 0:
        return np.empty(0)
    mode = cursor.byte()
    if mode == SAME_BITS:
        return _same(cursor.take(8), n)
    if mode == _RAW:
        grouped = unplanes(cursor, n, 3).view(np.float64)
    elif mode == DECIMAL:
        grouped = _decode_decimals(cursor, groups, n)
    else:
        raise ColumnError(f"unknown float column mode {mode}")
    return groups.ungrouped(grouped)


@functools.lru_cache(maxsize=1_024)
def _same(bits: bytes, n: int) -> Floats:
    column = np.full(n, np.frombuffer(bits, "<i8")[0]).view(np.float64)
    column.flags.writeable = False
    return column


class Packed(NamedTuple):
    """What stands before the bits of a decimal column, and stays alike from batch to batch."""

    groups: Groups
    power: Floats
    base: Ints
    places: "_BitPlaces"

    @property
    def size(self) -> int:
        """How many bytes of bits follow."""
        return self.places.size

    def grouped(self, data: bytes) -> Floats:
        """Read the bits: the values in the order of the groups."""
        steps = _unfolded(_unpack_bits(data, self.places))
        groups = self.groups
        if groups.rows_each:
            steps = steps.reshape(-1, groups.rows_each)
            total = steps if groups.rows_each == 1 else steps.cumsum(axis=1)
            out: Floats = ((total + self.base[:, None]) / self.power[:, None]).reshape(-1)
            return out
        total = np.cumsum(steps)
        mantissa = total + (self.base - (total - steps)[groups.first])[groups.which]
        return mantissa / self.power[groups.which]


def packed_together(columns: Sequence[Packed], data: Sequence[bytes]) -> Floats:
    """Read the bits of many columns at once: all their values, column behind column, each in the order of its rows."""
    groups = [each.groups for each in columns]
    rows, series = [len(each.order) for each in groups], [len(each) for each in groups]
    row_at, series_at = _begins(rows), _begins(series)
    bits = _BEHIND.join(data) + _BEHIND
    words = np.ndarray((len(bits) - 7,), _WORDS, bits, 0, (1,))  # a word begins at every byte
    byte = np.concatenate([each.places.byte for each in columns])
    byte += np.repeat(_begins([len(each) + len(_BEHIND) for each in data]), rows)
    found = words.take(byte)
    found >>= np.concatenate([each.places.shift for each in columns])
    for each, begin, count in zip(columns, row_at.tolist(), rows, strict=True):
        if each.places.over is not None:
            here = slice(begin, begin + count)
            found[here] |= words.take(byte[here] + 1) >> _TOP_BYTE << each.places.over
    found &= np.concatenate([each.places.mask for each in columns])
    steps = _unfolded(found)
    total = np.cumsum(steps)
    first = np.concatenate([each.first for each in groups]) + np.repeat(row_at, series)
    base = np.concatenate([each.base for each in columns]) - (total - steps)[first]
    which = np.concatenate([each.which for each in groups]) + np.repeat(series_at, rows)
    values: Floats = (total + base[which]) / np.concatenate([each.power for each in columns])[which]
    return values.take(np.concatenate([each.back for each in groups]) + np.repeat(row_at, rows))


def _begins(sizes: list[int]) -> Ints:
    """Give where each of some pieces of such sizes begins, one behind the other."""
    return np.array([0, *accumulate(sizes[:-1])], np.int64)


def packed_head(cursor: Cursor, groups: Groups) -> tuple[Packed, int]:
    """Read a decimal column up to its count of exceptions, and give that too."""
    power = _powers(cut_ints(cursor, len(groups)), len(groups))
    base = repeated_ints(cursor, len(groups))
    places = _bit_places(cut_ints(cursor, len(groups)), groups)
    return Packed(groups, power, base, places), cursor.varint()


def _decode_decimals(cursor: Cursor, groups: Groups, n: int) -> Floats:
    packed, odd_count = packed_head(cursor, groups)
    if not 0 <= odd_count <= n:
        raise ColumnError("more exceptions than values")
    odd, odd_bits = decode_ints(cursor, odd_count), decode_ints(cursor, odd_count)
    if odd_count and (int(odd.min()) < 0 or int(odd.max()) >= n):
        raise ColumnError("exception outside the column")
    out = packed.grouped(cursor.take(packed.size))
    if odd_count:
        out.view(np.int64)[odd] = odd_bits
    return out


@functools.lru_cache(maxsize=4_096)
def _powers(data: bytes, n: int) -> Floats:
    decimals = ints_of(data, n)
    if int(decimals.min()) < 0 or int(decimals.max()) > K_MAX:
        raise ColumnError("decimals out of range")
    return POW10[decimals]


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
    scaled = np.rint(shape.base * POW10[np.maximum(shape.decimals, 0)])
    unknown = np.isnan(scaled) | (np.abs(scaled) >= EXACT)
    base = np.where(unknown, 0.0, scaled).astype(np.int64)
    new = unknown & exact[groups.first]
    base[new] = mantissa[groups.first[new]]
    shape.base[new] = base[new] / POW10[np.maximum(shape.decimals[new], 0)]
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
        power = POW10[np.maximum(decimals, 0)]
        # -0.0 is no decimal: adding 0.0 makes it 0.0, and the bits differ.
        scaled = np.rint(values * power) + 0.0
        good = (np.abs(scaled) < EXACT) & ((scaled / power).view(np.int64) == bits)
    return np.where(good, scaled, 0.0).astype(np.int64), good


def _pack_bits(values: NDArray[np.uint64], width: Ints) -> bytes:
    """Write the low ``width`` bits of each value, one behind the other, lowest bit first."""
    rows = np.repeat(np.arange(len(values)), width)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(width) - width, width)
    found = (values[rows] >> place.astype(np.uint64)) & np.uint64(1)
    return np.packbits(found.astype(np.uint8), bitorder="little").tobytes()


class _BitPlaces(NamedTuple):
    """Where each value of a packed column lies: the byte it begins in, the bit in that byte, the bits it has."""

    size: int  # of the column, bytes
    byte: Ints
    shift: NDArray[np.uint64]
    mask: NDArray[np.uint64]
    over: NDArray[np.uint64] | None  # how far the ninth byte goes up, where a value may reach into one


@functools.lru_cache(maxsize=4_096)
def _bit_places(widths: bytes, groups: Groups) -> _BitPlaces:
    """Lay out a packed column of these widths (one a series). ColumnError if one is none."""
    width = ints_of(widths, len(groups))
    if int(width.min()) < 0 or int(width.max()) > _WORD:
        raise ColumnError("widths out of range")
    each = width[groups.which]
    end = np.cumsum(each)
    start = end - each
    shift = (start & 7).view(np.uint64)
    over = np.uint64(_WORD) - shift if int(width.max()) > _WORD - 7 else None
    return _BitPlaces((int(end[-1]) + 7) // 8, start >> 3, shift, _MASKS[each], over)


def _unpack_bits(data: bytes, places: _BitPlaces) -> NDArray[np.uint64]:
    """Read what ``_pack_bits`` wrote: of the eight bytes from each value's first one, its own bits."""
    words = np.ndarray((places.size + 2,), _WORDS, data + _BEHIND, 0, (1,))  # a word begins at every byte
    found = words.take(places.byte) >> places.shift
    if places.over is not None:
        # shifted by 64, as a value is that begins with its byte, this is 0
        found |= words.take(places.byte + 1) >> _TOP_BYTE << places.over
    found &= places.mask
    return found


def _unfolded(folded: NDArray[np.uint64]) -> Ints:
    """Give the signed numbers of zigzag ones, in place."""
    sign = -(folded & _ONE)
    folded >>= _ONE
    folded ^= sign
    return folded.view(np.int64)
