# SPDX-License-Identifier: Apache-2.0
"""The whole agent with its water on the microcontroller's own firmware, in virtual time: it waters, replays, and
whatever the board does by itself is told with its reason."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.agent import Agent
from edge.cli import main
from edge.config import parse
from edge.console.reason_words import reason_words
from edge.console.sentences import say
from edge.exits import LOG_FILE
from edge.rehearsal import START_WALL_MS, Script, rehearse
from edge.replay import replay
from edge.wiring import SimulatedField
from firmware_bridge.board_process import BoardEvent
from firmware_bridge.linux_board import VirtualBoard
from pages.words import words
from telemetry.history import LogReader
from telemetry.records import Ack, AnyRecord, Command, Event, Sample
from tests.support.board_farm import EXAMPLE, board_farm
from tests.support.waiting import passes

VALVE, PUMP = "pepper-1-valve-1", "pepper-1-pump"
HOLD = {"output": VALVE, "person": "lan", "role": "operator", "level": 1.0, "seconds": 300.0}
TECHNICIAN = {"place": "pepper-1-water", "person": "minh", "role": "technician"}


def live(state: Path, seconds: float, script: Script, text: str | None = None) -> tuple[Agent, list[AnyRecord]]:
    text = text or board_farm()
    state.mkdir(exist_ok=True)
    agent = rehearse(parse(text), text, state, seconds, script)
    reader = LogReader(state / LOG_FILE)
    try:
        return agent, [record for _, group in reader.records() for record in group]
    finally:
        reader.close()


def board_of(field: SimulatedField) -> VirtualBoard:
    board = field.boards["pepper-1-board"].process
    assert isinstance(board, VirtualBoard)
    return board


def events(records: list[AnyRecord], kind: str) -> list[Event]:
    return [r for r in records if isinstance(r, Event) and kind in {r.kind, r.fields.get("alarm")}]


async def watered(agent: Agent, field: SimulatedField) -> None:
    """Wait for the control loop's own hold, then let a person open a valve."""
    del field
    await passes(30)
    assert (await agent.desk.order("hold", HOLD)).outcome == "done"
    await passes(60)


def test_the_valve_of_the_twin_is_the_boards_pin_and_its_meter_counts(tmp_path: Path) -> None:
    agent, records = live(tmp_path, 120, watered)
    assert agent.gate.lines[VALVE].wire.ability.leased
    metered = [r.value for r in records if isinstance(r, Sample) and r.series == "pepper-1-water/water_volume.1"]
    assert metered[-1] > 10.0
    flow = [r.value for r in records if isinstance(r, Sample) and r.series == "pepper-1-water/water_flow.1"]
    assert max(flow) == pytest.approx(40.0, rel=0.25)
    pins = [r.value for r in records if isinstance(r, Sample) and r.series == "pepper-1-water/switch.2"]
    assert set(pins) == {0.0, 1.0}
    done = {r.command for r in records if isinstance(r, Ack) and r.outcome == "done"}
    assert {r.output for r in records if isinstance(r, Command) and r.level and r.id in done} >= {VALVE, PUMP}
    (outcome,) = replay(tmp_path)
    assert outcome.ok, outcome.differences


def test_the_same_seed_gives_the_same_log_with_a_board_too(tmp_path: Path) -> None:
    first, second = (live(tmp_path / name, 100, watered)[1] for name in "ab")
    assert len(first) > 500
    assert repr(first) == repr(second)


def test_a_firmware_that_hangs_closes_the_valve_by_itself_and_is_told(tmp_path: Path) -> None:
    seen: list[BoardEvent] = []

    async def script(agent: Agent, field: SimulatedField) -> None:
        await watered(agent, field)
        board = board_of(field)
        board.on_event = seen.append
        assert board.on & 0b101 == 0b101
        board.inject("wedge")
        await passes(60)

    agent, records = live(tmp_path, 160, script)
    off = next(event for event in seen if event.e == "outputs" and event.on == 0)
    assert any(event.e == "reset" and event.us == off.us for event in seen)
    (hung,) = [e for e in events(records, "mcu.started") if e.severity == "warning"]
    said = say(hung.kind, hung.fields, reason_words(), words("vi"))
    assert "bộ giám sát" in said.text
    again = [r for r in records if isinstance(r, Ack) and r.mono_ms > hung.mono_ms and r.outcome == "done"]
    assert {r.output for r in again} >= {PUMP}
    assert agent.alarms.stands("bus.dead", "pepper-1-board") is False


def test_a_hand_at_the_plants_switch_moves_its_output_and_replays(tmp_path: Path) -> None:
    contact = '[[board.inputs]]\ninput = 2\nseries = "pepper-1-water/switch.11"\n'
    switch = f'[[local_switch]]\nseries = "pepper-1-water/switch.11"\noutputs = ["{VALVE}"]\ndoes = "on"\nmax_min = 1\n'

    async def script(agent: Agent, field: SimulatedField) -> None:
        await passes(30)
        board_of(field).inject("input 2 1")
        await passes(20)
        assert agent.orders.overrides[VALVE].origin == "local"
        assert board_of(field).on & 1
        board_of(field).inject("input 2 0")
        await passes(20)

    _, records = live(tmp_path, 90, script, f"{board_farm()}\n{contact}\n{switch}")
    (order,) = (e for e in records if isinstance(e, Event) and e.kind == "order.hold")
    (end,) = (e for e in records if isinstance(e, Event) and e.kind == "order.end")
    assert (order.fields["origin"], order.subject, end.subject) == ("local", VALVE, VALVE)
    (outcome,) = replay(tmp_path)
    assert outcome.ok, outcome.differences


def test_the_stop_chain_latches_until_a_technician_has_looked(tmp_path: Path) -> None:
    levels: list[int] = []

    async def script(agent: Agent, field: SimulatedField) -> None:
        await watered(agent, field)
        board = board_of(field)
        board.inject("input 0 1")
        await passes(0.01)
        board.follow()
        levels.append(board.on)
        await passes(6)
        assert agent.alarms.stands("mcu.shutdown", "pepper-1-board")
        assert agent.gate.lines[VALVE].detail == "refusal.shutdown"
        assert (await agent.desk.order("reset", TECHNICIAN)).outcome == "done"
        await passes(6)
        assert agent.alarms.stands("mcu.shutdown", "pepper-1-board"), "it was released with the chain still open"
        board.inject("input 0 0")
        assert (await agent.desk.order("reset", TECHNICIAN)).outcome == "done"
        await passes(6)
        assert not agent.alarms.stands("mcu.shutdown", "pepper-1-board")
        await agent.desk.order("stop", {key: HOLD[key] for key in ("output", "person", "role")})
        assert (await agent.desk.order("hold", HOLD)).outcome == "done"

    _, records = live(tmp_path, 160, script)
    assert levels == [0]
    assert len(events(records, "mcu.not_released")) == 1
    assert len(events(records, "mcu.released")) == 1
    raised = next(e for e in events(records, "mcu.shutdown") if e.kind == "alarm.raised")
    assert raised.severity == "critical"
    told = CliRunner().invoke(main, ["firmware", "log", "--state", str(tmp_path), "--hours", "1e6", "--json"])
    assert told.exit_code == 0
    codes = [json.loads(line)["code"] for line in told.stdout.splitlines()]
    assert codes.index("mcu.ready") < codes.index("mcu.shutdown") < codes.index("mcu.released")
    assert "emergency stop" in say("mcu.shutdown", raised.fields, reason_words(), words("en")).text


def test_a_pump_that_runs_dry_is_stopped_by_the_board_before_the_agent_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(agent: Agent, field: SimulatedField) -> None:
        await watered(agent, field)
        board = board_of(field)
        assert board.on & 0b100
        monkeypatch.setattr(field.boards["pepper-1-board"], "feel", lambda _signal: None)  # the meter's cable is cut
        began = asyncio.get_running_loop().time()
        while board.on & 0b100:
            await passes(0.25)
            board.follow()
        assert asyncio.get_running_loop().time() - began <= 6.5
        await passes(3)
        assert agent.gate.lines[PUMP].detail == "block.dry_run"

    _, records = live(tmp_path, 130, script)
    refused = next(r for r in records if isinstance(r, Ack) and r.detail == "block.dry_run")
    moment = datetime.fromtimestamp((START_WALL_MS + refused.mono_ms) / 1000.0, tz=UTC).isoformat()
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    asked = ["why", PUMP, "--state", str(tmp_path), "--at", moment]
    assert "Bơm chạy khô" in CliRunner().invoke(main, asked).stdout
    rows = [json.loads(line) for line in CliRunner().invoke(main, [*asked, "--json"]).stdout.splitlines()]
    assert [row["code"] for row in rows if row.get("hardware") == "refused"] == ["block.dry_run"]


def test_unleased_water_stands_as_an_alarm_with_the_reason_that_was_given(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace(
        'type = "waveshare-relay-8ch"', 'type = "io-box-16"\nunleased_reason = "a spring closes this valve"'
    )

    async def script(agent: Agent, field: SimulatedField) -> None:
        del field
        await passes(5)
        standing = {one.subject: one for one in agent.desk.live().alarms if one.kind == "output.unleased"}
        assert VALVE in standing
        said = say("output.unleased", standing[VALVE].fields, reason_words(), words("en"))
        assert "a spring closes this valve" in said.text

    live(tmp_path, 10, script, text)
