# SPDX-License-Identifier: Apache-2.0
"""Has the kernels compiled by a child process before the agent starts, so that the agent only loads them.

The rule it keeps: whatever happens to the compiler, the agent starts; without compiled kernels it runs the same
mathematics in plain Python and says so. ``python -m edge.kernel_cache`` fills the cache and ends.
"""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from controllers import kernels
from controllers.kernels.jit import cache_root, source_hash
from edge.children import die_with_parent

# A Pi 4 compiles all kernels in some two minutes, once for each version.
COMPILE_MAX_S: Final = 600.0
MARKS_KEPT: Final = 8


def fill() -> tuple[bool, str]:
    """Fill the cache. Gives whether kernels are compiled, and otherwise why not.

    Where it fails, this process is told (VUON_NO_JIT) not to try for itself. A cache that was filled by the same
    sources, libraries and processor is taken as it is.
    """
    if os.environ.get("VUON_NO_JIT") or os.environ.get("NUMBA_DISABLE_JIT"):
        return False, "by request"
    if is_filled():
        return True, ""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "controllers.kernels.warm"],
            capture_output=True,
            # The child also leaves Python's own compiled files of the libraries behind, where none were installed.
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            timeout=COMPILE_MAX_S,
            check=False,
            preexec_fn=die_with_parent(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return _without(str(error))
    try:
        report = json.loads(done.stdout.decode().strip().rpartition("\n")[2])
    except ValueError:
        return _without(done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit {done.returncode}")
    if not report["enabled"]:
        return _without(f"{report['why']} {report['detail']}".strip())
    with contextlib.suppress(OSError):  # then the next start looks again
        for old in sorted(cache_root().glob("filled-*"), key=lambda path: path.stat().st_mtime)[:-MARKS_KEPT]:
            old.unlink()
        _mark().write_text(_makers(), encoding="utf-8")
    return True, ""


def is_filled() -> bool:
    """Say whether the cache holds the kernels of these sources, libraries and processor."""
    try:
        return _mark().read_text(encoding="utf-8") == _makers()
    except OSError:
        return False


def begin() -> subprocess.Popen[bytes] | None:
    """Start with what there is: where the cache is not filled, compute uncompiled now and fill it in the background.

    For a first look, which should not wait a minute for a compiler. Gives the child that compiles, or None where none
    is needed; the caller ends it.
    """
    if os.environ.get("VUON_NO_JIT") or os.environ.get("NUMBA_DISABLE_JIT") or is_filled():
        return None
    child = subprocess.Popen(
        [sys.executable, "-m", "edge.kernel_cache"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 no thread has been started yet
    )
    os.environ["VUON_NO_JIT"] = "1"
    return child


def _mark() -> Path:
    """Name the file that says so: of these sources at this place, for the compiler files its work by the place."""
    place = hashlib.sha256(str(Path(kernels.__file__).parent).encode()).hexdigest()[:8]
    return cache_root() / f"filled-{source_hash()}-{place}"


def _makers() -> str:
    """Name everything that a compiled kernel depends on beside its source, which is in the folder's name."""
    libraries = " ".join(f"{name} {_version(name)}" for name in ("numba", "llvmlite", "numpy"))
    return f"{sys.version} {platform.machine()} {_processor()} {libraries}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return ""


def _without(why: str) -> tuple[bool, str]:
    os.environ["VUON_NO_JIT"] = "1"
    return False, why


if __name__ == "__main__":
    os.nice(19)
    sys.exit(0 if fill()[0] else 1)
