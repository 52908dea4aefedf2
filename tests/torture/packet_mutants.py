# SPDX-License-Identifier: Apache-2.0
"""Makes mutated MQTT sessions from a seed: the bytes of one connection, from CONNECT on, with something wrong in them.

The rule it keeps: a seed makes the same sessions for ever. What a PUBLISH carries comes from ``message_mutants``, so
that a packet that is whole carries a payload that is not.
"""

import random
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.torture.message_mutants import NAMES, Mutants

PACKETS_MOST: Final = 4
PAYLOAD_MOST: Final = 60_000  # a bomb's bytes are few; what is longer only costs time here
HUB_NAME_EVERY: Final = 4_000
FILTERS: Final = (
    "#", "+/#", "$SYS/#", "vuon/1/+/+/batch", "$share/ingest/vuon/1/+/+/batch", "$share//x", "a#", "+a", "", "/" * 300,
    "vuon/1/#/batch", "\x00", "$share/ingest",
)  # fmt: skip
_STRANGE: Final = tuple(f"vuon/1/anh-ba/{name}/batch".encode() for name in NAMES)


class Session(NamedTuple):
    """The bytes of one connection, and what was done to them."""

    kind: str
    data: bytes


def packet(head: int, body: bytes) -> bytes:
    """Make a packet of the first byte and what follows the length (MQTT 3.1.1, section 2.2)."""
    length, left = b"", len(body)
    while True:
        left, part = left >> 7, left & 0x7F
        length += bytes((part | (0x80 if left else 0),))
        if not left:
            return bytes((head,)) + length + body


def text(words: bytes) -> bytes:
    """Write a string with its length before it."""
    return len(words).to_bytes(2, "big") + words


def connect(name: bytes, flags: int = 2, rest: bytes = b"", level: int = 4, magic: bytes = b"MQTT") -> bytes:
    """Make a CONNECT."""
    return packet(0x10, text(magic) + bytes((level, flags)) + b"\x00\x05" + text(name) + rest)


class Sessions:
    """Makes sessions from a seed."""

    def __init__(self, seed: int, hub: bytes = b"hub-1-hub") -> None:
        self._random = random.Random(seed)
        self._mutants = Mutants(seed)
        self._hub = hub
        self._count = 0
        self._makers: dict[str, Callable[[], bytes]] = {
            "whole": lambda: self._opened(*self._packets()),
            "flipped": self._flipped,
            "cut": self._cut,
            "length": self._length,
            "noise": lambda: self._random.randbytes(self._random.randrange(1, 200)),
            "noise after connect": lambda: self._opened(self._random.randbytes(self._random.randrange(1, 200))),
            "no connect": lambda: b"".join(self._packets()),
            "connect twice": lambda: self._opened(connect(b"again"), *self._packets()),
            "connect": self._connect,
            "type": lambda: self._opened(packet(self._random.randrange(256), self._publish()[2:])),
            "quality three": lambda: self._opened(bytes((self._publish()[0] | 6,)) + self._publish()[1:]),
            "topic": self._topic,
            "subscribe": self._subscribe,
            "acks for nothing": self._acks,
            "spliced": self._spliced,
            "retained": lambda: self._opened(bytes((self._publish()[0] | 1,)) + self._publish()[1:]),
        }

    def kinds(self) -> list[str]:
        """Name what is done."""
        return list(self._makers)

    def next(self) -> Session:
        """Make the next session; now and then one under the name of the hub itself."""
        self._count += 1
        if self._count % HUB_NAME_EVERY == 0:
            return Session("hub's name", connect(self._hub) + self._publish())
        kind = self._random.choice(self.kinds())
        return Session(kind, self._makers[kind]())

    def _opened(self, *packets: bytes) -> bytes:
        return connect(b"m%d" % self._random.randrange(1 << 32)) + b"".join(packets)

    def _publish(self) -> bytes:
        message = self._mutants.next().message
        name = message.topic.encode("utf-8", "surrogatepass")[:65_535]
        quality = self._random.choice((0, 0, 1, 2))
        number = self._random.randbytes(2) if quality else b""
        return packet(0x30 | quality << 1, text(name) + number + message.payload[:PAYLOAD_MOST])

    def _packets(self) -> list[bytes]:
        more = (b"\xc0\x00", self._subscription("vuon/1/+/+/ack"), packet(0xA2, b"\x00\x07" + text(b"a/b")))
        packets = [self._publish() for _ in range(self._random.randrange(1, PACKETS_MOST))]
        return [*packets, *self._random.sample(more, self._random.randrange(len(more)))]

    def _flipped(self) -> bytes:
        data = bytearray(self._opened(*self._packets()))
        for _ in range(self._random.randrange(1, 8)):
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        return bytes(data)

    def _cut(self) -> bytes:
        data = self._opened(*self._packets())
        return data[: self._random.randrange(1, len(data))]

    def _length(self) -> bytes:
        """Let a packet's length say something else: more, less, the most there is, five bytes of it."""
        data = self._publish()
        size = 1
        while data[size] & 0x80:
            size += 1
        wrong = (b"\x00", b"\x01", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x01", b"\x80\x80\x80\x00", b"\x7f")
        return self._opened(data[:1] + self._random.choice(wrong) + data[size + 1 :], *self._packets())

    def _connect(self) -> bytes:
        """Make a CONNECT with flags, level, name or will that may not be."""
        pick = self._random
        magic = pick.choice((b"MQTT", b"MQIsdp", b"MQTX", b"", b"MQTT" * 500))
        level, flags = pick.choice((0, 3, 4, 5, 6, 0x84, 255)), pick.randrange(256)
        rest = text(pick.choice((b"vuon/1/anh-ba/farm-1/batch", b"#", b"$SYS/x", b"\xff\xfe"))) + text(
            pick.randbytes(20)
        )
        name = pick.choice((b"", b"x" * 5_000, b"\x00", b"\xff", b"a/#", b"n%d" % pick.randrange(1 << 20)))
        return connect(name, flags, rest, level, magic) + self._publish()

    def _topic(self) -> bytes:
        """Publish on a topic that is none: wildcards, a zero, broken UTF-8, lengths beyond the packet."""
        pick = self._random
        strange = pick.choice(
            (b"vuon/1/+/farm-1/batch", b"vuon/1/#", b"a\x00b", b"\xed\xa0\x80", b"\xff", b"$SYS/x", b"", *_STRANGE)
        )
        body = pick.choice((text(strange), b"\xff\xff" + strange, len(strange).to_bytes(2, "little") + strange))
        return self._opened(packet(0x30, body + self._mutants.next().message.payload[:PAYLOAD_MOST]))

    def _subscription(self, pattern: str) -> bytes:
        return packet(0x82, b"\x00\x05" + text(pattern.encode()) + bytes((self._random.choice((0, 1, 2, 3, 128)),)))

    def _subscribe(self) -> bytes:
        """Subscribe to what is no filter, to nothing, or to many at once; then publish."""
        pick = self._random
        many = b"".join(text(f"a/{at}".encode()) + b"\x00" for at in range(pick.randrange(300)))
        packets = [
            self._subscription(pick.choice(FILTERS)),
            packet(0x82, b"\x00\x06" + many),
            packet(0x82, b"\x00\x00"),
        ]
        return self._opened(pick.choice(packets), self._publish())

    def _acks(self) -> bytes:
        """Answer for what was never sent."""
        pick = self._random
        heads = [pick.choice((0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xF0)) for _ in range(5)]
        return self._opened(
            *(packet(head, pick.randbytes(pick.choice((0, 2, 2, 3)))) for head in heads), self._publish()
        )

    def _spliced(self) -> bytes:
        one, two = self._opened(*self._packets()), self._opened(*self._packets())
        return one[: self._random.randrange(len(one))] + two[self._random.randrange(len(two)) :]
