# SPDX-License-Identifier: Apache-2.0
"""A hub worker: takes what the edges send, writes it into the store, and acknowledges what it has read back.

The rule it keeps: an acknowledgement leaves only after the store gave back a mark that was written with the batch
(and, for a store without a write-ahead log, only after its data has settled). Everything before that can be
killed at any moment: the edge still has it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cooperative.config import MemberConfig
from cooperative.ingest import QUEUE_BYTES, BootKey, Ingest, Verdict
from cooperative.members import Members
from cooperative.memory import Memory
from telemetry.envelope import Batch, EnvelopeError, Header, Opener, dictionary_id
from telemetry.notes import AckNote, AskNote, NoteError, Spans, read_note, write_note
from telemetry.ports import (
    Broker,
    BrokerError,
    KeepsDictionaries,
    Mark,
    Message,
    Session,
    Store,
    StoreError,
    StoreRefusedError,
)
from telemetry.ranges import RangeSet
from telemetry.records import FarmProfile
from telemetry.topics import TopicError, all_edges, read_topic, topic

JUDGED_AT_ONCE: Final = 128  # more than a session gives in one turn
BATCHES_AT_ONCE: Final = 2_000
# What comes after idleness is written at once; then a write begins at most so often, for it costs the store more than
# its lines. A store that takes longer than this for one gets the next at once: what it is late with would only grow.
WRITE_EVERY_S: Final = 0.12
VERIFY_EVERY_S: Final = 1.0
VERIFY_WITHIN_S: Final = 10.0
EXHUME_EVERY_S: Final = 5.0
RETRY_S: Final = (0.2, 0.5, 0.5, 1.0, 1.0, 2.0)
GARBAGE_KEPT: Final = 1_000
SPANS_A_NOTE: Final = 64
NOTES_AT_ONCE: Final = 50  # then what came meanwhile has its turn: a second of a country is told in 750 notes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Written:
    """A group of batches that the store has answered for but that was not read back yet."""

    mark: int
    at_s: float
    headers: tuple[Header, ...]
    size: int


class HubWorker:
    """One worker: a broker session in, a store out, acknowledgements back."""

    def __init__(
        self,
        name: str,
        members: Iterable[MemberConfig],
        broker: Broker,
        store: Store,
        memory: Memory,
        *,
        share: str = "",
        now_s: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Take everything from outside; ``share`` divides the batches among workers of the same share."""
        self.name = name
        self._members = Members(members)
        self._broker = broker
        self._store = store
        self._memory = memory
        self._share = share
        self._now_s = now_s
        self._wall_ms = wall_ms
        self.ingest = Ingest(self._members, Opener(memory.dictionary, keep=4096))
        self._arrived: deque[Message] = deque()
        self._arrived_bytes = 0
        self._to_judge = asyncio.Event()
        self._queue: deque[Batch] = deque()
        self._filled = asyncio.Event()
        self._written: deque[_Written] = deque()
        self._to_verify = asyncio.Event()
        self._session: Session | None = None
        self._mark = 0
        self._verified_mark = 0
        self._garbage_kept = 0
        self._lost: dict[str, list[Spans]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        await self._take_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name=f"{self.name} listens")
            group.create_task(self._judge(), name=f"{self.name} judges")
            group.create_task(self._write(), name=f"{self.name} writes")
            group.create_task(self._verify(), name=f"{self.name} verifies")
            group.create_task(self._exhume(), name=f"{self.name} replays dead letters")

    async def _take_up(self) -> None:
        """Wait for the store, and find out whether it still has what was acknowledged before."""
        for attempt in range(1_000_000):
            try:
                covered = self._memory.covered(self._wall_ms())
                there = await self._store.read_marks(self.name, covered[0] if covered else 0)
            except StoreError as error:
                _log.warning("%s: the store is away: %s", self.name, error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                continue
            self._mark = max(*there, *covered, 0, 0)
            await self._compare()
            return

    # ---- what comes in

    async def _listen(self) -> None:
        tries = 0
        while True:
            try:
                async with self._broker.connect(f"{self.name}-hub") as session:
                    await session.subscribe(all_edges("dictionary"))
                    await session.subscribe(all_edges("batch", self._share))
                    await session.subscribe(all_edges("profile"))
                    self._session, tries = session, 0
                    await self._greet(session)
                    async for message in session.messages():
                        self._take(message)
            except BrokerError as error:
                _log.warning("%s: %s", self.name, error)
            finally:
                self._session = None
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _greet(self, session: Session) -> None:
        """Tell the edges that what they have on its way may be gone: they send it again at once."""
        note = write_note(AskNote(fresh=True))
        for edge in self._members.edges():
            await session.publish(Message(self._topic(edge, "ask"), note))
        await self._ask_for_lost()

    def _take(self, message: Message) -> None:
        kind = message.topic.rpartition("/")[2]
        if kind == "batch":
            if self._arrived_bytes + _size(message) > QUEUE_BYTES:
                self.ingest.counts["back_pressure"] += 1  # its edge sends it again
                return
            self._arrived.append(message)
            self._arrived_bytes += _size(message)
            self._to_judge.set()
            return
        try:
            address = read_topic(message.topic)
            if not self._members.allows(address.member, address.edge):
                self.ingest.counts["tenant"] += 1
            elif kind == "dictionary":
                self._learn(address.edge, message.payload)
            elif kind == "profile" and read_note(FarmProfile, message.payload).edge == address.edge:
                self._memory.keep_profile(address.edge, message.payload, self._wall_ms())
        except (TopicError, NoteError, EnvelopeError):
            self.ingest.counts[f"bad_{kind}"[:32]] += 1
        except StoreError as error:
            _log.warning("%s: %s", self.name, error)

    def _learn(self, edge: str, data: bytes) -> None:
        number = dictionary_id(data)
        if isinstance(self._store, KeepsDictionaries):
            self._store.learn(number, data)  # first: what only the memory knew would never be asked for again
        self._memory.keep_dictionary(edge, number, data, self._wall_ms())

    async def _judge(self) -> None:
        while True:
            await self._to_judge.wait()
            await self._judge_lump()
            if not self._arrived:
                self._to_judge.clear()
            await asyncio.sleep(0)

    async def _judge_lump(self) -> None:
        """Judge what came: as many messages together as lie there, but not so many that others wait long."""
        lump = [self._arrived.popleft() for _ in range(min(JUDGED_AT_ONCE, len(self._arrived)))]
        self._arrived_bytes -= sum(map(_size, lump))
        await self._heed(self.ingest.take_all(lump, self._wall_ms()))

    async def _heed(self, verdict: Verdict) -> None:
        if verdict.batches:
            self._queue.extend(verdict.batches)
            self._filled.set()
        for edge, number in verdict.unknown:
            await self._send(edge, "ask", write_note(AskNote(dictionaries=[number])))
        if verdict.again:
            await self._tell({key: self.ingest.told(key) for key in verdict.again})
        if verdict.refused:
            letters = [(reason, header.edge, detail, data) for header, reason, detail, data in verdict.refused]
            self._memory.bury(letters, self._wall_ms())
            for header, *_ in verdict.refused:
                note = AckNote(refused=[Spans(header.epoch, header.nonce, [(header.seq, header.seq)])])
                await self._send(header.edge, "ack", write_note(note))
        if verdict.garbage and self._garbage_kept < GARBAGE_KEPT:
            self._garbage_kept += len(verdict.garbage)
            letters = [(reason, "", detail, data[:4096]) for reason, detail, data in verdict.garbage]
            self._memory.bury(letters, self._wall_ms())

    async def _exhume(self) -> None:
        """Take dead letters once more that somebody has asked for, after he put their cause right."""
        while True:
            for letter in self._memory.to_retry():
                if self._session is None:
                    break
                self._memory.unbury([letter])
                if letter.topic in self._members.edges():
                    message = Message(self._topic(letter.topic, "batch"), letter.data)
                    await self._heed(self.ingest.take(message, self._wall_ms()))
            await asyncio.sleep(EXHUME_EVERY_S)

    # ---- what goes into the store

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                began_s = self._now_s()
                batches = [self._queue.popleft() for _ in range(min(BATCHES_AT_ONCE, len(self._queue)))]
                await self._write_group(batches)
                await asyncio.sleep(max(0.0, began_s + WRITE_EVERY_S - self._now_s()))

    async def _write_group(self, batches: list[Batch]) -> None:
        """Write a group, as often as it takes; the queue behind it is bounded and the edges wait.

        What the store refuses for good is tried in halves, so that one batch that it cannot take holds up no other.
        """
        tries = 0
        while True:
            self._mark += 1
            try:
                await self._store.write(batches, Mark(self.name, self._mark))
                break
            except StoreRefusedError as error:
                self.ingest.counts["store_refused"] += 1
                await self._write_apart(batches, error)
                return
            except StoreError as error:
                _log.warning("%s: %s", self.name, error)
                self.ingest.counts["store_away"] += 1
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
        headers = tuple(batch.header for batch in batches)
        size = sum(len(batch.data) for batch in batches)
        self._written.append(_Written(self._mark, self._now_s(), headers, size))
        self._to_verify.set()
        if self._store.settle_s:
            held = _spans_by_boot(headers)
            await self._tell({}, held, hold_s=self._store.settle_s + VERIFY_WITHIN_S)

    async def _write_apart(self, batches: list[Batch], error: StoreRefusedError) -> None:
        """Write the halves of a refused group; a batch refused alone stays with its edge, which sends it again."""
        if len(batches) > 1:
            half = len(batches) // 2
            await self._write_group(batches[:half])
            await self._write_group(batches[half:])
            return
        header = batches[0].header
        _log.error("%s: the store refuses batch %d of %s: %s", self.name, header.seq, header.edge, error)
        self.ingest.pending_bytes -= len(batches[0].data)
        self.ingest.given_up([header])

    # ---- what is read back and acknowledged

    async def _verify(self) -> None:
        """Read the mark back, at most once a second, and acknowledge what it covers."""
        while True:
            await self._to_verify.wait()
            wait_s = self._written[0].at_s + self._store.settle_s - self._now_s() if self._written else 0.0
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            asked_s = self._now_s()
            try:
                least = self._verified_mark or (self._written[0].mark if self._written else 0)
                there = set(await self._store.read_marks(self.name, least))
                if self._verified_mark and self._verified_mark not in there:
                    await self._compare()
            except StoreError as error:
                _log.warning("%s: %s", self.name, error)
            else:
                await self._settle(there)
            if not self._written:
                self._to_verify.clear()
            await asyncio.sleep(max(0.0, asked_s + VERIFY_EVERY_S - self._now_s()))

    async def _settle(self, there: set[int]) -> None:
        now = self._now_s()
        settled = [each for each in self._written if each.mark in there and each.at_s + self._store.settle_s <= now]
        if settled:
            headers = [header for written in settled for header in written.headers]
            # The mark noted is the newest of them: whoever has lost any later write has lost this one.
            self._verified_mark = settled[-1].mark
            self._memory.cover(self._verified_mark, _spans_by_edge(headers), self._wall_ms())
            self.ingest.pending_bytes -= sum(written.size for written in settled)
            self._written = deque(each for each in self._written if each not in settled)
            await self._tell(self.ingest.stored(headers))
        # Groups are written one after the other: where a later one can be read and this one cannot, it is lost.
        newest = max(there, default=0)
        gone = [
            each
            for each in self._written
            if now - each.at_s > self._store.settle_s + (0 if each.mark < newest else VERIFY_WITHIN_S)
        ]
        if gone:
            headers = [header for written in gone for header in written.headers]
            self._written = deque(each for each in self._written if each not in gone)
            self.ingest.counts["not_readable"] += len(headers)
            self.ingest.pending_bytes -= sum(written.size for written in gone)
            self.ingest.given_up(headers)
            await self._ask_again(_spans_by_edge(headers))

    async def _compare(self) -> None:
        """When the store no longer has marks that were read back, ask the edges for what came with them."""
        covered = self._memory.covered(self._wall_ms())
        there = set(await self._store.read_marks(self.name, covered[0])) if covered else set[int]()
        lost = self._memory.uncover(mark for mark in covered if mark not in there)
        self._verified_mark = max((mark for mark in covered if mark in there), default=0)
        for edge, spans in lost.items():
            self.ingest.counts["replay_asked"] += sum(high - low + 1 for each in spans for low, high in each.ranges)
            self.ingest.lost(edge, spans)
        await self._ask_again(lost)

    async def _ask_again(self, lost: dict[str, list[Spans]]) -> None:
        for edge, spans in lost.items():
            self._lost.setdefault(edge, []).extend(spans)
        await self._ask_for_lost()

    async def _ask_for_lost(self) -> None:
        while self._lost and self._session is not None:
            edge, spans = next(iter(self._lost.items()))
            for at in range(0, len(spans), SPANS_A_NOTE):
                await self._send(edge, "ask", write_note(AskNote(replay=spans[at : at + SPANS_A_NOTE])))
            del self._lost[edge]

    async def _tell(
        self, stored: dict[BootKey, Spans], held: dict[BootKey, Spans] | None = None, hold_s: float = 0.0
    ) -> None:
        notes: dict[str, tuple[list[Spans], list[Spans]]] = {}
        for key, spans in stored.items():
            notes.setdefault(key[0], ([], []))[0].append(spans)
        for key, spans in (held or {}).items():
            notes.setdefault(key[0], ([], []))[1].append(spans)
        for number, (edge, (there, kept)) in enumerate(notes.items(), 1):
            if number % NOTES_AT_ONCE == 0:
                await asyncio.sleep(0)
            await self._send(edge, "ack", write_note(AckNote(stored=there, held=kept, hold_s=hold_s)))

    async def _send(self, edge: str, kind: str, payload: bytes) -> None:
        """Send to an edge if there is a link; if not, the edge asks by sending again."""
        if self._session is not None:
            try:
                await self._session.publish(Message(self._topic(edge, kind), payload))
            except BrokerError:
                self.ingest.counts["unsent"] += 1

    def _topic(self, edge: str, kind: str) -> str:
        return topic(self._members.member_of(edge), edge, kind)


def _size(message: Message) -> int:
    return len(message.topic) + len(message.payload)


def _spans_by_boot(headers: Iterable[Header]) -> dict[BootKey, Spans]:
    """Gather batches into ranges, boot by boot."""
    found: dict[BootKey, list[int]] = {}
    for header in headers:
        found.setdefault((header.edge, header.epoch, header.nonce), []).append(header.seq)
    return {key: Spans(key[1], key[2], _ranges(numbers)) for key, numbers in found.items()}


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    if len(numbers) == 1:  # as nearly always
        return [(numbers[0], numbers[0])]
    return RangeSet((number, number) for number in numbers).newest(SPANS_A_NOTE)


def _spans_by_edge(headers: Iterable[Header]) -> dict[str, list[Spans]]:
    found: dict[str, list[Spans]] = {}
    for (edge, _, _), spans in _spans_by_boot(headers).items():
        found.setdefault(edge, []).append(spans)
    return found
