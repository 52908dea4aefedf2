# SPDX-License-Identifier: Apache-2.0
"""A running agent seen by a Sparkplug host and by a reader of plain JSON, through Mosquitto."""

import asyncio
import contextlib
import json
import os
import pwd
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.bus import fine_timer_loop
from drivers.catalogue import Catalogue
from edge.agent import Agent
from edge.config import parse
from edge.machine import Machine
from edge.toml_reader import SettingsRefused
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import SystemClock, World
from telemetry.mqtt import MqttBroker
from telemetry.ports import Message, Session
from tests.support.servers import Server, mosquitto, program
from tests.support.sparkplug_session import Decoded
from tests.support.waiting import until

FARM = (Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml").read_text(encoding="utf-8")
EDGE = "da-lat-pepper"
STATE = "spBv1.0/STATE/scada"
START_S = 150.0  # on a cold cache the kernels are compiled first


def secured(folder: Path) -> str:
    """Give Mosquitto's settings with the farm network's access list; every user's password is his name."""
    users = ("vuon", "home-assistant", "scada", "reader")
    passwords = folder / "passwords"
    passwords.write_text("".join(f"{name}:{name}\n" for name in users), encoding="ascii")
    subprocess.run([program("mosquitto_passwd"), "-U", str(passwords)], check=True, capture_output=True)
    acl = folder / "local.acl"
    acl.write_bytes((Path(__file__).parents[2] / "deploy" / "mosquitto" / "local.acl").read_bytes())
    user = pwd.getpwuid(os.geteuid()).pw_name
    return f"allow_anonymous false\npassword_file {passwords}\nacl_file {acl}\nuser {user}\n"


def exchange(folder: Path, port: int) -> str:
    (folder / "vuon.secret").write_text("vuon\n", encoding="ascii")
    return (
        f'\n[local_broker]\nhost = "127.0.0.1"\nport = {port}\nusername = "vuon"\n'
        f'password_file = "{folder / "vuon.secret"}"\n[json_mirror]\n[home_assistant]\ncommands = true\n'
        '[sparkplug]\ngroup = "Lam Dong"\nprimary_host = "scada"\ncommands = true\n'
    )


@contextlib.asynccontextmanager
async def farm(folder: Path, port: int) -> AsyncIterator[Agent]:
    quick = "[limits]\nboot_hold_s = 1.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0\n"
    text = FARM.replace("[limits]\n", quick) + await asyncio.to_thread(exchange, folder, port)
    config = parse(text)
    loop = asyncio.get_running_loop()
    field = SimulatedField(config, known_devices(config, Catalogue()), loop.time(), time.time(), byte_by_byte=False)
    world = World(SystemClock("rtc"), folder / "edge", Machine())
    await asyncio.to_thread(world.state.mkdir)
    agent = assemble(config, text, world, field.open_line, compiled=True)
    nature, life = asyncio.create_task(field.live()), asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        agent.stop()
        await life
        nature.cancel()
        await asyncio.gather(nature, return_exceptions=True)
        agent.log.close()


class Watcher:
    """Hears everything on the broker."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.births: dict[int, tuple[str, str]] = {}

    async def listen(self, session: Session) -> None:
        for pattern in ("spBv1.0/#", "vuon-live/#"):
            await session.subscribe(pattern)
        async for message in session.messages():
            self.heard.append(message)

    def sparkplug(self, kind: str) -> list[tuple[str, Any]]:
        found = []
        for message in self.heard:
            parts = message.topic.split("/")
            if parts[0] == "spBv1.0" and parts[1] != "STATE" and parts[2] == kind:
                payload = Decoded()
                payload.ParseFromString(message.payload)
                found.append(("/".join(parts[4:]), payload))
        return found

    def json(self, topic: str) -> Any:
        told = [message.payload for message in self.heard if message.topic == f"vuon-live/{EDGE}/{topic}"]
        return (json.loads(told[-1]) if told[-1].startswith(b"{") else told[-1].decode()) if told else {}


async def play(folder: Path, port: int) -> Watcher:
    watcher = Watcher()
    url = f"mqtt://127.0.0.1:{port}"
    scada, reader = MqttBroker(url, "scada", "scada"), MqttBroker(url, "reader", "reader")
    # Clients come after the agent: while it loads its kernels this loop answers nobody.
    async with contextlib.AsyncExitStack() as clients:
        async with farm(folder, port) as agent:
            host = await clients.enter_async_context(scada.connect("host"))
            session = await clients.enter_async_context(scada.connect("watcher"))
            display = await clients.enter_async_context(reader.connect("display"))
            listening = asyncio.gather(watcher.listen(session), watcher.listen(display))
            air = "value/pepper-1/air_temperature"
            await until(lambda: watcher.json(air) != {}, "the first value as JSON", START_S)
            assert not watcher.sparkplug("NBIRTH")  # it waits for its primary host
            online = json.dumps({"online": True, "timestamp": 1_795_316_712_000}).encode()
            await host.publish(Message(STATE, online, 1, retain=True))
            await until(lambda: bool(watcher.sparkplug("DDATA")), "the first data", START_S)
            # Who may only read commands nothing, and says nothing in the host's name.
            await display.publish(Message(f"vuon-live/{EDGE}/output/pepper-1-vent/set", b"OPEN"))
            await display.publish(Message(STATE, b'{"online":false,"timestamp":1795316712001}', 1))
            command = Decoded(timestamp=1)
            command.metrics.add(name="Outputs/pepper-1-vent", boolean_value=True)
            await host.publish(Message(f"spBv1.0/Lam Dong/DCMD/{EDGE}/pepper-1", command.SerializeToString()))
            await until(lambda: "pepper-1-vent" in agent.orders.overrides, "the host's command")
            override = agent.orders.overrides["pepper-1-vent"]
            assert not watcher.sparkplug("NDEATH")
            assert (override.level, override.person, override.origin) == (1.0, "sparkplug", "remote")
            await until(lambda: watcher.json("output/pepper-1-vent").get("state") == "open", "the open vent as JSON")
            offline = json.dumps({"online": False, "timestamp": 1_795_316_712_000}).encode()
            await host.publish(Message(STATE, offline, 1, retain=True))
            await until(lambda: bool(watcher.sparkplug("NDEATH")), "the death")
            await host.publish(Message(STATE, online, 1, retain=True))
            await until(lambda: len(watcher.sparkplug("NBIRTH")) == 2, "the second birth")
        await until(lambda: len(watcher.sparkplug("NDEATH")) == 2, "the second death")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return watcher


@pytest.mark.server("mosquitto")
def test_a_sparkplug_host_and_a_reader_of_json_see_the_farm(tmp_path: Path) -> None:
    with mosquitto(tmp_path, secured(tmp_path)) as broker, asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        watcher = runner.run(play(tmp_path, broker.port))
    births = watcher.sparkplug("NBIRTH")
    assert [payload.seq for _, payload in births] == [0, 0]
    numbers = [next(m.long_value for m in payload.metrics if m.name == "bdSeq") for _, payload in births]
    deaths = [payload.metrics[0].long_value for _, payload in watcher.sparkplug("NDEATH")]
    assert numbers == deaths
    assert numbers[1] == numbers[0] + 1
    names = {m.name for device, payload in watcher.sparkplug("DBIRTH") if device == "pepper-1"
             for m in payload.metrics}  # fmt: skip
    assert {"air_temperature", "Outputs/pepper-1-vent"} <= names
    air = watcher.json("value/pepper-1/air_temperature")
    assert air["good"] is True
    assert (air["unit"], air["flags"]) == ("°C", ["UNCALIBRATED", "SIMULATED"])
    assert 5.0 < air["value"] < 45.0
    assert air["time"].endswith("Z")
    vent = watcher.json("output/pepper-1-vent")
    assert vent["held_by"] in {"sparkplug", ""}
    assert set(vent) >= {"state", "level", "percent", "wanted", "reason", "limit", "time"}
    assert watcher.json("alarms")["count"] >= 0
    status = [message.payload for message in watcher.heard if message.topic == f"vuon-live/{EDGE}/status"]
    assert (status[0], status[-1]) == (b"online", b"offline")


async def restarted(folder: Path, server: Server) -> tuple[Watcher, Watcher, float]:
    """Kill and start the broker under a running farm; give what was told before and after, and the ticks a second."""
    url = f"mqtt://127.0.0.1:{server.port}"
    broker, reader = MqttBroker(url, "scada", "scada"), MqttBroker(url, "reader", "reader")
    before, after = Watcher(), Watcher()
    async with farm(folder, server.port) as agent:
        async with broker.connect("before") as session:
            listening = asyncio.create_task(before.listen(session))
            await session.publish(Message(STATE, b'{"online":true,"timestamp":1}', 1, retain=True))
            await until(lambda: bool(before.sparkplug("DDATA")), "the first data", START_S)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        await asyncio.to_thread(server.kill)
        killed_s, ticks = time.monotonic(), agent.deadlines.ticks
        await until(lambda: agent.deadlines.ticks >= ticks + 3, "three further ticks")
        lived = (agent.deadlines.ticks - ticks) / (time.monotonic() - killed_s)
        await asyncio.to_thread(server.start)
        async with broker.connect("after") as session, reader.connect("display") as display:
            both = asyncio.gather(after.listen(session), after.listen(display))
            await session.publish(Message(STATE, b'{"online":true,"timestamp":2}', 1, retain=True))
            whole = len({device for device, _ in before.sparkplug("DBIRTH")})
            await until(lambda: len(after.sparkplug("DBIRTH")) >= whole, "the births after the restart")
            await until(lambda: after.json("status") == "online", "the word that the farm is there")
            both.cancel()
            await asyncio.gather(both, return_exceptions=True)
    return before, after, lived


@pytest.mark.server("mosquitto")
def test_a_restarted_broker_costs_no_tick_and_is_told_everything_again(tmp_path: Path) -> None:
    with mosquitto(tmp_path, secured(tmp_path)) as server, asyncio.Runner(loop_factory=fine_timer_loop) as runner:
        before, after, ticks_per_s = runner.run(restarted(tmp_path, server))
    assert ticks_per_s == pytest.approx(1.0, abs=0.3)
    first, second = (
        next(m.long_value for m in watcher.sparkplug("NBIRTH")[0][1].metrics if m.name == "bdSeq")
        for watcher in (before, after)
    )
    assert second > first
    devices = [{device for device, _ in watcher.sparkplug("DBIRTH")} for watcher in (before, after)]
    assert devices[0] == devices[1]


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        ("[json_mirror]\n", "json_mirror"),
        ('[sparkplug]\ngroup = "a"\n', "sparkplug"),
        ('[local_broker]\nhost = "h"\n[sparkplug]\ngroup = "a/b"\n', "sparkplug.group"),
        ('[local_broker]\nhost = "h"\n[home_assistant]\nprefix = "a/#"\n', "home_assistant.prefix"),
        ('[local_broker]\nhost = "h"\n[home_assistant]\nhold_s = 80000.0\n', "home_assistant.hold_s"),
        ('[local_broker]\nhost = "h"\n[json_mirror]\ntopic = "x"\n', "json_mirror.topic"),
    ],
)
def test_a_wrong_table_is_named(tables: str, path: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        parse(FARM + "\n" + tables)
    assert [problem.path for problem in caught.value.problems] == [path]
