# SPDX-License-Identifier: Apache-2.0
"""docs/adding-a-sensor.md, word for word: its commands in a shell, its TOML in the farm's file, what it says appears.

Then the walk's end: the value that came over the line stands on the console's page.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-sensor.md"
POWER, STAYS = "<!-- the power goes off and on -->", "<!-- this one stays -->"
PIECE = re.compile(rf"^```(\w+)\n(.*?)^```$|^({re.escape(POWER)}|{re.escape(STAYS)})$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Piece:
    """A fenced block of the page, or one of its invisible marks."""

    kind: str
    text: str


def pieces() -> list[Piece]:
    found = PIECE.finditer(PAGE.read_text(encoding="utf-8"))
    return [Piece(m.group(1) or m.group(3), m.group(2) or "") for m in found]


def _plain(text: str) -> str:
    """Take the width of spaces out: columns, and the narrow ones before units."""
    return " ".join(text.split())


class Walk:
    """A technician at a shell in the farm's folder."""

    def __init__(self, folder: Path, port: str, bench: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.environment = _environment() | {"PORT": port}
        self._bench = bench
        self.stays: list[subprocess.Popen[bytes]] = []

    def sh(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=self.folder, env=self.environment, timeout=PATIENCE_S,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return done.stdout if done.returncode == 0 else f"{done.stdout}\n(exit code {done.returncode})"

    def until(self, command: str, wanted: list[str]) -> None:
        """Run a command until it says all that the page says; at once unless it looks at a starting agent.

        Numbers of pseudo-terminals are given anew: an agent of a test beside this one, whose line was pulled out, may
        for a moment hold the line that got its number.
        """
        end_s = time.monotonic() + (PATIENCE_S if self.stays else 0.0)
        free_s = time.monotonic() + PATIENCE_S
        while True:
            said = self.sh(command)
            if "the port is busy" in said and time.monotonic() < free_s:
                continue
            missing = [line for line in wanted if _plain(line) not in _plain(said)]
            if not missing and "(exit code" not in said:
                return
            assert time.monotonic() < end_s, f"{command}\n{said}\nlacks {missing}"

    def stay(self, command: str) -> None:
        self.stays.append(subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment))

    def power(self) -> None:
        assert self._bench.stdin is not None
        self._bench.stdin.write("\n")
        self._bench.stdin.flush()

    def end(self) -> None:
        for child in self.stays:
            child.terminate()
        for child in self.stays:
            child.wait(20.0)


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "LC_ALL": "C.UTF-8", "VUON_NO_JIT": "1", "PYTHONUNBUFFERED": "1"}


@contextmanager
def bench() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``vuon bus practice`` in its own terminal."""
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "bus", "practice"], text=True, env=_environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip(), child
        finally:
            child.terminate()  # not SIGINT: what a shell started in the background is deaf to it


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with bench() as (port, child):
        walking = Walk(tmp_path, port, child)
        try:
            yield walking
        finally:
            walking.end()


def test_the_page_is_true_from_the_scan_to_the_value_on_the_console(walk: Walk) -> None:
    """Every block is done as it stands; what stands in a text block must have been said by the block before it."""
    row = pieces()
    assert [p.kind for p in row].count("sh") >= 10
    for here, after in zip(row, [*row[1:], Piece("", "")], strict=True):
        if here.kind == "sh" and not (walk.stays and "vuon run" in here.text):
            wanted = [line for line in after.text.splitlines() if line.strip()] if after.kind == "text" else []
            walk.until(here.text, wanted)
        elif here.kind == "toml":
            with (walk.folder / "farm.toml").open("a", encoding="utf-8") as farm:
                farm.write(f"\n{here.text}")
        elif here.kind == POWER:
            walk.power()
        elif here.kind == STAYS:
            walk.stay(after.text.strip())
    assert len((walk.folder / "devices" / "my-probe.toml").read_text(encoding="utf-8").splitlines()) <= 15
    assert on_the_console(walk)


def on_the_console(walk: Walk) -> bool:
    """Come in as the first person does and look for both probes' values on the house's page, in Vietnamese."""
    console = subprocess.Popen(
        ["vuon", "console", "--state", "state", "--port", "0", "--json"], cwd=walk.folder, env=walk.environment,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    walk.stays.append(console)
    assert console.stdout is not None
    with console.stdout:
        address = json.loads(console.stdout.readline())["address"].rstrip("/")
    token = walk.sh("vuon user first --state state").strip().partition("token=")[2]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = urllib.parse.urlencode({"token": token, "name": "lan", "password": "vuon cua toi o day"}).encode()
    browser.open(urllib.request.Request(f"{address}/welcome", form, {"Origin": address}), timeout=20.0).close()
    end_s = time.monotonic() + PATIENCE_S
    while True:
        with browser.open(f"{address}/place/house-1", timeout=20.0) as answer:
            page = answer.read().decode()
        if all(value in page for value in ("1,32", "27,5", "24,3")):
            return True
        assert time.monotonic() < end_s, page
        threading.Event().wait(0.2)
