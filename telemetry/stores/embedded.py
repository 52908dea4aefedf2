# SPDX-License-Identifier: Apache-2.0
"""The embedded store: one SQLite file with the very batches that came, read by the code that reads an edge's log.

The rule it keeps: a batch is kept once by its key (edge, epoch, nonce, seq), and ``write`` returns after the disk
has it; so an acknowledgement need not wait any longer.
"""

import asyncio
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from telemetry.envelope import Batch, EnvelopeError
from telemetry.history import LogReader, Points, Seen, Stored
from telemetry.ports import Mark, StoreError
from telemetry.rows import Disk, DiskError, RealDisk, open_for_writing

_Answer = TypeVar("_Answer")
READERS_MAX: Final = 64
# More than an hour of groups; a worker writes at most some 50 a second and then merges them.
MARKS_KEPT: Final = 200_000
_MARK: Final = "CREATE TABLE IF NOT EXISTS mark(worker TEXT, number INTEGER, PRIMARY KEY(worker, number)) WITHOUT ROWID"
_KEY: Final = "CREATE UNIQUE INDEX IF NOT EXISTS batch_key ON batch(source, epoch, nonce, seq)"
_TIME: Final = "CREATE INDEX IF NOT EXISTS batch_time ON batch(source, last_ms, first_ms)"


class EmbeddedStore:
    """A store in one file, for a cooperative without a database server."""

    settle_s = 0.0

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        """Open or make the file. DiskError if it cannot be used."""
        self._path = path
        self._disk = disk or RealDisk()
        self._lock = threading.Lock()
        self._connection = open_for_writing(self._disk, path)
        try:
            self._connection.execute(_MARK)
            self._connection.execute(_KEY)
            self._connection.execute(_TIME)
        except sqlite3.Error as error:
            raise DiskError(
                "{path}: {seen}; check that the disk is writable and not full", path=str(path), seen=str(error)
            ) from error
        self._sources: dict[str, int] = dict(self._connection.execute("SELECT edge, id FROM source").fetchall())
        self._readers: OrderedDict[str, LogReader] = OrderedDict()

    def learn(self, number: int, data: bytes) -> None:
        """Keep a dictionary beside the batches that need it. StoreError if the disk refuses."""
        try:
            with self._lock:
                self._connection.execute("INSERT OR IGNORE INTO dictionary VALUES(?, ?, ?, 0)", (number, data, data))
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Write batches and their mark (see Store)."""
        await asyncio.to_thread(self._write, batches, mark)

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Read back a worker's marks (see Store)."""

        def read() -> list[int]:
            rows = self._connection.execute("SELECT number FROM mark WHERE worker=? AND number>=?", (worker, least))
            return [number for (number,) in rows]

        return await asyncio.to_thread(self._locked, read)

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give the newest sample of each series (see Store)."""
        return await asyncio.to_thread(self._locked, lambda: self._reader(edge).latest()) if self._knows(edge) else {}

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give a stretch of a series (see Store)."""
        if not self._knows(edge):
            return Points(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
        return await asyncio.to_thread(self._locked, lambda: self._reader(edge).range(series, from_wall_ms, to_wall_ms))

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give decisions, commands, acks and events (see Store)."""
        if not self._knows(edge):
            return []
        return await asyncio.to_thread(self._locked, lambda: self._reader(edge).others(from_wall_ms, to_wall_ms))

    async def close(self) -> None:
        """Close the file."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()
            self._connection.close()

    def _knows(self, edge: str) -> bool:
        return edge in self._sources

    def _locked(self, read: Callable[[], _Answer]) -> _Answer:
        with self._lock:
            return read()

    def _reader(self, edge: str) -> LogReader:
        if edge not in self._readers:
            self._readers[edge] = LogReader(self._path, self._disk, source=self._sources[edge])
            while len(self._readers) > READERS_MAX:
                self._readers.popitem(last=False)[1].close()
        self._readers.move_to_end(edge)
        return self._readers[edge]

    def _write(self, batches: Sequence[Batch], mark: Mark) -> None:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                rows = [(self._source(batch.header.edge), *_row(batch)) for batch in batches]
                self._connection.executemany(
                    "INSERT OR IGNORE INTO batch(source, epoch, nonce, seq, first_ms, last_ms, data)"
                    " VALUES(?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                self._connection.execute("INSERT OR REPLACE INTO mark VALUES(?, ?)", mark)
                self._connection.execute(
                    "DELETE FROM mark WHERE worker=? AND number<?", (mark.worker, mark.number - MARKS_KEPT)
                )
                self._connection.execute("COMMIT")
            except (sqlite3.Error, EnvelopeError) as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._sources = dict(self._connection.execute("SELECT edge, id FROM source").fetchall())
                raise StoreError(f"{self._path}: {error}; check that the disk is writable and not full") from error

    def _source(self, edge: str) -> int:
        """Give an edge its number; 0 stays free, it is the edge's own log."""
        if edge not in self._sources:
            number = max(self._sources.values(), default=0) + 1
            self._connection.execute("INSERT INTO source VALUES(?, ?)", (number, edge))
            self._sources[edge] = number
        return self._sources[edge]


def _row(batch: Batch) -> tuple[int, int, int, int, int, bytes]:
    header = batch.header
    times = [*batch.samples().mono_ms.tolist(), *(other.mono_ms for other in batch.others())] or [header.mono_ms]
    first, last = min(times) + header.offset_ms, max(times) + header.offset_ms
    return header.epoch, header.nonce, header.seq, first, last, batch.data
