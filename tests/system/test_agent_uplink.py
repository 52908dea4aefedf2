# SPDX-License-Identifier: Apache-2.0
"""The agent's log through Mosquitto and the hub into a real store, and a new calibration with its grade.

A killed broker changes nothing in the loop.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cooperative.config import load_config
from cooperative.hub import profiles
from cooperative.indicators.evidence import Sources, Span, Track
from drivers.bus import fine_timer_loop
from drivers.calibration.result import finish
from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from edge.agent import Agent
from edge.calibrating import SHELF_FOLDER
from edge.config import parse
from edge.exits import LOG_FILE
from edge.machine import Machine
from edge.wiring import SimulatedField, assemble, known_devices
from edge.world import SystemClock, World
from telemetry.history import LogReader
from telemetry.records import FarmProfile, Sample
from telemetry.stores.embedded import EmbeddedStore
from tests.drivers.calibration.cases import NAMED
from tests.drivers.calibration.walk import Bench, session_for
from tests.support.servers import Server, mosquitto
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
SERIES = "pepper-1/air_temperature"


@contextlib.contextmanager
def hub(folder: Path, broker: Server) -> Iterator[Path]:
    config = folder / "hub.toml"
    config.write_text(
        f'name = "hub-1"\ntitle = "Hợp tác xã"\nstate = "state"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
        '[[members]]\nname = "anh-ba"\ntitle = "Anh Ba"\nedges = ["da-lat-pepper"]\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "tests.support.hub", str(config)]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield folder / "state" / "store.db"
    finally:
        child.kill()
        child.wait()


def put_in_force(state: Path) -> None:
    """Lay a signed record of the thermometer on the agent's shelf."""
    bench = Bench(session_for(SERIES, "beside", "°C"), lambda _s, _t: 24.6, NAMED | {"truth": "24.4"}).walk()
    Shelf(state / SHELF_FOLDER).add(finish(bench.session, bench.now, adjusted=True, before=None, identity="c-1"))


def graded(folder: Path) -> bool:
    """Ask the hub whether what the thermometer says may carry grade A today."""
    farm = profiles(load_config(folder / "hub.toml"))["da-lat-pepper"]
    now_ms = round(time.time() * 1000)
    return Sources(NoTracks(), farm, Span(now_ms - 1, now_ms)).in_date(SERIES)


class NoTracks:
    """Evidence of a day of which nothing is stored."""

    def farms(self) -> tuple[FarmProfile, ...]:
        return ()

    def track(self, edge: str, series: str, from_ms: int, to_ms: int) -> Track:
        raise AssertionError((edge, series, from_ms, to_ms))


async def live(folder: Path, broker: Server) -> tuple[Agent, float]:
    text = await asyncio.to_thread(FARM.read_text, encoding="utf-8")
    text += f'\n[uplink]\nhost = "127.0.0.1"\nport = {broker.port}\nmember = "anh-ba"\n'
    config = parse(text)
    loop = asyncio.get_running_loop()
    field = SimulatedField(config, known_devices(config, Catalogue()), loop.time(), time.time(), byte_by_byte=False)
    (folder / "edge").mkdir()
    world = World(SystemClock("rtc"), folder / "edge", Machine())
    agent = assemble(config, text, world, field.open_line, compiled=True)
    nature = asyncio.create_task(field.live())
    running = asyncio.create_task(agent.run())
    try:
        await until(lambda: agent.board.counts.uplink == "connected", "the connection")
        await until(lambda: agent.board.counts.rows > 3 and agent.board.counts.unsent == 0, "the acknowledgement")
        assert not graded(folder)
        put_in_force(folder / "edge")
        order = {"series": SERIES, "artifact": "c-1", "person": "lan", "role": "technician"}
        assert (await agent.desk.order("activate", order)).outcome == "done"
        await until(lambda: graded(folder), "the new calibration at the hub, over the same connection")
        await asyncio.to_thread(broker.kill)
        killed_s, ticks = time.monotonic(), agent.deadlines.ticks
        await until(lambda: agent.board.counts.uplink == "waiting", "the broken link")
        await until(lambda: agent.deadlines.ticks >= ticks + 3, "three further ticks")
        lived = (agent.deadlines.ticks - ticks) / (time.monotonic() - killed_s)
        await asyncio.to_thread(broker.start)
        await until(lambda: agent.board.counts.uplink == "connected", "the second connection")
        rows = agent.board.counts.rows
        await until(lambda: agent.board.counts.rows > rows, "a further row", 30.0)
        await until(lambda: agent.board.counts.unsent == 0, "the second acknowledgement")
    finally:
        agent.stop()
        await running
        nature.cancel()
        await asyncio.gather(nature, return_exceptions=True)
        agent.log.close()
    return agent, lived


async def there(store: EmbeddedStore, edge: str, series: str) -> dict[int, float]:
    points = await store.range(edge, series, 0, 1 << 43)
    return dict(zip(points.wall_ms.tolist(), points.value.tolist(), strict=True))


@pytest.mark.server("mosquitto")
def test_a_killed_broker_changes_nothing_in_the_loop_and_no_value_is_lost(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker, hub(tmp_path, broker) as database:
        with asyncio.Runner(loop_factory=fine_timer_loop) as runner:
            agent, ticks_per_s = runner.run(live(tmp_path, broker))
        assert ticks_per_s == pytest.approx(1.0, abs=0.3)
        assert agent.deadlines.missed <= 1
        with asyncio.Runner() as runner:
            store = EmbeddedStore(database)
            at_hub = runner.run(there(store, "da-lat-pepper", SERIES))
            runner.run(store.close())
    reader = LogReader(tmp_path / "edge" / LOG_FILE)
    mine = [
        (header.wall_ms + record.mono_ms - header.mono_ms, record.value)
        for header, records in reader.records()
        for record in records
        if isinstance(record, Sample) and record.series == SERIES
    ]
    reader.close()
    assert len(at_hub) >= 3
    # what was flushed at the very end, after the last acknowledgement, need not be there yet
    missing = [at for at, _ in mine if at not in at_hub]
    assert missing == [at for at, _ in mine][len(mine) - len(missing) :]
    assert len(missing) <= 4
    assert all(at_hub[at] == value for at, value in mine if at in at_hub)
