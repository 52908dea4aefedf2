# SPDX-License-Identifier: Apache-2.0
"""The body of a batch, written: what ``telemetry.codec`` reads.

The rule it keeps: the encoder may remember what batches have in common, to be quick and to write it alike; what it
remembers never changes what a batch says.
"""

from collections.abc import Sequence
from math import nan
from typing import Final, NamedTuple

import msgspec
import numpy as np

from telemetry.codec import HEAD, OTHER, READING, RECORDS_MAX, SAMPLE, TICK
from telemetry.columns import UNKNOWN, Floats, Groups, Shape, encode_floats
from telemetry.ints import Ints, encode_ints, varint
from telemetry.records import AnyRecord, Reading, Sample, Tick

_KIND: Final[dict[type, int]] = {Reading: READING, Sample: SAMPLE, Tick: TICK}
_REMEMBERED: Final = 2_048
_encoder = msgspec.msgpack.Encoder()


class _Column(NamedTuple):
    """A column of names: their numbers, as bytes, all names known after it, and a number for that state."""

    numbers: Ints
    data: bytes
    names: tuple[str, ...]
    state: int
    groups: Groups


class BodyEncoder:
    """Encodes bodies for one log. Not for use from two threads at once."""

    def __init__(self) -> None:
        self._columns: dict[tuple[int, tuple[str, ...]], _Column] = {}
        self._repeated: dict[bytes, bytes] = {}
        self._shapes: dict[tuple[str, int, bytes], Shape] = {}

    def forget(self) -> None:
        """Look at every series anew: its base, its decimals, its bits. Worth it just before a new dictionary."""
        self._shapes.clear()

    def encode(self, records: Sequence[AnyRecord]) -> bytes:
        """Encode at most RECORDS_MAX records; ValueError if there are more or a number does not fit 64 bits."""
        if len(records) > RECORDS_MAX:
            raise ValueError(f"{len(records)} records in one batch; close the group at {RECORDS_MAX}")
        self._stay_small()
        kinds = [_KIND.get(type(record), OTHER) for record in records]
        readings = [record for record in records if type(record) is Reading]
        samples = [record for record in records if type(record) is Sample]
        ticks = [record for record in records if type(record) is Tick]
        others = [record for record in records if type(record) not in _KIND] if OTHER in kinds else []
        kind_bytes = self._kinds(bytes(kinds))
        names: tuple[str, ...] = ()
        state = 0
        reading_bytes = sample_bytes = b""
        shared: tuple[Ints, Ints, Floats] | None = None
        if readings:
            reading_bytes, shared, names, state = self._readings(readings)
        if samples:
            sample_bytes, names = self._samples(samples, shared, names, state)
        tick_bytes = _encode_ticks(ticks) if ticks else b""
        other_bytes = _encoder.encode(others) if others else b""
        name_bytes = _encoder.encode(names)
        counts = (len(name_bytes), len(kind_bytes), len(readings), len(reading_bytes), len(samples))
        head = HEAD.pack(*counts, len(sample_bytes), len(ticks), len(tick_bytes), len(other_bytes))
        return b"".join((head, name_bytes, kind_bytes, reading_bytes, sample_bytes, tick_bytes, other_bytes))

    def _readings(self, readings: list[Reading]) -> tuple[bytes, tuple[Ints, Ints, Floats], tuple[str, ...], int]:
        series = self._names((), 0, [record.series for record in readings])
        device = self._names(series.names, series.state, [record.device for record in readings])
        unit = self._names(device.names, device.state, [record.unit for record in readings])
        mono = np.array([record.mono_ms for record in readings], np.int64)
        raw = np.array([record.raw for record in readings], np.float64)
        quality = self._ints([record.quality for record in readings])
        floats = self._floats("raw", series, b"", raw, series.groups)
        out = b"".join((series.data, encode_ints(mono), floats, device.data, unit.data, quality))
        return out, (series.numbers, mono, raw), unit.names, unit.state

    def _samples(
        self, samples: list[Sample], shared: tuple[Ints, Ints, Floats] | None, names: tuple[str, ...], state: int
    ) -> tuple[bytes, tuple[str, ...]]:
        series = self._names(names, state, [record.series for record in samples])
        calibration = self._names(series.names, series.state, [record.calibration for record in samples])
        mono = np.array([record.mono_ms for record in samples], np.int64)
        raw = np.array([record.raw for record in samples], np.float64)
        value = np.array([record.value for record in samples], np.float64)
        uncertainty = np.array([record.uncertainty for record in samples], np.float64)
        raw_bits = raw.view(np.int64)
        beside = (
            shared is not None
            and np.array_equal(shared[0], series.numbers)
            and np.array_equal(shared[1], mono)
            and np.array_equal(shared[2].view(np.int64), raw_bits)
        )
        out = [b"\x01" if beside else b"\x00"]
        if not beside:
            out += [series.data, encode_ints(mono), self._floats("raw", series, b"", raw, series.groups)]
        other = np.flatnonzero(raw_bits != value.view(np.int64))
        out += [varint(len(other)), encode_ints(other)]
        if len(other):
            key = other.tobytes()
            out.append(self._floats("value", series, key, value[other], Groups(series.numbers[other])))
        out += [self._ints([record.quality for record in samples]), calibration.data]
        out.append(self._floats("uncertainty", series, b"", uncertainty, series.groups))
        return b"".join(out), calibration.names

    def _names(self, names: tuple[str, ...], state: int, words: list[str]) -> _Column:
        """Give the numbers of words; new words are added to the names."""
        key = (state, tuple(words))
        known = self._columns.get(key)
        if known is None:
            index = {name: at for at, name in enumerate(names)}
            numbers = np.array([index.setdefault(word, len(index)) for word in words], np.int64)
            known = _Column(numbers, encode_ints(numbers), tuple(index), len(self._columns) + 1, Groups(numbers))
            self._columns[key] = known
        return known

    def _ints(self, numbers: list[int]) -> bytes:
        """Encode a column that seldom changes."""
        column = np.array(numbers, np.int64)
        key = column.tobytes()
        if key not in self._repeated:
            self._repeated[key] = encode_ints(column)
        return self._repeated[key]

    def _kinds(self, kinds: bytes) -> bytes:
        """Write which kind of record stands where, as runs."""
        key = b"kinds" + kinds
        if key not in self._repeated:
            self._repeated[key] = _encode_runs(np.frombuffer(kinds, np.uint8).astype(np.int64))
        return self._repeated[key]

    def _floats(self, column: str, series: _Column, rows: bytes, values: Floats, groups: Groups) -> bytes:
        key = (column, series.state, rows)
        shape = self._shapes.get(key)
        if shape is None:
            count = len(groups)
            shape = Shape(np.zeros(count, np.int64), np.full(count, nan), np.full(count, UNKNOWN))
            self._shapes[key] = shape
        return encode_floats(values, groups, shape)

    def _stay_small(self) -> None:
        """Forget everything when too much was remembered: a farm that names things anew in every batch."""
        if len(self._columns) + len(self._repeated) + len(self._shapes) > _REMEMBERED:
            self._columns.clear()
            self._repeated.clear()
            self._shapes.clear()


def _encode_runs(kinds: Ints) -> bytes:
    """Write which kind of record stands where, as runs."""
    if not len(kinds):
        return b""
    edges = np.flatnonzero(np.diff(kinds)) + 1
    starts = np.concatenate((np.zeros(1, np.int64), edges))
    lengths = np.diff(np.concatenate((starts, np.array([len(kinds)]))))
    return varint(len(starts)) + encode_ints(kinds[starts]) + encode_ints(lengths)


def _encode_ticks(ticks: list[Tick]) -> bytes:
    mono = np.array([tick.mono_ms for tick in ticks], np.int64)
    return b"".join(
        (
            encode_ints(np.array([tick.number for tick in ticks], np.int64)),
            encode_ints(mono),
            encode_ints(np.array([tick.wall_ms for tick in ticks], np.int64) - mono),
            encode_ints(np.array([tick.clock_ok for tick in ticks], np.int64)),
            encode_ints(np.array([tick.late_us for tick in ticks], np.int64)),
        )
    )
