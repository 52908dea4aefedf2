# SPDX-License-Identifier: Apache-2.0
"""An order that was carried out before a start is not carried out again after it.

Found by thirty days of the whole agent under faults (seed 1, 4.95 h): a killed agent had forgotten the numbers.
"""

from pathlib import Path

from edge.agent import Agent
from edge.config import parse
from edge.live import Outcome
from edge.orders import SEEN_BEFORE
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
VENT = {"output": "pepper-1-vent", "person": "lan", "role": "operator", "level": 1.0, "seconds": 60.0}


def ask(state: Path, *numbers: tuple[int, int]) -> list[Outcome]:
    """Start the farm, order with these epochs and numbers one after the other, and let it end."""
    outcomes: list[Outcome] = []

    async def script(agent: Agent, _nature: SimulatedField) -> None:
        for _ in range(15):
            await agent.desk.bell.wait()
        for epoch, seq in numbers:
            outcomes.append(await agent.desk.order("hold", {**VENT, "issuer": "phone", "epoch": epoch, "seq": seq}))
        agent.stop()

    text = EXAMPLE.read_text(encoding="utf-8")
    state.mkdir(exist_ok=True)
    rehearse(parse(text), text, state, 120.0, script)
    return outcomes


def test_an_order_from_before_a_start_is_not_heard_again(tmp_path: Path) -> None:
    assert [one.outcome for one in ask(tmp_path, (2, 1), (2, 2))] == ["done", "done"]
    again = ask(tmp_path, (2, 1), (2, 2), (1, 9_000), (2, 3))
    assert [(one.outcome, one.detail) for one in again[:3]] == [("refused", SEEN_BEFORE)] * 3
    assert again[3].outcome == "done"
