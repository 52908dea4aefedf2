# SPDX-License-Identifier: Apache-2.0
"""The service files: what they run exists, what they promise agrees with the program, and they are well closed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cooperative.cli import main as hub_main
from edge.cli import main

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
FARM = [unit for unit in UNITS if unit.name in {"vuon-agent.service", "vuon-console.service"}]


def value(unit: Path, key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{unit.name} has no {key}"
    return found.group(1)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_starts_is_a_command_with_these_options(unit: Path) -> None:
    words = value(unit, "ExecStart").split()
    program = main if unit in FARM else hub_main
    assert Path(words[0]).name == ("vuon" if unit in FARM else "vuon-hub")
    done = CliRunner().invoke(program, [words[1], "--help"])
    assert done.exit_code == 0
    said = done.output
    for option in (word for word in words if word.startswith("--")):
        assert option in said


@pytest.mark.parametrize("unit", FARM, ids=lambda unit: unit.name)
def test_a_farm_s_unit_is_watched(unit: Path) -> None:
    assert value(unit, "Type") == "notify"
    assert int(value(unit, "WatchdogSec")) >= 10


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_always_restarted_but_not_for_a_wrong_file(unit: Path) -> None:
    assert value(unit, "Restart") == "always"
    assert "3" in value(unit, "RestartPreventExitStatus").split()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_a_unit_is_closed_to_what_it_does_not_need(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
