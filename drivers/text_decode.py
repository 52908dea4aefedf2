# SPDX-License-Identifier: Apache-2.0
"""Turns the answer of a line protocol (SDI-12 data, comma lists, keyed lists, Winsen frames) into numbers.

The rule it keeps: pure, and strict: an answer that is not wholly understood is a fault, not a part of a value.
"""

import re
from collections.abc import Sequence
from math import isnan, nan
from typing import Final

from drivers.catalogue_schema import Entry, Text, Value
from drivers.crc import inverted_sum
from drivers.decode import Measured, value_unit
from drivers.wxt import WeatherError, value_of
from telemetry.records import Quality

_SIGNED: Final = re.compile(r"[+-]\d*\.?\d+")
_NUMBER: Final = re.compile(r"[+-]?\d*\.?\d+$")


class TextFault(ValueError):
    """The instrument's answer breaks its own format."""


def _strings(text: Text, data: bytes) -> list[str]:
    try:
        line = data.decode("ascii").rstrip("\r\n\0 ")
    except UnicodeDecodeError:
        raise TextFault(f"answer has bytes that are not ASCII: {data!r}") from None
    if line in text.errors or line.startswith("*ER"):
        raise TextFault(f"the instrument answers {line!r}")
    if text.parted == "commas":
        return line.split(",")
    body = line[1:]  # the address
    found = _SIGNED.findall(body)
    if "".join(found) != body or not found:
        raise TextFault(f"answer is not a row of signed numbers: {line!r}")
    return found


def _keyed(data: bytes) -> dict[str, str]:
    line = data.decode("ascii", errors="replace").strip()
    pairs = (part.partition("=") for part in line.split(",")[1:])
    return {key: rest for key, equals, rest in pairs if equals}


def _from_text(value: Value, found: str) -> Measured:
    unit = value_unit(value)
    if not _NUMBER.match(found):
        return Measured(value.quantity, value.index, nan, unit, int(Quality.SENTINEL))
    return _from_number(value, float(found))


def _from_number(value: Value, number: float) -> Measured:
    unit = value_unit(value)
    if number in value.sentinels:
        return Measured(value.quantity, value.index, nan, unit, int(Quality.SENTINEL))
    raw = number * value.scale + value.offset
    low = value.low if value.low is not None else -float("inf")
    high = value.high if value.high is not None else float("inf")
    return Measured(value.quantity, value.index, raw, unit, 0 if low <= raw <= high else int(Quality.RANGE))


def _missing(value: Value) -> Measured:
    return Measured(value.quantity, value.index, nan, value_unit(value), int(Quality.COMM))


def _decode_keys(entry: Entry, data: bytes) -> tuple[Measured, ...]:
    pairs = _keyed(data)
    if not pairs:
        raise TextFault(f"answer has no key=value parts: {data!r}")
    measured: list[Measured] = []
    for value in entry.value:
        found = pairs.get(value.key)
        if found is None:
            measured.append(_missing(value))
            continue
        measured.append(_with_letter(value, found))
    return tuple(measured)


def _with_letter(value: Value, found: str) -> Measured:
    """Read a number and its unit letter: a station that was set to degF says 73.4F, which is not 73.4 degC."""
    if not found[-1:].isalpha() and found[-1:] != "#":
        return _from_text(value, found)
    try:
        told = value_of(value.key, found)
    except WeatherError as error:
        raise TextFault(str(error)) from None
    unit = value_unit(value)
    if isnan(told.value):
        return Measured(value.quantity, value.index, nan, unit, int(Quality.SENTINEL))
    return _from_number(value, told.value)


def _decode_binary(entry: Entry, text: Text, data: bytes) -> tuple[Measured, ...]:
    if len(data) != text.reply_bytes:
        raise TextFault(f"answer has {len(data)} bytes, not {text.reply_bytes}")
    if text.checksum == "winsen" and inverted_sum(data[1:8]) != data[8]:
        raise TextFault(f"checksum {data[8]:02X} should be {inverted_sum(data[1:8]):02X}")
    measured: list[Measured] = []
    for value in entry.value:
        size = 1 if value.type == "u8_low" else 2
        bits = int.from_bytes(data[value.at - 1 : value.at - 1 + size], "big")
        measured.append(_from_text(value, str(bits)))
    return tuple(measured)


def decode_text(entry: Entry, data: bytes) -> tuple[Measured, ...]:
    """Decode the data answer of a line-protocol instrument; TextFault says what is wrong with it."""
    text = entry.text
    if text is None:
        raise TextFault(f"{entry.type} has no [text] table")
    if entry.protocol == "binary":
        return _decode_binary(entry, text, data)
    if text.parted == "keys":
        return _decode_keys(entry, data)
    strings = _strings(text, data)
    return tuple(
        _from_text(value, strings[value.at - 1]) if value.at <= len(strings) else _missing(value)
        for value in entry.value
    )


def decode_numbers(entry: Entry, numbers: Sequence[float]) -> tuple[Measured, ...]:
    """Decode the values of an SDI-12 measurement, in their order; those that are not there come as nan with COMM."""
    return tuple(
        _from_number(value, numbers[value.at - 1]) if value.at <= len(numbers) else _missing(value)
        for value in entry.value
    )


def join_sdi12(answers: list[bytes]) -> bytes:
    """Join the answers to aD0!, aD1!, ... into one row of values; TextFault when the addresses differ."""
    rows = [answer.decode("ascii", errors="replace").rstrip("\r\n") for answer in answers]
    if not rows or any(row[:1] != rows[0][:1] for row in rows):
        raise TextFault("the answers come from different addresses")
    return (rows[0][:1] + "".join(row[1:] for row in rows)).encode("ascii", errors="replace")
