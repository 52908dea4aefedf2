# SPDX-License-Identifier: Apache-2.0
"""Reading what was sealed: parts, day chunks, roll-ups and the journal of one edge in one file.

The rule it keeps: a blob that is damaged is named and left out; the rest is given.
"""

import sqlite3
from collections.abc import Callable, Iterator

import numpy as np
import zstandard

from telemetry.chunks import ChunkError, Rollup, Stretch, decode_rollup, decode_stretch, roll_up
from telemetry.codec import Others
from telemetry.records import UNUSABLE
from telemetry.sealing import DAY_MS, LEVELS, chunk_key, combine, read_journal, rollup_key


class Archive:
    """The sealed part of a log, through a connection that somebody else opened."""

    def __init__(self, connection: sqlite3.Connection, source: int, damaged: Callable[[str, str], None]) -> None:
        """Take the connection, the edge's number in the file, and whom to tell of damage (where, why)."""
        self._connection = connection
        self._source = source
        self._damaged = damaged
        self._ids: dict[str, int] = {}

    def names(self) -> list[str]:
        """Name the series that were sealed."""
        rows = self._connection.execute("SELECT series FROM name WHERE source=?", (self._source,))
        return [name for (name,) in rows]

    def stretches(self, series: str, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        """Give the sealed stretches of a series that touch a time."""
        yield from self._decode("chunk", self._chunks(series, from_ms, to_ms))
        yield from self.parts(series, from_ms, to_ms)

    def parts(self, series: str, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        """Give of these only the stretches that are not merged into days yet."""
        number = self._id(series)
        if number is None:
            return
        rows = self._connection.execute(
            "SELECT row, data FROM part WHERE series=? AND first_ms<? AND last_ms>=?", (number, to_ms, from_ms)
        ).fetchall()
        yield from self._decode("part", rows)

    def rollup(self, series: str, level: int, from_ms: int, to_ms: int) -> Rollup:
        """Give the roll-up of a level from the merged days that touch a time."""
        none = np.empty(0, np.int64)
        found = Rollup(none, none, np.empty(0), np.empty(0), np.empty(0))
        number = self._id(series)
        if number is None or to_ms <= from_ms:
            return found
        bucket_ms, span = LEVELS[level]
        pieces: list[Rollup] = []
        if level == 0:  # not kept: the day's samples say it
            days = self._decode("chunk", self._chunks(series, from_ms, to_ms))
            pieces += [roll_up(day, bucket_ms, int(UNUSABLE)) for day in days]
        else:
            keys = [rollup_key(number, level, day) for day in self._days("rollup", from_ms, to_ms, span)]
            for key, data in self._rows("rollup", keys):
                try:
                    pieces.append(decode_rollup(data))
                except ChunkError as error:
                    self._damaged(f"rollup {bucket_ms} {key}", str(error))
        if not pieces:
            return found
        columns = zip(*((each.wall_ms, each.count, each.low, each.high, each.total) for each in pieces), strict=True)
        wall, count, low, high, total = (np.concatenate(column) for column in columns)
        return combine(found, Rollup(wall, count, low, high, total))

    def journal(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, Others]]:
        """Give the sealed decisions, commands, acks and events of rows that touch a time."""
        rows = self._connection.execute(
            "SELECT row, data FROM journal WHERE source=? AND first_ms<? AND last_ms>=? ORDER BY row",
            (self._source, to_ms, from_ms),
        ).fetchall()
        for row, data in rows:
            try:
                yield from read_journal(data)
            except (ChunkError, zstandard.ZstdError) as error:
                self._damaged(f"journal {row}", str(error))

    def check(self) -> None:
        """Open every sealed blob and tell of the damaged ones."""
        for table, key, decode in (
            ("chunk", "key", decode_stretch),
            ("part", "row", decode_stretch),
            ("rollup", "key", decode_rollup),
            ("journal", "row", read_journal),
        ):
            for number, data in self._connection.execute(f"SELECT {key}, data FROM {table}"):  # noqa: S608 - own names
                try:
                    decode(data)
                except ChunkError as error:
                    self._damaged(f"{table} {number}", str(error))

    def _days(self, table: str, from_ms: int, to_ms: int, span: int) -> range:
        """Give every ``span``-th day of a time, as far as the table holds any."""
        # Two questions in one: a min and a max side by side would walk through the whole table.
        query = f"SELECT (SELECT min(key) FROM {table}) >> 32, (SELECT max(key) FROM {table}) >> 32"  # noqa: S608
        low, high = self._connection.execute(query).fetchone()
        if low is None:
            return range(0)
        # In the table of roll-ups the key's day is a number of spans; levels differ, so the widest bound is taken.
        last = (high + 1) * LEVELS[2][1] if table == "rollup" else high
        first = max(0, from_ms // DAY_MS // span * span)
        return range(max(first, low if table == "chunk" else 0), min(last, to_ms // DAY_MS) + 1, span)

    def _rows(self, table: str, keys: list[int]) -> list[tuple[int, bytes]]:
        """Give the rows of these keys that there are."""
        query = f"SELECT key, data FROM {table} WHERE key=?"  # noqa: S608 - one of our own two names
        found = (self._connection.execute(query, (key,)).fetchone() for key in keys)
        return [row for row in found if row]

    def _chunks(self, series: str, from_ms: int, to_ms: int) -> list[tuple[int, bytes]]:
        number = self._id(series)
        if number is None or to_ms <= from_ms:
            return []
        return self._rows("chunk", [chunk_key(number, day) for day in self._days("chunk", from_ms, to_ms, 1)])

    def _decode(self, table: str, rows: list[tuple[int, bytes]]) -> Iterator[Stretch]:
        for number, data in rows:
            try:
                yield decode_stretch(data)
            except ChunkError as error:
                self._damaged(f"{table} {number}", str(error))

    def _id(self, series: str) -> int | None:
        if series not in self._ids:
            row = self._connection.execute(
                "SELECT id FROM name WHERE source=? AND series=?", (self._source, series)
            ).fetchone()
            if row is None:
                return None
            self._ids[series] = int(row[0])
        return self._ids[series]
