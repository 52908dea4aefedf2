# SPDX-License-Identifier: Apache-2.0
"""Jobs at local times of day: which are due now, and which are dropped.

The rules it keeps, whatever the clock does (DST, jumps, a dead RTC):
a job has an identity per (local date, job) and never runs twice for it; a job missed by no more than the grace
still runs, late and once, and of several missed in one group only the last; older ones are dropped and reported;
the same job does not come again within 12 h of *monotonic* time, so a corrected date cannot double it; and while the
clock is not trusted nothing is due. A job at 02:30 therefore runs once on the day of 25 hours, and on the day of 23
hours at 03:00 (half an hour late) if the grace allows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from controllers.settings import MINUTES_A_DAY

AGAIN_AFTER_MS: Final = 12 * 3600 * 1000
DAYS_LOOKED_BACK: Final = 2  # how many days of missed jobs are reported after a gap; a longer one is a clock step
RANGES_KEPT: Final = 4096


class LocalTime(NamedTuple):
    """Where the local calendar stands: ``date.toordinal()`` and whole minutes since local midnight."""

    day: int
    minute: int


def local_time(wall_ms: int, timezone: ZoneInfo) -> LocalTime:
    """Give the local calendar of a Unix time in milliseconds."""
    moment = datetime.fromtimestamp(wall_ms / 1000.0, UTC).astimezone(timezone)
    return LocalTime(moment.toordinal(), moment.hour * 60 + moment.minute)


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to be done each chosen day at ``minute`` of the local day. A late group does only its last job."""

    id: str
    minute: int
    group: str
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)

    def on(self, day: int) -> bool:
        """Whether the job belongs to that day's weekday (ordinal day 1 was a Monday)."""
        return (day - 1) % 7 + 1 in self.weekdays


class Due(NamedTuple):
    """A job to do now, ``late_min`` minutes after its time."""

    job: Job
    day: int
    late_min: int


class Dropped(NamedTuple):
    """A job that will not be done: ``too late``, ``superseded`` by a later one of its group, or ``too soon``."""

    job: Job
    day: int
    late_min: int
    why: str


class Agenda(NamedTuple):
    """What the calendar says at one moment."""

    due: tuple[Due, ...]
    dropped: tuple[Dropped, ...]


NOTHING: Final = Agenda((), ())


class JobLedger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one job has done: local days as closed ranges, and how long ago it last ran (-1 never)."""

    days: tuple[tuple[int, int], ...] = ()
    ran_ms_ago: int = -1


class CalendarState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calendar's memory, for a restart."""

    seen: tuple[int, int] | None = None
    jobs: dict[str, JobLedger] = {}


class _Memory:
    """The days one job has been settled for (done or dropped), as sorted closed ranges, and when it last ran."""

    __slots__ = ("days", "last_ms")

    def __init__(self) -> None:
        self.days: list[tuple[int, int]] = []
        self.last_ms: int | None = None

    def has(self, day: int) -> bool:
        at = bisect_right(self.days, (day, 1 << 62)) - 1
        return at >= 0 and self.days[at][0] <= day <= self.days[at][1]

    def add(self, day: int) -> None:
        if self.has(day):
            return
        at = bisect_left(self.days, (day, day))
        low = high = day
        if at < len(self.days) and self.days[at][0] == day + 1:
            high = self.days.pop(at)[1]
        if at > 0 and self.days[at - 1][1] == day - 1:
            at -= 1
            low = self.days.pop(at)[0]
        self.days.insert(at, (low, high))
        if len(self.days) > RANGES_KEPT:  # thousands of separate days: forget the one farthest from today
            first, last = self.days[0], self.days[-1]
            self.days.pop(0 if day - first[1] >= last[0] - day else -1)


class Calendar:
    """Jobs and their memory. ``agenda`` is asked once a tick and is cheap while the minute stands still."""

    def __init__(self, jobs: Sequence[Job], grace_s: float) -> None:
        self._jobs = sorted(jobs, key=lambda job: (job.minute, job.id))
        self._minutes = [job.minute for job in self._jobs]
        self._grace_min = int(grace_s // 60)
        self._memory = {job.id: _Memory() for job in self._jobs}
        self._seen: LocalTime | None = None

    def agenda(self, now: LocalTime, mono_ms: int, *, clock_ok: bool) -> Agenda:
        """Tell what is due at ``now`` and what is dropped; each (date, job) is told once, ever."""
        if not clock_ok or not self._jobs:
            return NOTHING  # what falls into this time is told as dropped when the clock can be trusted again
        if now == self._seen:
            return NOTHING
        found = self._settle(self._candidates(now), mono_ms)
        self._seen = now
        return found

    def _candidates(self, now: LocalTime) -> list[Due]:
        """List the jobs between the last look and now that are not settled, oldest first."""
        seen = self._seen
        if seen is None or seen > now or now.day - seen.day > DAYS_LOOKED_BACK:
            start = now.minute - self._grace_min
            first = LocalTime(now.day + start // MINUTES_A_DAY, start % MINUTES_A_DAY)
        else:
            start = seen.day * MINUTES_A_DAY + seen.minute + 1
            first = LocalTime(*divmod(start, MINUTES_A_DAY))
        found: list[Due] = []
        for day in range(first.day, now.day + 1):
            low = bisect_left(self._minutes, first.minute) if day == first.day else 0
            high = bisect_right(self._minutes, now.minute) if day == now.day else len(self._minutes)
            for job in self._jobs[low:high]:
                if job.on(day) and not self._memory[job.id].has(day):
                    late = (now.day - day) * MINUTES_A_DAY + now.minute - job.minute
                    found.append(Due(job, day, late))
        return found

    def _settle(self, found: list[Due], mono_ms: int) -> Agenda:
        if not found:
            return NOTHING
        newest = {due.job.group: due for due in found}  # found is oldest first: the last of each group stays
        due: list[Due] = []
        dropped: list[Dropped] = []
        for one in found:
            memory = self._memory[one.job.id]
            memory.add(one.day)
            if one.late_min > self._grace_min:
                dropped.append(Dropped(*one, "too late"))
            elif newest[one.job.group] is not one:
                dropped.append(Dropped(*one, "superseded"))
            elif memory.last_ms is not None and mono_ms - memory.last_ms < AGAIN_AFTER_MS:
                dropped.append(Dropped(*one, "too soon"))
            else:
                memory.last_ms = mono_ms
                due.append(one)
        return Agenda(tuple(due), tuple(dropped))

    def snapshot(self, mono_ms: int) -> CalendarState:
        """Give the memory as a plain record; times become ages, for monotonic time starts anew at boot."""
        return CalendarState(
            seen=None if self._seen is None else (self._seen.day, self._seen.minute),
            jobs={
                name: JobLedger(tuple(m.days), -1 if m.last_ms is None else mono_ms - m.last_ms)
                for name, m in self._memory.items()
                if m.days
            },
        )

    def restore(self, state: CalendarState, mono_ms: int, down_ms: int) -> None:
        """Take back a memory ``down_ms`` after its snapshot (0 when not known); jobs no longer there are left out."""
        self._seen = None if state.seen is None else LocalTime(*state.seen)
        for name, ledger in state.jobs.items():
            memory = self._memory.get(name)
            if memory is not None:
                memory.days = list(ledger.days)
                memory.last_ms = None if ledger.ran_ms_ago < 0 else mono_ms - ledger.ran_ms_ago - max(0, down_ms)
