# SPDX-License-Identifier: Apache-2.0
"""The nation's shape in the telemetry bench: three NATS nodes die one after the other under load.

``python -m bench.telemetry_cluster [RATE]`` prints its figures. Two fleets of 2,500 farms send at a rate of points a
second over two regions' brokers; four real edges beside them tell how long what they accepted stays unreadable. Two
VictoriaMetrics keep a copy each, and are asked themselves.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from telemetry.ports import StoreError
from telemetry.stores.http_client import HttpClient
from tests.support.cluster_rig import REGIONS, ClusterRig, Gap, cluster
from tests.support.fleet import Edge, accepted
from tests.support.servers import NatsNode, victoria_metrics

ROOT: Final = Path(__file__).resolve().parents[1]
FARMS: Final = 2_500  # of each region
POINTS: Final = 100
RATE: Final = 75_000.0
PROBES: Final = (("probe-1", "probe-2"), ("probe-3", "probe-4"))
PROBE_RATE: Final = 5.0
WATCH_S: Final = 8.0
WHOLE_S: Final = 30.0
LAST_S: Final = 30.0


class Copy:
    """One VictoriaMetrics."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        folder.mkdir()
        server = stack.enter_context(victoria_metrics(folder))
        self.client = HttpClient(server.url, timeout_s=20)
        stack.callback(self.client.close)
        self.toml = f'kind = "victoria"\nurl = "{server.url}"'

    def numbers(self, since_ms: int) -> dict[str, list[int]]:
        """Give the numbers that each real edge's series has; the server shows what it took after a second or two."""
        query = {"match[]": 'co2_v{edge=~"probe-.+"}', "start": f"{since_ms / 1000:.3f}"}
        lines = [msgspec.json.decode(line) for line in self.client.get("/api/v1/export", query).splitlines()]
        return {line["metric"]["edge"]: [int(value) for value in line["values"]] for line in lines}

    def fleet_points(self) -> int:
        """Count the fleets' points."""
        self.client.get("/internal/force_flush", {})
        query = {"query": 'sum(count_over_time({edge=~"farm-.*",__name__=~".+_v"}[1h]))', "nocache": "1"}
        result = msgspec.json.decode(self.client.get("/api/v1/query", query))["data"]["result"]
        return int(float(result[0]["value"][1])) if result else 0


class Watch:
    """The real edges, and what of them can be read."""

    def __init__(self, folder: Path, copies: list[Copy]) -> None:
        self.folder = folder
        self.copies = copies
        self.gap = Gap()
        self.since_ms = time.time_ns() // 1_000_000

    async def look(self) -> None:
        """Ask both copies."""
        for region in PROBES:
            for edge in region:
                self.gap.accepted(edge, accepted(self.folder / edge))
        since_ms = max(self.since_ms, time.time_ns() // 1_000_000 - 60_000)
        for copy in self.copies:
            with contextlib.suppress(StoreError):
                for edge, numbers in (await asyncio.to_thread(copy.numbers, since_ms)).items():
                    self.gap.readable(edge, numbers)

    async def watch(self, seconds: float) -> None:
        """Look again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.look()
            await asyncio.sleep(0.2)


async def die(watch: Watch, rig: ClusterRig, node: NatsNode) -> float:
    """Kill a node, once the cluster is whole; give the longest that anything accepted was not readable, s."""
    end = time.monotonic() + WHOLE_S
    while not rig.whole() and time.monotonic() < end:
        await watch.watch(0.5)
    watch.gap.worst_s = 0.0
    await asyncio.to_thread(node.kill)
    await watch.watch(WATCH_S)
    await asyncio.to_thread(node.start)
    await watch.watch(2.0)
    return watch.gap.worst_s


async def deaths(watch: Watch, rig: ClusterRig, rate: float) -> tuple[list[float], list[dict[str, float]], int]:
    """Kill each node under load; give the gaps, what the fleets sent, and how many accepted points are lost."""
    edges = [
        Edge(watch.folder / name, f"mqtt://127.0.0.1:{rig.brokers[at].port}", "coop", name, PROBE_RATE, 1, 0)
        for at, names in enumerate(PROBES)
        for name in names
    ]
    work = [asyncio.create_task(edge.produce(), name="works") for edge in edges]
    links = [asyncio.create_task(edge.uplink.run(), name="sends") for edge in edges]
    await watch.watch(3.0)
    count = int(rate / len(REGIONS) / POINTS * 3 * (WATCH_S + 6.0))
    fleets = [fleet(broker.port, at * FARMS, count, rate / len(REGIONS)) for at, broker in enumerate(rig.brokers)]
    for each in fleets:  # a series is made once in a country's life: what is measured is farms that are known
        assert each.stdout
        await asyncio.to_thread(each.stdout.readline)
    await watch.watch(4.0)
    gaps = [await die(watch, rig, node) for node in rig.nodes]
    sent = [json.loads((await asyncio.to_thread(each.communicate))[0].splitlines()[-1]) for each in fleets]
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    end = time.monotonic() + LAST_S
    await watch.look()
    while watch.gap.waiting() and time.monotonic() < end:
        await watch.watch(0.5)
    for task in links:
        task.cancel()
    await asyncio.wait(links, timeout=5.0)
    for edge in edges:
        edge.close()
    return gaps, sent, watch.gap.waiting()


def fleet(port: int, first: int, count: int, rate: float) -> subprocess.Popen[str]:
    """Start one region's farms; each has reported once when the first line comes."""
    told = (port, FARMS, FARMS + count, POINTS, rate, first, FARMS)
    command = [sys.executable, "-m", "bench.telemetry_fleet", *map(str, told)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def run(rate: float = RATE) -> tuple[dict[str, float | None], str]:
    """Give the figures and a note."""
    with tempfile.TemporaryDirectory(prefix="vuon-cluster-") as name:
        folder = Path(name)
        farms = [[f"farm-{at * FARMS + farm}" for farm in range(FARMS)] for at in range(len(REGIONS))]
        with cluster(folder, [[*PROBES[at], *names] for at, names in enumerate(farms)]) as rig:
            copies = {each: Copy(folder / f"store-{each}", rig.stack) for each in ("a", "b")}
            for region in PROBES:
                for edge in region:
                    (folder / edge).mkdir()
            rig.start({each: copy.toml for each, copy in copies.items()})
            watch = Watch(folder, list(copies.values()))
            gaps, sent, lost = asyncio.run(deaths(watch, rig, rate))
            wanted = int(sum(each["points"] for each in sent)) + len(REGIONS) * FARMS * POINTS
            reached = sum(each["points"] / each["seconds"] for each in sent)
            there = max(copy.fleet_points() for copy in copies.values())
    note = (
        f"gap with each node dead: {', '.join(f'{gap:.1f}' for gap in gaps)} s; {there:,} of {wanted:,} points of the"
        f" fleets, which send once and never again, in one copy; {reached:,.0f} points/s sent"
    )
    return {"cluster_gap_s": max(gaps), "cluster_lost": float(lost), "cluster_points_per_s": reached}, note


if __name__ == "__main__":
    figures, said = run(*map(float, sys.argv[1:]))
    print(said)
    print(json.dumps(figures))
