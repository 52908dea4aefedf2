# SPDX-License-Identifier: Apache-2.0
"""A set of whole numbers kept as ranges: which batches were acknowledged, which are missing.

The rule it keeps: ranges are inclusive, sorted, and never touch; so a set with few holes stays small for ever.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """Whole numbers as sorted inclusive ranges."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in ranges:
            self.add(low, high)

    def add(self, low: int, high: int) -> None:
        """Add low..high; ValueError if high is below low."""
        if high < low:
            raise ValueError(f"range {low}..{high} runs backwards")
        if self._highs and low == self._highs[-1] + 1:  # as nearly always: the next one
            self._highs[-1] = high
            return
        first = bisect_left(self._highs, low - 1)
        last = bisect_right(self._lows, high + 1)
        if first < last:
            low = min(low, self._lows[first])
            high = max(high, self._highs[last - 1])
        self._lows[first:last] = [low]
        self._highs[first:last] = [high]

    def remove(self, low: int, high: int) -> None:
        """Take low..high out."""
        if high < low:
            raise ValueError(f"range {low}..{high} runs backwards")
        first = bisect_left(self._highs, low)
        last = bisect_right(self._lows, high)
        if first >= last:
            return
        left = [(self._lows[first], low - 1)] if self._lows[first] < low else []
        right = [(high + 1, self._highs[last - 1])] if self._highs[last - 1] > high else []
        self._lows[first:last] = [piece[0] for piece in left + right]
        self._highs[first:last] = [piece[1] for piece in left + right]

    def missing_below(self, top: int, bottom: int) -> Iterator[tuple[int, int]]:
        """Give the gaps within bottom..top, the highest first."""
        for at in range(bisect_right(self._lows, top) - 1, -1, -1):
            if top > self._highs[at]:
                yield max(self._highs[at] + 1, bottom), top
            top = min(top, self._lows[at] - 1)
            if top < bottom:
                return
        if top >= bottom:
            yield bottom, top

    def newest(self, count: int) -> list[tuple[int, int]]:
        """Give at most ``count`` ranges: the lowest one and the highest ones."""
        ranges = list(zip(self._lows, self._highs, strict=True))
        return ranges if len(ranges) <= count else [ranges[0], *ranges[1 - count :]]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._lows, number) - 1
        return at >= 0 and number <= self._highs[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._lows, self._highs, strict=True)))

    def __len__(self) -> int:
        return len(self._lows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
