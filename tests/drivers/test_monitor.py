# SPDX-License-Identifier: Apache-2.0
"""Listening in: frames are found, paired and decoded however the bytes arrive; the rest is shown as noise."""

from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.catalogue import Catalogue, parse_entry
from drivers.line_settings import LineSettings
from drivers.monitor import Monitor, Seen, golden_case

CATALOGUE = Catalogue()
REQUEST = bytes.fromhex("010400010002200B")
REPLY = bytes.fromhex("01040401310222 2ACE".replace(" ", ""))


def monitor() -> Monitor:
    return Monitor(LineSettings(9600), {1: CATALOGUE.entry("xy-md02")})


def test_a_reply_is_paired_with_its_request_and_decoded() -> None:
    watch = monitor()
    assert [s.kind for s in watch.feed(REQUEST, 1.0)] == ["request"]
    (seen,) = watch.feed(REPLY, 1.05)
    assert (seen.kind, seen.unit, seen.request) == ("reply", 1, REQUEST)
    assert dict(seen.values) == {"air_temperature": 30.5, "air_humidity": 54.6}
    assert isclose(seen.gap_s, 0.05 - 9 * 10 / 9600, abs_tol=1e-9)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=20))
@settings(max_examples=50)
def test_the_same_is_seen_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = (REQUEST + REPLY) * 3
    watch, seen, now, at = monitor(), list[Seen](), 0.0, 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        now += 0.001 * size
        seen += watch.feed(data[at : at + size], now)
        at += size
    assert [s.kind for s in seen] == ["request", "reply"] * 3
    assert b"".join(s.frame for s in seen) == data


def test_noise_between_frames_is_shown_and_costs_no_frame() -> None:
    watch = monitor()
    seen = watch.feed(b"\xff\x00" + REQUEST, 1.0) + watch.feed(b"\x55" + REPLY, 1.05)
    assert [s.kind for s in seen] == ["noise", "request", "noise", "reply"]
    assert watch.feed(b"\x01\x02", 2.0) == []
    assert [s.frame for s in watch.idle(3.0)] == [b"\x01\x02"]


def test_an_exception_and_a_write_are_told() -> None:
    watch = monitor()
    write = bytes.fromhex("010600010100D99A")
    assert [s.kind for s in watch.feed(write, 1.0)] == ["request"]
    assert [s.kind for s in watch.feed(write, 1.1)] == ["reply"]
    assert [s.kind for s in watch.feed(REQUEST, 1.2)] == ["request"]
    assert [s.kind for s in watch.feed(bytes.fromhex("018402C2C1"), 1.3)] == ["exception"]


def test_a_seen_reply_becomes_a_golden_case_that_the_catalogue_takes() -> None:
    watch = monitor()
    watch.feed(REQUEST, 1.0)
    (seen,) = watch.feed(REPLY, 1.05)
    text = CATALOGUE.path("xy-md02").read_text(encoding="utf-8") + "\n" + golden_case(seen)
    assert len(parse_entry(text, "xy-md02.toml").golden) == len(CATALOGUE.entry("xy-md02").golden) + 1
    with pytest.raises(ValueError, match="only an answer"):
        golden_case(Seen(0.0, 0.0, "request", 1, REQUEST))


@given(st.binary(max_size=600))
@settings(max_examples=100)
def test_rubbish_never_raises_and_is_never_kept_for_ever(data: bytes) -> None:
    watch = monitor()
    seen = watch.feed(data, 1.0) + watch.idle(9.0)
    assert b"".join(s.frame for s in seen) == data
