# SPDX-License-Identifier: Apache-2.0
"""A technician's commands, against simulated devices behind a pseudo-terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.catalogue import BUILT_IN, Catalogue, parse_entry
from drivers.line_settings import LineSettings
from drivers.sim.instruments import SimulatedInstrument
from edge.cli_bus import bus
from edge.cli_init import init
from edge.cli_sensor import sensor
from edge.config import load
from tests.drivers.served import served

FAST = LineSettings(115200)
LINE = ["--baud", "115200"]
PATIENT = ["--wait", "500"]  # the simulated devices share a busy machine with other tests
SURE = ["--wait", "200"]
CATALOGUE = Catalogue()
WORLD = {
    "soil_moisture": 49.5,
    "soil_temperature": 32.4,
    "soil_ec": 1.204,
    "air_temperature": 28.4,
    "air_humidity": 71.0,
}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


@pytest.fixture
def probe() -> SimulatedInstrument:
    return SimulatedInstrument(CATALOGUE.entry("sn-3002-thc-s"), lambda n, _t: WORLD[n], address=2, baud=FAST.baud)


@pytest.fixture
def port(probe: SimulatedInstrument) -> Iterator[str]:
    air = SimulatedInstrument(CATALOGUE.entry("xy-md02"), lambda n, _t: WORLD[n], address=5, baud=FAST.baud)
    with served([probe, air], FAST) as path:
        yield path


def test_the_walk_from_a_scan_to_a_name(port: str) -> None:
    found = CliRunner().invoke(bus, ["scan", port, "--baud", "115200", "--addresses", "1-2,5", "--json", *PATIENT])
    assert found.exit_code == 0, found.output
    assert [d["address"] for d in json.loads(found.output)["devices"]] == [2, 5]
    shown = CliRunner().invoke(bus, ["identify", port, "2", *LINE, *PATIENT])
    assert "sn-3002-thc-s" in shown.output
    assert "soil_moisture 49.5 %" in shown.output


def test_readdress_asks_and_obeys(port: str, probe: SimulatedInstrument) -> None:
    order = ["readdress", port, "2", "9", "--type", "sn-3002-thc-s", *LINE, *SURE]
    assert CliRunner().invoke(bus, order, input="n\n").exit_code == 1
    done = CliRunner().invoke(bus, order, input="y\n")
    assert done.exit_code == 0, done.output
    assert "power off and on" in done.output
    probe.power_cycle(0.0)
    assert probe.address == 9
    taken = CliRunner().invoke(bus, ["readdress", port, "9", "5", "--type", "sn-3002-thc-s", "--yes", *LINE, *SURE])
    assert taken.exit_code == 5
    assert "Someone answers at address 5" in taken.output


def test_a_port_that_is_not_there_says_what_to_check() -> None:
    gone = CliRunner().invoke(bus, ["scan", "/dev/vuon-no-such-port", *LINE])
    assert gone.exit_code == 4
    assert "/dev/vuon-no-such-port" in gone.output


def test_nobody_on_the_line_is_said_with_what_to_check(port: str) -> None:
    empty = CliRunner().invoke(bus, ["scan", port, *LINE, "--addresses", "7"])
    assert empty.exit_code == 4
    assert "check the power, A and B" in empty.output


@pytest.mark.parametrize("addresses", ["0", "248", "x", "1-", ""])
def test_bad_addresses_are_refused(addresses: str) -> None:
    assert CliRunner().invoke(bus, ["scan", "/dev/null", "--addresses", addresses]).exit_code == 2


def test_a_new_device_becomes_a_short_entry_with_its_own_frame(port: str, tmp_path: Path) -> None:
    made = CliRunner().invoke(
        sensor,
        [
            *["add", port, "2", "my-probe", *LINE, *SURE, "--count", "3", "--out", str(tmp_path)],
            *["--see", "soil_moisture=49", "--see", "soil_temperature=32.5", "--see", "soil_ec=1200 µS/cm"],
        ],
    )
    assert made.exit_code == 0, made.output
    text = (tmp_path / "my-probe.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 15
    entry = parse_entry(text, "my-probe.toml")
    assert [(v.quantity, v.at, v.scale) for v in entry.value] == [
        ("soil_moisture", 0, 0.1),
        ("soil_temperature", 1, 0.1),
        ("soil_ec", 2, 1.0),
    ]
    assert entry.golden[0].gives["soil_moisture"] == 49.5
    assert Catalogue([tmp_path, BUILT_IN]).entry("my-probe") == entry


def test_a_value_that_stands_nowhere_is_said(port: str, tmp_path: Path) -> None:
    lost = CliRunner().invoke(
        sensor,
        ["add", port, "2", "my-probe", *LINE, *SURE, "--count", "3", "--out", str(tmp_path), "--see", "soil_ph=7"],
    )
    assert lost.exit_code == 1
    assert "soil_ph = 7 stands nowhere in registers 0 to 2" in lost.output
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_no_quantity_is_refused(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(sensor, ["add", "/dev/null", "1", "x", "--see", "soil_sugar=1", "--out", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "soil_sugar" in wrong.output


def test_a_clone_is_found_by_its_sellers_name() -> None:
    found = CliRunner().invoke(sensor, ["find", "cwt thc"])
    assert found.exit_code == 0
    assert "sn-3002-thc-s" in found.output
    assert CliRunner().invoke(sensor, ["find", "flying carpet"]).exit_code == 1


def test_the_monitor_listens_to_its_end(port: str) -> None:
    heard = CliRunner().invoke(bus, ["monitor", port, *LINE, "--seconds", "0.2", "--device", "2=sn-3002-thc-s"])
    assert heard.exit_code == 0, heard.output
    assert CliRunner().invoke(bus, ["monitor", port, "--device", "2=nothing"]).exit_code == 2


FARM = ["--title", "Vườn", "--latitude", "11.9", "--longitude", "108.4", "--area", "500", "--crop", "tomato"]


def test_a_first_farm_is_written_from_what_answers_and_never_over_another(port: str, tmp_path: Path) -> None:
    out = tmp_path / "farm.toml"
    order = [port, *FARM, "--baud", "115200", "--addresses", "1-2,5", "--out", str(out), *PATIENT]
    made = CliRunner().invoke(init, order)
    assert made.exit_code == 0, made.output
    config = load(out)
    assert [(d.type, d.address) for d in config.devices] == [("sn-3002-thc-s", 2), ("xy-md02", 5)]
    before = out.read_text(encoding="utf-8")
    again = CliRunner().invoke(init, order)
    assert again.exit_code == 2
    assert "is there already" in again.output
    assert out.read_text(encoding="utf-8") == before


def test_the_farms_own_entries_are_known_and_a_wrong_one_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "farm.toml").write_text("", encoding="utf-8")
    own = tmp_path / "devices" / "mine.toml"
    own.parent.mkdir()
    text = (BUILT_IN / "xy-md02.toml").read_text(encoding="utf-8")
    own.write_text(text.replace('type = "xy-md02"', 'type = "mine"').replace("XY-MD02", "Zebra"), encoding="utf-8")
    assert "mine: Zebra" in CliRunner().invoke(sensor, ["find", "zebra"]).output
    own.write_text('type = "mine"\nspeed = 3\n', encoding="utf-8")
    wrong = CliRunner().invoke(sensor, ["find", "zebra"])
    assert wrong.exit_code == 3
    assert "mine.toml:2" in wrong.output
