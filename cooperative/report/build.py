# SPDX-License-Identifier: Apache-2.0
"""Builds a period's report: six indicators from the stored telemetry of a cooperative's farms.

The rule it keeps: the report is evidence against named rules; it never says that a farm "meets" a standard, and it
says for every figure how much of the period was seen.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cooperative.indicators.climate import hours_in_band
from cooperative.indicators.evidence import Evidence, Sources
from cooperative.indicators.instruments import calibrated_instruments, data_completeness, sensor_uptime
from cooperative.indicators.model import Indicator
from cooperative.indicators.water import water_applied, water_saving_area
from cooperative.report.period import Period

SCHEMA: Final = "vuon-report/1"

# In the order in which an officer reads them: what was done first, then how far the figures carry.
RULES: Final[tuple[Callable[[Sequence[Sources]], Indicator], ...]] = (
    water_saving_area,
    water_applied,
    hours_in_band,
    sensor_uptime,
    data_completeness,
    calibrated_instruments,
)


class InstrumentLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One instrument in the annex."""

    farm: str
    device: str
    model: str
    series: tuple[str, ...]
    calibration_due: str
    in_date: bool


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A computed report: what JSON, CSV and PDF are written from."""

    schema: str
    member: str
    farms: tuple[str, ...]
    period: str
    from_time: str  # RFC 3339
    to_time: str
    complete: bool
    computed_at: str
    area_ha: float
    indicators: tuple[Indicator, ...]
    instruments: tuple[InstrumentLine, ...]


class NothingToReport(Exception):
    """No farm of this cooperative has sent its profile."""


def build_report(evidence: Evidence, member: str, period: Period, computed_at: datetime) -> Report:
    """Compute every indicator for the farms of ``member`` ("" = all). Raises NothingToReport."""
    farms = [farm for farm in evidence.farms() if member in ("", farm.member)]
    if not farms:
        raise NothingToReport(member)
    sources = [Sources(evidence, farm, period.span) for farm in sorted(farms, key=lambda farm: farm.edge)]
    return Report(
        schema=SCHEMA,
        member=member or ", ".join(sorted({farm.member for farm in farms})),
        farms=tuple(source.farm.title for source in sources),
        period=period.label,
        from_time=period.begin.isoformat(),
        to_time=period.end.isoformat(timespec="seconds"),
        complete=period.complete,
        computed_at=computed_at.isoformat(timespec="seconds"),
        area_ha=sum(plot.area_m2 for farm in farms for plot in farm.plots) / 10_000.0,
        indicators=tuple(rule(sources) for rule in RULES),
        instruments=tuple(
            InstrumentLine(
                source.farm.title,
                item.device,
                item.model,
                item.series,
                item.calibration_due,
                all(source.in_date(series) for series in item.series),
            )
            for source in sources
            for item in source.farm.instruments
        ),
    )
