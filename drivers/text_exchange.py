# SPDX-License-Identifier: Apache-2.0
"""What the catalogue says of a line protocol, as requests and as the check of their answers.

The rule it keeps: an answer that cannot belong to the request is passed over, not decoded; where the protocol has a
check sum, the request asks for it. Sources: the manuals named in the entries.
"""

import re
from typing import Final

from drivers import mhz19
from drivers.ascii_line import Ask, LineExchange, lines_ending
from drivers.catalogue_schema import Entry, Text
from drivers.crc import sdi12_crc

LEAST_WAIT_S: Final = 1.0
AFTER_MEASURING_S: Final = 0.4
START_WAIT_S: Final = 0.6
CRC_CHARACTERS: Final = 3
_NUMBERS: Final = re.compile(rb"[+-]?\d*\.?\d+(,[+-]?\d*\.?\d+)*")


class NoTextProtocol(ValueError):
    """We broke the rules: this type speaks no line protocol of its own."""


def text_of(entry: Entry) -> Text:
    """Give the entry's line protocol."""
    if entry.text is None or entry.protocol not in {"ascii", "binary"}:
        raise NoTextProtocol(f"{entry.type} speaks {entry.protocol}")
    return entry.text


def exchange_of(entry: Entry) -> LineExchange:
    """Give the exchange for one instrument of this type."""
    text = text_of(entry)
    if entry.protocol == "binary":
        return mhz19.line()

    def good(ask: Ask, answer: bytes) -> bool:
        if answer.decode("ascii", "replace") in text.errors:
            return True
        if text.parted == "keys":
            head = _command(ask.request, text)
            if not answer.startswith(head + b","):
                return False
            return not text.checksum or sdi12_crc(answer[:-CRC_CHARACTERS]) == answer[-CRC_CHARACTERS:]
        return text.parted != "commas" or _NUMBERS.fullmatch(answer) is not None

    return LineExchange(lines_ending(text.ends.encode("ascii")), good)


def ask_of(entry: Entry, address: str) -> Ask:
    """Give the request for a reading of the instrument at ``address``."""
    text = text_of(entry)
    wait_s = max(LEAST_WAIT_S, text.measure_s + AFTER_MEASURING_S)
    if entry.protocol == "binary":
        return Ask(bytes.fromhex(text.request), wait_s)
    request = text.request.replace("{a}", address).encode("ascii")
    if text.checksum == "sdi12":
        ends = text.ends.encode("ascii")
        command = request.removesuffix(ends)
        request = command + sdi12_crc(command) + ends
    return Ask(request, wait_s)


def start_commands(entry: Entry, address: str) -> tuple[bytes, ...]:
    """Give what the instrument must be told each time its line opens; the answers do not matter."""
    return tuple(command.replace("{a}", address).encode("ascii") for command in text_of(entry).startup)


def temperature_command(entry: Entry, temperature_c: float) -> bytes:
    """Give what tells the instrument for which water it reckons; b"" for one that need not know."""
    return text_of(entry).temperature.replace("{t}", f"{temperature_c:.1f}").encode("ascii")


def payload(entry: Entry, answer: bytes) -> bytes:
    """Take the check sum off an answer, for ``drivers.registry.read_text``."""
    return answer[:-CRC_CHARACTERS] if entry.protocol == "ascii" and text_of(entry).checksum else answer


def _command(request: bytes, text: Text) -> bytes:
    """Give what the answer to ``request`` begins with."""
    command = request.removesuffix(text.ends.encode("ascii"))
    return command[:-CRC_CHARACTERS] if text.checksum else command
