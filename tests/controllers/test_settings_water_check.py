# SPDX-License-Identifier: Apache-2.0
"""What cannot be fed, pumped or paid for is refused by its name: tanks, injectors, recipes, tariff, filter, salt."""

import math

import msgspec
import pytest

from controllers.settings import ControlSettings
from controllers.settings_check import problems
from controllers.settings_water import RecipeSettings, TariffBand
from tests.controllers.water_rig import EVN, FED, RECIPES, STOCKS, UNIT, WASHED, ZONES


def put(settings: ControlSettings, table: str, row: int, **change: object) -> ControlSettings:
    """The settings with other values in one row of a table."""
    rows = list(getattr(settings, table))
    rows[row] = msgspec.structs.replace(rows[row], **change)
    return msgspec.structs.replace(settings, **{table: tuple(rows)})


def out(settings: ControlSettings, name: str, **change: object) -> ControlSettings:
    at = next(i for i, one in enumerate(settings.outputs) if one.id == name)
    return put(settings, "outputs", at, **change)


OTHER = ((60.0, 240.0), (60.0, 241.0), (60.0, 239.0))
RIVER = put(FED, "lines", 0, source_ec="river/water_ec")
TARIFF = msgspec.structs.replace(FED, tariff=EVN)
CASES: tuple[tuple[ControlSettings, str, str], ...] = (
    (put(FED, "stocks", 1, tank="tank-a"), "stock[1].tank", "must not share a tank"),
    (put(FED, "stocks", 0, phosphate_or_sulphate=True), "stock[0].calcium", "gypsum"),
    (put(FED, "lines", 0, ph=()), "stock[2].kind", "no pH probe"),
    (put(FED, "lines", 0, ec=()), "fertigation[0].line", "EC probe"),
    (put(FED, "stocks", 0, ms_cm_per_ml_l=0.0), "stock[0].ms_cm_per_ml_l", "strength"),
    (put(FED, "stocks", 2, acid_eq_l=math.nan), "stock[2].acid_eq_l", "from {low}"),
    (out(FED, "doser-a", ml_per_s=0.0), "output[11].ml_per_s", "from {low}"),
    (
        put(FED, "stocks", 0, calibration=((60.0, 240.0), (60.0, 241.0), (60.0, 239.0))),
        "stock[0].calibration",
        "measured",
    ),
    (put(FED, "stocks", 0, calibration=((60.0, 180.0),)), "stock[0].calibration", "cannot be used"),
    (put(FED, "stocks", 1, doser="doser-a"), "stock[1].doser", "already belongs"),
    (put(FED, "stocks", 1, doser="pump"), "stock[1].doser", "is needed here"),
    (put(FED, "stocks", 1, doser="nobody"), "stock[1].doser", "no such"),
    (put(FED, "recipes", 0, parts={}), "recipe[0].parts", "at least one stock"),
    (put(FED, "recipes", 0, parts={"a": 1.0, "acid": 1.0}), "recipe[0].parts", "dosed by pH"),
    (put(FED, "recipes", 0, parts={"c": 1.0}), "recipe[0].parts", "no such"),
    (put(FED, "recipes", 0, ec_ms_cm=0.25), "recipe[0].ec_ms_cm", "raw water"),
    (put(FED, "recipes", 0, ec_ms_cm=9.0), "recipe[0].ec_ms_cm", "from {low}"),
    (put(FED, "recipes", 0, ph=3.0), "recipe[0].ph", "from {low}"),
    (put(put(FED, "lines", 0, ec_max_ms_cm=2.0), "recipes", 1, ec_ms_cm=1.0), "recipe[0].ec_ms_cm", "stops dosing"),
    (out(FED, "doser-b", ml_per_s=0.5), "recipe[0].parts", "needs {need} mL/s"),
    (out(FED, "doser-b", event_max_ml=100.0), "output[12].event_max_ml", "a watering through"),
    (put(FED, "zones", 0, recipe="unheard"), "zone[0].recipe", "no such"),
    (msgspec.structs.replace(FED, fertigation=()), "zone[0].recipe", "[[fertigation]]"),
    (put(FED, "fertigation", 0, mix_l=0.0), "fertigation[0].mix_l", "from {low}"),
    (put(TARIFF, "tariff", 1, hours=(("19:00", "04:00"),)), "tariff[1].hours", "two prices"),
    (put(TARIFF, "tariff", 0, hours=(("9:30", "11:30"),)), "tariff[0].hours", "not a time"),
    (msgspec.structs.replace(FED, tariff=(*EVN, TariffBand("rest", 1.0))), "tariff[3].hours", "leave out"),
    (put(FED, "zones", 0, wait_max_h=2.0), "zone[0].wait_max_h", "[[tariff]]"),
    (put(FED, "zones", 0, cycle_max_s=60.0), "zone[0].cycle_max_s", "pause"),
    (put(FED, "lines", 0, flow_max_l_min=20.0), "zone[0].flow_l_min", "can give"),
    (
        put(FED, "lines", 0, pump_shutoff_kpa=300.0, pump_kpa=300.0, pump_l_min=50.0),
        "line[0].pump_shutoff_kpa",
        "greater",
    ),
    (put(FED, "zones", 0, salt_group="durian"), "zone[0].salt_group", "{field}"),
    (
        put(put(FED, "lines", 0, source_ec="river/water_ec"), "zones", 0, salt_group="coconut"),
        "zone[0].salt_group",
        "source",
    ),
    (put(WASHED, "lines", 0, filter_out=""), "line[0].backwash_kpa", "{field}"),
    (put(WASHED, "lines", 0, backwash_flow_l_min=0.0), "line[0].backwash_valve", "{field}"),
    (put(WASHED, "lines", 0, backwash_valve="pump"), "line[0].backwash_valve", "is needed here"),
)


def test_the_farms_of_the_tests_are_well() -> None:
    for farm in (FED, WASHED, TARIFF):
        assert problems(farm) == []
    assert (len(STOCKS), len(RECIPES), len(ZONES), UNIT.line) == (3, 2, 2, "line")
    assert isinstance(RECIPES[0], RecipeSettings)


@pytest.mark.parametrize(("farm", "path", "said"), CASES, ids=[f"{path}: {said}" for _, path, said in CASES])
def test_a_mistake_is_told_at_its_place(farm: ControlSettings, path: str, said: str) -> None:
    found = [(problem.path, problem.msgid) for problem in problems(farm)]
    assert any(at == path and said in msgid for at, msgid in found), found
