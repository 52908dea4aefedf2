# SPDX-License-Identifier: Apache-2.0
"""The whole agent with a dead clock and with jumps: schedules wait, come once, and never in a storm."""

from collections import Counter
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.config import parse
from edge.rehearsal import rehearse, start_wall_ms
from edge.replay import replay
from edge.wiring import SimulatedField
from edge.world import EARLIEST_WALL_MS, VirtualClock
from telemetry.history import LogReader
from telemetry.records import Decision, Event
from tests.support.waiting import passes

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "examples" / "da-lat-pepper.toml").read_text(encoding="utf-8")
RUNS = ("06:05", "06:10", "06:15", "06:30")
HOUR_MS = 3_600_000


def scheduled(text: str) -> str:
    """Let the first zone water by the schedule and the second not at all."""
    rows = ", ".join(f'{{ at = "{at}", litres = 20.0 }}' for at in RUNS)
    first, second = text.index('strategy = "moisture"'), text.rindex('strategy = "moisture"')
    assert first < second
    text = text[:second] + 'strategy = "off"' + text[second + len('strategy = "moisture"') :]
    text = text.replace("[limits]", "[alarms]\nclock_patience_s = 60.0\n\n[limits]", 1)
    text = text.replace('strategy = "moisture"', f'strategy = "schedule"\nschedule = [{rows}]', 1)
    return text.replace("rest_min_s = 1800.0", "rest_min_s = 60.0", 1)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 minutes from 06:00: the clock is dead (1970) until 06:20, then right; later it jumps back and forth."""
    state = tmp_path_factory.mktemp("time")
    text = scheduled(TEXT)

    async def script(agent: Agent, _field: SimulatedField) -> None:
        clock = agent.world.clock
        assert isinstance(clock, VirtualClock)
        clock.pushed_ms, clock.trusted = -clock.start_wall_ms, False
        assert clock.wall_ms() < EARLIEST_WALL_MS
        await passes(20 * 60)
        clock.pushed_ms, clock.trusted = 0, True
        await passes(15 * 60)
        for jump in (-HOUR_MS, HOUR_MS, -24 * HOUR_MS, 0, -30 * 60_000, 0):
            clock.pushed_ms = jump
            await passes(60)

    rehearse(parse(text), text, state, 45 * 60.0, script)
    return state


def told(state: Path) -> list[Decision | Event]:
    reader = LogReader(state / "farm.log")
    try:
        return [one.record for one in reader.others(0, 1 << 60) if isinstance(one.record, Decision | Event)]
    finally:
        reader.close()


def test_each_run_comes_once_at_most_and_a_missed_one_is_told(lived: Path) -> None:
    records = told(lived)
    began: list[int] = []
    running = False
    for one in records:
        if isinstance(one, Decision) and one.output == "pepper-1-valve-1":
            started = one.code == "irrigation.start.schedule" and one.level > 0.0
            if started and not running:
                began.append(one.mono_ms)
            running = started
    assert len(began) == 2, "the last missed one once, late; the one of 06:30 at its time; none again after the jumps"
    assert 20 * 60_000 <= began[0] < 21 * 60_000
    assert 30 * 60_000 <= began[1] < 31 * 60_000
    dropped = Counter(
        (one.fields["job"], one.fields["code"])
        for one in records
        if isinstance(one, Event) and one.kind == "schedule.dropped"
    )
    # Once for today, and once for the day before, to which a jump had led.
    assert dropped["pepper-1-1@06:05", "time.run_superseded"] == 2
    assert dropped["pepper-1-1@06:10", "time.run_superseded"] == 2


def test_a_dead_clock_waters_by_no_schedule_and_is_an_alarm_until_it_is_right(lived: Path) -> None:
    records = told(lived)
    early = [one for one in records if isinstance(one, Decision) and one.mono_ms < 20 * 60_000]
    assert not any(one.code == "irrigation.start.schedule" for one in early)
    clock = [
        (one.kind, one.mono_ms // 60_000) for one in records
        if isinstance(one, Event)
        and (one.kind == "clock.trusted" or (one.kind, one.fields.get("alarm")) == ("alarm.raised", "clock.untrusted"))
    ]  # fmt: skip
    assert clock == [("alarm.raised", 1), ("clock.trusted", 20)]
    steps = [one for one in records if isinstance(one, Event) and one.kind == "clock.step"]
    assert len(steps) == 7, "to the right time, and six jumps"


def test_a_night_of_jumps_replays_bit_for_bit(lived: Path) -> None:
    (outcome,) = replay(lived)
    assert outcome.ok, outcome.differences
    assert start_wall_ms(parse(TEXT)) > EARLIEST_WALL_MS
