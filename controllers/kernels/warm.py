# SPDX-License-Identifier: Apache-2.0
"""Fills the kernel cache: run as ``python -m controllers.kernels.warm`` in a child process before the agent starts.

Rule kept: LLVM's memory (some 100 MB while compiling) and a possible crash of it stay in the child; the agent only
loads finished code. Prints one JSON line: enabled, why, detail, cache_dir, compiled, modules, seconds.
"""

import json
import pkgutil
import shutil
import sys
import time
from importlib import import_module
from pathlib import Path

import controllers.kernels
from controllers.kernels import jit

CACHES_KEPT = 3
"""Caches of this many versions of the sources stay on disk, so that a roll-back starts warm."""


def kernel_modules() -> list[str]:
    """List the kernel modules that have something to warm: those with a ``warm_up`` function."""
    names = [m.name for m in pkgutil.iter_modules(controllers.kernels.__path__, "controllers.kernels.")]
    return [n for n in names if n != __name__ and hasattr(import_module(n), "warm_up")]


def warm_all() -> list[str]:
    """Call every module's ``warm_up``; return the modules' names. A kernel that does not compile raises here."""
    names = kernel_modules()
    for name in names:
        import_module(name).warm_up()
    return names


def prune(root: Path, keep: frozenset[Path], count: int = CACHES_KEPT) -> list[Path]:
    """Remove each module's oldest caches beyond ``count``, never one of ``keep``; return what was removed."""
    gone: list[Path] = []
    for module in sorted(p for p in root.glob("*") if p.is_dir()):
        caches = [p for p in module.iterdir() if p.is_dir()]
        others = sorted((p for p in caches if p not in keep), key=lambda p: p.stat().st_mtime)
        gone += others[: max(0, len(others) - (count - len(caches) + len(others)))]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return gone


def main() -> int:
    """Warm everything and report in one JSON line; 0 when the cache is full or not wanted, 1 when it cannot be kept."""
    started = time.perf_counter()
    modules = warm_all()
    state = jit.jit_state()
    if state.cache_dir:
        root = Path(state.cache_dir)
        prune(root, frozenset(jit.cache_folder(m.name) for m in pkgutil.iter_modules(controllers.kernels.__path__)))
    report = state._asdict() | {
        "compiled": jit.compilations(),
        "modules": modules,
        "seconds": round(time.perf_counter() - started, 3),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if state.enabled and not state.cache_dir else 0


if __name__ == "__main__":
    sys.exit(main())
