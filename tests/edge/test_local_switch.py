# SPDX-License-Identifier: Apache-2.0
"""The switch at the plant wins over everybody from afar, has an end, and orders nothing when it falls silent."""

from collections.abc import Sequence
from math import nan
from pathlib import Path

import pytest

from controllers.settings import OutputSettings, SafetyLimits
from edge.alarms import AlarmBoard
from edge.config import parse
from edge.local_switch import FORGOTTEN, PERSON, LocalSwitches
from edge.orders import AT_THE_PLANT, Orders
from edge.seen_orders import Giver
from edge.switch_settings import LocalSwitch
from edge.toml_reader import SettingsRefused
from telemetry.records import AnyRecord, Event, Quality, Sample

ROOT = Path(__file__).parents[2]
FARM = (ROOT / "deploy" / "examples" / "da-lat-pepper.toml").read_text(encoding="utf-8")
SERIES = "house/switch.11"
OUTPUTS = {
    "valve": OutputSettings("valve", "valve", "zone", max_on_s=1200.0),
    "fan": OutputSettings("fan", "fan", "house"),
}


class Plant:
    """A switch, its orders and the log."""

    def __init__(self, does: str = "on", max_min: float = 30.0, outputs: tuple[str, ...] = ("fan",)) -> None:
        self.now = 0
        self.log: list[AnyRecord] = []
        self.orders = Orders(OUTPUTS, (), SafetyLimits(), lambda: self.now, self.take)
        self.alarms = AlarmBoard(self.take)
        switch = LocalSwitch(SERIES, outputs, does, max_min)  # type: ignore[arg-type]
        self.switches = LocalSwitches((switch,), OUTPUTS, self.orders, self.alarms)
        self.samples: dict[str, Sample] = {}

    def take(self, records: Sequence[AnyRecord]) -> None:
        self.log.extend(records)

    def turn(self, value: float, quality: int = 0, after_s: float = 1.0) -> None:
        self.now += round(after_s * 1000)
        self.samples[SERIES] = Sample(SERIES, self.now, value, value, quality)
        self.orders.expire()
        self.switches.look(self.samples, self.now)

    def kinds(self) -> list[str]:
        return [one.kind for one in self.log if isinstance(one, Event)]


def test_a_switch_in_hand_orders_and_is_written_down_and_gives_back() -> None:
    plant = Plant()
    plant.turn(1.0)
    hold = plant.orders.overrides["fan"]
    assert (hold.level, hold.origin, hold.person) == (1.0, "local", PERSON)
    for _ in range(10):
        plant.turn(1.0)
    plant.turn(0.0)
    assert plant.orders.overrides == {}
    assert plant.kinds() == ["order.hold", "order.end"]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_nobody_from_afar_moves_what_the_switch_has(level: float) -> None:
    plant = Plant()
    plant.turn(1.0)
    for origin in ("remote", "manual"):
        giver = Giver("admin", "admin", origin)
        assert plant.orders.hold("fan", level, 60.0, giver) == AT_THE_PLANT
        assert plant.orders.stop("fan", giver) == AT_THE_PLANT
    assert plant.orders.overrides["fan"].origin == "local"
    plant.turn(0.0)
    assert plant.orders.hold("fan", 1.0, 60.0, Giver("lan", "operator")) == ""


def test_the_switch_takes_over_what_somebody_from_afar_had_ordered() -> None:
    plant = Plant(does="off")
    plant.orders.hold("fan", 1.0, 600.0, Giver("lan", "operator", "remote"))
    plant.turn(1.0)
    assert (plant.orders.overrides["fan"].level, plant.orders.overrides["fan"].origin) == (0.0, "local")


@pytest.mark.parametrize(
    ("value", "quality"),
    [(nan, int(Quality.COMM)), (1.0, int(Quality.STALE)), (1.0, int(Quality.SENTINEL)), (nan, 0), (0.0, 0)],
)
def test_a_switch_that_is_silent_or_broken_orders_nothing(value: float, quality: int) -> None:
    plant = Plant()
    plant.turn(value, quality)
    assert plant.orders.overrides == {}
    plant.turn(1.0)
    plant.turn(value, quality)
    assert plant.orders.overrides == {}


def test_a_forgotten_switch_ends_by_its_time_with_an_alarm_and_must_be_put_back_first() -> None:
    plant = Plant(max_min=10.0)
    plant.turn(1.0)
    plant.turn(1.0, after_s=600.0)
    assert plant.orders.overrides == {}
    assert plant.alarms.stands(FORGOTTEN, SERIES)
    plant.turn(1.0, after_s=3600.0)
    assert plant.orders.overrides == {}
    plant.turn(0.0)
    assert not plant.alarms.stands(FORGOTTEN, SERIES)
    plant.turn(1.0)
    assert "fan" in plant.orders.overrides


def test_a_valve_opened_at_the_plant_keeps_its_own_longest_time() -> None:
    plant = Plant(outputs=("valve",), max_min=240.0)
    plant.turn(1.0)
    assert plant.orders.overrides["valve"].until_ms - plant.now == 1_200_000


SWITCH = '\n[[local_switch]]\nseries = "{series}"\noutputs = ["{output}"]\n{more}'


@pytest.mark.parametrize(
    ("series", "output", "more", "path"),
    [
        ("pepper-1/air_temperature", "pepper-1-fan", "", ""),
        ("pepper-1/switch.99", "pepper-1-fan", "", "local_switch[0].series"),
        ("pepper-1/air_temperature", "moon", "", "local_switch[0].outputs"),
        ("pepper-1/air_temperature", "pepper-1-fan", "max_min = 0", "local_switch[0].max_min"),
        ("pepper-1/air_temperature", "pepper-1-fan", "max_min = inf", "local_switch[0].max_min"),
        ("pepper-1/air_temperature", "pepper-1-fan", 'does = "open"', "local_switch[0].does"),
        ("pepper-1/air_temperature", "pepper-1-fan", '[alarms]\nsirens = ["pepper-1-fan"]', "alarms.sirens"),
        ("pepper-1/air_temperature", "pepper-1-fan", '[alarms]\nlamps = ["moon"]', "alarms.lamps"),
        ("pepper-1/air_temperature", "pepper-1-fan", '[alarms]\nquiet_from = "25:00"', "alarms.quiet_from"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_path(series: str, output: str, more: str, path: str) -> None:
    text = FARM + SWITCH.format(series=series, output=output, more=more)
    if not path:
        assert parse(text).local_switches[0].max_min == 30.0
        return
    with pytest.raises(SettingsRefused) as refused:
        parse(text)
    assert path in [problem.path for problem in refused.value.problems]
