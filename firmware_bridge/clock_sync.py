# SPDX-License-Identifier: Apache-2.0
"""The board's clock told in the host's time, so that a sample carries when it was measured.

The rule it keeps: the line ``host = a + b * board`` is fitted by least squares with weights that decay, over
exchanges whose round trip was short; the board's 32-bit microseconds are unrolled; a reset starts anew.
"""

from math import exp, inf
from typing import Final

WRAP_US: Final = 1 << 32
MEMORY_S: Final = 300.0  # weights fall to 1/e in this time
SLOPE_LIMIT: Final = 0.02  # a ceramic resonator is within 0.5 %; more is a mistake, not a clock
SLOW_FACTOR: Final = 2.0  # exchanges slower than this times the quickest tell little


class ClockSync:
    """Fit of one board's clock. Feed it exchanges; ask it for host times."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: the board was restarted."""
        self._quickest_s = inf
        self._last_us = 0
        self._wraps = 0
        self._seen = False
        self._origin_host = 0.0
        self._origin_board = 0.0
        self._last_at = 0.0
        self._weight = 0.0
        self._mean_x = 0.0
        self._mean_y = 0.0
        self._var_x = 0.0
        self._cov = 0.0

    @property
    def ready(self) -> bool:
        """Whether one exchange has been taken since the board's start."""
        return self._seen

    def exchange(self, sent_s: float, received_s: float, board_us: int) -> None:
        """Take one exchange: host seconds before and after, the board's raw microseconds between."""
        trip = received_s - sent_s
        board_s = self._unroll(board_us)
        # A slow exchange may not lead the fit, but old quickness is forgotten, lest one lucky trip shut all out.
        self._quickest_s = min(self._quickest_s * 1.02, trip)
        if self._seen and trip > SLOW_FACTOR * self._quickest_s:
            return
        host_s = (sent_s + received_s) / 2
        if not self._seen:
            self._seen = True
            self._origin_host, self._origin_board, self._last_at = host_s, board_s, host_s
        decay = exp(-(host_s - self._last_at) / MEMORY_S)
        self._last_at = host_s
        x, y = board_s - self._origin_board, host_s - self._origin_host
        old = self._weight * decay
        self._weight = old + 1.0
        dx = x - self._mean_x
        self._mean_x += dx / self._weight
        self._var_x = (self._var_x + dx * dx / self._weight) * old / self._weight if old else 0.0
        dy = y - self._mean_y
        self._mean_y += dy / self._weight
        self._cov = (self._cov + dx * dy / self._weight) * old / self._weight if old else 0.0

    def _unroll(self, board_us: int) -> float:
        if self._seen and board_us < self._last_us and self._last_us - board_us > WRAP_US // 2:
            self._wraps += 1
        self._last_us = board_us
        return (self._wraps * WRAP_US + board_us) * 1e-6

    @property
    def rate(self) -> float:
        """Host seconds per board second; 1.0 until two exchanges a second apart are known."""
        if self._var_x < 0.25:
            return 1.0
        return min(max(self._cov / self._var_x, 1.0 - SLOPE_LIMIT), 1.0 + SLOPE_LIMIT)

    def host_time(self, board_us: int) -> float:
        """Give the host's seconds for a raw board time within 35 minutes of the last exchange."""
        ahead = (board_us - self._last_us + WRAP_US // 2) % WRAP_US - WRAP_US // 2
        board_s = (self._wraps * WRAP_US + self._last_us + ahead) * 1e-6 - self._origin_board
        return self._origin_host + self._mean_y + self.rate * (board_s - self._mean_x)

    def board_us(self, host_s: float) -> float:
        """Give the board's unrolled microseconds at a host time."""
        y = host_s - self._origin_host - self._mean_y
        return (self._origin_board + self._mean_x + y / self.rate) * 1e6
