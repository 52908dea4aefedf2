# SPDX-License-Identifier: Apache-2.0
"""The cooperative's own record of the orders it gave: who, to which farm, what, and what became of it.

The rule it keeps: an order has its number on the disk before it is sent, so no number is ever given twice; the key
that signs lies in a file of its own that only this user may read.
"""

import os
import sqlite3
import time
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pages.words import N_, Told
from telemetry.remote_orders import DIGEST_BYTES, OrderAnswer

KEY_FILE: Final = "command.key"
BOOK_FILE: Final = "orders.db"
LISTED_MAX: Final = 1_000
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS counting(only INTEGER PRIMARY KEY CHECK(only = 1), epoch INTEGER NOT NULL)",
    (
        "CREATE TABLE IF NOT EXISTS given(epoch INTEGER, seq INTEGER, at_ms INTEGER, edge TEXT, person TEXT, call TEXT,"
        " target TEXT, digest BLOB, outcome TEXT DEFAULT '', detail TEXT DEFAULT '', answered_ms INTEGER DEFAULT 0,"
        " PRIMARY KEY(epoch, seq)) WITHOUT ROWID"
    ),
)


class KeyFault(Told):
    """The key cannot be read or made; the message says which file and why."""


class Given(NamedTuple):
    """One order of the book."""

    epoch: int
    seq: int
    at_ms: int
    edge: str
    person: str
    call: str
    target: str
    outcome: str
    detail: str
    answered_ms: int


def load_key(state: Path) -> Ed25519PrivateKey:
    """Read the key that signs. KeyFault if it is not there, not ours or open to others."""
    path = state / KEY_FILE
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFault(N_("{file} may be read by others; run: chmod 600 {file}"), file=str(path))
        key = load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise KeyFault(N_("{file} is not there; make it once with: vuon-hub command key"), file=str(path)) from None
    except (OSError, ValueError) as error:
        raise KeyFault(N_("{file}: {seen}"), file=str(path), seen=str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFault(N_("{file} holds another kind of key; Ed25519 is needed"), file=str(path))
    return key


def make_key(state: Path) -> Ed25519PrivateKey:
    """Make the key, once; an existing one is never replaced. KeyFault if the folder cannot be written."""
    state.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(state / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return load_key(state)
    except OSError as error:
        raise KeyFault(f"{state / KEY_FILE}: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key


class OrderBook:
    """The orders of one hub, in an SQLite file that several commands may use at once."""

    def __init__(self, state: Path) -> None:
        """Open or make the book below the hub's state folder."""
        state.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(state / BOOK_FILE, isolation_level=None, timeout=10.0)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        for statement in _SCHEMA:
            self._db.execute(statement)
        # A book that was lost begins a later counting: farms never hear an earlier one again.
        self._db.execute("INSERT OR IGNORE INTO counting VALUES(1, ?)", (int(time.time()),))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def number(self, edge: str, person: str, call: str, target: str, at_ms: int) -> tuple[int, int]:
        """Enter an order and give its (epoch, seq)."""
        self._db.execute("BEGIN IMMEDIATE")
        (epoch,) = self._db.execute("SELECT epoch FROM counting").fetchone()
        (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM given WHERE epoch=?", (epoch,)).fetchone()
        self._db.execute(
            "INSERT INTO given(epoch, seq, at_ms, edge, person, call, target, digest) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (epoch, last + 1, at_ms, edge, person, call, target, bytes(DIGEST_BYTES)),
        )
        self._db.execute("COMMIT")
        return epoch, last + 1

    def signed(self, epoch: int, seq: int, digest: bytes) -> None:
        """Note the name of an order's bytes."""
        self._db.execute("UPDATE given SET digest=? WHERE epoch=? AND seq=?", (digest, epoch, seq))

    def answered(self, answer: OrderAnswer, at_ms: int) -> None:
        """Note what became of an order."""
        self._db.execute(
            "UPDATE given SET outcome=?, detail=?, answered_ms=? WHERE digest=?",
            (answer.outcome, answer.detail, at_ms, answer.order),
        )

    def orders(self, edge: str = "", limit: int = 50) -> list[Given]:
        """Give the newest orders, of one edge or of all ("")."""
        rows = self._db.execute(
            "SELECT epoch, seq, at_ms, edge, person, call, target, outcome, detail, answered_ms FROM given"
            " WHERE ? IN ('', edge) ORDER BY epoch DESC, seq DESC LIMIT ?",
            (edge, min(limit, LISTED_MAX)),
        )
        return [Given(*row) for row in rows]
