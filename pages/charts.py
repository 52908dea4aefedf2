# SPDX-License-Identifier: Apache-2.0
"""Draws series as SVG: the tile's sparkline and the 24 hour chart, one renderer for screen, print and paper.

The rule it keeps: what was not measured is not drawn. Points further apart than three periods leave a gap, nan is
no point, and each column of pixels keeps its lowest and highest value, so no peak is lost by thinning. Colours are
presentation attributes (print); a page's style sheet may override them by class.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import compress
from typing import Final

from pages.numbers import FARM_ZONE, Language, clock, day_start_ms, decimal, with_unit
from pages.words import words

HOUR_MS: Final = 3_600_000
_LEFT: Final = 34.0  # room for the numbers of the y axis
_BOTTOM: Final = 16.0  # room for the hours
_TOP: Final = 6.0
_RIGHT: Final = 6.0
_FLAT: Final = 1.0  # a spread of less than one unit is drawn as one point


@dataclass(frozen=True, slots=True)
class Series:
    """Measured points in order of time (UTC ms). ``highs`` beside ``values`` when each point is a low and a high.

    ``period_ms`` is how often a value is expected: more than three of them without one is a gap.
    """

    times_ms: Sequence[int]
    values: Sequence[float]
    period_ms: int
    highs: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """The wanted range, in the unit of the series; an infinite side is open."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Column:
    """All points of one column of pixels: their centre, lowest and highest value, first and last time."""

    x: float
    low: float
    high: float
    first_ms: int
    last_ms: int


def _known(series: Series) -> tuple[Sequence[int], Sequence[float], Sequence[float]]:
    """Give times, lows and highs without the points that are nan or infinite."""
    highs = series.values if series.highs is None else series.highs
    if all(map(math.isfinite, series.values)) and (highs is series.values or all(map(math.isfinite, highs))):
        return series.times_ms, series.values, highs
    keep = [math.isfinite(low) and math.isfinite(high) for low, high in zip(series.values, highs, strict=True)]
    return list(compress(series.times_ms, keep)), list(compress(series.values, keep)), list(compress(highs, keep))


def columns(series: Series, from_ms: int, to_ms: int, count: int) -> list[Column]:
    """Thin ``series`` to at most ``count`` columns over [from_ms, to_ms), keeping each one's extremes."""
    times, lows, tops = _known(series)
    width = (to_ms - from_ms) / count
    result: list[Column] = []
    begin = bisect_left(times, from_ms)
    for index in range(count):
        end = bisect_left(times, from_ms + (index + 1) * width, begin)
        if end > begin:
            result.append(Column(index + 0.5, min(lows[begin:end]), max(tops[begin:end]), times[begin], times[end - 1]))
        begin = end
    return result


def runs(thinned: Sequence[Column], gap_ms: float) -> list[list[Column]]:
    """Split columns where more than ``gap_ms`` passed without a point."""
    result: list[list[Column]] = []
    last_ms = -math.inf
    for column in thinned:
        if column.first_ms - last_ms > gap_ms:
            result.append([])
        result[-1].append(column)
        last_ms = column.last_ms
    return result


@dataclass(frozen=True, slots=True)
class _Scale:
    """Turns values and columns into coordinates."""

    low: float
    high: float
    left: float
    top: float
    width: float
    height: float
    count: int

    def x(self, column: float) -> float:
        return self.left + column / self.count * self.width

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.top + (1.0 - share) * self.height


def _n(value: float) -> str:
    """Write a coordinate with one decimal place at most."""
    return f"{value:.1f}".removesuffix(".0")


def _path(run: Sequence[Column], scale: _Scale) -> tuple[str, bool]:
    """Draw one unbroken run: a line where each column is flat, else the outline from the highs back over the lows.

    The outline shows what min and max per column mean: noise is a thick line, a spike is a spike, a step is a step.
    """
    xs = [scale.x(column.x) for column in run]
    lows = [scale.y(column.low) for column in run]
    highs = [scale.y(column.high) for column in run]
    if all(low - high < _FLAT for low, high in zip(lows, highs, strict=True)):
        text = "L".join(f"{_n(x)} {_n((low + high) / 2)}" for x, low, high in zip(xs, lows, highs, strict=True))
        return f"M{text}" + ("h0" if len(run) == 1 else ""), False
    there = [f"{_n(x)} {_n(high)}" for x, high in zip(xs, highs, strict=True)]
    back = [f"{_n(x)} {_n(low)}" for x, low in zip(reversed(xs), reversed(lows), strict=True)]
    return "M" + "L".join(there + back) + "Z", True


def _range(thinned: Sequence[Column], band: Band | None, decimals: int) -> tuple[float, float]:
    """Give the y range: the data with the band's finite sides, never narrower than ten of the last shown digit."""
    edges = [column.low for column in thinned] + [column.high for column in thinned]
    edges += [side for side in ((band.low, band.high) if band else ()) if math.isfinite(side)]
    low, high = (min(edges), max(edges)) if edges else (0.0, 1.0)
    margin = max((high - low) * 0.06, (10.0 * 10.0**-decimals - (high - low)) / 2)
    return low - margin, high + margin


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Give round values (steps of 1, 2 or 5) inside [low, high], at most ``most``."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1.0, 2.0, 5.0, 10.0):
        first = math.ceil(low / (step * factor))
        last = math.floor(high / (step * factor))
        if last - first < most:
            return [index * step * factor for index in range(first, last + 1)]
    return []


def _band_rect(band: Band, scale: _Scale) -> str:
    top, bottom = scale.y(band.high), scale.y(band.low)
    return (
        f'<rect class="band" x="{_n(scale.left)}" y="{_n(top)}" width="{_n(scale.width)}" '
        f'height="{_n(max(0.0, bottom - top))}" fill="#dcefdc"/>'
    )


def _line(thinned: Sequence[Column], gap_ms: float, scale: _Scale) -> str:
    drawn = [_path(run, scale) for run in runs(thinned, gap_ms)]
    parts: list[str] = []
    for name, fill, area in (("line", "none", False), ("line area", "#1f6f43", True)):
        path = "".join(text for text, is_area in drawn if is_area == area)
        if path:
            parts.append(
                f'<path class="{name}" d="{path}" fill="{fill}" stroke="#1f6f43" stroke-width="{1.0 if area else 1.6}" '
                'stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/>'
            )
    return "".join(parts)


def sparkline(series: Series, from_ms: int, to_ms: int, *, band: Band | None = None, decimals: int = 1) -> str:
    """Draw a small line for a tile, 120 x 28, stretched by its box; decoration beside the number, so not announced."""
    count, width, height = 60, 120.0, 28.0
    thinned = columns(series, from_ms, to_ms, count)
    low, high = _range(thinned, None, decimals)
    scale = _Scale(low, high, 0.0, 2.0, width, height - 4.0, count)
    gap_ms = max(3.0 * series.period_ms, (to_ms - from_ms) / count)
    shade = _band_rect(band, scale) if band and thinned else ""
    return (
        f'<svg class="spark" viewBox="0 0 {width:.0f} {height:.0f}" preserveAspectRatio="none" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg">{shade}{_line(thinned, gap_ms, scale)}</svg>'
    )


def _summary(thinned: Sequence[Column], unit: str, decimals: int, language: Language, zone: str) -> str:
    say = words(language)
    if not thinned:
        return say.text("No data in this time.")
    lowest = min(thinned, key=lambda column: column.low)
    highest = max(thinned, key=lambda column: column.high)
    return say.say(
        "Lowest {low} about {low_at}, highest {high} about {high_at}.",
        {
            "low": with_unit(lowest.low, unit, decimals, language),
            "low_at": clock(lowest.first_ms, zone),
            "high": with_unit(highest.high, unit, decimals, language),
            "high_at": clock(highest.first_ms, zone),
        },
    )


def _axes(scale: _Scale, from_ms: int, to_ms: int, language: Language, zone: str, height: float) -> str:
    parts: list[str] = []
    marks = ticks(scale.low, scale.high)
    places = 0
    while places < 4 and any(abs(mark - round(mark, places)) > 1e-9 for mark in marks):
        places += 1
    for mark in marks:
        y = _n(scale.y(mark))
        parts.append(f'<path class="grid" d="M{_n(scale.left)} {y}h{_n(scale.width)}" stroke="#d5d9d5" fill="none"/>')
        parts.append(
            f'<text x="{_n(scale.left - 5)}" y="{_n(scale.y(mark) + 3.5)}" text-anchor="end">'
            f"{decimal(mark, places, language)}</text>"
        )
    hours = 6 if to_ms - from_ms <= 30 * HOUR_MS else 24
    at = day_start_ms(from_ms, zone)
    while at < to_ms:
        if at >= from_ms:
            x = scale.left + (at - from_ms) / (to_ms - from_ms) * scale.width
            parts.append(
                f'<path class="grid" d="M{_n(x)} {_n(scale.top)}v{_n(scale.height)}" stroke="#d5d9d5" fill="none"/>'
            )
            anchor = "middle" if scale.left + 14 < x < scale.left + scale.width - 14 else "start"
            if x <= scale.left + scale.width - 14:
                parts.append(
                    f'<text x="{_n(x)}" y="{_n(height - 3)}" text-anchor="{anchor}">{clock(at, zone)[:2]}</text>'
                )
        at += hours * HOUR_MS
    return "".join(parts)


def _strips(strips: Sequence[tuple[int, int]], from_ms: int, to_ms: int, scale: _Scale) -> str:
    """Mark spans of time (a valve was open) along the foot of the chart, at least 1.5 wide so that each is seen."""
    parts: list[str] = []
    for begin, end in strips:
        first, last = max(begin, from_ms), min(end, to_ms)
        if last > first:
            x = scale.left + (first - from_ms) / (to_ms - from_ms) * scale.width
            width = max(1.5, (last - first) / (to_ms - from_ms) * scale.width)
            y = scale.top + scale.height - 5
            parts.append(f'<rect class="strip" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="5" fill="#1d6fb8"/>')
    return "".join(parts)


def day_chart(
    series: Series,
    from_ms: int,
    to_ms: int,
    title: str,
    *,
    band: Band | None = None,
    strips: Sequence[tuple[int, int]] = (),
    unit: str = "1",
    decimals: int = 1,
    language: Language = "vi",
    zone: str = FARM_ZONE,
    width: float = 358.0,
    height: float = 112.0,
) -> str:
    """Draw ``series`` over [from_ms, to_ms) with its band, as one small multiple with its own y axis.

    ``strips`` are spans of time to mark at the foot. The SVG carries ``role="img"``, a title and a description with
    the lowest and highest value and when they were.
    """
    count = max(1, int((width - _LEFT - _RIGHT) / 2))
    thinned = columns(series, from_ms, to_ms, count)
    low, high = _range(thinned, band, decimals)
    scale = _Scale(low, high, _LEFT, _TOP, width - _LEFT - _RIGHT, height - _TOP - _BOTTOM, count)
    gap_ms = max(3.0 * series.period_ms, (to_ms - from_ms) / count)
    end = ""
    if thinned:
        last = thinned[-1]
        end = f'<circle class="last" cx="{_n(scale.x(last.x))}" cy="{_n(scale.y(last.high))}" r="2.6" fill="#1f6f43"/>'
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {_n(width)} {_n(height)}" xmlns="http://www.w3.org/2000/svg" '
        f'font-size="10.5" fill="#4a554d"><title>{escape(title)}</title>'
        f"<desc>{escape(_summary(thinned, unit, decimals, language, zone))}</desc>"
        f"{_band_rect(band, scale) if band else ''}{_axes(scale, from_ms, to_ms, language, zone, height)}"
        f"{_line(thinned, gap_ms, scale)}{_strips(strips, from_ms, to_ms, scale)}{end}</svg>"
    )
