# SPDX-License-Identifier: Apache-2.0
"""The one place that meets Numba: a decorator, its cache, and the way out when LLVM cannot load.

Rule kept: a kernel gives the same numbers compiled or not (to 1e-12), so a board on which llvmlite cannot load still
irrigates. To keep it, a kernel takes floats, ints and C-contiguous float64/int64 arrays, and never divides by what
may be zero (the compiled code follows IEEE, plain Python raises).

``@njit`` is for kernels that only borrow: they write into the arrays that they were given, make none and return none,
so nothing in them counts references (which costs several times the work of a zone's tick; Numba refuses to compile
one that breaks this). ``@njit_counted`` is for the few that make arrays inside or return a view.

How to use it: ``from controllers.kernels.jit import njit``, put ``@njit`` on module-level functions, and give the
module a function ``warm_up()`` that calls each entry kernel once with the types the agent uses; ``python -m
controllers.kernels.warm`` runs them all in a child process and so fills the cache. Numba itself is imported when the
first kernel is decorated, so import kernel modules where they are needed, not in a command line's top module.
"""

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_TRUE = frozenset({"1", "true", "yes", "on"})


class JitState(NamedTuple):
    """Whether kernels are compiled here, and why (an English message id), for the log and the heartbeat."""

    enabled: bool
    why: str
    detail: str
    cache_dir: str


class _Toolchain:
    """What was found when the first kernel was decorated; made once per process."""

    def __init__(self) -> None:
        self.numba: Any = None
        self.dispatchers: list[Any] = []
        self.state = self._probe()

    def _probe(self) -> JitState:
        for name in ("VUON_NO_JIT", "NUMBA_DISABLE_JIT"):
            if os.environ.get(name, "").strip().lower() in _TRUE:
                return JitState(False, "kernels run uncompiled by request", f"{name}=1", "")
        try:
            self.numba = import_module("numba")
        except (ImportError, OSError, RuntimeError) as error:  # no wheel, wrong glibc, numpy too new, no LLVM
            return JitState(False, "kernels run uncompiled: numba cannot load", str(error), "")
        folder = cache_root()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return JitState(True, "kernels are compiled at each start: the cache cannot be written", str(error), "")
        return JitState(True, "kernels are compiled and cached", "", str(folder))

    def compile(self, function: Callable[P, R], *, counted: bool = False) -> Callable[P, R]:
        if not self.state.enabled:
            return function
        if self.state.cache_dir:
            self.numba.config.CACHE_DIR = str(cache_folder(function.__module__))  # read when a kernel is decorated
        # error_model numpy: no zero checks in loops, so LLVM can vectorise them; _nrt: Numba counts references
        dispatcher = self.numba.njit(
            cache=bool(self.state.cache_dir), nogil=True, fastmath=False, error_model="numpy", _nrt=counted
        )(function)
        self.dispatchers.append(dispatcher)
        return dispatcher  # type: ignore[no-any-return]


_toolchain: _Toolchain | None = None


def _tools() -> _Toolchain:
    global _toolchain
    if _toolchain is None:
        _toolchain = _Toolchain()
    return _toolchain


def njit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel on its first call (cached on disk, releases the GIL, strict IEEE), or leave it plain Python."""
    return _tools().compile(function)


def njit_counted(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that makes arrays or returns a view. One that returns a new array is for Python callers only."""
    return _tools().compile(function, counted=True)


def jit_state() -> JitState:
    """Say whether kernels are compiled in this process and why; loads numba if nothing has yet."""
    return _tools().state


def compilations() -> int:
    """Count the function signatures compiled (not loaded from the cache) in this process so far."""
    if _toolchain is None:
        return 0
    return sum(sum(d.stats.cache_misses.values()) for d in _toolchain.dispatchers)


_KERNEL_IMPORT = re.compile(r"^from controllers\.kernels(?:\.(\w+))? import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def source_hash(folder: Path | None = None, module: str = "") -> str:
    """Hash the kernel sources: all of them, or those of one module and of all that it imports, at any depth.

    An edited helper must not leave its cached callers behind, and must not throw away what does not call it.
    """
    folder = folder or Path(__file__).parent
    wanted = _with_imports(folder, module) if module else {path.stem for path in folder.glob("*.py")}
    digest = hashlib.sha256()
    for name in sorted(wanted):
        body = (folder / f"{name}.py").read_bytes()
        digest.update(f"{name}:{len(body)}:".encode())
        digest.update(body)
    return digest.hexdigest()[:16]


def _with_imports(folder: Path, module: str) -> set[str]:
    """Name ``module`` and every sibling that it imports, directly or through others."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = folder / f"{name}.py"
        if name in found or not path.is_file():
            continue
        found.add(name)
        for sibling, names in _KERNEL_IMPORT.findall(path.read_text(encoding="utf-8")):
            waiting += [sibling] if sibling else re.findall(r"(\w+)(?:\s+as\s+\w+)?", names)
    return found


def cache_root() -> Path:
    """Return the folder of all kernel caches: VUON_CACHE_DIR, systemd's CACHE_DIRECTORY, XDG_CACHE_HOME or ~/.cache."""
    for name in ("VUON_CACHE_DIR", "CACHE_DIRECTORY"):
        value = os.environ.get(name, "").split(":")[0]
        if value:
            return Path(value) / "kernels"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if xdg else Path("~/.cache").expanduser()) / "vuon" / "kernels"


def cache_folder(module: str) -> Path:
    """Return the cache folder of one module of kernels (its dotted name) with exactly the sources that it rests on."""
    stem = module.rpartition(".")[2]
    return cache_root() / stem / _own_hash(stem)


@cache  # the sources of a running process are those that it imported
def _own_hash(stem: str) -> str:
    return source_hash(module=stem)
