# SPDX-License-Identifier: Apache-2.0
"""The kernels are compiled before the agent starts: every one of them, for real, and only once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import kernel_cache
from tests.support.waiting import until


def test_every_kernel_compiles_and_the_next_start_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VUON_NO_JIT", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    assert kernel_cache.fill() == (True, "")  # anything else would let every agent run uncompiled, with a warning
    assert kernel_cache.is_filled()
    done = subprocess.run(
        [sys.executable, "-m", "controllers.kernels.warm"], capture_output=True, text=True, check=True, timeout=300
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["enabled"] is True
    assert report["compiled"] == 0
    assert "controllers.kernels.tick" in report["modules"]


def test_a_compiler_that_fails_is_said_and_the_start_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VUON_NO_JIT", "NUMBA_DISABLE_JIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(kernel_cache, "is_filled", lambda: False)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    compiled, why = kernel_cache.fill()
    assert not compiled
    assert why == "exit 1"
    assert os.environ["VUON_NO_JIT"] == "1"


async def test_who_ends_before_the_compiler_takes_it_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def children() -> list[str]:
        assert child is not None
        return Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split()

    def ended() -> bool:
        try:
            return "State:\tZ" in (compiler / "status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return True

    for name in ("VUON_NO_JIT", "NUMBA_DISABLE_JIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VUON_CACHE_DIR", str(tmp_path))
    child = kernel_cache.begin()
    assert child is not None
    await until(lambda: bool(children()), "the compiler's start")
    compiler = Path("/proc") / children()[0]
    child.terminate()
    child.wait()
    await until(ended, "the compiler's end")
