# SPDX-License-Identifier: Apache-2.0
"""Makes mutated messages for the hub from a seed: bombs, wrong lengths, strange numbers, foreign names, injections.

The rule it keeps: a seed makes the same messages for ever; every checksum that hides a mutation is put right in some.
"""

import math
import random
import struct
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

import zstandard

from telemetry.codec import BODY_MAX, HEAD
from telemetry.encoding import BodyEncoder
from telemetry.envelope import Header, Packer, read_header
from telemetry.notes import write_note
from telemetry.ports import Message
from telemetry.records import AnyRecord, Decision, Event, FarmProfile, Input, Sample

NOW_MS: Final = 1_795_316_712_000
HOME: Final = {"farm-1": "anh-ba", "farm-2": "anh-ba", "farm-3": "chi-tu"}
POOL: Final = 64
EVIL: Final = (
    "a/co2,edge=farm-3", "a/co2 v=1,q=2i", "a/co2\nvuon_mark,worker=hub number=9i", 'a/co2"', "a/co2\\", "a\x00/co2",
    "+/co2", "#", "$SYS/broker", "A/CO2", "a/../co2", "a/co2=b", "../../etc/passwd", "a/co2'; DROP DATABASE vuon", "",
    "a/" + "c" * 5_000, "ruộng/co2", "a/co2\u2028", "a/co2.1e400", "__name__/co2", 'a/co2{x="y"}',
)  # fmt: skip
WORDS: Final = (
    '"', "\\", '\\"', "\n", "\r\n", "a\nvuon_mark,worker=h number=1i 1", 'x" 1\nco2,edge=farm-3 v=1', "\x00", "\u2028",
    "1e400", "NaN", "öffne, bitte = \\ ok", "x" * 3_000,
)  # fmt: skip
NAMES: Final = (
    "+",
    "#",
    "farm-1\n",
    "farm-1\x00",
    "$share",
    "Farm-1",
    "farm 1",
    "x" * 33,
    "",
    "..",
    "farm-1,x=1",
    "ấp",
)
NUMBERS: Final = (math.nan, math.inf, -math.inf, 1e300, -1e16, 5e-324, -0.0, 1e15, 1.7976931348623157e308)


class Mutant(NamedTuple):
    """A message, and what was done to it."""

    kind: str
    message: Message


def topic_of(edge: str, kind: str = "batch") -> str:
    """Give an edge's own topic."""
    return f"vuon/1/{HOME[edge]}/{edge}/{kind}"


def sealed(data: bytes) -> bytes:
    """Put the right checksum behind a changed envelope."""
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


class Mutants:
    """Makes messages from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._packer = Packer()
        self._seq = 0
        self._good = [self._pack(self._records()) for _ in range(POOL)]
        self._bodies = [self._packer.encode(self._records()) for _ in range(POOL)]
        self._bombs = [self._bomb(size) for size in (BODY_MAX + 1, 64 << 20, 512 << 20)]
        self._profile = write_note(FarmProfile("farm-1", "Vườn", "anh-ba", "Asia/Ho_Chi_Minh", (), ()))
        self._kinds: dict[str, Callable[[], Message]] = {
            "good": lambda: self._own(self._pack(self._records())),
            "bits flipped": self._flipped,
            "cut": lambda: self._own(self._any()[: -self._random.randrange(1, 60)]),
            "grown": lambda: self._own(self._any() + self._bytes(40)),
            "spliced": self._spliced,
            "head changed": self._head,
            "body changed": self._body,
            "body of noise": lambda: self._own(self._seal(self._bytes(300))),
            "bomb": lambda: self._own(self._random.choice(self._bombs)),
            "size that lies": self._lying,
            "numbers": self._numbers,
            "future": lambda: self._dated(NOW_MS + 10 ** self._random.randrange(7, 14)),
            "before 2020": lambda: self._dated(self._random.randrange(1, 1_577_000_000_000)),
            "foreign tenant": self._foreign,
            "name in topic": self._topic,
            "series injected": self._series,
            "words injected": self._words,
            "edge renamed": self._renamed,
            "nested deep": self._deep,
            "dictionary": lambda: Message(topic_of("farm-1", "dictionary"), self._bytes(20_000)),
            "profile": self._profiled,
            "dictionary unknown": lambda: self._own(
                self._pack(self._records(), dictionary=self._random.getrandbits(32))
            ),
            "boot unknown": lambda: self._own(self._pack(self._records(), nonce=self._random.getrandbits(32))),
            "many in one": lambda: self._own(b"".join(self._random.choices(self._good, k=40))),
            "JSON": self._json,
        }

    def kinds(self) -> list[str]:
        """Give the names of what can be done to a message."""
        return list(self._kinds)

    def next(self) -> Mutant:
        """Make the next message."""
        kind = self._random.choice(list(self._kinds))
        return Mutant(kind, self._kinds[kind]())

    # ---- pieces

    def _records(self) -> list[AnyRecord]:
        rows: list[AnyRecord] = []
        for at in range(self._random.randrange(1, 6)):
            value = round(self._random.uniform(0, 900), 1)
            rows.append(Sample(f"zone-{at % 3}/co2", at * 1000, value, value))
        if self._random.random() < 0.3:
            rows.append(Decision("valve-1", "zone-1", 900, "SOIL_DRY", 1.0, "irrigation", (Input("soil", 12.5),)))
        return rows

    def _pack(self, records: list[AnyRecord], **changes: object) -> bytes:
        self._seq += 1
        header = Header("farm-1", 1, 7, self._seq, 0, 0, NOW_MS - 60_000, True, len(records))
        dictionary = changes.pop("dictionary", 0)
        data = self._packer.pack(header._replace(**changes), records)  # type: ignore[arg-type]
        if dictionary:
            at = 40 - 8
            assert read_header(data).dictionary == 0
            data = sealed(data[:at] + struct.pack("<I", dictionary) + data[at + 4 :])
        return data

    def _seal(self, body: bytes) -> bytes:
        self._seq += 1
        return self._packer.seal(Header("farm-1", 1, 7, self._seq, 0, 0, NOW_MS - 60_000, True, 3), body)

    def _any(self) -> bytes:
        return self._random.choice(self._good)

    def _own(self, data: bytes) -> Message:
        return Message(topic_of("farm-1"), data)

    def _bytes(self, most: int) -> bytes:
        return self._random.randbytes(self._random.randrange(most))

    def _with_body(self, compressed: bytes) -> bytes:
        """Put a compressed body of one's own under a head."""
        return _replace_body(self._seal(b""), compressed)

    def _bomb(self, size: int) -> bytes:
        frame = zstandard.ZstdCompressor(level=1).compress(bytes(size))
        return self._with_body(frame[4:])

    # ---- what is done to a message

    def _flipped(self) -> Message:
        data = bytearray(self._any())
        for _ in range(self._random.randrange(1, 9)):
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        return self._own(bytes(data))

    def _spliced(self) -> Message:
        one, two = self._any(), self._any()
        return self._own(one[: self._random.randrange(len(one))] + two[self._random.randrange(len(two)) :])

    def _head(self) -> Message:
        data = bytearray(self._any())
        for _ in range(self._random.randrange(1, 5)):
            data[self._random.randrange(46)] = self._random.randrange(256)
        return self._own(sealed(bytes(data)))

    def _body(self) -> Message:
        body = bytearray(self._random.choice(self._bodies))
        for _ in range(self._random.randrange(1, 6)):
            body[self._random.randrange(len(body))] = self._random.randrange(256)
        return self._own(self._seal(bytes(body)))

    def _lying(self) -> Message:
        frame = bytearray(zstandard.ZstdCompressor(level=1).compress(self._random.choice(self._bodies))[4:])
        frame[self._random.randrange(1, 4)] = self._random.randrange(256)
        return self._own(self._with_body(bytes(frame)))

    def _numbers(self) -> Message:
        choice = self._random.choice
        records: list[AnyRecord] = [
            Sample("zone-1/co2", at, choice(NUMBERS), choice(NUMBERS), choice((0, 1, -1, 1 << 40)), "", choice(NUMBERS))
            for at in range(self._random.randrange(1, 4))
        ]
        return self._own(self._pack(records))

    def _dated(self, wall_ms: int) -> Message:
        return self._own(self._pack([Sample("zone-1/co2", 0, 1.0, 1.0)], wall_ms=wall_ms))

    def _foreign(self) -> Message:
        member, edge = self._random.choice((("chi-tu", "farm-1"), ("nobody", "farm-1"), ("anh-ba", "farm-3")))
        kind = self._random.choice(("batch", "dictionary", "profile"))
        return Message(f"vuon/1/{member}/{edge}/{kind}", self._any())

    def _topic(self) -> Message:
        parts = ["vuon", "1", "anh-ba", "farm-1", "batch"]
        parts[self._random.randrange(4)] = self._random.choice(NAMES)
        return Message("/".join(parts), self._any())

    def _series(self) -> Message:
        records = [*self._records(), Sample(self._random.choice(EVIL), 0, 1.0, 1.0)]
        return self._own(self._pack(records))

    def _words(self) -> Message:
        word = self._random.choice
        events: list[AnyRecord] = [
            Event(word(WORDS), word(WORDS), 1000, fields={word(WORDS): word(WORDS), "n": word(NUMBERS)}),
            Decision(
                word(WORDS), word(WORDS), 900, word(WORDS), word(NUMBERS), word(WORDS), (Input(word(WORDS), 1.0),)
            ),
        ]
        return self._own(self._pack(events))

    def _renamed(self) -> Message:
        data, name = (
            self._any(),
            self._random.choice((b"farm-2", b"farm-3", b"far\n-1", b"farm+1", b"farm,1", b"FARM-1")),
        )
        return self._own(sealed(data.replace(b"farm-1", name, 1)))

    def _deep(self) -> Message:
        body = BodyEncoder().encode([Event("boot", "farm-1", 0)])
        head = list(HEAD.unpack_from(body))
        nest = self._random.choice((b"\x91", b"\x81\xa1a")) * self._random.choice((10, 1_000, 100_000)) + b"\xc0"
        kept = body[HEAD.size : len(body) - head[-1]]
        head[-1] = len(nest)
        return self._own(self._seal(HEAD.pack(*head) + kept + nest))

    def _profiled(self) -> Message:
        data = bytearray(self._profile)
        data[self._random.randrange(len(data))] = self._random.randrange(256)
        return Message(topic_of("farm-1", "profile"), bytes(data) + self._bytes(3))

    def _json(self) -> Message:
        text = self._random.choice(
            ('{"v":1e400}', '{"v":NaN}', '[{"co2":400}]', "[" * 50_000, '{"edge":"farm-3","v":1}')
        )
        return self._own(text.encode())


def _replace_body(data: bytes, compressed: bytes) -> bytes:
    """Put other compressed bytes between the head and the checksum of an envelope, with the right length."""
    name = len(read_header(data).edge)
    head_size = data.index(b"farm-1")
    head = bytearray(data[:head_size])
    struct.pack_into("<HB", head, head_size - 4, len(compressed) & 0xFFFF, len(compressed) >> 16 & 0xFF)
    return sealed(bytes(head) + data[head_size : head_size + name] + compressed + b"\x00" * 4)
