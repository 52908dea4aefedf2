# SPDX-License-Identifier: Apache-2.0
"""A stretch of one series as a few bytes, and its roll-ups: bit planes of deltas under zstd, with a CRC.

The rule it keeps: a chunk gives back every value bit for bit, whatever it is; a roll-up is computed from whole
numbers, so its minimum, maximum and sum are exact; bytes that do not match their CRC give nothing.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Final

import numpy as np
import zstandard

from telemetry.columns import K_MAX, Floats, decimal_places
from telemetry.ints import ColumnError, Cursor, Ints, decode_ints, encode_ints, varint

POINTS_MAX: Final = 2_000_000
CHUNK_BYTES_MAX: Final = 32_000_000
# What stays is packed as small as can be, what is merged within a day quickly.
_LEVEL_FOR_GOOD: Final = 19
_LEVEL_FOR_A_DAY: Final = 3
_VERSION: Final = 1


class ChunkError(ValueError):
    """The bytes are no chunk, or were damaged."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples of one series in the order of time. ``calibration`` indexes ``names``; ``line`` tells timelines apart."""

    wall_ms: Ints
    line: Ints
    value: Floats
    raw: Floats
    quality: Ints
    calibration: Ints
    uncertainty: Floats
    names: tuple[str, ...]

    def take(self, rows: Ints) -> "Stretch":
        """Give these rows of it."""
        return Stretch(
            self.wall_ms[rows],
            self.line[rows],
            self.value[rows],
            self.raw[rows],
            self.quality[rows],
            self.calibration[rows],
            self.uncertainty[rows],
            self.names,
        )


@dataclass(frozen=True, slots=True)
class Rollup:
    """Buckets of one series: start (ms), how many good values, their lowest, highest and sum (nan where none)."""

    wall_ms: Ints
    count: Ints
    low: Floats
    high: Floats
    total: Floats

    def take(self, rows: Ints) -> "Rollup":
        """Give these buckets of it."""
        return Rollup(self.wall_ms[rows], self.count[rows], self.low[rows], self.high[rows], self.total[rows])

    @property
    def mean(self) -> Floats:
        """The mean of each bucket."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.total / self.count


def merge(stretches: Sequence[Stretch]) -> Stretch:
    """Put stretches of one series together by time; what is there twice (same time, same timeline) is kept once."""
    names = tuple(dict.fromkeys(name for each in stretches for name in each.names))
    number = {name: at for at, name in enumerate(names)}
    maps = [np.array([number[name] for name in each.names] or [0], np.int64) for each in stretches]
    wall = np.concatenate([each.wall_ms for each in stretches])
    line = np.concatenate([each.line for each in stretches])
    calibration = np.concatenate([map_[each.calibration] for map_, each in zip(maps, stretches, strict=True)])
    order = np.lexsort((line, wall))
    wall, line = wall[order], line[order]
    keep = np.ones(len(wall), np.bool_)
    keep[1:] = (wall[1:] != wall[:-1]) | (line[1:] != line[:-1])
    rows = order[keep]
    floats = [np.concatenate([getattr(each, name) for each in stretches])[rows] for name in ("value", "raw")]
    quality = np.concatenate([each.quality for each in stretches])[rows]
    uncertainty = np.concatenate([each.uncertainty for each in stretches])[rows]
    return Stretch(wall[keep], line[keep], floats[0], floats[1], quality, calibration[rows], uncertainty, names)


def encode_stretch(stretch: Stretch, *, for_good: bool = True) -> bytes:
    """Write a stretch, small if it is to be kept ``for_good``."""
    n = len(stretch.wall_ms)
    same = bool((stretch.raw.view(np.int64) == stretch.value.view(np.int64)).all())
    names = "\n".join(name.replace("\n", " ") for name in stretch.names).encode()
    parts = [
        varint(n),
        varint(len(names)),
        names,
        _encode_deltas(stretch.wall_ms),
        _encode_runs(stretch.line),
        _encode_floats(stretch.value),
        b"\x01" if same else b"\x00" + _encode_floats(stretch.raw),
        _encode_runs(stretch.quality),
        _encode_runs(stretch.calibration),
        _encode_runs(stretch.uncertainty.view(np.int64)),
    ]
    return _seal(b"".join(parts), _LEVEL_FOR_GOOD if for_good else _LEVEL_FOR_A_DAY)


def decode_stretch(data: bytes) -> Stretch:
    """Read a stretch. ChunkError if it is damaged."""
    try:
        cursor = Cursor(_open(data))
        n = _count(cursor)
        names = tuple(cursor.take(cursor.varint()).decode().split("\n"))
        wall, line = _decode_deltas(cursor, n), _decode_runs(cursor, n)
        value = _decode_floats(cursor, n)
        raw = value if cursor.byte() else _decode_floats(cursor, n)
        quality, calibration = _decode_runs(cursor, n), _decode_runs(cursor, n)
        uncertainty = _decode_runs(cursor, n).view(np.float64)
    except (ColumnError, UnicodeDecodeError) as error:
        raise ChunkError(str(error)) from error
    return Stretch(wall, line, value, raw, quality, calibration, uncertainty, names)


def roll_up(stretch: Stretch, bucket_ms: int, unusable: int) -> Rollup:
    """Give count, lowest, highest and sum of the good values of each bucket that has samples."""
    start = stretch.wall_ms // bucket_ms * bucket_ms
    first = np.flatnonzero(np.diff(start, prepend=start[:1] - 1))
    good = np.isfinite(stretch.value) & ((stretch.quality & unusable) == 0)
    low = np.minimum.reduceat(np.where(good, stretch.value, np.inf), first)
    high = np.maximum.reduceat(np.where(good, stretch.value, -np.inf), first)
    count = np.add.reduceat(good.astype(np.int64), first)
    places = decimal_places(stretch.value[good])
    if places is None:
        total = np.add.reduceat(np.where(good, stretch.value, 0.0), first)
    else:
        scaled = np.rint(np.where(good, stretch.value, 0.0) * 10.0**places).astype(np.int64)
        total = np.add.reduceat(scaled, first) / 10.0**places
    none = count == 0
    low[none], high[none], total[none] = nan, nan, nan
    return Rollup(start[first], count, low, high, total)


def encode_rollup(rollup: Rollup) -> bytes:
    """Write a roll-up."""
    n = len(rollup.wall_ms)
    parts = [varint(n), _encode_deltas(rollup.wall_ms), _encode_runs(rollup.count)]
    columns = (rollup.low, rollup.high, rollup.total)
    known = np.concatenate(columns)
    places = decimal_places(known[np.isfinite(known)])
    if places is None or not np.isfinite(known).all():
        parts += [b"\x00", *(_encode_floats(column) for column in columns)]
    else:
        low, high, total = (np.rint(column * 10.0**places).astype(np.int64) for column in columns)
        parts += [bytes((1, places)), _encode_deltas(low), _encode_planes(high - low)]
        parts.append(_encode_planes(total - low * rollup.count))
    return _seal(b"".join(parts), _LEVEL_FOR_GOOD)


def decode_rollup(data: bytes) -> Rollup:
    """Read a roll-up. ChunkError if it is damaged."""
    try:
        cursor = Cursor(_open(data))
        n = _count(cursor)
        wall, count = _decode_deltas(cursor, n), _decode_runs(cursor, n)
        if cursor.byte() == 0:
            low, high, total = (_decode_floats(cursor, n) for _ in range(3))
            return Rollup(wall, count, low, high, total)
        places = cursor.byte()
        if places > K_MAX:
            raise ChunkError(f"{places} decimals")
        floor = _decode_deltas(cursor, n)
        ceiling = floor + _decode_planes(cursor, n)
        whole = _decode_planes(cursor, n) + floor * count
    except ColumnError as error:
        raise ChunkError(str(error)) from error
    power = 10.0**places
    return Rollup(wall, count, floor / power, ceiling / power, whole / power)


def _encode_floats(column: Floats) -> bytes:
    """Write floats as whole numbers of one decimal place, and those that are none as they are."""
    bits = column.view(np.int64)
    finite = np.isfinite(column)
    places = decimal_places(column[finite & (bits != np.int64(-(2**63)))])
    if places is None:
        return b"\x00" + _byte_planes(bits)
    with np.errstate(invalid="ignore"):
        mantissa = np.where(finite, np.rint(np.where(finite, column, 0.0) * 10.0**places), 0.0).astype(np.int64)
    odd = np.flatnonzero((mantissa / 10.0**places).view(np.int64) != bits)
    if len(odd):  # hold the value over what is none, so that the deltas stay small
        known = np.arange(len(column))
        known[odd] = 0
        mantissa = mantissa[np.maximum.accumulate(known)]
    out = bytes((1, places)) + varint(len(odd))
    if len(odd):
        out += encode_ints(odd) + _encode_runs(bits[odd])
    return out + _encode_deltas(mantissa)


def _decode_floats(cursor: Cursor, n: int) -> Floats:
    if cursor.byte() == 0:
        return np.frombuffer(cursor.take(n * 8), np.uint8).reshape(8, n).T.copy().view("<f8").reshape(n)
    places = cursor.byte()
    odd_count = cursor.varint()
    if places > K_MAX or not 0 <= odd_count <= n:
        raise ColumnError("decimals or exceptions out of range")
    odd = decode_ints(cursor, odd_count)
    odd_bits = _decode_runs(cursor, odd_count) if odd_count else odd
    out: Floats = _decode_deltas(cursor, n) / 10.0**places
    if odd_count and (int(odd.min()) < 0 or int(odd.max()) >= n):
        raise ColumnError("exception outside the column")
    out.view(np.int64)[odd] = odd_bits
    return out


def _encode_deltas(column: Ints) -> bytes:
    """Write whole numbers as a first one and the deviations of their steps from the commonest, in bit planes."""
    if len(column) == 0:
        return b""
    steps = np.diff(column)
    usual = int(np.median(steps)) if len(steps) else 0
    off = steps - usual
    return varint(int(column[0])) + varint(usual) + _encode_planes((off << 1) ^ (off >> 63))


def _decode_deltas(cursor: Cursor, n: int) -> Ints:
    if n == 0:
        return np.empty(0, np.int64)
    first, usual = cursor.varint(), cursor.varint()
    width = cursor.byte()
    if width == 0:  # all steps are alike, as those of a time are that was kept to the millisecond
        return first + usual * np.arange(n, dtype=np.int64)
    steps = _unpack_planes(cursor, n - 1, width)
    odd = steps & 1
    np.negative(odd, out=odd)
    np.right_shift(steps.view(np.uint64), np.uint64(1), out=steps.view(np.uint64))
    steps ^= odd
    steps += usual
    out = np.empty(n, np.int64)
    out[0] = first
    np.cumsum(steps, out=out[1:])
    out[1:] += first
    return out


def _encode_planes(column: Ints) -> bytes:
    """Write whole numbers (as unsigned) bit by bit: all lowest bits, all second bits, and so on."""
    values = column.view(np.uint64)
    width = int(values.max()).bit_length() if len(values) else 0
    places = np.arange(width, dtype=np.uint64)[:, None]
    bits = ((values[None, :] >> places) & np.uint64(1)).astype(np.uint8)
    return bytes((width,)) + np.packbits(bits, axis=1).tobytes()


def _decode_planes(cursor: Cursor, n: int) -> Ints:
    return _unpack_planes(cursor, n, cursor.byte())


def _unpack_planes(cursor: Cursor, n: int, width: int) -> Ints:
    if width > 64:
        raise ColumnError(f"{width} bit planes")
    row = (n + 7) // 8
    planes = np.frombuffer(cursor.take(row * width), np.uint8).reshape(width, row)
    if width <= 8:  # the steps of a slow quantity fit a byte: eight times less to move than in words
        small = np.zeros(n, np.uint8)
        for place in range(width):
            small |= np.unpackbits(planes[place], count=n) << np.uint8(place)
        return small.astype(np.int64)
    out = np.zeros(n, np.uint64)
    for place in range(width):
        out |= np.unpackbits(planes[place], count=n).astype(np.uint64) << np.uint64(place)
    return out.view(np.int64)


def _encode_runs(column: Ints) -> bytes:
    """Write whole numbers that seldom change as runs."""
    first = np.flatnonzero(np.diff(column)) + 1 if len(column) else np.empty(0, np.int64)
    starts = np.concatenate((np.zeros(min(1, len(column)), np.int64), first))
    return varint(len(starts)) + encode_ints(starts) + encode_ints(column[starts])


def _decode_runs(cursor: Cursor, n: int) -> Ints:
    runs = cursor.varint()
    if not 0 <= runs <= n or (n and not runs):
        raise ColumnError(f"{runs} runs for {n} values")
    starts, values = decode_ints(cursor, runs), decode_ints(cursor, runs)
    if runs and int(starts[0]) != 0:
        raise ColumnError("runs do not cover the column")
    if runs == 1:
        return np.full(n, values[0])
    lengths = np.diff(starts, append=n)
    if n and int(lengths.min()) < 1:
        raise ColumnError("runs do not cover the column")
    return np.repeat(values, lengths)


def _byte_planes(bits: Ints) -> bytes:
    return bits.view(np.uint8).reshape(-1, 8).T.tobytes()


def _count(cursor: Cursor) -> int:
    n = cursor.varint()
    if not 0 <= n <= POINTS_MAX:
        raise ColumnError(f"{n} points in one chunk")
    return n


def _seal(body: bytes, level: int) -> bytes:
    packed = bytes((_VERSION,)) + zstandard.ZstdCompressor(level=level).compress(body)
    return packed + zlib.crc32(packed).to_bytes(4, "little")


def _open(data: bytes) -> bytes:
    if len(data) < 6 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise ChunkError("the checksum does not match: the bytes were damaged")
    if data[0] != _VERSION:
        raise ChunkError(f"chunk version {data[0]}, this program reads {_VERSION}")
    try:
        if not 0 <= zstandard.frame_content_size(data[1:-4]) <= CHUNK_BYTES_MAX:
            raise ChunkError("a chunk over the limit")
        return zstandard.ZstdDecompressor().decompress(data[1:-4], max_output_size=CHUNK_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise ChunkError(str(error)) from error
