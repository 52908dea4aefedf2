# SPDX-License-Identifier: Apache-2.0
"""The broker port on MQTT 3.1.1, through aiomqtt: the only file that knows that library.

The rule it keeps: an exception of the library never passes this file, and no queue grows without bound
(what overflows is sent again: the acknowledgement is end to end).
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiomqtt

from telemetry.login import BrokerLogin
from telemetry.ports import BrokerError, Message, Session

# The library does not notice a link that closes before the broker's answer; it waits this long.
TIMEOUT_S: Final = 2.5
KEEPALIVE_S: Final = 10
QUEUE_MAX: Final = 20_000
PAYLOAD_MAX: Final = 1_200_000

_library_log = logging.getLogger("telemetry.mqtt.library")
_library_log.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class MqttBroker(BrokerLogin):
    """A broker at ``mqtt://host:port`` or, with TLS, ``mqtts://host:port``."""

    keepalive_s: int = KEEPALIVE_S

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a connection (see Broker). BrokerError when it cannot be made or breaks."""
        host, port, tls = self.address()
        client = aiomqtt.Client(
            host,
            port,
            identifier=name,
            username=self.username or None,
            password=self.secret() or None,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            keepalive=self.keepalive_s,
            timeout=TIMEOUT_S,
            clean_session=True,
            tls_context=tls,
            max_queued_incoming_messages=QUEUE_MAX,
            logger=_library_log,
        )
        try:
            async with client:
                yield _MqttSession(client)
        except aiomqtt.MqttError as error:
            raise BrokerError(f"{self.url}: {error}; is the broker running and may this user connect?") from error

    def address(self) -> tuple[str, int, ssl.SSLContext | None]:
        """Give host, port and, with TLS, its context. BrokerError for an address that is none."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise BrokerError(f"bad broker address {self.url!r}: write mqtt://host:1883 or mqtts://host:8883")
        if parts.scheme == "mqtt":
            return parts.hostname, parts.port or 1883, None
        return parts.hostname, parts.port or 8883, self.tls_context()


class _MqttSession:
    """A connection of aiomqtt as a Session."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, message: Message) -> None:
        """Hand a message to the broker (see Session)."""
        try:
            await self._client.publish(message.topic, message.payload, message.qos, message.retain)
        except aiomqtt.MqttError as error:
            raise BrokerError(str(error)) from error

    async def subscribe(self, pattern: str, qos: int = 0) -> None:
        """Ask for messages (see Session)."""
        try:
            await self._client.subscribe(pattern, qos=qos)
        except aiomqtt.MqttError as error:
            raise BrokerError(str(error)) from error

    async def messages(self) -> AsyncIterator[Message]:
        """Give what arrives (see Session); a payload over the limit is passed over."""
        try:
            async for message in self._client.messages:
                payload = message.payload
                if isinstance(payload, bytes | bytearray) and len(payload) <= PAYLOAD_MAX:
                    yield Message(str(message.topic), bytes(payload), message.qos, message.retain)
        except aiomqtt.MqttError as error:
            raise BrokerError(str(error)) from error
