# SPDX-License-Identifier: Apache-2.0
"""The shape of a nation on loopback: any node, worker, bridge or store may die under load, and a shard may be added.

Three NATS nodes, two regions' brokers with their bridges, three workers, two stores (then three). What the edges
accepted is compared with what the databases themselves return.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from telemetry.stores.influx import InfluxStore
from telemetry.stores.sharded import ShardedStore
from tests.support.cluster_rig import ClusterRig, Gap, Shard, cluster
from tests.support.fleet import Edge, accepted
from tests.support.servers import Server
from tests.support.waiting import passes, until

EDGES = (("farm-1", "farm-2"), ("farm-3", "farm-4"))
ALL = tuple(edge for region in EDGES for edge in region)
SERIES = 5
RATE = 10.0
GAP_S = 5.0


class Fleet:
    """Real edges, and a look at what the stores can give back of them."""

    def __init__(self, folder: Path, shards: dict[str, Shard]) -> None:
        self.folder = folder
        self.shards = shards
        self.gap = Gap()

    @contextlib.asynccontextmanager
    async def sending(self, rig: ClusterRig) -> AsyncIterator[None]:
        """Let every edge work at its region's broker; at the end all that was accepted is to be readable."""
        edges: list[Edge] = []
        for region, names in enumerate(EDGES):
            for name in names:
                (self.folder / name).mkdir()
                url = f"mqtt://127.0.0.1:{rig.brokers[region].port}"
                edges.append(Edge(self.folder / name, url, "coop", name, RATE, SERIES, 0))
        work = [asyncio.create_task(edge.produce(), name=f"{edge.log.edge} works") for edge in edges]
        links = [asyncio.create_task(edge.uplink.run(), name=f"{edge.log.edge} sends") for edge in edges]
        try:
            yield
            await ended(work)
            await self.look()
            await self.until(lambda: self.gap.waiting() == 0, "reading the last back")
        finally:
            await ended(work + links)
            for edge in edges:
                edge.close()

    async def look(self) -> None:
        """Ask the databases for all that was accepted and not seen in one of them yet."""
        for edge in ALL:
            least = self.gap.accepted(edge, accepted(self.folder / edge))
            for shard in self.shards.values():
                self.gap.readable(edge, await asyncio.to_thread(shard.numbers, edge, "zone-0", least))

    async def until(self, good: Callable[[], bool], what: str) -> None:
        """Look again and again."""

        async def looking() -> None:
            while True:
                await self.look()
                await passes(0.05)

        task = asyncio.create_task(looking(), name="looks")
        try:
            await until(good, what, 30.0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def goes_on(self, groups: int) -> None:
        """Wait until each edge has accepted so many groups more and everything up to then can be read."""
        want = {edge: max(accepted(self.folder / edge), default=-1) + groups for edge in ALL}
        await self.until(
            lambda: all(max(accepted(self.folder / edge), default=-1) >= number for edge, number in want.items()),
            "the edges' work",
        )
        await self.until(lambda: self.gap.waiting() < 4 * len(ALL), "reading it back")


@pytest.mark.server("nats-server", "mosquitto", "influxd", "nginx")
async def test_any_node_dies_under_load_and_nothing_is_lost(tmp_path: Path) -> None:
    with cluster(tmp_path, EDGES) as rig:
        shards = {name: Shard(tmp_path / f"store-{name}", rig.stack) for name in ("a", "b")}
        fleet = Fleet(tmp_path, shards)
        rig.start({name: shard.toml for name, shard in shards.items()})
        async with fleet.sending(rig):
            await fleet.goes_on(10)
            gaps_s = [await die(fleet, rig, node) for node in rig.nodes]
            await asyncio.to_thread(shards["b"].server.kill)
            await fleet.goes_on(10)
            await asyncio.to_thread(shards["b"].server.start)
            shards["c"] = Shard(tmp_path / "store-c", rig.stack)
            rig.configure({name: shard.toml for name, shard in shards.items()})
            for process in (*rig.workers, rig.bridges[0]):
                await asyncio.to_thread(process.kill)
                process.start()
            await fleet.goes_on(20)
        await compare(fleet)
        print("longest unreadable with each node dead, s:", gaps_s)
        assert max(gaps_s) <= GAP_S, gaps_s


async def ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks; a library on Python 3.11 may swallow being cancelled once."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=1.0)


async def die(fleet: Fleet, rig: ClusterRig, node: Server) -> float:
    """Kill a node for a while; give the longest that anything accepted meanwhile was not readable, s."""
    await fleet.until(rig.whole, "the cluster's becoming whole")
    fleet.gap.worst_s = 0.0
    await asyncio.to_thread(node.kill)
    await fleet.goes_on(20)
    await asyncio.to_thread(node.start)
    await fleet.goes_on(10)
    return fleet.gap.worst_s


async def compare(fleet: Fleet) -> None:
    """Compare what was accepted with what the shards together return."""
    store = ShardedStore({name: InfluxStore(shard.front.url, "vuon") for name, shard in fleet.shards.items()})
    homes = {home for edge in ALL for home in store.homes(edge)}
    assert homes == {"a", "b", "c"}, "the new shard is nobody's home; choose other names"
    try:
        for edge in ALL:
            want = sorted(accepted(fleet.folder / edge))
            for series in range(SERIES):
                there = (await store.range(edge, f"zone-{series}/co2", 0, 1 << 43)).value.tolist()
                assert set(want) <= set(there), f"lost: {sorted(set(want) - set(there))[:5]}"
                assert len(there) == len(set(there)), "a point is there twice"
                assert there == sorted(there), "the order of a series was changed"
    finally:
        await store.close()
