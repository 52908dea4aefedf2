# SPDX-License-Identifier: Apache-2.0
"""Gives one order to one farm and waits for its answer.

The rule it keeps: signed once and sent until it is answered or dead; the same bytes again are harmless, because the
farm answers them and does not act again. No retained message: an order never lies in wait for a farm.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cooperative.order_book import OrderBook
from telemetry.ports import Broker, Message, Session
from telemetry.remote_orders import Call, Order, OrderAnswer, OrderRefused, PersonsRole, digest, read_answer, sign
from telemetry.topics import topic

AGAIN_S: Final = 2.0
OFFLINE: Final = b'{"online":false}'
ANSWER_MARGIN_S: Final = 8.0  # the hardware may answer some seconds after the order's life


class NoAnswer(Exception):
    """The farm is away, or did not answer within the order's life."""


def wall_ms() -> int:
    """Give the wall clock, ms."""
    return time.time_ns() // 1_000_000


def make_order(
    book: OrderBook,
    *,
    issuer: str,
    member: str,
    edge: str,
    person: str,
    role: PersonsRole,
    call: Call,
    target: str,
    level: float = 0.0,
    seconds: float = 0.0,
    life_s: float = 30.0,
    now_ms: Callable[[], int] = wall_ms,
) -> Order:
    """Enter an order in the book and give it, numbered. ``target`` is an output (hold, stop) or a place."""
    at = now_ms()
    epoch, seq = book.number(edge, person, call, target, at)
    at_output = call in {"hold", "stop"}
    return Order(
        issuer=issuer,
        epoch=epoch,
        seq=seq,
        member=member,
        edge=edge,
        issued_ms=at,
        expires_ms=at + round(life_s * 1000.0),
        person=person,
        role=role,
        call=call,
        output=target if at_output else "",
        place="" if at_output else target,
        level=level,
        seconds=seconds,
    )


async def give(order: Order, key: Ed25519PrivateKey, broker: Broker, book: OrderBook) -> OrderAnswer:
    """Send an order and wait for its answer. NoAnswer when there is none, BrokerError when there is no broker."""
    payload = sign(order, key)
    book.signed(order.epoch, order.seq, digest(payload))
    life_s = (order.expires_ms - order.issued_ms) / 1000.0
    async with broker.connect(f"vuon-order-{order.issuer}-{order.epoch}-{order.seq}") as session:
        await session.subscribe(topic(order.member, order.edge, "answer"))
        await session.subscribe(topic(order.member, order.edge, "state"))
        async with _repeating(session, Message(topic(order.member, order.edge, "command"), payload), life_s):
            try:
                async with asyncio.timeout(life_s + ANSWER_MARGIN_S):
                    answer = await _answer_to(session, digest(payload))
            except TimeoutError:
                raise NoAnswer from None
    book.answered(answer, wall_ms())
    return answer


async def _answer_to(session: Session, name: bytes) -> OrderAnswer:
    async for message in session.messages():
        if message.topic.endswith("/state") and message.payload == OFFLINE:
            raise NoAnswer
        with contextlib.suppress(OrderRefused):  # what else stands on that topic is not for us
            answer = read_answer(message.payload)
            if answer.order == name:
                return answer
    raise NoAnswer


@contextlib.asynccontextmanager
async def _repeating(session: Session, message: Message, life_s: float) -> AsyncIterator[None]:
    """Send a message now and again every AGAIN_S while it lives, until the ``with`` ends."""

    async def send() -> None:
        for _ in range(max(1, round(life_s / AGAIN_S))):
            await session.publish(message)
            await asyncio.sleep(AGAIN_S)

    sending = asyncio.create_task(send(), name="order is sent")
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
