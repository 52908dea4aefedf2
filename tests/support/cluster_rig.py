# SPDX-License-Identifier: Apache-2.0
"""The shape of a nation on one machine: two regions with broker and bridge, three NATS nodes, three workers, shards.

Everything is a process of its own with the deploy files' settings; everything can be killed and started again.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from telemetry.ports import StoreError
from telemetry.stores.http_client import HttpClient
from tests.support.servers import Server, influxdb, mosquitto, nats_cluster

ROOT: Final = Path(__file__).resolve().parents[2]
REGIONS: Final = ("south", "highland")
WORKERS: Final = ("hub-a", "hub-b", "hub-c")
READY_S: Final = 60.0


class Process:
    """One of our programs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.command = [sys.executable, "-m", "tests.support.hub", str(folder / "hub.toml"), *arguments]
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stderr=log)

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        if self.process:
            self.process.kill()
            self.process.wait()


class Shard:
    """One InfluxDB with its front, and a client that asks the database itself."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir()
        self.server, self.front = stack.enter_context(influxdb(folder))
        self.client = HttpClient(self.server.url, timeout_s=5.0)
        stack.callback(self.client.close)
        self.client.post("/query", {"q": "CREATE DATABASE vuon"})
        self.toml = f'kind = "influx"\nurl = "{self.front.url}"'

    def numbers(self, edge: str, place: str, least: int = 0) -> list[int]:
        """Give the numbers of a series from ``least`` on, in the order of time; [] while the database is away."""
        query = f"SELECT v FROM co2 WHERE edge='{edge}' AND place='{place}' AND v >= {least}"
        with contextlib.suppress(StoreError):
            result = msgspec.json.decode(self.client.get("/query", {"db": "vuon", "q": query, "epoch": "ns"}))
            return [int(row[1]) for table in result["results"][0].get("series", []) for row in table["values"]]
        return []


class ClusterRig:
    """All of it. ``shards`` is a line of TOML each."""

    def __init__(self, folder: Path, stack: ExitStack, edges: Sequence[Sequence[str]]) -> None:
        self.folder = folder
        self.stack = stack
        self.edges = edges
        self.nodes = stack.enter_context(nats_cluster(folder))
        self.brokers: list[Server] = []
        self.bridges: list[Process] = []
        self.workers: list[Process] = []
        for name in REGIONS:
            (folder / name).mkdir()
            self.brokers.append(stack.enter_context(mosquitto(folder / name)))
        self.url = "nats://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        for user in ("hub", "bridge"):
            (folder / f"{user}.secret").write_text(f"change-me-{user}")

    def start(self, shards: dict[str, str]) -> None:
        """Configure and start bridges and workers; the cluster's streams are there afterwards."""
        for at, name in enumerate(REGIONS):
            (self.folder / name / "hub.toml").write_text(
                f'name = "{name}"\ntitle = "t"\n[broker]\nurl = "mqtt://127.0.0.1:{self.brokers[at].port}"\n'
                f'[cluster]\nurl = "{self.url}"\nusername = "vuon-bridge"\n'
                f'password_file = "{self.folder}/bridge.secret"\n{self._member(self.edges[at])}'
            )
            self.bridges.append(Process(self.folder / name, "bridge"))
        for name in WORKERS:
            (self.folder / name).mkdir()
            self.workers.append(Process(self.folder / name))
        self.configure(shards)
        for process in [*self.workers, *self.bridges]:
            self.stack.callback(process.kill)
            process.start()

    def whole(self) -> bool:
        """Say whether every node holds all copies and leads one lane: one more may be killed."""
        leaders = self.nodes[0].leaders()
        spread = {stream for stream, consumer in leaders if stream and stream == consumer}
        return len(spread) == len(self.nodes) and all(node.whole() for node in self.nodes)

    def configure(self, shards: dict[str, str]) -> None:
        """Write what the workers read when they start."""
        tables = "".join(f'[[store.shards]]\nname = "{name}"\n{toml}\n' for name, toml in shards.items())
        for name in WORKERS:
            (self.folder / name / "hub.toml").write_text(
                f'name = "{name}"\ntitle = "t"\nstate = "state"\n[broker]\nurl = "{self.url}"\nusername = "vuon-hub"\n'
                f'password_file = "{self.folder}/hub.secret"\n[store]\nkind = "sharded"\n{tables}'
                f"{self._member([edge for region in self.edges for edge in region])}"
            )

    def _member(self, edges: Sequence[str]) -> str:
        return f'[[members]]\nname = "coop"\ntitle = "t"\nedges = {json.dumps(list(edges))}\n'


@contextmanager
def cluster(folder: Path, edges: Sequence[Sequence[str]]) -> Iterator[ClusterRig]:
    """Run the servers for the length of a with; bridges and workers when they are started."""
    with ExitStack() as stack:
        yield ClusterRig(folder, stack, edges)


class Gap:
    """Watches how long what was accepted stays unreadable."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._open: dict[tuple[str, int], int] = {}
        self._known: dict[str, int] = {}

    def accepted(self, edge: str, numbers: dict[int, int]) -> int:
        """Take what an edge accepted (number and wall time, ms); give the least number that is not readable yet."""
        known = self._known.get(edge, -1)
        new = {(edge, number): wall for number, wall in numbers.items() if number > known}
        self._open |= new
        self._known[edge] = max([known, *(number for _, number in new)])
        return min((number for name, number in self._open if name == edge), default=self._known[edge] + 1)

    def readable(self, edge: str, numbers: Sequence[int]) -> None:
        """Take what can be read of an edge now."""
        now_ms = time.time_ns() // 1_000_000
        for number in numbers:
            wall = self._open.pop((edge, number), None)
            if wall is not None:
                self.worst_s = max(self.worst_s, (now_ms - wall) / 1000)

    def waiting(self) -> int:
        """Count what cannot be read yet."""
        return len(self._open)
