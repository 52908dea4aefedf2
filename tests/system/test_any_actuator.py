# SPDX-License-Identifier: Apache-2.0
"""The whole agent with a drive for its pump, a proportional actuator for its vent and a relay board, from farm.toml.

In virtual time, on simulated bytes at each device's own speed and format; the hardware tells how it stands.
"""

import asyncio
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.config import parse
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField
from tests.support.waiting import passes

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
MORE = """
[[bus]]
name = "pump-bus"
port = "sim"
format = "8N2"

[[device]]
name = "pump-drive"
bus = "pump-bus"
type = "delta-vfd"
place = "pepper-1-water"
outputs = { "1" = "pepper-1-pump" }

[[bus]]
name = "vent-bus"
port = "sim"
baud_bd = 38400
format = "8N2"

[[device]]
name = "vent-actuator"
bus = "vent-bus"
type = "belimo-modbus"
place = "pepper-1"
outputs = { "1" = "pepper-1-vent" }
"""


def farm() -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace('"3" = "pepper-1-pump", "4" = "pepper-1-vent", ', "")
    for kind in ("vent", "pump"):
        text = text.replace(f'kind = "{kind}"\n', f'kind = "{kind}"\nproportional = true\n')
    return text + MORE


WORK = {"seconds": 300.0, "person": "lan", "role": "technician"}


def person(output: str, level: float, seconds: float = 300.0) -> dict[str, object]:
    return {"output": output, "level": level, "seconds": seconds, "person": "lan", "role": "operator"}


def test_a_drive_an_actuator_and_a_board_do_what_they_are_told_and_let_go(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    stood: dict[str, float] = {}
    left: dict[str, float] = {}
    health: dict[str, str] = {}

    async def script(agent: Agent, nature: SimulatedField) -> None:
        def now() -> dict[str, float]:
            return nature.levels(asyncio.get_running_loop().time() - nature._start_s)

        await passes(30)
        for order in (person("pepper-1-valve-1", 1.0), person("pepper-1-pump", 0.8), person("pepper-1-vent", 0.4)):
            told[str(order["output"])] = (await agent.desk.order("hold", order)).outcome
        await passes(120)
        stood.update(now())
        for place in ("pepper-1", "pepper-1-water", "pepper-1-1"):  # somebody works there: everything of it is off
            await agent.desk.order("maintain", {**WORK, "place": place})
        await passes(120)
        left.update(now())
        health.update({one.name: one.state for line in agent.desk.lines().lines for one in line.devices})

    text = farm()
    rehearse(parse(text), text, tmp_path, 320.0, script)
    assert told == {"pepper-1-valve-1": "done", "pepper-1-pump": "done", "pepper-1-vent": "done"}
    assert stood["pepper-1-valve-1"] == 1.0
    assert stood["pepper-1-pump"] == pytest.approx(0.84, abs=0.01), "10 to 50 Hz: 42 Hz"
    assert stood["pepper-1-vent"] == pytest.approx(0.4, abs=0.01)
    assert [left[output] for output in told] == [0.0, 0.0, 0.0]
    assert (health["pump-drive"], health["vent-actuator"], health["pepper-1-relay"]) == ("ok", "ok", "ok")
