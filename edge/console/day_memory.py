# SPDX-License-Identifier: Apache-2.0
"""The last 24 hours of every series as lows and highs of short buckets: enough for every line on a page.

The rule it keeps: 480 buckets a series however fast it is measured, so memory is bounded; each bucket keeps its
extremes; a value with an unusable quality is not drawn. Filled once from the log, then by the live state.
"""

import math
from typing import Final

from edge.live import LiveState
from pages.charts import Series
from telemetry.records import UNUSABLE

BUCKET_MS: Final = 180_000
BUCKETS: Final = 480  # 24 hours
SERIES_MAX: Final = 1000


class _Ring:
    """One series: bucket numbers since 1970 with their extremes, in a ring."""

    __slots__ = ("high", "last_ms", "low", "number")

    def __init__(self) -> None:
        self.number = [-1] * BUCKETS
        self.low = [math.nan] * BUCKETS
        self.high = [math.nan] * BUCKETS
        self.last_ms = 0

    def add(self, wall_ms: int, value: float) -> None:
        number = wall_ms // BUCKET_MS
        place = number % BUCKETS
        if number < self.number[place]:
            return  # older than the day that is kept
        if self.number[place] != number:
            self.number[place], self.low[place], self.high[place] = number, value, value
        else:
            self.low[place] = min(self.low[place], value)
            self.high[place] = max(self.high[place], value)
        self.last_ms = max(self.last_ms, wall_ms)


class DayMemory:
    """Lows and highs of all series for the last 24 hours."""

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}

    def add(self, series: str, wall_ms: int, value: float, quality: int) -> None:
        """Remember a value; nan, infinite and unusable ones leave a gap."""
        if not math.isfinite(value) or quality & UNUSABLE:
            return
        ring = self._rings.get(series)
        if ring is None:
            if len(self._rings) >= SERIES_MAX:
                return
            ring = self._rings[series] = _Ring()
        ring.add(wall_ms, value)

    def remember(self, state: LiveState) -> None:
        """Take every value of a live state; while the clock is not right nothing has a place on a day's line."""
        if state.clock_ok:
            for tile in state.tiles:
                self.add(tile.series, state.wall_ms - round(tile.age_s * 1000), tile.value, tile.quality)

    def series(self, name: str, from_ms: int, to_ms: int, period_ms: int) -> Series:
        """Give what is remembered of ``name`` between two moments, ready to draw."""
        ring = self._rings.get(name)
        times: list[int] = []
        lows: list[float] = []
        highs: list[float] = []
        if ring is not None:
            for number in range(from_ms // BUCKET_MS, to_ms // BUCKET_MS + 1):
                place = number % BUCKETS
                if ring.number[place] == number:
                    times.append(min(max(number * BUCKET_MS + BUCKET_MS // 2, from_ms), to_ms - 1))
                    lows.append(ring.low[place])
                    highs.append(ring.high[place])
        return Series(times, lows, max(period_ms, BUCKET_MS), highs)
