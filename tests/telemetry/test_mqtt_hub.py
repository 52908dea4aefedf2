# SPDX-License-Identifier: Apache-2.0
"""The hub's own link to a broker that refuses, falls silent, talks nonsense or sends too much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from telemetry.mqtt_hub import HubMqttBroker
from telemetry.ports import BrokerError, Message
from tests.support.waiting import passes

TAKEN = b"\x20\x02\x00\x00"


def publish(topic: str, payload: bytes) -> bytes:
    """Write a short PUBLISH at quality 0 (MQTT 3.1.1, section 3.3)."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    return bytes((0x30, len(body))) + body


@asynccontextmanager
async def a_broker(answer: bytes, then: bytes = b"") -> AsyncIterator[HubMqttBroker]:
    """Play a broker that answers CONNECT, perhaps says one thing more, and then only listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer + then)
        while await reader.read(1000):
            continue
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield HubMqttBroker(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", keepalive_s=1)
    finally:
        server.close()
        await passes(0.05)


async def heard(broker: HubMqttBroker, got: list[Message]) -> None:
    """Gather what the broker says until the link breaks."""
    async with asyncio.timeout(5), broker.connect("hub") as session:
        async for message in session.messages():
            got.append(message)  # noqa: PERF401 - what came before the break counts


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"\x20\x02\x00\x05", "refused: Not authorized"),
        (b"\x20\x02\x00\x63", "refused"),
        (b"\x20\x00", "is the broker running"),
        (b"\xf0\x00", "is the broker running"),
        (b"\x30\xff\xff\xff\xff\x01", "is the broker running"),
    ],
)
async def test_a_refusal_is_told_as_such_and_nonsense_is_no_connection(answer: bytes, says: str) -> None:
    async with a_broker(answer) as broker:
        with pytest.raises(BrokerError, match=says):
            async with broker.connect("hub"):
                pytest.fail("it took this for a connection")


async def test_a_broker_that_falls_silent_is_noticed_by_whoever_waits_for_messages() -> None:
    got: list[Message] = []
    async with a_broker(TAKEN, publish("a", b"last words")) as broker:
        with pytest.raises(BrokerError, match="Keep alive timeout"):
            await heard(broker, got)
    assert got == [Message("a", b"last words")]


async def test_what_overflows_the_queue_is_left_out_and_the_rest_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.mqtt_hub.QUEUE_BYTES", 100)
    got: list[Message] = []
    said = b"".join(publish("a", bytes((at,)) * 30) for at in range(5))
    async with a_broker(TAKEN, said) as broker:
        with pytest.raises(BrokerError, match="Keep alive timeout"):
            await heard(broker, got)
    assert [message.payload[0] for message in got] == [0, 1, 2]
