# SPDX-License-Identifier: Apache-2.0
"""Torture: edges, broker, hub and a real store under seeded faults; then what was accepted against what is there.

``python -m tests.torture.telemetry [--faults N] [--seed S] [--naive]`` prints a table of the kinds of fault and one
JSON line. The edges write down what their log accepted; the checker knows only those lists and the database.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from telemetry.mqtt import MqttBroker
from telemetry.ports import BrokerError, Message, StoreError
from telemetry.stores.http_client import HttpClient
from tests.support.fleet import accepted
from tests.support.proxy import Proxy
from tests.support.servers import Server, influxdb, mosquitto

ROOT: Final = Path(__file__).resolve().parents[2]
EDGES: Final = ("farm-1", "farm-2", "farm-3")
SERIES: Final = 2
RATE: Final = 10
RECOVER_S: Final = 20.0


@dataclass
class Child:
    """A process of ours that can be killed, frozen and started again."""

    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stderr=log)

    def kill(self) -> None:
        """Kill it with kill -9, frozen or not."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process
        self.process.send_signal(number)


@dataclass
class Outcome:
    """What the torture found."""

    faults: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    recovery_s: list[float] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    accepted: int = 0
    lost: int = 0
    duplicates: int = 0
    disordered: int = 0

    def line(self) -> dict[str, object]:
        """Give it as the figures of the bench."""
        times = sorted(self.recovery_s) or [0.0]
        return {
            "torture_faults": self.faults,
            "torture_kinds": len(self.kinds),
            "accepted": self.accepted,
            "lost": self.lost,
            "duplicates": self.duplicates,
            "disordered": self.disordered,
            "recovery_p99_s": round(times[min(len(times) - 1, int(len(times) * 0.99))], 2),
            "recovery_max_s": round(times[-1], 2),
        }


class Rig:
    """Three edges behind a misbehaving link, Mosquitto, a hub (or the naive design), InfluxDB."""

    def __init__(self, folder: Path, seed: int, *, naive: bool = False) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.naive = naive
        self.outcome = Outcome()
        self.stack = contextlib.AsyncExitStack()
        self.edges: dict[str, Child] = {}
        self.twins = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Rig"]:
        """Run everything for the length of a with."""
        async with self.stack:
            (self.folder / "influx").mkdir()
            self.broker = self.stack.enter_context(mosquitto(self.folder))
            self.store, self.front = self.stack.enter_context(influxdb(self.folder))
            self.db = HttpClient(self.front.url, timeout_s=5.0)
            self.stack.callback(self.db.close)
            await asyncio.to_thread(self.db.post, "/query", {"q": "CREATE DATABASE vuon"})
            self.edge_link = await self.stack.enter_async_context(Proxy(self.broker.port).running())
            self.hub_link = await self.stack.enter_async_context(Proxy(self.broker.port).running())
            (self.folder / "hub.toml").write_text(
                f'name = "hub-1"\ntitle = "t"\nstate = "state"\n[broker]\nurl = "mqtt://127.0.0.1:{self.hub_link.port}"\n'
                f'[store]\nkind = "influx"\nurl = "{self.front.url}"\n[[members]]\nname = "anh-ba"\ntitle = "t"\n'
                f"edges = {json.dumps(EDGES)}\n"
            )
            hub = "tests.support.naive_hub" if self.naive else "tests.support.hub"
            self.hub = Child([sys.executable, "-m", hub, str(self.folder / "hub.toml")], self.folder / "hub.log")
            self.stack.callback(self.hub.kill)
            self.hub.start()
            for edge in EDGES:
                self._add_edge(edge, edge, 0)
            await self._until(lambda: all(len(accepted(self.folder / edge)) > 5 for edge in EDGES))
            yield self

    def _add_edge(self, name: str, edge: str, first: int) -> None:
        (self.folder / name).mkdir()
        module = "tests.support.naive_edge" if self.naive else "tests.support.fleet"
        url = f"mqtt://127.0.0.1:{self.edge_link.port}"
        arguments = [str(self.folder / name), url, "anh-ba", edge, str(RATE), str(SERIES), str(first)]
        self.edges[name] = Child([sys.executable, "-m", module, *arguments], self.folder / name / "log")
        self.stack.callback(self.edges[name].kill)
        self.edges[name].start()

    # ---- the faults

    def faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Give every kind of fault by its name."""
        return {
            "edge killed": lambda: self._kill(self.edges[self.random.choice(EDGES)]),
            "hub killed": lambda: self._kill(self.hub),
            "broker killed": lambda: self._kill(self.broker),
            "store killed": lambda: self._kill(self.store),
            "edge frozen": lambda: self._freeze(self.edges[self.random.choice(EDGES)].process),
            "hub frozen": lambda: self._freeze(self.hub.process),
            "broker frozen": lambda: self._freeze(self.broker.process),
            "store frozen": lambda: self._freeze(self.store.process),
            "edges cut off": lambda: self._link(self.edge_link, "cut"),
            "hub cut off": lambda: self._link(self.hub_link, "cut"),
            "edges half open": lambda: self._link(self.edge_link, "swallow"),
            "hub half open": lambda: self._link(self.hub_link, "swallow"),
            "link slow": lambda: self._link(self.edge_link, "slow"),
            "clock set": self._clock,
            "garbage published": self._garbage,
            "batches replayed": self._replay,
            "identity doubled": self._twin,
            "store fell back": self._fall_back,
        }

    async def run(self, faults: int, only: str = "") -> Outcome:
        """Do that many faults, each kind in turn in a random order, and check everything at the end."""
        kinds = {name: fault for name, fault in self.faults().items() if only in name}
        queue: list[str] = []
        for _ in range(faults):
            if not queue:
                queue = list(kinds)
                self.random.shuffle(queue)
            kind = queue.pop()
            await kinds[kind]()
            self.outcome.faults += 1
            self.outcome.kinds[kind] += 1
            took = await self._recovery()
            self.outcome.recovery_s.append(took)
            print(f"{self.outcome.faults:5} {kind:20} {took:6.2f} s", file=sys.stderr, flush=True)
            self.outcome.slowest[kind] = max(took, self.outcome.slowest.get(kind, 0.0))
        await asyncio.sleep(0.5)
        for child in self.edges.values():
            child.signal(19)  # stop: what is accepted now is all there is
        want = {name: accepted(self.folder / name) for name in self.edges}
        for child in self.edges.values():
            child.signal(18)
        await self._check(want)
        return self.outcome

    async def _kill(self, what: Child | Server) -> None:
        await asyncio.to_thread(what.kill)
        await asyncio.sleep(self.random.uniform(0.0, 1.0))
        await asyncio.to_thread(what.start)

    async def _freeze(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process
        process.send_signal(19)
        await asyncio.sleep(self.random.uniform(0.2, 2.5))
        process.send_signal(18)

    async def _link(self, link: Proxy, mode: str) -> None:
        link.mode = mode
        if mode == "cut":
            link.drop()
        await asyncio.sleep(self.random.uniform(0.2, 3.0))
        link.mode = "pass"
        if mode == "swallow":
            link.drop()

    async def _clock(self) -> None:
        """Set the second farm's clock wrong for a while: back by up to a day, ahead by up to five minutes."""
        (self.folder / EDGES[1] / "clock").write_text(str(self.random.choice([-86_400_000, -3_600_000, -700, 300_000])))
        await asyncio.sleep(0.7)
        (self.folder / EDGES[1] / "clock").unlink()

    async def _garbage(self) -> None:
        """Publish what no edge would, on topics of edges and of nobody."""
        with contextlib.suppress(BrokerError):
            async with MqttBroker(f"mqtt://127.0.0.1:{self.broker.port}").connect("garbage") as session:
                for _ in range(200):
                    edge = self.random.choice([*EDGES, "nobody", "x" * 40])
                    kind = self.random.choice(["batch", "dictionary", "profile", "ack", "ask"])
                    data = self.random.randbytes(self.random.randrange(300))
                    payload = (b"VB\x01\x01" if self.random.random() < 0.5 else b"") + data
                    if kind in ("ack", "ask") and edge in EDGES:
                        continue  # an edge believes its hub; deploy/mosquitto lets nobody else write there
                    await session.publish(Message(f"vuon/1/anh-ba/{edge}/{kind}", payload))

    async def _replay(self) -> None:
        """Listen for a while, then send all that came once more, shuffled, twice."""
        caught: list[Message] = []
        with contextlib.suppress(BrokerError, TimeoutError):
            async with MqttBroker(f"mqtt://127.0.0.1:{self.broker.port}").connect("echo") as session:
                await session.subscribe("vuon/1/+/+/batch")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.8):
                        async for message in session.messages():
                            caught.append(message)  # noqa: PERF401 - the time-out cuts a comprehension short
                for _ in range(2):
                    self.random.shuffle(caught)
                    for message in caught:
                        await session.publish(message)

    async def _twin(self) -> None:
        """Run a second process that says it is the third farm."""
        self.twins += 1
        name = f"{EDGES[2]}-twin-{self.twins}"
        self._add_edge(name, EDGES[2], self.twins * 1_000_000)
        await self._until(lambda: len(accepted(self.folder / name)) > 3)
        await asyncio.sleep(3.0)  # its points are to be acknowledged before it goes for ever
        await self._recovery()
        child = self.edges[name]
        child.signal(19)
        await asyncio.sleep(0.05)
        want = set(accepted(self.folder / name))
        child.signal(18)
        await self._until_there({name: want})
        child.signal(19)
        (self.folder / name / "accepted").write_text("".join(f"1 1 {number} 0\n" for number in want))
        child.kill()
        del self.edges[name]
        self.gone = {**getattr(self, "gone", {}), name: want}

    async def _fall_back(self) -> None:
        """Give the store a copy of itself from two seconds ago, as a lost shard does."""
        await asyncio.to_thread(self.store.kill)
        copy = self.folder / "influx.copy"
        await asyncio.to_thread(shutil.copytree, self.folder / "influx", copy)
        await asyncio.to_thread(self.store.start)
        await self._recovery()
        await asyncio.sleep(1.5)
        await asyncio.to_thread(self.store.kill)
        await asyncio.to_thread(shutil.rmtree, self.folder / "influx")
        copy.rename(self.folder / "influx")
        await asyncio.to_thread(self.store.start)

    # ---- what came of it

    async def _recovery(self) -> float:
        """Wait until all that was accepted by now can be read; give how long that took, s."""
        want = {name: set(accepted(self.folder / name)) for name in self.edges}
        start = time.monotonic()
        await self._until_there(want)
        return time.monotonic() - start

    async def _until_there(self, want: dict[str, set[int]]) -> None:
        end = time.monotonic() + RECOVER_S
        while time.monotonic() < end:
            with contextlib.suppress(StoreError):
                if all(
                    [numbers <= await self._numbers(name, min(numbers)) for name, numbers in want.items() if numbers]
                ):
                    return
            await asyncio.sleep(0.05)

    async def _numbers(self, name: str, least: int) -> set[int]:
        """Give the numbers of an edge that the first series has in the database, from ``least`` on."""
        return set(await self._read(name.split("-twin")[0], 0, least))

    async def _read(self, edge: str, series: int, least: int = 0) -> list[int]:
        query = f"SELECT v FROM co2 WHERE edge='{edge}' AND place='zone-{series}' AND v >= {least}"
        data = await asyncio.to_thread(self.db.get, "/query", {"db": "vuon", "q": query, "epoch": "ns"})
        result = msgspec.json.decode(data)["results"][0]
        if "error" in result:
            raise StoreError(result["error"])
        return [int(row[1]) for table in result.get("series", []) for row in table["values"]]

    async def _check(self, want: dict[str, dict[int, int]]) -> None:
        """Compare what was accepted with what each series has."""
        everything = {name: set(numbers) for name, numbers in want.items()} | getattr(self, "gone", {})
        await self._until_there(everything)
        for edge in EDGES:
            numbers = set().union(*(found for name, found in everything.items() if name.split("-twin")[0] == edge))
            for series in range(SERIES):
                there = await self._read(edge, series)
                self.outcome.accepted += len(numbers)
                self.outcome.lost += len(numbers - set(there))
                self.outcome.duplicates += len(there) - len(set(there))
                if edge == EDGES[0]:  # its clock was never set and it has no twin
                    self.outcome.disordered += sum(1 for a, b in itertools.pairwise(there) if b < a)

    async def _until(self, good: Callable[[], bool]) -> None:
        end = time.monotonic() + RECOVER_S
        while not good():
            if time.monotonic() > end:
                raise TimeoutError("the rig did not come up")
            await asyncio.sleep(0.05)


async def torture(faults: int, seed: int, *, naive: bool = False, only: str = "") -> Outcome:
    """Run one rig."""
    with tempfile.TemporaryDirectory(prefix="vuon-torture-") as folder:
        async with Rig(Path(folder), seed, naive=naive).running() as rig:
            return await rig.run(faults, only)


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--naive", action="store_true", help="torture the naive design instead")
    parser.add_argument("--only", default="", help="only the kinds whose name holds this")
    options = parser.parse_args()
    outcome = asyncio.run(torture(options.faults, options.seed, naive=options.naive, only=options.only))
    for kind, count in sorted(outcome.kinds.items()):
        print(f"{kind:24} {count:5}  slowest recovery {outcome.slowest[kind]:6.2f} s")
    print(json.dumps(outcome.line()))
    sys.exit(1 if outcome.lost or outcome.duplicates or outcome.disordered else 0)


if __name__ == "__main__":
    main()
