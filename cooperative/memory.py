# SPDX-License-Identifier: Apache-2.0
"""What a hub worker must not forget: dictionaries, farm profiles, dead letters, and which mark covered which batches.

The rule it keeps: everything is bounded; a dead letter keeps its bytes and its reason, so that it can be replayed
after the cause was put right.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from telemetry.notes import NoteError, Spans, read_note
from telemetry.records import FarmProfile

DEAD_MAX: Final = 50_000
DICTIONARIES_AN_EDGE: Final = 16
ANNOUNCED_AGAIN_S: Final = 3_600
COVERED_KEEP_S: Final = 3_600

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS dictionary(id INTEGER PRIMARY KEY, edge TEXT, at_ms INTEGER, data BLOB)",
    "CREATE TABLE IF NOT EXISTS profile(edge TEXT PRIMARY KEY, at_ms INTEGER, data BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS dead(id INTEGER PRIMARY KEY, at_ms, reason, topic, detail, data, retry DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS covered(mark INTEGER PRIMARY KEY, at_ms INTEGER, data BLOB)",
)
_covered_decoder = msgspec.msgpack.Decoder(dict[str, list[Spans]])


class DeadLetter(NamedTuple):
    """A batch that was refused, with why."""

    id: int
    at_ms: int
    reason: str
    topic: str
    detail: str
    data: bytes


class Memory:
    """The SQLite file of one hub worker. Its methods are quick; call them from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        for statement in _SCHEMA:
            self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def keep_dictionary(self, edge: str, number: int, data: bytes, at_ms: int) -> None:
        """Keep an edge's dictionary; of each edge the newest few. One announced again soon costs no write."""
        since_ms = at_ms - ANNOUNCED_AGAIN_S * 1000
        known = "SELECT 1 FROM dictionary WHERE id=? AND edge=? AND at_ms BETWEEN ? AND ?"
        if self._db.execute(known, (number, edge, since_ms, at_ms)).fetchone():
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR REPLACE INTO dictionary VALUES(?, ?, ?, ?)", (number, edge, at_ms, data))
        self._db.execute(
            "DELETE FROM dictionary WHERE edge=? AND id NOT IN"
            " (SELECT id FROM dictionary WHERE edge=? ORDER BY at_ms DESC LIMIT ?)",
            (edge, edge, DICTIONARIES_AN_EDGE),
        )
        self._db.execute("COMMIT")

    def dictionary(self, number: int) -> bytes | None:
        """Give a dictionary by its id."""
        row = self._db.execute("SELECT data FROM dictionary WHERE id=?", (number,)).fetchone()
        return row[0] if row else None

    def keep_profile(self, edge: str, payload: bytes, at_ms: int) -> None:
        """Keep what a farm tells of itself."""
        self._db.execute("INSERT OR REPLACE INTO profile VALUES(?, ?, ?)", (edge, at_ms, payload))

    def profiles(self) -> dict[str, FarmProfile]:
        """Give the newest profile of each edge; one that an older program wrote and this cannot read is left out."""
        found: dict[str, FarmProfile] = {}
        for edge, payload in self._db.execute("SELECT edge, data FROM profile ORDER BY edge"):
            try:
                found[edge] = read_note(FarmProfile, payload)
            except NoteError:
                continue
        return found

    def bury(self, letters: Iterable[tuple[str, str, str, bytes]], at_ms: int) -> None:
        """Keep dead letters (reason, topic, detail, data); the oldest make room."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO dead(at_ms, reason, topic, detail, data) VALUES(?, ?, ?, ?, ?)",
            [(at_ms, *letter) for letter in letters],
        )
        self._db.execute("DELETE FROM dead WHERE id <= (SELECT max(id) FROM dead) - ?", (DEAD_MAX,))
        self._db.execute("COMMIT")

    def dead_letters(self, reason: str = "", limit: int = 1000) -> list[DeadLetter]:
        """Give the oldest dead letters of a reason ("" = all)."""
        rows = self._db.execute(
            "SELECT id, at_ms, reason, topic, detail, data FROM dead WHERE ? IN ('', reason) ORDER BY id LIMIT ?",
            (reason, limit),
        )
        return [DeadLetter(*row) for row in rows]

    def ask_retry(self, reason: str) -> int:
        """Ask the hub to take the dead letters of a reason once more, as far as their edge is known; say how many."""
        return self._db.execute("UPDATE dead SET retry=1 WHERE reason=? AND topic != ''", (reason,)).rowcount

    def to_retry(self, limit: int = 200) -> list[DeadLetter]:
        """Give dead letters that are to be taken once more."""
        rows = self._db.execute(
            "SELECT id, at_ms, reason, topic, detail, data FROM dead WHERE retry ORDER BY id LIMIT ?", (limit,)
        )
        return [DeadLetter(*row) for row in rows.fetchall()]

    def unbury(self, letters: Iterable[DeadLetter]) -> None:
        """Forget dead letters that were replayed."""
        self._db.executemany("DELETE FROM dead WHERE id=?", [(letter.id,) for letter in letters])

    def cover(self, mark: int, batches: dict[str, list[Spans]], at_ms: int) -> None:
        """Note which batches of which edges a mark that was read back covers."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(
            "INSERT OR REPLACE INTO covered VALUES(?, ?, ?)", (mark, at_ms, msgspec.msgpack.encode(batches))
        )
        self._db.execute("DELETE FROM covered WHERE at_ms < ?", (at_ms - COVERED_KEEP_S * 1000,))
        self._db.execute("COMMIT")

    def covered(self, now_ms: int) -> list[int]:
        """Give the marks of the last hour that were read back, the oldest first."""
        rows = self._db.execute(
            "SELECT mark FROM covered WHERE at_ms >= ? ORDER BY mark", (now_ms - COVERED_KEEP_S * 1000,)
        )
        return [mark for (mark,) in rows]

    def uncover(self, marks: Iterable[int]) -> dict[str, list[Spans]]:
        """Give the batches that these marks covered, which a store has lost with them, and forget the marks."""
        lost: dict[str, list[Spans]] = {}
        for mark in marks:
            row = self._db.execute("SELECT data FROM covered WHERE mark=?", (mark,)).fetchone()
            for edge, spans in _covered_decoder.decode(row[0]).items() if row else ():
                lost.setdefault(edge, []).extend(spans)
            self._db.execute("DELETE FROM covered WHERE mark=?", (mark,))
        return lost
