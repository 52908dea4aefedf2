# SPDX-License-Identifier: Apache-2.0
"""A store of shards: two copies of each edge, one shard may be away, what it missed is noticed, one may be added."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from telemetry.envelope import Batch, Header, Opener, Packer
from telemetry.history import Points
from telemetry.ports import Mark, Store, StoreError, StoreRefusedError
from telemetry.records import Sample
from telemetry.stores.embedded import EmbeddedStore
from telemetry.stores.sharded import ShardedStore, merged
from tests.support.waiting import passes

NOW = 1_790_000_000_000


class Shard(EmbeddedStore):
    """A store that can be away, or silent."""

    away = False
    silent = False
    refuses = False

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        while self.silent:
            await passes(0.01)
        if self.away:
            raise StoreError("away")
        if self.refuses and batches:
            raise StoreRefusedError("a field of another type")
        await super().write(batches, mark)

    async def read_marks(self, worker: str, least: int) -> list[int]:
        if self.away or self.silent:
            raise StoreError("away")
        return await super().read_marks(worker, least)


def batch(edge: str, seq: int) -> Batch:
    header = Header(edge, 1, 7, seq, 0, 0, NOW + seq * 1000, True, 0)
    return Opener().open(Packer().pack(header, [Sample("a/co2", 0, float(seq), float(seq))]))


def shards(folder: Path, *names: str) -> dict[str, Shard]:
    return {name: Shard(folder / f"{name}.db") for name in names}


async def values(store: Store, edge: str) -> list[float]:
    points = await store.range(edge, "a/co2", 0, 1 << 43)
    return [float(value) for value in points.value]


async def test_each_edge_lives_on_two_shards_and_a_new_one_takes_only_what_becomes_its_own(tmp_path: Path) -> None:
    old = ShardedStore(shards(tmp_path, "a", "b", "c"))
    new = ShardedStore(shards(tmp_path, "a", "b", "c", "d"))
    edges = [f"farm-{at}" for at in range(600)]
    for edge in edges:
        assert len(set(old.homes(edge))) == 2
        assert set(new.homes(edge)) <= set(old.homes(edge)) | {"d"}
    assert 200 < sum("d" in new.homes(edge) for edge in edges) < 400
    await old.close()
    await new.close()


async def test_a_shard_that_dies_stops_nothing_and_what_it_missed_is_missed_by_the_marks(tmp_path: Path) -> None:
    parts = shards(tmp_path, "a", "b")
    store = ShardedStore(parts)
    await store.write([batch("farm-1", 1)], Mark("w", 1))
    parts["b"].away = True
    await store.write([batch("farm-1", 2)], Mark("w", 2))
    assert await store.read_marks("w", 0) == [1, 2]
    assert await values(store, "farm-1") == [1.0, 2.0]
    parts["b"].away = False
    end = time.monotonic() + 10
    while store._away and time.monotonic() < end:
        await passes(0.05)
    assert await store.read_marks("w", 0) == [1], "the copy that lacks mark 2 does not vouch for it"
    await store.write([batch("farm-1", 2)], Mark("w", 3))
    assert await store.read_marks("w", 0) == [1, 3]
    assert await values(parts["b"], "farm-1") == await values(store, "farm-1") == [1.0, 2.0]
    await store.close()


async def test_a_frozen_shard_is_left_out_after_a_while(tmp_path: Path) -> None:
    parts = shards(tmp_path, "a", "b")
    store = ShardedStore(parts, answer_s=0.1)
    parts["a"].silent = True
    start = time.monotonic()
    await store.write([batch("farm-1", 1)], Mark("w", 1))
    await store.write([batch("farm-1", 2)], Mark("w", 2))
    assert time.monotonic() - start < 2.0
    assert await values(store, "farm-1") == [1.0, 2.0]
    parts["a"].silent = False
    await asyncio.gather(*store._late)
    await store.close()


async def test_a_shard_that_refuses_a_batch_is_not_away(tmp_path: Path) -> None:
    parts = shards(tmp_path, "a", "b")
    store = ShardedStore(parts)
    parts["a"].refuses = True
    with pytest.raises(StoreRefusedError):
        await store.write([batch("farm-1", 1)], Mark("w", 1))
    assert not store._away
    await store.write([], Mark("w", 2))
    assert 2 in await store.read_marks("w", 0)
    await store.close()


async def test_without_a_home_nothing_is_taken(tmp_path: Path) -> None:
    parts = shards(tmp_path, "a", "b")
    store = ShardedStore(parts)
    for part in parts.values():
        part.away = True
    with pytest.raises(StoreError, match="took its data"):
        await store.write([batch("farm-1", 1)], Mark("w", 1))
    with pytest.raises(StoreError, match=r"have no home|0 of 2"):
        await store.read_marks("w", 0)
    await store.close()


async def test_an_edge_that_moved_to_a_new_shard_keeps_its_past(tmp_path: Path) -> None:
    before = ShardedStore(shards(tmp_path, "a", "b"))
    edges = [f"farm-{at}" for at in range(20)]
    await before.write([batch(edge, seq) for edge in edges for seq in (1, 2)], Mark("w", 1))
    await before.close()
    after = ShardedStore(shards(tmp_path, "a", "b", "c"))
    await after.write([batch(edge, 3) for edge in edges], Mark("w", 2))
    assert {tuple(await values(after, edge)) for edge in edges} == {(1.0, 2.0, 3.0)}
    assert (await after.latest("farm-1"))["a/co2"].sample.value == 3.0
    await after.close()


def test_copies_that_differ_are_put_together_without_doubling() -> None:
    def points(*rows: tuple[int, float]) -> Points:
        return Points(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.float64),
            np.zeros(len(rows), np.int64),
        )

    whole = merged([points((1, 1.0), (3, 3.0)), points((1, 1.0), (2, np.nan)), points()])
    assert whole.wall_ms.tolist() == [1, 2, 3]
    assert np.array_equal(whole.value, [1.0, np.nan, 3.0], equal_nan=True)
    assert merged([points(), points()]).wall_ms.tolist() == []
