# SPDX-License-Identifier: Apache-2.0
"""A dictionary that the store could not keep is not taken for known."""

from pathlib import Path

from cooperative.config import MemberConfig
from cooperative.memory import Memory
from cooperative.worker import HubWorker
from telemetry.envelope import dictionary_id
from telemetry.inprocess import InProcessBroker
from telemetry.ports import Message, Store, StoreError
from telemetry.stores.embedded import EmbeddedStore
from telemetry.stores.sharded import ShardedStore
from telemetry.stores.victoria import VictoriaStore

DATA = b"what batches have in common"


class FullDisk(EmbeddedStore):
    """A store whose disk is full."""

    def learn(self, number: int, data: bytes) -> None:
        raise StoreError(f"{number:08x}: no room for {len(data)} bytes")


async def hear(store: Store, folder: Path) -> Memory:
    memory = Memory(folder / "memory.db")
    worker = HubWorker("hub-1", [MemberConfig("anh-ba", "Anh Ba", ("farm-1",))], InProcessBroker(), store, memory)
    worker._take(Message("vuon/1/anh-ba/farm-1/dictionary", DATA))
    await store.close()
    return memory


async def test_a_full_disk_ends_no_worker_and_the_dictionary_stays_unknown(tmp_path: Path) -> None:
    memory = await hear(FullDisk(tmp_path / "store.db"), tmp_path)
    assert memory.dictionary(dictionary_id(DATA)) is None
    memory.close()


async def test_every_part_of_a_store_that_keeps_batches_gets_the_dictionary(tmp_path: Path) -> None:
    shards: dict[str, Store] = {
        "a": EmbeddedStore(tmp_path / "a.db"),
        "b": VictoriaStore("http://127.0.0.1:9", EmbeddedStore(tmp_path / "b.db"), settle_s=0.0),
    }
    memory = await hear(ShardedStore(shards), tmp_path)
    assert memory.dictionary(dictionary_id(DATA)) == DATA
    memory.close()
    for name in ("a", "b"):
        store = EmbeddedStore(tmp_path / f"{name}.db")
        assert store._connection.execute("SELECT data FROM dictionary").fetchall() == [(DATA,)]
        await store.close()
