# SPDX-License-Identifier: Apache-2.0
"""A calibration in the instrument's own memory, from the terminal through the agent and the line into the instrument.

The whole agent runs in virtual time (``tests.support.technician``).
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.calibration.on_chip import ChipRefused, chip_request
from drivers.calibration.shelf import Shelf
from drivers.sim.ezo import Kept
from edge import cli_calibrate
from edge.agent import Agent
from edge.calibrating import SHELF_FOLDER, CalibrationDesk, tile_of
from edge.cli_calibrate import perform
from edge.config import parse
from edge.live import Outcome
from edge.practice import Probe
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField
from pages.words import words
from telemetry.records import Quality
from tests.support.inside import Inside
from tests.support.technician import DEMO, NAME, OnLine, Person, Seen, calibrate_circuit, ezo_line

PH = "house-1/water_ph"
CO2 = {"series": "pepper-1/co2", "person": "lan", "role": "technician"}
BUFFERS = (7.0, 4.01, 10.01)
AGED = Probe(gain=0.96, offset=0.33)  # 96 % slope, 0.05 pH too high at 7
# Its noise is the accuracy of the circuit (data sheet V5.8, p. 1).
PH_LINE = OnLine(ezo_line("atlas-ezo-ph", "tank-ph"), PH, "tank-ph", "ezo-ph-3", AGED, 6.2, 0.002)


def test_three_buffers_into_an_ezo_circuit_cost_twelve_keys_and_two_minutes_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = calibrate_circuit(tmp_path, monkeypatch, PH_LINE, BUFFERS)
    assert seen.record is not None
    assert seen.person is not None
    print(f"{seen.person.keys} keys, {seen.took_s:.0f} s of a person's time")
    assert seen.person.keys <= 12
    assert seen.took_s <= 120.0
    assert seen.told() == ["Cal,mid,7", "Cal,low,4.01", "Cal,high,10.01"]
    made = seen.record
    assert (made.method, made.adjusted, made.person) == ("ezo-ph-3", True, NAME)
    assert made.health["slope_acid_pct"] == pytest.approx(96.0, abs=0.3)
    assert made.health["slope_base_pct"] == pytest.approx(96.0, abs=0.3)
    # 0.96 · (buffer - 7) + 0.05 beside 7 is what was found at each: 0.05, 0.17 and -0.07
    found = [point.sheet["found"] - point.truth for point in made.points]
    assert found == pytest.approx([0.05, 0.1696, -0.0704], abs=0.01)
    assert made.as_found_error == pytest.approx(0.17, abs=0.01)
    assert made.as_left_error <= 0.01
    assert seen.tiles["before"].value == pytest.approx(0.96 * 6.2 + 0.33, abs=0.01)
    assert seen.tiles["after"].value == pytest.approx(6.2, abs=0.01)
    assert seen.tiles["after"].raw == pytest.approx(6.2, abs=0.01)
    assert seen.tiles["after"].calibration == made.id
    assert not seen.tiles["after"].quality & (Quality.LOCKED | Quality.UNCALIBRATED | Quality.EXTRAPOLATED)


HELD = Kept(mid=(7.08, 7.0), low=(4.2, 4.0), high=(9.94, 10.0))


def test_swapped_buffers_are_refused_before_they_are_told_and_the_circuit_holds_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = calibrate_circuit(tmp_path, monkeypatch, PH_LINE, (7.0, 10.01, 4.01), held=HELD)
    assert seen.stopped
    assert "swapped" in capsys.readouterr().err
    assert seen.told() == ["Cal,mid,7"]
    assert seen.circuit.kept == HELD
    assert Shelf(tmp_path / SHELF_FOLDER).active(PH) is None
    assert not seen.tiles["after"].quality & Quality.LOCKED


def test_a_stop_at_the_end_brings_back_what_the_circuit_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calibrate_circuit(tmp_path, monkeypatch, PH_LINE, BUFFERS, answers={"Your choice": "3"}, held=HELD)
    assert seen.record is None
    assert "Cal,high,10.01" in seen.circuit.told
    assert seen.circuit.told[-1].startswith("Import,")
    assert seen.circuit.kept == HELD


def test_a_locked_senseair_takes_its_background_calibration_and_nothing_else_does(tmp_path: Path) -> None:
    told: dict[str, Outcome] = {}
    shown: list[float] = []
    ruined: list[str] = []

    async def script(agent: Agent, nature: SimulatedField) -> None:
        order = agent.desk.order
        nature.practice[CO2["series"]] = Probe(beaker=425.0, offset=60.0)
        told["in control"] = await order("chip", {**CO2, "value": 400.0})
        told["lock"] = await order("lock", CO2)
        told["operator"] = await order("chip", {**CO2, "role": "operator", "value": 400.0})
        told["too much"] = await order("chip", {**CO2, "value": 1200.0})
        told["nothing to keep"] = await order("chip", {**CO2, "do": "keep"})
        assert not nature.instruments["pepper-1-co2"].ruined
        told["done"] = await order("chip", {**CO2, "value": 400.0})
        ruined.extend(nature.instruments["pepper-1-co2"].ruined)
        for _ in range(12):
            await agent.desk.bell.wait()
        shown.append(tile_of(agent.desk.live(), CO2["series"]).raw)
        soil = {**CO2, "series": "pepper-1-1/soil_moisture"}
        await order("lock", soil)
        told["no chip"] = await order("chip", {**soil, "value": 30.0})

    rehearse(parse(DEMO), DEMO, tmp_path, 40, script)
    assert {name: one.outcome for name, one in told.items()} == {
        "in control": "refused", "lock": "done", "operator": "refused", "too much": "refused",
        "nothing to keep": "refused", "done": "done", "no chip": "refused",
    }  # fmt: skip
    assert len(ruined) == 1, "the simulated instrument saw the command that nobody else may send"
    assert shown == [pytest.approx(400.0, abs=15.0)], "it keeps the calibration: 485 was shown before"
    assert "keeps no calibration" in told["no chip"].detail


@pytest.mark.parametrize("value", [399.0, 2001.0, float("nan")])
def test_an_scd30_takes_only_what_its_maker_allows(value: float) -> None:
    with pytest.raises(ChipRefused):
        chip_request("scd30", "co2", 0x61, value)
    assert chip_request("scd30", "co2", 0x61, 425.0).pdu == bytes.fromhex("06 0039 01A9")


GAS_LINE = """
[[bus]]
name = "gas"
port = "sim"
baud_bd = 19200

[[device]]
name = "packhouse-co2"
bus = "gas"
type = "scd30"
address = 97
place = "pepper-1-water"
period_s = 10
"""


@pytest.mark.parametrize(
    ("series", "method", "device", "air", "register", "left"),
    [
        ("pepper-1-water/co2", "forced-co2", "packhouse-co2", 425.0, 0x0039, 425.0),
        ("pepper-1/co2", "background-co2", "pepper-1-co2", 405.0, 0x0001, 400.0),
    ],
)
def test_a_co2_sensors_own_memory_is_calibrated_in_fresh_air_to_a_signed_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, series: str, method: str, device: str, air: float, register: int,
    left: float,
) -> None:  # fmt: skip
    """The sensor shows 38 ppm too much; the whole way from the keys through agent, bus and register and back."""
    seen = Seen()
    writes: list[tuple[int, int]] = []

    async def script(agent: Agent, nature: SimulatedField) -> None:
        sensor = nature.instruments[device]
        plain = sensor._calibrate

        def watched(at: int, word: int, now: float) -> None:
            writes.append((at, word))
            plain(at, word, now)

        monkeypatch.setattr(type(sensor), "_calibrate", lambda one, *what: watched(*what) if one is sensor else None)
        nature.practice[series] = Probe(beaker=air, offset=38.0)
        for _ in range(12):
            await agent.desk.bell.wait()
        seen.tiles["before"] = tile_of(agent.desk.live(), series)

        def now() -> datetime:
            return datetime.fromtimestamp(agent.boot.wall()[0] / 1000.0, UTC)

        seen.person = Person(lambda _air: None, [air])
        monkeypatch.setattr(cli_calibrate, "AgentClient", lambda _path: Inside(agent))
        monkeypatch.setattr(cli_calibrate, "_now", now)
        monkeypatch.setattr(cli_calibrate, "_ask_person", seen.person.press)
        desk = CalibrationDesk(tmp_path, Inside(agent), now)
        seen.record = await perform(desk, tmp_path, series, method, NAME, words("en"))
        for _ in range(25):
            await agent.desk.bell.wait()
        seen.tiles["after"] = tile_of(agent.desk.live(), series)

    rehearse(parse(DEMO + GAS_LINE), DEMO + GAS_LINE, tmp_path, 150, script)
    made = seen.record
    assert made is not None
    assert (made.method, made.adjusted, made.person, len(made.points)) == (method, True, NAME, 1)
    assert [at for at, _word in writes if at == register] == [register], "told once"
    assert made.points[0].sheet["found"] == pytest.approx(air + 38.0, abs=12.0)
    assert made.points[0].signal == pytest.approx(left, abs=12.0)
    assert made.as_found_error == pytest.approx(air + 38.0 - left, abs=12.0)
    assert made.as_left_error <= 12.0
    assert seen.tiles["before"].value == pytest.approx(air + 38.0, abs=15.0)
    assert seen.tiles["after"].value == pytest.approx(left, abs=15.0)
    assert seen.tiles["after"].calibration == made.id
    assert not seen.tiles["after"].quality & Quality.LOCKED
