# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub command`` through Mosquitto with our access list to a running agent, and what became of it."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.bus import fine_timer_loop
from drivers.catalogue import Catalogue
from edge.agent import Agent
from edge.config import parse
from edge.demo_servers import write_broker
from edge.exits import LOG_FILE
from edge.machine import Machine
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import SystemClock, World
from telemetry.history import LogReader
from telemetry.mqtt import MqttBroker
from telemetry.ports import Message
from telemetry.records import Event
from tests.support.servers import Server, answers, free_port, program, running
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
EDGE = "da-lat-pepper"


def hub(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``vuon-hub command`` in English."""
    command = [sys.executable, "-m", "cooperative.cli", "command", *arguments, "--config", str(folder / "hub.toml")]
    environment = os.environ | {"LC_ALL": "en_US.UTF-8"}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=environment
    )  # fmt: skip


def broker(folder: Path) -> Server:
    """Give Mosquitto with the files of deploy/mosquitto: passwords and the access list in force."""
    port = free_port()
    write_broker(folder, port, EDGE)
    (folder / "hub.toml").write_text(
        f'name = "htx-1"\ntitle = "Hợp tác xã"\nstate = "hub"\n[broker]\nurl = "mqtt://127.0.0.1:{port}"\n'
        f'username = "vuon-hub"\npassword_file = "{folder / "hub.secret"}"\n'
        f'[[members]]\nname = "anh-ba"\ntitle = "Anh Ba"\nedges = ["{EDGE}"]\n',
        encoding="utf-8",
    )
    return Server("mosquitto", [program("mosquitto"), "-c", str(folder / "mosquitto.conf")], folder, port, answers)


@contextlib.asynccontextmanager
async def farm(folder: Path, port: int, issuer: str) -> AsyncIterator[Agent]:
    """Run an agent that hears this issuer."""
    text = await asyncio.to_thread(FARM.read_text, encoding="utf-8")
    quick = "[limits]\nboot_hold_s = 1.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0\n"
    text = text.replace("[limits]\n", quick) + issuer
    text += f'\n[uplink]\nhost = "127.0.0.1"\nport = {port}\nmember = "anh-ba"\nusername = "{EDGE}"\n'
    text += f'password_file = "{folder / "edge.secret"}"\n'
    config = parse(text)
    loop = asyncio.get_running_loop()
    field = SimulatedField(config, known_devices(config, Catalogue()), loop.time(), time.time(), byte_by_byte=False)
    await asyncio.to_thread((folder / "edge").mkdir)
    world = World(SystemClock("rtc"), folder / "edge", Machine())
    agent = assemble(config, text, world, field.open_line, compiled=True)
    nature, life = asyncio.create_task(field.live()), asyncio.create_task(agent.run())
    try:
        await until(
            lambda: agent.board.counts.uplink == "connected" and agent.deadlines.ticks > 2, "the farm's start", 150.0
        )
        yield agent
    finally:
        agent.stop()
        await life
        nature.cancel()
        await asyncio.gather(nature, return_exceptions=True)
        agent.log.close()


def told(folder: Path) -> list[Event]:
    reader = LogReader(folder / "edge" / LOG_FILE)
    try:
        return [
            record
            for _, records in reader.records()
            for record in records
            if isinstance(record, Event) and record.kind == "order.remote"
        ]
    finally:
        reader.close()


@pytest.mark.server("mosquitto")
def test_an_order_of_the_cooperative_is_done_or_refused_and_both_are_written_down(tmp_path: Path) -> None:
    async def main(port: int) -> None:
        assert hub(tmp_path, "hold", "--edge", EDGE, "--output", "pepper-1-vent", "--level", "1", "--minutes", "5",
                   "--person", "Chị Lan").stderr.startswith(str(tmp_path / "hub" / "command.key"))  # fmt: skip
        printed = hub(tmp_path, "key").stdout
        assert (tmp_path / "hub" / "command.key").stat().st_mode & 0o077 == 0
        async with farm(tmp_path, port, printed + 'outputs = ["pepper-1-vent"]\n') as agent:
            common = ("--edge", EDGE, "--person", "Chị Lan")
            hold = ("hold", *common, "--output", "pepper-1-vent", "--level", "1", "--minutes", "5", "--json")
            done = await asyncio.to_thread(hub, tmp_path, *hold)
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["outcome"] == "done"
            override = agent.orders.overrides["pepper-1-vent"]
            assert (override.level, override.person, override.origin) == (1.0, "Chị Lan (htx-1)", "remote")
            assert agent.gate.lines["pepper-1-vent"].level == pytest.approx(1.0)
            other = ("stop", *common, "--output", "pepper-1-pump")
            refused = await asyncio.to_thread(hub, tmp_path, *other)
            assert refused.returncode == 5
            assert "the issuer may not command this output: pepper-1-pump" in refused.stdout
            stop = await asyncio.to_thread(hub, tmp_path, "stop", *common, "--output", "pepper-1-vent")
            assert stop.returncode == 0, stop.stdout + stop.stderr
            assert agent.orders.overrides == {}

    with running(broker(tmp_path)) as server, asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        runner.run(main(server.port))
        rows = [json.loads(line) for line in hub(tmp_path, "list", "--json").stdout.splitlines()]
    assert [(row["call"], row["target"], row["outcome"]) for row in rows] == [
        ("stop", "pepper-1-vent", "done"),
        ("stop", "pepper-1-pump", "refused"),
        ("hold", "pepper-1-vent", "done"),
    ]
    assert [row["seq"] for row in rows] == [3, 2, 1]
    assert [(event.subject, event.person, event.fields["outcome"]) for event in told(tmp_path)] == [
        ("pepper-1-vent", "Chị Lan", "done"),
        ("pepper-1-pump", "Chị Lan", "refused"),
        ("pepper-1-vent", "Chị Lan", "done"),
    ]


@pytest.mark.server("mosquitto")
def test_a_farm_that_is_away_gets_no_order_later(tmp_path: Path) -> None:
    async def farewell(port: int) -> None:
        secret = await asyncio.to_thread((tmp_path / "edge.secret").read_text)
        async with MqttBroker(f"mqtt://127.0.0.1:{port}", EDGE, secret.strip()).connect("last-words") as session:
            await session.publish(Message(f"vuon/1/anh-ba/{EDGE}/state", b'{"online":false}', 1, retain=True))

    with running(broker(tmp_path)) as server:
        asyncio.run(farewell(server.port))
        hub(tmp_path, "key")
        late = hub(tmp_path, "stop", "--edge", EDGE, "--output", "x", "--person", "Chị Lan", "--life-s", "20")
    assert late.returncode == 75
    assert "did not answer; the order is dead now" in late.stderr


def test_what_cannot_be_an_order_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(
        'name = "htx-1"\ntitle = "x"\n[[members]]\nname = "anh-ba"\ntitle = "A"\nedges = ["e-1"]\n', encoding="utf-8"
    )
    key = hub(tmp_path, "key").stdout
    assert hub(tmp_path, "key").stdout == key
    unknown = hub(tmp_path, "stop", "--edge", "e-2", "--output", "x", "--person", "p")
    assert unknown.returncode == 2
    assert "e-1" in unknown.stderr
    strange = hub(tmp_path, "stop", "--edge", "e-1", "--output", "Not An Output", "--person", "p")
    assert strange.returncode == 2
    assert "$.output" in strange.stderr
