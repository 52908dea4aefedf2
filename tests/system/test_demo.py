# SPDX-License-Identifier: Apache-2.0
"""The demo on this machine: values come over pseudo-terminals, and a killed console changes nothing in the loop."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from drivers.bus import fine_timer_loop
from edge.config import parse
from edge.demo import EXAMPLE, Demo, Findings, console_address, with_ports
from edge.live import LiveState
from edge.replay import replay
from tests.support.waiting import until

ONE_HOUSE = EXAMPLE.parent / "da-lat-pepper.toml"


def vuon(*arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


def test_ports_of_the_simulation_become_pseudo_terminals() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    names = ["pepper-1-bus", "melon-1-bus", "pepper-1-board", "melon-1-board"]
    paths = {name: f"/dev/pts/{91 + i}" for i, name in enumerate(names)}
    changed = parse(with_ports(text, parse(text), paths))
    ports = {bus.name: bus.port for bus in changed.buses} | {board.name: board.port for board in changed.boards}
    assert ports == paths


def test_every_valve_and_pump_of_the_demo_hangs_on_the_microcontrollers_firmware() -> None:
    config = parse(EXAMPLE.read_text(encoding="utf-8"))
    on_boards = {output for board in config.boards for output in board.outputs.values()}
    water = {o.id for o in config.control.outputs if o.kind in {"valve", "master_valve", "fill_valve", "pump", "doser"}}
    assert water
    assert water <= on_boards


def test_the_headless_demo_checks_itself_and_its_log_replays(tmp_path: Path) -> None:
    done = vuon("demo", "--headless", "--seconds", "20", "--state", str(tmp_path))
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.strip().splitlines()[-1])
    assert last["ok"]
    assert last["points_stored"] > 200
    assert last["decisions"] > 10
    assert last["commands"] >= 1
    assert last["acks"] >= 1
    assert last["bus_requests"] > 40
    assert last["boards"] == 2
    (outcome,) = replay(tmp_path)
    assert outcome.ok, outcome.differences
    assert outcome.ticks >= 15


def test_a_demo_that_had_nothing_to_move_is_well_and_one_that_did_not_move_is_not() -> None:
    """Started again with beds that are wet, twenty seconds of a night may pass without a command."""
    assert not Findings(decisions=19).unmoved()
    assert not Findings(decisions=19, asked=True, commands=2, acks=2).unmoved()
    assert Findings(decisions=19, asked=True).unmoved()
    assert Findings(decisions=19, asked=True, commands=2).unmoved()


def test_kill_9_of_the_console_changes_nothing_in_the_loop(tmp_path: Path) -> None:
    async def main() -> tuple[LiveState, LiveState, list[int]]:
        farm = tmp_path / "source.toml"
        text = await asyncio.to_thread(ONE_HOUSE.read_text, encoding="utf-8")
        quick = "[limits]\nboot_hold_s = 1.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0\n"
        farm.write_text(text.replace("[limits]\n", quick), encoding="utf-8")
        demo = Demo(tmp_path / "state", farm)
        async with demo.field(), demo.agent() as agent:
            await demo.agent_answers(agent)
            async with demo.console(0, lan=False) as console:
                address = await console_address(console)
                page = await asyncio.to_thread(_get, f"{address}login")
                assert "<form" in page
                before = await demo.client.status()
                console.send_signal(signal.SIGKILL)
                await console.wait()
            seen = []
            async for state in demo.client.watch():
                seen.append(state.health.ticks)
                if len(seen) == 5:
                    break
            outcome = await demo.client.hold("pepper-1-vent", 1.0, 30.0, "lan", "operator")
            assert outcome.outcome == "done", outcome
            after = await demo.client.status()
            assert agent.returncode is None
            vent = next(o for o in after.outputs if o.output == "pepper-1-vent")
            assert vent.level == 1.0
            assert vent.person == "lan"
        return before, after, seen

    with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        before, after, seen = runner.run(main())
    assert seen == list(range(seen[0], seen[0] + 5))
    assert after.health.overruns == before.health.overruns
    assert after.epoch == before.epoch


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@contextlib.contextmanager
def shown(state: Path) -> Iterator[tuple[subprocess.Popen[str], list[int], list[str]]]:
    """Run the demo until it has printed its login; gives it, its children and what it said. It never outlives this."""
    child = subprocess.Popen(
        [sys.executable, "-m", "edge", "demo", "--state", str(state), "--port", "0", "--config", str(ONE_HOUSE)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line)
            if "token=" in line:
                break
        yield child, _children(child.pid), said
    finally:
        child.kill()
        child.wait(timeout=10)
        if child.stdout is not None:
            child.stdout.close()


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_signal_ends_the_demo_and_leaves_no_process(tmp_path: Path) -> None:
    with shown(tmp_path) as (child, children, said):
        # The agent and the console; at the very first start also a compiler.
        assert len(children) in {2, 3}
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0
        assert _alive(children) == []
    assert any("http://127.0.0.1:" in line for line in said)


def test_when_the_demo_is_killed_the_agent_and_the_console_end_too(tmp_path: Path) -> None:
    with shown(tmp_path) as (child, children, _):
        assert len(_alive(children)) >= 2
        os.kill(child.pid, signal.SIGKILL)
        child.wait(timeout=10)
        asyncio.run(until(lambda: not _alive(children), "the end of agent and console", 20.0))
        assert _alive(children) == []


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in listed.split()]
