# SPDX-License-Identifier: Apache-2.0
"""I02 area under water-saving irrigation and I04 irrigation water applied, from water meters.

The rule it keeps: a volume is the difference of meter readings, so a gap loses resolution but not volume; a register
that runs backwards (meter replaced, power lost) is stepped over and said.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cooperative.indicators.evidence import COMPLETE_MIN, Sources, Span, expected_slots, filled_slots, grade
from cooperative.indicators.model import Indicator, Note, Part, grade_shares, worst_grade
from pages.words import N_
from telemetry.records import Plot

WATER_SAVING: Final = frozenset({"drip", "micro_sprinkler", "sprinkler"})
M2_PER_HA: Final = 10_000.0
L_PER_M3: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Metered:
    """What a meter says of a period. ``coverage`` is the share of the period between its first and last reading."""

    volume_m3: float
    coverage: float
    completeness: float
    resets: int
    grade: str


def metered(sources: Sources, series: str) -> Metered:
    """Read the meter ``series`` (cumulative litres) over the period."""
    instrument = sources.instrument(series)
    period_s = instrument.period_s if instrument is not None else 60.0
    span: Span = sources.span
    track = sources.track(series).valid()
    if track.wall_ms.size < 2:
        return Metered(0.0, 0.0, filled_slots(track, span, period_s) / expected_slots(span, period_s), 0, "")
    steps = np.diff(track.value)
    resets = int(np.count_nonzero(steps < 0.0))
    gone_ms = float(np.diff(track.wall_ms)[steps < 0.0].sum())
    held_ms = float(track.wall_ms[-1] - track.wall_ms[0]) + period_s * 1000.0 - gone_ms
    coverage = min(1.0, max(0.0, held_ms / (span.to_ms - span.from_ms)))
    completeness = filled_slots(track, span, period_s) / expected_slots(span, period_s)
    # A register holds its count through a gap, so the span read decides whether there is a number at all;
    # the share of readings that came decides between A and B.
    given = grade(coverage, calibrated=sources.in_date(series))
    if given == "A" and completeness < 0.9:
        given = "B"
    return Metered(float(steps[steps > 0.0].sum()) / L_PER_M3, coverage, completeness, resets, given)


def water_applied(farms: Sequence[Sources]) -> Indicator:
    """I04: cubic metres applied, and per hectare of the metered plots."""
    parts: list[Part] = []
    used: list[str] = []
    for sources in farms:
        for plots in by_meter(sources.farm.plots):
            parts.append(_volume_part(sources, plots))
            used += [sources.fingerprint([plots[0].meter])] if plots[0].meter else []
    counted = [part for part in parts if part.value is not None]
    volume_m3 = sum(part.numerator for part in counted)
    area_ha = sum(part.denominator for part in counted)
    # A plot without a meter was never measured: it is named, and the coverage speaks of the metered plots.
    metered_parts = [part for part in parts if part.source]
    metered_ha = sum(part.denominator for part in metered_parts)
    everything_ha = sum(part.denominator for part in parts)
    enough = bool(counted) and area_ha >= COMPLETE_MIN * metered_ha
    return Indicator(
        id="I04",
        title=N_("Irrigation water applied"),
        value=volume_m3 if enough else None,
        unit="m³",
        numerator=volume_m3,
        denominator=area_ha,
        numerator_unit="m³",
        denominator_unit="ha",
        coverage=_weighted_coverage(metered_parts, metered_ha),
        grade=worst_grade(tuple(parts)),
        grade_shares=grade_shares(tuple(parts)),
        rule="water-meter-difference",
        rule_version=1,
        definition=N_(
            "Sum over plots of the meter's end reading less its start; plots without enough data are left out"
        ),
        input_hash=_join(used),
        parts=tuple(parts),
        notes=(*_rate(volume_m3, area_ha, metered_ha, everything_ha, enough=enough), *_unleased(farms)),
    )


def _rate(volume_m3: float, area_ha: float, metered_ha: float, everything_ha: float, *, enough: bool) -> list[Note]:
    if not enough or area_ha <= 0.0:
        return []
    return [
        Note(N_("Water per hectare of the metered plots: {rate:.1f} m³/ha"), {"rate": volume_m3 / area_ha}),
        Note(N_("Metered: {metered:.2f} of {all:.2f} ha"), {"metered": metered_ha, "all": everything_ha}),
    ]


def _unleased(farms: Sequence[Sources]) -> list[Note]:
    """Name the water that would run on when a farm's controller dies: its volume may one day not be a choice."""
    told = [(sources.farm.title, *one) for sources in farms for one in sources.farm.unleased]
    text = N_("{farm}: {output} does not close by itself when the controller dies; reason given: {reason}")
    return [Note(text, {"farm": farm, "output": output, "reason": reason}) for farm, output, reason in told]


def by_meter(plots: Sequence[Plot]) -> list[list[Plot]]:
    """Put plots that share a meter together, so that its water is counted once; a plot without one stands alone."""
    groups: dict[str, list[Plot]] = {}
    for plot in plots:
        groups.setdefault(plot.meter or f"\0{plot.place}", []).append(plot)
    return list(groups.values())


def _volume_part(sources: Sources, plots: Sequence[Plot]) -> Part:
    plot = plots[0]
    area_ha = sum(one.area_m2 for one in plots) / M2_PER_HA
    subject = ", ".join(one.title or one.place for one in plots)
    if not plot.meter:
        note = Note(N_("No water meter on this plot"))
        return Part(sources.farm.title, subject, None, "m³", 0.0, area_ha, 0.0, "", (), (note,))
    read = metered(sources, plot.meter)
    notes: list[Note] = []
    if read.resets:
        notes.append(
            Note(N_("The meter ran backwards {count} times; those steps are not counted"), {"count": read.resets})
        )
    if sources.instrument(plot.meter) is None:
        notes.append(Note(N_("The farm names no instrument for {series}"), {"series": plot.meter}))
    value = read.volume_m3 if read.grade else None
    return Part(
        sources.farm.title,
        subject,
        value,
        "m³",
        read.volume_m3 if value is not None else 0.0,
        area_ha,
        read.coverage,
        read.grade,
        (plot.meter,),
        tuple(notes),
    )


def water_saving_area(farms: Sequence[Sources]) -> Indicator:
    """I02: hectares with drip, micro-sprinkler or sprinkler AND metered water in the period; share of all area."""
    parts: list[Part] = []
    used: list[str] = []
    for sources in farms:
        for plot in sources.farm.plots:
            area_ha = plot.area_m2 / M2_PER_HA
            equipped = plot.irrigation in WATER_SAVING
            read = metered(sources, plot.meter) if equipped and plot.meter else None
            used += [sources.fingerprint([plot.meter])] if read is not None else []
            if read is None:
                # Plain master data: the plot has no such equipment or no meter, so it counts as not proved.
                parts.append(
                    Part(sources.farm.title, plot.title, 0.0, "ha", 0.0, area_ha, 1.0, "", (), _why_not(plot, equipped))
                )
                continue
            proved = bool(read.grade) and read.volume_m3 > 0.0
            value = (area_ha if proved else 0.0) if read.grade else None
            parts.append(
                Part(
                    sources.farm.title,
                    plot.title,
                    value,
                    "ha",
                    area_ha if proved else 0.0,
                    area_ha,
                    read.coverage,
                    read.grade,
                    (plot.meter,),
                )
            )
    area_ha = sum(part.denominator for part in parts)
    proved_ha = sum(part.numerator for part in parts)
    metered_ha = sum(part.denominator for part in parts if part.source)
    read_ha = sum(part.denominator for part in parts if part.source and part.value is not None)
    enough = bool(parts) and read_ha >= COMPLETE_MIN * metered_ha
    return Indicator(
        id="I02",
        title=N_("Area under water-saving irrigation"),
        value=proved_ha if enough else None,
        unit="ha",
        numerator=proved_ha,
        denominator=area_ha,
        numerator_unit="ha",
        denominator_unit="ha",
        coverage=_weighted_coverage(parts, area_ha),
        grade=worst_grade(tuple(parts)),
        grade_shares=grade_shares(tuple(parts)),
        rule="water-saving-equipped-and-metered",
        rule_version=1,
        definition=N_("Area of plots with drip, micro-sprinkler or sprinkler whose meter counted water in the period"),
        input_hash=_join(used),
        parts=tuple(parts),
        notes=(Note(N_("Share of the cropped area: {share:.1f} %"), {"share": 100.0 * proved_ha / area_ha}),)
        if enough and area_ha > 0.0
        else (),
    )


def _why_not(plot: Plot, equipped: bool) -> tuple[Note, ...]:
    if equipped and not plot.meter:
        return (Note(N_("No water meter on this plot")),)
    return (Note(N_("This plot has no water-saving irrigation")),)


def _weighted_coverage(parts: Sequence[Part], total: float) -> float:
    return sum(part.coverage * part.denominator for part in parts) / total if total > 0.0 else 0.0


def _join(hashes: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
