# SPDX-License-Identifier: Apache-2.0
"""Mutated messages at the hub's ear: bombs, wrong lengths, NaN, far future, foreign tenants, injection through names.

    python -m tests.torture.hub_mutants --count 1000000 --seed 1

Every message goes through a real hub worker; what it lets pass is written as lines and read by a parser of its own
here, which knows only what a line may look like. The rule it keeps: a seed makes the same messages for ever.
"""

import asyncio
import json
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from cooperative.config import MemberConfig
from cooperative.memory import DEAD_MAX, DICTIONARIES_AN_EDGE, Memory
from cooperative.worker import HubWorker
from telemetry.envelope import Batch
from telemetry.history import Points, Seen, Stored
from telemetry.inprocess import InProcessBroker
from telemetry.ports import Mark, Message
from telemetry.stores.line_protocol import other_lines, sample_text
from tests.torture.asked import count_and_seed
from tests.torture.message_mutants import HOME, NOW_MS, Mutants

MEMBERS: Final = (MemberConfig("anh-ba", "Anh Ba", ("farm-1", "farm-2")), MemberConfig("chi-tu", "Chị Tư", ("farm-3",)))
WRITE_EVERY: Final = 200
LUMP: Final = 20  # messages judged together
# What nothing of may ever reach the store.
NEVER: Final = frozenset({"cut", "foreign tenant", "name in topic", "series injected", "bomb", "future", "before 2020"})

_NUMBER: Final = rb"-?[0-9.]+(?:[eE][+-]?[0-9]+)?"
_LINE: Final = re.compile(
    rb"[a-z][a-z0-9_]*,edge=(farm-[123])(?:,n=[a-z0-9-]+)?,place=[a-z0-9-]+ "
    rb"(?=[vqr]=)(?:v=" + _NUMBER + rb")?(?:,?q=[0-9]+i)?(?:,?r=" + _NUMBER + rb")? ([0-9]{16,19})"
)
_JOURNAL: Final = re.compile(
    r"vuon_journal,edge=(farm-[123]),kind=(?:decision|command|ack|event) "
    r'record="((?:[^"\\\n\r\x00]|\\["\\])*)" ([0-9]{16,19})'
)


class Injected(AssertionError):
    """Something passed the hub that may not stand in a store."""


class Reader:
    """A store that keeps nothing and reads every line that a real one would get."""

    settle_s = 0.0

    def __init__(self) -> None:
        self.lines = 0
        self.batches = 0
        self.marks: list[int] = []

    async def write(self, batches: Sequence[Batch], mark: Mark) -> None:
        """Check what is to be written."""
        self.marks.append(mark.number)
        for batch in batches:
            self.batches += 1
            for every_tag in (False, True):
                self._samples(batch, sample_text(batch, every_tag=every_tag))
            lines = other_lines(batch)
            if len(lines) != len(batch.others()):
                raise Injected(f"{len(batch.others())} records became {len(lines)} lines")
            for line in lines:
                match = _JOURNAL.fullmatch(line)
                if not match or match[1] != batch.header.edge:
                    raise Injected(repr(line[:300]))
                json.loads(match[2].replace('\\"', '"').replace("\\\\", "\\"))
                self._when(int(match[3]))

    def _samples(self, batch: Batch, text: bytes) -> None:
        lines = text.split(b"\n")[:-1] if text else []
        if len(lines) != len(batch.samples().value):
            raise Injected(f"{len(batch.samples().value)} samples became {len(lines)} lines: {text[:300]!r}")
        for line in lines:
            match = _LINE.fullmatch(line)
            if not match or match[1].decode() != batch.header.edge:
                raise Injected(repr(line[:300]))
            self._when(int(match[2]))
        self.lines += len(lines)

    def _when(self, wall_ns: int) -> None:
        if not 1_577_836_800_000 <= wall_ns // 1_000_000 <= NOW_MS + 600_000:
            raise Injected(f"a point at {wall_ns} ns")

    async def read_marks(self, worker: str, least: int) -> list[int]:
        """Give the marks."""
        return [number for number in self.marks if number >= least]

    async def latest(self, edge: str) -> dict[str, Seen]:
        """Give nothing: it keeps nothing."""
        return {}

    async def range(self, edge: str, series: str, from_wall_ms: int, to_wall_ms: int) -> Points:
        """Give nothing: it keeps nothing."""
        none = np.empty(0, np.int64)
        return Points(none, np.empty(0), none)

    async def others(self, edge: str, from_wall_ms: int, to_wall_ms: int) -> list[Stored]:
        """Give nothing: it keeps nothing."""
        return []

    async def close(self) -> None:
        """There is nothing to close."""


class Outcome(msgspec.Struct):
    """What became of the messages."""

    messages: int
    kinds: dict[str, int]
    refused: dict[str, int]
    accepted_batches: int
    lines: int
    grown_mb: float
    slipped: dict[str, int]


async def run(count: int, seed: int) -> Outcome:
    """Give a worker that many messages. Injected when one of them gets something into the store."""
    mutants, reader = Mutants(seed), Reader()
    kinds: Counter[str] = Counter()
    slipped: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="vuon-mutants-", dir=_quick_disk()) as folder:
        memory = Memory(Path(folder) / "memory.db")
        worker = HubWorker("hub-1", MEMBERS, InProcessBroker(), reader, memory, wall_ms=lambda: NOW_MS)
        start_mb = 0.0
        lump: list[tuple[str, Message]] = []
        for at in range(count):
            lump.append(mutants.next())
            kinds[lump[-1][0]] += 1
            if len(lump) == LUMP or at == count - 1:
                slipped.update(await judge(worker, lump))
                lump.clear()
            if at % WRITE_EVERY == WRITE_EVERY - 1 or at == count - 1:
                batches = list(worker._queue)
                worker._queue.clear()
                if batches:
                    await worker._write_group(batches)
                    await worker._settle(set(reader.marks[-1:]))
                    del reader.marks[:-1]
            if at == count // 10:
                start_mb = _peak_mb()
        for table, most in (("dead", DEAD_MAX), ("dictionary", DICTIONARIES_AN_EDGE), ("profile", len(HOME))):
            rows = memory._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert rows <= most, f"{rows} rows in {table}"
        memory.close()
    counts = dict(sorted(worker.ingest.counts.items(), key=lambda item: -item[1]))
    for taken in ("batches", "points"):
        counts.pop(taken, None)
    return Outcome(
        count, dict(kinds), counts, reader.batches, reader.lines, max(0.0, _peak_mb() - start_mb), dict(slipped)
    )


async def judge(worker: HubWorker, lump: Sequence[tuple[str, Message]]) -> list[str]:
    """Give a worker messages that it judges together; give the kinds that never may pass and did."""
    before = len(worker._queue)
    for _, message in lump:
        worker._take(message)
    await worker._judge_lump()
    passed = [batch.data for batch in list(worker._queue)[before:]]
    carried = [{kind for kind, message in lump if data in message.payload} for data in passed]
    return [min(kinds) for kinds in carried if kinds <= NEVER]  # none that may carry these very bytes


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _quick_disk() -> str | None:
    """Give a folder in memory if there is one: a million dead letters need no real disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def show(outcome: Outcome) -> None:
    """Print what became of the messages."""
    print(f"\n{outcome.messages:,} mutated messages at the hub, of {len(outcome.kinds)} kinds")
    for reason, times in outcome.refused.items():
        print(f"  {reason:20} {times:9,}")
    print(f"  let pass {outcome.accepted_batches:,} batches, {outcome.lines:,} lines, all well formed under their edge")
    print(f"  memory grew by {outcome.grown_mb:.1f} MB after the first tenth; slipped through: {outcome.slipped or 0}")


def main() -> None:
    """Run it from the command line."""
    outcome = asyncio.run(run(*count_and_seed(__doc__, 1_000_000)))
    show(outcome)
    print(msgspec.json.encode(outcome).decode())
    sys.exit(1 if outcome.slipped else 0)


if __name__ == "__main__":
    main()
