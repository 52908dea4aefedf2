# SPDX-License-Identifier: Apache-2.0
"""Reads a stretch of a farm's history for ``vuon compare``: its weather in steps, and how a zone was really watered.

The rule it keeps: unusable values are gaps; a gap stays a gap until the comparison fills it by the hour of the day.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from controllers.comparing import DAY_S, STEP_S, Weather
from controllers.layout import house_series
from controllers.planning import PLAN_MADE
from controllers.settings import ControlSettings, ZoneSettings
from controllers.zone_plan import house_of
from telemetry.history import LogReader
from telemetry.records import UNUSABLE, Decision, Event

if TYPE_CHECKING:
    from controllers.ticks import Floats

STEP_MS: Final = STEP_S * 1000
DAY_MS: Final = DAY_S * 1000
LEAST_H: Final = 6.0


class TooLittleHistory(LookupError):
    """There is not enough weather in the log to compare anything."""


def steps(reader: LogReader, series: str, from_ms: int, count: int) -> "Floats":
    """Give a series as means of five minutes, nan where nothing usable was measured."""
    found = np.full(count, np.nan)
    if not series:
        return found
    for start in range(0, count, DAY_MS // STEP_MS):
        some = min(DAY_MS // STEP_MS, count - start)
        begin = from_ms + start * STEP_MS
        points = reader.range(series, begin, begin + some * STEP_MS)
        good = np.isfinite(points.value) & ((points.quality & int(UNUSABLE)) == 0)
        slot = (points.wall_ms[good] - begin) // STEP_MS
        number = np.bincount(slot, minlength=some)[:some]
        total = np.bincount(slot, weights=points.value[good], minlength=some)[:some]
        with np.errstate(invalid="ignore"):
            found[start : start + some] = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return found


def weather_of(reader: LogReader, settings: ControlSettings, zone: ZoneSettings, days: int) -> Weather:
    """Give the zone's weather of the last whole ``days`` up to now, from a local midnight on; TooLittleHistory."""
    house = settings.houses[house_of(settings, zone)]
    newest = max((seen.wall_ms for seen in reader.latest().values()), default=0)
    place = ZoneInfo(settings.timezone)
    first = datetime.fromtimestamp(newest / 1000.0, place).replace(hour=0, minute=0, second=0, microsecond=0)
    first -= timedelta(days=max(days - 1, 0))
    from_ms = round(first.timestamp() * 1000.0)
    count = max((newest - from_ms) // STEP_MS, 0)
    covered = zone.plan.covered
    air_t, air_rh = house_series(house)
    t = steps(reader, air_t[0] if covered else house.outside_temperature, from_ms, count)
    there = np.flatnonzero(np.isfinite(t))
    if len(there) * STEP_S < LEAST_H * 3600.0:
        raise TooLittleHistory(f"{len(there) * STEP_S / 3600.0:.1f} h")
    skip = int(there[0]) // (DAY_S // STEP_S) * (DAY_S // STEP_S)  # from the first day with any weather
    rain = house.rain if not covered else ""
    fallen = steps(reader, rain, from_ms, count)
    if rain.partition("/")[2].startswith("rainfall"):
        fallen = np.maximum(np.diff(fallen, prepend=np.nan), 0.0)
    else:
        fallen = fallen * STEP_S / 3600.0
    return Weather(
        first.toordinal() + skip * STEP_S // DAY_S,
        t[skip:],
        steps(reader, air_rh[0] if covered else house.outside_humidity, from_ms, count)[skip:],
        steps(reader, house.radiation, from_ms, count)[skip:],
        steps(reader, house.wind if not covered else "", from_ms, count)[skip:],
        fallen[skip:],
    )


def as_it_was(reader: LogReader, zone: ZoneSettings, days: int) -> tuple[float, int, float]:
    """Give litres and waterings of the last ``days`` as the valve was opened, and how fast the crop drank (learned)."""
    newest = max((seen.wall_ms for seen in reader.latest().values()), default=0)
    litres, waterings, scale, opened_ms = 0.0, 0, 1.0, -1
    for one in reader.others(newest - days * DAY_MS, newest + 1):
        record = one.record
        if isinstance(record, Event) and record.kind == PLAN_MADE and record.subject == zone.id:
            found = record.fields.get("scale", 1.0)
            scale = float(found) if isinstance(found, int | float) else scale
        if not isinstance(record, Decision) or record.output != zone.valve:
            continue
        if record.level > 0.0 and opened_ms < 0:
            opened_ms, waterings = one.wall_ms, waterings + 1
        elif record.level <= 0.0 and opened_ms >= 0:
            litres += (one.wall_ms - opened_ms) / 60_000.0 * zone.flow_l_min
            opened_ms = -1
    return litres, waterings, scale


def last_boot_config(state: Path) -> Path | None:
    """Give the farm.toml with which the agent of a state folder last began."""
    boots = sorted((state / "boots").glob("*/farm.toml"))
    return boots[-1] if boots else None
