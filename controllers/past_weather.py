# SPDX-License-Identifier: Apache-2.0
"""A place's own past weather, day by day: what a full crop would have drunk, and the rain, for the years kept.

Rule kept: only measured days are kept (one of which less than 20 hours were measured is missing), at most ten years of
them, and what is saved is all that there is, so that a restart and a replay see the same. A missing day is bridged when
it is read, never written, by the same day of the nearest year that knows it; how many were bridged is told.
"""

import math
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from controllers.ticks import Floats

YEARS: Final = 10
SPAN_D: Final = 366 * YEARS
LEAST_H: Final = 20.0
UNIT_MM: Final = 0.01
MISSING: Final = -1
MOST: Final = 32_767  # hundredths: 327 mm, more than any soil takes in a day
KNOWN_SHARE: Final = 0.7  # of a year's days ahead that must have been measured, or the year tells nothing
LEAST_YEARS: Final = 3
ET, RAIN = 0, 1


class PastWeather:
    """Days by local day number: full crop's evapotranspiration and rain [mm]. Shared by the zones of one place."""

    def __init__(self) -> None:
        self._days: npt.NDArray[np.int16] = np.full((SPAN_D, 2), MISSING, dtype=np.int16)
        self._last = -1  # the newest day that was kept

    def __len__(self) -> int:
        """Count the days that are known."""
        return int(np.count_nonzero(self._days[:, ET] != MISSING))

    def keep(self, day: int, et_mm: float, rain_mm: float) -> None:
        """Keep one measured day; numbers that cannot be, and days older than the years kept, are left out."""
        if not (0.0 <= et_mm <= 30.0 and 0.0 <= rain_mm <= 2000.0) or day < 0 or day <= self._last - SPAN_D:
            return
        for gone in range(max(self._last + 1, day - SPAN_D), day):  # days that nobody kept are missing
            self._days[gone % SPAN_D] = MISSING
        self._days[day % SPAN_D] = (round(et_mm / UNIT_MM), min(round(rain_mm / UNIT_MM), MOST))
        self._last = max(self._last, day)

    def knows(self, day: int) -> bool:
        """Say whether a day was kept."""
        return self._last - SPAN_D < day <= self._last and int(self._days[day % SPAN_D, ET]) != MISSING

    def ahead(self, day: int, count: int) -> tuple[Floats, float]:
        """Give the same ``count`` days from ``day`` on in the years before (years, count, 2) [mm], and a share [-].

        The share is that of bridged days. Years of which too little is known are left out; fewer than three are none.
        """
        at = np.array([_years_before(day, back) for back in range(1, YEARS + 1)])[:, None] + np.arange(count)
        known = (at > self._last - SPAN_D) & (at <= self._last) & (at < day) & (self._days[at % SPAN_D, ET] != MISSING)
        mm = np.where(known[:, :, None], self._days[at % SPAN_D] * UNIT_MM, math.nan)
        good = known.mean(axis=1) >= KNOWN_SHARE
        if int(good.sum()) < LEAST_YEARS:
            return np.empty((0, count, 2)), 0.0
        for year in np.flatnonzero(good).tolist():
            for i in np.flatnonzero(~known[year]).tolist():
                others = np.flatnonzero(known[:, i])
                if len(others):
                    mm[year, i] = mm[others[np.argmin(np.abs(others - year))], i]
                else:  # no year knows it: the nearest day of this one
                    days = np.flatnonzero(known[year])
                    mm[year, i] = mm[year, days[np.argmin(np.abs(days - i))]]
        return np.ascontiguousarray(mm[good]), float(1.0 - known[good].mean())

    def saved(self) -> bytes:
        """Give all of it as bytes: the newest day, then the ring of days."""
        return self._last.to_bytes(4, "little", signed=True) + self._days.astype("<i2").tobytes()

    def recall(self, saved: bytes) -> None:
        """Take over what ``saved`` gave; anything else is as if there were nothing."""
        if len(saved) == 4 + 4 * SPAN_D:
            self._last = int.from_bytes(saved[:4], "little", signed=True)
            self._days = np.frombuffer(saved, dtype="<i2", offset=4).reshape(SPAN_D, 2).astype(np.int16)


def _years_before(day: int, back: int) -> int:
    """Give the same date ``back`` years before ``day``; 29 February meets the 28th."""
    now = date.fromordinal(day)
    return now.replace(year=now.year - back, day=28 if (now.month, now.day) == (2, 29) else now.day).toordinal()


class RunningDay:
    """The sums of the day that runs, for one zone."""

    WIDTH: Final = 5

    def __init__(self) -> None:
        self.day, self.et_mm, self.rain_mm, self.measured_h, self.gift_mm = -1, 0.0, 0.0, 0.0, 0.0

    def begin(self, day: int) -> None:
        """Begin another day."""
        self.day, self.et_mm, self.rain_mm, self.measured_h, self.gift_mm = day, 0.0, 0.0, 0.0, 0.0

    @property
    def measured(self) -> bool:
        """Say whether enough of it was measured to be kept."""
        return self.measured_h >= LEAST_H

    def memory(self) -> tuple[float, ...]:
        """Give all of it as numbers."""
        return float(self.day), self.et_mm, self.rain_mm, self.measured_h, self.gift_mm

    def recall(self, memory: tuple[float, ...]) -> None:
        """Take over what ``memory`` gave."""
        self.day = int(memory[0])
        self.et_mm, self.rain_mm, self.measured_h, self.gift_mm = memory[1:]
