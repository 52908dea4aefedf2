# SPDX-License-Identifier: Apache-2.0
"""A calibration in the instrument's own chip, through the agent and the bus; what the chip does not take is refused."""

from pathlib import Path

import pytest

from drivers.calibration.on_chip import ChipRefused, chip_request
from edge.agent import Agent
from edge.config import parse
from edge.live import Outcome
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField

TEXT = (Path(__file__).parents[2] / "deploy" / "examples" / "demo.toml").read_text(encoding="utf-8")
CO2 = {"series": "pepper-1/co2", "person": "lan", "role": "technician"}


def test_a_locked_senseair_takes_its_background_calibration_and_nothing_else_does(tmp_path: Path) -> None:
    told: dict[str, Outcome] = {}
    ruined: list[str] = []

    async def script(agent: Agent, field: SimulatedField) -> None:
        order = agent.desk.order
        told["in control"] = await order("chip", {**CO2, "value": 420.0})
        told["lock"] = await order("lock", CO2)
        told["operator"] = await order("chip", {**CO2, "role": "operator", "value": 420.0})
        told["too much"] = await order("chip", {**CO2, "value": 1200.0})
        assert not field.instruments["pepper-1-co2"].ruined
        told["done"] = await order("chip", {**CO2, "value": 420.0})
        ruined.extend(field.instruments["pepper-1-co2"].ruined)
        soil = {**CO2, "series": "pepper-1-1/soil_moisture"}
        await order("lock", soil)
        told["no chip"] = await order("chip", {**soil, "value": 30.0})

    rehearse(parse(TEXT), TEXT, tmp_path, 30, script)
    assert {name: one.outcome for name, one in told.items()} == {
        "in control": "refused", "lock": "done", "operator": "refused", "too much": "refused", "done": "done",
        "no chip": "refused",
    }  # fmt: skip
    assert len(ruined) == 1, "the simulated instrument saw the command that nobody else may send"
    assert "keeps no calibration" in told["no chip"].detail


@pytest.mark.parametrize("value", [399.0, 2001.0, float("nan")])
def test_an_scd30_takes_only_what_its_maker_allows(value: float) -> None:
    with pytest.raises(ChipRefused):
        chip_request("scd30", "co2", 0x61, value)
    assert chip_request("scd30", "co2", 0x61, 425.0).pdu == bytes.fromhex("06 0039 01A9")
