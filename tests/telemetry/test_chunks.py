# SPDX-License-Identifier: Apache-2.0
"""Chunks and roll-ups: exact for any values, small for real ones, silent for none, and damage is seen."""

import struct
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.chunks import (
    ChunkError,
    Stretch,
    decode_rollup,
    decode_stretch,
    encode_rollup,
    encode_stretch,
    merge,
    roll_up,
)
from telemetry.records import UNUSABLE

ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: float(struct.unpack("<d", struct.pack("<Q", bits))[0]))
DECIMAL = st.tuples(st.integers(-(10**7), 10**7), st.integers(0, 6)).map(lambda mk: mk[0] / 10 ** mk[1])
VALUE = st.one_of(DECIMAL, st.sampled_from([nan, -0.0, inf, -inf, 1 / 3, 1e300]), ANY_BITS)
ROW = st.tuples(st.integers(0, 2**42), st.integers(0, 3), VALUE, VALUE, st.integers(0, 8191), st.integers(0, 1), VALUE)


def stretch(rows: list[tuple[int, int, float, float, int, int, float]]) -> Stretch:
    rows = sorted(rows, key=lambda row: row[:2])
    wall, line, value, raw, quality, calibration, uncertainty = zip(*rows, strict=True) if rows else ((),) * 7
    ints = [np.array(column, np.int64) for column in (wall, line, quality, calibration)]
    floats = [np.array(column, np.float64) for column in (value, raw, uncertainty)]
    return Stretch(ints[0], ints[1], floats[0], floats[1], ints[2], ints[3], floats[2], ("", "cal-7"))


def bits(made: Stretch) -> list[list[int]]:
    columns = (made.wall_ms, made.line, made.value, made.raw, made.quality, made.calibration, made.uncertainty)
    return [column.view(np.int64).tolist() for column in columns]


def day(noise: int, seed: int = 1) -> Stretch:
    """A day of a temperature every 10 s, in steps of a tenth."""
    rng = np.random.default_rng(seed)
    n = 8640
    value = np.round(240 + 40 * np.sin(np.arange(n) / n * 6.28) + np.cumsum(rng.integers(-noise, noise + 1, n)) * 0.1)
    none = np.zeros(n, np.int64)
    value = value / 10
    return Stretch(
        np.arange(n) * 10_000 + 1_760_000_000_000, none, value, value, none, none, np.full(n, 0.3), ("cal-1",)
    )


@given(st.lists(ROW, min_size=1, max_size=60))
def test_any_stretch_comes_back_bit_for_bit(rows: list[tuple[int, int, float, float, int, int, float]]) -> None:
    made = stretch(rows)
    for for_good in (True, False):
        data = encode_stretch(made, for_good=for_good)
        back = decode_stretch(data)
        assert bits(back) == bits(made)
        assert back.names == made.names


@given(st.lists(ROW, min_size=1, max_size=40))
def test_a_roll_up_comes_back_and_is_what_a_slow_count_gives(
    rows: list[tuple[int, int, float, float, int, int, float]],
) -> None:
    made = stretch([(wall % 1_000_000, *rest) for wall, *rest in rows])  # type: ignore[misc]
    with np.errstate(over="ignore", invalid="ignore"):
        rollup = roll_up(made, 60_000, int(UNUSABLE))
        back = decode_rollup(encode_rollup(rollup))
    for name in ("wall_ms", "count", "low", "high", "total"):
        assert np.array_equal(getattr(back, name), getattr(rollup, name), equal_nan=name not in ("wall_ms", "count"))
    for start, count, low, high in zip(rollup.wall_ms, rollup.count, rollup.low, rollup.high, strict=True):
        good = [
            value
            for wall, value, quality in zip(made.wall_ms, made.value, made.quality, strict=True)
            if wall // 60_000 * 60_000 == start and np.isfinite(value) and not quality & UNUSABLE
        ]
        assert count == len(good)
        assert (low, high) == (min(good), max(good)) if good else np.isnan(low)


def test_a_real_day_costs_a_fifth_of_a_byte_a_point() -> None:
    made = day(noise=1)
    data = encode_stretch(made)
    assert len(data) / 8640 < 0.08
    hours = encode_rollup(roll_up(made, 3_600_000, int(UNUSABLE)))
    assert len(hours) / 8640 < 0.02


def test_sums_of_decimals_are_exact() -> None:
    rollup = roll_up(day(noise=1), 3_600_000, int(UNUSABLE))
    hour = day(noise=1)
    starts = hour.wall_ms // 3_600_000 * 3_600_000
    for start, total in zip(rollup.wall_ms, rollup.total, strict=True):
        assert total == round(sum(round(value * 10) for value in hour.value[starts == start])) / 10


def test_merging_keeps_once_what_came_twice_and_puts_late_data_in_its_place() -> None:
    first = stretch([(1000, 0, 1.0, 1.0, 0, 1, 0.1), (3000, 0, 3.0, 3.0, 0, 1, 0.1)])
    late = stretch([(2000, 0, 2.0, 2.0, 0, 0, 0.1), (3000, 0, 3.0, 3.0, 0, 1, 0.1), (3000, 1, 9.0, 9.0, 0, 1, 0.1)])
    both = merge([first, late])
    assert both.wall_ms.tolist() == [1000, 2000, 3000, 3000]
    assert both.value.tolist() == [1.0, 2.0, 3.0, 9.0]
    assert [both.names[at] for at in both.calibration] == ["cal-7", "", "cal-7", "cal-7"]


def test_every_flipped_bit_is_seen() -> None:
    data = encode_stretch(stretch([(1000, 0, 1.0, 1.0, 0, 1, 0.1), (3000, 0, 3.0, 3.0, 0, 1, 0.1)]))
    for bit in range(len(data) * 8):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ChunkError):
            decode_stretch(bytes(broken))
