# SPDX-License-Identifier: Apache-2.0
"""I15 sensor uptime, I16 data completeness, I17 instruments in calibration date: how far the other figures carry.

The rule it keeps: these three always have a number, because no data is itself the answer; late data counts as soon
as it has arrived.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from cooperative.indicators.evidence import Sources, expected_slots, filled_slots
from cooperative.indicators.model import Indicator, Part
from pages.words import N_
from telemetry.records import Instrument

UPTIME_INTERVAL_MIN_S: Final = 60.0


def sensor_uptime(farms: Sequence[Sources]) -> Indicator:
    """I15: intervals (at least a minute) with a valid sample of the instrument, over the intervals expected."""
    parts = [_uptime_part(sources, item) for sources in farms for item in sources.farm.instruments]
    return _ratio(
        farms,
        parts,
        "I15",
        N_("Sensor uptime"),
        "interval-with-valid-sample",
        N_("Intervals with at least one valid sample, over the intervals expected"),
        N_("intervals"),
    )


def data_completeness(farms: Sequence[Sources]) -> Indicator:
    """I16: valid samples stored over samples expected from each instrument's period."""
    parts = [
        _completeness_part(sources, item, series)
        for sources in farms
        for item in sources.farm.instruments
        for series in item.series
    ]
    return _ratio(
        farms,
        parts,
        "I16",
        N_("Data completeness"),
        "valid-samples-over-expected",
        N_("Valid samples stored, over samples expected; late data counts when it arrives"),
        N_("samples"),
    )


def calibrated_instruments(farms: Sequence[Sources]) -> Indicator:
    """I17: instruments within their calibration date, each weighted by how many reported figures rest on it."""
    parts = [_date_part(sources, item) for sources in farms for item in sources.farm.instruments]
    return _ratio(
        farms,
        parts,
        "I17",
        N_("Instruments within calibration date"),
        "calibration-due-after-period-end",
        N_("Instruments whose calibration is not due at the end of the period, weighted by the figures that use them"),
        N_("instruments"),
    )


def _uptime_part(sources: Sources, item: Instrument) -> Part:
    interval_s = max(UPTIME_INTERVAL_MIN_S, item.period_s)
    slots = expected_slots(sources.span, interval_s)
    times = [sources.track(series).valid().wall_ms for series in item.series]
    stamps = np.concatenate(times) if times else np.empty(0, dtype=np.int64)
    index = ((stamps - sources.span.from_ms) / (interval_s * 1000.0)).astype(np.int64)
    filled = int(np.unique(np.clip(index, 0, slots - 1)).size)
    return _part(sources, item, item.series, filled, slots)


def _completeness_part(sources: Sources, item: Instrument, series: str) -> Part:
    slots = expected_slots(sources.span, item.period_s)
    filled = filled_slots(sources.track(series).valid(), sources.span, item.period_s)
    return _part(sources, item, (series,), filled, slots)


def _date_part(sources: Sources, item: Instrument) -> Part:
    """Weigh each value of the instrument by the figures that rest on it; an unused instrument counts as 1."""
    meters = {plot.meter for plot in sources.farm.plots}
    weights = dict.fromkeys(item.series, 0.0)
    for series in item.series:
        quantity = series.partition("/")[2].partition(".")[0]
        weights[series] += 2 * (series in meters) + (quantity in {"air_temperature", "air_humidity"})
    if not any(weights.values()):
        weights = dict.fromkeys(item.series, 1.0 / len(item.series))
    good = sum(weight for series, weight in weights.items() if sources.in_date(series))
    return _part(sources, item, (), good, sum(weights.values()))


def _part(sources: Sources, item: Instrument, series: tuple[str, ...], numerator: float, denominator: float) -> Part:
    calibrated = all(sources.in_date(series) for series in item.series)
    share = numerator / denominator
    return Part(
        sources.farm.title,
        f"{item.device} ({item.model})",
        100.0 * share,
        "%",
        float(numerator),
        float(denominator),
        1.0,
        "A" if calibrated else "B",
        series,
    )


def _ratio(
    farms: Sequence[Sources], parts: Sequence[Part], code: str, title: str, rule: str, definition: str, unit: str
) -> Indicator:
    numerator = sum(part.numerator for part in parts)
    denominator = sum(part.denominator for part in parts)
    shares: dict[str, float] = {}
    for part in parts:
        shares[part.grade] = shares.get(part.grade, 0.0) + part.denominator / denominator
    hashes = [s.fingerprint([name for item in s.farm.instruments for name in item.series]) for s in farms]
    return Indicator(
        id=code,
        title=title,
        value=100.0 * numerator / denominator if denominator else None,
        unit="%",
        numerator=float(numerator),
        denominator=float(denominator),
        numerator_unit=unit,
        denominator_unit=unit,
        coverage=1.0 if denominator else 0.0,
        grade="A" if denominator else "",
        grade_shares=dict(sorted(shares.items())),
        rule=rule,
        rule_version=1,
        definition=definition,
        input_hash=hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest(),
        parts=tuple(parts),
    )
