# SPDX-License-Identifier: Apache-2.0
"""The backlogs of the telemetry bench: a day as an edge on profile ``safe`` writes it, and thirty such days.

Every group is of 50 points, one each 10 s. The month is thirty boots of a day: the bodies of the first day's groups,
sealed anew under each boot's own numbers and times, as thirty days without a link would have left them.
"""

import time
from pathlib import Path
from typing import Final

from bench.telemetry_data import PERIOD_MS, polls
from telemetry.envelope import Header, Packer
from telemetry.log import Log

DAY_GROUPS: Final = 8_640
GROUP_POINTS: Final = 50
DAY_MS: Final = DAY_GROUPS * PERIOD_MS
_MADE_FROM: Final = (27, 30)  # the groups that become the dictionary


def day_of_backlog(path: Path) -> None:
    """Write the last 24 hours through the log itself, a synced commit a group."""
    log = Log.open(path, "farm-1")
    begun_ms = time.time_ns() // 1_000_000 - DAY_MS
    for mono, group in polls(9, DAY_GROUPS):
        log.append(group)
        log.flush(mono, begun_ms + mono, True)
    log.close()


def month_of_backlog(path: Path, days: int = 30) -> None:
    """Write the last ``days`` days, a boot each; the newest ends now."""
    log, packer = Log.open(path, "farm-1"), Packer()
    groups = [(mono, packer.encode(group), len(group)) for mono, group in polls(9, DAY_GROUPS)]
    dictionary = b"".join(body for _, body, _ in groups[slice(*_MADE_FROM)])[-16_384:]
    number = packer.use_dictionary(dictionary)
    begun_ms = time.time_ns() // 1_000_000 - days * DAY_MS
    with log.transaction() as connection:
        connection.execute("INSERT INTO dictionary VALUES(?, ?, ?, 0)", (number, dictionary, dictionary))
        connection.execute("UPDATE boot SET epoch=?", (days + 1,))
        for day in range(days):
            epoch, nonce, rows = day + 1, 1_000 + day, []
            for at, (mono, body, total) in enumerate(groups):
                wall_ms = begun_ms + day * DAY_MS + mono
                header = Header("farm-1", epoch, nonce, at + 1, 0, mono, wall_ms, True, total)
                row = day * DAY_GROUPS + at + 1
                rows.append((row, epoch, nonce, at + 1, wall_ms, wall_ms, packer.seal(header, body)))
            connection.executemany("INSERT INTO batch VALUES(?, 0, ?, ?, ?, ?, ?, ?)", rows)
    log.close()
