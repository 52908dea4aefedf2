# SPDX-License-Identifier: Apache-2.0
"""A technician sees before the farm runs which devices answer and which do not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.sim.instruments import SimulatedInstrument
from edge.cli_bus import bus
from edge.farm_draft import Place, Seen, draft
from tests.drivers.served import served

LINE = LineSettings(115200)
AIR = Catalogue().entry("xy-md02")
HOUSE = Place("f", "F", 11.9, 108.4, "house", 100.0, "tomato")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def farm_with(port: str, folder: Path, *addresses: int) -> str:
    path = folder / "farm.toml"
    path.write_text(draft(HOUSE, [Seen(port, address, LINE, (AIR,)) for address in addresses]), encoding="utf-8")
    return str(path)


def test_who_answers_and_who_does_not_is_counted(tmp_path: Path) -> None:
    there = SimulatedInstrument(AIR, lambda n, _t: {"air_temperature": 28.4}.get(n, 71.0), address=5, baud=LINE.baud)
    with served([there], LINE) as port:
        farm = farm_with(port, tmp_path, 5, 6)
        told = CliRunner().invoke(bus, ["health", "--config", farm, "--seconds", "1.3", "--json"])
    assert told.exit_code == 1
    devices = json.loads(told.output)["devices"]
    assert devices["xy-md02"]["good"] >= 1
    assert devices["xy-md02"]["errors"] == {}
    assert devices["xy-md02-2"]["good"] == 0
    assert sum(devices["xy-md02-2"]["errors"].values()) >= 1


def test_a_whole_line_ends_with_success(tmp_path: Path) -> None:
    there = SimulatedInstrument(AIR, lambda n, _t: {"air_temperature": 28.4}.get(n, 71.0), address=5, baud=LINE.baud)
    with served([there], LINE) as port:
        told = CliRunner().invoke(bus, ["health", "--config", farm_with(port, tmp_path, 5), "--seconds", "1"])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("xy-md02 ")


def test_a_line_that_is_not_there_is_told(tmp_path: Path) -> None:
    farm = farm_with("/dev/vuon-no-such-port", tmp_path, 5)
    told = CliRunner().invoke(bus, ["health", "--config", farm, "--seconds", "1"])
    assert told.exit_code == 1
    assert "line-1: " in told.output
