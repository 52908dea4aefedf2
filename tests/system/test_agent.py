# SPDX-License-Identifier: Apache-2.0
"""The whole agent on simulated bytes in virtual time: it repeats, replays, obeys people, and survives liars."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.signals import ElementFault
from edge.agent import Agent
from edge.config import parse
from edge.exits import LOG_FILE
from edge.rehearsal import Script, rehearse
from edge.replay import replay
from edge.wiring import SimulatedField
from telemetry.history import LogReader
from telemetry.records import UNUSABLE, Ack, AnyRecord, Command, Decision, Event, Quality, Reading, Sample, Tick
from tests.support.service_manager import Manager
from tests.support.waiting import passes

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
VALVE = {"output": "pepper-1-valve-1", "person": "lan", "role": "operator"}


@dataclass
class Day:
    agent: Agent
    records: list[AnyRecord]

    def of(self, kind: type[Any], keep: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        return [r for r in self.records if isinstance(r, kind) and keep(r)]


def live(state: Path, seconds: float, script: Script | None = None, text: str = TEXT) -> Day:
    state.mkdir(exist_ok=True)
    config = parse(text)
    agent = rehearse(config, text, state, seconds, script) if script else rehearse(config, text, state, seconds)
    return Day(agent, stored(state))


def stored(state: Path) -> list[AnyRecord]:
    reader = LogReader(state / LOG_FILE)
    try:
        return [record for _, group in reader.records() for record in group]
    finally:
        reader.close()


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Day]:
    """Half an hour from 06:00 with a person who opens and stops a valve."""

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(700)
        await agent.desk.order("hold", {**VALVE, "level": 1.0, "seconds": 300.0})
        await passes(60)
        await agent.desk.order("stop", VALVE)

    state = tmp_path_factory.mktemp("morning")
    return state, live(state, 1800, script)


def test_every_step_of_the_way_is_in_the_log(morning: tuple[Path, Day]) -> None:
    _, day = morning
    for kind in (Reading, Sample, Decision, Command, Ack, Event, Tick):
        assert day.of(kind), f"no {kind.__name__} was stored"
    assert {s.series for s in day.of(Sample, lambda s: s.value == s.value)} == set(day.agent.board.plans)


def test_every_output_is_decided_on_also_when_nothing_is_done(morning: tuple[Path, Day]) -> None:
    _, day = morning
    outputs = {o.id for o in day.agent.config.control.outputs}
    assert {d.output for d in day.of(Decision)} == outputs
    assert all(d.code for d in day.of(Decision))


def test_every_command_is_answered_and_dies_by_itself(morning: tuple[Path, Day]) -> None:
    _, day = morning
    answered = {a.command for a in day.of(Ack)}
    for command in day.of(Command):
        assert command.id in answered
        assert 0 < command.lease_ms <= 10_000
        assert 0 < command.expires_ms - command.mono_ms <= 10_000


def test_the_dry_zone_is_watered_by_its_valve_and_the_meter_sees_it(morning: tuple[Path, Day]) -> None:
    _, day = morning
    opened = day.of(Command, lambda c: c.output == "pepper-1-valve-2" and c.level == 1.0 and c.origin == "auto")
    assert opened
    litres = [s.value for s in day.of(Sample, lambda s: s.series == "pepper-1-water/water_volume")]
    assert litres[-1] - litres[0] > 100.0


def test_a_person_opens_and_stops_a_valve_through_the_same_gate(morning: tuple[Path, Day]) -> None:
    _, day = morning
    mine = day.of(Command, lambda c: c.output == "pepper-1-valve-1" and c.origin == "manual")
    assert [c.level for c in mine] == [1.0, 0.0] or [c.level for c in mine][:1] == [1.0]
    assert all(c.person == "lan" for c in mine)
    assert [e.kind for e in day.of(Event, lambda e: e.kind.startswith("order."))] == ["order.hold", "order.end"]


def test_the_same_seed_gives_the_same_log_bit_for_bit(tmp_path: Path) -> None:
    first = live(tmp_path / "a", 300)
    second = live(tmp_path / "b", 300)
    assert len(first.records) > 1000
    assert repr(first.records) == repr(second.records)


def test_the_log_replays_to_the_same_decisions(morning: tuple[Path, Day]) -> None:
    state, day = morning
    (outcome,) = replay(state)
    assert outcome.differences == []
    assert outcome.same == outcome.decisions == len(day.of(Decision))
    assert outcome.ticks == len(day.of(Tick))


def test_a_replay_finds_a_decision_that_was_not_made(tmp_path: Path) -> None:
    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(40)
        real = agent.runner.last["pepper-1-fan"]
        agent.record((Decision(real.output, real.place, agent.boot.mono_ms(), real.code, 1.0, real.rule),))

    live(tmp_path / "s", 60, script)
    (outcome,) = replay(tmp_path / "s")
    assert not outcome.ok
    assert outcome.same == outcome.decisions - 1


def test_the_loop_keeps_its_rate_and_the_log_its_groups(morning: tuple[Path, Day]) -> None:
    _, day = morning
    ticks = day.of(Tick)
    assert [t.number for t in ticks] == list(range(1, len(ticks) + 1))
    assert {b.mono_ms - a.mono_ms for a, b in pairwise(ticks)} <= {999, 1000, 1001}
    assert day.agent.deadlines.overruns == 0


def test_all_outputs_are_off_at_the_end(morning: tuple[Path, Day]) -> None:
    _, day = morning
    assert all(line.at(line.safe) for line in day.agent.gate.lines.values())


@dataclass(frozen=True)
class Liar:
    """What is done to the soil probe of zone 1, and the flag that must come."""

    name: str
    break_it: Callable[[SimulatedField, float], None]
    flag: Quality


def _vanish(field: SimulatedField, _now_s: float) -> None:
    field.instruments["pepper-1-soil-1"].silent = True


def _lie(field: SimulatedField, now_s: float) -> None:
    field.instruments["pepper-1-soil-1"].faults.append(ElementFault("lying", now_s, amount=250.0, name="soil_moisture"))


def _tell_its_fault(field: SimulatedField, now_s: float) -> None:
    field.instruments["pepper-1-soil-1"].faults.append(ElementFault("lying", now_s, amount=-80.0, name="soil_moisture"))


@pytest.mark.parametrize(
    "liar",
    [
        Liar("vanishes", _vanish, Quality.STALE),
        Liar("shows too much", _lie, Quality.RANGE),
        Liar("jumps down", _tell_its_fault, Quality.RANGE | Quality.SPIKE | Quality.SENTINEL),
    ],
    ids=lambda liar: liar.name,
)
def test_a_lying_probe_is_flagged_in_three_periods_and_only_its_zone_falls_to_the_safe_rule(
    tmp_path: Path, liar: Liar
) -> None:
    broken_ms = 0

    async def script(agent: Agent, field: SimulatedField) -> None:
        nonlocal broken_ms
        await passes(120)
        broken_ms = agent.boot.mono_ms()
        liar.break_it(field, asyncio.get_running_loop().time())

    day = live(tmp_path / "s", 400, script)
    series = "pepper-1-1/soil_moisture"
    flagged = day.of(Sample, lambda s: s.series == series and s.quality & liar.flag and s.mono_ms > broken_ms)
    period_ms = round(day.agent.board.plans[series].period_s * 1000)
    assert flagged
    assert flagged[0].mono_ms - broken_ms <= 3 * period_ms + 1000
    after = day.of(Sample, lambda s: s.series == series and s.mono_ms > flagged[0].mono_ms)
    assert all(s.quality & UNUSABLE for s in after)
    safe = day.of(Decision, lambda d: d.output == "pepper-1-valve-1" and d.mono_ms > flagged[0].mono_ms)
    assert any("safe" in d.code or "sensor" in d.code or "data" in d.code for d in safe), [d.code for d in safe]
    other = day.of(Sample, lambda s: s.series == "pepper-1-2/soil_moisture" and s.mono_ms > broken_ms)
    assert len(other) > 20
    assert not any(s.quality & UNUSABLE for s in other)
    raised = day.of(Event, lambda e: e.kind == "alarm.raised" and e.subject == series)
    assert raised


def test_a_frozen_probe_is_flagged_when_it_must_have_moved(tmp_path: Path) -> None:
    async def script(_agent: Agent, field: SimulatedField) -> None:
        await passes(60)
        now_s = asyncio.get_running_loop().time()
        field.instruments["pepper-1-air"].faults.append(ElementFault("frozen", now_s))

    polled = 'place = "pepper-1"\nperiod_s = 5.0'
    text = TEXT.replace(polled, f"{polled}\nstill_max_s = 60.0", 1)
    assert text != TEXT
    day = live(tmp_path / "s", 300, script, text)
    stuck = day.of(Sample, lambda s: s.series == "pepper-1/air_temperature" and s.quality & Quality.STUCK)
    assert stuck
    assert stuck[0].mono_ms <= 60_000 + 60_000 + 3 * 5000
    first_ms = stuck[0].mono_ms
    before = day.of(Sample, lambda s: s.series == stuck[0].series and first_ms - 60_000 <= s.mono_ms <= first_ms)
    assert len({s.raw for s in before}) == 1


def test_a_dead_relay_board_is_an_alarm_and_the_measuring_goes_on(tmp_path: Path) -> None:
    async def script(_agent: Agent, field: SimulatedField) -> None:
        await passes(60)
        field.instruments["pepper-1-relay"].silent = True

    day = live(tmp_path / "s", 240, script)
    assert any(key[0] in {"output.silent", "sensor.silent"} for key in day.agent.alarms._standing)
    late = day.of(Sample, lambda s: s.series == "pepper-1/air_temperature" and s.mono_ms > 200_000)
    assert len(late) >= 6


def test_a_restart_begins_with_all_outputs_off_and_replays_too(tmp_path: Path) -> None:
    state = tmp_path / "s"
    live(state, 200)
    again = live(state, 200)
    assert again.agent.log.epoch == 2
    assert [e.kind for e in again.of(Event, lambda e: e.kind == "engine.restarted")] == ["engine.restarted"]
    assert all(outcome.ok for outcome in replay(state))


@pytest.mark.parametrize(
    ("order", "args", "code"),
    [
        ("hold", {**VALVE, "level": 1.0, "seconds": 60.0, "role": "viewer"}, "this role may not do that"),
        ("hold", {**VALVE, "level": 1.0, "seconds": 60.0, "output": "moon"}, "there is no such output"),
        ("hold", {**VALVE, "level": 0.5, "seconds": 60.0}, "the level must be"),
        ("hold", {**VALVE, "level": float("nan"), "seconds": 60.0}, "the level must be"),
        ("hold", {**VALVE, "level": 1.0, "seconds": 1e9}, "the time must be"),
        ("hold", {**VALVE, "level": 1.0, "seconds": float("nan")}, "the time must be"),
        ("lock", {"series": "pepper-1-1/soil_moisture", "person": "lan", "role": "operator"}, "this role may not"),
        ("lock", {"series": "moon/co2", "person": "minh", "role": "technician"}, "there is no such series"),
        ("activate", {"series": "pepper-1-1/soil_moisture", "artifact": "x", "person": "m", "role": "technician"},
         "there is no such calibration"),
    ],
)  # fmt: skip
def test_an_order_that_may_not_be_is_refused_with_its_reason(
    tmp_path: Path, order: str, args: dict[str, Any], code: str
) -> None:
    outcomes = []

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(5)
        outcomes.append(await agent.desk.order(order, args))

    live(tmp_path / "s", 10, script)
    assert outcomes[0].outcome == "refused"
    assert outcomes[0].detail.startswith(code)


def test_an_order_sent_twice_acts_once_and_an_old_epoch_is_not_heard(tmp_path: Path) -> None:
    outcomes = []

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(30)
        numbered = {**VALVE, "level": 1.0, "seconds": 60.0, "issuer": "phone", "epoch": 2, "seq": 7}
        orders = (numbered, numbered, {**numbered, "epoch": 1, "seq": 8}, {**numbered, "seq": 8})
        outcomes.extend([await agent.desk.order("hold", args) for args in orders])

    live(tmp_path / "s", 60, script)
    assert [o.outcome for o in outcomes] == ["done", "refused", "refused", "done"]
    assert outcomes[1].detail == "this order was already carried out"


def test_maintenance_closes_a_place_for_its_time_and_replays(tmp_path: Path) -> None:
    work = {"place": "pepper-1-water", "seconds": 60.0, "person": "minh", "role": "technician"}
    outcomes = []

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(40)
        assert agent.gate.lines["pepper-1-pump"].level == 1.0
        outcomes.append(await agent.desk.order("maintain", work))
        await passes(10)
        assert agent.gate.lines["pepper-1-pump"].level == 0.0
        outcomes.append(await agent.desk.order("maintain", {**work, "role": "operator"}))
        outcomes.append(await agent.desk.order("reset", {"place": "moon", "person": "minh", "role": "technician"}))
        del work["seconds"]
        outcomes.append(await agent.desk.order("reset", work))

    live(tmp_path / "s", 150, script)
    assert [o.outcome for o in outcomes] == ["done", "refused", "refused", "done"]
    assert all(outcome.ok for outcome in replay(tmp_path / "s"))


def test_a_locked_probe_leaves_control_and_comes_back(tmp_path: Path) -> None:
    lock = {"series": "pepper-1-1/soil_moisture", "person": "minh", "role": "technician"}

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(60)
        await agent.desk.order("lock", lock)
        await passes(60)
        await agent.desk.order("unlock", lock)

    day = live(tmp_path / "s", 180, script)
    locked = day.of(Sample, lambda s: s.series == lock["series"] and s.quality & Quality.LOCKED)
    assert len(locked) >= 5
    assert all(60_000 <= s.mono_ms <= 121_000 for s in locked)
    assert not day.of(Sample, lambda s: s.series == lock["series"])[-1].quality & Quality.LOCKED


def test_the_watchdog_hears_of_every_tick_and_of_the_end(tmp_path: Path) -> None:
    manager = Manager()
    agent = rehearse(parse(TEXT), TEXT, tmp_path, 60.0, network=manager)
    messages = [message for _, message in manager.told]
    assert messages[0] == "READY=1"
    assert messages[-1] == "STOPPING=1" or "STOPPING=1" in messages
    beats = [at for at, message in manager.told if message == "WATCHDOG=1"]
    assert len(beats) == agent.deadlines.ticks
    assert max(b - a for a, b in pairwise(beats)) < 10.0


def test_a_bug_in_the_engine_ends_the_agent_and_the_leases_close_every_output(tmp_path: Path) -> None:
    async def script(agent: Agent, field: SimulatedField) -> None:
        await passes(60)
        assert agent.gate.lines["pepper-1-pump"].level == 1.0

        def broken(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        agent.runner.tick = broken  # type: ignore[assignment,method-assign]
        relay = field.instruments["pepper-1-relay"]
        seen.append(relay)

    seen: list[SimulatedInstrument] = []
    with pytest.raises(ExceptionGroup) as caught:
        rehearse(parse(TEXT), TEXT, tmp_path, 120.0, script)
    assert caught.group_contains(ZeroDivisionError)
    (relay,) = seen
    assert relay.coils is not None
    # nobody renews any more: the board itself lets go within one lease
    assert any(relay.coils.states(61.0))
    assert not any(relay.coils.states(61.0 + 10.0 + 1.0))


def test_the_agent_runs_the_same_without_compiled_kernels(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edge.config import load; from edge.rehearsal import rehearse\n"
        "farm = Path(sys.argv[1]); rehearse(load(farm), farm.read_text(encoding='utf-8'), Path(sys.argv[2]), 60.0)"
    )
    (tmp_path / "plain").mkdir()
    subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLE), str(tmp_path / "plain")],
        cwd=EXAMPLE.parents[2],
        env=os.environ | {"VUON_NO_JIT": "1"},
        check=True,
        timeout=120,
    )
    compiled, plain = live(tmp_path / "compiled", 60.0).records, stored(tmp_path / "plain")
    assert len(compiled) == len(plain) > 300
    ours = [(r.output, r.mono_ms, r.code, r.level, r.limit) for r in compiled if isinstance(r, Decision)]
    theirs = [(r.output, r.mono_ms, r.code, r.level, r.limit) for r in plain if isinstance(r, Decision)]
    assert ours == theirs
