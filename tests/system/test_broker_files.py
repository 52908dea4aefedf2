# SPDX-License-Identifier: Apache-2.0
"""Brokers whose files are missing or damaged: the agent starts and controls, and tells each of them once."""

from pathlib import Path

import pytest

from edge.alarms import RAISED
from edge.config import parse
from edge.exits import LOG_FILE
from edge.rehearsal import rehearse
from telemetry.history import LogReader
from telemetry.records import Decision, Event
from tests.support.service_manager import Manager

FAILED = {"uplink.failed", "mirror.failed", "sparkplug.failed"}
EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"


def ways(folder: Path, key: str) -> str:
    """Give a hub and a broker of the farm's own, each with one file that is not there or is no text."""
    (folder / "damaged").write_bytes(b"\xff\xfe")
    secure = "tls = true\n" if key == "ca_file" else ""
    return (
        f'\n[uplink]\nhost = "127.0.0.1"\nmember = "an"\n{secure}{key} = "{folder / "missing"}"\n'
        f'[local_broker]\nhost = "127.0.0.1"\n{secure}{key} = "{folder / "damaged"}"\n'
        '[json_mirror]\n[sparkplug]\ngroup = "Lam Dong"\n'
    )


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_the_farm_runs_without_the_files_of_its_brokers_and_says_which(tmp_path: Path, key: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8") + ways(tmp_path, key)
    state = tmp_path / "farm"
    state.mkdir()
    agent = rehearse(parse(text), text, state, 300.0, network=Manager())
    assert agent.deadlines.ticks >= 290
    reader = LogReader(state / LOG_FILE)
    try:
        raised = [stored.record for stored in reader.events(0, 1 << 60, RAISED)]
        decided = sum(isinstance(record, Decision) for _, batch in reader.records() for record in batch)
    finally:
        reader.close()
    assert decided > 0
    told = {str(event.fields["alarm"]): event for event in raised if isinstance(event, Event)}
    assert len(raised) == len(told)  # tried again each minute, told once
    assert set(told) >= FAILED
    for kind in FAILED:
        file = "missing" if kind == "uplink.failed" else "damaged"
        assert told[kind].fields["detail"] == str(tmp_path / file)
    assert told["uplink.failed"].fields["seen"] == "No such file or directory"
