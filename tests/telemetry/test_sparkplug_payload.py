# SPDX-License-Identifier: Apache-2.0
"""Sparkplug's bytes: read and written as Google's protobuf does, bombs and nonsense refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.sparkplug_payload import DOUBLE, METRICS_MAX, Metric, Payload, PayloadError, decode, encode
from tests.support.sparkplug_session import NOW, Decoded

VALUES = st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        payload = decode(data)
    except PayloadError:
        return
    assert len(payload.metrics) <= METRICS_MAX


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.integers(0, 2**63), VALUES),
        max_size=8,
    )
)  # fmt: skip
def test_what_we_write_both_readers_read_alike(rows: list[tuple[str, int, float | bool | None]]) -> None:
    metrics = tuple(Metric(name, alias, NOW, DOUBLE, value) for name, alias, value in rows)
    data = encode(Payload(NOW, metrics, 7))
    theirs = Decoded()
    theirs.ParseFromString(data)
    assert theirs.SerializeToString() == Decoded.FromString(data).SerializeToString()
    mine = decode(data)
    assert (mine.seq, mine.timestamp_ms) == (theirs.seq, theirs.timestamp) == (7, NOW)
    for ours, other, (name, alias, value) in zip(mine.metrics, theirs.metrics, rows, strict=True):
        told = None if other.is_null else getattr(other, other.WhichOneof("value"))
        assert (ours.name, ours.alias, ours.value) == (name, alias, value) == (other.name, other.alias, told)


def test_bombs_are_refused() -> None:
    with pytest.raises(PayloadError, match="at most"):
        decode(b"\x00" * 100_000)
    with pytest.raises(PayloadError, match="more than"):
        decode(b"\x12\x00" * (METRICS_MAX + 1))
    with pytest.raises(PayloadError, match="cut off"):
        decode(b"\x12\xff\xff\xff\xff\x0f")
