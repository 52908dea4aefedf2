# SPDX-License-Identifier: Apache-2.0
"""The kernels' compiler switch: cache by source, fallback without LLVM, counting."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.kernels import jit, warm

PROBE = """
import json, sys
from controllers.kernels import jit
imported_early = "numba" in sys.modules
from controllers.kernels.psychrometrics import vpd_kpa
print(json.dumps(dict(value=vpd_kpa(33.0, 79.0), compiled=jit.compilations(), early=imported_early,
                      numba="numba" in sys.modules, state=jit.jit_state()._asdict())))
"""


def probe(**environment: str) -> dict[str, object]:
    clean = {k: v for k, v in os.environ.items() if k not in {"VUON_NO_JIT", "NUMBA_DISABLE_JIT"}}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
def test_second_process_loads_from_the_cache_and_compiles_nothing(tmp_path: Path) -> None:
    cold = probe(VUON_CACHE_DIR=str(tmp_path))
    warm_run = probe(VUON_CACHE_DIR=str(tmp_path))
    assert cold["compiled"] == 2  # the kernel and the helper it calls
    assert warm_run["compiled"] == 0
    assert cold["value"] == warm_run["value"]
    assert [p.name for p in (tmp_path / "kernels").iterdir()] == ["psychrometrics"]
    assert [p.name for p in (tmp_path / "kernels" / "psychrometrics").iterdir()] == [
        jit.source_hash(module="psychrometrics")
    ]


@pytest.mark.parametrize("switch", ["VUON_NO_JIT", "NUMBA_DISABLE_JIT"])
def test_switched_off_it_never_loads_numba_and_says_so(switch: str, tmp_path: Path) -> None:
    off = probe(**{switch: "1"}, VUON_CACHE_DIR=str(tmp_path))
    assert off["numba"] is False
    assert off["compiled"] == 0
    state = off["state"]
    assert isinstance(state, dict)
    assert state["enabled"] is False
    assert state["detail"] == f"{switch}=1"
    assert isinstance(off["value"], float)
    assert off["value"] == pytest.approx(1.06, abs=0.005)
    assert list(tmp_path.iterdir()) == []


def test_missing_llvm_falls_back_to_plain_python_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise OSError(f"{name}: libLLVM: cannot open shared object file")

    monkeypatch.delenv("VUON_NO_JIT", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(jit, "import_module", broken)
    tools = jit._Toolchain()
    assert tools.state.enabled is False
    assert "libLLVM" in tools.state.detail
    assert tools.compile(len) is len


def test_unwritable_cache_is_said_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class NumbaStandIn:
        """Only so that the probe gets past the import."""

    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    monkeypatch.delenv("VUON_NO_JIT", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setenv("VUON_CACHE_DIR", str(blocker))
    monkeypatch.setattr(jit, "import_module", lambda _name: NumbaStandIn)
    state = jit._Toolchain().state
    assert state.enabled is True
    assert state.cache_dir == ""
    assert "cannot be written" in state.why


def test_an_edited_helper_leaves_its_callers_caches_behind_and_no_others(tmp_path: Path) -> None:
    modules = {
        "helper": "x = 1\n",
        "caller": "import math\nfrom controllers.kernels.helper import (\n    x,\n)\n",
        "upper": "from controllers.kernels import caller as c\n",
        "stranger": "from controllers.kernels.jit import njit\nfrom controllers.kernels import absent\n",
    }
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    before = {name: jit.source_hash(tmp_path, name) for name in modules} | {"": jit.source_hash(tmp_path)}
    (tmp_path / "helper.py").write_text("x = 2\n")
    after = {name: jit.source_hash(tmp_path, name) for name in modules} | {"": jit.source_hash(tmp_path)}
    assert {name for name in before if before[name] != after[name]} == {"helper", "caller", "upper", ""}


def test_every_import_between_kernels_is_seen() -> None:
    folder = Path(jit.__file__).parent
    for path in folder.glob("*.py"):
        said: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "controllers.kernels":
                said |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("controllers.kernels."):
                said.add((node.module or "").rpartition(".")[2])
        assert said <= jit._with_imports(folder, path.stem)


def test_only_the_views_of_packed_tables_come_out_of_a_kernel_as_arrays() -> None:
    """An array that a kernel made would never be freed if a kernel that counts no references took it."""
    for path in Path(jit.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                array = ast.unparse(node.returns) in {"Floats", "Ints", "Array"} if node.returns else False
                assert not array or path.stem == "packed", f"{path.name}: {node.name}"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"VUON_CACHE_DIR": "/a", "CACHE_DIRECTORY": "/b", "XDG_CACHE_HOME": "/c"}, "/a/kernels"),
        ({"CACHE_DIRECTORY": "/b:/d", "XDG_CACHE_HOME": "/c"}, "/b/kernels"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/vuon/kernels"),
        ({"HOME": "/home/an"}, "/home/an/.cache/vuon/kernels"),
    ],
)
def test_cache_folder_follows_the_environment(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VUON_CACHE_DIR", "CACHE_DIRECTORY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(jit.cache_root()) == expected


def test_prune_keeps_the_current_caches_and_the_newest_others_of_each_module(tmp_path: Path) -> None:
    for module in ("tick", "pid"):
        for age, name in enumerate(["oldest", "older", "newer", "newest", "current"]):
            (tmp_path / module / name).mkdir(parents=True)
            os.utime(tmp_path / module / name, (age, age))
    os.utime(tmp_path / "tick" / "current", (0, 0))
    gone = warm.prune(tmp_path, frozenset({tmp_path / "tick" / "current"}), count=3)
    assert sorted(f"{p.parent.name}/{p.name}" for p in gone) == [
        "pid/older",
        "pid/oldest",
        "tick/older",
        "tick/oldest",
    ]


def test_every_kernel_module_with_kernels_can_be_warmed() -> None:
    assert "controllers.kernels.psychrometrics" in warm.kernel_modules()
