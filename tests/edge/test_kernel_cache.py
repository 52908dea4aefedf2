# SPDX-License-Identifier: Apache-2.0
"""The kernels are compiled before the agent starts: every one of them, for real, and only once."""

import json
import os
import subprocess
import sys

import pytest

from edge import kernel_cache


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
