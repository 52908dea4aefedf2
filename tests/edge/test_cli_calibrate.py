# SPDX-License-Identifier: Apache-2.0
"""``vuon calibrate`` in a terminal: Enter is enough, what is refused is said, a stop leaves everything as it was."""

import json
import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pypdf
import pytest
from click.testing import CliRunner, Result

from drivers.calibration.session import Session, advance
from drivers.calibration.shelf import Shelf
from edge import calibrating, cli_calibrate
from edge.agent_client import AgentAway
from edge.calibrating import SESSIONS_FOLDER, SHELF_FOLDER
from edge.cli_calibrate import calibrate
from edge.cli_certificate import certificate
from edge.live import LiveState, Outcome, Tile
from tests.drivers.calibration.walk import START
from tests.edge.fake_farm import FakeAgent

SERIES = "tank/water_ph"
ENTER = "\n"


class Probe:
    """An agent with one probe that always stands in the next buffer; every look is a second later."""

    series: ClassVar[str] = SERIES
    unit: ClassVar[str] = "pH"
    shows: ClassVar[Callable[[float], float]] = staticmethod(lambda buffer: 7.0 + 0.97 * (buffer - 7.0) + 0.02)
    buffers: ClassVar[list[float]] = []
    seconds: ClassVar[float] = 0.0
    calls: ClassVar[list[str]] = []
    gone: ClassVar[bool] = False

    def __init__(self, _path: Path) -> None:
        self._shelf = Shelf(_path.parent / SHELF_FOLDER)

    def state(self) -> LiveState:
        raw = Probe.shows(Probe.buffers[0])
        place, quantity = Probe.series.split("/")
        tile = Tile(Probe.series, place, quantity, Probe.unit, raw, 0, 0.0, 1.0, raw, Probe.unit)
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

    async def activate_calibration(
        self, series: str, artifact: str, person: str = "", role: str = "", reason: str = ""
    ) -> Outcome:
        del role
        Probe.calls.append("activate")
        self._shelf.activate(series, artifact, person, now(), reason)
        return Outcome("done")


def now() -> datetime:
    return START + timedelta(seconds=Probe.seconds)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A farm's folder, and an agent with a probe; the buffer changes when a point is taken."""
    Probe.buffers, Probe.seconds, Probe.calls, Probe.gone = [7.0, 4.01, 10.01], 0.0, [], False
    monkeypatch.setattr(Probe, "series", SERIES)
    monkeypatch.setattr(Probe, "unit", "pH")
    monkeypatch.setattr(Probe, "shows", Probe.shows)

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


@dataclass
class Walk:
    """A walk in the terminal: what the probe shows where it is put, and the keys that are pressed."""

    series: str
    unit: str
    method: str
    places: list[float]
    shows: Callable[[float], float]
    keys: str
    truths: list[float]
    found: float
    left: float


WALKS = {
    "EC": Walk(
        "tank/water_ec", "mS/cm", "ec-dry-1", [0.0, 1.413], lambda truth: 0.01 + 0.95 * truth,
        # the reference as proposed, dry and taken, the standard as proposed and taken, adjust
        ENTER * 4 + ENTER * 2 + ENTER * 2 + ENTER, [0.0, 1.413], 0.0607, 0.0,
    ),
    "soil moisture": Walk(
        "zone/soil_moisture", "%", "gravimetric-3", [12.0, 22.0, 32.0], lambda shown: shown,
        # the reference as proposed, three cores cut and taken, their sheets, adjust
        ENTER * 4 + ENTER * 6 + "20\n165\n150\n100\n20\n175\n150\n100\n20\n185\n150\n100\n" + ENTER,
        [15.03, 25.05, 35.07], 3.07, 0.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WALKS)
def test_a_walk_in_the_terminal_ends_with_its_certificate(
    state: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    walk = WALKS[kind]
    monkeypatch.setattr(Probe, "series", walk.series)
    monkeypatch.setattr(Probe, "unit", walk.unit)
    monkeypatch.setattr(Probe, "shows", staticmethod(walk.shows))
    Probe.buffers = list(walk.places)
    done = run(state, walk.keys, walk.series, "--method", walk.method)
    assert done.exit_code == 0, done.output
    made = Shelf(state / SHELF_FOLDER).active(walk.series)
    assert made is not None
    assert made.adjusted
    assert [point.truth for point in made.points] == pytest.approx(walk.truths, abs=0.01)
    assert made.as_found_error == pytest.approx(walk.found, abs=0.01)
    assert made.as_left_error == pytest.approx(walk.left, abs=0.01)
    assert Probe.calls[-2:] == ["activate", "unlock"]
    paper = state / "certificate.pdf"
    printed = CliRunner().invoke(
        certificate, [walk.series, "--state", str(state), "--output", str(paper), "--language", "vi"]
    )
    assert printed.exit_code == 0, printed.output
    words = unicodedata.normalize("NFC", "".join(page.extract_text() for page in pypdf.PdfReader(paper).pages))
    assert made.content_hash in words.replace("\n", "")
    assert "Giấy chứng nhận hiệu chuẩn" in words
    assert "Lan" in words


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


def test_an_open_session_is_not_gone_on_with_by_another_method_and_is_given_up_by_one_command(state: Path) -> None:
    run(state, ENTER * 6, SERIES)
    other = run(state, ENTER, SERIES, "--method", "ph-2")
    assert other.exit_code == 2
    assert "--stop" in other.output
    ended = run(state, "", SERIES, "--stop")
    assert ended.exit_code == 0, ended.output
    assert Probe.calls[-1] == "unlock"
    assert not list((state / SESSIONS_FOLDER).glob("*.json"))
    assert run(state, "", SERIES, "--stop").exit_code == 1


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
