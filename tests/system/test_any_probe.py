# SPDX-License-Identifier: Apache-2.0
"""The whole agent with probes that speak anything: SDI-12, an EZO circuit, a weather station, gateways on a network.

From bytes on pseudo-terminals and sockets to points in the log, with the agent's own openers.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.catalogue import Catalogue
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.practice_bench import world
from drivers.sim.text_line import TextLine
from drivers.sim.text_pty import TextPtyLine
from edge.agent import Agent
from edge.config import parse
from edge.exits import LOG_FILE
from edge.rehearsal import rehearse
from edge.wiring import assemble, real_openers
from edge.world import SystemClock, World
from telemetry.history import LogReader
from telemetry.records import Quality, Sample
from tests.support.waiting import passes

CATALOGUE = Catalogue()
FARM = """
[farm]
edge = "any-probe"
title = "Any probe"
latitude_deg = 11.94
longitude_deg = 108.44
clock = "rtc"

[[house]]
id = "house-1"
area_m2 = 500.0
crop = "tomato"
day_parts = [
  { name = "day", starts = "06:00", temperature_low_c = 9, temperature_high_c = 27, vpd_low_kpa = 1, vpd_high_kpa = 2 },
]

[[station]]
id = "roof"
"""
SOIL = """
[[bus]]
name = "soil-line"
port = "{soil}"
kind = "sdi12-adapter"

[[device]]
name = "bed-1"
bus = "soil-line"
type = "meter-teros-12"
place = "house-1"
address = "3"

[[device]]
name = "bed-2"
bus = "soil-line"
type = "acclima-tdr-310s"
place = "house-1"
index = 1
address = "a"
"""
WATER = """
[[bus]]
name = "ph-line"
port = "{ph}"
kind = "line"

[[device]]
name = "tank-ph"
bus = "ph-line"
type = "atlas-ezo-ph"
place = "house-1"
"""
ROOF = """
[[bus]]
name = "roof-line"
port = "{roof}"
kind = "line"
baud_bd = 19200

[[device]]
name = "weather"
bus = "roof-line"
type = "vaisala-wxt536"
place = "roof"
address = "0"
"""
GATEWAY = """
[[bus]]
name = "shed-{scheme}"
port = "{scheme}://127.0.0.1:{port}"

[[device]]
name = "shed-air-{scheme}"
bus = "shed-{scheme}"
type = "xy-md02"
place = "house-1"
index = {index}
address = 17
"""


def probe(name: str, address: str) -> SimulatedLineInstrument:
    return SimulatedLineInstrument(CATALOGUE.entry(name), world, address=address, patience=0.3)


@asynccontextmanager
async def gateway(framer: FramerType) -> AsyncIterator[int]:
    """An independent gateway: pymodbus, with 28.4 degC and 71 % in an XY-MD02's registers."""
    inputs = [SimData(0, values=[0, 284, 710, 0], datatype=DataType.REGISTERS)]
    spare = [SimData(0, values=[0] * 8, datatype=DataType.REGISTERS)]
    bit = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    server = ModbusTcpServer(SimDevice(17, simdata=(bit, bit, spare, inputs)), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def running(text: str, state: Path) -> AsyncIterator[Agent]:
    agent = assemble(parse(text), text, World(SystemClock("rtc"), state, None), real_openers, compiled=False)
    task = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        agent.stop()
        await task
        agent.log.close()


async def until(good: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not good():
            await passes(0.05)


def samples(state: Path) -> list[Sample]:
    reader = LogReader(state / LOG_FILE)
    try:
        return [one for _, records in reader.records() for one in records if isinstance(one, Sample)]
    finally:
        reader.close()


def points(state: Path) -> dict[str, Sample]:
    """Give the newest stored point of each series that has a value."""
    return {one.series: one for one in samples(state) if one.value == one.value}  # nan: no answer


async def test_sdi12_ezo_weather_and_gateways_become_stored_points(tmp_path: Path) -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    soil = TextPtyLine(TextLine([probe("meter-teros-12", "3"), probe("acclima-tdr-310s", "a")]))
    ph, roof = TextPtyLine(TextLine([probe("atlas-ezo-ph", "")])), TextPtyLine(TextLine([probe("vaisala-wxt536", "0")]))
    async with gateway(FramerType.SOCKET) as tcp, gateway(FramerType.RTU) as raw:
        text = FARM + SOIL.format(soil=soil.path) + WATER.format(ph=ph.path) + ROOF.format(roof=roof.path)
        text += GATEWAY.format(scheme="tcp", port=tcp, index=0) + GATEWAY.format(scheme="socket", port=raw, index=1)
        async with running(text, tmp_path) as agent:
            await until(lambda: set(agent.board.samples) >= set(agent.board.plans))
    for line in (soil, ph, roof):
        line.close()
    stored = points(tmp_path)
    met = {
        "house-1/soil_moisture.1": 27.5,
        "house-1/soil_temperature": 24.3,
        "house-1/soil_ec": 1.25,
        "house-1/water_ph": 6.1,
        "roof/wind_speed": 2.1,
        "roof/air_pressure": 1008.0,
        "house-1/air_temperature": 28.4,
        "house-1/air_humidity.1": 71.0,
    }
    assert {name: stored[name].value for name in met} == pytest.approx(met, rel=1e-3)
    assert 15.0 < stored["house-1/soil_moisture"].value < 50.0, "computed from the raw count by the maker's equation"
    assert not any(stored[name].quality & (Quality.COMM | Quality.SENTINEL) for name in met)


async def test_a_pulled_adapter_and_a_dead_probe_are_told_and_come_back(tmp_path: Path) -> None:
    alive, mute = probe("meter-teros-12", "3"), probe("acclima-tdr-310s", "a")
    mute.silent = True
    link = tmp_path / "adapter"
    first = TextPtyLine(TextLine([alive, mute]))
    link.symlink_to(first.path)
    text = FARM + SOIL.format(soil=f"/dev/../{link}").replace("address", "period_s = 2.0\naddress")
    async with running(text, tmp_path) as agent:
        raised = agent.alarms.stands
        await until(lambda: raised("bus.dead", "bed-2"))
        assert agent.board.samples["house-1/soil_temperature"].value == pytest.approx(24.3), "the others go on"
        mute.silent = False
        await until(lambda: not raised("bus.dead", "bed-2"))
        first.close()
        await until(lambda: raised("bus.line_down", "soil-line"))
        second = TextPtyLine(TextLine([alive, mute]))
        link.unlink()
        link.symlink_to(second.path)
        await until(lambda: not raised("bus.line_down", "soil-line"))
        await until(lambda: not agent.board.samples["house-1/soil_temperature"].quality & Quality.COMM)
        second.close()


def test_in_virtual_time_sdi12_with_its_breaks_and_ezo_keep_their_period(tmp_path: Path) -> None:
    text = FARM + SOIL.format(soil="sim").replace("sdi12-adapter", "sdi12") + WATER.format(ph="sim")
    text += '[simulation]\nseed = 2\nhouses = { house-1 = "da-lat-pepper" }\n'
    rehearse(parse(text), text, tmp_path, 300.0)
    counts = Counter(one.series for one in samples(tmp_path) if one.value == one.value)
    assert 28 <= counts["house-1/soil_temperature.1"] <= 31, "every 10 s"
    assert 28 <= counts["house-1/water_ph"] <= 31
