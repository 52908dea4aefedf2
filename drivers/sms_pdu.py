# SPDX-License-Identifier: Apache-2.0
"""Short messages as a modem takes them: SMS-SUBMIT in hexadecimal, in the GSM alphabet or in UCS2 for Vietnamese.

The rule it keeps: what cannot be said in the GSM alphabet goes as UCS2 whole; a long text becomes numbered parts that
the telephone joins; a number or text that no network takes is refused here.
Sources: 3GPP TS 23.040 9.2.2.2 (SMS-SUBMIT), 9.2.3.24.1 (concatenation), 3GPP TS 23.038 6.1 and 6.2.1 (alphabet).
"""

import re
from typing import Final, NamedTuple

# 3GPP TS 23.038 table 6.2.1: the place of a character is its septet; ESC stands at 0x1B.
ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Table 6.2.1.1: behind ESC.
EXTENSION: Final = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40,
                    "€": 0x65}  # fmt: skip
ESCAPE: Final = 0x1B
_SEPTET: Final = {character: place for place, character in enumerate(ALPHABET) if character != "\x1b"}
NUMBER: Final = re.compile(r"^\+?[0-9]{3,15}$")  # E.164: at most 15 digits

SEPTETS_ONE, SEPTETS_PART = 160, 153
UCS2_ONE, UCS2_PART = 70, 67
PARTS_MAX: Final = 4
VALID_ONE_DAY: Final = 0xA7  # 9.2.3.12.1: 144 to 167 are 12 h + (value - 143) half hours
DCS_GSM, DCS_UCS2 = 0x00, 0x08


class BadMessage(ValueError):
    """We broke the rules: a number or text that cannot be sent."""


class Submit(NamedTuple):
    """One SMS-SUBMIT: ``pdu`` in hexadecimal with an empty service centre before it; ``length`` for AT+CMGS."""

    pdu: str
    length: int


def septets(text: str) -> list[int] | None:
    """Give the septets of ``text`` in the GSM alphabet; None where it cannot be said in it."""
    found: list[int] = []
    for character in text:
        if character in _SEPTET:
            found.append(_SEPTET[character])
        elif character in EXTENSION:
            found += [ESCAPE, EXTENSION[character]]
        else:
            return None
    return found


def packed(septet: list[int], fill_bits: int = 0) -> bytes:
    """Pack septets into octets behind ``fill_bits`` zero bits (TS 23.038 6.1.2.1)."""
    value, bits = 0, fill_bits
    for one in septet:
        value |= one << bits
        bits += 7
    return value.to_bytes((bits + 7) // 8, "little")


def split(text: str) -> list[str]:
    """Cut a text into parts that one message each can carry; what is beyond PARTS_MAX is left out, with an ellipsis."""
    gsm = septets(text) is not None
    one, part = (SEPTETS_ONE, SEPTETS_PART) if gsm else (UCS2_ONE, UCS2_PART)
    if _weight(text, gsm=gsm) <= one:
        return [text]
    parts = [""]
    for character in text:
        if _weight(parts[-1], gsm=gsm) + _weight(character, gsm=gsm) > part:
            parts.append("")
        parts[-1] += character
    if len(parts) > PARTS_MAX:
        tail = "..." if gsm else "…"
        last = parts[PARTS_MAX - 1]
        while _weight(last + tail, gsm=gsm) > part:
            last = last[:-1]
        parts = [*parts[: PARTS_MAX - 1], last + tail]
    return parts


def _weight(text: str, *, gsm: bool) -> int:
    return len(septets(text) or []) if gsm else len(text.encode("utf-16-be")) // 2


def address(number: str) -> bytes:
    """Write a destination (9.1.2.5): count of digits, type (international with a plus), digits in swapped halves."""
    if not NUMBER.match(number):
        raise BadMessage(f"{number!r} is no telephone number; write +84901234567")
    digits = number.lstrip("+")
    even = digits + "F" * (len(digits) % 2)
    swapped = "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + bytes.fromhex(swapped)


def submit(
    number: str, text: str, part: tuple[int, int, int] | None = None, validity: int | None = VALID_ONE_DAY,
    *, ucs2: bool | None = None,
) -> Submit:  # fmt: skip
    """Write one message of at most one part. ``part``: (reference 0 to 255, how many, which from 1).

    ``validity`` is the octet of 9.2.3.12.1, None leaves it to the network; ``ucs2`` None decides by the text itself,
    all parts of one message must agree. BadMessage for what does not fit.
    """
    gsm = None if ucs2 else septets(text)
    if ucs2 is False and gsm is None:
        raise BadMessage("this text cannot be said in the GSM alphabet")
    header = b"" if part is None else bytes((5, 0, 3, *part))
    if gsm is not None:
        # 9.2.3.24: behind a header the text begins at the next septet.
        in_header = -(-len(header) * 8 // 7)
        body = header + packed(gsm, in_header * 7 - len(header) * 8)[: 140 - len(header)]
        length = in_header + len(gsm)
        fits = length <= SEPTETS_ONE
    else:
        body = header + text.encode("utf-16-be")
        length = len(body)
        fits = length <= 140
    if not fits:
        raise BadMessage("this text is longer than one message can carry; split it first")
    first = 0x01 | (0x10 if validity is not None else 0) | (0x40 if part is not None else 0)
    octets = bytes((first, 0)) + address(number) + bytes((0, DCS_GSM if gsm is not None else DCS_UCS2))
    octets += (b"" if validity is None else bytes((validity,))) + bytes((length,)) + body
    return Submit("00" + octets.hex().upper(), len(octets))


def message(number: str, text: str, reference: int) -> list[Submit]:
    """Write a text of any length as the messages that carry it; BadMessage for a bad number or an empty text."""
    if not text:
        raise BadMessage("there is nothing to say")
    parts = split(text)
    if len(parts) == 1:
        return [submit(number, text)]
    ucs2 = septets(text) is None
    return [submit(number, one, (reference % 256, len(parts), i + 1), ucs2=ucs2) for i, one in enumerate(parts)]
