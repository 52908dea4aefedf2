# SPDX-License-Identifier: Apache-2.0
"""What is still to be sent of a log: which rows are acknowledged, which are on their way, which come next.

The rule it keeps: the newest first, the backlog behind it within a window and a pace, and nothing twice while it
may still be answered. It knows no network and no clock: rows, bytes and ``now`` go in, rows come out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from telemetry.notes import Spans
from telemetry.ranges import RangeSet

# Bytes on their way and not yet answered: at first, at least, at most. The hub answers once a second; at 240 bytes a
# group of 50 points the most lets 220,000 points a second through.
WINDOW_BYTES: Final = 524_288
WINDOW_LEAST: Final = 65_536
WINDOW_MOST: Final = 1_048_576
# What the hub has in hand stands before the live group. While half of the answers take no longer than this, half a
# second of it waiting for the hub's next look, a live group is there within a second or so.
ANSWER_WELL_S: Final = 1.5
ANSWER_S: Final = 4.0
ANSWER_S_MAX: Final = 60.0


class Boot(NamedTuple):
    """The rows of one boot: batch ``seq`` stands in row ``first_row + seq - first_seq``."""

    epoch: int
    nonce: int
    first_row: int
    first_seq: int
    last_seq: int


@dataclass(slots=True)
class _Flight:
    size: int
    sent_s: float
    until_s: float


class Outbox:
    """The state of sending for one log."""

    def __init__(self, boots: Iterable[Boot], acked: Iterable[Spans]) -> None:
        """Begin with the boots that the log holds and what was acknowledged of them."""
        self._boots: dict[tuple[int, int], Boot] = {(boot.epoch, boot.nonce): boot for boot in boots}
        self._acked = RangeSet()
        self._flying: dict[int, _Flight] = {}
        self._flying_bytes = 0
        self._window = float(WINDOW_BYTES)
        self._filled = False
        self._patience_s = ANSWER_S
        self._dirty = False
        for spans in acked:
            self._mark_all([spans])
        self._dirty = False

    @property
    def top(self) -> int:
        """The newest row known."""
        return max((boot.first_row + boot.last_seq - boot.first_seq for boot in self._boots.values()), default=0)

    @property
    def bottom(self) -> int:
        """The oldest row known."""
        return min((boot.first_row for boot in self._boots.values()), default=1)

    def grow(self, boots: Iterable[Boot]) -> None:
        """Take note of the rows that the log holds now."""
        for boot in boots:
            self._boots[boot.epoch, boot.nonce] = boot

    def pending(self) -> int:
        """Count the rows that are not acknowledged."""
        return sum(high - low + 1 for low, high in self._acked.missing_below(self.top, self.bottom))

    def next_rows(self, now: float, limit: int) -> list[int]:
        """Give the rows to send now, newest first; none when the window is full."""
        if self._flying_bytes >= self._window:
            self._filled = True
            return []
        rows: list[int] = []
        for row in self._missing():
            flight = self._flying.get(row)
            if flight is None or flight.until_s <= now:
                rows.append(row)
                if len(rows) >= limit:
                    break
        return rows

    def sent(self, row: int, size: int, now: float) -> None:
        """Note that a row of ``size`` bytes is on its way."""
        self._land(row)
        self._flying[row] = _Flight(size, now, now + self._patience_s)
        self._flying_bytes += size

    def answered(self, spans: Iterable[Spans], now: float) -> list[float]:
        """Note what was acknowledged; give for each row on its way how long the answer took, s."""
        landed = [self._land(row) for row in self._mark_all(spans)]
        waits = [now - flight.sent_s for flight in landed if flight]
        if waits:
            self._patience_s = ANSWER_S
            self._fit_window(sorted(waits)[len(waits) // 2])
        return waits

    def held(self, spans: Iterable[Spans], until_s: float) -> None:
        """Note what the hub has in its hands: not to be sent again before ``until_s``, and out of the window."""
        for boot, low, high in self._known(spans):
            for row in range(self._row(boot, low), self._row(boot, high) + 1):
                if row not in self._acked:
                    self.wait(row, until_s)

    def wait(self, row: int, until_s: float) -> None:
        """Leave a row alone until then; it takes no room in the window."""
        self._land(row)
        self._flying[row] = _Flight(0, until_s, until_s)

    def asked(self, spans: Iterable[Spans]) -> None:
        """Send these once more, also those on their way: the store has lost them."""
        for each in spans:
            for boot, low, high in self._known([each]):
                first, last = self._row(boot, low), self._row(boot, high)
                for row in [row for row in self._flying if first <= row <= last]:
                    self._land(row)
                self._acked.remove(first, last)
                self._dirty = True

    def give_up(self, row: int) -> None:
        """Do not try to send this row any more: there is nothing in it that could be read."""
        self._land(row)
        self._acked.add(row, row)
        self._dirty = True

    def link_lost(self) -> None:
        """Forget what was on its way; be more patient with a hub that never answers."""
        self._flying.clear()
        self._flying_bytes = 0
        self._patience_s = ANSWER_S

    def unanswered(self, now: float) -> bool:
        """Let what waited too long be sent again, later each time; say whether there was any.

        Of what was sent with the same patience, message by message, only the first to be late counts: else a hub that
        paused once would have a minute to answer all that is sent next.
        """
        late = [row for row, flight in self._flying.items() if flight.until_s <= now]
        flights = [flight for row in late if (flight := self._land(row))]
        if any(flight.size and flight.until_s - flight.sent_s > 0.75 * self._patience_s for flight in flights):
            self._patience_s = min(self._patience_s * 2, ANSWER_S_MAX)
        return bool(late)

    def acknowledged_below(self) -> int:
        """Give the row up to which everything is acknowledged: what retention may count on."""
        for low, _ in reversed(list(self._acked.missing_below(self.top, self.bottom))):
            return low - 1
        return self.top

    def to_store(self) -> list[Spans] | None:
        """Give what is acknowledged, if that changed since it was last asked for."""
        if not self._dirty:
            return None
        self._dirty = False
        found: list[Spans] = []
        for boot in self._boots.values():
            last = self._row(boot, boot.last_seq)
            clipped = [
                (max(low, boot.first_row), min(high, last))
                for low, high in self._acked
                if high >= boot.first_row and low <= last
            ]
            shift = boot.first_seq - boot.first_row
            found.append(Spans(boot.epoch, boot.nonce, [(low + shift, high + shift) for low, high in clipped]))
        return found

    def _fit_window(self, answer_s: float) -> None:
        """Send less ahead to a hub that is slow to answer, more to one that is quick and had all it was sent."""
        if answer_s > ANSWER_WELL_S:
            self._window = max(self._window * 0.75, WINDOW_LEAST)
        elif self._filled:
            self._window = min(self._window * 1.25, WINDOW_MOST)
        self._filled = False

    def _missing(self) -> Iterator[int]:
        for low, high in self._acked.missing_below(self.top, self.bottom):
            yield from range(high, low - 1, -1)

    def _row(self, boot: Boot, seq: int) -> int:
        return boot.first_row + seq - boot.first_seq

    def _known(self, spans: Iterable[Spans]) -> Iterator[tuple[Boot, int, int]]:
        """Give the ranges that lie within the boots of this log; a hub that names others is not believed."""
        for each in spans:
            boot = self._boots.get((each.epoch, each.nonce))
            for low, high in each.ranges if boot else ():
                assert boot is not None
                low, high = max(low, boot.first_seq), min(high, boot.last_seq)  # noqa: PLW2901
                if low <= high:
                    yield boot, low, high

    def _mark_all(self, spans: Iterable[Spans]) -> list[int]:
        flying: list[int] = []
        for boot, low, high in self._known(spans):
            first, last = self._row(boot, low), self._row(boot, high)
            flying += [row for row in self._flying if first <= row <= last]
            self._acked.add(first, last)
            self._dirty = True
        return flying

    def _land(self, row: int) -> _Flight | None:
        flight = self._flying.pop(row, None)
        if flight:
            self._flying_bytes -= flight.size
        return flight
