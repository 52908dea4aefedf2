# SPDX-License-Identifier: Apache-2.0
"""What is wanted on until when, and which leases to renew now.

The rule it keeps: the host's wish has an end of its own, set by the control tick that wished it. A tick that
hangs wishes nothing more; so no lease outlives its wish by more than the time the board was told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Final

MARGIN_S: Final = 0.01  # a wish that ends sooner is not worth a frame
WISH_MAX_S: Final = 3600.0


class WishError(ValueError):
    """We broke the rules: a wish without a sensible end."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """One lease call: these outputs for this long."""

    outputs: int
    lease_ms: int


@dataclass(slots=True)
class _Wish:
    until_s: float
    lease_ms: int  # the longest the board allows


class Wishes:
    """The outputs wanted on. Times are the event loop's seconds."""

    def __init__(self) -> None:
        self._wishes: dict[int, _Wish] = {}

    def want(self, output: int, now: float, lease_s: float, board_lease_s: float) -> None:
        """Want ``output`` on for ``lease_s`` from now; WishError unless finite and within 0 to an hour."""
        if not isfinite(lease_s) or not 0.0 < lease_s <= WISH_MAX_S:
            raise WishError(f"lease_s {lease_s} is not within 0 to {WISH_MAX_S} seconds")
        self._wishes[output] = _Wish(now + lease_s, floor(board_lease_s * 1000))

    def drop(self, output: int) -> None:
        """Want ``output`` no more."""
        self._wishes.pop(output, None)

    def clear(self) -> None:
        """Want nothing."""
        self._wishes.clear()

    def wanted(self, output: int, now: float) -> bool:
        """Whether ``output`` is wanted on."""
        wish = self._wishes.get(output)
        return wish is not None and wish.until_s > now

    def left_ms(self, output: int, now: float) -> int:
        """How long the board may be told to keep ``output`` on: its lease, or less at the wish's end; 0 = no more."""
        wish = self._wishes.get(output)
        if wish is None or wish.until_s - now < MARGIN_S:
            return 0
        return min(wish.lease_ms, ceil((wish.until_s - now) * 1000))

    def due(self, now: float, only: int = 0xFFFF) -> Iterator[Renewal]:
        """Give the lease calls that renew every live wish among ``only``; forget the dead ones."""
        groups: dict[int, int] = {}
        for output in sorted(self._wishes):
            left = self.left_ms(output, now)
            if left == 0:
                del self._wishes[output]
            elif only >> output & 1:
                groups[left] = groups.get(left, 0) | 1 << output
        for lease_ms, outputs in groups.items():
            yield Renewal(outputs, lease_ms)
