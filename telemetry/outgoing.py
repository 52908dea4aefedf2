# SPDX-License-Identifier: Apache-2.0
"""The rows of a log as the uplink needs them: which there are, their bytes, and what was acknowledged.

The rule it keeps: it reads, with short transactions, and interprets no batch.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from telemetry.notes import Spans
from telemetry.outbox import Boot
from telemetry.rows import Disk, RealDisk, find_dictionary, open_for_reading

_Row = tuple[int, int, int, int]  # row, epoch, nonce, seq
_ROW: Final = "SELECT row, epoch, nonce, seq FROM batch"


class OutgoingRows:
    """A reader of one log file for the uplink."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        """Open the log at ``path`` for reading. DiskError if it is not there."""
        self._connection = open_for_reading(disk or RealDisk(), path)
        self._boots: list[Boot] = []
        self._row = 0

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def boots(self) -> list[Boot]:
        """Give the boots whose batches the log holds, oldest first; costs only what was added since.

        The rows of a boot stand side by side. So its last one is found by halving: reading every row of a backlog of
        weeks would hold up the loop for seconds.
        """
        newest = self._at_or_below(1 << 62)
        while newest and newest[0] > self._row:
            first = self._connection.execute(f"{_ROW} WHERE row>? ORDER BY row LIMIT 1", (self._row,)).fetchone()
            last, low, high = first, first[0], newest[0]
            while low < high:  # the boot reaches from ``first`` to ``low`` at least, and to ``high`` at most
                middle = (low + high + 1) // 2
                row = self._at_or_below(middle)
                if row and row[1:3] == first[1:3]:
                    last, low = row, middle
                else:
                    high = middle - 1
            self._note(first, last)
        return self._boots

    def _note(self, first: _Row, last: _Row) -> None:
        _, epoch, nonce, seq = first
        known = self._boots[-1] if self._boots else None
        if known and (known.epoch, known.nonce) == (epoch, nonce):
            self._boots[-1] = known._replace(last_seq=last[3])
        else:
            self._boots.append(Boot(epoch, nonce, first[0], seq, last[3]))
        self._row = last[0]

    def _at_or_below(self, row: int) -> _Row | None:
        query = f"{_ROW} WHERE row<=? ORDER BY row DESC LIMIT 1"
        found: _Row | None = self._connection.execute(query, (row,)).fetchone()
        return found

    def acked(self) -> list[Spans]:
        """Give what was written down as acknowledged."""
        found: dict[tuple[int, int], Spans] = {}
        for epoch, nonce, low, high in self._connection.execute("SELECT epoch, nonce, low, high FROM acked"):
            found.setdefault((epoch, nonce), Spans(epoch, nonce, [])).ranges.append((low, high))
        return list(found.values())

    def raw_rows(self, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Give the bytes of these rows, in the order asked for; a row that is gone comes as no bytes."""
        for row in rows:
            found = self._connection.execute("SELECT data FROM batch WHERE row=?", (row,)).fetchone()
            yield row, found[0] if found else b""

    def dictionary(self, number: int) -> bytes | None:
        """Give a dictionary by its id; None if it is unknown or spoiled."""
        return find_dictionary(self._connection, number)
