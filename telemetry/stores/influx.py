# SPDX-License-Identifier: Apache-2.0
"""The store on InfluxDB: writes by ``/api/v2/write`` through influxdb-client, reads by InfluxQL over ``/query``.

The rule it keeps: both are served by InfluxDB 1.8 and later, 2.x (with its DBRP mapping) and 3.x, and by 1.6 behind
the rewrite in deploy/influxdb; an answer of 204 is not believed, the mark is read back.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import nan
from typing import Any, Final

import msgspec
import numpy as np
import urllib3
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from telemetry.codec import Others
from telemetry.envelope import EDGE_PATTERN, Batch
from telemetry.history import Points, Seen, Stored
from telemetry.ports import Mark, StoreError, StoreRefusedError
from telemetry.records import SERIES_PATTERN, Sample
from telemetry.stores.http_client import HttpClient
from telemetry.stores.line_protocol import (
    FIRST,
    JOURNAL,
    MARK,
    join_series,
    mark_line,
    other_lines,
    sample_text,
    split_series,
)

MARK_HOURS: Final = 2
BODY_BYTES: Final = 700_000
# Requests under way at once. While InfluxDB tidies up, one alone gets a fraction of its server's processors and what
# comes meanwhile gathers behind it; several get a larger one.
WRITERS: Final = 3
REFUSALS: Final = (400, 413, 422)
_records = msgspec.json.Decoder(Others)


class InfluxStore:
    """A database of an InfluxDB server."""

    settle_s = 0.0

    def __init__(
        self,
        url: str,
        bucket: str,
        *,
        org: str = "-",
        token: str = "",
        query_url: str = "",
        every_tag: bool = False,
    ) -> None:
        """Take the server's address, ``database`` or ``database/policy``, and a token where the server wants one.

        ``every_tag`` is for InfluxDB 3, whose tables take no tag that their first line did not have.
        """
        self._every_tag = every_tag
        database, _, policy = bucket.partition("/")
        self._bucket = bucket
        self._org = org
        self._database = {"db": database} | ({"rp": policy} if policy else {})
        self._client = InfluxDBClient(url, token or "-", org=org, timeout=20_000, enable_gzip=False)
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="influx")
        headers = {"Authorization": f"Token {token}"} if token else None
        self._http = HttpClient(query_url or url, headers)

    async def prepare(self) -> None:
        """Make the database if the server is a 1.x that lets us; others have it made by their operator."""
        await asyncio.to_thread(self._http.post, "/query", {"q": f'CREATE DATABASE "{self._database["db"]}"'})

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Write batches and their mark (see Store); the mark goes last."""
        await asyncio.to_thread(self._write, batches, mark)

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Read back a worker's marks (see Store)."""
        query = f"SELECT number FROM {MARK} WHERE worker='{_name(worker)}'"  # noqa: S608 - a checked name
        tables = await self._query(f"{query} AND number >= {int(least)} AND time > now() - {MARK_HOURS}h")
        return [int(row[1]) for row in tables[0]["values"]] if tables else []

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give the newest sample of each series (see Store)."""
        query = (
            f"SELECT v, q, r FROM /^[a-z]+/ WHERE edge='{_name(edge)}' AND place != ''"  # noqa: S608 - a checked name
            " GROUP BY place, n ORDER BY time DESC LIMIT 1"
        )
        tables = await self._query(query)
        found: dict[str, Seen] = {}
        for table in tables:
            series = join_series(table["tags"]["place"], table["name"], table["tags"].get("n", "").removeprefix(FIRST))
            time_ns, value, quality, raw = table["values"][0]
            value = nan if value is None else float(value)
            sample = Sample(series, 0, value if raw is None else float(raw), value, int(quality or 0))
            found[series] = Seen(sample, time_ns // 1_000_000)
        return found

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give a stretch of a series (see Store)."""
        place, quantity, index = split_series(_series(series))
        index = index or (FIRST if self._every_tag else "")
        query = f"SELECT v, q FROM \"{quantity}\" WHERE edge='{_name(edge)}'"  # noqa: S608 - checked names
        query += f" AND place='{place}' AND n='{index}' AND {_between(from_wall_ms, to_wall_ms)}"
        tables = await self._query(query)
        rows = tables[0]["values"] if tables else []
        wall = np.array([row[0] // 1_000_000 for row in rows], np.int64)
        value = np.array([nan if row[1] is None else row[1] for row in rows], np.float64)
        return Points(wall, value, np.array([row[2] or 0 for row in rows], np.int64))

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give decisions, commands, acks and events (see Store)."""
        query = f"SELECT record FROM {JOURNAL} WHERE edge='{_name(edge)}'"  # noqa: S608 - a checked name
        tables = await self._query(f"{query} AND {_between(from_wall_ms, to_wall_ms)}")
        rows = tables[0]["values"] if tables else []
        return [Stored(row[0] // 1_000_000, _records.decode(row[1])) for row in rows]

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._writers.shutdown)
        await asyncio.to_thread(self._client.close)
        self._http.close()

    def _write(self, batches: Sequence[Batch], mark: Mark) -> None:
        last = f"{mark_line(mark, time.time_ns())}\n".encode()
        bodies = _bodies([self._text(batch) for batch in batches])
        if len(bodies) == 1:
            last, bodies = bodies[0] + last, []
        try:
            list(self._writers.map(self._send, bodies))  # raises what the first of them raised
            self._send(last)
        except (ApiException, InfluxDBError, urllib3.exceptions.HTTPError, OSError) as error:
            refused = isinstance(error, ApiException) and error.status in REFUSALS
            kind = StoreRefusedError if refused else StoreError
            raise kind(f"InfluxDB did not take {len(batches)} batches: {error}") from error

    def _send(self, body: bytes) -> None:
        self._writer.write(self._bucket, self._org, body)

    def _text(self, batch: Batch) -> bytes:
        others = "".join(f"{line}\n" for line in other_lines(batch)).encode()
        return sample_text(batch, every_tag=self._every_tag) + others

    async def _query(self, text: str) -> list[Mapping[str, Any]]:
        """Ask in InfluxQL; give the tables of the one statement. StoreError when the server complains."""
        data = await asyncio.to_thread(self._http.get, "/query", {**self._database, "q": text, "epoch": "ns"})
        try:
            (result,) = msgspec.json.decode(data)["results"]
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"InfluxDB answered what is no result: {data[:200]!r}") from error
        if "error" in result:
            raise StoreError(f"InfluxDB: {result['error']}")
        tables: list[Mapping[str, Any]] = result.get("series", [])
        return tables


def _bodies(texts: Sequence[bytes]) -> list[bytes]:
    """Put texts together to bodies of requests, about alike in size and none much larger than BODY_BYTES."""
    total = sum(map(len, texts))
    parts = max(1, -(-total // BODY_BYTES))
    bodies: list[list[bytes]] = [[] for _ in range(parts)]
    size = 0
    for text in texts:
        bodies[min(parts - 1, size * parts // max(1, total))].append(text)
        size += len(text)
    return [b"".join(body) for body in bodies if body]


def _between(from_wall_ms: int, to_wall_ms: int) -> str:
    return f"time >= {int(from_wall_ms) * 1_000_000} AND time < {int(to_wall_ms) * 1_000_000}"


def _name(name: str) -> str:
    if not EDGE_PATTERN.fullmatch(name):
        raise ValueError(f"bad name {name!r}")
    return name


def _series(series: str) -> str:
    if not SERIES_PATTERN.fullmatch(series):
        raise ValueError(f"bad series name {series!r}")
    return series
