# SPDX-License-Identifier: Apache-2.0
"""I12 hours inside the target band: minutes with air temperature and VPD both inside the crop's band.

The rule it keeps: only minutes in which both were validly measured count, day and night are judged by their own bands,
and a gap is neither good nor bad: it lowers the coverage.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cooperative.indicators.evidence import Sources, Span, grade
from cooperative.indicators.model import Indicator, Note, Part, grade_shares, worst_grade
from pages.words import N_
from telemetry.records import Plot, series_id

MINUTE_MS: Final = 60_000
DAY_FROM_H: Final = 6
DAY_TO_H: Final = 18


def hours_in_band(farms: Sequence[Sources]) -> Indicator:
    """I12 over all plots that declare a band; a house that several plots share is judged once for each band."""
    judged: list[tuple[Part, Sources]] = []
    hashes: list[str] = []
    for sources in farms:
        seen: set[tuple[object, ...]] = set()
        for plot in sources.farm.plots:
            place = plot.house or plot.place
            key = (place, plot.band_day, plot.band_night)
            if plot.band_day is None or key in seen:
                continue
            seen.add(key)
            names = (series_id(place, "air_temperature"), series_id(place, "air_humidity"))
            judged.append((_part(sources, plot, names), sources))
            hashes.append(sources.fingerprint(names))
    parts = [part for part, _ in judged]
    expected = float(sum(_minutes(sources.span) for _, sources in judged))
    counted = [part for part in parts if part.value is not None]
    minutes_in = sum(part.numerator for part in counted)
    minutes = sum(part.denominator for part in counted)
    valid = sum(part.denominator for part in parts)
    enough = minutes > 0.0
    return Indicator(
        id="I12",
        title=N_("Hours inside the target climate band"),
        value=100.0 * minutes_in / minutes if enough else None,
        unit="%",
        numerator=minutes_in / 60.0,
        denominator=minutes / 60.0,
        numerator_unit="h",
        denominator_unit="h",
        coverage=valid / expected if expected > 0.0 else 0.0,
        grade=worst_grade(tuple(parts)),
        grade_shares=grade_shares(tuple(parts)),
        rule="temperature-and-vpd-in-band-by-minute",
        rule_version=1,
        definition=N_(
            "Minutes with temperature and VPD both in the band, over minutes measured; day is 06:00 to 18:00"
        ),
        input_hash=hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest(),
        parts=tuple(parts),
        notes=() if parts else (Note(N_("No plot declares a climate band")),),
    )


def _part(sources: Sources, plot: Plot, names: tuple[str, str]) -> Part:
    span = sources.span
    temperature = minute_means(sources, names[0])
    humidity = minute_means(sources, names[1])
    both = np.isfinite(temperature) & np.isfinite(humidity)
    day = _is_day(span, sources.farm.timezone)
    inside = np.zeros(both.shape, dtype=np.bool_)
    for band, when in ((plot.band_day, day), (plot.band_night or plot.band_day, ~day)):
        if band is None:
            continue
        low_c, high_c, low_kpa, high_kpa = band
        vpd = vapour_pressure_deficit_kpa(temperature, humidity)
        with np.errstate(invalid="ignore"):
            fits = (temperature >= low_c) & (temperature <= high_c) & (vpd >= low_kpa) & (vpd <= high_kpa)
        inside |= fits & when
    valid = int(np.count_nonzero(both))
    good = int(np.count_nonzero(inside & both))
    coverage = valid / both.size
    calibrated = all(sources.in_date(name) for name in names)
    given = grade(coverage, calibrated=calibrated)
    notes = tuple(
        Note(text, {"share": 100.0 * int(np.count_nonzero(inside & both & when)) / count})
        for text, when in ((N_("By day: {share:.0f} %"), day), (N_("By night: {share:.0f} %"), ~day))
        if (count := int(np.count_nonzero(both & when))) > 0
    )
    return Part(
        sources.farm.title,
        plot.title,
        100.0 * good / valid if given and valid else None,
        "%",
        float(good),
        float(valid),
        coverage,
        given,
        names,
        notes,
    )


def vapour_pressure_deficit_kpa(
    temperature_c: NDArray[np.float64], humidity_pct: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Air VPD [kPa] from temperature [°C] and relative humidity [%]. Source: FAO-56 eq. 11 and 19."""
    saturation_kpa = 0.6108 * np.exp(17.27 * temperature_c / (temperature_c + 237.3))
    deficit: NDArray[np.float64] = saturation_kpa * (1.0 - humidity_pct / 100.0)
    return deficit


def minute_means(sources: Sources, series: str) -> NDArray[np.float64]:
    """Give the mean of the valid samples of each minute of the period; nan where there were none."""
    span = sources.span
    track = sources.track(series).valid()
    size = _minutes(span)
    index = np.clip((track.wall_ms - span.from_ms) // MINUTE_MS, 0, size - 1)
    count = np.bincount(index, minlength=size)
    total = np.bincount(index, weights=track.value, minlength=size)
    means = np.full(size, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def _minutes(span: Span) -> int:
    return max(1, (span.to_ms - span.from_ms) // MINUTE_MS)


def _is_day(span: Span, timezone: str) -> NDArray[np.bool_]:
    """Tell for each minute whether it is day by the farm's clock (the zone's offset may change within the period)."""
    from_ms = span.from_ms
    minutes = from_ms // MINUTE_MS + np.arange(_minutes(span), dtype=np.int64)
    hours = minutes // 60
    local = np.empty(hours.shape, dtype=np.int64)
    for hour in np.unique(hours):
        local[hours == hour] = _local_hour(int(hour), timezone)
    return (local >= DAY_FROM_H) & (local < DAY_TO_H)


def _local_hour(hours_since_1970: int, timezone: str) -> int:
    return datetime.fromtimestamp(hours_since_1970 * 3600, ZoneInfo(timezone)).hour
