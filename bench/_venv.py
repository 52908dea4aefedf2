# SPDX-License-Identifier: Apache-2.0
"""Venvs of peers whose packages do not go together with ours: made once under build/, from requirements/NAME.in."""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def venv_python(name: str) -> Path:
    """Give the interpreter of the venv of ``requirements/{name}.in``; make the venv when it is new or has changed."""
    wanted = ROOT / "requirements" / f"{name}.in"
    folder = ROOT / "build" / "venvs" / name
    stamp = folder / "stamp"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"making build/venvs/{name} from {wanted.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=120)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True, timeout=600)
        stamp.write_text(digest)
    return python
