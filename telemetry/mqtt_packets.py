# SPDX-License-Identifier: Apache-2.0
"""The packets of MQTT 3.1.1 that a client needs for qualities 0 and 1: bytes in, packets out.

The rule it keeps: no I/O and no clock; what breaks the standard raises ``PacketError``, and a packet that is larger
than the reader was told to take is passed over without being kept.
Source: OASIS MQTT Version 3.1.1; the numbers in brackets are its normative statements.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from telemetry.ports import Message

_U16: Final = struct.Struct(">H")
_CLEAN, _WILL, _PASSWORD, _USERNAME = 0x02, 0x04, 0x40, 0x80
LENGTH_MAX: Final = 268_435_455
# What a broker answers to CONNECT (table 3.1).
REFUSALS: Final = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not accept this client name",
    3: "it cannot serve just now",
    4: "wrong user name or password",
    5: "this user may not connect",
}


class PacketError(Exception):
    """The other side sent what is no MQTT 3.1.1."""


class Kind(IntEnum):
    """The kinds of packets (table 2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


PINGREQ: Final = bytes((Kind.PINGREQ << 4, 0))
DISCONNECT: Final = bytes((Kind.DISCONNECT << 4, 0))


class Packet(NamedTuple):
    """A packet: its first byte and what stands after its length."""

    first: int
    body: bytes

    @property
    def kind(self) -> int:
        """Its kind; one that a client does not get is no member of ``Kind``."""
        return self.first >> 4


class PacketReader:
    """Cuts a stream into packets."""

    def __init__(self, largest: int) -> None:
        """Take the size of the largest packet that is kept, bytes."""
        self._largest = largest
        self._rest = b""
        self._skip = 0
        self.skipped = 0  # packets that were too large

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes as they come; give the packets that are whole. PacketError for a length of five bytes."""
        if self._skip:
            cut = min(self._skip, len(data))
            self._skip -= cut
            data = data[cut:]
        data = self._rest + data if self._rest else data
        packets: list[Packet] = []
        at, end = 0, len(data)
        while at + 2 <= end:
            length, start = data[at + 1], at + 2
            if length > 0x7F:
                length, start = _long_length(data, at + 1)
                if not start:
                    break
            if length > self._largest:
                self.skipped += 1
                self._skip = max(0, start + length - end)
                at = min(start + length, end)
                continue
            if start + length > end:
                break
            packets.append(Packet(data[at], data[start : start + length]))
            at = start + length
        self._rest = data[at:]
        return packets


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """Read a length of up to four bytes; give it and where the body begins (0 = not all of it is there)."""
    length = shift = 0
    for place in range(at, min(at + 4, len(data))):
        length |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return length, place + 1
        shift += 7
    if shift >= 28:
        raise PacketError("a length of more than four bytes")
    return 0, 0


def read_publish(packet: Packet) -> tuple[Message, int]:
    """Give the message of a PUBLISH and its number (0 at quality 0)."""
    first, body = packet
    qos = first >> 1 & 3
    try:
        start = 2 + _U16.unpack_from(body)[0]
        topic = body[2:start].decode()
        number = _U16.unpack_from(body, start)[0] if qos else 0
    except (struct.error, UnicodeDecodeError) as error:
        raise PacketError(f"a PUBLISH of {len(body)} bytes: {error}") from error
    if start > len(body) or qos > 1:
        raise PacketError(f"a PUBLISH of {len(body)} bytes and quality {qos}, its topic ends at {start}")
    return Message(topic, body[start + 2 if qos else start :], qos, bool(first & 1)), number


def number_of(packet: Packet) -> int:
    """Give the number that a PUBACK or SUBACK answers."""
    if len(packet.body) < 2:
        raise PacketError("an answer without a number")
    return int(_U16.unpack_from(packet.body)[0])


def connect(name: str, username: str, password: str, keepalive_s: int, will: Message | None) -> bytes:
    """Write a CONNECT for a clean session."""
    flags, tail = _CLEAN, [_text(name)]
    if will:
        flags |= _WILL | will.qos << 3 | will.retain << 5
        tail += [_text(will.topic), _U16.pack(len(will.payload)) + will.payload]
    if username:
        flags |= _USERNAME | (_PASSWORD if password else 0)
        tail += [_text(username), _text(password)] if password else [_text(username)]
    return _packet(Kind.CONNECT << 4, _text("MQTT") + bytes((4, flags)) + _U16.pack(keepalive_s) + b"".join(tail))


def publish(message: Message, number: int = 0) -> bytes:
    """Write a PUBLISH; ``number`` is needed at quality 1."""
    head = _text(message.topic) + (_U16.pack(number) if message.qos else b"")
    return _packet(Kind.PUBLISH << 4 | message.qos << 1 | message.retain, head + message.payload)


def puback(number: int) -> bytes:
    """Answer a PUBLISH of quality 1."""
    return _packet(Kind.PUBACK << 4, _U16.pack(number))


def subscribe(pattern: str, qos: int, number: int) -> bytes:
    """Write a SUBSCRIBE for one pattern [MQTT-3.8.1-1]."""
    return _packet(Kind.SUBSCRIBE << 4 | 2, _U16.pack(number) + _text(pattern) + bytes((qos,)))


def _packet(first: int, body: bytes) -> bytes:
    left = len(body)
    if left < 0x80:
        return bytes((first, left)) + body
    if left > LENGTH_MAX:
        raise ValueError(f"a packet of {left} bytes, at most {LENGTH_MAX}")
    length = bytearray()
    while left:
        left, part = left >> 7, left & 0x7F
        length.append(part | (0x80 if left else 0))
    return bytes((first,)) + length + body


def _text(text: str) -> bytes:
    data = text.encode()
    return _U16.pack(len(data)) + data
