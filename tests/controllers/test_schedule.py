# SPDX-License-Identifier: Apache-2.0
"""Local jobs under every DST transition, under jumps and a dead RTC: never twice, lost only as the policy says."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from controllers.schedule import AGAIN_AFTER_MS, Calendar, Job, LocalTime, local_time

MINUTE_MS = 60_000
GRACE_S = 3600.0


def test_a_job_runs_once_at_its_minute_and_again_next_day() -> None:
    calendar = Calendar([Job("a", 390, "zone")], GRACE_S)
    runs = [
        (day, minute)
        for day in (100, 101)
        for minute in range(1440)
        if calendar.agenda(LocalTime(day, minute), ((day - 100) * 1440 + minute) * MINUTE_MS, clock_ok=True).due
    ]
    assert runs == [(100, 390), (101, 390)]


def test_weekdays_choose_the_days() -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC).toordinal()
    calendar = Calendar([Job("a", 0, "zone", weekdays=(2, 7))], GRACE_S)
    runs = [d for d in range(7) if calendar.agenda(LocalTime(monday + d, 0), d * 1440 * MINUTE_MS, clock_ok=True).due]
    assert runs == [1, 6]


def test_a_run_missed_within_the_grace_comes_once_and_an_older_one_is_dropped_and_told() -> None:
    calendar = Calendar([Job("early", 300, "zone"), Job("late", 390, "other")], GRACE_S)
    calendar.agenda(LocalTime(10, 200), 0, clock_ok=True)
    agenda = calendar.agenda(LocalTime(10, 420), 220 * MINUTE_MS, clock_ok=True)
    assert [(d.job.id, d.late_min) for d in agenda.due] == [("late", 30)]
    assert [(d.job.id, d.why) for d in agenda.dropped] == [("early", "too late")]
    assert calendar.agenda(LocalTime(10, 421), 221 * MINUTE_MS, clock_ok=True) == ((), ())


def test_a_gap_brings_no_storm_only_the_last_of_a_group_is_made_up() -> None:
    calendar = Calendar([Job(f"p{i}", 360 + 10 * i, "zone") for i in range(6)], GRACE_S)
    agenda = calendar.agenda(LocalTime(10, 412), 0, clock_ok=True)
    assert [d.job.id for d in agenda.due] == ["p5"]
    assert {d.why for d in agenda.dropped} == {"superseded"}


def test_nothing_is_due_while_the_clock_is_not_trusted_and_the_grace_applies_after() -> None:
    calendar = Calendar([Job("a", 390, "zone")], GRACE_S)
    for minute in range(380, 400):
        assert calendar.agenda(LocalTime(10, minute), minute * MINUTE_MS, clock_ok=False) == ((), ())
    assert [d.late_min for d in calendar.agenda(LocalTime(10, 400), 400 * MINUTE_MS, clock_ok=True).due] == [10]


def test_a_run_that_falls_into_a_time_without_a_trusted_clock_is_told_as_dropped() -> None:
    calendar = Calendar([Job("a", 390, "zone")], GRACE_S)
    calendar.agenda(LocalTime(10, 345), 0, clock_ok=True)
    assert calendar.agenda(LocalTime(10, 390), 45 * MINUTE_MS, clock_ok=False) == ((), ())
    agenda = calendar.agenda(LocalTime(10, 600), 255 * MINUTE_MS, clock_ok=True)
    assert (agenda.due, [(d.job.id, d.late_min, d.why) for d in agenda.dropped]) == ((), [("a", 210, "too late")])


def test_a_dead_rtc_that_wakes_in_1970_and_in_2038_does_not_eat_the_real_day() -> None:
    calendar = Calendar([Job("a", 390, "zone")], GRACE_S)
    mono = 0
    for year in (1970, 2038, 2026):
        day = datetime(year, 1, 1, tzinfo=UTC).toordinal()
        mono += AGAIN_AFTER_MS
        assert len(calendar.agenda(LocalTime(day, 390), mono, clock_ok=True).due) == 1, year


def test_a_date_corrected_backwards_does_not_water_twice_within_hours() -> None:
    calendar = Calendar([Job("a", 390, "zone")], GRACE_S)
    assert calendar.agenda(LocalTime(11, 390), 0, clock_ok=True).due
    agenda = calendar.agenda(LocalTime(10, 390), 3_600_000, clock_ok=True)
    assert not agenda.due
    assert [d.why for d in agenda.dropped] == ["too soon"]


def test_a_restart_forgets_nothing() -> None:
    jobs = [Job("a", 390, "zone"), Job("b", 700, "zone")]
    first = Calendar(jobs, GRACE_S)
    first.agenda(LocalTime(10, 390), 1_000_000, clock_ok=True)
    second = Calendar(jobs, GRACE_S)
    second.restore(first.snapshot(1_060_000), 5_000, down_ms=0)
    assert second.agenda(LocalTime(10, 391), 5_000, clock_ok=True) == ((), ())
    assert [d.job.id for d in second.agenda(LocalTime(10, 700), 20_000_000, clock_ok=True).due] == ["b"]
    assert second.snapshot(20_000_000).jobs["a"].days == ((10, 10),)


def transitions(name: str) -> list[int]:
    """Unix times (s) 2020-2037 at which the zone's offset changes, found by bisection on UTC."""
    zone = ZoneInfo(name)

    def offset(at: int) -> timedelta | None:
        return datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()

    step = 5 * 86400
    start, end = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2038, 1, 1, tzinfo=UTC).timestamp())
    found = []
    before = offset(start)
    for at in range(start, end, step):
        after = offset(at + step)
        if after != before:
            low, high = at, at + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            found.append(high)
        before = after
    return found


def live_through(zone: ZoneInfo, start_s: int, minutes: int) -> tuple[Counter[tuple[int, str]], list[int], list[int]]:
    """Let every minute of UTC pass with a job each ten minutes; give runs per (day, job), lateness, drops' lateness."""
    calendar = Calendar([Job(f"j{m}", m, f"g{m}") for m in range(0, 1440, 10)], GRACE_S)
    runs: Counter[tuple[int, str]] = Counter()
    late: list[int] = []
    dropped: list[int] = []
    for step in range(minutes):
        agenda = calendar.agenda(local_time((start_s + 60 * step) * 1000, zone), step * MINUTE_MS, clock_ok=True)
        for due in agenda.due:
            runs[due.day, due.job.id] += 1
            late.append(due.late_min)
        dropped.extend(drop.late_min for drop in agenda.dropped)
    return runs, late, dropped


def test_every_dst_transition_of_every_zone_2020_to_2037_doubles_and_loses_nothing() -> None:
    # The calendar sees only the local clock, so transitions with the same local stream are lived through once.
    lived: set[tuple[int, int]] = set()
    transitions_seen = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for at in transitions(name):
            transitions_seen += 1
            before, after = local_time((at - 60) * 1000, zone), local_time(at * 1000, zone)
            shift = (after.day - before.day) * 1440 + after.minute - before.minute - 1
            if (before.minute, shift) in lived:
                continue
            lived.add((before.minute, shift))
            start = at - 86_400 - 60 * before.minute
            runs, late, dropped = live_through(zone, start, 4 * 1440)
            first = local_time(start * 1000, zone)
            days = range(first.day + 1, local_time((start + 4 * 86_400 - 60) * 1000, zone).day)
            gone = 0
            for day in days:
                told = [runs[day, f"j{m}"] for m in range(0, 1440, 10)]
                assert max(told) == 1, (name, at, "a job ran twice")
                gone += told.count(0)
            assert all(minutes > 60 for minutes in dropped), (name, at, "lost within the grace")
            assert gone == len(dropped), (name, at, "lost without a word")
            assert max(late) <= 60, (name, at)
    assert transitions_seen > 5_000
    assert len(lived) >= 10


@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_clock_jumps_double_nothing_and_lose_nothing_lived_through(seed: int) -> None:
    dice = random.Random(seed)
    jobs = [Job(f"j{m}", m, f"g{m}") for m in (0, 150, 390, 720, 1439)]
    calendar = Calendar(jobs, GRACE_S)
    ran: set[tuple[int, str]] = set()
    settled: set[tuple[int, str]] = set()
    last: dict[str, int] = {}
    wall, mono = 739_000 * 1440, 0
    for _ in range(2_500):
        wall += dice.choice((60, -60, 1440, -1440, 525_600, -525_600, dice.randrange(-3_000, 3_000)))
        mono += dice.randrange(1, 900) * MINUTE_MS
        for step in range(dice.randrange(5, 60)):
            now = LocalTime(*divmod(wall, 1440))
            agenda = calendar.agenda(now, mono, clock_ok=True)
            told = {due.job.id for due in agenda.due}
            for due in agenda.due:
                assert (due.day, due.job.id) not in ran, "a job ran twice for its date"
                assert due.late_min <= 60
                assert mono - last.get(due.job.id, -AGAIN_AFTER_MS) >= AGAIN_AFTER_MS, "twice within hours"
            for job in jobs if step else ():  # a minute that was lived through continuously
                if job.minute == now.minute and (now.day, job.id) not in settled and job.id not in told:
                    assert mono - last[job.id] < AGAIN_AFTER_MS, "a job was lost"
            for due in agenda.due:
                ran.add((due.day, due.job.id))
                last[due.job.id] = mono
            settled.update((one.day, one.job.id) for one in agenda.due)
            settled.update((one.day, one.job.id) for one in agenda.dropped)
            wall += 1
            mono += MINUTE_MS


def test_the_memory_of_a_job_is_bounded() -> None:
    calendar = Calendar([Job("a", 0, "zone")], GRACE_S)
    for i in range(5_000):
        calendar.agenda(LocalTime(3 * i + 1, 0), i * AGAIN_AFTER_MS, clock_ok=True)
    days = calendar.snapshot(0).jobs["a"].days
    assert len(days) == 4096
    assert days[-1] == (14_998, 14_998)
