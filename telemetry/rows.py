# SPDX-License-Identifier: Apache-2.0
"""The file under the log: an SQLite database whose schema, migrations and durability are set here.

The rule it keeps: write-ahead log with synchronous FULL (a commit that returned survives a power cut), one
writer, any number of readers, and a file of a newer schema is refused rather than guessed at.
"""

import os
import sqlite3
import zlib
from pathlib import Path
from typing import Final, Protocol

APPLICATION_ID: Final = 0x56754F6E  # "VuOn"
PAGE_BYTES: Final = 4096
# At 4 KB a commit the WAL is copied into the file about every 40 minutes of a quiet farm.
CHECKPOINT_PAGES: Final = 512
BUSY_S: Final = 5.0

# One entry a version; never edit an old one. The version is SQLite's user_version.
MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE source(id INTEGER PRIMARY KEY, edge TEXT NOT NULL UNIQUE);
    CREATE TABLE boot(epoch INTEGER PRIMARY KEY, nonce INTEGER NOT NULL);
    CREATE TABLE dictionary(id INTEGER PRIMARY KEY, data BLOB NOT NULL, copy BLOB NOT NULL);
    CREATE TABLE batch(
        row INTEGER PRIMARY KEY, source INTEGER NOT NULL, epoch INTEGER NOT NULL, nonce INTEGER NOT NULL,
        seq INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE TABLE acked(
        epoch INTEGER NOT NULL, nonce INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
        PRIMARY KEY(epoch, nonce, low)) WITHOUT ROWID;
    CREATE TABLE name(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, series TEXT NOT NULL, UNIQUE(source, series));
    CREATE TABLE chunk(key INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE rollup(key INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE journal(row INTEGER PRIMARY KEY, source INTEGER NOT NULL, first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, data BLOB NOT NULL);
    """,
    """
    CREATE TABLE part(row INTEGER PRIMARY KEY, series INTEGER NOT NULL, first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE INDEX part_series ON part(series, first_ms);
    ALTER TABLE dictionary ADD COLUMN row INTEGER NOT NULL DEFAULT 0
    """,
    # Questions about the past look into a year of journal without touching its rows.
    "CREATE INDEX journal_span ON journal(source, last_ms, first_ms)",
    # Roll-ups of minutes are computed from the day's samples.
    "DELETE FROM chunk WHERE key & 3 = 1",
)


class DiskError(Exception):
    """The disk refused: full, read-only, broken or not ours; a message id says which file and what to check."""

    def __init__(self, msgid: str, **fields: str | int) -> None:
        super().__init__(msgid.format(**fields))
        self.msgid = msgid
        self.fields = fields


class Disk(Protocol):
    """Where files live; a test gives one that fills up or breaks."""

    def connect(self, path: Path, *, read_only: bool) -> sqlite3.Connection:
        """Open a database file, made if it is not there (unless read-only)."""

    def free_bytes(self, folder: Path) -> int:
        """Say how much room is left for us."""

    def reserve(self, path: Path, size: int) -> None:
        """Make a ballast file of ``size`` bytes that really takes room; OSError when there is none."""

    def release(self, path: Path) -> None:
        """Give the ballast's room back; nothing happens if it is gone already."""


class RealDisk:
    """The machine's own file system."""

    def connect(self, path: Path, *, read_only: bool) -> sqlite3.Connection:
        """Open a database file (see Disk)."""
        uri = f"file:{path}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)

    def free_bytes(self, folder: Path) -> int:
        """Say how much room is left (see Disk)."""
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize

    def reserve(self, path: Path, size: int) -> None:
        """Make the ballast (see Disk)."""
        if path.exists() and path.stat().st_size >= size:
            return
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def release(self, path: Path) -> None:
        """Give the ballast's room back (see Disk)."""
        path.unlink(missing_ok=True)


def open_for_writing(disk: Disk, path: Path) -> sqlite3.Connection:
    """Open or make the file, bring its schema up to date, and set the durability. DiskError if it cannot be used."""
    try:
        connection = disk.connect(path, read_only=False)
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={4 * CHECKPOINT_PAGES * PAGE_BYTES}")
        _migrate(connection, path)
    except sqlite3.Error as error:
        raise DiskError(
            "{path}: {seen}; check that the disk is there, writable and not full", path=str(path), seen=str(error)
        ) from error
    return connection


def open_for_reading(disk: Disk, path: Path) -> sqlite3.Connection:
    """Open an existing file beside its writer. DiskError if it is missing or of another schema."""
    if not path.exists():
        raise DiskError("{path}: no such log; has the agent run with this configuration?", path=str(path))
    try:
        connection = disk.connect(path, read_only=True)
        connection.execute("PRAGMA query_only=1")
        _check(connection, path)
        if _version(connection) != len(MIGRATIONS):
            raise DiskError(
                "{path}: schema {schema}; start the agent once to bring it up to date",
                path=str(path),
                schema=_version(connection),
            )
    except sqlite3.Error as error:
        raise DiskError("{path}: {seen}; check that this user may read it", path=str(path), seen=str(error)) from error
    return connection


def find_dictionary(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Give the bytes of a dictionary, from whichever of its two copies is sound; None if neither is."""
    for copy in connection.execute("SELECT data, copy FROM dictionary WHERE id=?", (number,)).fetchone() or ():
        if isinstance(copy, bytes) and (zlib.crc32(copy) or 1) == number:
            return copy
    return None


def sealed_row(connection: sqlite3.Connection) -> int:
    """Give the last row whose samples and records also stand in parts, chunks and journal."""
    row = connection.execute("SELECT value FROM meta WHERE key='sealed_row'").fetchone()
    return int(row[0]) if row else 0


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID:
        raise DiskError(
            "{path}: this is not a log of Vườn (application id {seen})", path=str(path), seen=f"{application:#x}"
        )
    if _version(connection) > len(MIGRATIONS):
        raise DiskError(
            "{path}: schema {schema} is newer than this program ({known})",
            path=str(path),
            schema=_version(connection),
            known=len(MIGRATIONS),
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run what is missing, each version in one transaction together with its number."""
    fresh = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if fresh:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    _check(connection, path)
    for number in range(_version(connection), len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[number].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number + 1}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
