# SPDX-License-Identifier: Apache-2.0
"""The edge's log: what was appended is gathered into groups, and a group that was flushed survives a power cut.

The rule it keeps: ``flush`` returns only after the group stands on the disk (one row, one fdatasync); until then
a record is *exposed* for at most ``exposure_ms``, and decisions, commands, acks and events not at all beyond the
tick that made them. When the disk refuses, nothing is forgotten silently: the group waits in a bounded buffer,
and if that overflows the gap itself is recorded.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.envelope import (
    DICTIONARY_MAX,
    EDGE_PATTERN,
    EnvelopeError,
    Header,
    Packer,
    dictionary_id,
    place,
    read_header,
)
from telemetry.records import AnyRecord, Event, Reading, Sample, Tick
from telemetry.rows import Disk, DiskError, RealDisk, find_dictionary, open_for_writing

# A clock that moved less than this against the monotonic one has drifted; more, and it was set.
CLOCK_STEP_MS: Final = 250
# Records that may wait for a disk that refuses: half an hour of a large farm.
WAITING_MAX: Final = 200_000
GROUP_MAX: Final = 5_000
# Only these may wait for the group's turn; anything else closes it at once.
_GATHERED: Final = frozenset((Reading, Sample, Tick))
# A group is closed half a control tick early rather than half a tick late.
_HALF_TICK_MS: Final = 500
_DICTIONARY_BODIES: Final = 3
_DICTIONARY_SECOND: Final = 30
_DICTIONARY_EVERY: Final = 4_320  # groups: twice a day at 10 s


class LogUnavailableError(Exception):
    """The disk refused the group; its records wait and the next flush tries again."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How long a sample may be exposed to a power cut, and so how often the card is written."""

    name: str
    exposure_ms: int


SAFE: Final = Profile("safe", 10_000)
SD_CARD: Final = Profile("sd-card", 60_000)
PROFILES: Final = {profile.name: profile for profile in (SAFE, SD_CARD)}


class Log:
    """The one writer of a log file. ``append`` and ``due`` may be called while ``flush`` runs in a thread."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, edge: str, profile: Profile, epoch: int, nonce: int
    ) -> None:
        """Take an opened file; use ``Log.open``."""
        self.path = path
        self.edge = edge
        self.epoch = epoch
        self.nonce = nonce
        self.profile = profile
        self.seq = 0  # the last accepted group of this boot
        self.dropped = 0  # records lost because the disk refused for too long
        self._connection = connection
        self._packer = Packer()
        self._gate = threading.Lock()  # guards the waiting records
        self._flushing = threading.RLock()  # one flush or maintenance at a time
        self._waiting: list[AnyRecord] = []
        self._urgent = False
        self._oldest_ms: int | None = None
        self._offset_ms: int | None = None
        self._timeline = 0
        self._unplaced = False
        self._bodies: list[bytes] = []
        self._dictionary_due = _DICTIONARY_BODIES
        self._since_dictionary = 0
        self._row = int(connection.execute("SELECT coalesce(max(row), 0) FROM batch").fetchone()[0])
        latest = connection.execute("SELECT value FROM meta WHERE key='dictionary'").fetchone()
        if latest and (data := find_dictionary(connection, int(latest[0]))):
            self._use_dictionary(data)

    @classmethod
    def open(
        cls, path: Path, edge: str, *, profile: Profile = SAFE, disk: Disk | None = None, nonce: int | None = None
    ) -> "Log":
        """Open or make the log and begin a new boot epoch.

        ``nonce`` (32 bits) tells apart two boots that both believe to be number n, as after a card was copied; it is
        random unless a simulation gives it. DiskError if the file cannot be used or belongs to another edge.
        """
        if not EDGE_PATTERN.fullmatch(edge):
            raise ValueError(f"bad edge name {edge!r}: use a-z, 0-9 and '-', at most 32 characters")
        connection = open_for_writing(disk or RealDisk(), path)
        try:
            owner = connection.execute("SELECT edge FROM source WHERE id=0").fetchone()
            if owner and owner[0] != edge:
                raise DiskError(
                    "{path}: this log belongs to {owner}, not to {edge}; give another path",
                    path=str(path),
                    owner=repr(owner[0]),
                    edge=repr(edge),
                )
            nonce = secrets.randbits(32) if nonce is None else nonce
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR IGNORE INTO source VALUES(0, ?)", (edge,))
            epoch = int(connection.execute("SELECT coalesce(max(epoch), 0) + 1 FROM boot").fetchone()[0])
            connection.execute("INSERT INTO boot VALUES(?, ?)", (epoch, nonce))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise DiskError(
                "{path}: {seen}; check that the disk is writable and not full", path=str(path), seen=str(error)
            ) from error
        return cls(connection, path, edge, profile, epoch, nonce)

    @property
    def exposure_ms(self) -> int:
        """How long a sample may wait before it is on the disk, ms."""
        return self.profile.exposure_ms

    @property
    def waiting(self) -> int:
        """How many records are appended but not yet accepted."""
        return len(self._waiting)

    def append(self, records: Sequence[AnyRecord]) -> None:
        """Gather records for the next group; cheap, does not touch the disk."""
        if not records:
            return
        with self._gate:
            self._waiting.extend(records)
            if self._oldest_ms is None:
                self._oldest_ms = records[0].mono_ms
            if not self._urgent:
                self._urgent = not _GATHERED.issuperset(map(type, records))
            if len(self._waiting) > WAITING_MAX:
                self._make_room()

    def due(self, mono_ms: int) -> bool:
        """Say whether the group must be flushed now: it holds a control record or an event, is full, or is old."""
        if self._oldest_ms is None:
            return False
        return (
            self._urgent
            or len(self._waiting) >= GROUP_MAX
            or mono_ms - self._oldest_ms + _HALF_TICK_MS >= self.profile.exposure_ms
        )

    def flush(self, mono_ms: int, wall_ms: int, clock_ok: bool) -> int:
        """Write what waits and return the number of the last accepted group of this boot.

        May run in a thread, beside ``append``. LogUnavailableError when the disk refuses: the records still wait.
        """
        with self._flushing:
            while group := self._take():
                try:
                    self._write(group, mono_ms, wall_ms, clock_ok)
                except sqlite3.Error as error:
                    self._put_back(group)
                    raise LogUnavailableError(f"{self.path}: {error}; {self.waiting} records wait") from error
            return self.seq

    def save_acked(self, ranges: Sequence[tuple[int, int, int, int]]) -> None:
        """Write down what the hub has acknowledged: (epoch, nonce, low, high)."""
        try:
            with self.transaction() as connection:
                connection.execute("DELETE FROM acked")
                connection.executemany("INSERT INTO acked VALUES(?, ?, ?, ?)", ranges)
        except sqlite3.Error as error:
            raise LogUnavailableError(f"{self.path}: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give sealing, retention and the uplink the file for one transaction; nothing else writes meanwhile."""
        with self._flushing:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:  # also a cancelled task leaves no open transaction; it is raised on
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file. What still waits is not written: flush first."""
        with self._flushing:
            self._connection.close()

    def _take(self) -> list[AnyRecord]:
        with self._gate:
            group = self._waiting[:GROUP_MAX]
            del self._waiting[:GROUP_MAX]
            self._look_at_waiting()
            return group

    def _put_back(self, group: list[AnyRecord]) -> None:
        with self._gate:
            self._waiting[:0] = group
            self._look_at_waiting()

    def _look_at_waiting(self) -> None:
        self._oldest_ms = self._waiting[0].mono_ms if self._waiting else None
        self._urgent = not _GATHERED.issuperset(map(type, self._waiting))

    def _make_room(self) -> None:
        """Drop the oldest measurements, a tenth of what may wait, and leave an event that says so in their place."""
        excess, kept, lost = WAITING_MAX // 10, list[AnyRecord](), list[AnyRecord]()
        for record in self._waiting:
            (lost if len(lost) < excess and type(record) in _GATHERED else kept).append(record)
        self.dropped += len(lost)
        fields: dict[str, str | float | int | bool] = {"records": len(lost), "from_ms": lost[0].mono_ms}
        gap = Event("log.gap", self.edge, lost[-1].mono_ms, severity="alarm", fields=fields)
        self._waiting = [gap, *kept]

    def _write(self, group: list[AnyRecord], mono_ms: int, wall_ms: int, clock_ok: bool) -> None:
        offset, timeline, ok = self._clock(mono_ms, wall_ms, clock_ok)
        body = self._packer.encode(group)
        header = Header(
            self.edge, self.epoch, self.nonce, self.seq + 1, timeline, mono_ms, mono_ms + offset, ok, len(group)
        )
        data = self._packer.seal(header, body)
        times = [record.mono_ms for record in group]
        row = (self._row + 1, self.epoch, self.nonce, header.seq, min(times) + offset, max(times) + offset, data)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if ok and self._unplaced:
                self._place_early_groups(offset)
            self._connection.execute("INSERT INTO batch VALUES(?, 0, ?, ?, ?, ?, ?, ?)", row)
            dictionary = self._new_dictionary(body)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._row += 1
        self.seq = header.seq
        self._timeline = timeline
        self._unplaced = not ok
        if ok:
            self._offset_ms = offset
        if dictionary:
            self._use_dictionary(dictionary)

    def _clock(self, mono_ms: int, wall_ms: int, clock_ok: bool) -> tuple[int, int, bool]:
        """Give the offset from monotonic to wall time, the timeline, and whether the time is known.

        Once a boot has known the time, its monotonic clock keeps it: a later ``clock_ok`` of False changes nothing.
        """
        offset = wall_ms - mono_ms
        if self._offset_ms is None:
            return offset, self._timeline, clock_ok
        if not clock_ok or abs(offset - self._offset_ms) <= CLOCK_STEP_MS:
            return self._offset_ms, self._timeline, True
        return offset, (self._timeline + 1) % 1000, True

    def _place_early_groups(self, offset: int) -> None:
        """Give the groups of this boot that were written before the clock was known their true time."""
        rows = self._connection.execute(
            "SELECT row, data FROM batch WHERE epoch=? AND nonce=? AND source=0", (self.epoch, self.nonce)
        ).fetchall()
        for row, data in rows:
            try:
                early = read_header(data)
            except EnvelopeError:
                continue  # a damaged row stays as it is: readers report it
            if early.clock_ok:
                continue
            shift = offset - early.offset_ms
            self._connection.execute(
                "UPDATE batch SET data=?, first_ms=first_ms+?, last_ms=last_ms+? WHERE row=?",
                (place(data, early.mono_ms + offset), shift, shift, row),
            )

    def _new_dictionary(self, body: bytes) -> bytes | None:
        """Keep some bodies as the dictionary of those that follow: after a boot's first groups, and twice a day."""
        self._bodies = [*self._bodies[1 - _DICTIONARY_BODIES :], body]
        self._since_dictionary += 1
        if self._since_dictionary < self._dictionary_due:
            if self._since_dictionary == _DICTIONARY_EVERY - _DICTIONARY_BODIES:
                self._packer.forget()  # so that the bodies that become the dictionary have fresh bases
            return None
        data = b"".join(self._bodies)[-DICTIONARY_MAX:]
        number = dictionary_id(data)
        # Two copies: a dictionary that a flipped bit spoils would take thousands of groups with it.
        self._connection.execute("INSERT OR IGNORE INTO dictionary VALUES(?, ?, ?, ?)", (number, data, data, self._row))
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES('dictionary', ?)", (number,))
        return data

    def _use_dictionary(self, data: bytes) -> None:
        self._packer.use_dictionary(data)
        # The first bodies of a log show its names; only after some more are its values' shapes known.
        early = self._dictionary_due == _DICTIONARY_BODIES
        self._dictionary_due = _DICTIONARY_SECOND if early else _DICTIONARY_EVERY
        self._since_dictionary = 0
