# SPDX-License-Identifier: Apache-2.0
"""Sealing: what stands row by row in time is written once more series by series, small and quick to read.

The rule it keeps: each hour's rows become parts (one a series), each day's parts become one chunk with roll-ups of
hours and days; a step is one transaction, so that a cut leaves it undone or done; a damaged row is left out and
counted, never guessed.

Roll-ups of minutes are computed from a day's chunk when they are asked for: kept, they took two thirds of the room of
the samples themselves.
"""

import dataclasses
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import zstandard

from telemetry.chunks import (
    ChunkError,
    Rollup,
    Stretch,
    decode_rollup,
    decode_stretch,
    encode_rollup,
    encode_stretch,
    merge,
    roll_up,
)
from telemetry.codec import Others
from telemetry.envelope import Batch, EnvelopeError, Header, Opener
from telemetry.records import UNUSABLE
from telemetry.rows import find_dictionary, sealed_row

DAY_MS: Final = 86_400_000
ROWS_AT_ONCE: Final = 720
PARTS_AT_ONCE: Final = 48  # a series with more parts than two days' worth is merged whatever the time
# A roll-up's bucket and how many days stand in one row; the first is not kept.
LEVELS: Final = ((60_000, 1), (3_600_000, 32), (DAY_MS, 512))
JOURNAL_MAX: Final = 16_000_000

Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]
_journal_decoder = msgspec.msgpack.Decoder(list[tuple[int, Others]])


@dataclass(slots=True)
class Sealed:
    """What a sealing did."""

    rows: int = 0
    points: int = 0
    damaged: int = 0
    days: int = 0


def chunk_key(series: int, day: int) -> int:
    """Give the key of a day's chunk of a series.

    The day stands first: rows are appended in the order of their keys, so that pages are full and none is split.
    """
    return day << 32 | series << 2


def rollup_key(series: int, level: int, day: int) -> int:
    """Give the key of the row that holds a day's roll-up of hours (level 1) or days (level 2)."""
    return (day // LEVELS[level][1]) << 32 | series << 2 | level


def seal(transaction: Transaction, limit: int = ROWS_AT_ONCE) -> Sealed:
    """Seal the next rows, at most ``limit``; call again until ``rows`` is 0."""
    done = Sealed()
    with transaction() as connection:
        opener = Opener(lambda number: find_dictionary(connection, number))
        start = sealed_row(connection)
        rows = connection.execute(
            "SELECT row, source, data FROM batch WHERE row>? ORDER BY row LIMIT ?", (start, limit)
        ).fetchall()
        gathered: dict[tuple[int, str], list[Stretch]] = {}
        others: dict[int, list[tuple[int, Others]]] = {}
        for _, source, data in rows:
            try:
                batch = opener.open(data)
                done.points += _gather(gathered, source, batch)
                offset = batch.header.offset_ms
                others.setdefault(source, []).extend((other.mono_ms + offset, other) for other in batch.others())
            except EnvelopeError:
                done.damaged += 1
        for (source, series), stretches in gathered.items():
            _write_part(connection, _series(connection, source, series), merge(stretches))
        for source, told in others.items():
            if told:
                times = [wall_ms for wall_ms, _ in told]
                row = (source, min(times), max(times), write_journal(told))
                connection.execute("INSERT INTO journal(source, first_ms, last_ms, data) VALUES(?, ?, ?, ?)", row)
        if rows:
            connection.execute("INSERT OR REPLACE INTO meta VALUES('sealed_row', ?)", (rows[-1][0],))
        done.rows = len(rows)
    return done


def merge_days(transaction: Transaction, now_ms: int) -> Sealed:
    """Merge the parts of all days that ended an hour ago or earlier; each series is a transaction of its own."""
    done = Sealed()
    today = (now_ms - 3_600_000) // DAY_MS
    with transaction() as connection:
        due = connection.execute(
            "SELECT series FROM part GROUP BY series HAVING min(first_ms) < ? OR count(*) > ?",
            (today * DAY_MS, PARTS_AT_ONCE),
        ).fetchall()
    for (series,) in due:
        with transaction() as connection:
            _merge_series(connection, series, today, done)
    return done


def write_journal(told: Iterable[tuple[int, Others]]) -> bytes:
    """Write decisions, commands, acks and events with their times."""
    packed = zstandard.ZstdCompressor(level=9).compress(msgspec.msgpack.encode(list(told)))
    return packed + zlib.crc32(packed).to_bytes(4, "little")


def read_journal(data: bytes) -> list[tuple[int, Others]]:
    """Read a row of the journal. ChunkError if it is damaged."""
    if len(data) < 5 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise ChunkError("the checksum does not match: the bytes were damaged")
    body = zstandard.ZstdDecompressor().decompress(data[:-4], max_output_size=JOURNAL_MAX)
    return _journal_decoder.decode(body)


def combine(first: Rollup, second: Rollup) -> Rollup:
    """Put two roll-ups of one series together; buckets that both have are added up."""
    wall = np.concatenate((first.wall_ms, second.wall_ms))
    order = np.argsort(wall, kind="stable")
    wall = wall[order]
    if not len(wall):
        return first
    starts = np.flatnonzero(np.diff(wall, prepend=wall[:1] - 1))
    count = np.add.reduceat(np.concatenate((first.count, second.count))[order], starts)
    low = np.fmin.reduceat(np.concatenate((first.low, second.low))[order], starts)
    high = np.fmax.reduceat(np.concatenate((first.high, second.high))[order], starts)
    totals = np.concatenate((first.total, second.total))[order]
    total = np.where(count == 0, np.nan, np.add.reduceat(np.nan_to_num(totals), starts))
    return Rollup(wall[starts], count, low, high, total)


def stretches_of(batch: Batch) -> dict[str, Stretch]:
    """Cut a batch's samples into series."""
    header, samples = batch.header, batch.samples()
    wall = samples.mono_ms + header.offset_ms
    order = np.argsort(samples.series, kind="stable")
    grouped = samples.series[order]
    cuts = np.flatnonzero(np.diff(grouped)) + 1
    found: dict[str, Stretch] = {}
    for rows in np.split(order, cuts) if len(order) else []:
        found[samples.names[int(samples.series[rows[0]])]] = Stretch(
            wall[rows],
            np.full(len(rows), line_of(header)),
            samples.value[rows],
            samples.raw[rows],
            samples.quality[rows],
            samples.calibration[rows],
            samples.uncertainty[rows],
            samples.names,
        )
    return found


def line_of(header: Header) -> int:
    """Give the number that tells the timelines of an edge apart."""
    return header.epoch << 16 | header.timeline


def _gather(gathered: dict[tuple[int, str], list[Stretch]], source: int, batch: Batch) -> int:
    for series, stretch in stretches_of(batch).items():
        used = sorted(set(stretch.calibration.tolist()))
        number = {old: new for new, old in enumerate(used)}
        calibration = np.array([number[old] for old in stretch.calibration.tolist()], np.int64)
        names = tuple(stretch.names[old] for old in used)
        slim = dataclasses.replace(stretch, calibration=calibration, names=names)
        gathered.setdefault((source, series), []).append(slim)
    return len(batch.samples().value)


def _series(connection: sqlite3.Connection, source: int, series: str) -> int:
    connection.execute("INSERT OR IGNORE INTO name(source, series) VALUES(?, ?)", (source, series))
    row = connection.execute("SELECT id FROM name WHERE source=? AND series=?", (source, series)).fetchone()
    return int(row[0])


def _write_part(connection: sqlite3.Connection, series: int, stretch: Stretch) -> None:
    row = (series, int(stretch.wall_ms[0]), int(stretch.wall_ms[-1]), encode_stretch(stretch, for_good=False))
    connection.execute("INSERT INTO part(series, first_ms, last_ms, data) VALUES(?, ?, ?, ?)", row)


def _merge_series(connection: sqlite3.Connection, series: int, today: int, done: Sealed) -> None:
    rows = connection.execute("SELECT row, data FROM part WHERE series=? ORDER BY first_ms", (series,)).fetchall()
    stretches: list[Stretch] = []
    for row, data in rows:
        try:
            stretches.append(decode_stretch(data))
        except ChunkError:
            done.damaged += 1  # put aside: its points are still in the rows, for as long as those are kept
            connection.execute("UPDATE part SET series=-series-1 WHERE row=?", (row,))
        else:
            connection.execute("DELETE FROM part WHERE row=?", (row,))
    if not stretches:
        return
    whole = merge(stretches)
    days = whole.wall_ms // DAY_MS
    for day in np.unique(days).tolist():
        piece = whole.take(np.flatnonzero(days == day))
        if day >= today:
            _write_part(connection, series, piece)
        else:
            _write_day(connection, series, day, piece, done)


def _write_day(connection: sqlite3.Connection, series: int, day: int, piece: Stretch, done: Sealed) -> None:
    key = chunk_key(series, day)
    earlier = connection.execute("SELECT data FROM chunk WHERE key=?", (key,)).fetchone()
    if earlier:
        try:
            piece = merge([decode_stretch(earlier[0]), piece])
        except ChunkError:
            done.damaged += 1
    connection.execute("INSERT OR REPLACE INTO chunk VALUES(?, ?)", (key, encode_stretch(piece)))
    done.days += 1
    done.points += len(piece.wall_ms)
    for level, (bucket_ms, _) in enumerate(LEVELS[1:], start=1):
        rollup = roll_up(piece, bucket_ms, int(UNUSABLE))
        key = rollup_key(series, level, day)
        row = connection.execute("SELECT data FROM rollup WHERE key=?", (key,)).fetchone()
        if row:
            try:
                rest = decode_rollup(row[0])
                rollup = combine(rest.take(np.flatnonzero(rest.wall_ms // DAY_MS != day)), rollup)
            except ChunkError:
                done.damaged += 1
        connection.execute("INSERT OR REPLACE INTO rollup VALUES(?, ?)", (key, encode_rollup(rollup)))
