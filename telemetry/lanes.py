# SPDX-License-Identifier: Apache-2.0
"""Which of several equal streams a batch takes, and what goes again by another when one falls silent.

The rule it keeps: no I/O and no clock; topics, bytes and ``now`` go in, parcels to publish come out. A stream whose
leader died elects another only after 4 to 9 s (NATS's own timer), so what waits in it, and what it took in the
last seconds, goes by another stream after one second. To get a batch twice harms no worker.
"""

import zlib
from collections import deque
from dataclasses import dataclass
from typing import Final

LANES: Final = 3
ANSWER_S: Final = 0.8
RECENT_S: Final = 4.0
WAITING_MAX: Final = 8_000
RECENT_MAX: Final = 8_000
TRIES_MAX: Final = 20


@dataclass(slots=True)
class Parcel:
    """A batch message on its way into a lane."""

    number: int
    topic: str
    payload: bytes
    lane: int
    at_s: float
    tries: int = 1


class Lanes:
    """The state of all lanes for one publisher."""

    def __init__(self, count: int = LANES) -> None:
        """Begin with every lane well."""
        self.dropped = 0
        self._well = [True] * count
        self._waiting: dict[int, Parcel] = {}
        self._recent: list[deque[Parcel]] = [deque(maxlen=RECENT_MAX) for _ in range(count)]
        self._number = 0

    def well(self, lane: int) -> bool:
        """Say whether a lane answers."""
        return self._well[lane]

    def waiting(self) -> int:
        """Count what no lane has answered for."""
        return len(self._waiting)

    def send(self, topic: str, payload: bytes, now: float) -> Parcel | None:
        """Give the parcel to publish; None when too many wait (dropped: its edge sends it again)."""
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return None
        self._number += 1
        parcel = Parcel(self._number, topic, payload, self._lane(zlib.crc32(topic.encode())), now)
        self._waiting[parcel.number] = parcel
        return parcel

    def answered(self, number: int, now: float) -> None:
        """Note that a lane has a parcel; it is remembered for a while in case the lane dies with it.

        What went a second time is not: else a cluster that is only slow would be given ever more to do.
        """
        parcel = self._waiting.pop(number, None)
        if parcel is None or parcel.tries > 1:
            return
        parcel.at_s = now
        recent = self._recent[parcel.lane]
        recent.append(parcel)
        while recent and recent[0].at_s < now - RECENT_S:
            recent.popleft()

    def seen(self, lane: int, *, well: bool, now: float) -> list[Parcel]:
        """Note what a look at a lane showed; give what must go by another when it has just fallen silent."""
        fell = self._well[lane] and not well
        self._well[lane] = well
        if not fell:
            return []
        stuck = [parcel for parcel in self._waiting.values() if parcel.lane == lane]
        fresh = [parcel for parcel in self._recent[lane] if parcel.at_s >= now - RECENT_S]
        self._recent[lane].clear()
        return self._again(stuck + fresh, now)

    def late(self, now: float) -> list[Parcel]:
        """Give what nobody answered for in time, to be published again; its lanes count as silent from now on."""
        late = [parcel for parcel in self._waiting.values() if parcel.at_s <= now - ANSWER_S]
        again: list[Parcel] = []
        for lane in {parcel.lane for parcel in late if self._well[parcel.lane]}:
            again += self.seen(lane, well=False, now=now)
        return again + self._again([parcel for parcel in late if parcel.at_s < now], now)

    def _again(self, parcels: list[Parcel], now: float) -> list[Parcel]:
        kept: list[Parcel] = []
        for parcel in parcels:
            self._waiting.pop(parcel.number, None)
            if parcel.tries >= TRIES_MAX or len(self._waiting) >= WAITING_MAX:
                self.dropped += 1
                continue
            parcel.lane, parcel.at_s, parcel.tries = self._lane(parcel.lane + 1), now, parcel.tries + 1
            self._waiting[parcel.number] = parcel
            kept.append(parcel)
        return kept

    def _lane(self, wish: int) -> int:
        """Give the wished lane, or the next one that is well."""
        count = len(self._well)
        return next((lane for at in range(count) if self._well[lane := (wish + at) % count]), wish % count)
