# SPDX-License-Identifier: Apache-2.0
"""A technician sees before the farm runs which devices answer and which do not."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.sim.instruments import SimulatedInstrument
from edge.cli_bus import bus
from edge.farm_draft import Place, Seen, draft
from pages.words import words
from tests.drivers.served import served

LINE = LineSettings(115200)
AIR = Catalogue().entry("xy-md02")
HOUSE = Place("f", "F", 11.9, 108.4, "house", 100.0, "tomato")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def farm_with(port: str, folder: Path, *addresses: int) -> str:
    path = folder / "farm.toml"
    path.write_text(
        draft(HOUSE, [Seen(port, address, LINE, (AIR,)) for address in addresses], words("en")), encoding="utf-8"
    )
    return str(path)


@pytest.fixture
def nobody(tmp_path: Path) -> list[str]:
    """A state folder without an agent."""
    return ["--state", str(tmp_path / "state")]


def air() -> SimulatedInstrument:
    return SimulatedInstrument(AIR, lambda n, _t: {"air_temperature": 28.4}.get(n, 71.0), address=5, baud=LINE.baud)


def test_who_answers_and_who_does_not_is_counted(tmp_path: Path, nobody: list[str]) -> None:
    with served([air()], LINE) as port:
        farm = farm_with(port, tmp_path, 5, 6)
        told = CliRunner().invoke(bus, ["health", "--config", farm, "--seconds", "1.3", "--json", *nobody])
    assert told.exit_code == 1
    (line,) = json.loads(told.stdout)["lines"]
    devices = {one["name"]: one for one in line["devices"]}
    assert (line["name"], line["up"]) == ("line-1", True)
    assert devices["xy-md02"]["good"] >= 1
    assert devices["xy-md02"]["errors"] == {}
    assert devices["xy-md02-2"]["good"] == 0
    assert devices["xy-md02-2"]["last_good_ago_s"] is None
    assert sum(devices["xy-md02-2"]["errors"].values()) >= 1


def test_a_whole_line_ends_with_success(tmp_path: Path, nobody: list[str]) -> None:
    with served([air()], LINE) as port:
        told = CliRunner().invoke(bus, ["health", "--config", farm_with(port, tmp_path, 5), "--seconds", "1", *nobody])
    assert told.exit_code == 0, told.output
    assert re.search(r"^  xy-md02 +5  answers +\d+ +\d+ ms", told.stdout, re.MULTILINE), told.stdout
    assert "no agent runs here" in told.stderr


def test_a_line_that_is_not_there_is_told(tmp_path: Path, nobody: list[str]) -> None:
    farm = farm_with("/dev/vuon-no-such-port", tmp_path, 5)
    told = CliRunner().invoke(bus, ["health", "--config", farm, "--seconds", "1", *nobody])
    assert told.exit_code == 1
    assert "line-1  /dev/vuon-no-such-port  modbus" in told.stdout
    assert "there is no such port" in told.stdout
