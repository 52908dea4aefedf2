# SPDX-License-Identifier: Apache-2.0
"""The house's shape, held by machine: lengths, licence lines, ports, units, sleeps, one file per outside library."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("telemetry", "drivers", "controllers", "pages", "firmware_bridge", "edge", "cooperative")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
PORT_METHODS_MAX = 6
PORT_LINES_MAX = 50


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def product_files() -> list[Path]:
    return [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        name(p): n for p in tracked("*.py") if (n := len(p.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert not long


def test_no_function_is_longer_than_seventy_lines() -> None:
    long = {
        f"{name(p)}:{f.lineno} {f.name}": n
        for p in product_files()
        for f in functions(p)
        if (n := (f.end_lineno or f.lineno) - f.lineno + 1 - docstring_lines(f)) > FUNCTION_LINES_MAX
    }
    assert not long


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def test_every_source_file_names_its_licence() -> None:
    sources = tracked("*.py", "*.c", "*.h", "*.toml", "*.js", "*.css", "Makefile", "*/Makefile", "scripts/*", ".ci/run")
    without = [
        name(p) for p in sources if "SPDX-License-Identifier: Apache-2.0" not in p.read_text(encoding="utf-8")[:600]
    ]
    without = [path for path in without if not path.startswith("firmware_bridge/firmware/rig/")]
    assert not without


def test_every_module_says_its_job() -> None:
    silent = [
        name(p)
        for p in product_files()
        if p.name != "__init__.py" and not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_tests_are_no_packages() -> None:
    assert not [name(p) for p in tracked("tests/*__init__.py")]


def test_no_test_sleeps() -> None:
    """A test waits for a condition (tests/support/waiting.py); programs that tests run may pace themselves."""
    programs = ("tests/support/", "tests/torture/")
    sleeping = re.compile(r"(time|asyncio)\.sleep\((?!0\))")
    found = [
        f"{name(p)}:{number}"
        for p in tracked("tests/*.py")
        for number, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if sleeping.search(line) and p != Path(__file__) and not name(p).startswith(programs)
    ]
    assert not found


def test_product_code_does_not_know_of_tests() -> None:
    word = re.compile(r"\b(is_testing|if testing|pytest|unittest)\b")
    found = [name(p) for p in product_files() if word.search(p.read_text(encoding="utf-8"))]
    assert not found


@pytest.mark.parametrize("path", ["telemetry/ports.py", "drivers/ports.py"])
def test_ports_are_small(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    protocols = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases)
    ]
    assert protocols
    for port in protocols:
        methods = [item for item in port.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert len(methods) <= PORT_METHODS_MAX, port.name
        assert (port.end_lineno or 0) - port.lineno + 1 <= PORT_LINES_MAX, port.name


def test_every_kernel_states_units_and_source() -> None:
    missing: list[str] = []
    for path in (ROOT / "controllers/kernels").glob("*.py"):
        for function in functions(path):
            compiled = any("jit" in ast.unparse(decorator) for decorator in function.decorator_list)
            if not compiled or function.name.startswith("_"):
                continue
            text = ast.get_docstring(function) or ""
            if "[" not in text or not re.search(r"(?i)source", text):
                missing.append(f"{name(path)}:{function.lineno} {function.name}")
    assert not missing


def test_every_broad_except_says_why() -> None:
    bare: list[str] = []
    for path in product_files():
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            broad = re.search(r"except( \(?(Base)?Exception\b.*)?:", line)
            if broad and "#" not in line and "#" not in (lines[number + 1] if number + 1 < len(lines) else ""):
                bare.append(f"{name(path)}:{number + 1}")
    assert not bare


def test_this_machine_is_not_named() -> None:
    machine = re.compile(r"/(work|root|tmp/vuon)/[a-z]")
    text_files = tracked("*.py", "*.md", "*.toml", "*.c", "*.h", "Makefile", "scripts/*", "deploy/*", ".ci/run")
    found = [name(p) for p in text_files if p != Path(__file__) and machine.search(p.read_text(encoding="utf-8"))]
    assert not found
