# SPDX-License-Identifier: Apache-2.0
"""A real Home Assistant finds the farm over Mosquitto, shows what it measures, and may not pass its interlocks.

Home Assistant stands in a venv of its own (build/venvs/homeassistant, made by ``make test`` from a hashed lock).
"""

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.bus import fine_timer_loop
from drivers.catalogue import Catalogue
from edge.agent import Agent
from edge.config import parse
from edge.machine import Machine
from edge.output_words import KIND_WORDS, OPENS
from edge.seen_orders import Giver
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import SystemClock, World
from telemetry.face import Face, OutputFace, SeriesFace
from telemetry.homeassistant import CLASSES, discovery
from telemetry.json_mirror import status_message, value_message
from telemetry.mqtt import MqttBroker
from telemetry.ports import Message
from telemetry.quantities import QUANTITIES
from telemetry.records import Event, Quality, Sample
from tests.support.servers import free_port, mosquitto
from tests.support.waiting import passes, until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "venvs" / "homeassistant" / "bin" / "python"
RIG = ROOT / "tests" / "support" / "home_assistant_rig.py"
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
EDGE = "da-lat-pepper"
NOW_MS = 1_795_316_712_000
OLD = f"homeassistant/sensor/vuon-{EDGE}/old-probe/config"


class HomeAssistant:
    """One real Home Assistant, asked and told over pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.version = json.loads(self._line())["version"]

    def ask(self, request: dict[str, Any]) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def entities(self) -> dict[str, dict[str, Any]]:
        return {str(each["unique_id"]): each for each in self.ask({"ask": "states"})}

    def call(self, domain: str, service: str, **data: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask({"call": [domain, service, data]})
        return answer

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


@contextlib.contextmanager
def home_assistant(folder: Path, broker_port: int) -> Iterator[HomeAssistant]:
    folder.mkdir()
    (folder / "configuration.yaml").write_text("{}\n", encoding="utf-8")
    command = [str(PYTHON), str(RIG), str(folder), str(broker_port), str(free_port())]
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield HomeAssistant(process)
    finally:
        process.kill()
        process.communicate()


@contextlib.asynccontextmanager
async def farm(folder: Path, port: int) -> AsyncIterator[tuple[Agent, list[Event]]]:
    text = await asyncio.to_thread(FARM.read_text, encoding="utf-8")
    quick = "[limits]\nboot_hold_s = 1.0\nrestart_settle_s = 0.0\nrestart_stagger_s = 0.0\n"
    text = text.replace("[limits]\n", quick)
    text += f'\n[local_broker]\nhost = "127.0.0.1"\nport = {port}\n[home_assistant]\ncommands = true\nlanguage = "en"\n'
    config = parse(text)
    loop = asyncio.get_running_loop()
    field = SimulatedField(config, known_devices(config, Catalogue()), loop.time(), time.time(), byte_by_byte=False)
    told: list[Event] = []
    world = World(SystemClock("rtc"), folder / "edge", Machine(), tell=told.append)
    await asyncio.to_thread(world.state.mkdir)
    agent = assemble(config, text, world, field.open_line, compiled=True)
    nature, life = asyncio.create_task(field.live()), asyncio.create_task(agent.run())
    try:
        await until(lambda: "pepper-1/air_temperature" in agent.board.samples, "the first values", 150.0)
        yield agent, told
    finally:
        agent.stop()
        await life
        nature.cancel()
        await asyncio.gather(nature, return_exceptions=True)
        agent.log.close()


async def seen(home: HomeAssistant, good: Callable[[dict[str, dict[str, Any]]], bool], what: str) -> dict[str, Any]:
    """Ask Home Assistant until it shows what is expected."""
    end_s = time.monotonic() + 30.0
    while not good(entities := await asyncio.to_thread(home.entities)):
        assert time.monotonic() < end_s, f"{what}: {json.dumps(entities)[:2000]}"
        await passes(0.1)
    return entities


def uid(name: str) -> str:
    return f"vuon_{EDGE}_{name}"


async def play(folder: Path, port: int, home: HomeAssistant) -> None:
    broker = MqttBroker(f"mqtt://127.0.0.1:{port}")
    async with broker.connect("yesterday") as session:
        earlier = json.dumps({"name": "Old", "unique_id": uid("old-probe"), "state_topic": "x/y"}).encode()
        await session.publish(Message(OLD, earlier, 1, retain=True))
        # A command that somebody retained by mistake must never open a valve.
        await session.publish(Message(f"vuon-live/{EDGE}/output/pepper-1-valve-1/set", b"OPEN", 1, retain=True))
    async with farm(folder, port) as (agent, told):
        air, vent, valve = uid("pepper-1-air_temperature"), uid("pepper-1-vent"), uid("pepper-1-valve-1")
        shown = await seen(
            home,
            lambda all_: {air, vent, valve} <= set(all_) and all_[air]["state"] not in {None, "unknown", "unavailable"},
            "the farm's entities",
        )
        assert uid("old-probe") not in shown
        assert (shown[air]["domain"], shown[air]["device_class"], shown[air]["unit"]) == (
            "sensor", "temperature", "°C",
        )  # fmt: skip
        assert shown[air]["name"] == "Air temperature"
        assert float(shown[air]["state"]) == pytest.approx(agent.board.samples["pepper-1/air_temperature"].value, abs=3)
        assert shown[valve]["domain"] == "valve"
        assert shown[vent]["domain"] == "cover"
        assert len(shown) == len({each["entity_id"] for each in shown.values()})
        measured = [plan for plan in agent.board.plans.values() if plan.quantity.name not in {"switch", "raw_signal"}]
        assert len(shown) == len(measured) + len(agent.gate.lines) + 1
        devices = {each["identifiers"][0]: each for each in await asyncio.to_thread(home.ask, {"ask": "devices"})}
        assert devices[f"vuon_{EDGE}_pepper-1"]["via"] == [f"vuon_{EDGE}"]
        assert devices[f"vuon_{EDGE}_pepper-1"]["name"] == agent.config.control.houses[0].title
        await commands(agent, told, home, shown, (vent, valve))
    gone = await seen(home, lambda all_: all_[air]["state"] == "unavailable", "the farm's absence")
    assert {each["state"] for each in gone.values()} == {"unavailable"}


async def commands(
    agent: Agent, told: list[Event], home: HomeAssistant, shown: dict[str, Any], outputs: tuple[str, str]
) -> None:
    """Open the vent, then try a valve where somebody works."""
    vent, valve = (shown[each] for each in outputs)
    assert "pepper-1-valve-1" not in agent.orders.overrides
    called = await asyncio.to_thread(home.call, "cover", "open_cover", entity_id=vent["entity_id"])
    assert called == {"ok": True}
    await until(lambda: "pepper-1-vent" in agent.orders.overrides, "the order")
    override = agent.orders.overrides["pepper-1-vent"]
    assert (override.level, override.person, override.origin) == (1.0, "home-assistant", "remote")
    await seen(home, lambda all_: all_[outputs[0]]["state"] == "open", "the open vent")
    place = next(one.place for one in agent.config.control.outputs if one.id == "pepper-1-valve-1")
    assert agent.orders.work_at(place, 600.0, Giver("Minh", "technician")) == ""
    lines = agent.gate.lines
    await until(lambda: agent.runner.allowed["pepper-1-valve-1"] == 0.0 and lines["pepper-1-valve-1"].level == 0.0,
                "the valve closed for the work")  # fmt: skip
    opened = await asyncio.to_thread(home.call, "valve", "open_valve", entity_id=valve["entity_id"])
    assert opened == {"ok": True}
    await until(lambda: any(event.kind == "order.refused" for event in told), "the refusal")
    refused = next(event for event in told if event.kind == "order.refused")
    assert (refused.subject, refused.person) == ("pepper-1-valve-1", "home-assistant")
    assert refused.fields["outcome"] == "refused"
    assert refused.fields["reason"]
    assert lines["pepper-1-valve-1"].level == 0.0
    assert (await asyncio.to_thread(home.entities))[outputs[1]]["state"] == "closed"


INSTALLED = pytest.mark.skipif(
    not PYTHON.exists(), reason="Home Assistant is not installed; run: make homeassistant"
)  # fmt: skip


def everything() -> Face:
    """Give a farm with every quantity and every kind of output."""
    series = tuple(SeriesFace(f"lab/{name}", "lab", one, one.title, 10.0) for name, one in QUANTITIES.items())
    kinds = [(kind, kind in OPENS, proportional) for kind in KIND_WORDS for proportional in (False, True)]
    outputs = tuple(
        OutputFace(f"{kind.replace('_', '-')}-{int(levels)}", "lab", kind, f"{kind} {levels}", opens, levels)
        for kind, opens, levels in kinds
    )
    return Face("lab-1", "Lab", "1", {"lab": "Lab"}, series, outputs)


@pytest.mark.server("mosquitto")
@INSTALLED
@pytest.mark.parametrize("commands_too", [True, False])
def test_home_assistant_accepts_every_quantity_and_every_kind_of_output(tmp_path: Path, commands_too: bool) -> None:
    face = everything()
    messages = discovery(face, "vuon-live", "homeassistant", commands=commands_too)

    async def announce(port: int, home: HomeAssistant) -> dict[str, Any]:
        async with MqttBroker(f"mqtt://127.0.0.1:{port}").connect("lab") as session:
            for message in messages:
                await session.publish(message)
            await session.publish(status_message("vuon-live", "lab-1", online=True))
            for one in face.series:
                sample = Sample(one.series, 0, 12.5, 12.5, 0 if one.quantity.name != "co2" else int(Quality.SPIKE))
                await session.publish(value_message("vuon-live", "lab-1", one, sample, NOW_MS))
            return await seen(home, shows, "every entity and the last value")

    def shows(entities: dict[str, dict[str, Any]]) -> bool:
        last = entities.get("vuon_lab-1_lab-energy", {})
        return len(entities) == len(messages) and last.get("state") == "12.5"

    with (
        mosquitto(tmp_path) as broker,
        home_assistant(tmp_path / "home", broker.port) as home,
        asyncio.Runner() as runner,
    ):
        shown = runner.run(announce(broker.port, home))
    assert shown["vuon_lab-1_lab-co2"]["state"] == "unknown"  # a value that may not be trusted is none
    assert shown["vuon_lab-1_lab-co2"]["attributes"]["flags"] == "['SPIKE']"
    assert (shown["vuon_lab-1_lab-wind_speed"]["state"], shown["vuon_lab-1_lab-wind_speed"]["unit"]) == ("45.0", "km/h")
    for quantity, (kind, unit) in CLASSES.items():
        if quantity == "wind_speed":  # Home Assistant itself converts 12.5 m/s
            continue
        entity = shown[f"vuon_lab-1_lab-{quantity}"]
        assert (entity["device_class"], entity["unit"], entity["state"]) == (
            kind, unit, "unknown" if quantity == "co2" else "12.5",
        )  # fmt: skip
    domains = {shown[f"vuon_lab-1_{one.output}"]["domain"] for one in face.outputs}
    assert domains == ({"valve", "cover", "switch", "number"} if commands_too else {"binary_sensor", "sensor"})
    text = (tmp_path / "home" / "errors.txt").read_text(encoding="utf-8")
    assert "lab-1" not in text, text  # a complaint names the topic or the entity
    assert "vuon-live" not in text, text


@pytest.mark.server("mosquitto")
@INSTALLED
def test_a_real_home_assistant_shows_the_farm_and_its_orders_pass_the_interlocks(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker, home_assistant(tmp_path / "home", broker.port) as home:
        assert home.version.startswith("2024.3")
        with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
            runner.run(play(tmp_path, broker.port, home))
        # A Home Assistant that comes later finds the same entities, because all is retained.
        ids = set(home.entities())
        with home_assistant(tmp_path / "second", broker.port) as second, asyncio.Runner() as runner:
            later = runner.run(seen(second, lambda all_: len(all_) == len(ids), "the entities of a later start"))
        assert set(later) == ids
