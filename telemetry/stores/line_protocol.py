# SPDX-License-Identifier: Apache-2.0
"""Batches as InfluxDB line protocol: the one place where a name becomes part of a line.

The rule it keeps: a name that could end a line or begin another field is escaped or refused, so that whoever sends
a batch can only ever write points under his own edge.

A sample becomes ``quantity,edge=…,n=…,place=… v=24.3,q=0i,r=24.1 time``: ``v`` the value, ``q`` the quality bits
(left out when good), ``r`` the raw signal where it differs. The time is in ns: the milliseconds of the sample, and
in the six digits below them boot and timeline, so that neither a clock set back nor a second edge of the same name
(a copied card) overwrites anything.
"""

import functools
import zlib
from math import isfinite
from typing import Final

import msgspec
import numpy as np

from telemetry.columns import Floats
from telemetry.envelope import Batch, Header
from telemetry.ints import Ints, ints_of
from telemetry.ports import Mark

JOURNAL: Final = "vuon_journal"
MARK: Final = "vuon_mark"
FIRST: Final = "0"  # the tag n of a place's first series, where every tag must be there
_VALUE: Final = b"v="
_EDGE: Final = b"\x00"  # holds the place of an edge's name: no name has it
FRAMED_MAX: Final = 256  # samples; a frame takes some 50 bytes a sample, and ``FRAMES_KEPT`` are remembered
FRAMES_KEPT: Final = 4_096
_ANY_EDGE: Final = "any"
_ESCAPED: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_json = msgspec.json.Encoder()


class LineError(ValueError):
    """A name may not stand in a line."""


def escape(name: str) -> str:
    """Escape a measurement, tag or field name. LineError for what no escape makes safe."""
    if not name or name.endswith("\\") or any(character < " " or character == "\x7f" for character in name):
        raise LineError(f"name {name!r} may not stand in line protocol: empty, a control character, or '\\' at its end")
    return name.translate(_ESCAPED)


def quote(text: str) -> str:
    """Write a string field's value. LineError for what cannot stand in one."""
    if "\x00" in text or "\n" in text or "\r" in text:
        raise LineError("a string field holds a line end")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_series(series: str) -> tuple[str, str, str]:
    """Give place, quantity and index ("" = the first) of a series name."""
    place, _, rest = series.partition("/")
    quantity, _, index = rest.partition(".")
    if not place or not quantity:
        raise LineError(f"series {series!r} is not place/quantity")
    return place, quantity, index


def join_series(place: str, quantity: str, index: str) -> str:
    """Make a series name of its parts."""
    return f"{place}/{quantity}" + (f".{index}" if index else "")


def sample_head(edge: str, series: str, *, every_tag: bool = False) -> str:
    """Give measurement and tags of a series' lines; ``every_tag`` leaves none out (``n=0``: the first of its place)."""
    place, quantity, index = split_series(series)
    index = index or (FIRST if every_tag else "")
    number = f",n={escape(index)}" if index else ""
    return f"{escape(quantity)},edge={escape(edge)}{number},place={escape(place)} "


def below_ms(header: Header) -> int:
    """Give the digits below the millisecond that keep the boots and timelines of an edge apart, ns.

    Timelines of one boot never meet; two boots that write in the same millisecond do so once in a million.
    """
    return (_boot_number(header) + header.timeline) % 1_000_000


def _boot_number(header: Header) -> int:
    return zlib.crc32(b"%d %d" % (header.epoch, header.nonce))


def sample_text(batch: Batch, *, every_tag: bool = False) -> bytes:
    """Write a batch's samples as lines, each with its end. LineError if one of its names may not stand in them.

    ``every_tag`` is for a store whose tables keep the tags of their first line for ever (InfluxDB 3).
    """
    header, samples = batch.header, batch.samples()
    n = len(samples.value)
    if n == 0:
        return b""
    edge = escape(header.edge).encode()
    wall_ns = (samples.mono_ms + header.offset_ms) * 1_000_000 + below_ms(header)
    if samples.extent.plain and n <= FRAMED_MAX:  # as nearly always
        numbers = [b""] * (2 * n)
        numbers[0::2] = _texts(samples.value)
        numbers[1::2] = _texts(wall_ns)
        frame = _frame(samples.names, samples.layout, n, every_tag)
        return (frame % tuple(numbers)).replace(_EDGE, edge)
    pairs, rows = _around_edge(samples.names, samples.layout, n, every_tag)
    heads = [before + edge + after for before, after in pairs]
    pieces = [b" "] * (4 * n)
    pieces[0::4] = [heads[row] for row in rows]
    pieces[1::4] = _texts(samples.value)
    pieces[3::4] = _texts(wall_ns)
    if not samples.extent.plain:
        good = (samples.quality == 0) & np.isfinite(samples.value) & (samples.value == samples.raw)
        odd = np.flatnonzero(~good)
        columns = (samples.value[odd].tolist(), samples.raw[odd].tolist(), samples.quality[odd].tolist())
        for row, value, raw, quality in zip(odd.tolist(), *columns, strict=True):
            pieces[4 * row] = heads[rows[row]].removesuffix(_VALUE)
            pieces[4 * row + 1] = _fields(value, raw, quality)
    return b"".join(pieces)[1:] + b"\n"


@functools.lru_cache(maxsize=FRAMES_KEPT)
def _frame(names: tuple[str, ...], layout: bytes, n: int, every_tag: bool) -> bytes:
    """Give the lines of a batch with gaps for its edge, its values and its times."""
    pairs, rows = _around_edge(names, layout, n, every_tag)
    around = [(before + _EDGE + after).replace(b"%", b"%%") + b"%b %b" for before, after in pairs]
    return b"".join(around[row] for row in rows)[1:] + b"\n"


@functools.lru_cache(maxsize=16_384)
def _around_edge(
    names: tuple[str, ...], layout: bytes, n: int, every_tag: bool
) -> tuple[list[tuple[bytes, bytes]], list[int]]:
    """Give what stands before and after the edge's name in the lines of each series, and the series of each row."""
    used, rows = np.unique(ints_of(layout, n), return_inverse=True)
    return [_around_edge_of(names[index], every_tag) for index in used.tolist()], rows.tolist()


@functools.lru_cache(maxsize=65_536)
def _around_edge_of(series: str, every_tag: bool) -> tuple[bytes, bytes]:
    before, _, after = sample_head(_ANY_EDGE, series, every_tag=every_tag).partition(f"edge={_ANY_EDGE}")
    return f"\n{before}edge=".encode(), after.encode() + _VALUE


def _texts(column: Floats | Ints) -> list[bytes]:
    """Write each number with as few digits as give it back (what is not finite becomes ``null``)."""
    return _json.encode(column.tolist())[1:-1].split(b",")


def other_lines(batch: Batch) -> list[str]:
    """Write a batch's decisions, commands, acks and events as lines of the journal."""
    header = batch.header
    base = _boot_number(header) % 1000 * 1000
    edge = escape(header.edge)
    return [
        f"{JOURNAL},edge={edge},kind={type(other).__name__.lower()} record={quote(_json.encode(other).decode())} "
        f"{(other.mono_ms + header.offset_ms) * 1_000_000 + base + (header.seq * 37 + at) % 1000}"
        for at, other in enumerate(batch.others())
    ]


def mark_line(mark: Mark, wall_ns: int) -> str:
    """Write the mark that goes with a group of batches."""
    return f"{MARK},worker={escape(mark.worker)} number={mark.number}i {wall_ns}"


def _fields(value: float, raw: float, quality: int) -> bytes:
    """Write what can be written of a sample: line protocol knows neither nan nor infinity, so those are left out."""
    fields = [b"v=" + _json.encode(value)] if isfinite(value) else []
    if quality or not fields:
        fields.append(b"q=%di" % quality)
    if isfinite(raw) and raw != value:
        fields.append(b"r=" + _json.encode(raw))
    return b",".join(fields)
