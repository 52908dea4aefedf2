# SPDX-License-Identifier: Apache-2.0
"""``vuon calibrate`` in a terminal: Enter is enough, what is refused is said, a stop leaves everything as it was."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result

from drivers.calibration.session import Session, advance
from drivers.calibration.shelf import Shelf
from edge import calibrating, cli_calibrate
from edge.agent_client import AgentAway
from edge.calibrating import SESSIONS_FOLDER, SHELF_FOLDER
from edge.cli_calibrate import calibrate
from edge.live import LiveState, Outcome, Tile
from tests.drivers.calibration.walk import START
from tests.edge.fake_farm import FakeAgent

SERIES = "tank/water_ph"
ENTER = "\n"


class Probe:
    """An agent with one pH probe that always stands in the next buffer; every look is a second later."""

    buffers: ClassVar[list[float]] = []
    seconds: ClassVar[float] = 0.0
    calls: ClassVar[list[str]] = []
    gone: ClassVar[bool] = False

    def __init__(self, _path: Path) -> None:
        self._shelf = Shelf(_path.parent / SHELF_FOLDER)

    def state(self) -> LiveState:
        raw = 7.0 + 0.97 * (Probe.buffers[0] - 7.0) + 0.02
        tile = Tile(SERIES, "tank", "water_ph", "pH", raw, 0, 0.0, 1.0, raw, "pH")
        plain = FakeAgent().state()
        return LiveState(
            plain.edge, plain.title, 1, round(Probe.seconds * 1000), 0,
            clock_ok=True, tiles=(tile,), outputs=(), alarms=(), health=plain.health,
        )  # fmt: skip

    async def status(self) -> LiveState:
        if Probe.gone:
            raise AgentAway("no agent")
        return self.state()

    async def watch(self) -> AsyncIterator[LiveState]:
        for _ in range(60):
            Probe.seconds += 1.0
            yield self.state()

    async def lock(self, series: str, person: str, role: str = "technician") -> Outcome:
        del series, person, role
        Probe.calls.append("lock")
        return Outcome("done")

    async def unlock(self, series: str, person: str = "", role: str = "technician") -> Outcome:
        del series, person, role
        Probe.calls.append("unlock")
        return Outcome("done")

    async def activate_calibration(self, series: str, artifact: str, person: str = "", role: str = "") -> Outcome:
        del role
        Probe.calls.append("activate")
        self._shelf.activate(series, artifact, person, now())
        return Outcome("done")


def now() -> datetime:
    return START + timedelta(seconds=Probe.seconds)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A farm's folder, and an agent with a probe; the buffer changes when a point is taken."""
    Probe.buffers, Probe.seconds, Probe.calls, Probe.gone = [7.0, 4.01, 10.01], 0.0, [], False

    def next_buffer(session: Session, action: str, answers: Mapping[str, str], at: datetime) -> Session:
        gone_on = advance(session, action, answers, at)
        if action == "take" and len(Probe.buffers) > 1:
            Probe.buffers.pop(0)
        return gone_on

    monkeypatch.setattr(cli_calibrate, "AgentClient", Probe)
    monkeypatch.setattr(cli_calibrate, "_now", now)
    monkeypatch.setattr(cli_calibrate, "advance", next_buffer)
    monkeypatch.setattr(calibrating.CalibrationDesk.__init__, "__defaults__", (now,))
    monkeypatch.setenv("LC_ALL", "C")
    return tmp_path


def run(state: Path, keys: str, *arguments: str) -> Result:
    return CliRunner().invoke(calibrate, [*arguments, "--state", str(state), "--person", "Lan"], input=keys)


def test_eleven_times_enter_is_a_three_point_calibration(state: Path) -> None:
    keys = ENTER * 11
    assert len(keys) <= 12
    done = run(state, keys, SERIES, "--json")
    assert done.exit_code == 0, done.output
    made = Shelf(state / SHELF_FOLDER).active(SERIES)
    assert made is not None
    assert [point.truth for point in made.points] == [7.0, 4.01, 10.01]
    assert made.health["slope_acid_pct"] == pytest.approx(97.0)
    assert json.loads(done.stdout[done.stdout.index("{") :])["person"] == "Lan"
    assert Probe.calls[0] == "lock"
    assert Probe.calls[-2:] == ["activate", "unlock"]
    assert not list((state / SESSIONS_FOLDER).glob("*.json"))


def test_stopping_at_the_end_changes_nothing(state: Path) -> None:
    done = run(state, ENTER * 10 + "3\n", SERIES)
    assert done.exit_code == 1
    assert "has not changed" in done.output
    assert Shelf(state / SHELF_FOLDER).active(SERIES) is None
    assert Probe.calls[-1] == "unlock"


def test_a_lost_line_keeps_the_points_and_the_same_command_goes_on(state: Path) -> None:
    broken = run(state, ENTER * 6, SERIES)
    assert broken.exit_code == 1
    assert "Kept as it stands" in broken.output
    assert Probe.calls[-1] == "unlock"
    done = run(state, ENTER * 5, SERIES)
    assert done.exit_code == 0, done.output
    assert "Going on where the session stopped" in done.output
    made = Shelf(state / SHELF_FOLDER).active(SERIES)
    assert made is not None
    assert len(made.points) == 3


def test_swapped_buffers_are_refused_and_the_probe_goes_back(state: Path) -> None:
    Probe.buffers = [7.0, 10.01, 4.01]
    done = run(state, ENTER * 11, SERIES)
    assert done.exit_code == 1
    assert "swapped" in done.output
    assert Shelf(state / SHELF_FOLDER).active(SERIES) is None
    assert Probe.calls[-1] == "unlock"


def test_a_second_person_is_told_who_works_there(state: Path) -> None:
    run(state, ENTER * 6, SERIES)
    other = CliRunner().invoke(calibrate, [SERIES, "--state", str(state), "--person", "Minh"], input=ENTER)
    assert other.exit_code == 5
    assert "Lan is calibrating" in other.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("tank/nothing",), 4, "no series"),
        ((SERIES, "--method", "soil-topp"), 2, "ph-3"),
        ((), 2, "name a series"),
        ((SERIES, "--rollback"), 1, "no calibration before"),
        (("--list",), 0, "No calibration"),
    ],
)
def test_what_cannot_be_is_said_with_its_exit_code(
    state: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = run(state, "", *arguments)
    assert done.exit_code == code
    assert says in done.output


def test_without_an_agent_it_says_try_again(state: Path) -> None:
    Probe.gone = True
    assert run(state, "", SERIES).exit_code == 75


def test_rolling_back_is_one_command(state: Path) -> None:
    assert run(state, ENTER * 11, SERIES).exit_code == 0
    done = run(state, "", SERIES, "--rollback")
    assert done.exit_code == 0, done.output
    assert Shelf(state / SHELF_FOLDER).active(SERIES) is None
