# SPDX-License-Identifier: Apache-2.0
"""Reads hourly weather from a CSV file: a station's export, or what ``write_csv`` wrote.

Rule kept: nothing is filled, clamped or guessed; the first fault stops the reading with the line, what stood there
and what to check. The header names the columns, in any order::

    time,temperature_c,humidity_pct,radiation_w_m2,wind_m_s,wind_from_deg,rain_mm_h,cloud_fraction,co2_ppm
    2025-03-01 00:00,16.2,88,0,1.1,45,0,0.3,420

``time`` is local standard time, one line an hour. The last four may be missing (0°, 0 mm/h, 0.5, 420 ppm).
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from controllers.kernels.weather import COLUMNS, OUTSIDE_CO2_PPM
from controllers.outside import HourlyWeather

MAX_LINES: Final = 24 * 366 * 100
"""A century; a longer file is not weather."""


class WeatherFileError(Exception):
    """The file breaks its format: where, and as message id with fields what was seen and what to check."""

    def __init__(self, where: str, text: str, **fields: str | int) -> None:
        """Take ``where`` (file or file:line), the English message id ``text`` and its named fields."""
        super().__init__(f"{where}: {text.format(**fields)}")
        self.where = where
        self.text = text
        self.fields = fields


class _Column(NamedTuple):
    low: float
    high: float
    default: float | None


_LIMITS: Final = {
    "temperature_c": _Column(-50.0, 60.0, None),
    "humidity_pct": _Column(0.0, 100.0, None),
    "radiation_w_m2": _Column(0.0, 1500.0, None),
    "wind_m_s": _Column(0.0, 75.0, None),
    "wind_from_deg": _Column(0.0, 360.0, 0.0),
    "rain_mm_h": _Column(0.0, 500.0, 0.0),
    "cloud_fraction": _Column(0.0, 1.0, 0.5),
    "co2_ppm": _Column(200.0, 2000.0, OUTSIDE_CO2_PPM),
}


def read_csv(path: Path) -> HourlyWeather:
    """Read a whole file; WeatherFileError at its first fault, OSError if it cannot be opened."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return parse_csv(lines, str(path))


def parse_csv(lines: Iterable[str], name: str) -> HourlyWeather:
    """Read weather from lines of text; ``name`` is what errors call the source."""
    table = _records(csv.reader(lines), name)
    _, header = next(table, (0, []))
    places = _places([cell.strip() for cell in header], name)
    rows: list[list[float]] = []
    first_hour = 0
    for line, cells in table:
        if not cells:
            continue
        if len(rows) >= MAX_LINES:
            raise WeatherFileError(f"{name}:{line}", "more than {most} hours; split the file", most=MAX_LINES)
        if len(cells) != len(header):
            raise WeatherFileError(
                f"{name}:{line}", "{seen} fields where the header has {wanted}", seen=len(cells), wanted=len(header)
            )
        hour = _hour(cells[places["time"]], name, line)
        if not rows:
            first_hour = hour
        elif hour != first_hour + len(rows):
            raise WeatherFileError(
                f"{name}:{line}",
                "time is '{seen}', expected {wanted}: each line must be one hour after the one before "
                "(a gap, a repeat, or summer time?)",
                seen=cells[places["time"]],
                wanted=f"{np.datetime64(first_hour + len(rows), 'h')}:00",
            )
        rows.append([_number(column, places, cells, name, line) for column in COLUMNS])
    if len(rows) < 2:
        raise WeatherFileError(name, "{seen} hours of weather; at least 2 are needed", seen=len(rows))
    return HourlyWeather(first_hour, np.array(rows))


def write_csv(path: Path, weather: HourlyWeather) -> None:
    """Write weather so that ``read_csv`` gives the same numbers back."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("time", *COLUMNS))
        for offset, row in enumerate(weather.rows):
            moment = np.datetime64(weather.first_hour + offset, "h").astype("datetime64[m]")
            writer.writerow((str(moment).replace("T", " "), *(repr(float(value)) for value in row)))


def _records(reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]]]:
    line = 0
    while True:
        line += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            raise WeatherFileError(f"{name}:{line}", "not a CSV text in UTF-8: {error}", error=str(error)) from error
        yield line, cells


def _places(header: list[str], name: str) -> dict[str, int]:
    known = ("time", *COLUMNS)
    unknown = [cell for cell in header if cell not in known]
    if unknown:
        raise WeatherFileError(
            f"{name}:1", "unknown column '{column}'; known: {known}", column=unknown[0], known=", ".join(known)
        )
    twice = [cell for cell in header if header.count(cell) > 1]
    if twice:
        raise WeatherFileError(f"{name}:1", "column '{column}' is there twice", column=twice[0])
    needed = ("time", *(column for column, limit in _LIMITS.items() if limit.default is None))
    missing = [column for column in needed if column not in header]
    if missing:
        raise WeatherFileError(f"{name}:1", "column '{column}' is missing", column=missing[0])
    return {column: index for index, column in enumerate(header)}


def _hour(text: str, name: str, line: int) -> int:
    where = f"{name}:{line}"
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WeatherFileError(
            where, "time is '{seen}'; write local standard time as 2025-03-01 14:00", seen=text
        ) from None
    if moment.tzinfo is not None:
        raise WeatherFileError(where, "time '{seen}' has a time zone; write local standard time without one", seen=text)
    if moment.minute or moment.second or moment.microsecond:
        raise WeatherFileError(where, "time is '{seen}'; each line stands for a full hour", seen=text)
    return int(np.datetime64(moment, "h").astype(np.int64))


def _number(column: str, places: dict[str, int], cells: list[str], name: str, line: int) -> float:
    limit = _LIMITS[column]
    if column not in places:
        return limit.default if limit.default is not None else np.nan
    where, text = f"{name}:{line}", cells[places[column]].strip()
    try:
        value = float(text)
    except ValueError:
        raise WeatherFileError(
            where, "{column} is '{seen}', not a number (decimal point, no unit)", column=column, seen=text
        ) from None
    if not isfinite(value) or not limit.low <= value <= limit.high:
        raise WeatherFileError(
            where,
            "{column} is {seen}, outside {low} to {high}: check the unit",
            column=column,
            seen=text,
            low=f"{limit.low:g}",
            high=f"{limit.high:g}",
        )
    return value
