# SPDX-License-Identifier: Apache-2.0
"""The store on VictoriaMetrics: its import and export interfaces; what is no number goes to a companion.

The rule it keeps: VictoriaMetrics has no write-ahead log and answers before it is safe, so an acknowledgement
waits ``settle_s`` and reads the mark back after that; it silently drops samples of the far future, so the hub
refuses those before. Run it with ``-dedup.minScrapeInterval=1ms``, else a resent batch is counted twice.
"""

import asyncio
import functools
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import nan
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.codec import Samples
from telemetry.columns import Floats, groups_of
from telemetry.envelope import EDGE_PATTERN, Batch
from telemetry.history import Points, Seen, Stored
from telemetry.ints import Ints
from telemetry.ports import KeepsDictionaries, Mark, Store, StoreError
from telemetry.records import SERIES_PATTERN, Sample
from telemetry.stores.http_client import HttpClient
from telemetry.stores.line_protocol import MARK, join_series, split_series

SETTLE_S: Final = 60.0
MARK_MS: Final = 7_200_000
LATEST_MS: Final = 3_600_000


# When, and on which timeline of the edge's clock.
_At = tuple[int, str]


class _Exported(msgspec.Struct):
    """One line of the export: a metric with its values and times (ms)."""

    metric: dict[str, str]
    values: list[float | None]
    timestamps: list[int]


_exported = msgspec.json.Decoder(_Exported)
_json = msgspec.json.Encoder()
_TIMES, _END = b',"timestamps":', b"}\n"


class VictoriaStore:
    """A VictoriaMetrics server, and a store for the records that are not numbers."""

    def __init__(self, url: str, journal: Store, *, settle_s: float = SETTLE_S) -> None:
        """Take the server's address and the companion, which gets the batches that hold decisions or events."""
        self.settle_s = settle_s
        self._http = HttpClient(url)
        self._writer = HttpClient(url)
        self._journal = journal

    def learn(self, number: int, data: bytes) -> None:
        """Hand a dictionary to the companion, which keeps batches as they came."""
        if isinstance(self._journal, KeepsDictionaries):
            self._journal.learn(number, data)

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Write batches and their mark (see Store)."""
        if told := [batch for batch in batches if batch.others()]:
            await self._journal.write(told, mark)
        await asyncio.to_thread(self._write, batches, mark)

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Read back a worker's marks (see Store)."""
        now_ms = time.time_ns() // 1_000_000
        selector = f'{MARK}_number{{worker="{_name(worker)}"}}'
        series = await self._export(selector, now_ms - MARK_MS, now_ms + MARK_MS)
        numbers = [int(number) for each in series for number in each.values if number is not None]
        return sorted(number for number in numbers if number >= least)

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give the newest sample of each series of the last hour (see Store)."""
        now_ms = time.time_ns() // 1_000_000
        found: dict[str, Seen] = {}
        for series, points in (
            await self._points(f'edge="{_name(edge)}"', now_ms - LATEST_MS, now_ms + LATEST_MS)
        ).items():
            value = float(points.value[-1])
            sample = Sample(series, 0, value, value, int(points.quality[-1]))
            found[series] = Seen(sample, int(points.wall_ms[-1]))
        return found

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give a stretch of a series (see Store)."""
        if not SERIES_PATTERN.fullmatch(series):
            raise ValueError(f"bad series name {series!r}")
        place, quantity, index = split_series(series)
        labels = f'edge="{_name(edge)}",place="{place}",n="{index}",__name__=~"{quantity}_[vq]"'
        found = await self._points(labels, from_wall_ms, to_wall_ms - 1)
        return found.get(series) or Points(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give decisions, commands, acks and events (see Store) from the companion."""
        return await self._journal.others(edge, from_wall_ms, to_wall_ms)

    async def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._writer.close()
        await self._journal.close()

    def _write(self, batches: Sequence[Batch], mark: Mark) -> None:
        lines = [*map(import_lines, batches), _mark_line(mark, time.time_ns() // 1_000_000)]
        self._writer.post("/api/v1/import", {}, b"".join(lines))

    async def _points(self, labels: str, from_ms: int, to_ms: int) -> dict[str, Points]:
        """Put values and quality of each series together by their times."""
        values: dict[str, dict[_At, float]] = {}
        qualities: dict[str, dict[_At, int]] = {}
        for each in await self._export(f"{{{labels}}}", from_ms, to_ms):
            name, _, field = each.metric["__name__"].rpartition("_")
            series = join_series(each.metric.get("place", ""), name, each.metric.get("n", ""))
            times = [(at, each.metric.get("t", "")) for at in each.timestamps]
            rows = zip(times, each.values, strict=True)
            if field == "v":
                values.setdefault(series, {}).update((at, nan if value is None else value) for at, value in rows)
            elif field == "q":
                qualities.setdefault(series, {}).update((at, int(value or 0)) for at, value in rows)
        found: dict[str, Points] = {}
        for series in values.keys() | qualities.keys():
            value, quality = values.get(series, {}), qualities.get(series, {})
            times = sorted(value.keys() | quality.keys())
            found[series] = Points(
                np.array([at for at, _ in times], np.int64),
                np.array([value.get(at, nan) for at in times], np.float64),
                np.array([quality.get(at, 0) for at in times], np.int64),
            )
        return found

    async def _export(self, selector: str, from_ms: int, to_ms: int) -> list[_Exported]:
        query = {"match[]": selector, "start": f"{from_ms / 1000:.3f}", "end": f"{to_ms / 1000:.3f}"}
        data = await asyncio.to_thread(self._http.get, "/api/v1/export", query)
        return list(_read_export(data))


def import_lines(batch: Batch) -> bytes:
    """Write a batch's samples as lines of the import interface: a line a series and field, as columns.

    ``quantity_v`` has the values, ``quantity_q`` the quality bits that are not 0, ``quantity_r`` the raw signals that
    differ. VictoriaMetrics keeps whole milliseconds, so after a clock was set the samples get a label ``t``.
    """
    header, samples = batch.header, batch.samples()
    n = len(samples.value)
    if n == 0:
        return b""
    labels = f'","edge":"{header.edge}"'
    if header.timeline:
        labels += f',"t":"{header.epoch}-{header.timeline}"'
    groups = groups_of(samples.layout, n)
    wall_ms = (samples.mono_ms + header.offset_ms)[groups.order]
    names = [_around_labels(samples.names[index]) for index in samples.series[groups.order[groups.first]].tolist()]
    pieces: list[bytes] = []
    for field, column, there in _fields(samples):
        rows, times, which = groups.order, wall_ms, groups.which
        if there is not None:
            kept = there[rows]
            rows, times, which = rows[kept], times[kept], which[kept]
        bounds = np.searchsorted(which, np.arange(len(groups) + 1)).tolist()
        texts = _times(times, groups.rows_each if there is None else 0, bounds)
        values = column[rows].tolist()
        middle = f"{field}{labels}".encode()
        for (before, after), low, high, text in zip(names, bounds, bounds[1:], texts, strict=False):
            if low < high:
                pieces += (before, middle, after, _json.encode(values[low:high]), text)
    return b"".join(pieces)


def _fields(samples: Samples) -> list[tuple[str, Floats | Ints, NDArray[np.bool_] | None]]:
    """Give the fields of samples: their ending, their column, and which rows are written (None: all)."""
    if samples.extent.plain:
        return [("_v", samples.value, None)]
    finite = np.isfinite(samples.value)
    fields: list[tuple[str, Floats | Ints, NDArray[np.bool_] | None]] = [("_v", samples.value, finite)]
    if (odd := (samples.quality != 0) | ~finite).any():
        fields.append(("_q", samples.quality, odd))
    if (odd := np.isfinite(samples.raw) & (samples.raw != samples.value)).any():
        fields.append(("_r", samples.raw, odd))
    return fields


def _times(wall_ms: Ints, each: int, bounds: list[int]) -> list[bytes]:
    """Write the times of each series to the end of its line; once for all where all were sampled together."""
    if each and (wall_ms.reshape(-1, each) == wall_ms[:each]).all():
        return [_TIMES + _json.encode(wall_ms[:each].tolist()) + _END] * (len(bounds) - 1)
    times = wall_ms.tolist()
    return [_TIMES + _json.encode(times[low:high]) + _END for low, high in pairwise(bounds)]


@functools.lru_cache(maxsize=65_536)
def _around_labels(series: str) -> tuple[bytes, bytes]:
    """Give what stands before the field's and after the edge's name in the lines of a series."""
    place, quantity, index = split_series(series)
    labels = {"place": place} | ({"n": index} if index else {})
    name = _json.encode(quantity)[:-1]
    return b'{"metric":{"__name__":' + name, b"," + _json.encode(labels)[1:-1] + b'},"values":'


def _mark_line(mark: Mark, wall_ms: int) -> bytes:
    metric = {"__name__": f"{MARK}_number", "worker": mark.worker}
    return _json.encode({"metric": metric, "values": [mark.number], "timestamps": [wall_ms]}) + b"\n"


def _read_export(data: bytes) -> Iterator[_Exported]:
    for line in data.splitlines():
        try:
            yield _exported.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StoreError(f"VictoriaMetrics answered what is no export: {line[:200]!r}") from error


def _name(name: str) -> str:
    if not EDGE_PATTERN.fullmatch(name):
        raise ValueError(f"bad name {name!r}")
    return name
