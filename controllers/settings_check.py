# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a farm's control settings: every number that could harm, every name that points nowhere (H16).

The rule it keeps: it names the field by its path in farm.toml and says what is expected; it finds all mistakes in one
go; and settings in which it finds none can drive an engine safely. A NaN fails every test here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from controllers.plan_check import plan_problems
from controllers.settings import (
    ControlSettings,
    DayPart,
    HouseSettings,
    LineSettings,
    OutputSettings,
    Settings,
    ZoneSettings,
    minute_of_day,
)
from controllers.settings_mistake import (
    BAD_TIME,
    MUST_EXCEED,
    NEEDS_VALUE,
    NOT_A_MEMBER,
    OUT_OF_RANGE,
    UNKNOWN,
    WRONG_KIND,
    Mistake,
    outside,
)
from controllers.settings_water_check import water_problems
from controllers.strategies import STRATEGIES
from telemetry.records import PLACE_PATTERN, SERIES_PATTERN

TWICE: Final = "the name {seen} is used twice"
BAD_NAME: Final = "bad name {seen}: use a-z, 0-9 and '-', starting with a letter, at most 32 characters"
BAD_SERIES: Final = "bad series {seen}: write place/quantity, for instance house-1/air_temperature"
SHARED_VALVE: Final = "the valve {seen} already belongs to another zone"
NO_CAP: Final = "a {kind} needs a longest time on (max_on_s) above 0"
UNSAFE_SAFE_LEVEL: Final = "the safe level of a {kind} must be 0"
NO_DAY_PART: Final = "at least one day part is needed"
NO_EYE: Final = "a tank that is filled needs a level sensor or a float"
NO_PROBE: Final = "dosing needs an EC and a pH probe and a flow meter"
NO_WIND: Final = "a house with vents needs a wind meter, or vents whose storm_level says what else holds"
NO_SENSOR: Final = "no instrument delivers {seen}"

_WATER: Final = frozenset({"valve", "pump", "master_valve", "fill_valve", "backwash_valve", "doser", "fogger"})
_CAPPED: Final = _WATER | {"heater"}
_HOUSE_KINDS: Final = frozenset({"fan", "vent", "heater", "fogger", "shade"})
_LINE_KINDS: Final = frozenset({"pump", "master_valve", "fill_valve", "backwash_valve", "doser"})

# field -> (lowest, highest): outside is a mistake, whatever else is set
_HOUSE: Final = {
    "area_m2": (1.0, 1e6),
    "frost_c": (-5.0, 15.0),
    "heat_c": (25.0, 60.0),
    "storm_m_s": (3.0, 40.0),
    "shade_above_w_m2": (50.0, 1500.0),
}
_PART: Final = {
    "temperature_low_c": (0.0, 40.0),
    "temperature_high_c": (5.0, 45.0),
    "vpd_low_kpa": (0.0, 3.0),
    "vpd_high_kpa": (0.1, 6.0),
}
_ZONE: Final = {
    "area_m2": (0.1, 1e6),
    "flow_l_min": (0.05, 5000.0),
    "dose_l": (0.0, 1e6),
    "rest_min_s": (0.0, 172_800.0),
    "run_max_s": (10.0, 14_400.0),
    "daily_cap_l": (0.1, 1e6),
    "safe_dose_l": (0.0, 1e6),
    "safe_every_h": (1.0, 240.0),
    "start_pct": (0.0, 100.0),
    "target_pct": (0.0, 100.0),
    "wet_pct": (0.0, 100.0),
    "radiation_start_j_cm2": (0.0, 5000.0),
    "vpd_start_kpa_h": (0.0, 200.0),
}
_LINE: Final = {
    "zones_at_once": (1, 100),
    "fill_delay_s": (0.0, 600.0),
    "leak_l_min": (0.05, 100.0),
    "low_flow_fraction": (0.05, 0.95),
    "high_flow_fraction": (1.05, 3.0),
    "pressure_max_kpa": (50.0, 1600.0),
    "dry_run_current_a": (0.0, 100.0),
    "dry_run_kpa": (0.0, 1000.0),
    "tank_low_m": (0.0, 20.0),
    "tank_high_m": (0.0, 20.0),
    "fill_max_s": (0.0, 86_400.0),
    "ec_max_ms_cm": (0.1, 4.0),
    "ph_min": (4.5, 7.0),
    "ph_max": (5.0, 7.5),
}
_OUTPUT: Final = {
    "safe_level": (0.0, 1.0),
    "max_on_s": (0.0, 86_400.0),
    "min_off_s": (0.0, 3600.0),
    "daily_max_on_s": (0.0, 86_400.0),
    "lease_s": (1.0, 60.0),
    "power_w": (0.0, 1e6),
    "ml_per_s": (0.0, 1000.0),
    "event_max_ml": (0.0, 1e5),
    "hour_max_ml": (0.0, 1e5),
    "day_max_ml": (0.0, 1e6),
}
_DOSER: Final = {
    "ml_per_s": (0.01, 1000.0),
    "event_max_ml": (0.1, 1e5),
    "hour_max_ml": (0.1, 1e5),
    "day_max_ml": (0.1, 1e6),
}
_LEVELS: Final = ("storm_level", "heat_level", "frost_level", "blind_level")
_LIMITS: Final = {
    "stale_s": (1.0, 3600.0),
    "wind_stale_s": (1.0, 300.0),
    "storm_clear_s": (0.0, 86_400.0),
    "blind_after_s": (0.0, 600.0),
    "valve_lead_s": (1.0, 30.0),
    "valve_lag_s": (1.0, 30.0),
    "flow_judge_s": (0.0, 120.0),
    "zone_fault_rest_s": (60.0, 86_400.0),
    "dry_run_lockout_s": (60.0, 86_400.0),
    "dry_run_tries": (1, 10),
    "leak_samples": (1, 20),
    "dose_tries": (1, 50),
    "probe_dry_ms_cm": (0.0, 1.0),
    "probe_differ_ph": (0.05, 2.0),
    "probe_differ_ms_cm": (0.05, 2.0),
    "maintenance_max_s": (60.0, 28_800.0),
    "override_max_s": (60.0, 86_400.0),
    "mains_min_v": (50.0, 400.0),
    "restart_settle_s": (0.0, 600.0),
    "restart_stagger_s": (0.0, 120.0),
    "boot_hold_s": (0.0, 300.0),
    "resume_grace_s": (0.0, 7200.0),
    "schedule_grace_s": (0.0, 14_400.0),
}


def problems(settings: ControlSettings, known_series: frozenset[str] | None = None) -> list[Mistake]:
    """List every mistake in the settings; ``known_series`` are those that instruments deliver (None: not judged)."""
    return list(_all(settings, known_series))


def _all(settings: ControlSettings, known: frozenset[str] | None) -> Iterator[Mistake]:
    yield from outside("limits", settings.limits, _LIMITS)
    yield from outside(
        "", settings, {"tick_s": (0.1, 60.0), "latitude_deg": (-90.0, 90.0), "altitude_m": (-100.0, 5000.0)}
    )
    groups = {
        "house": [house.id for house in settings.houses],
        "zone": [zone.id for zone in settings.zones],
        "line": [line.id for line in settings.lines],
        "output": [out.id for out in settings.outputs],
        "recipe": [recipe.id for recipe in settings.recipes],
        "stock": [stock.id for stock in settings.stocks],
    }
    for group, names in groups.items():
        seen = Counter(names)
        for i, name in enumerate(names):
            if not PLACE_PATTERN.match(name):
                yield Mistake(f"{group}[{i}].id", BAD_NAME, {"seen": name})
            if seen[name] > 1:
                yield Mistake(f"{group}[{i}].id", TWICE, {"seen": name})
    for i, house in enumerate(settings.houses):
        yield from _house(f"house[{i}]", house, settings)
    for i, zone in enumerate(settings.zones):
        yield from _zone(f"zone[{i}]", zone, settings)
    for i, line in enumerate(settings.lines):
        yield from _line(f"line[{i}]", line, settings)
    for i, out in enumerate(settings.outputs):
        yield from _output(f"output[{i}]", out, settings)
    yield from water_problems(settings)
    yield from _series(settings, known)


def _exceeds(path: str, given: Settings, field: str, other: str) -> Iterator[Mistake]:
    low, seen = getattr(given, other), getattr(given, field)
    if not seen > low:
        yield Mistake(f"{path}.{field}", MUST_EXCEED, {"other": other, "low": low, "seen": seen})


def _time(path: str, text: str) -> Iterator[Mistake]:
    try:
        minute_of_day(text)
    except ValueError:
        yield Mistake(path, BAD_TIME, {"seen": text})


def _house(path: str, house: HouseSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, house, _HOUSE)
    yield from _exceeds(path, house, "heat_c", "frost_c")
    if not house.day_parts:
        yield Mistake(f"{path}.day_parts", NO_DAY_PART, {})
    starts = Counter(part.starts for part in house.day_parts)
    for i, part in enumerate(house.day_parts):
        yield from _part(f"{path}.day_parts[{i}]", part, house)
        if starts[part.starts] > 1:
            yield Mistake(f"{path}.day_parts[{i}].starts", TWICE, {"seen": part.starts})
    for i, out in enumerate(settings.outputs):
        if out.kind == "vent" and out.place == house.id and not house.wind and out.storm_level is None:
            yield Mistake(f"output[{i}].storm_level", NO_WIND, {})


def _part(path: str, part: DayPart, house: HouseSettings) -> Iterator[Mistake]:
    yield from _time(f"{path}.starts", part.starts)
    yield from outside(path, part, _PART)
    yield from _exceeds(path, part, "temperature_high_c", "temperature_low_c")
    yield from _exceeds(path, part, "vpd_high_kpa", "vpd_low_kpa")
    if not part.temperature_high_c < house.heat_c:
        limits = {"low": part.temperature_low_c, "high": house.heat_c, "seen": part.temperature_high_c}
        yield Mistake(f"{path}.temperature_high_c", OUT_OF_RANGE, limits)
    if not part.temperature_low_c > house.frost_c:
        limits = {"low": house.frost_c, "high": part.temperature_high_c, "seen": part.temperature_low_c}
        yield Mistake(f"{path}.temperature_low_c", OUT_OF_RANGE, limits)


def _zone(path: str, zone: ZoneSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, zone, _ZONE)
    for field in ("allowed_from", "allowed_to"):
        yield from _time(f"{path}.{field}", getattr(zone, field))
    for field in STRATEGIES[zone.strategy].needs:
        if not getattr(zone, field):
            yield Mistake(f"{path}.{field}", NEEDS_VALUE, {"strategy": zone.strategy})
    if zone.strategy == "moisture":
        yield from _exceeds(path, zone, "target_pct", "start_pct")
    yield from (Mistake(*found) for found in plan_problems(path, zone))
    for field in ("dose_l", "safe_dose_l"):
        if not getattr(zone, field) <= zone.daily_cap_l:
            seen = getattr(zone, field)
            yield Mistake(f"{path}.{field}", OUT_OF_RANGE, {"low": 0.0, "high": zone.daily_cap_l, "seen": seen})
    times = Counter(run.at for run in zone.schedule)
    for i, run in enumerate(zone.schedule):
        yield from _time(f"{path}.schedule[{i}].at", run.at)
        if times[run.at] > 1:
            yield Mistake(f"{path}.schedule[{i}].at", TWICE, {"seen": run.at})
        yield from outside(f"{path}.schedule[{i}]", run, {"litres": (0.1, zone.daily_cap_l)})
        for day in run.weekdays:
            if not 1 <= day <= 7:
                yield Mistake(f"{path}.schedule[{i}].weekdays", OUT_OF_RANGE, {"low": 1, "high": 7, "seen": day})
    yield from _refers(f"{path}.house", zone.house, "house", (house.id for house in settings.houses))
    yield from _refers(f"{path}.line", zone.line, "line", (line.id for line in settings.lines))
    yield from _of_kind(f"{path}.valve", zone.valve, "valve", settings)
    if sum(other.valve == zone.valve for other in settings.zones) > 1:
        yield Mistake(f"{path}.valve", SHARED_VALVE, {"seen": zone.valve})


def _refers(path: str, name: str, kind: str, known: Iterable[str]) -> Iterator[Mistake]:
    if name not in set(known):
        yield Mistake(path, UNKNOWN, {"seen": name, "kind": kind})


def _of_kind(path: str, name: str, wanted: str, settings: ControlSettings) -> Iterator[Mistake]:
    found = next((out for out in settings.outputs if out.id == name), None)
    if found is None:
        yield Mistake(path, UNKNOWN, {"seen": name, "kind": "output"})
    elif found.kind != wanted:
        yield Mistake(path, WRONG_KIND, {"seen": name, "kind": found.kind, "wanted": wanted})


def _line(path: str, line: LineSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, line, _LINE)
    yield from _exceeds(path, line, "ph_max", "ph_min")
    for field in ("pump", "master_valve", "fill_valve"):
        name = getattr(line, field)
        if name:
            yield from _of_kind(f"{path}.{field}", name, field, settings)
            place = next((out.place for out in settings.outputs if out.id == name), line.id)
            if place != line.id:
                yield Mistake(f"{path}.{field}", NOT_A_MEMBER, {"seen": name, "other": place})
    if line.fill_valve and not (line.tank_level or line.tank_float):
        yield Mistake(f"{path}.fill_valve", NO_EYE, {})
    if line.tank_level:
        yield from _exceeds(path, line, "tank_high_m", "tank_low_m")
    for field in ("ec", "ph"):
        if len(getattr(line, field)) > 2:
            limits: dict[str, str | float] = {"low": 0, "high": 2, "seen": len(getattr(line, field))}
            yield Mistake(f"{path}.{field}", OUT_OF_RANGE, limits)
    doses = any(out.kind == "doser" and out.place == line.id for out in settings.outputs)
    if doses and not (line.ec and line.ph and line.flow):
        yield Mistake(f"{path}.ec", NO_PROBE, {})


def _output(path: str, out: OutputSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, out, _OUTPUT)
    for field in _LEVELS:
        level = getattr(out, field)
        if level is not None and not 0.0 <= level <= 1.0:
            yield Mistake(f"{path}.{field}", OUT_OF_RANGE, {"low": 0.0, "high": 1.0, "seen": level})
    if out.kind in _CAPPED and not out.max_on_s > 0.0:
        yield Mistake(f"{path}.max_on_s", NO_CAP, {"kind": out.kind})
    if out.kind in _CAPPED and out.safe_level != 0.0:
        yield Mistake(f"{path}.safe_level", UNSAFE_SAFE_LEVEL, {"kind": out.kind})
    if out.kind == "doser":
        yield from outside(path, out, _DOSER)
    places: dict[str, Callable[[], set[str]]] = {
        "house": lambda: {house.id for house in settings.houses},
        "line": lambda: {line.id for line in settings.lines},
        "zone": lambda: {zone.id for zone in settings.zones},
        "farm": lambda: {"farm"},
    }
    kind = "house" if out.kind in _HOUSE_KINDS else "line" if out.kind in _LINE_KINDS else "zone"
    kind = "farm" if out.kind == "siren" else kind
    yield from _refers(f"{path}.place", out.place, kind, places[kind]())
    if out.kind == "valve" and out.place in places["zone"]():
        owner = next(zone for zone in settings.zones if zone.id == out.place)
        if owner.valve != out.id:
            yield Mistake(f"{path}.place", NOT_A_MEMBER, {"seen": out.id, "other": owner.valve})


def _series(settings: ControlSettings, known: frozenset[str] | None) -> Iterator[Mistake]:
    named: list[tuple[str, str]] = [("limits.mains", settings.limits.mains)]
    for i, house in enumerate(settings.houses):
        outside = ("outside_temperature", "outside_humidity", "radiation", "wind", "rain")
        named += [(f"house[{i}].{field}", getattr(house, field)) for field in outside]
        named += [(f"house[{i}].air_temperature", name) for name in house.air_temperature]
        named += [(f"house[{i}].air_humidity", name) for name in house.air_humidity]
    for i, zone in enumerate(settings.zones):
        named += [(f"zone[{i}].soil_moisture", name) for name in zone.soil_moisture]
        named += [(f"zone[{i}].soil_tension", name) for name in zone.soil_tension]
        named += [(f"zone[{i}].plan.{field}", getattr(zone.plan, field)) for field in ("drain", "water_ec")]
    for i, line in enumerate(settings.lines):
        parts = ("flow", "pressure", "pump_current", "tank_level", "tank_float", "filter_in", "filter_out", "source_ec")
        named += [(f"line[{i}].{field}", getattr(line, field)) for field in parts]
        named += [(f"line[{i}].ec", name) for name in line.ec] + [(f"line[{i}].ph", name) for name in line.ph]
    for path, name in named:
        if not name:
            continue
        if not SERIES_PATTERN.match(name):
            yield Mistake(path, BAD_SERIES, {"seen": name})
        elif known is not None and name not in known:
            yield Mistake(path, NO_SENSOR, {"seen": name})
