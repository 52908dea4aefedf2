# SPDX-License-Identifier: Apache-2.0
"""Frames: the vectors the C tests also read, any way of arrival, and noise around them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.frame import BODY_MAX, Frame, FrameError, FrameReader, crc16, encode_frame

VECTORS = Path(__file__).resolve().parents[1] / "firmware" / "golden_frames.txt"
LINES = [line.split() for line in VECTORS.read_text(encoding="ascii").splitlines() if not line.startswith("#")]

frames = st.builds(
    Frame,
    st.integers(1, 7),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=BODY_MAX),
)


@pytest.mark.parametrize("line", [line for line in LINES if line[0] == "frame"], ids=lambda line: line[-1][:16])
def test_encodes_and_decodes_the_shared_vectors(line: list[str]) -> None:
    kind, seq, ack = (int(word, 16) for word in line[1:4])
    frame = Frame(kind, seq, ack, bytes.fromhex(line[4].replace("-", "")))
    wire = bytes.fromhex(line[5])
    assert encode_frame(frame) == wire
    assert FrameReader().feed(wire) == [frame]


@pytest.mark.parametrize("line", [line for line in LINES if line[0] == "bad"], ids=lambda line: line[-1][:16])
def test_takes_none_of_the_shared_bad_vectors(line: list[str]) -> None:
    assert FrameReader().feed(bytes.fromhex(line[1])) == []


def test_crc16_is_mcrf4xx() -> None:
    assert crc16(b"123456789") == 0x6F91


def test_a_body_too_long_for_the_board_is_refused() -> None:
    with pytest.raises(FrameError, match="57 bytes"):
        encode_frame(Frame(2, 0, 0, bytes(57)))


@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 40)))
def test_frames_come_out_however_the_bytes_are_cut(sent: list[Frame], cuts: list[int]) -> None:
    wire = b"".join(encode_frame(frame) for frame in sent)
    reader, got, at = FrameReader(), [], 0
    for cut in [*cuts, len(wire)]:
        got += reader.feed(wire[at : at + cut])
        at += cut
    assert got == sent
    assert reader.bad == 0


@given(frames, st.binary(max_size=200))
def test_noise_before_a_frame_does_not_eat_it(frame: Frame, noise: bytes) -> None:
    assert FrameReader().feed(noise + encode_frame(frame))[-1] == frame


@given(frames, st.data())
def test_a_wrong_bit_is_never_taken(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(encode_frame(frame))
    wire[data.draw(st.integers(1, len(wire) - 2))] ^= 1 << data.draw(st.integers(0, 7))
    assert FrameReader().feed(bytes(wire)) == []
