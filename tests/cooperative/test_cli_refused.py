# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub refused``: reasons with what to look at; ``--again`` has a running hub judge anew."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cooperative.cli import main
from cooperative.memory import Memory

NOW = 1_795_316_712_000


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Give a hub.toml whose worker has refused three batches and some bytes of nobody."""
    (tmp_path / "hub.toml").write_text(
        'name = "htx-1"\ntitle = "x"\nstate = "hub"\n[[members]]\nname = "anh-ba"\ntitle = "A"\nedges = ["e-1"]\n',
        encoding="utf-8",
    )
    memory = Memory(tmp_path / "hub" / "worker-0.db")
    memory.bury([("future", "e-1", "e-1 epoch 3 batch 7", b"abc"), ("future", "e-1", "", b"d")], NOW)
    memory.bury([("clock", "e-1", "", b"e"), ("magic", "", "no batch", b"\x00")], NOW + 60_000)
    memory.close()
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    told = CliRunner().invoke(main, ["refused", "--config", str(folder / "hub.toml"), *arguments], env={"LC_ALL": "en"})
    assert told.exit_code == 0, told.output
    return told.output


def test_it_counts_by_reason_and_says_what_to_look_at(hub: Path) -> None:
    lines = run(hub).splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:3] == ["2", "future", "e-1"]
    assert "compare the clocks" in lines[0]
    assert "2026-11-22 10:06" in run(hub)
    assert any("look who else writes on the broker" in line for line in lines)
    rows = [json.loads(line) for line in run(hub, "--json").splitlines()]
    assert rows[0] == {"at_ms": NOW, "reason": "future", "edge": "e-1", "detail": "e-1 epoch 3 batch 7", "bytes": 3}


def test_again_hands_them_to_the_running_hub_and_loses_none(hub: Path) -> None:
    assert run(hub, "--again", "future").startswith("2 batches")
    assert run(hub, "--again", "magic").startswith("0 batches")  # nobody's bytes cannot be judged anew
    memory = Memory(hub / "hub" / "worker-0.db")
    assert [letter.data for letter in memory.to_retry()] == [b"abc", b"d"]
    memory.close()


def test_a_hub_that_refused_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('name = "htx-1"\ntitle = "x"\n', encoding="utf-8")
    assert run(tmp_path) == "Nothing was refused.\n"
    bad = CliRunner().invoke(main, ["refused", "--config", str(tmp_path / "none.toml")])
    assert bad.exit_code == 3
