# SPDX-License-Identifier: Apache-2.0
"""The body of a batch, written: what ``telemetry.codec`` reads.

The rule it keeps: the encoder may remember what batches have in common, to be quick and to write it alike; what it
remembers never changes what a batch says.
"""

from collections.abc import Sequence
from math import nan
from typing import Final, NamedTuple, cast

import msgspec
import numpy as np

from telemetry.codec import HEAD, OTHER, READING, RECORDS_MAX, SAMPLE, TICK
from telemetry.columns import UNKNOWN, Floats, Groups, Shape
from telemetry.ints import Ints, encode_ints, varint
from telemetry.records import AnyRecord, Reading, Sample, Tick
from telemetry.steady import SteadyColumn

_KIND: Final[dict[type, int]] = {Reading: READING, Sample: SAMPLE, Tick: TICK}
_REMEMBERED: Final = 2_048
_encoder = msgspec.msgpack.Encoder()


class _Column(NamedTuple):
    """A column of names: their numbers, as bytes, all names known after it, these as bytes, a number for that state."""

    numbers: Ints
    data: bytes
    names: tuple[str, ...]
    table: bytes
    state: int
    groups: Groups


class _Shared(NamedTuple):
    """What samples may have in common with the readings before them: the bytes of series, times and raw signals."""

    series: bytes
    mono: bytes
    raw: bytes


_NO_NAMES: Final = _Column(np.empty(0, np.int64), b"", (), _encoder.encode(()), 0, Groups(np.empty(0, np.int64)))


class BodyEncoder:
    """Encodes bodies for one log. Not for use from two threads at once."""

    def __init__(self) -> None:
        self._columns: dict[tuple[int, tuple[str, ...]], _Column] = {}
        self._repeated: dict[bytes | tuple[int, ...], bytes] = {}
        self._floats: dict[tuple[str, int, bytes], SteadyColumn] = {}

    def forget(self) -> None:
        """Look at every series anew: its base, its decimals, its bits. Worth it just before a new dictionary."""
        self._floats.clear()

    def encode(self, records: Sequence[AnyRecord]) -> bytes:
        """Encode at most RECORDS_MAX records; ValueError if there are more or a number does not fit 64 bits."""
        if len(records) > RECORDS_MAX:
            raise ValueError(f"{len(records)} records in one batch; close the group at {RECORDS_MAX}")
        self._stay_small()
        kinds = bytes([_KIND.get(type(record), OTHER) for record in records])
        piles: tuple[list[AnyRecord], ...] = ([], [], [], [])
        for kind, record in zip(kinds, records, strict=True):
            piles[kind].append(record)
        readings, samples, ticks, others = piles
        kind_bytes = self._kinds(kinds)
        names = _NO_NAMES
        reading_bytes = sample_bytes = b""
        shared: _Shared | None = None
        if readings:
            reading_bytes, shared, names = self._readings(cast("list[Reading]", readings))
        if samples:
            sample_bytes, names = self._samples(cast("list[Sample]", samples), shared, names)
        tick_bytes = _encode_ticks(cast("list[Tick]", ticks)) if ticks else b""
        other_bytes = _encoder.encode(others) if others else b""
        counts = (len(names.table), len(kind_bytes), len(readings), len(reading_bytes), len(samples))
        head = HEAD.pack(*counts, len(sample_bytes), len(ticks), len(tick_bytes), len(other_bytes))
        return b"".join((head, names.table, kind_bytes, reading_bytes, sample_bytes, tick_bytes, other_bytes))

    def _readings(self, readings: list[Reading]) -> tuple[bytes, _Shared, _Column]:
        series = self._names(_NO_NAMES, [record.series for record in readings])
        device = self._names(series, [record.device for record in readings])
        unit = self._names(device, [record.unit for record in readings])
        mono = np.array([record.mono_ms for record in readings], np.int64)
        raw = np.array([record.raw for record in readings], np.float64)
        quality = self._ints([record.quality for record in readings])
        floats = self._float_column("raw", series, raw)
        out = b"".join((series.data, encode_ints(mono), floats, device.data, unit.data, quality))
        return out, _Shared(series.numbers.tobytes(), mono.tobytes(), raw.tobytes()), unit

    def _samples(self, samples: list[Sample], shared: _Shared | None, names: _Column) -> tuple[bytes, _Column]:
        series = self._names(names, [record.series for record in samples])
        calibration = self._names(series, [record.calibration for record in samples])
        mono = np.array([record.mono_ms for record in samples], np.int64)
        raw = np.array([record.raw for record in samples], np.float64)
        value = np.array([record.value for record in samples], np.float64)
        uncertainty = np.array([record.uncertainty for record in samples], np.float64)
        beside = shared == (series.numbers.tobytes(), mono.tobytes(), raw.tobytes())
        out = [b"\x01" if beside else b"\x00"]
        if not beside:
            out += [series.data, encode_ints(mono), self._float_column("raw", series, raw)]
        other = np.flatnonzero(raw.view(np.int64) != value.view(np.int64))
        out += [varint(len(other)), encode_ints(other)]
        if len(other):
            out.append(self._float_column("value", series, value[other], other))
        out += [self._ints([record.quality for record in samples]), calibration.data]
        out.append(self._float_column("uncertainty", series, uncertainty))
        return b"".join(out), calibration

    def _names(self, before: _Column, words: list[str]) -> _Column:
        """Give the numbers of words; new words are added to the names known before."""
        key = (before.state, tuple(words))
        known = self._columns.get(key)
        if known is None:
            index = {name: at for at, name in enumerate(before.names)}
            numbers = np.array([index.setdefault(word, len(index)) for word in words], np.int64)
            names, state = tuple(index), len(self._columns) + 1
            known = _Column(numbers, encode_ints(numbers), names, _encoder.encode(names), state, Groups(numbers))
            self._columns[key] = known
        return known

    def _ints(self, numbers: list[int]) -> bytes:
        """Encode a column that seldom changes."""
        key = tuple(numbers)
        if key not in self._repeated:
            self._repeated[key] = encode_ints(np.array(numbers, np.int64))
        return self._repeated[key]

    def _kinds(self, kinds: bytes) -> bytes:
        """Write which kind of record stands where, as runs."""
        if kinds not in self._repeated:
            self._repeated[kinds] = _encode_runs(np.frombuffer(kinds, np.uint8).astype(np.int64))
        return self._repeated[kinds]

    def _float_column(self, column: str, series: _Column, values: Floats, rows: Ints | None = None) -> bytes:
        """Encode a column of floats, all rows of the series column or only these."""
        key = (column, series.state, b"" if rows is None else rows.tobytes())
        known = self._floats.get(key)
        if known is None:
            groups = series.groups if rows is None else Groups(series.numbers[rows])
            count = len(groups)
            shape = Shape(np.zeros(count, np.int64), np.full(count, nan), np.full(count, UNKNOWN))
            known = self._floats[key] = SteadyColumn(groups, shape)
        return known.encode(values)

    def _stay_small(self) -> None:
        """Forget everything when too much was remembered: a farm that names things anew in every batch."""
        if len(self._columns) + len(self._repeated) + len(self._floats) > _REMEMBERED:
            self._columns.clear()
            self._repeated.clear()
            self._floats.clear()


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
