# SPDX-License-Identifier: Apache-2.0
"""The two commands and their locks: hashed, complete, without download hosts."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("lock", ["run", "dev", "homeassistant"])
def test_every_locked_package_has_hashes_and_no_host(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(entries) > 20
    assert all("--hash=sha256:" in entry for entry in entries)


def test_help_names_the_two_commands() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "check", "bench", "torture", "setup"):
        assert f"make {target}" in said


def test_a_python_without_venv_is_named_with_the_line_to_run(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n', encoding="utf-8")
    bare.chmod(0o755)
    run = subprocess.run([str(ROOT / "scripts/need-python"), str(bare)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "apt-get install python3-venv" in run.stderr
