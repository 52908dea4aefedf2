# SPDX-License-Identifier: Apache-2.0
"""Turns a farm's settings into the tables that the kernels read: rows, columns, and where each series goes.

The rule it keeps: names end here. Behind this file there are only rows and numbers; in front of it only names. The
settings must have no problem (``controllers.settings_check``).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from controllers.kernels import columns as c
from controllers.salinity import salt_limit_ms_cm, water_series
from controllers.settings import (
    ControlSettings,
    HouseSettings,
    LineSettings,
    OutputSettings,
    SafetyLimits,
    ZoneSettings,
    minute_of_day,
)
from controllers.strategies import STRATEGIES
from controllers.ticks import Floats, Ints
from telemetry.records import series_id

KINDS: Final = {
    "valve": c.VALVE,
    "pump": c.PUMP,
    "master_valve": c.MASTER,
    "fill_valve": c.FILL,
    "backwash_valve": c.VALVE,  # a way for the pump like any other; it waters no zone
    "doser": c.DOSER,
    "fan": c.FAN,
    "vent": c.VENT,
    "heater": c.HEATER,
    "fogger": c.FOGGER,
    "shade": c.SHADE,
    "siren": c.SIREN,
}

# The level that each hazard forces on a kind of climate output, where the farm says nothing else (NaN: left free):
# storm, heat, frost, blind, blind while it is cold outside.
_FREE: Final = math.nan
FORCED: Final[dict[str, tuple[float, float, float, float, float]]] = {
    "vent": (0.0, 1.0, 0.0, 1.0, 0.0),
    "fan": (_FREE, 1.0, 0.0, 1.0, 0.0),
    "heater": (_FREE, 0.0, 1.0, 0.0, 0.0),
    "fogger": (_FREE, _FREE, 0.0, 0.0, 0.0),
    "shade": (_FREE, 1.0, _FREE, 1.0, _FREE),
}
PROBES: Final = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of one farm. ``index_*`` hold positions in ``series``, -1 for what does not exist."""

    series: tuple[str, ...]
    outputs: tuple[str, ...]
    zones: tuple[str, ...]
    lines: tuple[str, ...]
    houses: tuple[str, ...]
    g: Floats
    op: Floats
    lp: Floats
    hp: Floats
    zp: Floats
    first: Ints
    members: Ints
    index_line: Ints
    index_hazard: Ints
    index_humidity: Ints
    index_outside: Ints
    index_moisture: Ints
    index_mains: int


class _Series:
    """Numbers the series in the order in which they are first asked for."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def at(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names)) if name else -1

    def row(self, names: tuple[str, ...], width: int) -> list[int]:
        return [self.at(names[j]) if j < len(names) else -1 for j in range(width)]


def house_series(house: HouseSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the house's thermometers and hygrometers: those named, else its own first ones."""
    return (
        house.air_temperature or (series_id(house.id, "air_temperature"),),
        house.air_humidity or (series_id(house.id, "air_humidity"),),
    )


def zone_moisture(zone: ZoneSettings) -> tuple[str, ...]:
    """Give the zone's moisture probes, or tensiometers where it waters by tension: those named, else its first one."""
    if zone.strategy == "tension":
        return zone.soil_tension or (series_id(zone.id, "soil_tension"),)
    return zone.soil_moisture or (series_id(zone.id, "soil_moisture"),)


def _or(level: float | None, default: float) -> float:
    return default if level is None else level


def _output_row(out: OutputSettings, house: int, line: int, zone: ZoneSettings | None, rank: int) -> list[float]:
    storm, heat, frost, blind, cold = FORCED.get(out.kind, (_FREE,) * 5)
    row = [math.nan] * c.O_WIDTH
    row[c.O_KIND] = KINDS[out.kind]
    row[c.O_SAFE] = out.safe_level
    row[c.O_PROPORTIONAL] = float(out.proportional)
    row[c.O_MAX_ON_MS] = out.max_on_s * 1000.0
    row[c.O_MIN_OFF_MS] = out.min_off_s * 1000.0
    row[c.O_DAY_ON_MS] = out.daily_max_on_s * 1000.0
    row[c.O_HOUSE] = house
    row[c.O_LINE] = line
    row[c.O_FLOW_L_MIN] = 0.0 if zone is None else zone.flow_l_min
    row[c.O_CAP_L] = math.inf if zone is None else zone.daily_cap_l
    row[c.O_SALT] = math.inf if zone is None else salt_limit_ms_cm(zone)
    row[c.O_STORM] = _or(out.storm_level, storm)
    row[c.O_HEAT] = _or(out.heat_level, heat)
    row[c.O_FROST] = _or(out.frost_level, frost)
    row[c.O_BLIND] = _or(out.blind_level, blind)
    row[c.O_BLIND_COLD] = cold
    row[c.O_MAINS] = float(out.needs_mains)
    row[c.O_RANK] = rank
    row[c.O_ML_S] = out.ml_per_s
    row[c.O_EVENT_ML] = out.event_max_ml
    row[c.O_HOUR_ML] = out.hour_max_ml
    row[c.O_DAY_ML] = out.day_max_ml
    return row


def _line_row(line: LineSettings, at: dict[str, int], *, fed: bool) -> list[float]:
    row = [0.0] * c.L_WIDTH
    row[c.L_PUMP] = at.get(line.pump, -1)
    row[c.L_MASTER] = at.get(line.master_valve, -1)
    row[c.L_FILL] = at.get(line.fill_valve, -1)
    row[c.L_FILL_DELAY_MS] = line.fill_delay_s * 1000.0
    row[c.L_LEAK] = line.leak_l_min
    row[c.L_LOW] = line.low_flow_fraction
    row[c.L_HIGH] = line.high_flow_fraction
    row[c.L_PRESSURE_MAX] = line.pressure_max_kpa
    row[c.L_DRY_A] = line.dry_run_current_a
    row[c.L_DRY_KPA] = line.dry_run_kpa if line.dry_run_kpa > 0.0 else -math.inf
    row[c.L_TANK_LOW] = line.tank_low_m if line.tank_level else -math.inf
    row[c.L_TANK_HIGH] = line.tank_high_m if line.tank_high_m > 0.0 else math.inf
    row[c.L_FILL_MAX_MS] = line.fill_max_s * 1000.0 if line.fill_max_s > 0.0 else math.inf
    row[c.L_EC_MAX] = line.ec_max_ms_cm
    row[c.L_PH_MIN] = line.ph_min
    row[c.L_PH_MAX] = line.ph_max
    row[c.L_HAS_LEVEL] = float(bool(line.tank_level))
    row[c.L_HAS_FLOAT] = float(bool(line.tank_float))
    row[c.L_HAS_EC] = len(line.ec)
    row[c.L_HAS_PH] = len(line.ph)
    row[c.L_ZONES_AT_ONCE] = line.zones_at_once
    row[c.L_FED] = float(fed)
    return row


def _zone_row(zone: ZoneSettings, valve: int, line: int, house: int) -> list[float]:
    row = [0.0] * c.Z_WIDTH
    row[c.Z_STRATEGY] = STRATEGIES[zone.strategy].number
    row[c.Z_VALVE] = valve
    row[c.Z_LINE] = line
    row[c.Z_FLOW] = zone.flow_l_min
    row[c.Z_DOSE] = zone.dose_l
    row[c.Z_REST] = zone.rest_min_s * 1000.0
    row[c.Z_RUN_MAX] = zone.run_max_s * 1000.0
    row[c.Z_CAP] = zone.daily_cap_l
    row[c.Z_SAFE_DOSE] = zone.safe_dose_l
    row[c.Z_SAFE_EVERY] = zone.safe_every_h * 3_600_000.0
    pulls = zone.strategy == "tension"
    row[c.Z_START] = zone.start_kpa if pulls else zone.start_pct
    row[c.Z_TARGET] = zone.target_kpa if pulls else zone.target_pct
    row[c.Z_WET] = zone.wet_pct
    row[c.Z_RADIATION] = zone.radiation_start_j_cm2
    row[c.Z_VPD] = zone.vpd_start_kpa_h
    row[c.Z_FROM] = minute_of_day(zone.allowed_from)
    row[c.Z_TO] = minute_of_day(zone.allowed_to)
    row[c.Z_HOUSE] = house
    return row


def _limits(limits: SafetyLimits) -> Floats:
    g = np.zeros(c.G_WIDTH)
    g[c.G_WIND_STALE] = limits.wind_stale_s * 1000.0
    g[c.G_STORM_CLEAR] = limits.storm_clear_s * 1000.0
    g[c.G_BLIND_AFTER] = limits.blind_after_s * 1000.0
    g[c.G_LEAD] = limits.valve_lead_s * 1000.0
    g[c.G_LAG] = limits.valve_lag_s * 1000.0
    g[c.G_FLOW_JUDGE] = limits.flow_judge_s * 1000.0
    g[c.G_FAULT_REST] = limits.zone_fault_rest_s * 1000.0
    g[c.G_DRY_LOCKOUT] = limits.dry_run_lockout_s * 1000.0
    g[c.G_DRY_TRIES] = limits.dry_run_tries
    g[c.G_LEAK_SAMPLES] = limits.leak_samples
    g[c.G_DOSE_TRIES] = limits.dose_tries
    g[c.G_PROBE_DRY] = limits.probe_dry_ms_cm
    g[c.G_DIFFER_PH] = limits.probe_differ_ph
    g[c.G_DIFFER_EC] = limits.probe_differ_ms_cm
    g[c.G_RESTART_SETTLE] = limits.restart_settle_s * 1000.0
    g[c.G_RESTART_STAGGER] = limits.restart_stagger_s * 1000.0
    g[c.G_BOOT_HOLD] = limits.boot_hold_s * 1000.0
    g[c.G_MAINS_MIN] = limits.mains_min_v
    return g


def _table(rows: list[list[float]], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _index(rows: list[list[int]], width: int) -> Ints:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def _line_series(line: LineSettings, series: _Series) -> list[int]:
    row = [-1] * c.X_WIDTH
    row[c.X_FLOW] = series.at(line.flow)
    row[c.X_PRESSURE] = series.at(line.pressure)
    row[c.X_CURRENT] = series.at(line.pump_current)
    row[c.X_LEVEL] = series.at(line.tank_level)
    row[c.X_FLOAT] = series.at(line.tank_float)
    row[c.X_EC1], row[c.X_EC2] = series.row(line.ec, 2)
    row[c.X_PH1], row[c.X_PH2] = series.row(line.ph, 2)
    return row


def _hazard_series(house: HouseSettings, series: _Series) -> list[int]:
    row = [-1] * c.Y_WIDTH
    row[c.Y_T1 : c.Y_T3 + 1] = series.row(house_series(house)[0], 3)
    row[c.Y_OUTSIDE] = series.at(house.outside_temperature)
    row[c.Y_WIND] = series.at(house.wind)
    return row


def _outside_series(house: HouseSettings, series: _Series) -> list[int]:
    names = (house.outside_temperature, house.outside_humidity, house.radiation, house.wind, house.rain)
    return [series.at(name) for name in names]


def lay_out(settings: ControlSettings, more_series: tuple[str, ...] = ()) -> Layout:
    """Make the tables of a farm; ``more_series`` are those that planners want to see besides."""
    houses = {house.id: i for i, house in enumerate(settings.houses)}
    lines = {line.id: i for i, line in enumerate(settings.lines)}
    outputs = {out.id: i for i, out in enumerate(settings.outputs)}
    zone_of_valve = {zone.valve: zone for zone in settings.zones}
    series = _Series()
    rows: list[list[float]] = []
    members: list[list[int]] = [[] for _ in settings.lines]
    fed = {unit.line for unit in settings.fertigation}
    rank = 0
    for i, out in enumerate(settings.outputs):
        zone = zone_of_valve.get(out.id) if out.kind == "valve" else None
        line = lines.get(out.place if zone is None else zone.line, -1)
        rows.append(_output_row(out, houses.get(out.place, -1), line, zone, rank))
        rank += int(out.needs_mains and out.kind != "valve")
        if line >= 0:
            members[line].append(i)
        if out.kind == "backwash_valve" and line >= 0:
            rows[i][c.O_FLOW_L_MIN] = settings.lines[line].backwash_flow_l_min
        rows[i][c.O_FED] = float(out.kind == "doser" and line >= 0 and settings.lines[line].id in fed)
    wind = [[h.frost_c, h.heat_c, h.storm_m_s, float(bool(h.wind))] for h in settings.houses]
    hazard = [_hazard_series(house, series) for house in settings.houses]
    humidity = [series.row(house_series(house)[1], 3) for house in settings.houses]
    outside = [_outside_series(house, series) for house in settings.houses]
    line_series = [_line_series(line, series) for line in settings.lines]
    moisture = [series.row(zone_moisture(zone), PROBES) for zone in settings.zones]
    mains = series.at(settings.limits.mains)
    for name in (*more_series, *water_series(settings)):
        series.at(name)
    return Layout(
        series=tuple(series.names),
        outputs=tuple(outputs),
        zones=tuple(zone.id for zone in settings.zones),
        lines=tuple(lines),
        houses=tuple(houses),
        g=_limits(settings.limits),
        op=_table(rows, c.O_WIDTH),
        lp=_table([_line_row(line, outputs, fed=line.id in fed) for line in settings.lines], c.L_WIDTH),
        hp=_table(wind, c.H_WIDTH),
        zp=_table([_zone_row(z, outputs[z.valve], lines[z.line], houses[z.house]) for z in settings.zones], c.Z_WIDTH),
        first=np.cumsum([0, *(len(m) for m in members)], dtype=np.int64),
        members=np.array([o for m in members for o in m], dtype=np.int64),
        index_line=_index(line_series, c.X_WIDTH),
        index_hazard=_index(hazard, c.Y_WIDTH),
        index_humidity=_index(humidity, 3),
        index_outside=_index(outside, 5),
        index_moisture=_index(moisture, PROBES),
        index_mains=mains,
    )
