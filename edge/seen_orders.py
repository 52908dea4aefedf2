# SPDX-License-Identifier: Apache-2.0
"""Which numbered orders were admitted, also before the last start: none is carried out twice, nor one of before.

The rule it keeps: what was admitted is on the disk before the order is answered. A disk that refuses stops nobody's
order; then the numbers live as long as the agent.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from controllers.ticks import Origin
from drivers.kept import kept_json
from drivers.whole_file import write_whole

FILE: Final = "orders-seen.json"
ISSUERS_KEPT: Final = 256
SEQS_KEPT: Final = 1024
SEQS_STORED: Final = 64  # of an issuer; after a start one that is older than these is not heard again

# Of an issuer: its epoch, the number up to which all count as seen, and the numbers above that.
Stored = dict[str, tuple[int, int, list[int]]]


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives an order, and the order's own identity: ``seq`` grows within (issuer, epoch). 0 = not numbered."""

    person: str
    role: str
    origin: Origin = "manual"
    issuer: str = ""
    epoch: int = 0
    seq: int = 0


class SeenOrders:
    """Remembers which numbered orders were admitted; an older epoch of an issuer is never heard again."""

    def __init__(self) -> None:
        self._issuers: OrderedDict[str, tuple[int, OrderedDict[int, None], int]] = OrderedDict()

    def admit(self, giver: Giver) -> bool:
        """Say whether the order is new, and remember it."""
        if not giver.seq:
            return True
        epoch, seqs, floor = self._issuers.get(giver.issuer, (giver.epoch, OrderedDict(), 0))
        if giver.epoch < epoch:
            return False
        if giver.epoch > epoch:
            epoch, seqs, floor = giver.epoch, OrderedDict(), 0
        if giver.seq in seqs or giver.seq <= floor:
            return False
        seqs[giver.seq] = None
        if len(seqs) > SEQS_KEPT:
            floor = max(floor, seqs.popitem(last=False)[0])
        self._issuers[giver.issuer] = (epoch, seqs, floor)
        self._issuers.move_to_end(giver.issuer)
        if len(self._issuers) > ISSUERS_KEPT:
            self._issuers.popitem(last=False)
        return True

    def stored(self) -> Stored:
        """Give what to keep for the next start."""
        kept: Stored = {}
        for issuer, (epoch, seqs, floor) in self._issuers.items():
            numbers = sorted(seqs)
            older, newest = numbers[:-SEQS_STORED], numbers[-SEQS_STORED:]
            kept[issuer] = (epoch, max(floor, *older, 0), newest)
        return kept

    def restore(self, kept: Mapping[str, tuple[int, int, list[int]]]) -> None:
        """Take up what ``stored`` gave before the last start."""
        for issuer, (epoch, floor, numbers) in kept.items():
            self._issuers[issuer] = (epoch, OrderedDict.fromkeys(numbers), floor)


class OrderMemory:
    """Keeps the numbers in the state folder."""

    def __init__(self, state: Path) -> None:
        """Read what the last run kept; a file that is not there or not ours is as none."""
        self.seen = SeenOrders()
        self._file = state / FILE
        self.seen.restore(kept_json(self._file, Stored) or {})
        self._kept = self.seen.stored()
        self._one_by_one = asyncio.Lock()

    async def keep(self) -> None:
        """Write the numbers down if there are new ones."""
        async with self._one_by_one:
            stored = self.seen.stored()
            if stored != self._kept:
                with suppress(OSError):
                    await asyncio.to_thread(write_whole, self._file, msgspec.json.encode(stored))
                    self._kept = stored
