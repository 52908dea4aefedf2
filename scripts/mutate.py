# SPDX-License-Identifier: Apache-2.0
"""Breaks the safety core on purpose, one small change at a time, and counts how many breaks its tests notice.

The rule it keeps: no file is touched; a broken module is loaded by the child process alone. A mutant that no test
notices is printed with its line, so that a test can be written. Run: ``python -m scripts.mutate --sample 60``.
"""

import argparse
import ast
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = tuple(f"tests/controllers/test_hazards_{of}.py" for of in ("water", "dosing", "climate", "limits"))
# module -> the hazards whose tests are tried first
CORE: Final = {
    "controllers.kernels.safety_lines": "h1_ or h2_ or h3_ or h6_ or h10_ or low_flow or moment",
    "controllers.kernels.safety_houses": "h7_ or h8_ or h9_ or plain",
    "controllers.kernels.interlock": "h4_ or plain or h5_no_dose",
    "controllers.kernels.safety_hazards": "h1_ or h7_ or h9_ or mains or emergency or longest",
    "controllers.kernels.safety": "h12_ or h22_ or h25_ or mains or emergency or longest or pause or number or range",
}
TIMEOUT_S: Final = 240.0

CHILD: Final = """
import importlib.abc, importlib.util, sys
name, path, *arguments = sys.argv[1:]
class Broken(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    def find_spec(self, fullname, where=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == name else None
    def get_filename(self, fullname):
        return path
    def get_data(self, at):
        return open(at, "rb").read()
sys.dont_write_bytecode = True
sys.meta_path.insert(0, Broken())
import pytest
sys.exit(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *arguments]))
"""

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
            found.append(Mutant(module, getattr(node, "lineno", 0), what, source))
    return found


def is_noticed(mutant: Mutant) -> bool:
    """Whether the tests fail (or hang) with the mutant: first those of its hazards, then all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.py"
        path.write_text(mutant.source, encoding="utf-8")
        for choice in (["-k", CORE[mutant.module]], ["-k", f"not ({CORE[mutant.module]})"]):
            command = [sys.executable, "-c", CHILD, mutant.module, str(path), *TESTS, *choice]
            try:
                done = subprocess.run(
                    command,
                    cwd=ROOT,
                    env=os.environ | {"VUON_NO_JIT": "1"},
                    capture_output=True,
                    timeout=TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return True
            if done.returncode != 0:
                return True
    return False


def score(sample: int, seed: int, jobs: int) -> tuple[int, int, int, list[Mutant]]:
    """Try a sample (0: all) of the mutants; give how many there are, were tried, were noticed, and the rest."""
    every = [mutant for module in CORE for mutant in mutants(module)]
    chosen = random.Random(seed).sample(every, sample) if 0 < sample < len(every) else every
    with ThreadPoolExecutor(jobs) as pool:
        noticed = list(pool.map(is_noticed, chosen))
    missed = [mutant for mutant, seen in zip(chosen, noticed, strict=True) if not seen]
    return len(every), len(chosen), len(chosen) - len(missed), missed


def main() -> int:
    """Print the score and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many mutants to try (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    total, tried, noticed, missed = score(given.sample, given.seed, given.jobs)
    for mutant in missed:
        print(f"survived: {mutant.module}:{mutant.line} {mutant.what}")
    print(f"{noticed} of {tried} noticed ({100.0 * noticed / tried:.1f} %), {total} mutants in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
