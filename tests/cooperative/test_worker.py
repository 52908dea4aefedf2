# SPDX-License-Identifier: Apache-2.0
"""The hub's worker where the store does not take everything: what is refused stays at its edge, the rest goes on."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from cooperative.config import MemberConfig
from cooperative.memory import Memory
from cooperative.worker import NOTES_AT_ONCE, HubWorker
from telemetry.envelope import Batch, Header, Packer
from telemetry.inprocess import InProcessBroker
from telemetry.notes import AckNote, Spans, read_note
from telemetry.ports import Mark, Message, StoreRefusedError
from telemetry.records import Sample
from telemetry.stores.embedded import EmbeddedStore
from telemetry.topics import topic
from tests.support.waiting import passes

EDGES = tuple(f"farm-{at}" for at in range(20))


class Choosy(EmbeddedStore):
    """A store that will not take the batches of one edge."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refuses = "farm-7"
        self.refused = 0

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        if any(batch.header.edge == self.refuses for batch in batches):
            self.refused += 1
            raise StoreRefusedError("field type conflict")
        await super().write(batches, mark)


async def test_a_batch_that_the_store_refuses_holds_up_no_other_and_is_taken_when_it_comes_again(
    tmp_path: Path,
) -> None:
    store, memory, broker = Choosy(tmp_path / "store.db"), Memory(tmp_path / "memory.db"), InProcessBroker()
    worker = HubWorker("hub-1", [MemberConfig("coop", "C", EDGES)], broker, store, memory)
    task = asyncio.create_task(worker.run(), name="hub")
    wall_ms = time.time_ns() // 1_000_000 - 1_000
    sent = {
        edge: Packer().pack(Header(edge, 1, 7, 1, 0, 0, wall_ms, True, 0), [Sample("a/co2", 0, 1.0, 1.0)])
        for edge in EDGES
    }
    told: set[str] = set()
    async with broker.connect("edges") as session:
        await session.subscribe("vuon/1/coop/+/ack")

        async def listen() -> None:
            async for message in session.messages():
                if read_note(AckNote, message.payload).stored:
                    told.add(message.topic.split("/")[3])

        listener = asyncio.create_task(listen(), name="listener")
        await passes(0.1)
        for edge, data in sent.items():
            await session.publish(Message(topic("coop", edge, "batch"), data))
        end = time.monotonic() + 10
        while len(told) < len(EDGES) - 1 and time.monotonic() < end:
            await passes(0.05)
        assert told == set(EDGES) - {store.refuses}
        assert worker.ingest.counts["store_refused"] == store.refused > 1
        assert worker.ingest.pending_bytes == 0
        edge, store.refuses = store.refuses, ""
        await session.publish(Message(topic("coop", edge, "batch"), sent[edge]))
        while edge not in told and time.monotonic() < end:
            await passes(0.05)
        for each in (listener, task):
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
    assert told == set(EDGES)
    await store.close()
    memory.close()


async def test_what_waits_to_be_judged_is_bounded_and_its_edge_sends_the_rest_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, memory = EmbeddedStore(tmp_path / "store.db"), Memory(tmp_path / "memory.db")
    worker = HubWorker("hub-1", [MemberConfig("coop", "C", EDGES)], InProcessBroker(), store, memory)
    message = Message(topic("coop", "farm-1", "batch"), b"")  # nothing in it, and yet it takes room
    monkeypatch.setattr("cooperative.worker.QUEUE_BYTES", 10 * len(message.topic))
    for _ in range(25):
        worker._take(message)
    assert worker.ingest.counts["back_pressure"] == 15
    await worker._judge_lump()
    worker._take(message)
    assert worker.ingest.counts["back_pressure"] == 15
    await store.close()
    memory.close()


async def test_while_many_farms_are_told_what_came_meanwhile_has_its_turn(tmp_path: Path) -> None:
    store, memory = EmbeddedStore(tmp_path / "store.db"), Memory(tmp_path / "memory.db")
    edges = tuple(f"farm-{at}" for at in range(5 * NOTES_AT_ONCE))
    worker = HubWorker("hub-1", [MemberConfig("coop", "C", edges)], InProcessBroker(), store, memory)
    told_at: list[int] = []  # at which turn of the others each farm was told
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    class Link:
        async def publish(self, message: Message) -> None:
            assert read_note(AckNote, message.payload).stored
            told_at.append(turns)

    worker._session = Link()  # type: ignore[assignment]
    busy = asyncio.create_task(others(), name="others")
    await worker._tell({(edge, 1, 7): Spans(1, 7, [(1, 1)]) for edge in edges})
    busy.cancel()
    assert len(told_at) == len(edges)
    assert max(told_at.count(turn) for turn in set(told_at)) <= NOTES_AT_ONCE
    await store.close()
    memory.close()
