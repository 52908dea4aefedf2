# SPDX-License-Identifier: Apache-2.0
"""Check values against published vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.crc import crc16, inverted_sum, modbus_crc, sdi12_crc


@pytest.mark.parametrize(
    ("body", "crc"),
    [
        ("01 03 00 00 00 0a", "c5 cd"),
        ("11 03 00 6b 00 03", "76 87"),
        ("f8 04 00 00 00 0a", "64 64"),
        ("fe 04 00 03 00 01", "d5 c5"),  # Senseair S8: CO2
    ],
)
def test_modbus_frames_end_with_their_crc(body: str, crc: str) -> None:
    assert modbus_crc(bytes.fromhex(body)).hex(" ") == crc


@pytest.mark.parametrize(
    ("line", "crc"),
    [
        (b"0+3.14", b"OqZ"),
        (b"0+3.14+2.718+1.414", b"Ipz"),
    ],
)
def test_sdi12_lines_end_with_their_crc(line: bytes, crc: bytes) -> None:
    assert sdi12_crc(line) == crc


def test_winsen_frames_end_with_their_sum() -> None:
    assert inverted_sum(bytes.fromhex("01 86 00 00 00 00 00")) == 0x79


@given(st.binary(max_size=254))
def test_a_frame_with_its_crc_leaves_nothing(body: bytes) -> None:
    assert crc16(body + modbus_crc(body)) == 0
