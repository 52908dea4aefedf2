# SPDX-License-Identifier: Apache-2.0
"""The upkeep of a log file: sealing, retiring what is sealed and acknowledged, and room on the disk.

The rule it keeps: a row goes only when it is sealed *and* acknowledged *and* older than the replay window, and none
before the rows in front of it; on a full disk raw data go only if the configuration says so, the oldest day first, and
then the gap is recorded. A ballast file makes sure that there is always room to make room.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.records import Event
from telemetry.rows import Disk, RealDisk, sealed_row
from telemetry.sealing import DAY_MS, ROWS_AT_ONCE, Transaction, merge_days, seal

BALLAST_BYTES: Final = 8_000_000
RESERVE_BYTES: Final = 16_000_000
REPLAY_DAYS: Final = 7
# A group a second for the whole replay window.
ROWS_MAX: Final = 604_800
# Rows that may wait to be sealed: an hour of 10 s groups.
SEAL_AT_ROWS: Final = 360
RETIRE_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept. ``raw_expendable`` lets the oldest raw day go when nothing else makes room."""

    replay_days: int = REPLAY_DAYS
    rows_max: int = ROWS_MAX
    raw_expendable: bool = False
    ballast_bytes: int = BALLAST_BYTES
    reserve_bytes: int = RESERVE_BYTES


class Upkeep:
    """Keeps one log file in order; ``step`` is called about once a minute, in a thread."""

    def __init__(
        self,
        transaction: Transaction,
        path: Path,
        edge: str,
        *,
        keeping: Keeping | None = None,
        disk: Disk | None = None,
        acked_row: Callable[[], int] | None = None,
    ) -> None:
        """Take ``Log.transaction``; ``acked_row`` says up to which row all is acknowledged (None: no hub)."""
        self.keeping = keeping or Keeping()
        self._transaction = transaction
        self._path = path
        self._edge = edge
        self._disk = disk or RealDisk()
        self._acked_row = acked_row
        self._ballast = path.with_suffix(".ballast")
        self._low = False

    def step(self, mono_ms: int, wall_ms: int) -> list[Event]:
        """Seal, merge, retire, and look at the disk; give the events that tell of it.

        A disk that refuses raises nothing: it is an event, and the next step tries again.
        """
        events = self._look_at_disk(mono_ms)
        try:
            self._seal(wall_ms)
            self._retire(wall_ms)
        except sqlite3.Error as error:
            events.append(self._event("log.upkeep_failed", mono_ms, "alarm", text=str(error)))
            if "full" in str(error):
                events += self.make_room(mono_ms)
        return events

    def make_room(self, mono_ms: int) -> list[Event]:
        """Give up what can be given up: the ballast, then, where it is allowed, the oldest raw day."""
        self._disk.release(self._ballast)
        events: list[Event] = []
        try:
            if self.keeping.raw_expendable and self._short():
                events += self._drop_oldest_day(mono_ms)
            with self._transaction() as connection:
                connection.execute("SELECT 1")
        except sqlite3.Error as error:
            events.append(self._event("log.no_room", mono_ms, "critical", text=str(error)))
        return events

    def _seal(self, wall_ms: int) -> None:
        with self._transaction() as connection:
            open_rows = connection.execute("SELECT coalesce(max(row), 0) FROM batch").fetchone()[0]
            open_rows -= sealed_row(connection)
        while open_rows >= SEAL_AT_ROWS:
            rows = seal(self._transaction, ROWS_AT_ONCE).rows
            if not rows:
                break
            open_rows -= rows
        merge_days(self._transaction, wall_ms)

    def _retire(self, wall_ms: int) -> None:
        acked = self._acked_row() if self._acked_row else None
        with self._transaction() as connection:
            last = sealed_row(connection)
            newest = int(connection.execute("SELECT coalesce(max(row), 0) FROM batch").fetchone()[0])
            last = min(last, newest - 1, last if acked is None else acked)
            # From the front only: rows that a clock gone wrong dated back must leave no hole in what is replayed. One
            # that it dated ahead must not hold up all rows behind it for years: so many rows are kept at most.
            oldest_ms = wall_ms - self.keeping.replay_days * DAY_MS
            young = connection.execute("SELECT row FROM batch WHERE last_ms>=? ORDER BY row LIMIT 1", (oldest_ms,))
            first_young = min((row for (row,) in young), default=newest)
            last = min(last, max(first_young - 1, newest - self.keeping.rows_max))
            connection.execute(
                "DELETE FROM batch WHERE row IN (SELECT row FROM batch WHERE row<=? ORDER BY row LIMIT ?)",
                (last, RETIRE_AT_ONCE),
            )
            oldest = connection.execute("SELECT coalesce(min(row), 0) FROM batch").fetchone()[0]
            # A dictionary is needed until the one after it is older than every row that is left.
            connection.execute(
                "DELETE FROM dictionary WHERE EXISTS"
                " (SELECT 1 FROM dictionary AS later WHERE later.row > dictionary.row AND later.row < ?)",
                (oldest,),
            )

    def _look_at_disk(self, mono_ms: int) -> list[Event]:
        free = self._disk.free_bytes(self._path.parent)
        if free >= self.keeping.reserve_bytes + self.keeping.ballast_bytes:
            try:
                self._disk.reserve(self._ballast, self.keeping.ballast_bytes)
            except OSError:
                return self.make_room(mono_ms)
        low, self._low = self._low, free < self.keeping.reserve_bytes
        if self._low and not low:
            return [self._event("log.disk_low", mono_ms, "alarm", free_bytes=free), *self.make_room(mono_ms)]
        if low and not self._low:
            return [self._event("log.disk_well", mono_ms, "info", free_bytes=free)]
        return []

    def _short(self) -> bool:
        return self._disk.free_bytes(self._path.parent) < self.keeping.reserve_bytes

    def _drop_oldest_day(self, mono_ms: int) -> list[Event]:
        with self._transaction() as connection:
            oldest = connection.execute("SELECT min(key) >> 32 FROM chunk").fetchone()[0]
            if oldest is None:
                return []
            rows = connection.execute("DELETE FROM chunk WHERE key >> 32 = ?", (oldest,)).rowcount
        return [self._event("log.gap", mono_ms, "alarm", day_ms=oldest * DAY_MS, series=rows)]

    def _event(self, kind: str, mono_ms: int, severity: str, **fields: str | float | bool) -> Event:
        return Event(kind, self._edge, mono_ms, severity, fields={**fields})
