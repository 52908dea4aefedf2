# SPDX-License-Identifier: Apache-2.0
"""Slows down whoever guesses passwords: by name and by address, with a delay that doubles.

The rule it keeps: five tries are free, then each failure doubles the wait up to 15 minutes; nobody is locked out for
longer, so a stranger cannot lock the farmer out of his own valves for a day. Time is monotonic seconds, an argument.
"""

from dataclasses import dataclass
from typing import Final

FREE_TRIES: Final = 5
FIRST_WAIT_S: Final = 2.0
LONGEST_WAIT_S: Final = 15 * 60.0
FORGET_S: Final = 3600.0
MAX_REMEMBERED: Final = 2000


@dataclass(slots=True)
class _Tries:
    failures: int
    last_s: float


class LoginGuard:
    """Remembers failures per key (``name:lan`` or ``from:192.168.1.7``), the newest 2,000."""

    def __init__(self) -> None:
        self._tries: dict[str, _Tries] = {}

    def wait_s(self, keys: tuple[str, ...], now_s: float) -> float:
        """Give how long the next try must wait: the longest of all ``keys``; 0 = now."""
        return max((self._wait_one(key, now_s) for key in keys), default=0.0)

    def _wait_one(self, key: str, now_s: float) -> float:
        tries = self._tries.get(key)
        if tries is None or tries.failures < FREE_TRIES:
            return 0.0
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (tries.failures - FREE_TRIES))
        return max(0.0, tries.last_s + wait - now_s)

    def failed(self, keys: tuple[str, ...], now_s: float) -> None:
        """Count a failure for every key."""
        for key in keys:
            tries = self._tries.pop(key, None)
            failures = tries.failures if tries and now_s - tries.last_s < FORGET_S else 0
            self._tries[key] = _Tries(failures + 1, now_s)  # dicts keep order: the newest stand last
        while len(self._tries) > MAX_REMEMBERED:
            del self._tries[next(iter(self._tries))]

    def passed(self, keys: tuple[str, ...]) -> None:
        """Forget the failures of ``keys`` after the right password."""
        for key in keys:
            self._tries.pop(key, None)
