# SPDX-License-Identifier: Apache-2.0
"""A broker in this process: for one farm without a broker, and for tests.

The rule it keeps: what MQTT promises and no more (retained messages, wills, at most once), with bounded queues;
a slow reader loses the newest messages, as behind a real broker.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from telemetry.ports import BrokerError, Message, Session
from telemetry.topics import matches

QUEUE_MAX: Final = 10_000
RETAINED_MAX: Final = 10_000


class InProcessBroker:
    """Carries messages between sessions of this process."""

    def __init__(self) -> None:
        self._sessions: dict[str, _InProcessSession] = {}
        self._retained: dict[str, Message] = {}
        self.lost = 0  # messages that found a full queue

    @asynccontextmanager
    async def connect(self, name: str, will: Message | None = None) -> AsyncIterator[Session]:
        """Open a session (see Broker); one of the same name is taken over, as in MQTT."""
        if name in self._sessions:
            self._sessions[name].end()
        session = _InProcessSession(self)
        self._sessions[name] = session
        clean = False
        try:
            yield session
            clean = True
        finally:
            if self._sessions.get(name) is session:
                del self._sessions[name]
            session.end()
            if will and not clean:
                self.carry(will)

    def carry(self, message: Message) -> None:
        """Give a message to everyone who asked for its topic, and keep it if it is to be retained."""
        if message.retain:
            if not message.payload:
                self._retained.pop(message.topic, None)
            elif message.topic in self._retained or len(self._retained) < RETAINED_MAX:
                self._retained[message.topic] = message
        for session in list(self._sessions.values()):
            if not session.offer(message._replace(retain=False)):
                self.lost += 1

    def retained(self, pattern: str) -> list[Message]:
        """Give the retained messages of a pattern."""
        return [message for topic, message in self._retained.items() if matches(pattern, topic)]


class _InProcessSession:
    """One session; see Session."""

    def __init__(self, broker: InProcessBroker) -> None:
        self._broker = broker
        self._patterns: list[str] = []
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_MAX)
        self._ended = False

    async def publish(self, message: Message) -> None:
        """Carry a message (see Session)."""
        if self._ended:
            raise BrokerError("the session was ended")
        self._broker.carry(message)
        await asyncio.sleep(0)

    async def subscribe(self, pattern: str, qos: int = 0) -> None:
        """Ask for messages (see Session)."""
        del qos
        if self._ended:
            raise BrokerError("the session was ended")
        self._patterns.append(pattern)
        for message in self._broker.retained(pattern):
            self.offer(message)

    def messages(self) -> AsyncIterator[Message]:
        """Give what arrives (see Session)."""
        return _Messages(self._queue, lambda: self._ended)

    def offer(self, message: Message) -> bool:
        """Take a message that fits a pattern; False if the queue is full."""
        if not any(matches(pattern, message.topic) for pattern in self._patterns):
            return True
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """End the session from outside, as a broken link does."""
        self._ended = True
        if not self._queue.full():
            self._queue.put_nowait(None)


class _Messages:
    """What arrives at a session; an object rather than a generator, so that leaving it midway needs no tidying."""

    def __init__(self, queue: asyncio.Queue[Message | None], ended: Callable[[], bool]) -> None:
        self._queue = queue
        self._ended = ended

    def __aiter__(self) -> "_Messages":
        return self

    async def __anext__(self) -> Message:
        """Wait for the next message; BrokerError once the session was ended and all was given."""
        message = None if self._ended() and self._queue.empty() else await self._queue.get()
        if message is None:
            raise BrokerError("the session was ended")
        return message
