# SPDX-License-Identifier: Apache-2.0
"""The rows of a log as the uplink needs them: which there are, their bytes, and what was acknowledged.

The rule it keeps: it reads, with short transactions, and interprets no batch.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry.notes import Spans
from telemetry.outbox import Boot
from telemetry.rows import Disk, RealDisk, find_dictionary, open_for_reading


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
        """Give the boots whose batches the log holds, oldest first; costs only what was added since."""
        rows = self._connection.execute(
            "SELECT row, epoch, nonce, seq FROM batch WHERE row>? ORDER BY row", (self._row,)
        )
        for row, epoch, nonce, seq in rows.fetchall():
            last = self._boots[-1] if self._boots else None
            if last and (last.epoch, last.nonce) == (epoch, nonce):
                self._boots[-1] = last._replace(last_seq=seq)
            else:
                self._boots.append(Boot(epoch, nonce, row, seq, seq))
            self._row = row
        return self._boots

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
