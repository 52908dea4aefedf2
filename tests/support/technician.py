# SPDX-License-Identifier: Apache-2.0
"""A technician at a terminal and a whole agent in virtual time behind it: one probe calibrated by ``vuon calibrate``.

The terminal's command is the real one; its keys are pressed by a person who takes 1.5 s for each and 12 s to rinse.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pytest

from drivers.calibration.artifact import Calibration
from drivers.calibration.fit import FitRefused
from drivers.calibration.forms import AnswerRefused
from drivers.sim.ezo import EzoCircuit, Memory
from edge import cli_calibrate
from edge.agent import Agent
from edge.calibrating import CalibrationDesk, Refused, tile_of
from edge.cli_calibrate import perform
from edge.config import parse
from edge.live import Tile
from edge.practice import Probe
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField
from pages.words import words
from tests.support.inside import Inside
from tests.support.waiting import passes

# A house with nothing but the probe: the whole agent is there, and quick.
FARM: Final = """
[farm]
edge = "one-probe"
title = "Trại một đầu đo"
latitude_deg = 11.94
longitude_deg = 108.44
clock = "rtc"

[simulation]
seed = 2
houses = { house-1 = "da-lat-pepper" }

[[house]]
id = "house-1"
title = "Nhà ớt"
area_m2 = 500.0
crop = "sweet pepper"
day_parts = [
  { name = "day", starts = "06:00", temperature_low_c = 9, temperature_high_c = 27, vpd_low_kpa = 1, vpd_high_kpa = 2 },
]
"""
DEMO: Final = (Path(__file__).parents[2] / "deploy" / "examples" / "demo.toml").read_text(encoding="utf-8")
KEY_S, RINSE_S = 1.5, 12.0
LONGEST_S: Final = 900.0
NAME: Final = "Trần Văn Bình"
# Before these he moves the probe to the next place.
CUES: Final = ("Value of the reference", "Press Enter when", "Temperature of the air")


@dataclass
class Person:
    """Who stands at the tank: reads, presses Enter, rinses, and puts the probe into the next beaker.

    ``answers`` replace Enter where the question begins so; he gives up when the same point is asked a third time.
    """

    into: Callable[[float], None]
    beakers: list[float]
    answers: dict[str, str] = field(default_factory=dict)
    thinks_s: float = 0.0  # before he says yes
    keys: int = 0
    asked: int = 0

    async def press(self, ask: Callable[..., Any], text: str, **options: Any) -> Any:
        """Answer one question as ``cli_calibrate._ask_person`` does."""
        if text.startswith(CUES):
            if not self.beakers:
                raise click.Abort  # what stood in the last one was refused: he stops
            await passes(RINSE_S)
            self.into(self.beakers.pop(0))
            self.asked = 0
        await passes(KEY_S)
        answer = next((given for begin, given in self.answers.items() if text.startswith(begin)), "")
        self.keys += 1 + len(answer)
        if ask is click.confirm:
            await passes(self.thinks_s)
            self.asked += 1
            if self.asked > 2:
                raise click.Abort  # the same point was refused: he stops
            return options["default"]
        return answer or options["default"]


@dataclass
class Seen:
    """What a walk left behind."""

    record: Calibration | None = None
    person: Person | None = None
    took_s: float = 0.0
    stopped: bool = False
    error: Exception | None = None
    circuit: EzoCircuit = field(default_factory=EzoCircuit)
    tiles: dict[str, Tile] = field(default_factory=dict)

    def told(self) -> list[str]:
        """Give the calibration commands that the circuit heard."""
        return [one for one in self.circuit.told if one.startswith("Cal") and one != "Cal,?"]


@dataclass(frozen=True)
class OnLine:
    """One circuit on a line of its own: its series, device, method, what age did to it, and where it hangs."""

    config: str
    series: str
    device: str
    method: str
    aged: Probe
    home: float  # what it stands in before and after
    noise: float


def ezo_line(model: str, device: str) -> str:
    """Give the configuration of a line with one EZO circuit."""
    return f"""
[[bus]]
name = "{device}-line"
port = "sim"
kind = "line"

[[device]]
name = "{device}"
bus = "{device}-line"
type = "{model}"
place = "house-1"
period_s = 10
"""


def calibrate_circuit(
    state: Path, monkeypatch: pytest.MonkeyPatch, line: OnLine, beakers: tuple[float, ...], *,
    answers: dict[str, str] | None = None, held: Memory | None = None,
    ruin: Callable[[EzoCircuit], None] | None = None, unsteady: float = 0.0, thinks_s: float = 0.0,
) -> Seen:  # fmt: skip
    """Have a person calibrate the circuit in ``beakers`` with ``vuon calibrate``; ``ruin`` it before, if need be."""
    seen = Seen()

    async def script(agent: Agent, nature: SimulatedField) -> None:
        probe = nature.probes[line.device]
        assert probe.ezo is not None
        seen.circuit = probe.ezo
        probe.ezo.kept = copy(held or probe.ezo.kept)
        quantity = line.series.partition("/")[2]
        probe.element.lag_s = 1.0  # 95 % after 3 s: the maker gives 1 s for a new electrode
        probe.element.noise = {quantity: unsteady or line.noise}

        def into(beaker: float) -> None:
            nature.practice[line.series] = msgspec.structs.replace(line.aged, beaker=beaker)

        into(line.home)
        for _ in range(12):
            await agent.desk.bell.wait()
        seen.tiles["before"] = tile_of(agent.desk.live(), line.series)
        if ruin is not None:
            ruin(probe.ezo)

        def now() -> datetime:
            return datetime.fromtimestamp(agent.boot.wall()[0] / 1000.0, UTC)

        seen.person = Person(into, list(beakers), answers or {}, thinks_s)
        monkeypatch.setattr(cli_calibrate, "AgentClient", lambda _path: Inside(agent))
        monkeypatch.setattr(cli_calibrate, "_now", now)
        monkeypatch.setattr(cli_calibrate, "_ask_person", seen.person.press)
        began_ms = agent.boot.mono_ms()
        try:
            desk = CalibrationDesk(state, Inside(agent), now)
            seen.record = await perform(desk, state, line.series, line.method, NAME, words("en"))
        except click.Abort:
            seen.stopped = True
        except (AnswerRefused, FitRefused, Refused) as error:
            seen.error = error
        seen.took_s = (agent.boot.mono_ms() - began_ms) / 1000.0
        into(line.home)
        for _ in range(25):
            await agent.desk.bell.wait()
        seen.tiles["after"] = tile_of(agent.desk.live(), line.series)
        agent.stop()

    config = FARM + line.config
    rehearse(parse(config), config, state, LONGEST_S, script)
    return seen
