# SPDX-License-Identifier: Apache-2.0
"""Packed columns read by whole arrays give, bit for bit, what reading them number by number gives."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.columns import UNKNOWN, Groups, Shape, decode_floats, encode_floats, packed_head, packed_together
from telemetry.ints import Cursor, decode_ints

ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: float(struct.unpack("<d", struct.pack("<Q", bits))[0]))
STEP = st.integers(-40, 40).map(lambda tenths: 20.0 + tenths / 10)
FAR = st.integers(-(2**52), 2**52).map(float)
DECIMAL_MODE = 1


def plainly(data: bytes, series: list[int]) -> list[bytes]:
    """Read a decimal column as ``telemetry.columns`` describes it, with Python's whole numbers; give the bits."""
    order = sorted(range(len(series)), key=lambda row: series[row])
    names = sorted(set(series))
    cursor = Cursor(data)
    assert cursor.byte() == DECIMAL_MODE
    decimals, base, width = (decode_ints(cursor, len(names)).tolist() for _ in range(3))
    odd_count = cursor.varint()
    odd, odd_bits = decode_ints(cursor, odd_count).tolist(), decode_ints(cursor, odd_count).tolist()
    packed = int.from_bytes(data[cursor.at :], "little")
    out = [b""] * len(series)
    last: dict[int, int] = {}
    for place, row in enumerate(order):
        at = names.index(series[row])
        folded = packed & ((1 << width[at]) - 1)
        packed >>= width[at]
        step = -(folded + 1 >> 1) if folded & 1 else folded >> 1
        last[at] = last.get(at, base[at]) + step
        if place in odd:
            out[row] = struct.pack("<q", odd_bits[odd.index(place)])
        else:
            out[row] = struct.pack("<d", last[at] / 10.0 ** decimals[at])
    return out


@given(
    st.one_of(
        st.lists(st.integers(0, 4), min_size=1, max_size=40),
        st.integers(1, 6).flatmap(lambda count: st.integers(1, 6).map(lambda each: list(range(count)) * each)),
    ),
    st.data(),
)
@settings(max_examples=200)
def test_whole_arrays_read_what_number_by_number_reads(series: list[int], data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([STEP, STEP, FAR, st.one_of(STEP, STEP, STEP, STEP, STEP, ANY_BITS)]))
    column = np.array(data.draw(st.lists(number, min_size=len(series), max_size=len(series))), np.float64)
    groups = Groups(np.array(series, np.int64))
    count = len(groups)
    width = data.draw(st.sampled_from([UNKNOWN, 0, 3, 57, 58, 64]))
    shape = Shape(np.zeros(count, np.int64), np.full(count, np.nan), np.full(count, width))
    written = encode_floats(column, groups, shape)
    cursor = Cursor(written)
    read = decode_floats(cursor, Groups(np.array(series, np.int64)))
    assert cursor.at == len(written)
    assert read.tobytes() == column.tobytes()
    if written[0] == DECIMAL_MODE:
        assert [value.tobytes() for value in read] == plainly(written, series)


WIDTH = st.sampled_from([UNKNOWN, 0, 3, 57, 58, 64])


@given(st.lists(st.tuples(WIDTH, st.integers(1, 5), st.integers(2, 6)), min_size=1), st.integers(0, 2**32))
def test_columns_read_together_are_what_each_is_alone(shapes: list[tuple[int, int, int]], seed: int) -> None:
    dice = np.random.default_rng(seed)
    columns, bits, alone = [], [], []
    for width, count, each in shapes:
        series = dice.permutation(np.repeat(np.arange(count), each))
        series = series[: len(series) - int(dice.integers(2))]  # now and then not as many of each
        values = np.round(dice.normal(20.0, 3.0, len(series)), 1)
        groups = Groups(series)
        shape = Shape(np.zeros(len(groups), np.int64), np.full(len(groups), np.nan), np.full(len(groups), width))
        written = encode_floats(values, groups, shape)
        if written[0] != DECIMAL_MODE:  # all alike
            continue
        cursor = Cursor(written, 1)
        packed, odd = packed_head(cursor, groups)
        assert not odd
        columns.append(packed)
        bits.append(cursor.take(packed.size))
        alone.append(values)
    if columns:
        assert packed_together(columns, bits).tobytes() == np.concatenate(alone).tobytes()
