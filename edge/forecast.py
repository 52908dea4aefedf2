# SPDX-License-Identifier: Apache-2.0
"""Takes a weather forecast from a file or an address and gives it to the planners as samples; it dies after a day.

The rule it keeps: a forecast is a help, never a need: what is wrong with it is told once and the farm goes on
without; one issued more than 24 h ago is none. It enters as samples, so a replay sees what the planner saw.
"""

import asyncio
import urllib.request
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.world import BootClock
from telemetry.quantities import quantity
from telemetry.records import Event, Quality, Sample, series_id

if TYPE_CHECKING:
    from edge.agent import Agent
    from edge.config import Forecast as Wanted

PLACE: Final = "forecast"
DAYS: Final = 7
EXPIRES_MS: Final = 86_400_000
LOOK_S: Final = 3600.0
FETCH_TIMEOUT_S: Final = 20.0
LARGEST_BYTES: Final = 262_144


class Day(msgspec.Struct, frozen=True):
    """One day of a forecast; other fields are left alone."""

    date: str
    rain_mm: float
    et_mm: float | None = None


class Forecast(msgspec.Struct, frozen=True):
    """A forecast: when it was issued (RFC 3339 with its zone) and its days (local dates)."""

    issued: str
    days: list[Day]


class ForecastError(ValueError):
    """What was read is no forecast; says what was seen."""


def read(data: bytes) -> Forecast:
    """Read a forecast's bytes (JSON: issued, days of date, rain_mm, et_mm); ForecastError says what is wrong."""
    try:
        made = msgspec.json.decode(data, type=Forecast)
        issued = datetime.fromisoformat(made.issued)
    except (msgspec.DecodeError, ValueError) as error:
        raise ForecastError(f"not a forecast: {error}") from error
    if issued.tzinfo is None:
        raise ForecastError(f"issued {made.issued!r} has no time zone; write 2026-11-22T05:00:00+07:00")
    return made


def samples(made: Forecast, wall_ms: int, mono_ms: int, zone: ZoneInfo) -> list[Sample]:
    """Give today's and the next days' rain and evapotranspiration; ForecastError when it is too old."""
    issued_ms = datetime.fromisoformat(made.issued).timestamp() * 1000.0
    if not -3_600_000 <= wall_ms - issued_ms <= EXPIRES_MS:
        raise ForecastError(f"issued {made.issued}: older than 24 h or not yet")
    today = datetime.fromtimestamp(wall_ms / 1000.0, zone).date()
    by_date = {day.date: day for day in made.days}
    found: list[Sample] = []
    for ahead in range(DAYS):
        day = by_date.get((today + timedelta(days=ahead)).isoformat())
        if day is None:
            continue
        found.append(_sample("rain_day", ahead, day.rain_mm, mono_ms))
        if day.et_mm is not None:
            found.append(_sample("reference_et", ahead, day.et_mm, mono_ms))
    if not found:
        raise ForecastError(f"none of its days is {today.isoformat()} or after")
    return found


def _sample(name: str, ahead: int, value: float, mono_ms: int) -> Sample:
    kind = quantity(name)
    quality = Quality.GOOD if kind.low <= value <= kind.high else Quality.RANGE
    return Sample(series_id(PLACE, name, ahead), mono_ms, value, value, int(quality))


def fetch(file: str, url: str) -> bytes:
    """Read the file or the address; OSError when it cannot be."""
    if file:
        with Path(file).open("rb") as source:
            return source.read(LARGEST_BYTES + 1)
    if not url.startswith(("http://", "https://")):
        raise OSError(f"{url!r} is no http address")
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 the scheme is checked above
        return bytes(answer.read(LARGEST_BYTES + 1))


class ForecastWatch:
    """Looks for a forecast once an hour. ``take`` gets its samples, ``tell`` the troubles, once each."""

    def __init__(
        self, file: str, url: str, timezone: str,
        take: Callable[[Sequence[Sample]], None], tell: Callable[[Sequence[Event]], None],
    ) -> None:  # fmt: skip
        self._file, self._url, self._zone = file, url, ZoneInfo(timezone)
        self._take, self._tell = take, tell
        self._trouble = ""

    def look(self, data: bytes, wall_ms: int, mono_ms: int) -> None:
        """Take what was fetched."""
        if len(data) > LARGEST_BYTES:
            raise ForecastError(f"more than {LARGEST_BYTES} bytes")
        self._take(samples(read(data), wall_ms, mono_ms, self._zone))
        self._trouble = ""

    async def run(self, boot: BootClock) -> None:
        """Look every hour until cancelled; without a trusted clock a forecast has no date."""
        while True:
            wall_ms, clock_ok = boot.wall()
            if clock_ok:
                try:
                    self.look(await asyncio.to_thread(fetch, self._file, self._url), wall_ms, boot.mono_ms())
                except (OSError, HTTPException, ForecastError) as error:
                    self._say(str(error), boot.mono_ms())
            await asyncio.sleep(LOOK_S)

    def _say(self, text: str, mono_ms: int) -> None:
        if text != self._trouble:
            self._trouble = text
            self._tell((Event("forecast.missing", PLACE, mono_ms, "info", fields={"detail": text}),))


def forecast_task(wanted: "Wanted", timezone: str, boot: BootClock) -> "Callable[[Agent], Coroutine[Any, Any, None]]":
    """Give the task that looks for a forecast; its samples go to the log and to the planners, nowhere else."""

    def task(agent: "Agent") -> Coroutine[Any, Any, None]:
        def take(found: Sequence[Sample]) -> None:
            agent.record(found)
            for sample in found:
                agent.runner.senses.take(sample)

        return ForecastWatch(wanted.file, wanted.url, timezone, take, agent.record).run(boot)

    return task
