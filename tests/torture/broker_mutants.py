# SPDX-License-Identifier: Apache-2.0
"""Mutated MQTT sessions at a real Mosquitto with a hub worker behind it, and a good farm among them.

    python -m tests.torture.broker_mutants --count 1000000 --seed 1

The rule it keeps: what reaches the store is read by ``hub_mutants.Reader``, which knows only what a line may look like;
the good farm's batches must come back acknowledged all the while; broker and worker may not end.
"""

import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from cooperative.memory import Memory
from cooperative.worker import HubWorker
from telemetry.envelope import Header, Packer
from telemetry.mqtt_hub import HubMqttBroker
from telemetry.notes import AckNote, read_note
from telemetry.ports import Message
from telemetry.records import Sample
from telemetry.topics import topic
from tests.support.servers import Server, mosquitto
from tests.torture.asked import count_and_seed
from tests.torture.hub_mutants import MEMBERS, Reader
from tests.torture.message_mutants import NOW_MS
from tests.torture.packet_mutants import Session, Sessions

AT_ONCE: Final = 100  # connections open at a time
GOOD_EVERY: Final = 2_000  # sessions between two batches of the good farm
ANSWER_S: Final = 30.0
ENDS_S: Final = 10.0  # within this the broker closes what we have closed


class Outcome(msgspec.Struct):
    """What became of the sessions."""

    sessions: int = 0
    bytes: int = 0
    kinds: dict[str, int] = {}
    refused: dict[str, int] = {}
    good_sent: int = 0
    good_acknowledged: int = 0
    slowest_answer_s: float = 0.0
    lines: int = 0
    broker_grown_mb: float = 0.0
    worker_grown_mb: float = 0.0
    left_open: int = 0  # connections that the broker did not close


def play(port: int, sessions: Sequence[Session]) -> int:
    """Play sessions side by side, each to its end; give how many the broker left open."""
    open_ones: list[socket.socket] = []
    left = 0
    for session in sessions:
        client = socket.create_connection(("127.0.0.1", port), timeout=ENDS_S)
        open_ones.append(client)
        with contextlib.suppress(OSError):  # the broker may have closed at the first packet
            client.sendall(session.data)
            client.shutdown(socket.SHUT_WR)
    for client in open_ones:
        try:
            while client.recv(65_536):
                continue
        except TimeoutError:
            left += 1
        except OSError:
            pass  # closed the hard way
        client.close()
    return left


def resident_mb(pid: int | str) -> float:
    """Give the memory of a process, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class GoodFarm:
    """A farm that does everything right, and counts its answers."""

    def __init__(self, broker: Server) -> None:
        self._link = HubMqttBroker(f"mqtt://127.0.0.1:{broker.port}")
        self._packer = Packer()
        self.sent = self.acknowledged = 0
        self.slowest_s = 0.0

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator["GoodFarm"]:
        """Be connected."""
        async with self._link.connect("good-farm") as self._session:
            await self._session.subscribe(topic("chi-tu", "farm-3", "ack"))
            self._heard = aiter(self._session.messages())
            yield self

    async def send(self) -> None:
        """Send a batch until it is acknowledged. TimeoutError when that takes too long."""
        self.sent += 1
        seq = self.sent
        header = Header("farm-3", 9, 99, seq, 0, 0, NOW_MS - 60_000 + seq, True, 1)
        message = Message(topic("chi-tu", "farm-3", "batch"), self._packer.pack(header, [Sample("a/co2", 0, 1.0, 1.0)]))
        start = time.monotonic()
        async with asyncio.timeout(ANSWER_S):
            while self.acknowledged < seq:
                await self._session.publish(message)  # again, as an edge does: the hub may have been elsewhere
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3.0):
                        while self.acknowledged < seq:
                            self._take(await anext(self._heard))
        self.slowest_s = max(self.slowest_s, time.monotonic() - start)

    def _take(self, message: Message) -> None:
        with contextlib.suppress(ValueError):  # mutated sessions write here too
            for spans in read_note(AckNote, message.payload).stored:
                if (spans.epoch, spans.nonce) == (9, 99):
                    self.acknowledged = max(self.acknowledged, *(high for _, high in spans.ranges))


async def run(count: int, seed: int) -> Outcome:
    """Play that many sessions. Raises what ended the worker, or TimeoutError when the good farm gets no answer."""
    outcome, kinds, reader = Outcome(), Counter[str](), Reader()
    sessions = Sessions(seed)
    with tempfile.TemporaryDirectory(prefix="vuon-sessions-") as name, mosquitto(Path(name)) as broker:
        memory = Memory(Path(name) / "memory.db")
        link = HubMqttBroker(f"mqtt://127.0.0.1:{broker.port}")
        worker = HubWorker("hub-1", MEMBERS, link, reader, memory, wall_ms=lambda: NOW_MS)
        work = asyncio.create_task(worker.run(), name="hub worker")
        assert broker.process
        try:
            async with GoodFarm(broker).connected() as good:
                await good.send()
                for at in range(0, count, AT_ONCE):
                    some = [sessions.next() for _ in range(min(AT_ONCE, count - at))]
                    kinds.update(session.kind for session in some)
                    outcome.sessions += len(some)
                    outcome.bytes += sum(len(session.data) for session in some)
                    outcome.left_open += await asyncio.to_thread(play, broker.port, some)
                    if work.done() or broker.process.poll() is not None:
                        break
                    if at % GOOD_EVERY == 0:
                        await good.send()
                    if at <= count // 10:
                        first = resident_mb(broker.process.pid), resident_mb("self")
                if not work.done():
                    await good.send()
            outcome.broker_grown_mb = max(0.0, resident_mb(broker.process.pid) - first[0])
            outcome.worker_grown_mb = max(0.0, resident_mb("self") - first[1])
        finally:
            if not work.done():
                work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            memory.close()
    outcome.kinds, outcome.lines = dict(kinds), reader.lines
    outcome.refused = dict(sorted(worker.ingest.counts.items(), key=lambda item: -item[1]))
    outcome.good_sent, outcome.good_acknowledged, outcome.slowest_answer_s = (
        good.sent,
        good.acknowledged,
        good.slowest_s,
    )
    return outcome


def show(outcome: Outcome) -> None:
    """Print what became of the sessions."""
    print(f"\n{outcome.sessions:,} mutated MQTT sessions, {outcome.bytes / 1e6:,.0f} MB, of {len(outcome.kinds)} kinds")
    for reason, times in outcome.refused.items():
        print(f"  {reason:20} {times:9,}")
    print(f"  let pass {outcome.lines:,} lines, all well formed under their edge")
    good = f"{outcome.good_acknowledged} of {outcome.good_sent} batches acknowledged"
    print(f"  good farm: {good}, the slowest after {outcome.slowest_answer_s:.1f} s")
    print(f"  broker grew by {outcome.broker_grown_mb:.1f} MB, worker by {outcome.worker_grown_mb:.1f} MB")


def main() -> None:
    """Run it from the command line."""
    outcome = asyncio.run(run(*count_and_seed(__doc__, 1_000_000)))
    show(outcome)
    print(msgspec.json.encode(outcome).decode())
    sys.exit(0 if outcome.good_acknowledged == outcome.good_sent else 1)


if __name__ == "__main__":
    main()
