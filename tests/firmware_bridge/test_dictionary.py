# SPDX-License-Identifier: Apache-2.0
"""Host and firmware mean the same: texts, numbers and codes are read from the C source itself."""

import enum
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import codes
from firmware_bridge.codec import CodecError, MalformedBody, parse_format
from firmware_bridge.dictionary import EXPECTED, Dictionary, DictionaryMismatch, dictionary_crc

SOURCE = Path(__file__).resolve().parents[2] / "firmware_bridge" / "firmware" / "src"


def texts_in_the_firmware() -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", (SOURCE / "messages.def").read_text(encoding="ascii"), flags=re.DOTALL)
    found = re.findall(r'(?:CALL|SEND)\((\w+),\s*((?:"[^"]*"\s*)+)', text)
    return [" ".join([name, "".join(re.findall(r'"([^"]*)"', quoted))]).strip() for name, quoted in found]


def test_the_host_expects_exactly_what_the_firmware_carries() -> None:
    assert list(EXPECTED) == texts_in_the_firmware()


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("BLOCK", codes.Block),
        ("REFUSE", codes.Refusal),
        ("SHUTDOWN", codes.Shutdown),
        ("RESET", codes.ResetCause),
        ("OUTPUT", codes.OutputKind),
        ("DOSE", codes.DoseState),
        ("SDI12", codes.Sdi12State),
    ],
)
def test_codes_have_the_firmwares_numbers(prefix: str, kind: type[enum.IntEnum]) -> None:
    source = (SOURCE / "codes.h").read_text(encoding="ascii")
    found = {name: int(value) for name, value in re.findall(rf"^\s+{prefix}_(\w+) = (\d+),", source, re.MULTILINE)}
    assert found == {member.name: member.value for member in kind}


def test_a_changed_format_is_named_with_both_texts() -> None:
    lines = [line.replace("lease_ms=H", "lease_ms=I") for line in EXPECTED]
    with pytest.raises(DictionaryMismatch) as caught:
        Dictionary(lines).check()
    assert [line.split(":")[0] for line in caught.value.lines] == ["lease", "dose"]
    assert "lease_ms=I" in caught.value.lines[0]
    assert "lease_ms=H" in caught.value.lines[0]


def test_a_missing_message_is_named() -> None:
    with pytest.raises(DictionaryMismatch, match="no message 'dose'"):
        Dictionary([line for line in EXPECTED if not line.startswith("dose ")]).check()


def test_numbers_are_the_boards_own() -> None:
    shuffled = Dictionary([EXPECTED[0], "new_message value=I", *EXPECTED[1:]])
    shuffled.check()
    assert shuffled.number("lease") == Dictionary(EXPECTED).number("lease") + 1


def test_one_letter_changes_the_dictionarys_crc() -> None:
    assert dictionary_crc(["lease a=H"]) != dictionary_crc(["lease a=I"])


@given(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=40))
def test_fields_come_back(small: int, large: int, text: bytes) -> None:
    form = parse_format("message small=B large=I text=*")
    values: dict[str, int | bytes] = {"small": small, "large": large, "text": text}
    assert form.decode(form.encode(values)) == values


@pytest.mark.parametrize(
    ("values", "match"),
    [({"a": 256}, "a=256 does not fit in 8 bits"), ({}, "wants"), ({"a": -1}, "a=-1"), ({"b": 1}, "wants")],
)
def test_a_value_that_does_not_fit_is_named(values: dict[str, int | bytes], match: str) -> None:
    with pytest.raises(CodecError, match=match):
        parse_format("message a=B").encode(values)


@pytest.mark.parametrize("body", [b"", b"\x01\x02"])
def test_a_body_of_the_wrong_length_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_format("message a=B").decode(body)


@pytest.mark.parametrize("text", ["message a=Q", "message a=* b=B", "message a"])
def test_what_is_not_a_format_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        parse_format(text)
