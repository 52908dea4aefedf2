# SPDX-License-Identifier: Apache-2.0
"""What the log tells the page: yesterday's line at start, and today's waterings with their reasons.

The rule it keeps: the log is read by one worker thread, never by the event loop, and never more of it than is new;
a log that is missing or damaged leaves the page without history, not without life, and ``trouble`` says so: what is
not known is never told as what did not happen.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from edge.console.day_memory import BUCKETS, DayMemory
from telemetry.records import Decision, Event, Input

DAY_MS: Final = 86_400_000
LOOK_AGAIN_S: Final = 20.0
OVERLAP_MS: Final = 120_000  # a group may be written so long after what it holds
TURNS_MAX: Final = 1_000  # of one output; a valve that turns oftener than every 100 s is a fault of its own

HELD: Final = "order.hold"
DROPPED: Final = "schedule.dropped"
NOTES_MAX: Final = 200  # of one output or zone

_log = logging.getLogger(__name__)


class Record(Protocol):
    """A stored decision and its wall time, as ``telemetry.history.Stored``."""

    @property
    def wall_ms(self) -> int:
        """UTC milliseconds."""

    @property
    def record(self) -> Any:
        """The record itself."""


class Reader(Protocol):
    """What is needed of ``telemetry.history.LogReader``."""

    def latest(self) -> Mapping[str, Any]:
        """Give the newest sample of each series."""

    def range(self, series: str, from_wall_ms: int, to_wall_ms: int, max_points: int = 0) -> Any:
        """Give ``wall_ms``, ``value`` and ``quality`` arrays."""

    def decisions(self, place_or_output: str, from_wall_ms: int, to_wall_ms: int) -> list[Any]:
        """Give stored decisions, oldest first."""

    def events(self, from_wall_ms: int, to_wall_ms: int, kind: str = "") -> list[Any]:
        """Give stored events whose kind begins with ``kind``, oldest first."""


@dataclass(frozen=True, slots=True)
class Run:
    """A time in which an output was wanted open or on, and the decision that began it. ``end_ms`` 0: still so."""

    output: str
    begin_ms: int
    end_ms: int
    code: str
    rule: str
    inputs: tuple[Input, ...]


def runs_of(decisions: list[tuple[int, Decision]]) -> list[Run]:
    """Turn one output's decisions (oldest first) into the runs they made."""
    runs: list[Run] = []
    began: tuple[int, Decision] | None = None
    for wall_ms, decision in decisions:
        wanted = _wanted(decision)
        if wanted and began is None:
            began = (wall_ms, decision)
        elif not wanted and began is not None:
            start, first = began
            runs.append(Run(first.output, start, wall_ms, first.code, first.rule, first.inputs))
            began = None
    if began is not None:
        start, first = began
        runs.append(Run(first.output, start, 0, first.code, first.rule, first.inputs))
    return runs


def turns_of(decisions: list[tuple[int, Decision]]) -> list[tuple[int, Decision]]:
    """Keep of one output's decisions (oldest first) those where it began or ended, the newest TURNS_MAX."""
    kept: list[tuple[int, Decision]] = []
    for wall_ms, decision in decisions:
        if not kept or _wanted(decision) != _wanted(kept[-1][1]):
            kept.append((wall_ms, decision))
    return kept[-TURNS_MAX:]


def _wanted(decision: Decision) -> bool:
    return decision.level > 0.0 and not decision.vetoed


class DayBook:
    """Reads the log for the page. ``open_reader`` is called in the worker thread."""

    def __init__(self, open_reader: Callable[[], Reader], memory: DayMemory) -> None:
        self._open_reader = open_reader
        self._memory = memory
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="day-book")
        self._reader: Reader | None = None
        self._turns: dict[str, list[tuple[int, Decision]]] = {}
        self._notes: dict[str, list[tuple[int, Event]]] = {}
        self._read_to_ms = 0
        self.latest: dict[str, tuple[int, float, int]] = {}
        self.filled = False
        self.trouble = ""  # why the log cannot be read, in the words of its reader; "" while it can

    def runs(self, output: str, since_ms: int) -> list[Run]:
        """Give the runs of ``output`` that ended after ``since_ms`` or still go on, oldest first."""
        return [run for run in runs_of(self._turns.get(output, [])) if run.end_ms == 0 or run.end_ms > since_ms]

    def who(self, output: str, at_ms: int) -> Event | None:
        """Give the newest order of a person to ``output`` that was given before a moment."""
        given = [one for at, one in self._notes.get(output, []) if one.kind == HELD and at <= at_ms]
        return given[-1] if given else None

    def dropped(self, zone: str, since_ms: int) -> list[tuple[int, Event]]:
        """Give the scheduled waterings of ``zone`` that were dropped since, oldest first, and when that was."""
        return [(at, one) for at, one in self._notes.get(zone, []) if one.kind == DROPPED and at >= since_ms]

    async def events(self, from_ms: int, to_ms: int) -> list[tuple[int, Event]] | None:
        """Give the events of a time with their wall time, oldest first; None while the log cannot be read."""
        loop = asyncio.get_running_loop()
        try:
            stored = await loop.run_in_executor(self._worker, lambda: self._open().events(from_ms, to_ms))
        except Exception as error:  # noqa: BLE001 - as in run: the page lives without history
            self._fails(error)
            return None
        return [(one.wall_ms, one.record) for one in stored]

    async def run(self, wall_ms: Callable[[], int]) -> None:
        """Fill the memory from the log, then keep the decisions up to date until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    if not self.filled:
                        await loop.run_in_executor(self._worker, self._fill, wall_ms())
                        self.filled = True
                    await loop.run_in_executor(self._worker, self._look, wall_ms())
                    self.trouble = ""
                except Exception as error:  # noqa: BLE001 - the page lives without history; the log's reader may fail in its own ways
                    self._fails(error)
                    self._reader = None
                await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            self._worker.shutdown(wait=False, cancel_futures=True)

    def _fails(self, error: Exception) -> None:
        _log.warning("the record cannot be read: %s", error)
        self.trouble = str(error) or type(error).__name__

    def _open(self) -> Reader:
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def _fill(self, now_ms: int) -> None:
        reader = self._open()
        for name, seen in reader.latest().items():
            self.latest[name] = (seen.wall_ms, seen.sample.value, seen.sample.quality)
            points = reader.range(name, now_ms - DAY_MS, now_ms, 4 * BUCKETS)
            for at, value, quality in zip(
                points.wall_ms.tolist(), points.value.tolist(), points.quality.tolist(), strict=True
            ):
                self._memory.add(name, at, value, quality)

    def _look(self, now_ms: int) -> None:
        oldest_ms = now_ms - DAY_MS - DAY_MS // 4
        found: dict[str, dict[int, Decision]] = {output: dict(turns) for output, turns in self._turns.items()}
        from_ms = max(oldest_ms, self._read_to_ms - OVERLAP_MS)
        for stored in self._open().decisions("", from_ms, now_ms + 1):
            found.setdefault(stored.record.output, {})[stored.wall_ms] = stored.record
        self._notes = self._noted(oldest_ms, from_ms, now_ms + 1)
        # The event loop reads the old dict until this one stands in its place.
        self._turns = {
            output: turns_of(
                sorted(((at, one) for at, one in turns.items() if at >= oldest_ms), key=lambda turn: turn[0])
            )
            for output, turns in found.items()
        }
        self._read_to_ms = now_ms

    def _noted(self, oldest_ms: int, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, Event]]]:
        """Give the notes with those of a stretch: people's orders and what the schedule left out, by subject."""
        found = {subject: {(at, one.kind): one for at, one in notes} for subject, notes in self._notes.items()}
        for kind in (HELD, DROPPED):
            for stored in self._open().events(from_ms, to_ms, kind):
                found.setdefault(stored.record.subject, {})[stored.wall_ms, kind] = stored.record
        return {
            subject: [(at, notes[at, kind]) for at, kind in sorted(notes) if at >= oldest_ms][-NOTES_MAX:]
            for subject, notes in found.items()
        }
