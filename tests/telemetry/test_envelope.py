# SPDX-License-Identifier: Apache-2.0
"""Envelopes: all seven kinds of record come back exactly, damage is seen, and hostile bytes cost little."""

import zlib
from math import nan

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.codec import RECORDS_MAX
from telemetry.envelope import (
    EnvelopeError,
    Header,
    Opener,
    Packer,
    UnknownDictionaryError,
    place,
    read_header,
    split,
)
from telemetry.records import Ack, AnyRecord, Command, Decision, Event, Input, Reading, Sample, Tick

HEAD = Header("farm-1", 3, 0xDEADBEEF, 41, 2, 123_456, 1_760_000_000_000, True, 0)
words = st.text(max_size=12)
floats = st.floats(allow_nan=True, allow_infinity=True)
times = st.integers(0, 2**47)
series = st.sampled_from(["a/co2", "b-2/soil_ec.3", "pepper-1/air_temperature"])
qualities = st.integers(0, 8191)
records = st.one_of(
    st.builds(Reading, series, words, times, floats, words, qualities),
    st.builds(Sample, series, times, floats, floats, qualities, words, floats),
    st.builds(Decision, words, words, times, words, floats, words, st.tuples(st.builds(Input, words, floats))),
    st.builds(Command, words, words, times, floats, times, times, words, words, words),
    st.builds(Ack, words, words, times, words, words, floats),
    st.builds(Event, words, words, times, fields=st.dictionaries(words, st.one_of(words, st.booleans()), max_size=3)),
    st.builds(Tick, times, times, times, st.booleans(), st.integers(-(2**40), 2**40)),
)


@given(st.lists(st.lists(records, max_size=25), min_size=3, max_size=5))
@settings(max_examples=60)
def test_every_kind_of_record_comes_back_in_order_with_and_without_a_dictionary(groups: list[list[AnyRecord]]) -> None:
    packer, opener = Packer(), Opener()
    bodies = [packer.encode(group) for group in groups]
    opener.learn(b"".join(bodies)[-16_384:])
    for plain in (True, False):
        if not plain:
            packer.use_dictionary(b"".join(bodies)[-16_384:])
        for group in groups:
            batch = opener.open(packer.pack(HEAD, group))
            assert repr(batch.records()) == repr(group)
            samples = [record for record in group if isinstance(record, Sample)]
            assert repr(batch.samples().value.tolist()) == repr([sample.value for sample in samples])


def envelope() -> bytes:
    return Packer().pack(HEAD, [Sample("a/co2", 5, 1.0, 2.0), Tick(1, 5, 6, True)])


def test_the_head_comes_back() -> None:
    header = read_header(envelope())
    assert header == HEAD._replace(total=2)
    assert header.offset_ms == 1_760_000_000_000 - 123_456


def test_every_single_flipped_bit_is_seen() -> None:
    data = envelope()
    for bit in range(len(data) * 8):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EnvelopeError):
            Opener().open(bytes(broken)).records()


def test_placing_sets_the_time_and_nothing_else() -> None:
    early = Packer().pack(HEAD._replace(clock_ok=False, wall_ms=5000), [Sample("a/co2", 5, 1.0, 2.0)])
    batch = Opener().open(place(early, 1_777_000_000_000))
    assert batch.header == HEAD._replace(wall_ms=1_777_000_000_000, placed=True, total=1)
    assert batch.records() == Opener().open(early).records() or repr(batch.records()) == repr(
        Opener().open(early).records()
    )


def test_a_message_holds_envelopes_one_behind_the_other() -> None:
    one, two = envelope(), Packer().pack(HEAD._replace(seq=42), [])
    assert list(split(one + two + one)) == [one, two, one]
    with pytest.raises(EnvelopeError, match="length"):
        list(split(one + two[:-3]))
    with pytest.raises(EnvelopeError, match="magic"):
        list(split(one + b"x" * 60))


def test_an_unknown_dictionary_is_named() -> None:
    packer = Packer()
    number = packer.use_dictionary(b"a body of before")
    with pytest.raises(UnknownDictionaryError) as caught:
        Opener().open(packer.pack(HEAD, []))
    assert caught.value.dictionary == number


def forge(packed: bytes) -> bytes:
    """Put any body into an envelope whose head and checksum are right."""
    data = Packer().pack(HEAD, [])
    head = bytearray(data[: 40 + len("farm-1")])
    head[36:39] = len(packed).to_bytes(3, "little")
    whole = bytes(head) + packed
    return whole + zlib.crc32(whole).to_bytes(4, "little")


def magicless(data: bytes, *, size: bool) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=size
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (magicless(bytes(50_000_000), size=True), "size"),
        (magicless(bytes(100), size=True)[:-2], "compression"),
        (magicless(bytes(100), size=True) + b"more", "compression"),
        (b"", "compression"),
        (magicless(b"\xff" * 200, size=True), "format"),
        (magicless(b"\x00" * 20, size=True), "format"),
    ],
    ids=["bomb", "cut", "trailing", "empty", "lengths", "short"],
)
def test_a_hostile_body_is_refused_by_reason(packed: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        Opener().open(forge(packed)).records()
    assert caught.value.reason == reason


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_a_body_of_any_bytes_is_refused_and_never_crashes(body: bytes) -> None:
    batch = Opener().open(forge(magicless(body, size=True)))
    read: list[object] = []
    reasons: set[str] = set()
    for one in (batch.records, batch.samples, batch.others):
        try:
            read.append(one())
        except EnvelopeError as refused:
            reasons.add(refused.reason)
    assert len(read) == 3 or reasons == {"format"}


def test_limits_hold_when_packing() -> None:
    with pytest.raises(ValueError, match="20001 records"):
        Packer().pack(HEAD, [Tick(1, 1, 1, True)] * (RECORDS_MAX + 1))
    with pytest.raises(ValueError, match="bad edge name"):
        Packer().pack(HEAD._replace(edge="farm/+"), [])


def test_a_sample_of_nothing_but_nan_comes_back() -> None:
    group: list[AnyRecord] = [Sample("a/co2", 1, nan, nan, 256)]
    assert repr(Opener().open(Packer().pack(HEAD, group)).records()) == repr(group)


@pytest.mark.parametrize("body", [b"\xa2\xe8\x30", b"\x81\xa6record\xa5\xff\xfe\xfd\xfc\xfb", b"\x91" * 5000])
def test_names_and_records_that_are_no_text_are_refused(body: bytes) -> None:
    head = [0] * 9
    for at in (0, 8):
        head[at] = len(body)
        data = b"".join(number.to_bytes(4, "little") for number in head) + body
        head[at] = 0
        with pytest.raises(EnvelopeError, match="format"):
            Opener().open(forge(magicless(data, size=True))).records()
