# SPDX-License-Identifier: Apache-2.0
"""Reminds of calibrations that are due soon or overdue, once a day each.

The rule it keeps: while the wall clock is not known to be right, nothing is called due.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge.calibration_book import ShelfBook
from edge.world import BootClock
from telemetry.records import Event

DAY_MS: Final = 86_400_000
SOON_MS: Final = 14 * DAY_MS
LOOK_EVERY_S: Final = 600.0


class Reminders:
    """Looks through the calibrations in force; ``record`` takes the events."""

    def __init__(self, book: ShelfBook, record: Callable[[Sequence[Event]], None]) -> None:
        self._book = book
        self._record = record
        self._told_day: dict[tuple[str, str], int] = {}

    async def run(self, boot: BootClock) -> None:
        """Look every ten minutes until cancelled."""
        while True:
            self.look(boot.mono_ms(), boot.wall()[0])
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self, mono_ms: int, wall_ms: int) -> None:
        """Tell what was not told today."""
        today = wall_ms // DAY_MS
        for series, record, left_ms in self._book.due(SOON_MS):
            kind = "calibration.overdue" if left_ms < 0 else "calibration.due_soon"
            if self._told_day.get((kind, series)) == today:
                continue
            self._told_day[kind, series] = today
            fields: dict[str, str | float | int | bool] = {"days": abs(left_ms) / DAY_MS, "artifact": record.id}
            severity = "warning" if left_ms < 0 else "info"
            self._record((Event(kind, series, mono_ms, severity, fields=fields),))
