# SPDX-License-Identifier: Apache-2.0
"""Settings that could harm are refused by the name of the field; what is accepted drives an engine without harm."""

import math
import random

import msgspec
import pytest

from controllers import settings_check as check
from controllers import settings_mistake as mistake
from controllers.settings import ControlSettings, minute_of_day
from controllers.settings_check import problems
from tests.controllers.farm_rig import FARM, Rig

DAY, NIGHT = "houses.0.day_parts.0", "houses.0.day_parts.1"


def changed(path: str, value: object) -> ControlSettings:
    """The farm with one field changed, by a path like ``zones.0.dose_l``."""
    plain = msgspec.to_builtins(FARM)
    *way, last = path.split(".")
    place = plain
    for part in way:
        place = place[int(part)] if part.isdecimal() else place[part]
    place[int(last) if last.isdecimal() else last] = value
    return msgspec.convert(plain, ControlSettings)


def test_the_example_farm_has_no_problem() -> None:
    assert problems(FARM) == []


@pytest.mark.parametrize(
    ("path", "value", "named", "msgid"),
    [
        ("zones.0.daily_cap_l", -1.0, "zone[0].daily_cap_l", mistake.OUT_OF_RANGE),
        ("zones.0.run_max_s", 36_000.0, "zone[0].run_max_s", mistake.OUT_OF_RANGE),
        ("zones.0.rest_min_s", 999_999.0, "zone[0].rest_min_s", mistake.OUT_OF_RANGE),
        ("zones.0.dose_l", 500.0, "zone[0].dose_l", mistake.OUT_OF_RANGE),
        ("zones.0.dose_l", 0.0, "zone[0].dose_l", mistake.NEEDS_VALUE),
        ("zones.0.safe_dose_l", 500.0, "zone[0].safe_dose_l", mistake.OUT_OF_RANGE),
        ("zones.0.target_pct", 20.0, "zone[0].target_pct", mistake.MUST_EXCEED),
        ("zones.1.valve", "valve-a", "zone[1].valve", check.SHARED_VALVE),
        ("zones.1.valve", "fan", "zone[1].valve", mistake.WRONG_KIND),
        ("zones.1.valve", "nothing", "zone[1].valve", mistake.UNKNOWN),
        ("zones.1.line", "nothing", "zone[1].line", mistake.UNKNOWN),
        ("zones.1.house", "nothing", "zone[1].house", mistake.UNKNOWN),
        ("zones.1.schedule", [], "zone[1].schedule", mistake.NEEDS_VALUE),
        ("zones.1.schedule.0.at", "25:00", "zone[1].schedule[0].at", mistake.BAD_TIME),
        ("zones.1.schedule.0.at", "16:00", "zone[1].schedule[0].at", check.TWICE),
        ("zones.1.schedule.0.litres", 9999.0, "zone[1].schedule[0].litres", mistake.OUT_OF_RANGE),
        ("zones.1.schedule.0.weekdays", [8], "zone[1].schedule[0].weekdays", mistake.OUT_OF_RANGE),
        ("zones.1.id", "zone-a", "zone[1].id", check.TWICE),
        ("zones.1.id", "Zone B", "zone[1].id", check.BAD_NAME),
        ("zones.0.soil_moisture", ["soil moisture"], "zone[0].soil_moisture", check.BAD_SERIES),
        ("houses.0.frost_c", 50.0, "house[0].frost_c", mistake.OUT_OF_RANGE),
        ("houses.0.day_parts", [], "house[0].day_parts", check.NO_DAY_PART),
        (
            "houses.0.day_parts.0.temperature_high_c",
            43.0,
            "house[0].day_parts[0].temperature_high_c",
            mistake.OUT_OF_RANGE,
        ),
        (
            "houses.0.day_parts.1.temperature_low_c",
            1.0,
            "house[0].day_parts[1].temperature_low_c",
            mistake.OUT_OF_RANGE,
        ),
        (
            "houses.0.day_parts.0.temperature_low_c",
            30.0,
            "house[0].day_parts[0].temperature_high_c",
            mistake.MUST_EXCEED,
        ),
        ("houses.0.day_parts.0.vpd_low_kpa", 2.0, "house[0].day_parts[0].vpd_high_kpa", mistake.MUST_EXCEED),
        ("houses.0.day_parts.1.starts", "06:00", "house[0].day_parts[1].starts", check.TWICE),
        ("houses.0.wind", "", "output[6].storm_level", check.NO_WIND),
        ("lines.0.pump", "fan", "line[0].pump", mistake.WRONG_KIND),
        ("lines.0.tank_high_m", 0.1, "line[0].tank_high_m", mistake.MUST_EXCEED),
        ("lines.0.ph_max", 9.0, "line[0].ph_max", mistake.OUT_OF_RANGE),
        ("lines.0.ec_max_ms_cm", 6.0, "line[0].ec_max_ms_cm", mistake.OUT_OF_RANGE),
        ("lines.0.ec", [], "line[0].ec", check.NO_PROBE),
        ("lines.0.ec", ["a/b", "a/c", "a/d"], "line[0].ec", mistake.OUT_OF_RANGE),
        ("outputs.0.max_on_s", 0.0, "output[0].max_on_s", check.NO_CAP),
        ("outputs.8.max_on_s", 0.0, "output[8].max_on_s", check.NO_CAP),
        ("outputs.0.safe_level", 1.0, "output[0].safe_level", check.UNSAFE_SAFE_LEVEL),
        ("outputs.0.place", "zone-b", "output[0].place", mistake.NOT_A_MEMBER),
        ("outputs.2.place", "house", "output[2].place", mistake.UNKNOWN),
        ("outputs.5.hour_max_ml", 0.0, "output[5].hour_max_ml", mistake.OUT_OF_RANGE),
        ("outputs.6.storm_level", 2.0, "output[6].storm_level", mistake.OUT_OF_RANGE),
        ("outputs.11.place", "house", "output[11].place", mistake.UNKNOWN),
        ("limits.wind_stale_s", 86_400.0, "limits.wind_stale_s", mistake.OUT_OF_RANGE),
        ("limits.override_max_s", 1e9, "limits.override_max_s", mistake.OUT_OF_RANGE),
        ("tick_s", 0.0, "tick_s", mistake.OUT_OF_RANGE),
    ],
)
def test_each_mistake_is_named_by_its_field(path: str, value: object, named: str, msgid: str) -> None:
    found = problems(changed(path, value))
    assert (named, msgid) in [(one.path, one.msgid) for one in found], found
    for one in found:
        assert one.msgid.format(**one.fields)


def numbers(plain: object, path: str = "") -> list[str]:
    """List the paths of all numbers in a farm."""
    if isinstance(plain, dict):
        return [p for key, value in plain.items() for p in numbers(value, f"{path}.{key}".lstrip("."))]
    if isinstance(plain, list):
        return [p for i, value in enumerate(plain) for p in numbers(value, f"{path}.{i}")]
    return [path] if isinstance(plain, float) else []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e9])
def test_a_number_that_is_none_is_refused_wherever_it_stands(value: float) -> None:
    for path in numbers(msgspec.to_builtins(FARM)):
        assert problems(changed(path, value)), path


def test_series_that_no_instrument_delivers_are_named() -> None:
    found = problems(FARM, frozenset({"station/wind_speed"}))
    assert ("house[0].radiation", check.NO_SENSOR) in [(one.path, one.msgid) for one in found]
    assert "house[0].wind" not in [one.path for one in found]


def test_times_of_day_are_read_exactly() -> None:
    assert [minute_of_day(text) for text in ("00:00", "06:30", "24:00")] == [0, 390, 1440]
    for text in ("6:30", "0630", "24:01", "12:60", "ab:cd", "", "-1:00", "٠٦:٣٠x"):
        with pytest.raises(ValueError, match="HH:MM"):
            minute_of_day(text)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_farms_are_refused_or_harmless(seed: int) -> None:
    dice = random.Random(seed)
    paths = numbers(msgspec.to_builtins(FARM))
    driven = 0
    for _ in range(300):
        farm = changed(
            dice.choice(paths), dice.choice([0.0, 1.0, 30.0, 600.0, dice.uniform(-10, 500), 10 ** dice.uniform(-3, 6)])
        )
        if problems(farm):
            continue
        driven += 1
        life = Rig(settings=farm, step_ms=30_000)
        life.values["zone-a/soil_moisture"] = 10.0
        life.run(1800)
        assert life.result is not None
        assert ((life.result.allowed >= 0.0) & (life.result.allowed <= 1.0)).all()
        for zone in farm.zones:
            assert life.engine.water_today_l()[zone.id] <= zone.daily_cap_l + 1e-9
    assert driven > 30
