# SPDX-License-Identifier: Apache-2.0
"""EC, oxygen and temperature circuits of Atlas calibrated in their own memory, and what is refused on the way.

From the terminal through the agent and the line into the circuit and back, in virtual time.
"""

from pathlib import Path
from typing import Any

import pytest

from drivers.calibration.shelf import Shelf
from drivers.calibration.telling import FOUND
from drivers.sim.ezo import EzoCircuit, KeptEc, KeptOxygen
from edge.calibrating import SHELF_FOLDER
from edge.practice import Probe
from pages.words import words
from telemetry.records import Quality
from tests.support.technician import NAME, OnLine, calibrate_circuit, ezo_line

EC = "house-1/water_ec"
AGED = Probe(gain=0.9, offset=0.004)  # mS/cm: its cell has grown by a tenth, its cable leaks 4 µS/cm
EC_LINE = OnLine(ezo_line("atlas-ezo-ec", "tank-ec"), EC, "tank-ec", "ezo-ec-2", AGED, 2.0, 0.002)
EC_ONE = OnLine(EC_LINE.config, EC, "tank-ec", "ezo-ec-1", AGED, 2.0, 0.002)
OXYGEN = "house-1/dissolved_oxygen"
WORN = Probe(gain=0.8, offset=0.1)  # its membrane has aged, and it shows 0.1 mg/L of nothing
DO_LINE = OnLine(ezo_line("atlas-ezo-do", "tank-do"), OXYGEN, "tank-do", "ezo-do-2", WORN, 6.0, 0.01)
DO_AIR = OnLine(DO_LINE.config, OXYGEN, "tank-do", "ezo-do-1", WORN, 6.0, 0.01)
WARM = "house-1/water_temperature"
RTD_LINE = OnLine(ezo_line("atlas-ezo-rtd", "tank-rtd"), WARM, "tank-rtd", "ezo-rtd-1", Probe(offset=0.8), 24.0, 0.005)
# Da Lat, 1,500 m: 850 hPa. At 22 °C fresh water holds 7.30 mg/L there, 8.74 at the sea.
DA_LAT = {"Temperature of the air": "22", "Air pressure here": "850"}
SATURATED = 7.298
HOUSE = {"Name of the reference": "House standard", "Its own uncertainty": "0.1"}


@pytest.mark.parametrize(
    ("line", "beakers", "answers", "told", "found", "raw"),
    [
        (
            EC_LINE, (0.0, 1.413, 12.88, 1.413), {}, ["Cal,dry", "Cal,low,1413", "Cal,high,12880"],
            [0.004, 0.9 * 1.413, 0.9 * 12.88], 2000.0,
        ),
        (EC_ONE, (0.0, 1.413), {}, ["Cal,dry", "Cal,1413"], [0.004, 0.9 * 1.413], 2000.0),
        (DO_LINE, (SATURATED, 0.0), DA_LAT, ["Cal", "Cal,0"], [0.8 * SATURATED + 0.1, 0.1], 6.0),
        (DO_AIR, (SATURATED,), DA_LAT, ["Cal"], [0.8 * SATURATED + 0.1], None),
        (RTD_LINE, (27.0,), HOUSE | {"Value of the reference": "27"}, ["Cal,27"], [27.8], 24.0),
    ],
    ids=["EC dry, low, high", "EC dry, one", "oxygen in air and zero", "oxygen in air", "temperature"],
)  # fmt: skip
def test_a_circuit_takes_its_points_and_ends_with_a_signed_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: OnLine, beakers: tuple[float, ...],
    answers: dict[str, str], told: list[str], found: list[float], raw: float | None,
) -> None:  # fmt: skip
    seen = calibrate_circuit(tmp_path, monkeypatch, line, beakers, answers=answers)
    assert seen.told() == told, seen.error
    made = seen.record
    assert made is not None
    assert (made.method, made.adjusted, made.person, len(made.points)) == (line.method, True, NAME, len(found))
    assert [point.sheet[FOUND] for point in made.points] == pytest.approx(found, rel=0.01, abs=0.02)
    assert made.as_left_error <= 0.02 * max(point.truth for point in made.points)
    assert made.passed
    after = seen.tiles["after"]
    assert after.value == pytest.approx(line.home, rel=0.01 if raw else 0.02), "the live value follows"
    assert raw is None or after.raw == pytest.approx(raw, rel=0.01), "the raw signal stays in the circuit's own unit"
    assert after.value != pytest.approx(seen.tiles["before"].value, rel=0.02)
    assert after.calibration == made.id
    assert not after.quality & (Quality.LOCKED | Quality.UNCALIBRATED | Quality.EXTRAPOLATED | Quality.RANGE)


def test_oxygen_is_reckoned_with_the_air_of_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calibrate_circuit(tmp_path, monkeypatch, DO_LINE, (SATURATED, 0.0), answers=DA_LAT)
    assert {"T,22.00", "P,85.00"} <= set(seen.circuit.told)
    assert seen.record is not None
    air = seen.record.points[0]
    assert air.truth == pytest.approx(SATURATED, abs=0.001)
    assert (air.sheet["temperature_c"], air.sheet["pressure_hpa"]) == (22.0, 850.0)


def deaf(circuit: EzoCircuit) -> None:
    circuit.deaf = True


def unwilling(circuit: EzoCircuit) -> None:
    circuit.unwilling = True


@pytest.mark.parametrize(
    ("line", "beakers", "more", "why", "told"),
    [
        (EC_LINE, (0.0, 12.88, 1.413), {}, "gain", ["Cal,dry"]),
        (EC_LINE, (0.0, 1.413, 1.413), {}, "Equal points", ["Cal,dry", "Cal,low,1413"]),
        (EC_LINE, (1.413,), {}, "not dry", []),
        (DO_LINE, (SATURATED, 3.0), {"answers": DA_LAT}, "still shows", ["Cal"]),
        (RTD_LINE, (40.0,), {"answers": HOUSE | {"Value of the reference": "27"}}, "off", []),
        (EC_LINE, (0.0,), {"ruin": deaf}, "no answer", []),
        (EC_LINE, (0.0,), {"ruin": unwilling}, "does not know this command", ["Cal,dry"]),
    ],
    ids=["swapped", "equal", "wet", "stale sulphite", "wrong thermometer", "silent", "*ER"],
)
def test_what_is_refused_leaves_the_circuit_and_the_calibration_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: OnLine,
    beakers: tuple[float, ...], more: dict[str, Any], why: str, told: list[str],
) -> None:  # fmt: skip
    held = KeptEc(dry=1.0, high=(1300.0, 1413.0)) if line is EC_LINE else None
    seen = calibrate_circuit(tmp_path, monkeypatch, line, beakers, held=held, **more)
    assert seen.record is None
    assert why in capsys.readouterr().err + str(seen.error or "") + said(seen.error)
    assert seen.told() == told
    if held is not None:
        assert seen.circuit.kept == held
    assert Shelf(tmp_path / SHELF_FOLDER).active(line.series) is None
    assert not seen.tiles["after"].quality & Quality.LOCKED


def said(error: Exception | None) -> str:
    """Give the sentence that the terminal would say."""
    outcome = getattr(error, "outcome", None)
    return "" if outcome is None else words("en").say(outcome.detail, outcome.fields)


def test_a_signal_that_moves_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calibrate_circuit(tmp_path, monkeypatch, EC_LINE, (0.0,), unsteady=0.2)
    assert seen.told() == []
    assert seen.record is None


def test_a_person_may_take_his_time_to_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the probe shows goes on being heard; a still point is not refused because the answer came late."""
    seen = calibrate_circuit(tmp_path, monkeypatch, EC_ONE, (0.0, 1.413), thinks_s=45.0)
    assert seen.record is not None
    assert "no point was taken" not in capsys.readouterr().err
    assert seen.record.points[1].signal == pytest.approx(1413.0, rel=0.01)


def test_a_stop_gives_an_oxygen_circuit_its_pressure_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = KeptOxygen(air=(8.0, 9.09))

    def high(circuit: EzoCircuit) -> None:
        circuit.pressure_kpa = 101.0

    seen = calibrate_circuit(
        tmp_path, monkeypatch, DO_LINE, (SATURATED, 0.0), answers=DA_LAT | {"Your choice": "3"}, held=held, ruin=high
    )
    assert seen.told() == ["Cal", "Cal,0"]
    assert seen.circuit.kept == held
    assert seen.circuit.pressure_kpa == 101.0
