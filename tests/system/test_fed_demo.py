# SPDX-License-Identifier: Apache-2.0
"""The demo's melon house is fed by the whole agent through real bytes and the real firmware, to its recipe."""

from pathlib import Path

import numpy as np
import pytest

from edge.agent import Agent
from edge.boards import board_config
from edge.config import load
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField
from edge.zone_water import zone_water
from firmware_bridge.board_process import BOARD_PROGRAM
from tests.support.waiting import passes

DEMO = Path(__file__).parents[2] / "deploy/examples/demo.toml"
SECONDS = 620.0


def test_the_board_is_told_the_same_caps_as_the_safety_kernel() -> None:
    config = load(DEMO)
    board = next(board for board in config.boards if board.name == "melon-1-board")
    outputs = {out.id: out for out in config.control.outputs}
    told = board_config(board, config.control).dosers
    assert [doser.name for doser in told] == ["melon-1-doser-a", "melon-1-doser-b", "melon-1-doser-acid"]
    for doser in told:
        mine = outputs[doser.name]
        assert (doser.event_ml, doser.hour_ml, doser.day_ml) == (mine.event_max_ml, mine.hour_max_ml, mine.day_max_ml)
        assert doser.rate_ml_s == mine.ml_per_s
        assert doser.counter, "no dose without pulses of the water meter"


@pytest.mark.skipif(not BOARD_PROGRAM.is_file(), reason="the firmware for linux is not built (make firmware)")
def test_ec_and_ph_at_the_probes_are_those_of_the_recipe(tmp_path: Path) -> None:
    seen: list[tuple[float, float]] = []
    drawn: dict[str, float] = {}

    async def watch(_agent: Agent, field: SimulatedField) -> None:
        unit = field.field.unit("melon-1-water")
        while True:
            await passes(1.0)
            seen.append((unit.ec_ms_cm, unit.ph))
            drawn.update(unit.given_ml)

    config = load(DEMO)
    agent = rehearse(config, DEMO.read_text(encoding="utf-8"), tmp_path, SECONDS, watch)
    late = np.array(seen[-100:])
    assert late[:, 0].mean() == pytest.approx(2.2, abs=0.1)
    assert late[:, 1].mean() == pytest.approx(6.0, abs=0.2)
    account = {one.zone: one for one in zone_water(agent.runner.engine)}["melon-1-1"]
    litres = {"melon-a": (62.0, 0.0), "melon-b": (18.0, 21.0), "melon-acid": (7.0, 0.0)}
    n_g = sum(drawn[stock] * grams[0] / 1000.0 for stock, grams in litres.items())
    p_g = sum(drawn[stock] * grams[1] / 1000.0 for stock, grams in litres.items())
    assert account.n_g == pytest.approx(n_g, rel=0.1)  # strokes reach the pins a second late, and end a second late
    assert account.p_g == pytest.approx(p_g, rel=0.1)
