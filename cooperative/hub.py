# SPDX-License-Identifier: Apache-2.0
"""The hub as a program: which broker, which store, how many workers, as ``hub.toml`` says.

The rule it keeps: backends are chosen here and nowhere else in the cooperative's package.
"""

import asyncio
import gc
import logging
import multiprocessing
from pathlib import Path
from typing import Final

from cooperative.bridge import Bridge
from cooperative.config import NATS, BrokerConfig, HubConfig, StoreConfig, read_secret
from cooperative.memory import Memory
from cooperative.worker import HubWorker
from telemetry.mqtt_hub import HubMqttBroker
from telemetry.ports import Broker, Store
from telemetry.records import FarmProfile
from telemetry.stores.embedded import EmbeddedStore

GC_EVERY: Final = (50_000, 20, 100)  # new objects to a look at the young ones, and looks to one at all older ones

_log = logging.getLogger(__name__)


def open_store(config: StoreConfig, state: Path) -> Store:
    """Open the store that the configuration names; also for reports, beside a running hub."""
    if config.kind == "sharded":
        from telemetry.stores.sharded import ShardedStore

        return ShardedStore({each.name: open_store(each, state) for each in config.shards}, config.replicas)
    beside = f"-{config.name}" if config.name else ""
    if config.kind == "embedded":
        return EmbeddedStore(state / f"store{beside}.db")
    token = read_secret(config.token_file)
    if config.kind in {"influx", "influx3"}:
        from telemetry.stores.influx import InfluxStore  # heavy: only where it is used

        return InfluxStore(
            config.url,
            config.bucket,
            org=config.org,
            token=token,
            query_url=config.query_url,
            every_tag=config.kind == "influx3",
        )
    from telemetry.stores.victoria import VictoriaStore

    return VictoriaStore(config.url, EmbeddedStore(state / f"journal{beside}.db"))


def hub_broker(config: HubConfig) -> Broker:
    """Give the broker of the configuration; also for commands beside a running hub."""
    return open_broker(config.broker)


def open_broker(config: BrokerConfig) -> Broker:
    """Give the broker at an address: MQTT, or a NATS cluster."""
    password = read_secret(config.password_file)
    rest = (config.url, config.username, password, config.ca_file, config.cert_file, config.key_file)
    if config.url.startswith(NATS):
        from telemetry.jetstream import JetStreamBroker  # only a nation needs it

        return JetStreamBroker(*rest)
    return HubMqttBroker(*rest)


def profiles(config: HubConfig) -> dict[str, FarmProfile]:
    """Give what each farm has told of itself; also beside a running hub."""
    memory = Memory(_memory_path(config, 0))
    try:
        return memory.profiles()
    finally:
        memory.close()


def calm_collector() -> None:
    """Have Python look for circles seldom: a worker remembers every boot of every farm, and to walk through 45,000 of
    them takes a tenth of a second, in which nothing is acknowledged. It makes few circles itself.
    """
    gc.freeze()
    gc.set_threshold(*GC_EVERY)


async def run_hub(config: HubConfig, worker: int = 0) -> None:
    """Run one worker of the hub until cancelled."""
    state = Path(config.state)
    memory = Memory(_memory_path(config, worker))
    store = open_store(config.store, state)
    broker = hub_broker(config)
    share = "ingest" if config.workers > 1 else ""
    calm_collector()
    try:
        await HubWorker(f"{config.name}-{worker}", config.members, broker, store, memory, share=share).run()
    finally:
        await store.close()
        memory.close()


async def run_bridge(config: HubConfig) -> None:
    """Carry between the region's broker and the cluster until cancelled. ValueError when no cluster is named."""
    if config.cluster is None:
        raise ValueError('hub.toml names no [cluster]; write its url = "nats://host:4222,host:4222,host:4222"')
    await Bridge(config.name, config.members, hub_broker(config), open_broker(config.cluster)).run()


def run_workers(config: HubConfig) -> None:
    """Run as many workers as the configuration says, each in its process; one that dies is started again."""
    context = multiprocessing.get_context("spawn")
    arguments = [(config, at) for at in range(config.workers)]
    processes = [context.Process(target=_worker_process, args=each, daemon=True) for each in arguments]
    for process in processes:
        process.start()
    try:
        while True:
            for at, process in enumerate(processes):
                process.join(1.0 / len(processes))
                if not process.is_alive():
                    _log.error("worker %d ended with %s; it is started again", at, process.exitcode)
                    processes[at] = context.Process(target=_worker_process, args=arguments[at], daemon=True)
                    processes[at].start()
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _worker_process(config: HubConfig, worker: int) -> None:
    asyncio.run(run_hub(config, worker))


def memory_paths(config: HubConfig) -> list[Path]:
    """Give the files of the workers' memories, of those that have one."""
    return [path for at in range(config.workers) if (path := _memory_path(config, at)).exists()]


def _memory_path(config: HubConfig, worker: int) -> Path:
    return Path(config.state) / f"worker-{worker}.db"
