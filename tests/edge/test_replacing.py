# SPDX-License-Identifier: Apache-2.0
"""A dead probe is replaced: the new one gets its address and not its calibration."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from drivers.calibration.artifact import SCHEMA, Calibration, Device, Point, Reference, seal
from drivers.calibration.curves import Curve
from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.sim.instruments import SimulatedInstrument
from edge.cli_sensor import sensor
from edge.farm_draft import Place, Seen, draft
from pages.words import words
from tests.drivers.served import served

LINE = LineSettings(115200)
CATALOGUE = Catalogue()
SOIL = CATALOGUE.entry("sn-3002-thc-s")
WORLD = {"soil_moisture": 49.5, "soil_temperature": 32.4, "soil_ec": 1.204, "air_temperature": 28.4,
         "air_humidity": 71.0}  # fmt: skip
DONE_AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def new() -> SimulatedInstrument:
    """The new probe, with its maker's address 1."""
    return SimulatedInstrument(SOIL, lambda n, _t: WORLD[n], address=1, baud=LINE.baud)


@pytest.fixture
def farm(new: SimulatedInstrument, tmp_path: Path) -> Iterator[Path]:
    """A farm whose soil probe at address 9 is gone."""
    with served([new], LINE) as port:
        path = tmp_path / "farm.toml"
        place = Place("f", "F", 11.9, 108.4, "house", 100.0, "tomato")
        path.write_text(draft(place, [Seen(port, 9, LINE, (SOIL,))], words("en")), encoding="utf-8")
        yield path


def calibrate(shelf: Shelf, series: str) -> None:
    point = Point(DONE_AT, 30.0, 0.1, 30, 30.5, "oven")
    record = seal(
        Calibration(
            SCHEMA, "one", series, "soil_moisture", "%", "%", Device("sn-3002-thc-s", "SN-3002"), "offset", 1, True,
            (point,), (Reference("oven", 0.2),), msgspec.convert({"kind": "linear", "offset": 0.5, "gain": 1.0}, Curve),
            (0.0,), 10.0, 50.0, 0.5, 0.5, 0.0, "Bình", "house", DONE_AT, DONE_AT + timedelta(days=365), True,
        )
    )  # fmt: skip
    shelf.add(record)
    shelf.activate(series, "one", "Bình", DONE_AT)


def replaced(farm: Path, *options: str) -> tuple[int, str]:
    order = [
        "replace",
        "sn-3002-thc-s",
        "--config",
        str(farm),
        "--state",
        str(farm.parent),
        "--person",
        "Bình",
        "--wait",
        "200",
    ]
    result = CliRunner().invoke(sensor, [*order, *options])
    return result.exit_code, result.output


def test_the_new_probe_gets_the_address_and_the_old_calibration_is_void(farm: Path, new: SimulatedInstrument) -> None:
    shelf = Shelf(farm.parent / "calibrations")
    calibrate(shelf, "house/soil_moisture")
    code, said = replaced(farm)
    assert (code, new.address) == (75, 1)
    assert "power off and on" in said
    assert shelf.active("house/soil_moisture") is not None
    new.power_cycle(0.0)
    code, said = replaced(farm, "--at", "9")
    assert (code, new.address) == (0, 9)
    assert "house/soil_moisture: the old device's calibration is void" in said
    assert shelf.active("house/soil_moisture") is None
    assert shelf.history("house/soil_moisture")[-1].person == "Bình"


def test_a_device_of_another_type_is_refused_with_what_it_may_be(farm: Path) -> None:
    farm.write_text(farm.read_text(encoding="utf-8").replace('type = "sn-3002-thc-s"', 'type = "xy-md02"'))
    code, said = replaced(farm, "--at", "1")
    assert code == 5
    assert "another type, perhaps sn-3002-thc-s" in said


def test_silence_at_the_makers_address_is_told(farm: Path) -> None:
    code, said = replaced(farm, "--at", "33")
    assert code == 1
    assert "Nobody answers at address 33" in said


def test_a_name_that_the_farm_does_not_have_is_told_with_those_it_has(farm: Path) -> None:
    result = CliRunner().invoke(sensor, ["replace", "no-such", "--config", str(farm)])
    assert result.exit_code == 2
    assert "sn-3002-thc-s" in result.output
