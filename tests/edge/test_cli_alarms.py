# SPDX-License-Identifier: Apache-2.0
"""``vuon alarms`` and ``vuon order`` over the real socket: numbers, ends, refusals, exit codes, both languages."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.agent_socket import Counter
from edge.cli import main
from edge.live import Alarm, LiveState, Outcome
from edge.live_lines import BusReport
from edge.machine import Machine
from tests.edge.fake_farm import FakeAgent
from tests.support.waiting import until

ALARM = Alarm(
    "bus.silent", "melon-bus", "alarm", 75.0, {"devices": 8}, number=7,
    inside=(Alarm("sensor.silent", "melon-1/soil_moisture", "alarm", 40.0, number=9),),
)  # fmt: skip


class Desk:
    """A desk that answers as it is told and keeps what it was asked."""

    def __init__(self) -> None:
        self.agent = FakeAgent(alarms=(ALARM,))
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer = Outcome("done")

    def live(self) -> LiveState:
        return self.agent.state()

    def lines(self) -> BusReport:
        return BusReport()

    async def changes(self) -> AsyncIterator[LiveState]:
        yield self.live()

    async def order(self, call: str, args: dict[str, Any]) -> Outcome:
        self.asked.append((call, {k: v for k, v in args.items() if k not in {"issuer", "seq"}}))
        return self.answer


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Serve a desk on the agent's socket from another thread, for the command runs its own loop."""
    desk, loop = Desk(), asyncio.new_event_loop()
    ready, task = threading.Event(), list[asyncio.Task[None]]()

    async def serve() -> None:
        task.append(asyncio.ensure_future(Machine().serve_local(tmp_path / "agent.sock", Counter(desk).answer)))
        await until((tmp_path / "agent.sock").exists, "the socket")
        ready.set()
        await asyncio.gather(*task, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20.0)
    yield desk
    loop.call_soon_threadsafe(task[0].cancel)
    thread.join()
    loop.close()


@pytest.fixture
def run(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LC_ALL", "C")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--state", str(tmp_path)])

    return invoke


def test_alarms_are_listed_cause_first(run: Any) -> None:
    told = run("alarms")
    assert told.exit_code == 0
    assert "#7 Alarm  melon-bus: None of the 8 devices on this line answers." in told.output
    assert "      #9 Alarm  melon-1/soil_moisture: The probe does not answer." in told.output
    assert json.loads(run("alarms", "--json").output)[0]["inside"][0]["number"] == 9


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("alarms", "ack", "7"), ("acknowledge", {"number": 7})),
        (("alarms", "shelve", "7", "--for", "2h"), ("shelve", {"number": 7, "seconds": 7200.0})),
        (("alarms", "unshelve", "7"), ("unshelve", {"number": 7})),
        (("alarms", "test"), ("alarm_test", {})),
        (("order", "hold", "fan", "0.5", "--for", "90s"), ("hold", {"output": "fan", "level": 0.5, "seconds": 90.0})),
        (("order", "stop", "fan"), ("stop", {"output": "fan"})),
        (("order", "maintain", "water", "--for", "30min"), ("maintain", {"place": "water", "seconds": 1800.0})),
        (("order", "maintain", "water", "--end"), ("maintain", {"place": "water", "seconds": 0.0})),
        (("order", "reset", "water"), ("reset", {"place": "water"})),
    ],
)
def test_a_command_asks_the_agent_in_a_persons_name(
    run: Any, desk: Desk, arguments: tuple[str, ...], asked: tuple[str, dict[str, Any]]
) -> None:
    told = run(*arguments, "--person", "lan")
    assert told.exit_code == 0, told.output
    ((call, args),) = desk.asked
    assert (call, args) == (asked[0], {**asked[1], "person": "lan", "role": "technician"})


@pytest.mark.parametrize(
    "arguments",
    [
        ("alarms", "shelve", "7"),
        ("alarms", "shelve", "7", "--for", "for ever"),
        ("alarms", "shelve", "7", "--for", "2"),
        ("order", "hold", "fan", "1"),
        ("order", "hold", "fan", "1", "--for", "inf"),
        ("order", "hold", "fan", "2", "--for", "1min"),
        ("order", "maintain", "water"),
        ("order", "maintain", "water", "--for", "1min", "--end"),
    ],
)
def test_what_has_no_end_is_wrong_usage(run: Any, desk: Desk, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
    assert desk.asked == []


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (Outcome("refused", "the switch at the plant has it; somebody stands there"), 5, "somebody stands there"),
        (Outcome("refused", "safety.mains"), 5, "Off: there is no mains power."),
        (Outcome("failed", "the device did not answer in time"), 1, "did not answer in time"),
    ],
)
def test_a_refusal_is_said_and_has_its_code(run: Any, desk: Desk, answer: Outcome, code: int, said: str) -> None:
    desk.answer = answer
    told = run("order", "hold", "fan", "1", "--for", "1min")
    assert told.exit_code == code
    assert said in told.output


def test_orders_in_force_are_listed_with_what_is_left(run: Any, desk: Desk) -> None:
    assert "No person has anything in hand." in run("order", "list").output
    desk.agent.held["valve-pepper-1"] = (desk.agent.now_ms + 90_000, "lan")
    assert run("order", "list").output.split() == ["valve-pepper-1", "100%", "1:30", "lan"]


@pytest.mark.parametrize(
    "arguments", [("alarms",), ("alarms", "ack", "1"), ("order", "stop", "fan"), ("order", "list")]
)
def test_without_an_agent_it_is_try_again(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, [*arguments, "--state", str(tmp_path)]).exit_code == 75
