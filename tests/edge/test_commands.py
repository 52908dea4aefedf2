# SPDX-License-Identifier: Apache-2.0
"""The commands: help with an example, JSON that can be read, documented exit codes, both languages."""

import csv
import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import COMMANDS, main
from edge.config import parse
from edge.exits import config_file, language, state_folder
from edge.rehearsal import rehearse
from edge.release import VERSION

ROOT = Path(__file__).parents[2]
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a farm that lived for five minutes from 2026-03-01 06:00."""
    state = tmp_path_factory.mktemp("lived")
    text = FARM.read_text(encoding="utf-8")
    rehearse(parse(text), text, state, 300.0)
    return state


def test_help_lists_every_command_and_the_exit_codes() -> None:
    said = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", said, re.MULTILINE)
    for code in ("0 done", "3 farm.toml is wrong", "5 refused", "75 try again"):
        assert code in said.replace("\n  ", " ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if (ROOT / "edge" / f"cli_{name}.py").exists()])
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"vuon {name}" in result.output


def test_every_command_has_its_file() -> None:
    assert [name for name in COMMANDS if not (ROOT / "edge" / f"cli_{name}.py").exists()] == []


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["fly"]).exit_code == 2


def test_starting_the_command_loads_neither_numba_nor_the_web() -> None:
    code = (
        "import sys, edge.cli; print(sorted(m for m in ('numba', 'starlette', 'numpy', 'sqlite3') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "first",
    ["from edge.config_ports import missing_ports", "import edge.console.app, edge.cli_console", "import edge.demo"],
)
def test_what_comes_before_the_compiler_is_asked_for_loads_no_kernel(first: str) -> None:
    """Else this process would compile for itself, while its lines wait."""
    code = (
        f"import sys; {first}; from pathlib import Path; from edge.config import load; load(Path(sys.argv[1]));"
        "print([m for m in ('numba', 'controllers.kernels.jit') if m in sys.modules])"
    )
    farm = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
    done = subprocess.run([sys.executable, "-c", code, farm], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
    told = json.loads(CliRunner().invoke(main, ["version", "--json"]).output)
    assert told["vuon"] == VERSION


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "vi"}, "vi"),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], wanted: str) -> None:
    assert language(environment) == wanted


def test_the_state_folder_is_systemds_or_the_users() -> None:
    assert state_folder(None, {"STATE_DIRECTORY": "/var/lib/vuon:/x"}) == Path("/var/lib/vuon")
    assert state_folder(None, {"XDG_STATE_HOME": "/home/lan/.state"}) == Path("/home/lan/.state/vuon")
    assert state_folder(Path("/srv/vuon"), {"STATE_DIRECTORY": "/var/lib/vuon"}) == Path("/srv/vuon")
    assert config_file(None, {"CONFIGURATION_DIRECTORY": "/etc/vuon"}) == Path("/etc/vuon/farm.toml")


def test_status_without_an_agent_says_so_with_75(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["status", "--state", str(tmp_path)])
    assert result.exit_code == 75
    assert "vuon run" in result.stderr


def test_why_tells_the_stored_reason_in_both_languages(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["why", "pepper-1-valve-1", "--state", str(lived), "--at", "2026-03-01T06:04:00+07:00"]
    monkeypatch.setenv("LC_ALL", "C")
    english = CliRunner().invoke(main, asked)
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    vietnamese = CliRunner().invoke(main, asked)
    assert english.exit_code == vietnamese.exit_code == 0
    assert "soil moisture" in english.output
    assert "ẩm" in vietnamese.output
    rows = [json.loads(line) for line in CliRunner().invoke(main, [*asked, "--json"]).output.splitlines()]
    assert rows[0]["code"].startswith("irrigation.")
    assert rows[0]["inputs"]


def test_why_of_nothing_exits_with_1_and_a_bad_time_with_2(lived: Path) -> None:
    at = ["--state", str(lived), "--at", "2026-03-01T06:04:00+07:00"]
    assert CliRunner().invoke(main, ["why", "moon", *at]).exit_code == 1
    assert CliRunner().invoke(main, ["why", "pepper-1-fan", "--state", str(lived), "--at", "noon"]).exit_code == 2


def test_export_gives_every_value_with_unit_and_time(lived: Path) -> None:
    span = ["--from", "2026-03-01", "--to", "2026-03-01", "--format", "csv"]
    result = CliRunner().invoke(main, ["export", "--state", str(lived), *span])
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.output)))
    moist = [row for row in rows if row["series"] == "pepper-1-1/soil_moisture"]
    assert len(moist) == 30
    assert moist[0]["unit"] == "%"
    assert moist[0]["time"].startswith("2026-03-01T06:00:")
    assert 0 < float(moist[0]["value"]) < 100


def test_export_of_events_names_people_and_reasons_and_writes_files(lived: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    span = ["--from", "2026-03-01T06:00:00+07:00", "--to", "2026-03-01T07:00:00+07:00"]
    arguments = ["export", "--state", str(lived), *span, "--what", "events", "--output", str(file)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    kinds = {row["record"] for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))}
    assert kinds == {"decision", "command", "ack", "event"}


def test_export_asked_for_nonsense_is_wrong_usage(lived: Path) -> None:
    result = CliRunner().invoke(main, ["export", "--state", str(lived), "--from", "yesterday", "--to", "2026-03-01"])
    assert result.exit_code == 2


def test_replay_of_a_good_log_exits_with_0_and_of_none_with_75(lived: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["replay", "--state", str(lived), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["ok"]
    assert CliRunner().invoke(main, ["replay", "--state", str(tmp_path)]).exit_code == 75
