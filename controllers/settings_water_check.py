# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a farm's settings of hydraulics, feeding and tariff.

The rule it keeps: as ``controllers.settings_check``: the field by its path in farm.toml, what was seen, what is
expected; all mistakes in one go; a NaN fails every test. Mistakes are (path, English message id, fields).
"""

import math
from collections.abc import Iterator
from typing import Final

from controllers.injectors import InjectorError, fit_injector
from controllers.pump_curve import budget_l_min
from controllers.salinity import salt_limit_ms_cm
from controllers.settings import MINUTES_A_DAY, ControlSettings, LineSettings, ZoneSettings, minute_of_day
from controllers.settings_mistake import (
    BAD_TIME,
    MUST_EXCEED,
    OUT_OF_RANGE,
    UNKNOWN,
    WRONG_KIND,
    Fields,
    Mistake,
    outside,
)
from controllers.settings_water import FertigationSettings, RecipeSettings, StockSettings

OVER_BUDGET: Final = "takes {seen} L/min, but the line can give {room} L/min at the pressure it needs"
HOURS_TWICE: Final = "{time} on weekday {day} has two prices: {name} and {other}"
TWO_RESTS: Final = "only one band may leave out its hours; {other} does already"
SAME_TANK: Final = "draws from the tank {tank}, and so does {other}: what does not mix must not share a tank"
CALCIUM: Final = "holds calcium together with sulphate or phosphate: they form gypsum in the tank; use two tanks"
NO_STRENGTH: Final = "the strength of a {kind} must be set: {field}"
DOSER_TWICE: Final = "the doser {seen} already belongs to {other}"
NO_UNIT: Final = "the recipe {seen} needs a [[fertigation]] table for the line {line}"
NO_PH_PROBE: Final = "acid is dosed on the line {line}, which has no pH probe"
NO_EC_PROBE: Final = "feeding needs an EC probe and a flow meter on the line {line}"
NO_PARTS: Final = "needs at least one stock of kind fertiliser with a part above 0"
ACID_PART: Final = "{seen} is an acid: it is dosed by pH and has no part"
NOT_ON_LINE: Final = "{seen} is not on the line {line}, where the zone {zone} uses this recipe"
BELOW_RAW: Final = "must be above the raw water's {low} mS/cm, but is {seen}"
ABOVE_LINE: Final = "the line {line} stops dosing at {limit}, but the recipe wants {seen}"
CALIBRATION_BAD: Final = "the calibration cannot be used: {why}"
CALIBRATION_OFF: Final = "the calibration gives {fit} mL/s, but ml_per_s of {doser} is {seen}: take the measured one"
TOO_WEAK: Final = "at {flow} L/min the recipe {recipe} needs {need} mL/s of {stock}, but the injector gives {seen}"
CAP_SHORT: Final = "lets {seen} mL a watering through, but the zone {zone} needs {need} mL of {stock}"
NEEDS_SOAK: Final = "cycles of {seen} s need a pause (soak_s) above 0"
NEEDS_PAIR: Final = "needs {field} to be set as well"
NEEDS_TARIFF: Final = "waiting for cheap power needs [[tariff]] and a pump on the line"
WRONG_PLACE: Final = "the backwash valve {seen} must have the line as its place, but has {other}"
COCONUT: Final = "the source gives no limit for {seen}: set salt_max_ms_cm"

_STOCK: Final = {
    "ms_cm_per_ml_l": (0.0, 10.0),
    "acid_eq_l": (0.0, 40.0),
    "n_g_l": (0.0, 500.0),
    "p_g_l": (0.0, 500.0),
    "k_g_l": (0.0, 500.0),
}
_UNIT: Final = {
    "dead_l": (0.1, 1000.0),
    "mix_l": (0.1, 10_000.0),
    "raw_ec_ms_cm": (0.0, 3.0),
    "raw_ph": (6.4, 9.0),
    "alkalinity_meq_l": (0.0, 10.0),
    "cycle_s": (2.0, 120.0),
    "rinse_l": (0.0, 10_000.0),
}
_RECIPE: Final = {"ec_ms_cm": (0.2, 4.0), "ph": (4.5, 7.0)}
_ZONE: Final = {
    "pressure_min_kpa": (0.0, 1000.0),
    "cycle_max_s": (0.0, 14_400.0),
    "soak_s": (0.0, 14_400.0),
    "wait_max_h": (0.0, 20.0),
    "salt_max_ms_cm": (0.0, 20.0),
}
_LINE: Final = {
    "flow_max_l_min": (0.0, 10_000.0),
    "pump_shutoff_kpa": (0.0, 2000.0),
    "pump_kpa": (0.0, 2000.0),
    "pump_l_min": (0.0, 10_000.0),
    "backwash_flow_l_min": (0.0, 5000.0),
    "backwash_kpa": (0.0, 500.0),
    "backwash_every_l": (0.0, 1e7),
    "backwash_s": (5.0, 1800.0),
    "backwash_rest_s": (60.0, 86_400.0),
}
FIT_TOLERANCE: Final = 0.05


def water_problems(settings: ControlSettings) -> Iterator[Mistake]:
    """Give every mistake in the settings of hydraulics, feeding and tariff."""
    for i, line in enumerate(settings.lines):
        yield from _line(f"line[{i}]", line, settings)
    for i, zone in enumerate(settings.zones):
        yield from _zone(f"zone[{i}]", zone, settings)
    yield from _tariff(settings)
    for i, stock in enumerate(settings.stocks):
        yield from _stock(i, stock, settings)
    for i, recipe in enumerate(settings.recipes):
        yield from _recipe(f"recipe[{i}]", recipe, settings)
    for i, unit in enumerate(settings.fertigation):
        yield from _unit(f"fertigation[{i}]", unit, settings)


def _line(path: str, line: LineSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, line, _LINE)
    if line.pump_shutoff_kpa > 0.0:
        if not line.pump_shutoff_kpa > line.pump_kpa:
            fields: dict[str, str | float] = {"other": "pump_kpa", "low": line.pump_kpa, "seen": line.pump_shutoff_kpa}
            yield Mistake(f"{path}.pump_shutoff_kpa", MUST_EXCEED, fields)
        if not line.pump_l_min > 0.0:
            yield Mistake(f"{path}.pump_shutoff_kpa", NEEDS_PAIR, {"field": "pump_l_min"})
    for field in ("filter_in", "filter_out"):
        if line.backwash_kpa > 0.0 and not getattr(line, field):
            yield Mistake(f"{path}.backwash_kpa", NEEDS_PAIR, {"field": field})
    if line.backwash_valve:
        found = next((out for out in settings.outputs if out.id == line.backwash_valve), None)
        if found is None:
            yield Mistake(f"{path}.backwash_valve", UNKNOWN, {"seen": line.backwash_valve, "kind": "output"})
        elif found.kind != "backwash_valve":
            fields = {"seen": found.id, "kind": found.kind, "wanted": "backwash_valve"}
            yield Mistake(f"{path}.backwash_valve", WRONG_KIND, fields)
        elif found.place != line.id:
            yield Mistake(f"{path}.backwash_valve", WRONG_PLACE, {"seen": found.id, "other": found.place})
        if not line.backwash_flow_l_min > 0.0:
            yield Mistake(f"{path}.backwash_valve", NEEDS_PAIR, {"field": "backwash_flow_l_min"})
        if not (line.backwash_kpa > 0.0 or line.backwash_every_l > 0.0):
            yield Mistake(f"{path}.backwash_valve", NEEDS_PAIR, {"field": "backwash_every_l"})


def _zone(path: str, zone: ZoneSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, zone, _ZONE)
    if zone.cycle_max_s > 0.0 and not zone.soak_s > 0.0:
        yield Mistake(f"{path}.cycle_max_s", NEEDS_SOAK, {"seen": zone.cycle_max_s})
    line = next((line for line in settings.lines if line.id == zone.line), None)
    if line is None:
        return
    room = _room(line, zone)
    if not zone.flow_l_min <= room:
        yield Mistake(f"{path}.flow_l_min", OVER_BUDGET, {"seen": zone.flow_l_min, "room": round(room, 2)})
    if zone.wait_max_h > 0.0 and not (settings.tariff and line.pump):
        yield Mistake(f"{path}.wait_max_h", NEEDS_TARIFF, {})
    if zone.salt_group and math.isinf(salt_limit_ms_cm(zone)):
        yield Mistake(f"{path}.salt_group", COCONUT, {"seen": zone.salt_group})
    if (zone.salt_group or zone.salt_max_ms_cm > 0.0) and not line.source_ec:
        yield Mistake(
            f"{path}.salt_group" if zone.salt_group else f"{path}.salt_max_ms_cm", NEEDS_PAIR, {"field": "source_ec"}
        )
    if zone.recipe:
        if zone.recipe not in {recipe.id for recipe in settings.recipes}:
            yield Mistake(f"{path}.recipe", UNKNOWN, {"seen": zone.recipe, "kind": "recipe"})
        if zone.line not in {unit.line for unit in settings.fertigation}:
            yield Mistake(f"{path}.recipe", NO_UNIT, {"seen": zone.recipe, "line": zone.line})


def _room(line: LineSettings, zone: ZoneSettings) -> float:
    if line.pump_shutoff_kpa > 0.0 and not (line.pump_shutoff_kpa > line.pump_kpa and line.pump_l_min > 0.0):
        return math.inf  # the pump's curve is told to be wrong by itself
    return budget_l_min(line, zone.pressure_min_kpa)


def _tariff(settings: ControlSettings) -> Iterator[Mistake]:
    taken: dict[tuple[int, int], str] = {}
    rest = ""
    for i, band in enumerate(settings.tariff):
        path = f"tariff[{i}]"
        yield from outside(path, band, {"price_per_kwh": (0.0, 1e6)})
        for day in band.weekdays:
            if not 1 <= day <= 7:
                yield Mistake(f"{path}.weekdays", OUT_OF_RANGE, {"low": 1, "high": 7, "seen": day})
        if not band.hours:
            if rest:
                yield Mistake(f"{path}.hours", TWO_RESTS, {"other": rest})
            rest = band.name
        for pair in band.hours:
            try:
                start, end = (minute_of_day(text) for text in pair)
            except ValueError:
                yield Mistake(f"{path}.hours", BAD_TIME, {"seen": " - ".join(pair)})
                continue
            clash = _claim(taken, band.name, start, end, tuple(day for day in band.weekdays if 1 <= day <= 7))
            if clash is not None:
                (day, minute), other = clash
                time = f"{minute // 60:02d}:{minute % 60:02d}"
                yield Mistake(
                    f"{path}.hours", HOURS_TWICE, {"time": time, "day": day, "name": band.name, "other": other}
                )


def _claim(
    taken: dict[tuple[int, int], str], name: str, start: int, end: int, weekdays: tuple[int, ...]
) -> tuple[tuple[int, int], str] | None:
    """Note the minutes of a band; give the first that another one has already."""
    length = end - start if end > start else end - start + MINUTES_A_DAY
    for day in weekdays:
        for minute in range(start, start + length):
            at = ((day - 1 + minute // MINUTES_A_DAY) % 7 + 1, minute % MINUTES_A_DAY)
            other = taken.setdefault(at, name)
            if other != name:
                return at, other
    return None


def _stock(i: int, stock: StockSettings, settings: ControlSettings) -> Iterator[Mistake]:
    path = f"stock[{i}]"
    yield from outside(path, stock, _STOCK)
    field = "acid_eq_l" if stock.kind == "acid" else "ms_cm_per_ml_l"
    if not getattr(stock, field) > 0.0:
        yield Mistake(f"{path}.{field}", NO_STRENGTH, {"kind": stock.kind, "field": field})
    if stock.calcium and stock.phosphate_or_sulphate:
        yield Mistake(f"{path}.calcium", CALCIUM, {})
    for other in settings.stocks[:i]:
        if other.tank == stock.tank:
            yield Mistake(f"{path}.tank", SAME_TANK, {"tank": stock.tank, "other": other.id})
        if other.doser == stock.doser:
            yield Mistake(f"{path}.doser", DOSER_TWICE, {"seen": stock.doser, "other": other.id})
    doser = next((out for out in settings.outputs if out.id == stock.doser), None)
    if doser is None:
        yield Mistake(f"{path}.doser", UNKNOWN, {"seen": stock.doser, "kind": "output"})
        return
    if doser.kind != "doser":
        yield Mistake(f"{path}.doser", WRONG_KIND, {"seen": doser.id, "kind": doser.kind, "wanted": "doser"})
    if stock.kind == "acid":
        line = next((line for line in settings.lines if line.id == doser.place), None)
        if line is not None and not line.ph:
            yield Mistake(f"{path}.kind", NO_PH_PROBE, {"line": line.id})
    if stock.calibration:
        try:
            fit = fit_injector(stock.calibration)
        except InjectorError as error:
            yield Mistake(f"{path}.calibration", CALIBRATION_BAD, {"why": str(error)})
            return
        if not abs(fit.ml_per_s - doser.ml_per_s) <= FIT_TOLERANCE * fit.ml_per_s + 2.0 * fit.uncertainty_ml_per_s:
            fields: dict[str, str | float] = {"fit": round(fit.ml_per_s, 3), "doser": doser.id, "seen": doser.ml_per_s}
            yield Mistake(f"{path}.calibration", CALIBRATION_OFF, fields)


def _recipe(path: str, recipe: RecipeSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, recipe, _RECIPE)
    stocks = {stock.id: stock for stock in settings.stocks}
    for name, part in recipe.parts.items():
        if name not in stocks:
            yield Mistake(f"{path}.parts", UNKNOWN, {"seen": name, "kind": "stock"})
        elif stocks[name].kind == "acid":
            yield Mistake(f"{path}.parts", ACID_PART, {"seen": name})
        if not 0.0 <= part <= 1000.0:
            yield Mistake(f"{path}.parts", OUT_OF_RANGE, {"low": 0.0, "high": 1000.0, "seen": part})
    used = [stocks[name] for name, part in recipe.parts.items() if name in stocks and part > 0.0]
    used = [stock for stock in used if stock.kind == "fertiliser"]
    if not used:
        yield Mistake(f"{path}.parts", NO_PARTS, {})
        return
    for zone in settings.zones:
        if zone.recipe == recipe.id:
            yield from _use(path, recipe, zone, used, settings)


def _use(
    path: str, recipe: RecipeSettings, zone: ZoneSettings, used: list[StockSettings], settings: ControlSettings
) -> Iterator[Mistake]:
    """Judge a recipe where a zone uses it: on the line, above the raw water, within limits, caps and injectors."""
    dosers = {out.id: out for out in settings.outputs if out.kind == "doser"}
    line = next((line for line in settings.lines if line.id == zone.line), None)
    unit = next((unit for unit in settings.fertigation if unit.line == zone.line), None)
    if line is None or unit is None:
        return
    if not recipe.ec_ms_cm > unit.raw_ec_ms_cm:
        yield Mistake(f"{path}.ec_ms_cm", BELOW_RAW, {"low": unit.raw_ec_ms_cm, "seen": recipe.ec_ms_cm})
    if not recipe.ec_ms_cm < line.ec_max_ms_cm:
        yield Mistake(
            f"{path}.ec_ms_cm", ABOVE_LINE, {"line": line.id, "limit": line.ec_max_ms_cm, "seen": recipe.ec_ms_cm}
        )
    strength = sum(recipe.parts[stock.id] * stock.ms_cm_per_ml_l for stock in used)
    for stock in used:
        doser = dosers.get(stock.doser)
        if doser is None:
            continue
        if doser.place != line.id:
            yield Mistake(f"{path}.parts", NOT_ON_LINE, {"seen": stock.id, "line": line.id, "zone": zone.id})
        elif strength > 0.0:
            ml_l = recipe.parts[stock.id] * (recipe.ec_ms_cm - unit.raw_ec_ms_cm) / strength
            need = ml_l * zone.flow_l_min / 60.0
            if not need <= doser.ml_per_s:
                weak: Fields = {"flow": zone.flow_l_min, "recipe": recipe.id, "need": round(need, 2), "stock": stock.id}
                yield Mistake(f"{path}.parts", TOO_WEAK, {**weak, "seen": doser.ml_per_s})
            whole = ml_l * _longest_l(zone)
            if not whole <= doser.event_max_ml:
                at = next(i for i, out in enumerate(settings.outputs) if out.id == doser.id)
                short: Fields = {
                    "seen": doser.event_max_ml,
                    "zone": zone.id,
                    "need": round(whole, 1),
                    "stock": stock.id,
                }
                yield Mistake(f"output[{at}].event_max_ml", CAP_SHORT, short)


def _longest_l(zone: ZoneSettings) -> float:
    """Give the most litres of one watering: the dose, or what a plan or schedule may ask for."""
    if zone.strategy in {"moisture", "tension", "radiation_sum", "vpd_sum"}:
        return zone.dose_l
    return min(zone.flow_l_min * zone.run_max_s / 60.0, zone.daily_cap_l)


def _unit(path: str, unit: FertigationSettings, settings: ControlSettings) -> Iterator[Mistake]:
    yield from outside(path, unit, _UNIT)
    line = next((line for line in settings.lines if line.id == unit.line), None)
    if line is None:
        yield Mistake(f"{path}.line", UNKNOWN, {"seen": unit.line, "kind": "line"})
    elif not (line.ec and line.flow):
        yield Mistake(f"{path}.line", NO_EC_PROBE, {"line": unit.line})
