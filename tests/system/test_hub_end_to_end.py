# SPDX-License-Identifier: Apache-2.0
"""From an edge's log through Mosquitto and the hub into a real store, with kill -9 in between: nothing is lost.

What the edge process wrote down as accepted is compared with what the database itself returns.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemetry.history import Points
from telemetry.ports import Store, StoreError
from telemetry.stores.embedded import EmbeddedStore
from telemetry.stores.influx import InfluxStore
from tests.support.fleet import accepted
from tests.support.servers import Server, influxdb, mosquitto
from tests.support.waiting import passes

ROOT = Path(__file__).resolve().parents[2]
SERIES = 20


@contextlib.contextmanager
def process(module: str, *arguments: object) -> Iterator[Callable[[], None]]:
    """Run one of our programs; the function given kills it with kill -9 and starts it again."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def again() -> None:
        nonlocal child
        child.kill()
        child.wait()
        child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    try:
        yield again
    finally:
        child.kill()
        child.wait()


def hub_toml(folder: Path, broker: Server, store: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(
        f'name = "hub-1"\ntitle = "Hợp tác xã"\nstate = "state"\n[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
        f'{store}\n[[members]]\nname = "anh-ba"\ntitle = "Anh Ba"\nedges = ["farm-1"]\n',
        encoding="utf-8",
    )
    return path


async def contents(store: Store, want: set[int], seconds: float) -> dict[int, Points]:
    """Read every series until all of ``want`` is there, or time is up."""
    end = time.monotonic() + seconds
    while True:
        found: dict[int, Points] = {}
        with contextlib.suppress(StoreError):
            for at in range(SERIES):
                found[at] = await store.range("farm-1", f"zone-{at}/co2", 0, 1 << 43)
            expected = {at: set(map(float, want)) for at in found}
            if len(found) == SERIES and all(expected[at] <= set(found[at].value.tolist()) for at in found):
                return found
        if time.monotonic() > end:
            return found
        await passes(0.2)


@pytest.mark.parametrize("kind", ["influx", "embedded"])
async def test_what_was_accepted_is_in_the_store_once_after_kills_of_everything(tmp_path: Path, kind: str) -> None:
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        store_toml = ""
        store: Store | None = None
        if kind == "influx":
            _, front = stack.enter_context(influxdb(tmp_path))
            influx = InfluxStore(front.url, "vuon")
            await influx.prepare()
            store, store_toml = influx, f'[store]\nkind = "influx"\nurl = "{front.url}"'
        config = hub_toml(tmp_path, broker, store_toml)
        hub_again = stack.enter_context(process("tests.support.hub", config))
        (tmp_path / "edge").mkdir()
        url = f"mqtt://127.0.0.1:{broker.port}"
        edge = tmp_path / "edge"
        edge_again = stack.enter_context(process("tests.support.fleet", edge, url, "anh-ba", "farm-1", 20, SERIES))
        await until(lambda: (edge / "accepted").exists() and len(accepted(edge)) > 20)
        for fault in (hub_again, broker.kill, broker.start, edge_again, hub_again):
            await asyncio.to_thread(fault)
            goal = len(accepted(edge)) + 15
            await until(lambda goal=goal: len(accepted(edge)) > goal)  # type: ignore[misc]
        store = store or EmbeddedStore(tmp_path / "state" / "store.db")
        want = accepted(edge)
        found = await contents(store, set(want), 20)
        await store.close()
        for at in range(SERIES):
            there = [int(value) for value in found[at].value.tolist()]
            assert set(want) <= set(there), f"lost: {sorted(set(want) - set(there))[:5]}"
            assert len(there) == len(set(there)), "a point is there twice"
            assert there == sorted(there), "the order of a series was changed"


async def until(good: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end, "it did not happen in time"
        await passes(0.05)
