# SPDX-License-Identifier: Apache-2.0
"""Sparkplug B payloads as bytes: the part of Sparkplug 3.0's protobuf that an edge node without templates needs.

The rule it keeps: what is written any protobuf library reads (chapter 6 of the specification has the schema); what
comes in is bounded in size and count, unknown fields are passed over, and nothing of it is believed before it is typed.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PAYLOAD_MAX: Final = 65_536
METRICS_MAX: Final = 256
INT32, INT64, UINT64, DOUBLE, BOOLEAN, STRING = 3, 4, 8, 10, 11, 12
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
QUALITY: Final = "Quality"
UNIT: Final = "engUnit"
BAD, GOOD, STALE = 0, 192, 500

Value = float | int | bool | str | None


class PayloadError(ValueError):
    """The bytes are no Sparkplug payload that we can use."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``value`` None is written as is_null. ``name`` "" and ``alias`` 0 are left out; so is ``datatype`` 0.

    ``quality`` 0 is not written unless ``bad``; ``unit`` "" is not written.
    """

    name: str = ""
    alias: int = 0
    timestamp_ms: int = 0
    datatype: int = 0
    value: Value = None
    kind: int = 0  # the datatype that the value is written as, where ``datatype`` itself is left out
    quality: int = -1
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload; ``seq`` -1 is left out."""

    timestamp_ms: int
    metrics: tuple[Metric, ...]
    seq: int = -1


def encode(payload: Payload) -> bytes:
    """Write a payload."""
    out = bytearray()
    _put_varint(out, 1, payload.timestamp_ms)
    for metric in payload.metrics:
        _put_bytes(out, 2, _metric(metric))
    if payload.seq >= 0:
        _put_varint(out, 3, payload.seq)
    return bytes(out)


def decode(data: bytes) -> Payload:
    """Read a payload. PayloadError for what is too large, cut off or of wrong types."""
    if len(data) > PAYLOAD_MAX:
        raise PayloadError(f"{len(data)} bytes, at most {PAYLOAD_MAX}")
    timestamp_ms, seq = 0, -1
    metrics: list[Metric] = []
    for number, value in _fields(data):
        match number, value:
            case 1, int():
                timestamp_ms = value
            case 2, bytes():
                if len(metrics) >= METRICS_MAX:
                    raise PayloadError(f"more than {METRICS_MAX} metrics")
                metrics.append(_read_metric(value))
            case 3, int():
                seq = value
    return Payload(timestamp_ms, tuple(metrics), seq)


def _metric(metric: Metric) -> bytes:
    out = bytearray()
    if metric.name:
        _put_bytes(out, 1, metric.name.encode())
    if metric.alias:
        _put_varint(out, 2, metric.alias)
    if metric.timestamp_ms:
        _put_varint(out, 3, metric.timestamp_ms)
    if metric.datatype:
        _put_varint(out, 4, metric.datatype)
    if metric.value is None:
        _put_varint(out, 7, 1)
    if metric.quality >= 0 or metric.unit:
        _put_bytes(out, 9, _properties(metric))
    kind = metric.datatype or metric.kind
    match metric.value:
        case None:
            pass
        case bool():
            _put_varint(out, 14, int(metric.value))
        case str():
            _put_bytes(out, 15, metric.value.encode())
        case int() if kind in {INT64, UINT64}:
            _put_varint(out, 11, metric.value & 0xFFFF_FFFF_FFFF_FFFF)
        case _:
            out += bytes((13 << 3 | FIXED64,)) + struct.pack("<d", metric.value)
    return bytes(out)


def _properties(metric: Metric) -> bytes:
    """Write the property set: as many values as keys, in the same order."""
    keys, values = bytearray(), bytearray()
    if metric.unit:
        _put_bytes(keys, 1, UNIT.encode())
        one = bytearray()
        _put_varint(one, 1, STRING)
        _put_bytes(one, 8, metric.unit.encode())
        _put_bytes(values, 2, bytes(one))
    if metric.quality >= 0:
        _put_bytes(keys, 1, QUALITY.encode())
        one = bytearray()
        _put_varint(one, 1, INT32)
        _put_varint(one, 3, metric.quality)
        _put_bytes(values, 2, bytes(one))
    return bytes(keys + values)


def _read_metric(data: bytes) -> Metric:
    name, alias, datatype, null = "", 0, 0, False
    value: Value = None
    for number, found in _fields(data):
        match number, found:
            case 1, bytes():
                name = _text(found)
            case 2, int():
                alias = found
            case 4, int():
                datatype = found
            case 7, int():
                null = bool(found)
            case ((10 | 11), int()):
                value = found
            case 12, bytes() if len(found) == 4:
                value = float(struct.unpack("<f", found)[0])
            case 13, bytes() if len(found) == 8:
                value = float(struct.unpack("<d", found)[0])
            case 14, int():
                value = bool(found)
            case 15, bytes():
                value = _text(found)
    return Metric(name, alias, 0, datatype, None if null else value)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(f"a text that is not UTF-8: {error}") from None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Give the fields of a message: number, and an integer or bytes (fixed-width ones as their bytes)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, number = key & 7, key >> 3
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in {FIXED64, FIXED32}:
            size = 8 if kind == FIXED64 else 4
        else:
            raise PayloadError(f"wire type {kind} at byte {at}")
        if size > len(data) - at:
            raise PayloadError(f"cut off at byte {at}")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise PayloadError("cut off within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise PayloadError("a number of more than ten bytes")


def _put_varint(out: bytearray, number: int, value: int) -> None:
    _varint_bytes(out, number << 3 | VARINT)
    _varint_bytes(out, value)


def _put_bytes(out: bytearray, number: int, data: bytes) -> None:
    _varint_bytes(out, number << 3 | BYTES)
    _varint_bytes(out, len(data))
    out += data


def _varint_bytes(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
