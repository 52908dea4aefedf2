# SPDX-License-Identifier: Apache-2.0
"""Six hours of the whole agent, bytes, firmware, disk and network on the virtual clock, with everything going wrong."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from edge.config import parse
from firmware_bridge.board_process import BOARD_PROGRAM
from tests.torture.agent import Verdict, farm_text, live
from tests.torture.agent_faults import KINDS

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "tests" / "torture" / "agent_seeds.txt"
HALVES = (("1", "--no-replay"), ("2",))


def test_the_farm_of_the_torture_is_well() -> None:
    assert parse(farm_text()).boards


@pytest.mark.slow
def test_six_hours_of_the_whole_agent_under_faults_break_no_promise() -> None:
    assert BOARD_PROGRAM.exists()
    command = [sys.executable, "-m", "tests.torture.agent", "--hours", "3", "--faults", "190", "--seed"]
    lives = [subprocess.Popen([*command, *half], cwd=ROOT, stdout=subprocess.PIPE) for half in HALVES]
    try:
        told = [one.communicate(timeout=500)[0] for one in lives]
    finally:
        for one in lives:
            one.kill()
            one.wait()
    verdicts = [msgspec.json.decode(line, type=Verdict) for text in told for line in text.splitlines()]
    assert sum(one.hours for one in verdicts) >= 6.0
    assert sum(one.faults for one in verdicts) >= 300
    assert {kind for one in verdicts for kind in one.kinds} == set(KINDS)
    assert sum(one.boots for one in verdicts) > 4
    assert all(one.sent > 100 for one in verdicts)
    for verdict in verdicts:
        assert not verdict.breaches, (verdict.seed, verdict.first)


def test_every_seed_that_once_failed_is_lived_again(tmp_path: Path) -> None:
    lines = [one for one in SEEDS.read_text(encoding="utf-8").splitlines() if one[:1].isdigit()]
    for number, line in enumerate(lines):
        seed, hours, faults = line.split()[:3]
        state = tmp_path / str(number)
        state.mkdir()
        verdict = live(int(seed), float(hours), int(faults), state)
        assert not verdict.breaches, (line, verdict.first)
