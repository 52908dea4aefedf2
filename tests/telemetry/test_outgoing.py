# SPDX-License-Identifier: Apache-2.0
"""The boots of a log are found by halving, and are those that a walk through every row finds."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.outbox import Boot
from telemetry.outgoing import OutgoingRows
from telemetry.rows import RealDisk, open_for_writing


def walked(rows: list[tuple[int, int, int, int]]) -> list[Boot]:
    boots: list[Boot] = []
    for row, epoch, nonce, seq in rows:
        if boots and (boots[-1].epoch, boots[-1].nonce) == (epoch, nonce):
            boots[-1] = boots[-1]._replace(last_seq=seq)
        else:
            boots.append(Boot(epoch, nonce, row, seq, seq))
    return boots


@given(
    boots=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1)), min_size=0, max_size=7),
    first_row=st.integers(1, 1_000),
    looks=st.integers(1, 4),
)
@settings(max_examples=40)
def test_boots_are_what_a_walk_through_every_row_finds(
    boots: list[tuple[int, int]], first_row: int, looks: int
) -> None:
    rows: list[tuple[int, int, int, int]] = []
    for epoch, (count, nonce) in enumerate(boots, start=3):
        rows += [(first_row + len(rows) + at, epoch, nonce, at + 1) for at in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        connection = open_for_writing(RealDisk(), path)
        reader = OutgoingRows(path)
        done = 0
        for look in range(1, looks + 1):
            until = len(rows) * look // looks
            new = [(row, 0, epoch, nonce, seq, 0, 0, b"") for row, epoch, nonce, seq in rows[done:until]]
            connection.executemany("INSERT INTO batch VALUES(?, ?, ?, ?, ?, ?, ?, ?)", new)
            done = until
            assert reader.boots() == walked(rows[:done])
        reader.close()
        connection.close()
