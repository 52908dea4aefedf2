# SPDX-License-Identifier: Apache-2.0
"""The broker port for a hub that takes thousands of messages a second: MQTT 3.1.1 through paho, straight on the loop.

The rule it keeps: the same promise as ``telemetry.mqtt`` at a fraction of its processor time a message, for many are
read in one turn of the loop and none waits for a task of its own; every wait has a timeout, every queue a bound (what
overflows is sent again: the ack is end to end). An exception of the library never passes this file.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage, error_string
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from telemetry.login import BadFile
from telemetry.mqtt import PAYLOAD_MAX, QUEUE_MAX, TIMEOUT_S, MqttBroker
from telemetry.ports import BrokerError, Message, Session

QUEUE_BYTES: Final = 64 * 1024 * 1024
UNSENT_MAX: Final = 2_000
LUMP: Final = 100  # messages read, or given, before others get their turn
GATHER_S: Final = 0.05  # what arrives is read at most this often
TICK_S: Final = 1.0
_CONNECT: Final = 0  # the number of what waits for the answer to CONNECT


class HubMqttBroker(MqttBroker):
    """A broker at ``mqtt://host:port`` or, with TLS, ``mqtts://host:port``; for the hub's side."""

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a connection (see Broker). BrokerError when it cannot be made or breaks."""
        try:
            password, (host, port, tls) = self.secret(), self.address()
        except BadFile as error:
            raise BrokerError(f"{self.url}: {error}") from error
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        client.connect_timeout = TIMEOUT_S
        if self.username:
            client.username_pw_set(self.username, password)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        if tls is not None:
            client.tls_set_context(tls)
        link = _Link(client)
        try:
            # The library finds a silent broker after two of its intervals.
            await link.begin(host, port, max(1, self.keepalive_s // 2))
            yield _HubSession(link)
        except BrokerError as error:
            raise BrokerError(f"{self.url}: {error}; is the broker running and may this user connect?") from error
        finally:
            link.end()


class _Link:
    """One connection: the library's client, fed by the loop."""

    def __init__(self, client: Client) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._sock: Any = None
        self._answers: dict[int, asyncio.Future[str]] = {}  # by number: "" or why the broker refused
        self._packets = self._unsent = self._unproven = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._writable = asyncio.Event()
        self.arrived = asyncio.Event()
        self.queue: deque[Message] = deque()
        self.queue_bytes = 0
        self.lost = 0  # messages that found the queue full
        self.broken = ""  # why the link is gone

    # ---- what the session calls

    async def begin(self, host: str, port: int, keepalive_s: int) -> None:
        """Connect, wait for the broker's answer, keep the link alive from then on."""
        try:
            await asyncio.to_thread(self._client.connect, host, port, keepalive_s)
        except (OSError, ValueError) as error:
            raise BrokerError(str(error) or "no answer") from error
        self._sock = self._client.socket()
        if self._sock is None:
            raise BrokerError("the broker closed the connection")
        self._client.on_message = lambda _client, _data, message: self._take(message)
        self._client.on_connect = lambda _client, _data, _flags, code, _more: self._answer(_CONNECT, code)
        self._client.on_subscribe = lambda _client, _data, number, codes, _more: self._answer(number, codes[0])
        self._client.on_disconnect = lambda _client, _data, _flags, code, _more: self._break(str(code))
        self._client.on_socket_close = lambda _client, _data, _sock: self._let_go()
        self._client.on_socket_register_write = lambda _client, _data, _sock: self._loop.add_writer(
            self._sock, self._write
        )
        self._client.on_socket_unregister_write = lambda _client, _data, _sock: self._all_sent()
        answer = self._expect(_CONNECT)
        if self._client.want_write():
            self._loop.add_writer(self._sock, self._write)
        self._read_on()
        await self._answered(_CONNECT, answer)
        self._tick()

    async def publish(self, message: Message) -> None:
        """Send a message; at quality 1 wait for the broker's answer."""
        if self._unsent >= UNSENT_MAX:
            self._writable.clear()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._writable.wait()
            except TimeoutError:
                raise BrokerError("the broker takes nothing more") from None
        if self.broken:
            raise BrokerError(self.broken)
        self._unsent += 1
        if not message.qos:
            self._check(self._client.publish(message.topic, message.payload, 0, message.retain).rc)
            return
        # Only while somebody waits for a PUBACK: the library would make up one for every message of quality 0 as well,
        # which costs it more than all the rest of a message.
        self._unproven += 1
        self._client.on_publish = lambda _client, _data, number, code, _more: self._answer(number, code)
        try:
            sent = self._client.publish(message.topic, message.payload, message.qos, message.retain)
            self._check(sent.rc)
            await self._answered(sent.mid, self._expect(sent.mid))
        finally:
            self._unproven -= 1
            if not self._unproven:
                self._client.on_publish = None

    async def subscribe(self, pattern: str, qos: int) -> None:
        """Ask for the messages of a pattern."""
        code, number = self._client.subscribe(pattern, qos)
        self._check(code)
        if number is not None:
            await self._answered(number, self._expect(number))

    def end(self) -> None:
        """Say goodbye if the link still stands, and close it."""
        if not self.broken:
            self._client.disconnect()
            self._client.loop_write()
        self._break("the session was ended")
        if self._client.socket() is not None:  # the broker does not take the goodbye
            self._let_go()
            self._sock.close()

    # ---- inside

    def _read(self) -> None:
        """Read what came, and let a little gather before the next time: a turn of the loop costs more than a read."""
        wait_s = 0.0  # where a whole lump was read more lies there: others have their turn, then it goes on
        for _ in range(LUMP):
            before = self._packets
            self._client.loop_read()
            if self._packets == before:
                wait_s = GATHER_S
                break
        if not self.broken and self.queue:
            self._loop.remove_reader(self._sock)
            self._timers["read"] = self._loop.call_later(wait_s, self._read_on)

    def _read_on(self) -> None:
        if not self.broken:
            self._loop.add_reader(self._sock, self._read)
            self._read()  # with TLS something may lie there of which the socket says nothing

    def _write(self) -> None:
        self._client.loop_write()

    def _all_sent(self) -> None:
        self._loop.remove_writer(self._sock)
        self._unsent = 0
        self._writable.set()

    def _tick(self) -> None:
        self._client.loop_misc()
        if not self.broken:
            self._timers["tick"] = self._loop.call_later(TICK_S, self._tick)

    def _take(self, message: MQTTMessage) -> None:
        self._packets += 1
        payload = message.payload
        if len(payload) > PAYLOAD_MAX:
            return
        if len(self.queue) >= QUEUE_MAX or self.queue_bytes + len(payload) > QUEUE_BYTES:
            self.lost += 1
            return
        self.queue.append(Message(message.topic, bytes(payload), message.qos, message.retain))
        self.queue_bytes += len(payload)
        self.arrived.set()

    def _expect(self, number: int) -> asyncio.Future[str]:
        return self._answers.setdefault(number, self._loop.create_future())

    async def _answered(self, number: int, answer: asyncio.Future[str]) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                refused = await answer
        except TimeoutError:
            raise BrokerError("no answer in time") from None
        finally:
            del self._answers[number]
        if refused:
            raise BrokerError(f"the broker refused: {refused}")

    def _answer(self, number: int, code: Any) -> None:
        self._packets += 1
        waiting = self._answers.get(number)
        if waiting and not waiting.done():
            waiting.set_result(str(code) if code.is_failure else "")

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(self.broken or error_string(code))

    def _let_go(self) -> None:
        with suppress(ValueError, OSError):  # closed already
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)

    def _break(self, reason: str) -> None:
        if self.broken:
            return
        self.broken = reason
        for timer in self._timers.values():
            timer.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrokerError(reason))
        self._writable.set()
        self.arrived.set()


class _HubSession:
    """A link as a Session."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    async def publish(self, message: Message) -> None:
        """Hand a message to the broker (see Session)."""
        await self._link.publish(message)

    async def subscribe(self, pattern: str, qos: int = 0) -> None:
        """Ask for messages (see Session)."""
        await self._link.subscribe(pattern, qos)

    def messages(self) -> AsyncIterator[Message]:
        """Give what arrives (see Session); a payload over the limit is passed over."""
        return _Messages(self._link)


class _Messages:
    """What arrives at a link; an object rather than a generator, so that leaving it midway needs no tidying."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._given = 0

    def __aiter__(self) -> "_Messages":
        return self

    async def __anext__(self) -> Message:
        """Wait for the next message; BrokerError once the link is gone and all was given."""
        link = self._link
        while not link.queue:
            if link.broken:
                raise BrokerError(link.broken)
            link.arrived.clear()
            await link.arrived.wait()
            self._given = 0
        self._given += 1
        if self._given % LUMP == 0:
            await asyncio.sleep(0)
        message = link.queue.popleft()
        link.queue_bytes -= len(message.payload)
        return message
