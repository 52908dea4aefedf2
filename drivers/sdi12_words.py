# SPDX-License-Identifier: Apache-2.0
"""The words of SDI-12: every command of version 1.4 and what its answer says.

The rule it keeps: a command is checked when it is made, an answer is read whole or refused with what was seen.
Source: SDI-12 Specification 1.4 (2019-01-10), §4.4 and §5; CRC §4.4.12.
"""

import re
import struct
from typing import Final

import msgspec

from drivers.crc import crc16, sdi12_crc

ADDRESSES: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
QUERY: Final = "?"
MAX_LINE: Final = 1100  # the longest answer: a high-volume packet of 1000 bytes with its frame
VALUE: Final = re.compile(r"[+-](?:\d{1,7}(?:\.\d{0,7})?|\.\d{1,7})")
BINARY_TYPES: Final = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "q", 8: "Q", 9: "f", 10: "d"}


class CommandError(ValueError):
    """We broke the rules: this is no SDI-12 command."""


class AnswerError(ValueError):
    """They broke the rules: this answer cannot be read."""


class Command(msgspec.Struct, frozen=True):
    """One command; ``kind``: line (text, CR LF), packet (binary), or none (nobody must answer)."""

    address: str
    body: str
    kind: str = "line"
    crc: bool = False  # its answer ends with a CRC

    @property
    def wire(self) -> bytes:
        """Give the characters to send."""
        return f"{self.address}{self.body}!".encode("ascii")


class Started(msgspec.Struct, frozen=True):
    """The answer to a measurement command: so many values in so many seconds."""

    address: str
    seconds: int
    values: int


class Identity(msgspec.Struct, frozen=True):
    """The answer to aI!: SDI-12 version (14 = 1.4), maker, model, firmware version, and the rest."""

    address: str
    sdi12: str
    maker: str
    model: str
    version: str
    extra: str


class Parameter(msgspec.Struct, frozen=True):
    """Metadata of one value: SHEF code or name, and unit."""

    address: str
    name: str
    unit: str


def _known(address: str) -> str:
    if address not in ADDRESSES:
        raise CommandError(f"address {address!r}: an SDI-12 address is one of 0-9, A-Z, a-z")
    return address


def _index(index: int, least: int, most: int, what: str) -> str:
    if not least <= index <= most:
        raise CommandError(f"{what} {index} is not within {least} to {most}")
    return str(index)


def acknowledge(address: str) -> Command:
    """a! - is it there?"""
    return Command(_known(address), "")


def query() -> Command:
    """?! - which address has the only sensor on the line?"""
    return Command(QUERY, "")


def identify(address: str) -> Command:
    """aI! - who is it?"""
    return Command(_known(address), "I")


def change_address(address: str, new: str) -> Command:
    """aAb! - give the sensor at ``address`` the address ``new``."""
    return Command(_known(address), "A" + _known(new))


def measure(address: str, group: int = 0, *, crc: bool = False) -> Command:
    """aM!, aM1! to aM9!, with C after M for a CRC in the data."""
    return _start(address, "M", group, crc=crc)


def concurrent(address: str, group: int = 0, *, crc: bool = False) -> Command:
    """aC!, aC1! to aC9!, with a second C for a CRC in the data; others may be asked meanwhile."""
    return _start(address, "C", group, crc=crc)


def _start(address: str, letter: str, group: int, *, crc: bool) -> Command:
    number = _index(group, 0, 9, "measurement group")
    return Command(_known(address), letter + ("C" if crc else "") + ("" if group == 0 else number))


def verify(address: str) -> Command:
    """aV! - start the sensor's self-test."""
    return Command(_known(address), "V")


def high_volume(address: str, *, binary: bool = False) -> Command:
    """aHA! or aHB! - start a measurement of up to 999 values as text or binary."""
    return Command(_known(address), "HB" if binary else "HA")


def data(address: str, page: int = 0, *, crc: bool = False) -> Command:
    """aD0! to aD9!; to aD999! after aHA!. ``crc`` as the measurement was asked."""
    return Command(_known(address), "D" + _index(page, 0, 999, "page"), crc=crc)


def binary_data(address: str, page: int = 0) -> Command:
    """aDB0! to aDB999! after aHB!."""
    return Command(_known(address), "DB" + _index(page, 0, 999, "page"), kind="packet", crc=True)


def continuous(address: str, group: int = 0, *, crc: bool = False) -> Command:
    """aR0! to aR9! (aRC0! with CRC) - the present values of a sensor that measures all the time."""
    number = _index(group, 0, 9, "group")
    return Command(_known(address), ("RC" if crc else "R") + number, crc=crc)


def identify_measurement(address: str, measurement: str) -> Command:
    """aIM!, aIC1!, aIV!, aIHA!, ... - how many values would ``measurement`` (a command's body) give?"""
    if not re.fullmatch(r"(M|MC|C|CC)[1-9]?|V|HA|HB|RC?\d", measurement):
        raise CommandError(f"{measurement!r} is no measurement; it is written M, MC1, C, CC9, R0, V, HA or HB")
    return Command(_known(address), "I" + measurement)


def identify_parameter(address: str, measurement: str, number: int) -> Command:
    """aIM_001! and so on - name and unit of the measurement's value ``number``."""
    base = identify_measurement(address, measurement)
    return Command(base.address, f"{base.body}_{int(_index(number, 1, 999, 'parameter')):03d}")


def extended(address: str, body: str) -> Command:
    """aX...! - a maker's own command."""
    if not body.startswith("X") or not body.isascii() or not body.isprintable() or "!" in body or len(body) > 80:
        raise CommandError(f"{body!r} is no extended command; it begins with X and holds printable ASCII without '!'")
    return Command(_known(address), body)


# ---- answers -----------------------------------------------------------------------------------


def check_crc(line: str, command: Command) -> str:
    """Take the CRC off an answer that must have one; raise AnswerError if it is wrong."""
    if not command.crc:
        return line
    body, crc = line[:-3].encode("ascii", "replace"), line[-3:].encode("ascii", "replace")
    if len(line) < 4 or sdi12_crc(body) != crc:
        raise AnswerError(f"{line!r}: the CRC should be {sdi12_crc(body).decode()!r}")
    return line[:-3]


def started(line: str) -> Started:
    """Read atttn (M, V), atttnn (C) or atttnnn (H): seconds to wait and number of values."""
    if not re.fullmatch(r"[0-9A-Za-z]\d{4,6}", line):
        raise AnswerError(f"{line!r}: expected the address, three digits of seconds and one to three of values")
    return Started(line[0], int(line[1:4]), int(line[4:]))


def values(line: str) -> tuple[float, ...]:
    """Read the signed numbers of a D or R answer (without CRC)."""
    found = VALUE.findall(line[1:])
    if not line or "".join(found) != line[1:]:
        raise AnswerError(f"{line!r}: expected the address and numbers with a sign, such as 0+3.14-2.7")
    return tuple(float(text) for text in found)


def identity(line: str) -> Identity:
    """Read allccccccccmmmmmmvvv and up to 13 characters more."""
    if not 20 <= len(line) <= 33 or not line[1:3].isdigit():
        raise AnswerError(f"{line!r}: expected address, version, 8 of maker, 6 of model, 3 of firmware")
    return Identity(line[0], line[1:3], line[3:11].strip(), line[11:17].strip(), line[17:20].strip(), line[20:].strip())


def parameter(line: str) -> Parameter:
    """Read a,NAME,UNIT; with further fields ignored."""
    parts = line.rstrip(";").split(",")
    if len(parts) < 3 or len(parts[0]) != 1:
        raise AnswerError(f"{line!r}: expected the address, a name and a unit between commas, and a semicolon")
    return Parameter(parts[0], parts[1].strip(), parts[2].strip())


def packet_length(head: bytes) -> int:
    """Give the whole length of the binary packet that begins so; 0 when more bytes must tell."""
    return 6 + int.from_bytes(head[1:3], "little") if len(head) >= 3 else 0


def packet_values(packet: bytes) -> tuple[float, ...]:
    """Read a high-volume binary packet: address, size, type, values and CRC (§5.2, Table 14)."""
    if len(packet) < 6 or packet_length(packet) != len(packet) or crc16(packet, 0) != 0:
        raise AnswerError(f"{packet[:16].hex(' ')}: no whole packet with a right CRC")
    size, kind = int.from_bytes(packet[1:3], "little"), packet[3]
    if kind == 0 and size == 0:
        return ()
    code = BINARY_TYPES.get(kind)
    if code is None or size % struct.calcsize("<" + code):
        raise AnswerError(f"{size} bytes of data type {kind}: the types are 1 to 10")
    return tuple(float(v) for v in struct.unpack(f"<{size // struct.calcsize('<' + code)}{code}", packet[4:-2]))


def to_8n1(text: bytes) -> bytes:
    """Give 7E1 characters as the bytes that an 8N1 port must send: the parity bit on top."""
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in text)


def from_8n1(data_: bytes) -> bytes:
    """Take the parity bit off bytes that an 8N1 port received; a wrong one makes the character a ``?``."""
    return bytes(byte & 0x7F if byte.bit_count() % 2 == 0 else 0x3F for byte in data_)
