# SPDX-License-Identifier: Apache-2.0
"""The weather outside a house at a moment: generated for a climate, or from a file of hours.

Rule kept: time is an argument, in hours of local standard time since 1970-01-01 00:00; the same moment always gives
the same row (columns as ``kernels.weather.COLUMNS``).
"""

import math
from collections import OrderedDict
from typing import Final, Protocol

import numpy as np

from controllers.kernels import weather
from controllers.kernels.weather import Array, Climate


class Outside(Protocol):
    """Where a house takes its weather from."""

    def at(self, hour: float) -> Array:
        """Return the weather row [8] at a local standard time [h since 1970]; LookupError if it is not covered.

        A row that was given is never written again: the same array is the same weather.
        """
        ...


class _Hour:
    """One hour between two rows: straight lines, the wind's direction the short way round, rain steady."""

    __slots__ = ("before", "change", "number")

    def __init__(self, number: int, before: Array, after: Array) -> None:
        self.number = number
        self.before = before
        self.change: Array = after - before
        turn = float(self.change[weather.WIND_FROM])
        self.change[weather.WIND_FROM] = (turn + 180.0) % 360.0 - 180.0
        self.change[weather.RAIN] = 0.0

    def at(self, share: float) -> Array:
        row: Array = self.before + share * self.change
        row[weather.WIND_FROM] %= 360.0
        return row


class HourlyWeather:
    """A fixed run of hourly rows, as read from a file."""

    def __init__(self, first_hour: int, rows: Array) -> None:
        """Take rows [n, 8] of consecutive hours from ``first_hour`` on; ValueError on a wrong shape or a NaN."""
        if rows.ndim != 2 or rows.shape[1] != len(weather.COLUMNS) or len(rows) < 2:
            raise ValueError(f"weather has shape {rows.shape}: give at least 2 rows of {len(weather.COLUMNS)} columns")
        if not np.isfinite(rows).all():
            raise ValueError("weather holds a value that is no number: fill or drop the gap before")
        self.first_hour: Final = first_hour
        self.rows: Final = rows
        self._hour = _Hour(first_hour, rows[0], rows[1])

    def at(self, hour: float) -> Array:
        """Return the row at ``hour``; LookupError outside the file."""
        place = hour - self.first_hour
        index = math.floor(place)
        if not 0 <= index < len(self.rows) - 1:
            first, last = (
                np.datetime64(int(h), "h").item().isoformat(sep=" ", timespec="minutes")
                for h in (self.first_hour, self.first_hour + len(self.rows) - 1)
            )
            asked = np.datetime64(math.floor(hour * 60), "m").item().isoformat(sep=" ", timespec="minutes")
            raise LookupError(f"no weather for {asked}: the file covers {first} to {last}, local standard time")
        if self._hour.number != index + self.first_hour:
            self._hour = _Hour(index + self.first_hour, self.rows[index], self.rows[index + 1])
        return self._hour.at(place - index)


class GeneratedWeather:
    """Weather without end from the stochastic generator, made a month at a time; at most 3 months are kept."""

    CHUNK_DAYS: Final = 31
    CHUNKS_KEPT: Final = 3

    def __init__(self, climate: Climate, seed: int) -> None:
        """Prepare the weather of ``climate`` for ``seed``; nothing is made before it is asked for."""
        self.climate: Final = climate
        self.seed: Final = seed
        self._chunks: OrderedDict[int, Array] = OrderedDict()
        self._hour: _Hour | None = None

    def at(self, hour: float) -> Array:
        """Return the row at ``hour``."""
        index = math.floor(hour)
        if self._hour is None or self._hour.number != index:
            self._hour = _Hour(index, self._row(index), self._row(index + 1))
        return self._hour.at(hour - index)

    def _row(self, hour: int) -> Array:
        chunk, place = divmod(hour, 24 * self.CHUNK_DAYS)
        rows = self._chunks.get(chunk)
        if rows is None:
            rows = weather.generate(self.climate, self.seed, chunk * self.CHUNK_DAYS, self.CHUNK_DAYS)
            self._chunks[chunk] = rows
            if len(self._chunks) > self.CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        row: Array = rows[place]
        return row
