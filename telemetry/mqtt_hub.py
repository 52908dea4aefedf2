# SPDX-License-Identifier: Apache-2.0
"""The broker port for a hub that takes thousands of messages a second: MQTT 3.1.1 straight on asyncio's streams.

The rule it keeps: the same promise as ``telemetry.mqtt`` at a tenth of its processor time a message (the library
takes four calls of the system and a turn of the loop for each); many messages come with one read and go with one
write, every wait has a timeout, every queue a bound (what overflows is sent again: the ack is end to end).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from telemetry import mqtt_packets as packets
from telemetry.mqtt import PAYLOAD_MAX, QUEUE_MAX, TIMEOUT_S, MqttBroker
from telemetry.mqtt_packets import Kind, Packet, PacketError, PacketReader
from telemetry.ports import BrokerError, Message, Session

QUEUE_BYTES: Final = 64 * 1024 * 1024
LUMP: Final = 100  # messages given before others get their turn
GATHER_S: Final = 0.02  # what arrives is read at most this often
_REFUSED: Final = 0x80


class HubMqttBroker(MqttBroker):
    """A broker at ``mqtt://host:port`` or, with TLS, ``mqtts://host:port``; for the hub's side."""

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a connection (see Broker). BrokerError when it cannot be made or breaks."""
        host, port, tls = self.address()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, link = await loop.create_connection(lambda: _Link(self.keepalive_s), host, port, ssl=tls)
        except (OSError, TimeoutError) as error:
            raise BrokerError(f"{self.url}: {error or 'no answer'}; is the broker running?") from error
        try:
            await link.begin(packets.connect(name, self.username, self.password, self.keepalive_s, will))
            yield _HubSession(link)
        except BrokerError as error:
            raise BrokerError(f"{self.url}: {error}; is the broker running and may this user connect?") from error
        finally:
            link.end()


class _Link(asyncio.Protocol):
    """One connection: packets to and from the broker."""

    def __init__(self, keepalive_s: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._keepalive_s = keepalive_s
        self._reader = PacketReader(PAYLOAD_MAX)
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._answers: dict[int, asyncio.Future[Packet]] = {}  # 0 = the answer to CONNECT
        self._number = 0
        self._heard_s = self._pinged_s = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self.arrived = asyncio.Event()
        self.queue: deque[Message] = deque()
        self.queue_bytes = 0
        self.lost = 0  # messages that found the queue full
        self.broken = ""  # why the link is gone

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came, and let a little gather before the next read: a read a message costs more than the rest."""
        self._heard_s = self._loop.time()
        try:
            for packet in self._reader.feed(data):
                self._take(packet)
        except PacketError as error:
            self._break(str(error))
            return
        if self._transport and not self.broken and self.queue:
            self._transport.pause_reading()
            self._timers["read"] = self._loop.call_later(GATHER_S, self._read_on)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everyone who waits."""
        self._break(str(error or "the broker closed the connection"))

    def pause_writing(self) -> None:
        """Hold publishers: the broker does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let publishers go on."""
        self._writable.set()

    # ---- what the session calls

    async def begin(self, packet: bytes) -> None:
        """Send CONNECT, wait for the answer, keep the link alive from then on."""
        answer = await self._ask(0, packet)
        code = answer.body[1] if len(answer.body) == 2 else 0xFF
        if code:
            raise BrokerError(f"the broker refused: {packets.REFUSALS.get(code, f'code {code}')}")
        self._timers["ping"] = self._loop.call_later(self._keepalive_s / 2, self._ping)

    async def publish(self, message: Message) -> None:
        """Send a message; at quality 1 wait for the broker's answer."""
        if message.qos:
            number = self._next()
            await self._ask(number, packets.publish(message, number))
            return
        if not self._writable.is_set():
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._writable.wait()
            except TimeoutError:
                raise BrokerError("the broker takes nothing more") from None
        self._send(packets.publish(message))

    async def subscribe(self, pattern: str, qos: int) -> None:
        """Ask for the messages of a pattern."""
        number = self._next()
        answer = await self._ask(number, packets.subscribe(pattern, qos, number))
        if answer.body[-1] & _REFUSED:
            raise BrokerError(f"the broker refused the subscription to {pattern}")

    def end(self) -> None:
        """Say goodbye if the link still stands, and close it."""
        if self._transport and not self.broken:
            self._send(packets.DISCONNECT)
            self._flush()
            if not self._transport.get_write_buffer_size():
                self._transport.close()
        self._break("the session was ended")

    # ---- inside

    def _take(self, packet: Packet) -> None:
        kind = packet.kind
        if kind == Kind.PUBLISH:
            message, number = packets.read_publish(packet)
            if number:
                self._send(packets.puback(number))
            if len(self.queue) >= QUEUE_MAX or self.queue_bytes + len(message.payload) > QUEUE_BYTES:
                self.lost += 1
                return
            self.queue.append(message)
            self.queue_bytes += len(message.payload)
            self.arrived.set()
        elif kind in (Kind.CONNACK, Kind.PUBACK, Kind.SUBACK):
            waiting = self._answers.get(0 if kind == Kind.CONNACK else packets.number_of(packet))
            if waiting and not waiting.done():
                waiting.set_result(packet)
        elif kind != Kind.PINGRESP:
            raise PacketError(f"a packet of kind {kind}, which no broker sends")

    async def _ask(self, number: int, packet: bytes) -> Packet:
        answer: asyncio.Future[Packet] = self._loop.create_future()
        self._answers[number] = answer
        try:
            self._send(packet)
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise BrokerError("no answer in time") from None
        finally:
            del self._answers[number]

    def _next(self) -> int:
        self._number = self._number % 0xFFFF + 1
        return self._number

    def _send(self, packet: bytes) -> None:
        """Put a packet on its way; all that were put there in one turn of the loop go in one write."""
        if self.broken:
            raise BrokerError(self.broken)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packet)

    def _flush(self) -> None:
        if self._transport and self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _read_on(self) -> None:
        if self._transport and not self.broken:
            self._transport.resume_reading()

    def _ping(self) -> None:
        if self._heard_s < self._pinged_s:
            self._break("the broker fell silent")
            return
        self._pinged_s = self._loop.time()
        self._send(packets.PINGREQ)
        self._timers["ping"] = self._loop.call_later(self._keepalive_s / 2, self._ping)

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
        if self._transport and not self._transport.is_closing():
            self._transport.abort()


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
