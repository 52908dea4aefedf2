# SPDX-License-Identifier: Apache-2.0
"""One contract for both brokers: the queue in this process and Mosquitto; and a whole uplink over each."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from cooperative.config import MemberConfig
from cooperative.memory import Memory
from cooperative.worker import HubWorker
from telemetry.inprocess import InProcessBroker
from telemetry.jetstream import JetStreamBroker
from telemetry.log import Log
from telemetry.login import BadFile
from telemetry.mqtt import MqttBroker
from telemetry.mqtt_hub import HubMqttBroker
from telemetry.outgoing import OutgoingRows
from telemetry.ports import Broker, BrokerError, Message, Session
from telemetry.records import FarmProfile, Sample
from telemetry.stores.embedded import EmbeddedStore
from telemetry.topics import all_edges, matches, read_topic, topic
from telemetry.uplink import Uplink
from tests.support.servers import Server, mosquitto
from tests.support.waiting import passes


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | str]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(mosquitto(tmp_path_factory.mktemp("mosquitto")))
        except pytest.skip.Exception as missing:
            yield str(missing)


@pytest.fixture(params=["in process", "mosquitto", "mosquitto, hub"])
def broker(request: pytest.FixtureRequest, server: Server | str) -> Broker:
    if request.param == "in process":
        return InProcessBroker()
    if isinstance(server, str):
        pytest.skip(server)
    kind = HubMqttBroker if request.param.endswith("hub") else MqttBroker
    return kind(f"mqtt://127.0.0.1:{server.port}")


async def first(session: Session, count: int = 1) -> list[Message]:
    got: list[Message] = []
    async with asyncio.timeout(5):
        async for message in session.messages():
            got.append(message)
            if len(got) == count:
                break
    return got


async def test_a_message_reaches_who_asked_for_its_topic_and_nobody_else(broker: Broker) -> None:
    async with broker.connect("a") as a, broker.connect("b") as b:
        await b.subscribe("vuon/1/+/farm-1/batch")
        await a.publish(Message("vuon/1/anh-ba/farm-2/batch", b"no"))
        await a.publish(Message("vuon/1/anh-ba/farm-1/batch", b"yes"))
        assert [(m.topic, m.payload) for m in await first(b)] == [("vuon/1/anh-ba/farm-1/batch", b"yes")]


async def test_a_retained_message_waits_for_late_comers(broker: Broker) -> None:
    async with broker.connect("a") as a:
        await a.publish(Message("keep/state", b"on", 1, retain=True))
    async with broker.connect("b") as b:
        await b.subscribe("keep/#")
        assert (await first(b))[0].payload == b"on"


async def test_the_will_is_published_when_a_session_dies(broker: Broker) -> None:
    async with broker.connect("watcher") as watcher:
        await watcher.subscribe("will/+")
        with suppress(BrokerError):
            will = Message("will/taken", b"gone", 1)
            # The same name again: the first session is thrown out.
            async with broker.connect("taken", will) as session, broker.connect("taken"):
                async for _ in session.messages():
                    continue
        assert (await first(watcher))[0].payload == b"gone"


async def test_a_broker_that_is_away_says_so() -> None:
    for url in ("mqtt://127.0.0.1:9", "http://127.0.0.1:1883"):
        with pytest.raises(BrokerError):
            async with MqttBroker(url).connect("a"):
                continue
        with pytest.raises(BrokerError):
            async with HubMqttBroker(url).connect("a"):
                continue


async def test_a_password_is_read_for_each_connection_and_its_file_is_named_when_it_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "broker.secret"
    for kind, error in ((MqttBroker, BadFile), (HubMqttBroker, BrokerError)):
        login = kind("mqtt://127.0.0.1:9", "farm", password_file=str(file))
        with pytest.raises(error, match=r"broker\.secret: No such file"):
            async with login.connect("a"):
                continue
        file.write_bytes(b"\xff\xfe")
        with pytest.raises(error, match=r"broker\.secret: not UTF-8"):
            async with login.connect("a"):
                continue
        file.write_text("\n", encoding="utf-8")
        with pytest.raises(BadFile, match=r"broker\.secret: empty"):
            login.secret()
        file.write_text("first\n", encoding="utf-8")
        assert login.secret() == "first"
        file.write_text("second\n", encoding="utf-8")
        assert login.secret() == "second"
        file.unlink()


async def test_a_missing_certificate_is_named_and_ends_no_hub(tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.pem")
    with pytest.raises(BadFile, match=r"ca\.pem: No such file"):
        async with MqttBroker("mqtts://127.0.0.1:9", ca_file=missing).connect("a"):
            pass
    for hub in (
        HubMqttBroker("mqtts://127.0.0.1:9", ca_file=missing),
        JetStreamBroker("tls://127.0.0.1:9", ca_file=missing),
    ):
        with pytest.raises(BrokerError, match=r"ca\.pem: No such file"):  # tried again, as a broker that is away
            async with hub.connect("a"):
                pass


@asynccontextmanager
async def running(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run a task that ends only by being cancelled."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_log_reaches_the_store_and_is_acknowledged(broker: Broker, tmp_path: Path) -> None:
    store, memory = EmbeddedStore(tmp_path / "store.db"), Memory(tmp_path / "memory.db")
    members = [MemberConfig("anh-ba", "Anh Ba", ("farm-1",))]
    log = Log.open(tmp_path / "log.db", "farm-1")
    rows = OutgoingRows(tmp_path / "log.db")
    profile = FarmProfile("farm-1", "Vườn dưa", "anh-ba", "Asia/Ho_Chi_Minh", (), ())
    uplink = Uplink(log, rows, broker, "anh-ba", profile=profile, now=time.monotonic)
    wall = time.time_ns() // 1_000_000 - 60_000
    worker = HubWorker("hub-1", members, broker, store, memory)
    async with running(worker.run(), "hub"), running(uplink.run(), "uplink"):
        for at in range(40):  # beyond the first dictionaries
            log.append([Sample("a/co2", at * 1000, 400.0 + at, 400.0 + at)])
            log.flush(at * 1000, wall + at * 1000, True)
            uplink.wake()
        end = time.monotonic() + 15
        while uplink.pending() and time.monotonic() < end:
            await passes(0.05)
    points = await store.range("farm-1", "a/co2", 0, 1 << 43)
    assert points.value.tolist() == [400.0 + at for at in range(40)]
    assert memory.profiles() == {"farm-1": profile}
    assert uplink.acked_row() == 40
    again = OutgoingRows(tmp_path / "log.db")
    assert [spans.ranges for spans in again.acked()] == [[(1, 40)]]
    again.close()
    rows.close()
    log.close()
    await store.close()
    memory.close()
    await passes(0.05)


def test_topics_are_made_and_read_in_one_place_and_bad_names_are_refused() -> None:
    made = topic("anh-ba", "farm-1", "batch")
    assert read_topic(made) == ("anh-ba", "farm-1", "batch")
    assert matches(all_edges("batch"), made)
    assert not matches("#", "$SYS/broker")
    for member, edge, kind in (("+", "farm-1", "batch"), ("a", "f/1", "batch"), ("a", "f\x00", "ack"), ("a", "b", "x")):
        with pytest.raises(ValueError, match=r"bad name|unknown kind"):
            topic(member, edge, kind)


@pytest.mark.parametrize("turns", range(8))
async def test_an_uplink_that_is_woken_while_it_is_cancelled_ends_all_the_same(turns: int, tmp_path: Path) -> None:
    """An agent that stopped just as its last batch was written ran on until it was killed, its acks not kept."""
    log, rows = Log.open(tmp_path / "log.db", "farm-1"), OutgoingRows(tmp_path / "log.db")
    uplink = Uplink(log, rows, InProcessBroker(), "anh-ba", now=time.monotonic)
    task = asyncio.create_task(uplink.run(), name="uplink")
    await passes(0.05)
    task.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    uplink.wake()
    done, _ = await asyncio.wait([task], timeout=5.0)
    assert done == {task}
    rows.close()
    log.close()
    await passes(0.05)
