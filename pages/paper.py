# SPDX-License-Identifier: Apache-2.0
"""Sets paper: a Typst template and its data become a tagged PDF, in a child process.

The rule it keeps: templates live beside their users and take their data from ``sys.inputs.data`` as JSON; nothing
is fetched from a network; a hung or greedy compiler ends with its child, never with the caller.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TIMEOUT_S: Final = 60.0
MAX_PDF_BYTES: Final = 64 * 2**20

# What the child runs: it sees the template's folder as its root, and no font but Typst's own and the template's.
_CHILD: Final = """
import json, sys
import typst
order = json.load(sys.stdin)
try:
    pdf = typst.compile(
        order["template"], root=order["root"], format="pdf",
        sys_inputs=order["inputs"], pdf_standards=order["standards"],
    )
except typst.TypstError as seen:
    sys.stderr.write(str(seen))
    sys.exit(3)
sys.stdout.buffer.write(pdf)
"""


class PaperError(RuntimeError):
    """The page could not be set; says which template and what Typst saw."""


def pdf(
    template: Path,
    data: Mapping[str, Any],
    *,
    standards: tuple[str, ...] = ("ua-1",),
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """Set ``template`` (a .typ file) with ``data`` and give the PDF's bytes.

    The template reads ``json(bytes(sys.inputs.data))``. ``standards`` are Typst's names; ``ua-1`` (PDF/UA-1) makes it
    tagged and needs ``set document(title: …)``. Raise PaperError when it cannot be set within ``timeout_s``.
    """
    order = {
        "template": str(template),
        "root": str(template.parent),
        "inputs": {"data": json.dumps(data, ensure_ascii=False, allow_nan=False)},
        "standards": list(standards),
    }
    # The module's own folder must not be on the child's path: its names (numbers) are the standard library's too.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as seen:
        raise PaperError(f"{template.name}: not set within {timeout_s:.0f} s; check for a loop in it") from seen
    if done.returncode != 0:
        raise PaperError(f"{template.name}: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    if len(done.stdout) > MAX_PDF_BYTES or not done.stdout.startswith(b"%PDF"):
        raise PaperError(f"{template.name}: {len(done.stdout)} bytes came that are no PDF of a sane size")
    return done.stdout
