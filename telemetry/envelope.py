# SPDX-License-Identifier: Apache-2.0
"""The envelope: one commit group of records as bytes that can be stored, sent, resent and checked by anyone.

The rule it keeps: the same bytes are the log row, the outbox entry, the MQTT payload and the replay source;
(edge, epoch, nonce, seq) names them for ever, a CRC-32 over head and body shows damage, and opening one never
allocates more than BODY_MAX, whatever the bytes say.

Head, little-endian: ``VB``, version 1, flags (1 = clock_ok, 2 = placed later), epoch u32, nonce u32, seq u32,
timeline u16, mono_ms u48, wall_ms u48, count u16, dictionary u32 (0 = none), body length u24, length of the
edge's name u8; then the name, the body (one zstd frame, magicless) and the CRC-32.
"""

import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import zstandard

from telemetry.codec import BODY_MAX, Others, Samples, decode_others, decode_records
from telemetry.encoding import BodyEncoder
from telemetry.ints import ColumnError
from telemetry.records import AnyRecord
from telemetry.repeats import samples_of, samples_together

VERSION: Final = 1
EDGE_PATTERN: Final = re.compile(r"^[a-z][a-z0-9-]{0,31}$")
DICTIONARY_MAX: Final = 16_384
ENVELOPE_MAX: Final = 1_000_000

_MAGIC: Final = b"VB"
_HEAD: Final = struct.Struct("<2sBBIIIHIHIHHIHBB")
_TAIL_OF_HEAD: Final = struct.Struct("<HBB")
_CRC: Final = struct.Struct("<I")
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_CLOCK_OK, _PLACED = 1, 2
_WINDOW_LOG: Final = 22
_LEVEL: Final = 3


class EnvelopeError(ValueError):
    """The bytes are no envelope of ours, or were damaged; ``reason`` is a short word to count by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class UnknownDictionaryError(EnvelopeError):
    """The body was compressed with a dictionary that is not at hand; ask the edge for it."""

    def __init__(self, dictionary: int) -> None:
        super().__init__("dictionary", f"dictionary {dictionary:08x} is not known here")
        self.dictionary = dictionary


class Header(NamedTuple):
    """Who sends, which batch of which boot, and how its monotonic time lies on the wall clock.

    A record's wall time is ``wall_ms + (record.mono_ms - mono_ms)``. ``timeline`` changes when the clock of a boot
    was set anew; stores keep it beside the time, so that a clock set back overwrites nothing.
    """

    edge: str
    epoch: int
    nonce: int
    seq: int
    timeline: int
    mono_ms: int
    wall_ms: int
    clock_ok: bool
    total: int
    dictionary: int = 0
    placed: bool = False

    @property
    def offset_ms(self) -> int:
        """What to add to a record's mono_ms for its wall time, ms."""
        return self.wall_ms - self.mono_ms


class Packer:
    """Makes envelopes for one log. Not for use from two threads at once."""

    def __init__(self) -> None:
        self._encoder = BodyEncoder()
        self._plain = _compressor(None)
        self._with_dictionary: zstandard.ZstdCompressor | None = None
        self._dictionary = 0

    def use_dictionary(self, data: bytes) -> int:
        """Compress with these bytes of earlier bodies from now on, and give the dictionary's id."""
        self._with_dictionary = _compressor(_content(data))
        self._dictionary = dictionary_id(data)
        return self._dictionary

    def forget(self) -> None:
        """Look at every series anew, just before a new dictionary is made."""
        self._encoder.forget()

    def encode(self, records: Sequence[AnyRecord]) -> bytes:
        """Encode the body; at most RECORDS_MAX records."""
        return self._encoder.encode(records)

    def seal(self, header: Header, body: bytes) -> bytes:
        """Compress the body and seal it under the header, whose ``dictionary`` is set here."""
        if self._with_dictionary is None:
            return _seal(header._replace(dictionary=0), self._plain.compress(body))
        return _seal(header._replace(dictionary=self._dictionary), self._with_dictionary.compress(body))

    def pack(self, header: Header, records: Sequence[AnyRecord]) -> bytes:
        """Encode and seal records; ``header.total`` is set from them."""
        return self.seal(header._replace(total=len(records)), self.encode(records))


class Opener:
    """Opens envelopes; knows dictionaries by their id, a bounded number. Not for use from two threads at once."""

    def __init__(self, find: Callable[[int], bytes | None] | None = None, keep: int = 64) -> None:
        self._find = find
        self._keep = keep
        self._known: OrderedDict[int, zstandard.ZstdDecompressor] = OrderedDict()
        self._plain = _decompressor(None)

    def learn(self, data: bytes) -> int:
        """Remember a dictionary; the one longest unused is forgotten when there are too many."""
        number = dictionary_id(data)
        self._known[number] = _decompressor(_content(data))
        self._known.move_to_end(number)
        while len(self._known) > self._keep:
            self._known.popitem(last=False)
        return number

    def open(self, data: bytes, header: Header | None = None) -> "Batch":
        """Check one envelope (unless its head was read already, and so checked).

        EnvelopeError if it is none; UnknownDictionaryError if its dictionary is not at hand.
        """
        header = header or read_header(data)
        return Batch(header, data, self._decompressor(header.dictionary))

    def _decompressor(self, number: int) -> zstandard.ZstdDecompressor:
        if number == 0:
            return self._plain
        if number not in self._known:
            data = self._find(number) if self._find else None
            if data is None or self.learn(data) != number:
                raise UnknownDictionaryError(number)
        self._known.move_to_end(number)
        return self._known[number]


class Batch:
    """An opened envelope: its head, its bytes, and its records once somebody wants them."""

    __slots__ = ("_body", "_decompressor", "_others", "_samples", "data", "header")

    def __init__(self, header: Header, data: bytes, decompressor: zstandard.ZstdDecompressor) -> None:
        self.header = header
        self.data = data
        self._decompressor = decompressor
        self._body: bytes | None = None
        self._samples: Samples | None = None
        self._others: list[Others] | None = None

    @property
    def body(self) -> bytes:
        """The decompressed body; EnvelopeError when it is none or too large."""
        if self._body is None:
            self._body = _decompress(self.data[_HEAD.size + len(self.header.edge) : -_CRC.size], self._decompressor)
        return self._body

    def records(self) -> list[AnyRecord]:
        """All records in order."""
        try:
            records = decode_records(self.body)
        except ColumnError as error:
            raise EnvelopeError("format", str(error)) from error
        if len(records) != self.header.total:
            raise EnvelopeError("format", f"{len(records)} records, the head says {self.header.total}")
        return records

    def samples(self) -> Samples:
        """Only the samples, as columns (kept, so that asking twice costs once)."""
        if self._samples is None:
            try:
                self._samples = samples_of(self.body)
            except ColumnError as error:
                raise EnvelopeError("format", str(error)) from error
        return self._samples

    def keep(self, samples: Samples | None) -> None:
        """Take the samples as they were read of the body elsewhere, if they were."""
        self._samples = samples

    def others(self) -> list[Others]:
        """Only decisions, commands, acks and events (kept likewise)."""
        if self._others is None:
            try:
                self._others = decode_others(self.body)
            except ColumnError as error:
                raise EnvelopeError("format", str(error)) from error
        return self._others


def read_together(batches: Sequence[Batch]) -> None:
    """Read the samples of many batches at once, which costs less than each alone.

    What cannot be read so is left as it is: ``Batch.samples`` reads it, or says what is wrong with it.
    """
    readable: list[Batch] = []
    bodies: list[bytes] = []
    for batch in batches:
        try:
            bodies.append(batch.body)
        except EnvelopeError:
            continue
        readable.append(batch)
    for batch, samples in zip(readable, samples_together(bodies), strict=True):
        batch.keep(samples)


def dictionary_id(data: bytes) -> int:
    """Name a dictionary by the CRC-32 of its bytes, never 0."""
    if not 0 < len(data) <= DICTIONARY_MAX:
        raise EnvelopeError("dictionary", f"{len(data)} bytes, at most {DICTIONARY_MAX}")
    return zlib.crc32(data) or 1


def place(data: bytes, wall_ms: int) -> bytes:
    """Give an envelope, made while the clock was not known, the wall time that its ``mono_ms`` really had."""
    header = read_header(data)
    start = _HEAD.size + len(header.edge)
    return _seal(header._replace(wall_ms=wall_ms, clock_ok=True, placed=True), data[start : -_CRC.size])


def split(payload: bytes) -> Iterator[bytes]:
    """Cut a message into its envelopes, which stand one behind the other. EnvelopeError at the first that breaks."""
    at = 0
    while at < len(payload):
        if at + _HEAD.size > len(payload):
            raise EnvelopeError("length", f"{len(payload) - at} bytes left over")
        if payload[at : at + 2] != _MAGIC:
            raise EnvelopeError("magic", f"begins with {payload[at : at + 2]!r}")
        b0, b1, name_length = _TAIL_OF_HEAD.unpack_from(payload, at + _HEAD.size - _TAIL_OF_HEAD.size)
        end = at + _HEAD.size + name_length + (b0 | b1 << 16) + _CRC.size
        if end > len(payload):
            raise EnvelopeError("length", f"envelope of {end - at} bytes, {len(payload) - at} are left")
        yield payload[at:end]
        at = end


def read_header(data: bytes) -> Header:
    """Check length, magic, version and CRC of one envelope, and give its head. EnvelopeError says what is wrong."""
    if not _HEAD.size + 1 + _CRC.size <= len(data) <= ENVELOPE_MAX:
        raise EnvelopeError("length", f"{len(data)} bytes")
    magic, version, flags, epoch, nonce, seq, timeline, m0, m1, w0, w1, count, dictionary, b0, b1, name_length = (
        _HEAD.unpack_from(data)
    )
    if magic != _MAGIC:
        raise EnvelopeError("magic", f"begins with {magic!r}")
    if version != VERSION:
        raise EnvelopeError("version", f"version {version}, this program reads {VERSION}")
    if _HEAD.size + name_length + (b0 | b1 << 16) + _CRC.size != len(data):
        raise EnvelopeError("length", f"{len(data)} bytes do not agree with the head")
    if zlib.crc32(memoryview(data)[: -_CRC.size]) != _CRC.unpack_from(data, len(data) - _CRC.size)[0]:
        raise EnvelopeError("crc", "the checksum does not match: the bytes were damaged")
    edge = data[_HEAD.size : _HEAD.size + name_length].decode("ascii", "replace")
    if not EDGE_PATTERN.fullmatch(edge):
        raise EnvelopeError("name", f"the edge is called {edge!r}")
    if flags & ~(_CLOCK_OK | _PLACED):
        raise EnvelopeError("flags", f"unknown flags {flags:#x}")
    clock_ok, placed = bool(flags & _CLOCK_OK), bool(flags & _PLACED)
    mono_ms, wall_ms = m0 | m1 << 32, w0 | w1 << 32
    return Header(edge, epoch, nonce, seq, timeline, mono_ms, wall_ms, clock_ok, count, dictionary, placed)


def _seal(header: Header, packed: bytes) -> bytes:
    name = header.edge.encode("ascii")
    if not EDGE_PATTERN.fullmatch(header.edge):
        raise ValueError(f"bad edge name {header.edge!r}: use a-z, 0-9 and '-', at most 32 characters")
    mono, wall, size = header.mono_ms, header.wall_ms, len(packed)
    head = _HEAD.pack(
        _MAGIC,
        VERSION,
        (_CLOCK_OK if header.clock_ok else 0) | (_PLACED if header.placed else 0),
        header.epoch,
        header.nonce,
        header.seq,
        header.timeline,
        mono & 0xFFFFFFFF,
        mono >> 32,
        wall & 0xFFFFFFFF,
        wall >> 32,
        header.total,
        header.dictionary,
        size & 0xFFFF,
        size >> 16,
        len(name),
    )
    whole = head + name + packed
    return whole + _CRC.pack(zlib.crc32(whole))


def _decompress(packed: bytes, decompressor: zstandard.ZstdDecompressor) -> bytes:
    try:
        size = zstandard.frame_content_size(_ZSTD_MAGIC + packed[:18])
        if not 0 <= size <= BODY_MAX:
            raise EnvelopeError("size", f"the body says it is {size} bytes, at most {BODY_MAX}")
        return decompressor.decompress(packed, max_output_size=BODY_MAX, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise EnvelopeError("compression", str(error)) from error


def _content(data: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _compressor(content: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        window_log=_WINDOW_LOG,
        write_content_size=True,
        write_dict_id=False,
        write_checksum=False,
    )
    return zstandard.ZstdCompressor(dict_data=content, compression_params=parameters)


def _decompressor(content: zstandard.ZstdCompressionDict | None) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(
        dict_data=content, max_window_size=1 << _WINDOW_LOG, format=zstandard.FORMAT_ZSTD1_MAGICLESS
    )
