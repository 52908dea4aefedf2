# SPDX-License-Identifier: Apache-2.0
"""A store made of several: each edge has its home in two of them, and one of them may be away.

The rule it keeps: a mark counts only where every shard that is up gave it back, and a batch only where at least one
of its homes took it. A shard that comes back lacks the marks of its absence; the hub sees that and asks the edges
for what came with them, so both copies become whole again.
"""

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import numpy as np

from telemetry.envelope import Batch
from telemetry.history import Points, Seen, Stored
from telemetry.ports import KeepsDictionaries, Mark, Store, StoreError, StoreRefusedError

REPLICAS: Final = 2
ANSWER_S: Final = 3.0
LOOK_S: Final = 1.0
HOMES_KEPT: Final = 200_000

_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)
_record = msgspec.json.Encoder()


class ShardedStore:
    """Several stores as one."""

    def __init__(self, shards: Mapping[str, Store], replicas: int = REPLICAS, answer_s: float = ANSWER_S) -> None:
        """Take the shards by name; the name decides who lives where, so a shard that moves keeps its name."""
        if not 1 <= replicas <= len(shards):
            raise ValueError(f"{replicas} replicas on {len(shards)} shards")
        self.settle_s = max(shard.settle_s for shard in shards.values())
        self._shards = dict(shards)
        self._replicas = replicas
        self._answer_s = answer_s
        self._homes: dict[str, tuple[str, ...]] = {}
        self._away: dict[str, asyncio.Task[None]] = {}
        self._late: set[asyncio.Future[None]] = set()

    def homes(self, edge: str) -> tuple[str, ...]:
        """Give the shards an edge lives on (rendezvous hashing: a new shard moves only what becomes its own)."""
        found = self._homes.get(edge)
        if found is None:
            if len(self._homes) >= HOMES_KEPT:
                self._homes.clear()
            order = sorted(self._shards, key=lambda name: hashlib.blake2b(f"{name} {edge}".encode()).digest())
            found = self._homes[edge] = tuple(order[: self._replicas])
        return found

    def learn(self, number: int, data: bytes) -> None:
        """Hand a dictionary to the shards that keep batches as they came."""
        for shard in self._shards.values():
            if isinstance(shard, KeepsDictionaries):
                shard.learn(number, data)

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Write each batch to its homes and the mark to every shard (see Store)."""
        parts: dict[str, list[Batch]] = {name: [] for name in self._up()}
        for batch in batches:
            there = [name for name in self.homes(batch.header.edge) if name in parts]
            for name in there:
                parts[name].append(batch)
        works = {name: asyncio.ensure_future(self._shards[name].write(part, mark)) for name, part in parts.items()}
        self._late.update(works.values())
        for work in works.values():
            work.add_done_callback(self._late.discard)
        await asyncio.wait(works.values(), timeout=self._answer_s)
        if self._homeless(batches, works):
            await asyncio.wait(works.values())  # the last home of some edge is slow: to ask again would make it slower
        homeless = self._homeless(batches, works)
        for name, work in works.items():
            error = work.exception() if work.done() else TimeoutError(f"no answer in {self._answer_s} s")
            if isinstance(error, StoreRefusedError):
                raise error  # the shard is well: the hub finds the batch that it will not take
            if isinstance(error, StoreError | TimeoutError):
                self._leave_out(name, error)
            elif error:
                raise error
        if homeless:
            raise StoreError(f"no home of {homeless} took its data: {', '.join(self.homes(homeless))}")

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Give the marks that every shard that is up gives back (see Store)."""
        found = [set(marks) for marks in await self._ask(lambda shard: shard.read_marks(worker, least))]
        return sorted(set.intersection(*found))

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give the newest sample of each series (see Store), wherever it is."""
        found: dict[str, Seen] = {}
        for seen in await self._ask(lambda shard: shard.latest(edge)):
            for series, each in seen.items():
                if series not in found or found[series].wall_ms < each.wall_ms:
                    found[series] = each
        return found

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give a stretch of a series (see Store): an edge that moved has its past on another shard."""
        return merged(await self._ask(lambda shard: shard.range(edge, series, from_wall_ms, to_wall_ms)))

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give decisions, commands, acks and events (see Store)."""
        whole: Counter[tuple[int, bytes]] = Counter()
        known: dict[tuple[int, bytes], Stored] = {}
        for part in await self._ask(lambda shard: shard.others(edge, from_wall_ms, to_wall_ms)):
            keys = [(each.wall_ms, _record.encode(each.record)) for each in part]
            known |= zip(keys, part, strict=True)
            whole |= Counter(keys)
        return [known[key] for key in sorted(whole.elements(), key=lambda key: key[0])]

    async def close(self) -> None:
        """Close every shard."""
        tasks = [*self._away.values(), *self._late]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for shard in self._shards.values():
            await shard.close()

    # ---- who is up

    def _up(self) -> list[str]:
        return [name for name in self._shards if name not in self._away]

    async def _ask(self, question: Callable[[Store], Awaitable[_Answer]]) -> list[_Answer]:
        """Ask every shard that is up. StoreError when so few answer that an edge may be missing."""
        answers = await asyncio.gather(*(self._answer(name, question) for name in self._up()))
        found = [answer for each in answers for answer in each]
        if len(found) <= len(self._shards) - self._replicas:
            raise StoreError(f"{len(found)} of {len(self._shards)} shards answer: some edges have no home")
        return found

    async def _answer(self, name: str, question: Callable[[Store], Awaitable[_Answer]]) -> list[_Answer]:
        try:
            async with asyncio.timeout(self._answer_s):
                return [await question(self._shards[name])]
        except (StoreError, TimeoutError) as error:
            self._leave_out(name, error)
            return []

    def _homeless(self, batches: Sequence[Batch], works: Mapping[str, asyncio.Future[None]]) -> str:
        """Give an edge whose data no home of it has taken yet ("" = there is none)."""
        took = {name for name, work in works.items() if work.done() and not work.exception()}
        edges = (batch.header.edge for batch in batches)
        return next((edge for edge in edges if took.isdisjoint(self.homes(edge))), "" if took else "anybody")

    def _leave_out(self, name: str, error: Exception) -> None:
        """Count a shard out, as long as every edge keeps a home; the last one is asked again and again."""
        if name not in self._away and len(self._away) + 1 < self._replicas:
            _log.warning("shard %s is left out: %s", name, error)
            self._away[name] = asyncio.create_task(self._await_return(name), name=f"waits for shard {name}")

    async def _await_return(self, name: str) -> None:
        """Ask a shard until it answers, then count it in again."""
        start = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._shards[name].read_marks("none", 0)
            except StoreError:
                continue
            _log.warning("shard %s is back after %.0f s", name, time.monotonic() - start)
            del self._away[name]
            return


def merged(parts: Sequence[Points]) -> Points:
    """Put copies of a stretch together: what several have is there once, what only one has is there too."""
    parts = [part for part in parts if len(part.wall_ms)] or list(parts[:1])
    first = parts[0]
    if all(
        np.array_equal(part.wall_ms, first.wall_ms)
        and np.array_equal(part.value, first.value, equal_nan=True)
        and np.array_equal(part.quality, first.quality)
        for part in parts[1:]
    ):
        return first
    whole: Counter[tuple[int, int, int]] = Counter()
    for part in parts:
        bits = np.ascontiguousarray(part.value).view(np.int64)
        whole |= Counter(zip(part.wall_ms.tolist(), bits.tolist(), part.quality.tolist(), strict=True))
    rows = np.array(sorted(whole.elements(), key=lambda row: row[0]), np.int64).reshape(-1, 3)
    return Points(rows[:, 0].copy(), rows[:, 1].copy().view(np.float64), rows[:, 2].copy())
