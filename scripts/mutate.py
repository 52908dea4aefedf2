# SPDX-License-Identifier: Apache-2.0
"""Breaks the safety core on purpose, one small change at a time, and counts how many breaks its tests notice.

The rule it keeps: no file is touched; a forked child alone is changed. The tests are collected once; a first run of
them tells which walk which line (and so the branches they cover), and a mutant meets only those that can see it: first
those that found others in its function, then the quickest. A mutant that no test notices is printed with its line, so
that a test can be written. Run: ``python -m scripts.mutate``.
"""

import argparse
import ast
import contextlib
import io
import os
import pickle
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any, Final, NamedTuple

import coverage
import pytest

ROOT: Final = Path(__file__).parents[1]
# Those that meet the core itself, most of them in milliseconds; the tests of whole farms (the other ``test_hazards_*``)
# would take minutes for each mutant that survives. The record of exact worlds says that something has changed, not
# that it is wrong: it is asked last, and what it alone notices is counted apart.
TESTS: Final = tuple(
    f"tests/controllers/test_hazards_{one}.py"
    for one in ("bounds", "counts", "edges", "gate", "houses", "lines", "order", "places", "world")
)
RECORD: Final = "test_hazards_world"
CORE: Final = (
    "controllers.kernels.safety_lines",
    "controllers.kernels.safety_houses",
    "controllers.kernels.interlock",
    "controllers.kernels.safety_hazards",
    "controllers.kernels.safety",
    "controllers.safety",
)
PATIENCE_S, PATIENCE = 60, 10  # a mutant that makes its tests so many times longer hangs, and is noticed
FIRST_RUN_MAX_S: Final = 3600
NOTICED: Final = 1

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


def path_of(module: str) -> Path:
    """Give a module's file."""
    return ROOT / (module.replace(".", "/") + ".py")


def put_in(mutant: Mutant) -> None:
    """Change the loaded module into the mutant: the code of its functions and methods, and its numbers."""
    module = sys.modules[mutant.module]
    broken: dict[str, Any] = {"__name__": mutant.module}
    exec(compile(mutant.source, module.__file__ or mutant.module, "exec"), broken)
    _take_over(vars(module), broken)


def _take_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name, thing in list(old.items()):
        other = new.get(name)
        if isinstance(thing, FunctionType) and isinstance(other, FunctionType):
            thing.__code__ = other.__code__
        elif isinstance(thing, type) and isinstance(other, type):
            _take_over(vars(thing), vars(other))
        elif isinstance(thing, float) and isinstance(other, float) and thing != other and isinstance(old, dict):
            old[name] = other


def _fork(work: Callable[[], int], most_s: int) -> int:
    """Do ``work`` in a child that says nothing; give its process id. The child's exit code is what ``work`` gives."""
    child = os.fork()
    if child:
        return child
    code = NOTICED
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(most_s)
        code = work()
    finally:
        os._exit(code)


class Seen(NamedTuple):
    """What the tests walk: percent of the core's branches, and by test how long it takes and which lines it sees."""

    branches_pct: float
    walked: dict[str, tuple[float, set[tuple[str, int]]]]


class Trial:
    """Tries the mutants on tests that are collected once (a plugin of pytest); each mutant has a child of its own."""

    def __init__(self, chosen: list[Mutant], jobs: int) -> None:
        self._chosen = chosen
        self._jobs = jobs
        self._coverage = coverage.Coverage(data_file=None, branch=True, include=[str(path_of(one)) for one in CORE])
        self._items: dict[str, pytest.Item] = {}
        self._killers: dict[tuple[str, int], Counter[str]] = {}
        self._running: dict[int, tuple[Mutant, list[str], Path]] = {}
        self.missed: list[Mutant] = []
        self.by_record = 0
        self.branches_pct = 0.0

    def run(self) -> None:
        """Collect the tests and try; RuntimeError when they fail without any mutant."""
        self._coverage.start()  # before the core is loaded
        quiet = "-o addopts=--import-mode=importlib -p no:terminal -p no:cacheprovider -p no:xdist"
        code = pytest.main([*quiet.split(), *TESTS], [self])
        if code != pytest.ExitCode.OK:
            raise RuntimeError(f"the tests of the safety core fail without any mutant: {' '.join(TESTS)}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try all mutants in the place of running the tests."""
        self._items = {item.nodeid: item for item in session.items}
        with tempfile.TemporaryDirectory() as folder:
            seen = self._look(session, Path(folder) / "seen.pickle")
            self.branches_pct = seen.branches_pct
            try:
                self._try_all(session, seen, Path(folder))
            finally:
                for child in self._running:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
        return True

    def _look(self, session: pytest.Session, kept: Path) -> Seen:
        """Run every test once in a child and see what it walks."""

        def work() -> int:
            took: dict[str, float] = {}
            for name, item in self._items.items():
                self._coverage.switch_context(name)
                began = time.perf_counter()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                took[name] = time.perf_counter() - began
            self._coverage.stop()
            percent = self._coverage.report(file=io.StringIO())
            walked: dict[str, set[tuple[str, int]]] = {name: set() for name in took}
            for module in CORE:
                for line, names in self._coverage.get_data().contexts_by_lineno(str(path_of(module))).items():
                    for name in names:
                        if name in walked:
                            walked[name].add((module, line))
            kept.write_bytes(pickle.dumps(Seen(percent, {name: (took[name], walked[name]) for name in took})))
            return int(session.testsfailed > 0)

        _, status = os.waitpid(_fork(work, FIRST_RUN_MAX_S), 0)
        self._coverage.stop()
        if status != 0:
            raise RuntimeError(f"the tests of the safety core fail without any mutant: {' '.join(TESTS)}")
        seen: Seen = pickle.loads(kept.read_bytes())
        return seen

    def _try_all(self, session: pytest.Session, seen: Seen, folder: Path) -> None:
        for number, mutant in enumerate(self._chosen):
            while len(self._running) >= self._jobs:
                self._reap()
            tests = self._who_sees(mutant, seen)
            told = folder / str(number)
            patience_s = PATIENCE_S + round(PATIENCE * sum(seen.walked[name][0] for name in tests))
            child = _fork(partial(self._meet, session, mutant, tests, told), patience_s)
            self._running[child] = (mutant, tests, told)
        while self._running:
            self._reap()

    def _meet(self, session: pytest.Session, mutant: Mutant, tests: list[str], told: Path) -> int:
        """Put the mutant in and run the tests until one fails; write down which."""
        put_in(mutant)
        for name in tests:
            told.write_text(name, encoding="utf-8")
            item = self._items[name]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                return NOTICED
        return 0

    def _reap(self) -> None:
        child, status = os.wait()
        mutant, tests, told = self._running.pop(child)
        if status == 0:
            self.missed.append(mutant)
            how = "survived" if tests else "nobody walks there"
            print(f"{how}: {mutant.module}:{mutant.line} {mutant.what}", file=sys.__stdout__, flush=True)
        elif told.exists():
            killer = told.read_text(encoding="utf-8")
            self._killers.setdefault(self._function(mutant), Counter())[killer] += 1
            self.by_record += RECORD in killer

    def _function(self, mutant: Mutant) -> tuple[str, int]:
        return mutant.module, max(
            (first for first, last in spans(mutant.module) if first <= mutant.line <= last), default=0
        )

    def _who_sees(self, mutant: Mutant, seen: Seen) -> list[str]:
        """Name the tests that walk the mutant's lines: those that found others there, the quickest, the record last.

        For a constant of a module, all of them.
        """
        inside = self._function(mutant)[1] > 0
        lines = {(mutant.module, line) for line in range(mutant.line, mutant.last_line + 1)}
        found = self._killers.get(self._function(mutant), Counter())
        ranked = sorted(seen.walked.items(), key=lambda one: (RECORD in one[0], -found[one[0]], one[1][0]))
        return [name for name, (_, walked) in ranked if not inside or lines & walked]


@cache
def spans(module: str) -> tuple[tuple[int, int], ...]:
    """Give the first and last line of every function of a module."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    return tuple((n.lineno, n.end_lineno or n.lineno) for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


class Score(NamedTuple):
    """What came of it; of ``total`` mutants ``tried`` were tried, and the record alone noticed ``by_record``."""

    total: int
    tried: int
    missed: list[Mutant]
    branches_pct: float
    by_record: int


def score(sample: int, seed: int, jobs: int) -> Score:
    """Try a sample (0: all) of the mutants."""
    os.environ["VUON_NO_JIT"] = "1"
    os.chdir(ROOT)
    every = [mutant for module in CORE for mutant in mutants(module)]
    chosen = random.Random(seed).sample(every, sample) if 0 < sample < len(every) else every
    trial = Trial(chosen, jobs)
    trial.run()
    return Score(len(every), len(chosen), trial.missed, trial.branches_pct, trial.by_record)


def main() -> int:
    """Print the score and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many mutants to try (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    found = score(given.sample, given.seed, given.jobs)
    noticed = found.tried - len(found.missed)
    print(f"branches walked: {found.branches_pct:.2f} %")
    print(f"{noticed} of {found.tried} noticed ({100.0 * noticed / found.tried:.1f} %), {found.total} mutants in all")
    print(f"{found.by_record} of them by the record of exact worlds alone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
