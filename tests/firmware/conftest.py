# SPDX-License-Identifier: Apache-2.0
"""Everything the firmware's tests run: the linux board, the AVR image, the rig and the C programs, built once."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "firmware_bridge" / "firmware"
OUT = ROOT / "build" / "firmware"
NEEDED = ("avr-gcc", "simavr")

Runner = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def host_programs() -> Path:
    """Build the C tests of the host build; give their folder."""
    subprocess.run(["make", "-s", "-C", str(SOURCE), "linux", "tests"], check=True)
    return OUT


@pytest.fixture(scope="session")
def avr_programs(host_programs: Path) -> Path:
    """Build the AVR image and the rig too; give their folder."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{missing} missing; run: sudo apt-get install simavr libsimavr-dev libelf-dev gcc-avr avr-libc")
    subprocess.run(["make", "-s", "-C", str(SOURCE), "avr", "rig", "boot"], check=True, stdout=subprocess.DEVNULL)
    return host_programs


@pytest.fixture(scope="session")
def run_all() -> Runner:
    """Give a function that runs programs side by side and gives the last JSON line of each."""

    def run(*commands: Sequence[str | Path], expect: int = 0) -> list[dict[str, Any]]:
        children = [
            subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for words in commands
        ]
        heard = [child.communicate(timeout=300) for child in children]
        for child, (_, complained) in zip(children, heard, strict=True):
            assert child.returncode == expect, complained
        return [json.loads(said.splitlines()[-1]) for said, _ in heard]

    return run
