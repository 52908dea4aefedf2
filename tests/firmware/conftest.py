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
ROWS: pytest.StashKey[list[dict[str, object]]] = pytest.StashKey()


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


@pytest.fixture(scope="session")
def safety_rows(request: pytest.FixtureRequest) -> list[dict[str, object]]:
    """Give the rows of the safety table, printed at the end of the run."""
    return request.config.stash.setdefault(ROWS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how long each fault left something open, on the real AVR image, and keep it for the pages."""
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("every output safe, on the real AVR image (the chip's own milliseconds)")
    terminalreporter.write_line(f"{'fault':<56} {'safe after':>10} {'bound':>8}")
    for row in rows:
        terminalreporter.write_line(f"{row['fault']:<56} {row['safe_after_ms']:>10} {row['bound_ms']:>8}")
    if len(rows) != rows[0]["of"]:
        return  # only a part was run
    table = ["| fault | all outputs safe after (ms) | bound (ms) |", "|---|---|---|"]
    table += [f"| {row['fault']} | {row['safe_after_ms']:.1f} | {row['bound_ms']:.0f} |" for row in rows]
    (OUT / "safety_table.md").write_text("\n".join(table) + "\n", encoding="utf-8")
