# SPDX-License-Identifier: Apache-2.0
"""A circuit whose values depend on the water's temperature is told it, from the farm's own thermometer."""

from pathlib import Path

import pytest

from drivers.text_bus import LineBus
from edge.agent import Agent
from edge.config import parse
from edge.exits import LOG_FILE
from edge.practice import Probe
from edge.rehearsal import rehearse
from edge.toml_reader import SettingsRefused
from edge.wiring import SimulatedField
from telemetry.history import LogReader
from telemetry.records import Event
from tests.support.technician import FARM, ezo_line

TOLD = ezo_line("atlas-ezo-ec", "tank-ec") + 'temperature_from = "house-1/water_temperature"\n'
WATER = "house-1/water_temperature"
LINES = TOLD + ezo_line("atlas-ezo-rtd", "tank-rtd")


async def ticks(agent: Agent, count: int) -> None:
    """Let the control loop tick so often: seconds, here virtual ones."""
    for _ in range(count):
        await agent.desk.bell.wait()


def test_a_circuit_hears_the_temperature_again_each_minute_and_a_silent_thermometer_is_told(tmp_path: Path) -> None:
    hears: list[float] = []
    calibrated: list[str] = []

    async def script(agent: Agent, nature: SimulatedField) -> None:
        circuit, thermometer = nature.probes["tank-ec"], nature.probes["tank-rtd"]
        assert circuit.ezo is not None
        thermometer.element.noise = {}
        nature.practice[WATER] = Probe(beaker=24.0)
        await ticks(agent, 300)
        hears.extend(float(one[2:]) for one in circuit.ezo.told if one.startswith("T,"))
        assert hears[-1] == pytest.approx(24.0, abs=0.05)
        nature.practice[WATER] = Probe(beaker=26.0)
        await ticks(agent, 50)
        assert float(circuit.ezo.told[-1][2:]) == pytest.approx(26.0, abs=0.05), "sooner where it changes"
        source = agent._parts.sources["tank-ec-line"]
        assert isinstance(source, LineBus)
        source.attend("tank-ec", True)  # as a calibration does, which tells the circuit itself
        circuit.ezo.told.clear()
        await ticks(agent, 120)
        calibrated.extend(one for one in circuit.ezo.told if one.startswith("T,"))
        source.attend("tank-ec", False)
        await ticks(agent, 20)
        assert [one for one in circuit.ezo.told if one.startswith("T,")], "at once when that is over"
        thermometer.silent = True

    text = FARM + LINES
    rehearse(parse(text), text, tmp_path, 1500.0, script)
    assert 5 <= len(hears) <= 8, "each minute"
    assert calibrated == []
    reader = LogReader(tmp_path / LOG_FILE)
    events = [stored.record for stored in reader.events(0, 1 << 60, "sensor.uncompensated")]
    reader.close()
    assert [event.subject for event in events if isinstance(event, Event)] == ["tank-ec"], "once"


@pytest.mark.parametrize(
    ("told", "path", "says"),
    [
        ("house-1/water_ph", "device[0].temperature_from", "house-1/water_temperature"),
        ("house-2/water_temperature", "device[0].temperature_from", "house-1/water_temperature"),
    ],
)
def test_what_is_no_temperature_of_this_farm_is_refused_by_name(told: str, path: str, says: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        parse(FARM + LINES.replace("house-1/water_temperature", told))
    assert path in str(refused.value)
    assert says in str(refused.value)


def test_a_type_that_takes_no_temperature_says_so() -> None:
    line = ezo_line("atlas-ezo-rtd", "tank-rtd") + 'temperature_from = "house-1/water_temperature"\n'
    with pytest.raises(SettingsRefused, match="takes no temperature"):
        parse(FARM + line)
