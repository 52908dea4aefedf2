# SPDX-License-Identifier: Apache-2.0
"""Alarms in the whole agent: a bus that is cut is one alarm, answered by a person, and all of it replays."""

from pathlib import Path

import pytest

from edge.agent import Agent
from edge.alarm_history import history
from edge.alarms import AlarmBoard
from edge.config import parse
from edge.live import Alarm
from edge.rehearsal import rehearse
from edge.replay import replay
from edge.wiring import SimulatedField
from telemetry.history import LogReader
from telemetry.records import Event
from tests.support.waiting import passes

FARM = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
LAN = {"person": "lan", "role": "operator"}
CUT_S, SEEN_S, BACK_S, END_S = 60.0, 180.0, 240.0, 420.0


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Alarm, ...]]]:
    """A farm whose only bus falls silent as a whole, is acknowledged, and comes back."""
    state, looks = tmp_path_factory.mktemp("cut"), list[tuple[Alarm, ...]]()
    text = FARM.read_text(encoding="utf-8")

    async def script(agent: Agent, field: SimulatedField) -> None:
        await passes(CUT_S)
        for instrument in field.instruments.values():
            instrument.silent = True
        await passes(SEEN_S - CUT_S)
        looks.append(agent.desk.live().alarms)
        number = looks[0][0].number
        assert (await agent.desk.order("acknowledge", {**LAN, "number": number})).outcome == "done"
        refused = await agent.desk.order("shelve", {**LAN, "number": number, "seconds": float("inf")})
        assert refused.outcome == "refused"
        looks.append(agent.desk.live().alarms)
        await passes(BACK_S - SEEN_S)
        for instrument in field.instruments.values():
            instrument.silent = False

    rehearse(parse(text), text, state, END_S, script)
    return state, looks


def test_a_cut_bus_is_one_alarm_with_everything_else_inside(cut: tuple[Path, list[tuple[Alarm, ...]]]) -> None:
    _, (before, after) = cut
    causes = [(one.kind, one.subject) for one in before]
    assert causes[0] == ("bus.silent", "pepper-1-bus")
    assert len(before[0].inside) >= 20
    inside = {one.kind for one in before[0].inside}
    assert {"bus.dead", "sensor.silent"} <= inside
    of_the_line = ("bus.", "sensor.", "output.")
    assert [one for one in causes[1:] if one[0].startswith(of_the_line)] == []
    assert after[0].person == "lan"


def test_people_are_called_once_for_it_and_once_more_when_it_grows_worse(
    cut: tuple[Path, list[tuple[Alarm, ...]]],
) -> None:
    state, _ = cut
    calls = [
        (one.subject, one.fields["why"])
        for one in events(state)
        if one.kind == "alarm.call" and str(one.fields["alarm"]).startswith(("bus.", "sensor.", "output."))
    ]
    assert calls[:1] == [("pepper-1-bus", "raised")]
    assert set(calls[1:]) <= {("pepper-1-bus", "worse"), ("pepper-1-bus", "cleared")}
    assert len(calls) <= 3


def test_the_log_alone_tells_the_story_and_the_day_replays(cut: tuple[Path, list[tuple[Alarm, ...]]]) -> None:
    state, _ = cut
    reader = LogReader(state / "farm.log")
    try:
        stored = [(one.wall_ms, one.record) for one in reader.events(0, 1 << 60) if isinstance(one.record, Event)]
    finally:
        reader.close()
    bus = next(one for one in history(stored) if one.kind == "bus.silent")
    assert bus.person == "lan"
    assert bus.raised_ms < bus.acknowledged_ms < bus.cleared_ms
    (outcome,) = replay(state)
    assert outcome.ok, outcome.differences


def events(state: Path) -> list[Event]:
    reader = LogReader(state / "farm.log")
    try:
        return [one.record for one in reader.events(0, 1 << 60) if isinstance(one.record, Event)]
    finally:
        reader.close()


def test_the_board_of_a_farm_costs_a_tick_next_to_nothing() -> None:
    """Forty standing alarms are grouped once, not once a tick."""
    board = AlarmBoard(lambda _: None)
    for i in range(40):
        board.put("bus.dead", f"probe-{i}", "alarm", 0)
    first = board.groups()
    assert board.groups() is first
    board.clear("bus.dead", "probe-1", 1)
    assert board.groups() is not first
