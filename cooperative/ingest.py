# SPDX-License-Identifier: Apache-2.0
"""What the hub makes of a message: is the sender who the topic says, can it be opened, may its points be believed?

The rule it keeps: no I/O and no clock; messages and ``now`` go in, verdicts come out. Nothing is written that was
not checked, nothing refused without a reason that is counted, and every memory is bounded.
"""

import functools
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cooperative.members import Members
from telemetry.envelope import (
    Batch,
    EnvelopeError,
    Header,
    Opener,
    UnknownDictionaryError,
    read_header,
    read_together,
    split,
)
from telemetry.ints import ints_of
from telemetry.notes import Spans
from telemetry.ports import Message
from telemetry.ranges import RangeSet
from telemetry.records import SERIES_PATTERN
from telemetry.topics import TopicError, read_topic

# A batch may not claim to come from before Vườn existed, nor from further ahead than a clock may be wrong.
EARLIEST_MS: Final = 1_577_836_800_000  # 2020-01-01
AHEAD_MS: Final = 600_000
VALUE_MAX: Final = 1e15
QUALITY_MAX: Final = 1 << 16
BOOTS_MAX: Final = 200_000
RANGES_TOLD: Final = 16
QUEUE_BYTES: Final = 64 * 1024 * 1024
TOGETHER_LEAST: Final = 3  # as many batches and more are cheaper read as one array

BootKey = tuple[str, int, int]


@dataclass(slots=True)
class _BootState:
    stored: RangeSet = field(default_factory=RangeSet)
    pending: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Verdict:
    """What came of messages: batches to write, what to tell the edge at once, what to bury."""

    batches: list[Batch] = field(default_factory=list)
    again: set[BootKey] = field(default_factory=set)  # boots to acknowledge once more
    unknown: set[tuple[str, int]] = field(default_factory=set)  # (edge, dictionary) to ask for
    refused: list[tuple[Header, str, str, bytes]] = field(default_factory=list)  # head, reason, detail, bytes
    garbage: list[tuple[str, str, bytes]] = field(default_factory=list)  # reason, detail, bytes: no sender to tell


class Ingest:
    """The memory of one worker of what was stored and what is on its way."""

    def __init__(self, members: Members, opener: Opener) -> None:
        """Take the register and the opener that knows the edges' dictionaries."""
        self.counts: Counter[str] = Counter()
        self._members = members
        self._opener = opener
        self._boots: OrderedDict[BootKey, _BootState] = OrderedDict()
        self.pending_bytes = 0

    def take(self, message: Message, now_ms: int) -> Verdict:
        """Judge a message on a batch topic."""
        return self.take_all((message,), now_ms)

    def take_all(self, messages: Iterable[Message], now_ms: int) -> Verdict:
        """Judge messages on batch topics; many at once cost far less than each alone."""
        verdict = Verdict()
        opened: list[Batch] = []
        for message in messages:
            edge = self._sender(verdict, message)
            if not edge:
                continue
            try:
                opened.extend(filter(None, (self._open(verdict, edge, data) for data in split(message.payload))))
            except EnvelopeError as error:
                self._garbage(verdict, error.reason, str(error), message.payload)
        if len(opened) >= TOGETHER_LEAST:
            read_together(opened)
        for batch in opened:
            self._judge(verdict, batch, now_ms)
        return verdict

    def stored(self, batches: Iterable[Header]) -> dict[BootKey, Spans]:
        """Note that batches were read back; give what to tell each boot's edge."""
        touched: set[BootKey] = set()
        for header in batches:
            key = _key(header)
            state = self._state(key)
            state.stored.add(header.seq, header.seq)
            state.pending.discard(header.seq)
            touched.add(key)
        return {key: self.told(key) for key in touched}

    def told(self, key: BootKey) -> Spans:
        """Give what is stored of a boot, for an acknowledgement."""
        return Spans(key[1], key[2], self._state(key).stored.newest(RANGES_TOLD))

    def given_up(self, batches: Iterable[Header]) -> None:
        """Note that batches were not stored after all: their edges will send them again."""
        for header in batches:
            self._state(_key(header)).pending.discard(header.seq)

    def lost(self, edge: str, spans: Iterable[Spans]) -> None:
        """Note that the store has lost batches that had been acknowledged."""
        for each in spans:
            for low, high in each.ranges:
                self._state((edge, each.epoch, each.nonce)).stored.remove(low, high)

    def _sender(self, verdict: Verdict, message: Message) -> str:
        """Give the edge that a message comes from; "" if its topic is nobody's."""
        try:
            address = read_topic(message.topic)
        except TopicError as error:
            self._garbage(verdict, "topic", str(error), message.payload)
            return ""
        if not self._members.allows(address.member, address.edge):
            self._garbage(verdict, "tenant", f"{address.member}/{address.edge}", message.payload)
            return ""
        return address.edge

    def _open(self, verdict: Verdict, edge: str, data: bytes) -> Batch | None:
        """Open an envelope that nobody has yet; from here on it is pending."""
        header = read_header(data)
        if header.edge != edge:
            self._garbage(verdict, "identity", f"{header.edge} on the topic of {edge}", data)
            return None
        key = _key(header)
        state = self._state(key)
        if header.seq in state.stored:
            self.counts["duplicate"] += 1
            verdict.again.add(key)
            return None
        if header.seq in state.pending:
            self.counts["duplicate"] += 1
            return None
        if self.pending_bytes + len(data) > QUEUE_BYTES:
            self.counts["back_pressure"] += 1
            return None
        try:
            batch = self._opener.open(data, header)
        except UnknownDictionaryError as error:
            self.counts["dictionary"] += 1
            verdict.unknown.add((edge, error.dictionary))
            return None
        state.pending.add(header.seq)
        self.pending_bytes += len(data)
        return batch

    def _judge(self, verdict: Verdict, batch: Batch, now_ms: int) -> None:
        """Take an opened batch, or refuse it."""
        try:
            reason = self._unbelievable(batch, now_ms)
        except EnvelopeError as error:
            reason = error.reason
        if not reason:
            self.counts["batches"] += 1
            verdict.batches.append(batch)
            return
        header = batch.header
        self._state(_key(header)).pending.discard(header.seq)
        self.pending_bytes -= len(batch.data)
        self.counts[reason] += 1
        detail = f"{header.edge} epoch {header.epoch} batch {header.seq}"
        verdict.refused.append((header, reason, detail, batch.data))

    def _unbelievable(self, batch: Batch, now_ms: int) -> str:
        """Give the reason why a batch's contents may not be believed ("" = they may)."""
        header, samples = batch.header, batch.samples()
        if not header.clock_ok:
            return "clock"
        if not _names_fit(samples.names, samples.layout, len(samples.series)):
            return "series"
        times = [other.mono_ms for other in batch.others()]
        if len(samples.mono_ms):
            extent = samples.extent
            times += (extent.mono_min_ms, extent.mono_max_ms)
            if extent.largest > VALUE_MAX:
                return "range"
            if not 0 <= extent.quality < QUALITY_MAX:  # QUALITY_MAX is a power of two
                return "quality"
        if times:
            first_ms, last_ms = min(times), max(times)
            if last_ms + header.offset_ms > now_ms + AHEAD_MS:
                return "future"
            if first_ms < 0 or first_ms + header.offset_ms < EARLIEST_MS:
                return "past"
        self.counts["points"] += len(samples.value)
        return ""

    def _state(self, key: BootKey) -> _BootState:
        state = self._boots.get(key)
        if state is None:
            state = self._boots[key] = _BootState()
            if len(self._boots) > BOOTS_MAX:
                self._boots.popitem(last=False)  # forgotten, not lost: a batch sent again is written again
        else:
            self._boots.move_to_end(key)
        return state

    def _garbage(self, verdict: Verdict, reason: str, detail: str, data: bytes) -> None:
        self.counts[reason] += 1
        verdict.garbage.append((reason, detail, data))


@functools.lru_cache(maxsize=16_384)
def _names_fit(names: tuple[str, ...], layout: bytes, n: int) -> bool:
    """Say whether all series of a batch have names that may stand in topics, tags and files."""
    used = np.unique(ints_of(layout, n)).tolist()
    return all(SERIES_PATTERN.fullmatch(names[index]) for index in used)


def _key(header: Header) -> BootKey:
    return header.edge, header.epoch, header.nonce
