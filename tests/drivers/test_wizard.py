# SPDX-License-Identifier: Apache-2.0
"""The wizard finds a number among registers and writes an entry that the catalogue takes, in at most 15 lines."""

import struct

import pytest

from drivers.catalogue import parse_entry
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import words
from drivers.wizard import Guess, guesses, inline_golden, propose_entry


def test_a_tenth_of_a_degree_is_found() -> None:
    first = guesses({0: 0x01EF, 1: 0x0144, 2: 4}, 32.5, 0.3)[0]
    assert (first.at, first.type, first.scale) == (1, "i16", 0.1)
    assert first.value == pytest.approx(32.4)


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_the_word_order_of_a_float_is_found(order: str) -> None:
    data = struct.pack(">f", 607.6)
    a, b, c, d = data
    cut = {"ABCD": (a, b, c, d), "CDAB": (c, d, a, b), "BADC": (b, a, d, c), "DCBA": (d, c, b, a)}[order]
    registers = dict(enumerate(words(bytes(cut)), start=10))
    found = [(g.at, g.type, g.order) for g in guesses(registers, 610.0, 5.0)]
    assert (10, "f32", order) in found


def test_nothing_is_guessed_from_zero() -> None:
    with pytest.raises(ValueError, match="other than 0"):
        guesses({0: 0}, 0.0, 1.0)


def test_the_proposal_is_short_and_passes_the_catalogues_checks() -> None:
    golden = inline_golden(
        bytes.fromhex("01030000000305CB"), bytes.fromhex("01030601EF01440004B559"), [("soil_moisture", 49.5)]
    )
    text = propose_entry(
        "my-probe",
        'A probe "from the market"',
        "unknown",
        LineSettings(4800),
        1,
        3,
        [
            ("soil_moisture", "", Guess(0, "u16", "ABCD", 0.1, 49.5)),
            ("soil_temperature", "", Guess(1, "i16", "ABCD", 0.1, 32.4)),
            ("soil_ec", "µS/cm", Guess(2, "u16", "ABCD", 1.0, 4.0)),
        ],
        source="the paper in its box",
        golden=golden,
    )
    assert len(text.splitlines()) <= 15
    entry = parse_entry(text, "my-probe.toml")
    assert [v.quantity for v in entry.value] == ["soil_moisture", "soil_temperature", "soil_ec"]
    assert entry.serial.baud == 4800
    assert not entry.verified
