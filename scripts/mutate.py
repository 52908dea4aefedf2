# SPDX-License-Identifier: Apache-2.0
"""Breaks the safety core on purpose, one small change at a time, and counts how many breaks its tests notice.

The rule it keeps: no file is touched; a broken module is loaded by a forked child alone. A first run of the tests
tells which of them walk which line, so a mutant meets only the tests that can see it, the quickest first. A mutant
that no test notices is printed with its line, so that a test can be written. Run: ``python -m scripts.mutate``.
"""

import argparse
import ast
import contextlib
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = tuple(
    str(path.relative_to(ROOT))
    for where in (
        "tests/controllers/test_hazards_*.py",
        "tests/controllers/test_hydraulics.py",
        "tests/controllers/test_fertigation.py",
    )
    for path in sorted(ROOT.glob(where))
)
CORE: Final = (
    "controllers.kernels.safety_lines",
    "controllers.kernels.safety_houses",
    "controllers.kernels.interlock",
    "controllers.kernels.safety_hazards",
    "controllers.kernels.safety",
    "controllers.safety",
)
TIMEOUT_S: Final = 240  # a mutant that makes the tests hang is noticed

_COMPARE: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


class Mutant(NamedTuple):
    """One broken version of a module."""

    module: str
    line: int
    last_line: int
    what: str
    source: str


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Give what could be put in a node's place."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARE.get(type(node.ops[0]), ()):
            new = ast.Compare(node.left, [other()], node.comparators)
            yield f"{type(node.ops[0]).__name__} -> {other.__name__}", new
    elif isinstance(node, ast.BoolOp):
        other_op: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{type(node.op).__name__} -> {type(other_op).__name__}", ast.BoolOp(other_op, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not dropped", node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        swapped = _ARITHMETIC[type(node.op)]
        yield f"{type(node.op).__name__} -> {swapped.__name__}", ast.BinOp(node.left, swapped(), node.right)
    elif isinstance(node, ast.Constant) and type(node.value) is float:
        yield f"{node.value} -> {node.value + 1.0}", ast.Constant(node.value + 1.0)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield "assignment dropped", ast.Pass()


class _Replace(ast.NodeTransformer):
    def __init__(self, number: int, new: ast.AST) -> None:
        self._number = number
        self._new = new
        self._seen = -1

    def generic_visit(self, node: ast.AST) -> ast.AST:
        self._seen += 1
        if self._seen == self._number:
            return self._new
        return super().generic_visit(node)


def mutants(module: str) -> list[Mutant]:
    """List every broken version of a module's functions."""
    path = ROOT / (module.replace(".", "/") + ".py")
    text = path.read_text(encoding="utf-8")
    numbered: list[ast.AST] = []

    class Count(ast.NodeVisitor):
        def generic_visit(self, node: ast.AST) -> None:
            numbered.append(node)
            super().generic_visit(node)

    Count().visit(ast.parse(text))
    found = []
    for number, node in enumerate(numbered):
        for what, new in _changes(node):
            tree = _Replace(number, new).visit(ast.parse(text))
            source = ast.unparse(ast.fix_missing_locations(tree))
            first = getattr(node, "lineno", 0)
            found.append(Mutant(module, first, getattr(node, "end_lineno", first), what, source))
    return found


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Loads the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, _path: Any = None, _target: Any = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._mutant.module else None

    def get_source(self, fullname: str) -> str | None:
        return self._mutant.source if fullname == self._mutant.module else None


class _Trail:
    """Remembers which lines of the core each test walks, and how long it takes (a plugin of pytest)."""

    def __init__(self) -> None:
        self._files = {str(path_of(module)): module for module in CORE}
        self._known: dict[CodeType, str] = {}
        self._here: set[tuple[str, int]] = set()
        self.walked: dict[str, tuple[float, list[tuple[str, int]]]] = {}

    def pytest_runtest_protocol(self) -> None:
        """Begin a test."""
        self._here = set()
        self._began = time.perf_counter()
        sys.settrace(self._enter)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """End a test."""
        sys.settrace(None)
        self.walked[nodeid] = (time.perf_counter() - self._began, sorted(self._here))

    def _enter(self, frame: FrameType, event: str, _arg: Any) -> Any:
        module = self._files.get(frame.f_code.co_filename)
        return self._line if event == "call" and module is not None else None

    def _line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            self._here.add((self._files[frame.f_code.co_filename], frame.f_lineno))
        return self._line


def path_of(module: str) -> Path:
    """Give a module's file."""
    return ROOT / (module.replace(".", "/") + ".py")


def prepare() -> None:
    """Load what every child needs and no mutant is in."""
    os.environ["VUON_NO_JIT"] = "1"
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    for name in ("pytest", "numpy", "msgspec", "_pytest.python"):
        importlib.import_module(name)


def _pytest(arguments: Iterable[str], plugins: list[Any] | None = None) -> int:
    import pytest

    return int(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *arguments], plugins))


def _fork(work: Any, most_s: int = TIMEOUT_S) -> int:
    """Do ``work`` in a child that says nothing; give its process id. The child's exit code is what ``work`` gives."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(most_s)
        code = work()
    finally:
        os._exit(code)


def trail() -> dict[str, tuple[float, list[tuple[str, int]]]]:
    """Run all tests once; give for each its seconds and the lines of the core that it walks. They must pass."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "trail.json"

        def work() -> int:
            trail = _Trail()
            code = _pytest(TESTS, [trail])
            kept.write_text(json.dumps(trail.walked), encoding="utf-8")
            return code

        _, status = os.waitpid(_fork(work, 10 * TIMEOUT_S), 0)
        if status != 0:
            raise RuntimeError(f"the tests of the safety core fail without any mutant: {' '.join(TESTS)}")
        walked: dict[str, tuple[float, list[tuple[str, int]]]] = json.loads(kept.read_text(encoding="utf-8"))
        return walked


def who_sees(mutant: Mutant, walked: dict[str, tuple[float, list[tuple[str, int]]]]) -> list[str]:
    """Name the tests that walk the mutant's lines, the quickest first; for a constant of a module all of them."""
    tree = ast.parse(path_of(mutant.module).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = any(f.lineno <= mutant.line <= (f.end_lineno or f.lineno) for f in functions)
    lines = {(mutant.module, line) for line in range(mutant.line, mutant.last_line + 1)}
    ranked = sorted(walked.items(), key=lambda one: one[1][0])
    return [test for test, (_, seen) in ranked if not inside or lines & {(name, line) for name, line in seen}]


def try_all(chosen: list[Mutant], jobs: int) -> list[Mutant]:
    """Give the mutants that no test notices."""
    walked = trail()
    missed: list[Mutant] = []
    running: dict[int, Mutant] = {}

    def reap() -> None:
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            missed.append(mutant)
            print(f"survived: {mutant.module}:{mutant.line} {mutant.what}", flush=True)

    try:
        for mutant in chosen:
            tests = who_sees(mutant, walked)
            if not tests:
                missed.append(mutant)
                print(f"nobody walks there: {mutant.module}:{mutant.line} {mutant.what}", flush=True)
                continue

            def work(mutant: Mutant = mutant, tests: list[str] = tests) -> int:
                sys.meta_path.insert(0, _Broken(mutant))
                return _pytest(tests)

            while len(running) >= jobs:
                reap()
            running[_fork(work)] = mutant
        while running:
            reap()
    finally:
        for child in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    return missed


def score(sample: int, seed: int, jobs: int) -> tuple[int, int, int, list[Mutant]]:
    """Try a sample (0: all) of the mutants; give how many there are, were tried, were noticed, and the rest."""
    every = [mutant for module in CORE for mutant in mutants(module)]
    chosen = random.Random(seed).sample(every, sample) if 0 < sample < len(every) else every
    prepare()
    missed = try_all(chosen, jobs)
    return len(every), len(chosen), len(chosen) - len(missed), missed


def main() -> int:
    """Print the score and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many mutants to try (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    total, tried, noticed, _ = score(given.sample, given.seed, given.jobs)
    print(f"{noticed} of {tried} noticed ({100.0 * noticed / tried:.1f} %), {total} mutants in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
