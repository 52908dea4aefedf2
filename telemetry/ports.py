# SPDX-License-Identifier: Apache-2.0
"""The two ports of telemetry: a broker that carries messages and a store that keeps points.

The rule it keeps: a port is small and says nothing of who stands behind it; the same contract tests run
against every backend, and what a backend cannot promise it states (``settle_s``).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from telemetry.envelope import Batch
from telemetry.history import Points, Seen, Stored


class BrokerError(Exception):
    """The broker cannot be reached, or the link to it broke. Connect again, later each time."""


class StoreError(Exception):
    """The store did not take or give the data: it is away, full or unwell. Nothing is lost; try again."""


class StoreRefusedError(StoreError):
    """The store is well and will not take this data as it is: a field of another type, a limit. Try the rest."""


class Message(NamedTuple):
    """What came or goes on a topic."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Session(Protocol):
    """One live connection to a broker. Every method raises BrokerError when the link is gone."""

    async def publish(self, message: Message) -> None:
        """Hand a message to the broker. That it was taken says nothing about anyone having read it."""

    async def subscribe(self, pattern: str, qos: int = 0) -> None:
        """Ask for the messages of a topic pattern; ``qos`` is the highest quality wanted of them."""

    def messages(self) -> AsyncIterator[Message]:
        """Give what arrives, until the link breaks."""


class Broker(Protocol):
    """Where messages go through: Mosquitto, or a queue in this process."""

    def connect(self, name: str, will: Message | None = None) -> AbstractAsyncContextManager[Session]:
        """Open a connection under a client name; the broker publishes ``will`` if it dies without a goodbye."""


class Mark(NamedTuple):
    """A point written with a group of batches; once it is read back, so can they be."""

    worker: str
    number: int


class Store(Protocol):
    """Where the cooperative keeps its farms' points. Writing the same batch twice changes nothing."""

    settle_s: float  # how long after its answer a power cut may still take data; the ack waits that long

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Write batches and their mark. StoreError if the store did not take all of it."""

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Read back a worker's marks of the last hours from number ``least`` on: what came with them is readable."""

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give the newest sample of each series of an edge."""

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give a series of an edge from (inclusive) to (exclusive), in the order of time."""

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give an edge's decisions, commands, acks and events of a time, oldest first."""

    async def close(self) -> None:
        """Let go of files and connections."""


@runtime_checkable
class KeepsDictionaries(Protocol):
    """A store that keeps batches as they came, and so needs the dictionaries that open them."""

    def learn(self, number: int, data: bytes) -> None:
        """Keep a dictionary. StoreError if it cannot be kept."""
