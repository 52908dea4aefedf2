# SPDX-License-Identifier: Apache-2.0
"""The linux board, built once from the same C as the real one."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def board_program() -> Path:
    """Give the program, freshly built."""
    subprocess.run(["make", "-s", "-C", str(ROOT / "firmware_bridge" / "firmware"), "linux"], check=True)
    return ROOT / "build" / "firmware" / "vuon-board"
