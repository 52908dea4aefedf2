# SPDX-License-Identifier: Apache-2.0
"""Reminds of calibrations that are due soon or overdue: once a day in the log, and as an alarm while one is due soon.

The rule it keeps: while the wall clock is not known to be right, nothing is called due.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from edge.calibration_book import ShelfBook
from edge.world import BootClock
from telemetry.records import Event

Fields = dict[str, str | float | int | bool]
DUE: Final = "sensor.calibration_due"
DAY_MS: Final = 86_400_000
SOON_MS: Final = 14 * DAY_MS
LOOK_EVERY_S: Final = 600.0


class Alarms(Protocol):
    """Where people are told what stands (``edge.alarms.AlarmBoard``); what is overdue it sees in the samples."""

    def put(self, kind: str, subject: str, severity: str, mono_ms: int, fields: Fields | None = None) -> None:
        """Raise an alarm; nothing happens when it already stands."""

    def clear(self, kind: str, subject: str, mono_ms: int) -> None:
        """Clear an alarm; nothing happens when it does not stand."""


class Reminders:
    """Looks through the calibrations in force; ``record`` takes the events."""

    def __init__(self, book: ShelfBook, record: Callable[[Sequence[Event]], None], alarms: Alarms) -> None:
        self._book = book
        self._record = record
        self._alarms = alarms
        self._standing: set[str] = set()
        self._told_day: dict[tuple[str, str], int] = {}

    async def run(self, boot: BootClock) -> None:
        """Look every ten minutes until cancelled."""
        while True:
            self.look(boot.mono_ms(), boot.wall()[0])
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self, mono_ms: int, wall_ms: int) -> None:
        """Tell what was not told today."""
        today = wall_ms // DAY_MS
        due = list(self._book.due(SOON_MS))
        soon = {series: record.due_at for series, record, left_ms in due if left_ms >= 0}
        for series in self._standing - soon.keys():
            self._alarms.clear(DUE, series, mono_ms)
        for series in soon.keys() - self._standing:
            self._alarms.put(DUE, series, "warning", mono_ms, {"day": f"{soon[series]:%d/%m/%Y}"})
        self._standing = set(soon)
        for series, record, left_ms in due:
            kind = "calibration.overdue" if left_ms < 0 else "calibration.due_soon"
            if self._told_day.get((kind, series)) == today:
                continue
            self._told_day[kind, series] = today
            fields: Fields = {"days": abs(left_ms) / DAY_MS, "artifact": record.id}
            severity = "warning" if left_ms < 0 else "info"
            self._record((Event(kind, series, mono_ms, severity, fields=fields),))
