# SPDX-License-Identifier: Apache-2.0
"""Puts together what is true now for those who look: the console and the command line.

The rule it keeps: it reads and never changes anything; it is built only when somebody looks.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Final

from controllers.schedule import LocalTime
from controllers.settings import ControlSettings, DayPart, HouseSettings, ZoneSettings, minute_of_day
from controllers.strategies import RECKON
from controllers.zone_needs import easy_water_pct
from edge.actuation import Gate
from edge.alarms import AlarmBoard
from edge.control_loop import Deadlines, TickRunner
from edge.live import Health, LiveState, OutputState, Tile
from edge.orders import Orders
from edge.pipeline import SeriesPlan
from edge.zone_water import zone_water
from telemetry.records import Sample

PAGE_KB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    points: int = 0
    decisions: int = 0
    rows: int = 0
    unsent: int = 0
    disk_ok: bool = True
    uplink: str = "off"


@dataclass(slots=True)
class LiveBoard:
    """Everything that the live state is made of."""

    edge: str
    title: str
    epoch: int
    version: str
    compiled: bool
    settings: ControlSettings
    plans: Mapping[str, SeriesPlan]
    gate: Gate
    orders: Orders
    alarms: AlarmBoard
    runner: TickRunner
    deadlines: Deadlines
    counts: Counts = field(default_factory=Counts)
    samples: dict[str, Sample] = field(default_factory=dict)

    def state(self, mono_ms: int, wall_ms: int, clock_ok: bool, local: LocalTime) -> LiveState:
        """Give the live state at this moment."""
        return LiveState(
            edge=self.edge,
            title=self.title,
            epoch=self.epoch,
            mono_ms=mono_ms,
            wall_ms=wall_ms,
            clock_ok=clock_ok,
            tiles=tuple(self._tile(plan, mono_ms, local) for plan in self.plans.values()),
            outputs=tuple(self._output(name, mono_ms) for name in self.gate.lines),
            alarms=self.alarms.live(mono_ms),
            health=self._health(mono_ms),
            water=zone_water(self.runner.engine),
        )

    def _tile(self, plan: SeriesPlan, mono_ms: int, local: LocalTime) -> Tile:
        sample = self.samples.get(plan.series)
        place = plan.series.partition("/")[0]
        return Tile(
            series=plan.series,
            place=place,
            quantity=plan.quantity.name,
            unit=plan.quantity.unit,
            value=sample.value if sample else nan,
            quality=sample.quality if sample else 0,
            age_s=(mono_ms - sample.mono_ms) / 1000.0 if sample else -1.0,
            period_s=plan.period_s,
            raw=sample.raw if sample else nan,
            raw_unit=plan.unit,
            step=plan.step,
            calibration=sample.calibration if sample else "",
            uncertainty=sample.uncertainty if sample else nan,
            band=band(self.settings, place, plan.quantity.name, local.minute),
        )

    def _output(self, name: str, mono_ms: int) -> OutputState:
        line = self.gate.lines[name]
        settings = line.wire.settings
        decision = self.runner.reasons.get(name)
        override = self.orders.overrides.get(name)
        zone = next((z for z in self.settings.zones if z.valve == name), None)
        return OutputState(
            output=name,
            place=settings.place,
            kind=settings.kind,
            level=line.level,
            wanted=self.runner.wanted.get(name, line.wanted),
            code=decision.code if decision else "",
            rule=decision.rule if decision else "",
            inputs=decision.inputs if decision else (),
            limit=decision.limit if decision else "",
            vetoed=decision.vetoed if decision else False,
            for_s=(mono_ms - line.since_ms) / 1000.0,
            lease_s=max(0.0, (line.lease_until_ms - mono_ms) / 1000.0),
            override_s=max(0.0, (override.until_ms - mono_ms) / 1000.0) if override else 0.0,
            person=override.person if override else "",
            feedback=line.feedback,
            outcome=line.outcome,
            detail=line.detail,
            hold_max_s=self.orders.hold_max_s(name),
            flow_l_min=zone.flow_l_min if zone else 0.0,
            between_pulses=decision is not self.runner.last.get(name),
        )

    def _health(self, mono_ms: int) -> Health:
        return Health(
            uptime_s=mono_ms / 1000.0,
            ticks=self.deadlines.ticks,
            overruns=self.deadlines.overruns,
            tick_p99_ms=self.deadlines.p99_ms(),
            compiled=self.compiled,
            points=self.counts.points,
            decisions=self.counts.decisions,
            commands=self.gate.commands,
            acks=self.gate.acks,
            stored_rows=self.counts.rows,
            unsent_rows=self.counts.unsent,
            disk_ok=self.counts.disk_ok,
            uplink=self.counts.uplink,
            rss_mb=resident_mb(),
            version=self.version,
        )


def resident_mb() -> float:
    """Give the resident memory of this process in MB."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 once a second, no Path needed
            return int(file.read().split()[1]) * PAGE_KB / 1024.0
    except (OSError, IndexError, ValueError):
        return nan


def day_part(house: HouseSettings, minute: int) -> DayPart | None:
    """Give the day part in force at a local minute: the last that has started, before the first the last of all."""
    if not house.day_parts:
        return None
    ranked = sorted(house.day_parts, key=lambda part: minute_of_day(part.starts))
    begun = [part for part in ranked if minute_of_day(part.starts) <= minute]
    return begun[-1] if begun else ranked[-1]


def moisture_band(zone: ZoneSettings) -> tuple[float, float] | None:
    """Give what the zone's own strategy keeps its soil in [%]; one that goes by sums or by the clock keeps none."""
    if zone.strategy in RECKON:
        return easy_water_pct(zone)
    return (zone.start_pct, zone.target_pct) if zone.strategy == "moisture" else None


def band(settings: ControlSettings, place: str, quantity: str, minute: int) -> tuple[float, float] | None:
    """Give the wanted range of a quantity at a place, where there is one."""
    if quantity == "soil_moisture":
        zone = next((z for z in settings.zones if z.id == place), None)
        return moisture_band(zone) if zone is not None else None
    house = next((h for h in settings.houses if h.id == place), None)
    part = day_part(house, minute) if house is not None else None
    if part is None:
        return None
    match quantity:
        case "air_temperature":
            return part.temperature_low_c, part.temperature_high_c
        case "vapour_pressure_deficit":
            return part.vpd_low_kpa, part.vpd_high_kpa
    return None
