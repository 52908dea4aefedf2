# SPDX-License-Identifier: Apache-2.0
"""Wrong bits in what the agent keeps beside its log: it starts all the same, and says so where it forgot."""

import json
import random
import tarfile
from pathlib import Path

import pytest

from drivers.kept import kept_json
from edge.agent import Agent
from edge.alarm_life import AlarmMemory
from edge.bundle import write
from edge.config import parse
from edge.exits import LOG_FILE
from edge.rehearsal import START_WALL_MS, rehearse
from edge.replay import ALL, Span, replay
from edge.what_if import what_if
from edge.wiring import SimulatedField
from telemetry.history import LogReader
from telemetry.records import Event

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
VENT = {"output": "pepper-1-vent", "person": "lan", "role": "operator", "level": 1.0, "seconds": 60.0}


def live(state: Path, seq: int) -> str:
    """Live a minute with one order in it; say how the order ended."""
    outcomes: list[str] = []

    async def script(agent: Agent, _nature: SimulatedField) -> None:
        for _ in range(15):
            await agent.desk.bell.wait()
        given = await agent.desk.order("hold", {**VENT, "issuer": "phone", "epoch": 1, "seq": seq})
        outcomes.append(given.outcome)
        agent.alarms.put("bus.dead", "tank-ec", "alarm", agent.boot.mono_ms(), {"detail": "silence"})
        for _ in range(45):
            await agent.desk.bell.wait()
        agent.stop()

    text = EXAMPLE.read_text(encoding="utf-8")
    state.mkdir(exist_ok=True)
    rehearse(parse(text), text, state, 120.0, script)
    (outcome,) = outcomes
    return outcome


def kept_files(state: Path) -> list[Path]:
    """Give what the agent keeps beside the log and the copies of its settings."""
    return sorted(path for path in state.rglob("*") if path.is_file() and path.suffix in {".state", ".json"})


@pytest.mark.parametrize("seed", range(4))
def test_wrong_bits_in_all_that_is_kept_stop_no_start(tmp_path: Path, seed: int) -> None:
    state = tmp_path / "farm"
    assert live(state, 1) == "done"
    files = kept_files(state)
    assert {"engine.state", "orders-seen.json", "alarms.state"} <= {path.name for path in files}
    dice = random.Random(seed)
    for path in files:
        data = bytearray(path.read_bytes())
        letters = [at for at, byte in enumerate(data) if chr(byte).isalpha()]
        first = dice.choice(letters or [0])
        data[first] ^= 0x80 if seed else 1  # in a name: no UTF-8 any more, or another name
        data[(first + dice.randrange(1, len(data))) % len(data)] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
    assert live(state, 2) == "done"
    assert lost(state) == ["engine.state, past-weather.state"]


def lost(state: Path) -> list[object]:
    """Give what the agent said that it forgot."""
    reader = LogReader(state / LOG_FILE)
    try:
        events = [stored.record for stored in reader.events(0, 1 << 60, "memory.lost")]
    finally:
        reader.close()
    return [event.fields["detail"] for event in events if isinstance(event, Event)]


def test_damaged_weather_alone_is_named_alone(tmp_path: Path) -> None:
    state = tmp_path / "farm"
    live(state, 1)
    (state / "past-weather.state").write_bytes(b"VK1 of a dying card")
    assert live(state, 2) == "done"
    assert lost(state) == ["past-weather.state"]
    standing = kept_json(state / "alarms.state", AlarmMemory)
    assert standing is not None
    assert "memory.lost" in {one.kind for one in standing.standing}  # until somebody has seen it


def damage(path: Path) -> None:
    """Put a byte into a file that is neither UTF-8 nor what its checksum says."""
    data = path.read_bytes()
    path.write_bytes(data[:40] + b"\xff" + data[41:])


def test_a_boot_that_was_damaged_says_which_file_and_the_others_are_replayed(tmp_path: Path) -> None:
    state = tmp_path / "farm"
    for seq in (1, 2, 3):
        live(state, seq)
    assert all(outcome.ok for outcome in replay(state))
    damage(state / "boots" / "00000001" / "farm.toml")
    damage(state / "boots" / "00000002" / "engine.state")
    first, second, third = replay(state)
    assert not first.ok
    assert "00000001/farm.toml:2: " in first.differences[0]
    assert "0xFF is not UTF-8" in first.differences[0]
    assert not second.ok
    assert "engine.state is damaged" in second.differences[0]
    assert third.ok
    assert third.ticks > 50
    assert list(replay(state, Span(to_ms=START_WALL_MS))) == []  # before any of them lived
    copy = state / "boots" / "00000001" / "farm.toml"
    copy.write_bytes(copy.read_bytes().replace(b"\xff", b"\n[["))
    first, second, third = replay(state)
    assert "00000001/farm.toml:" in first.differences[0]  # not TOML any more, but text
    config = parse(EXAMPLE.read_text(encoding="utf-8"))
    one, two, *_ = what_if(state, config)
    assert (one.unread, two.unread) == (first.differences[0], second.differences[0])
    contents = write(state, tmp_path / "bundle.tar.gz", ALL)
    with tarfile.open(contents.path) as tar:
        names = tar.getnames()
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        named = json.loads(manifest.read())["damage"]
    assert "boots/00000001/farm.toml" not in names
    assert "boots/00000003/farm.toml" in names
    assert "boots/00000001/farm.toml" in named
