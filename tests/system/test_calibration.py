# SPDX-License-Identifier: Apache-2.0
"""A technician's walk with the whole agent on simulated bytes: beaker, lock, curve, live value, out of the domain."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from controllers.engine import PROBE_OUT
from drivers.calibration.artifact import Calibration
from drivers.calibration.session import Session, advance, render
from edge.agent import Agent
from edge.calibrating import CalibrationDesk, tile_of
from edge.cli_why import why
from edge.config import parse
from edge.exits import LOG_FILE
from edge.live import LiveState, Tile
from edge.practice import Probe
from edge.profile import PROFILE_FILE
from edge.recalibrating import as_csv, as_lines, recalibrate
from edge.rehearsal import rehearse
from edge.wiring import SimulatedField
from telemetry.history import LogReader
from telemetry.records import AnyRecord, Decision, Event, FarmProfile, Quality, Reading, Sample
from tests.support.inside import Inside

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
# Zone 1 is wet enough here: what its valve does is then the probe's doing alone.
TEXT = EXAMPLE.read_text(encoding="utf-8").replace("start_pct = 27.5", "start_pct = 9.0", 1)
SERIES = "pepper-1-1/soil_moisture"
VALVE = "pepper-1-valve-1"
SAFE_RULE = "irrigation.idle.safe_rule"  # by the clock, for the probe is not to be believed
AGED = Probe(gain=0.9, offset=1.0)  # what the probe makes of the world until it is calibrated


@dataclass
class Walk:
    """What the walk left behind."""

    record: Calibration | None = None
    before: Tile | None = None
    locked: list[Tile] = field(default_factory=list)
    after: Tile | None = None
    outside: Tile | None = None
    soil: float = nan
    settled_s: list[float] = field(default_factory=list)
    locked_ms: tuple[int, int] = (0, 0)
    outside_ms: int = 0
    decided: dict[str, Decision] = field(default_factory=dict)
    stored: list[AnyRecord] = field(default_factory=list)
    profile: FarmProfile | None = None
    state: Path = Path()


async def settle(desk: CalibrationDesk, agent: Agent, session: Session, now: datetime, walk: Walk) -> Session:
    """Wait as a person does until the point may be taken, then take it."""
    last_ms, began_ms = -1, agent.boot.mono_ms()
    while not render(session, moment(agent)).stable:
        await agent.desk.bell.wait()
        session, last_ms = desk.hear(session, agent.desk.live(), last_ms)
        walk.locked.append(tile_of(agent.desk.live(), SERIES))
        assert agent.boot.mono_ms() - began_ms < 120_000, render(session, now).status
    walk.settled_s.append((agent.boot.mono_ms() - began_ms) / 1000.0)
    return advance(session, "take", {}, moment(agent))


def moment(agent: Agent) -> datetime:
    return datetime.fromtimestamp(agent.boot.wall()[0] / 1000.0, UTC)


async def steady(agent: Agent) -> LiveState:
    """Let some readings pass."""
    for _ in range(45):
        await agent.desk.bell.wait()
    return agent.desk.live()


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Two points in beakers of 12 and 36 %, then back into the soil, then into water."""
    state, walk = tmp_path_factory.mktemp("walk"), Walk()
    walk.state = state

    async def script(agent: Agent, nature: SimulatedField) -> None:
        desk = CalibrationDesk(state, Inside(agent), lambda: moment(agent))
        nature.practice[SERIES] = AGED
        walk.before = tile_of(await steady(agent), SERIES)
        session = await desk.begin(agent.desk.live(), SERIES, None, "two-point", "Trần Văn Bình", "technician")
        begun_ms = agent.boot.mono_ms()
        session = advance(session, "next", {"name": "Glass beads", "uncertainty": "0.5"}, moment(agent))
        for truth in (12.0, 36.0):
            nature.practice[SERIES] = msgspec.structs.replace(AGED, beaker=truth)
            session = advance(session, "next", {"truth": f"{truth}"}, moment(agent))
            session = await settle(desk, agent, session, moment(agent), walk)
            session = desk.sessions.save(session)
        walk.decided["locked"] = agent.runner.last[VALVE]
        walk.locked_ms = (begun_ms, agent.boot.mono_ms())
        walk.record = await desk.complete(session, "technician", adjusted=True, jump_confirmed=False)
        nature.practice[SERIES] = AGED
        walk.after = tile_of(await steady(agent), SERIES)
        walk.decided["inside"] = agent.runner.last[VALVE]
        walk.soil = nature.field.signal(SERIES)
        nature.practice[SERIES] = msgspec.structs.replace(AGED, beaker=70.0)
        walk.outside_ms = agent.boot.mono_ms()
        walk.outside = tile_of(await steady(agent), SERIES)
        walk.decided["outside"] = agent.runner.last[VALVE]

    rehearse(parse(TEXT), TEXT, state, 420, script)
    reader = LogReader(state / LOG_FILE)
    try:
        walk.stored = [record for _, group in reader.records() for record in group]
    finally:
        reader.close()
    walk.profile = msgspec.json.decode((state / PROFILE_FILE).read_bytes(), type=FarmProfile)
    return walk


def test_the_record_holds_points_person_and_time_and_finds_the_aged_probe(walked: Walk) -> None:
    made = walked.record
    assert made is not None
    assert (made.person, made.method, made.adjusted) == ("Trần Văn Bình", "two-point", True)
    assert [point.truth for point in made.points] == [12.0, 36.0]
    assert [round(point.signal) for point in made.points] == [round(0.9 * 12 + 1), round(0.9 * 36 + 1)]
    assert all(point.at.tzinfo is not None for point in made.points)
    assert made.as_found_error > 1.0 > made.as_left_error


def test_the_live_value_changes_and_the_raw_value_stays(walked: Walk) -> None:
    assert walked.before is not None
    assert walked.after is not None
    assert walked.record is not None
    assert abs(walked.before.value - walked.soil) > 1.0
    assert walked.after.value == pytest.approx(walked.soil, abs=0.6)
    assert walked.after.raw == pytest.approx(walked.before.raw, abs=0.6)
    assert walked.after.calibration == walked.record.id
    assert isfinite(walked.after.uncertainty)
    assert walked.before.quality & Quality.UNCALIBRATED
    assert not walked.after.quality & (Quality.UNCALIBRATED | Quality.LOCKED | Quality.EXTRAPOLATED)


def test_loops_that_use_the_probe_are_locked_meanwhile_and_say_so(walked: Walk) -> None:
    fresh = [tile for tile in walked.locked if tile.age_s < 2.0]
    assert fresh
    assert all(tile.quality & Quality.LOCKED for tile in fresh)
    assert walked.decided["locked"].code == SAFE_RULE
    kinds = [(r.kind, r.person) for r in walked.stored if isinstance(r, Event) and r.subject == SERIES]
    assert ("probe.locked", "Trần Văn Bình") in kinds
    assert ("calibration.activated", "Trần Văn Bình") in kinds
    assert ("probe.unlocked", "Trần Văn Bình") in kinds


@pytest.mark.parametrize(
    ("language", "says"), [("vi", "đang được đem hiệu chuẩn"), ("en", "is out for its calibration")]
)
def test_vuon_why_says_that_the_probe_is_out(
    walked: Walk, monkeypatch: pytest.MonkeyPatch, language: str, says: str
) -> None:
    reader = LogReader(walked.state / LOG_FILE)
    try:
        told = [
            (one.wall_ms, one.record) for one in reader.decisions(VALVE, 0, 1 << 60) if isinstance(one.record, Decision)
        ]
    finally:
        reader.close()
    out = [(at_ms, one) for at_ms, one in told if any(given.name == PROBE_OUT for given in one.inputs)]
    assert [one.code for _, one in out] == [SAFE_RULE]
    assert out[0] != told[0]
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    for (at_ms, _), expected in ((out[0], True), (told[0], False)):
        at = datetime.fromtimestamp((at_ms + 1) / 1000.0, UTC).isoformat()
        run = CliRunner().invoke(why, [VALVE, "--state", str(walked.state), "--at", at, "--last", "1"])
        assert run.exit_code == 0, run.output
        assert (says in run.output) is expected, run.output


def test_a_probe_out_for_calibration_is_read_every_second_or_two_and_then_as_before(walked: Walk) -> None:
    at = [r.mono_ms for r in walked.stored if isinstance(r, Reading) and r.series == SERIES]
    begin, end = walked.locked_ms
    meanwhile = [ms for ms in at if begin + 10_000 <= ms <= end]
    afterwards = [ms for ms in at if ms >= end + 10_000]
    gap_s = (meanwhile[-1] - meanwhile[0]) / (len(meanwhile) - 1) / 1000.0
    usual_s = (afterwards[-1] - afterwards[0]) / (len(afterwards) - 1) / 1000.0
    assert gap_s <= 2.1
    assert usual_s == pytest.approx(10.0, abs=0.5)
    assert max(walked.settled_s) <= 40.0


def test_outside_its_domain_a_value_is_flagged_not_clamped_and_control_does_without(walked: Walk) -> None:
    assert walked.outside is not None
    assert walked.outside.quality & Quality.EXTRAPOLATED
    assert walked.outside.value == pytest.approx(70.0, abs=1.0)
    samples = [r for r in walked.stored if isinstance(r, Sample) and r.series == SERIES]
    late = [s for s in samples if s.mono_ms > walked.outside_ms + 12_000]
    assert late
    assert all(s.quality & Quality.EXTRAPOLATED for s in late)
    assert walked.decided["inside"].code == "irrigation.idle.wet_enough"
    assert walked.decided["outside"].code == SAFE_RULE


def test_the_farm_tells_the_cooperative(walked: Walk) -> None:
    assert walked.profile is not None
    assert walked.record is not None
    assert [one.id for one in walked.profile.calibrations] == [walked.record.id]
    assert walked.profile.calibrations[0].due_at == walked.record.due_at.isoformat()


def test_history_is_computed_anew_from_raw_and_both_versions_stand_side_by_side(walked: Walk) -> None:
    assert walked.record is not None
    reader = LogReader(walked.state / LOG_FILE)
    try:
        made = recalibrate(reader, walked.record, 0, 1 << 60)
        again = recalibrate(reader, walked.record, 0, 1 << 60)
        untouched = reader.range(SERIES, 0, 1 << 60)
    finally:
        reader.close()
    raw = [r.raw for r in walked.stored if isinstance(r, Sample) and r.series == SERIES]
    assert made.stored.raw.tolist() == raw
    early = made.stored.quality & int(Quality.UNCALIBRATED) != 0
    assert early.any()
    assert made.made.value[early] == pytest.approx((made.stored.raw[early] - 1.0) / 0.9, abs=0.3)
    late = ~early
    assert made.made.value[late] == pytest.approx(made.stored.value[late], abs=1e-9)
    assert made.changed == int(early.sum())
    assert not (made.made.quality & int(Quality.UNCALIBRATED)).any()
    text, lines = "".join(as_csv(made)), "".join(as_lines(made, "farm"))
    assert (text, lines) == ("".join(as_csv(again)), "".join(as_lines(again, "farm")))
    assert text.splitlines()[0].startswith("time,raw,value_stored")
    assert f",calibration={walked.record.id} v=" in lines.splitlines()[0]
    assert untouched.value.tolist() == made.stored.value.tolist()
