# SPDX-License-Identifier: Apache-2.0
"""Columns come back bit for bit, whatever numbers they hold, and a reader survives any bytes."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.columns import UNKNOWN, Groups, Shape, decode_floats, encode_floats
from telemetry.ints import ColumnError, Cursor, decode_ints, encode_ints, varint
from telemetry.steady import SteadyColumn

INT64 = st.integers(-(2**63), 2**63 - 1)
NEAR = st.integers(-300, 300)
DECIMAL = st.tuples(st.integers(-(10**7), 10**7), st.integers(0, 6)).map(lambda mk: mk[0] / 10 ** mk[1])
ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
ODD = st.sampled_from(
    [float("nan"), -0.0, 0.0, float("inf"), float("-inf"), 5e-324, 1 / 3, 1e308, 2.0**53, 2.0**53 + 2]
)
USUAL = st.integers(-3, 3).map(lambda tenths: 20.0 + tenths / 10)


def new_shape(count: int) -> Shape:
    return Shape(np.zeros(count, np.int64), np.full(count, np.nan), np.full(count, UNKNOWN))


@given(st.one_of(st.lists(INT64, max_size=60), st.lists(NEAR, max_size=60), st.lists(st.just(7), max_size=9)))
def test_whole_numbers_come_back(numbers: list[int]) -> None:
    column = np.array(numbers, np.int64)
    cursor = Cursor(encode_ints(column))
    assert decode_ints(cursor, len(numbers)).tolist() == numbers
    assert cursor.at == len(cursor.data)


@given(INT64)
def test_a_varint_comes_back(number: int) -> None:
    assert Cursor(varint(number)).varint() == number


@given(
    st.lists(st.tuples(st.integers(0, 5), st.one_of(DECIMAL, ODD, ANY_BITS)), max_size=50),
    st.lists(st.tuples(st.integers(0, 5), DECIMAL), max_size=50),
)
def test_floats_come_back_bit_for_bit_also_from_an_encoder_that_remembers(
    first: list[tuple[int, float]], second: list[tuple[int, float]]
) -> None:
    memory = {name: (0, float("nan"), UNKNOWN) for name in range(6)}
    for rows in (first, second, first):
        series = np.array([s for s, _ in rows], np.int64)
        column = np.array([v for _, v in rows], np.float64)
        groups = Groups(series)
        names = series[groups.order][groups.first].tolist()
        shape = Shape(*(np.array([memory[n][at] for n in names]) for at in range(3)))
        cursor = Cursor(encode_floats(column, groups, shape))
        back = decode_floats(cursor, Groups(series))
        assert back.view(np.int64).tolist() == column.view(np.int64).tolist()
        assert cursor.at == len(cursor.data)
        entries = zip(shape.decimals.tolist(), shape.base.tolist(), shape.width.tolist(), strict=True)
        memory.update(zip(names, entries, strict=True))


def test_quiet_decimals_cost_few_bits() -> None:
    series = np.arange(50)
    groups, shape = Groups(series), new_shape(50)
    rng = np.random.default_rng(3)
    base = np.round(rng.uniform(5, 900, 50), 1)
    sizes = [len(encode_floats(np.round(base + rng.integers(-5, 6, 50) / 10, 1), groups, shape)) for _ in range(20)]
    raw = 50 * 8
    assert sizes[-1] < raw / 1.5  # bases and widths included; a dictionary takes those away


@given(st.binary(max_size=80), st.integers(0, 40))
@settings(max_examples=300)
def test_any_bytes_give_a_column_or_a_column_error(data: bytes, n: int) -> None:
    with np.errstate(all="ignore"):
        for read in (
            lambda: decode_ints(Cursor(data), n),
            lambda: decode_floats(Cursor(data), Groups(np.arange(n) % 7)),
        ):
            try:
                assert len(read()) == n
            except ColumnError:
                continue


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_a_steady_column_writes_what_the_plain_way_writes(series: list[int], data: st.DataObject) -> None:
    groups = Groups(np.array(series, np.int64))
    plain, own = new_shape(len(groups)), new_shape(len(groups))
    steady = SteadyColumn(groups, own)
    for value in data.draw(
        st.lists(st.sampled_from([USUAL, USUAL, USUAL, st.one_of(USUAL, DECIMAL, ODD)]), min_size=4, max_size=12)
    ):
        column = np.array(data.draw(st.lists(value, min_size=len(series), max_size=len(series))), np.float64)
        written = steady.encode(column)
        assert written == encode_floats(column, groups, plain)
        assert (own.decimals.tolist(), own.width.tolist()) == (plain.decimals.tolist(), plain.width.tolist())
        cursor = Cursor(written)
        assert decode_floats(cursor, groups).view(np.int64).tolist() == column.view(np.int64).tolist()
