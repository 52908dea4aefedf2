# SPDX-License-Identifier: Apache-2.0
"""The broker port on a NATS JetStream cluster, through nats-py: the only file that knows that library.

The rule it keeps: an exception of the library never passes this file, and nothing here is a promise: a batch stands
in a stream (three copies) only until a worker takes it, because its edge keeps it until the hub has read it back.
Batches go through the streams ``VUON-0`` to ``VUON-2`` to the pull consumer that the workers share; what is
small (dictionaries, profiles, acknowledgements, questions, orders) goes straight.
"""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from telemetry.lanes import LANES, Lanes, Parcel
from telemetry.login import BadFile, BrokerLogin
from telemetry.ports import BrokerError, Message, Session

STREAM: Final = "VUON"
DURABLE: Final = "ingest"
BATCH: Final = "batch"
API: Final = "$JS.API"
CONNECT_S: Final = 2.0
RECONNECT_S: Final = 1  # before a node is tried again; another one is tried at once
REQUEST_S: Final = 0.8
LOOK_S: Final = 0.5
SPREAD_S: Final = 1.5
WATCH_S: Final = 0.1
PULL: Final = 128
PULL_S: Final = 1.0
REFUSED_S: Final = 0.1  # between two questions to a consumer that has no leader just now
ACK_WAIT_S: Final = 1.0
KEEP_S: Final = 600.0
KEEP_BYTES: Final = 1 << 30
TWICE_S: Final = 10.0
QUEUE_MAX: Final = 20_000
IN_HAND_MAX: Final = 256
_FORBIDDEN: Final = frozenset(". \t\r\n*>")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JetStreamBroker(BrokerLogin):
    """A cluster at ``nats://host:port,host:port,host:port`` (``tls://`` with TLS)."""

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a connection (see Broker). NATS publishes no will: edges speak MQTT, only hubs come here."""
        if will is not None:
            raise BrokerError(f"{self.url}: NATS has no will; an edge connects to an MQTT broker")
        servers = self.servers()
        try:
            password, tls = self.secret(), self.tls_context() if self.url.startswith("tls") else None
        except BadFile as error:
            raise BrokerError(f"{self.url}: {error}") from error
        client = Client()
        try:
            async with asyncio.timeout(2 * CONNECT_S):  # else it would try for ever
                await client.connect(
                    servers,
                    name=name,
                    user=self.username or None,
                    password=password or None,
                    tls=tls,
                    connect_timeout=1,
                    reconnect_time_wait=RECONNECT_S,
                    max_reconnect_attempts=-1,
                    ping_interval=2,
                    error_cb=_told,
                    allow_reconnect=True,
                )
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await client.close()
            raise BrokerError(f"{self.url}: {error!r}; is the cluster running and may this user connect?") from error
        session = _JetStreamSession(client, copies=3 if len(servers) > 2 else 1)
        try:
            yield session
        finally:
            await session.close()

    def servers(self) -> list[str]:
        """Give the address of each node. BrokerError if the address is none of NATS."""
        first, *others = [part.strip() for part in self.url.split(",")]
        scheme = first.partition("://")[0]
        servers = [first, *(f"{scheme}://{each.rpartition('://')[2]}" for each in others)]
        if scheme not in {"nats", "tls"} or not all(urlsplit(each).hostname for each in servers):
            raise BrokerError(f"bad cluster address {self.url!r}: write nats://host:4222,host:4222,host:4222")
        return servers


@dataclass(slots=True)
class _Taken:
    """A message in hand, and where its acknowledgement to the stream goes ("" = nowhere)."""

    message: Message
    reply: str = ""


@dataclass(slots=True)
class _Leaders:
    """Who leads a lane's stream and its consumer, and who could."""

    stream: str
    consumer: str
    peers: list[str] = field(default_factory=list)


class _JetStreamSession:
    """A connection to the cluster as a Session."""

    def __init__(self, client: Client, copies: int) -> None:
        self._client = client
        self._copies = copies
        self._queue: asyncio.Queue[_Taken | BaseException] = asyncio.Queue(QUEUE_MAX)
        self._in_hand = asyncio.Semaphore(IN_HAND_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self._lanes: Lanes | None = None
        self._answers = ""

    async def close(self) -> None:
        """End the tasks and the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._client.close()

    # ---- the port

    async def publish(self, message: Message) -> None:
        """Hand a message to the cluster (see Session); a batch goes by a stream. Nothing is retained."""
        if not message.topic.endswith(f"/{BATCH}"):
            await self._put(_subject(message.topic), message.payload)
            return
        if self._lanes is None:
            await self._open_lanes()
        assert self._lanes is not None
        parcel = self._lanes.send(message.topic, message.payload, time.monotonic())
        if parcel:
            await self._ship(parcel)

    async def subscribe(self, pattern: str, qos: int = 0) -> None:  # noqa: ARG002 - NATS knows no such quality
        """Ask for messages (see Session). Batches are divided among all who ask for them, shared or not."""
        pattern = pattern.split("/", 2)[2] if pattern.startswith("$share/") else pattern
        if pattern.endswith(f"/{BATCH}"):
            await self._prepare()
            for lane in range(LANES):
                self._begin(self._pull(lane), f"pulls from lane {lane}")
            return
        try:
            await self._client.subscribe(_subject(pattern), cb=self._heard)
        except (nats.errors.Error, OSError) as error:
            raise BrokerError(f"NATS: {error!r}") from error

    async def messages(self) -> AsyncIterator[Message]:
        """Give what arrives (see Session). A batch is the stream's no more once the next message is asked for."""
        while True:
            taken = await self._queue.get()
            if isinstance(taken, BaseException):
                raise taken
            yield taken.message
            if taken.reply:
                self._in_hand.release()
                await self._put(taken.reply, b"+ACK")

    # ---- what goes out

    async def _open_lanes(self) -> None:
        await self._prepare()
        self._answers = self._client.new_inbox()
        try:
            await self._client.subscribe(f"{self._answers}.*", cb=self._answered)
        except (nats.errors.Error, OSError) as error:
            raise BrokerError(f"NATS: {error!r}") from error
        self._lanes = Lanes()
        self._begin(self._watch(self._lanes), "watches what waits")
        self._begin(self._look(self._lanes), "looks after the lanes")

    async def _ship(self, parcel: Parcel) -> None:
        subject = f"{_subject(parcel.topic)}.{parcel.lane}"
        # The id removes what this publisher says twice into one stream; what an edge says twice must pass.
        headers = {"Nats-Msg-Id": f"{self._answers[-8:]}{parcel.number}"} if parcel.tries > 1 else None
        await self._put(subject, parcel.payload, f"{self._answers}.{parcel.number}", headers)

    async def _answered(self, msg: Msg) -> None:
        if self._lanes and b'"stream"' in msg.data and b'"error"' not in msg.data:
            self._lanes.answered(int(msg.subject.rpartition(".")[2]), time.monotonic())

    async def _watch(self, lanes: Lanes) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            await self._reship(lanes.late(time.monotonic()))

    async def _look(self, lanes: Lanes) -> None:
        """Look at every lane twice a second: has it leaders, and does each node lead one?"""
        spread_s = time.monotonic() + random.uniform(0.0, SPREAD_S)  # noqa: S311 - no secret
        while True:
            found = await asyncio.gather(*(self._leaders(lane) for lane in range(LANES)))
            now = time.monotonic()
            for lane, leaders in enumerate(found):
                await self._reship(lanes.seen(lane, well=leaders is not None, now=now))
            if all(found) and now >= spread_s:
                spread_s = now + random.uniform(SPREAD_S, 2 * SPREAD_S)  # noqa: S311 - two bridges do not do it at once
                await self._spread([each for each in found if each])
            await asyncio.sleep(LOOK_S)

    async def _reship(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            with contextlib.suppress(BrokerError):  # it stays among those that wait
                await self._ship(parcel)

    async def _leaders(self, lane: int) -> _Leaders | None:
        """Ask who leads a lane; None when nobody does."""
        stream, consumer = await asyncio.gather(
            self._ask(f"STREAM.INFO.{STREAM}-{lane}"), self._ask(f"CONSUMER.INFO.{STREAM}-{lane}.{DURABLE}")
        )
        if "error" in stream or "error" in consumer:
            return None
        if self._copies == 1:
            return _Leaders("", "")
        of_stream, of_consumer = stream.get("cluster") or {}, consumer.get("cluster") or {}
        if not of_stream.get("leader") or not of_consumer.get("leader"):
            return None
        replicas = of_stream.get("replicas") or []
        whole = len(replicas) == self._copies - 1 and all(
            each.get("current") and not each.get("offline")
            for each in [*replicas, *(of_consumer.get("replicas") or [])]
        )
        peers = sorted([of_stream["leader"], *(each["name"] for each in replicas)]) if whole else []
        return _Leaders(of_stream["leader"], of_consumer["leader"], peers)

    async def _spread(self, found: list[_Leaders]) -> None:
        """Have each node lead one lane, stream and consumer, so that a dead node silences one lane only."""
        for lane, leaders in enumerate(found):
            if leaders.peers:
                wanted = leaders.peers[lane % len(leaders.peers)]
                if leaders.stream != wanted:
                    await self._ask(f"STREAM.LEADER.STEPDOWN.{STREAM}-{lane}")
                if leaders.consumer != wanted:
                    await self._ask(f"CONSUMER.LEADER.STEPDOWN.{STREAM}-{lane}.{DURABLE}")

    # ---- what comes in

    async def _heard(self, msg: Msg) -> None:
        message = Message(msg.subject.replace(".", "/"), msg.data)
        with contextlib.suppress(asyncio.QueueFull):  # whoever sent it sends it again
            self._queue.put_nowait(_Taken(message))

    async def _pull(self, lane: int) -> None:
        """Ask a lane's consumer for more, again and again, as fast as messages are taken from here."""
        want = json.dumps({"batch": PULL, "expires": int(PULL_S * 1e9)}).encode()
        inbox = self._client.new_inbox()
        ended = asyncio.Event()
        refused = False
        left = 0

        async def take(msg: Msg) -> None:
            nonlocal left, refused
            status = (msg.headers or {}).get("Status", "")
            if status:
                refused = status not in {"404", "408"}
                ended.set()
                return
            await self._in_hand.acquire()
            topic, _, _ = msg.subject.replace(".", "/").rpartition("/")
            await self._queue.put(_Taken(Message(topic, msg.data), msg.reply))
            left -= 1
            if left <= 0:
                ended.set()

        await self._client.subscribe(inbox, cb=take)
        while True:
            left, refused = PULL, False
            ended.clear()
            with contextlib.suppress(BrokerError):
                await self._put(f"{API}.CONSUMER.MSG.NEXT.{STREAM}-{lane}.{DURABLE}", want, inbox)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULL_S + REQUEST_S):
                    await ended.wait()
            if refused:
                await asyncio.sleep(REFUSED_S)

    # ---- the cluster

    async def _prepare(self) -> None:
        """Make the streams and the shared consumer where they are not there. BrokerError while the cluster forms."""
        js = self._client.jetstream(timeout=CONNECT_S)
        try:
            for lane in range(LANES):
                await js.add_stream(
                    StreamConfig(
                        name=f"{STREAM}-{lane}",
                        subjects=[f"vuon.1.*.*.{BATCH}.{lane}"],
                        retention=RetentionPolicy.WORK_QUEUE,
                        num_replicas=self._copies,
                        max_age=KEEP_S,
                        max_bytes=KEEP_BYTES,
                        duplicate_window=TWICE_S,
                    )
                )
                await js.add_consumer(
                    f"{STREAM}-{lane}",
                    ConsumerConfig(
                        durable_name=DURABLE,
                        ack_policy=AckPolicy.EXPLICIT,
                        ack_wait=ACK_WAIT_S,
                        max_ack_pending=QUEUE_MAX,
                    ),
                )
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BrokerError(f"NATS: the streams cannot be made: {error!r}; are most of its nodes up?") from error

    async def _ask(self, what: str) -> dict[str, Any]:
        """Ask JetStream; an answer that does not come is an error among others."""
        try:
            answer = await self._client.request(f"{API}.{what}", b"", timeout=REQUEST_S)
            found: dict[str, Any] = json.loads(answer.data)
        except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
            return {"error": repr(error)}
        return found

    async def _put(self, subject: str, payload: bytes, reply: str = "", headers: dict[str, Any] | None = None) -> None:
        try:
            await self._client.publish(subject, payload, reply, headers)
        except (nats.errors.Error, OSError) as error:
            raise BrokerError(f"NATS: {error!r}") from error

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let who listens know that a task of the session broke: none of them ends by itself."""
        if not task.cancelled() and (error := task.exception()):
            with contextlib.suppress(asyncio.QueueFull):
                self._queue.put_nowait(error)


def _subject(topic: str) -> str:
    """Make a subject of a topic or a pattern. BrokerError for what would mean something else there."""
    if _FORBIDDEN & set(topic) or not topic:
        raise BrokerError(f"topic {topic!r} cannot be a subject of NATS")
    return topic.replace("/", ".").replace("+", "*").replace("#", ">")


async def _told(error: Exception) -> None:
    _log.info("NATS: %r", error)
