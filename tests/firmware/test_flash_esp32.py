# SPDX-License-Identifier: Apache-2.0
"""``vuon firmware flash --board esp32``: a real child in esptool's place, a real board that answers, every end.

The stand-in knows esptool's words and codes and keeps one flash; the board is the linux build under an ESP32's name.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.firmware_images import source_version
from firmware_bridge.image import describe, write_manifest

STAND_IN = """#!{python}
import pathlib, sys
here = pathlib.Path(__file__).parent
option, port, command, address, image = sys.argv[1:]
assert (option, address) == ("--port", "0x10000"), sys.argv
spoilt = (here / command).read_text().split() if (here / command).exists() else []
(here / "log").open("a").write(f"{command} {pathlib.Path(image).name}\\n")
(here / command).write_text(" ".join(spoilt[1:]))
if spoilt and spoilt[0] == "fails":
    print("A fatal error occurred: Failed to connect to ESP32: No serial data received.")
    sys.exit(2)
wanted = pathlib.Path(image).read_bytes()
if command == "write_flash":
    (here / "flash").write_bytes(wanted[:-1] if spoilt and spoilt[0] == "loses" else wanted)
elif (here / "flash").read_bytes() != wanted:
    print("-- verify FAILED (digest mismatch)")
    sys.exit(1)
"""
IMAGE = bytes(range(256)) * 8
OLD = b"the last good image" * 100


@dataclass
class Desk:
    """A folder with esptool's stand-in, an image, and the ports of boards."""

    folder: Path
    plug: Callable[[str], str]

    def spoil(self, command: str, *how: str) -> None:
        (self.folder / "bin" / command).write_text(" ".join(how))

    def flash(self, port: str, *, last_good: bool = True) -> tuple[int, dict[str, object]]:
        kept = self.folder / "firmware" / f"esp32-{Path(port).name}.hex"
        kept.parent.mkdir(exist_ok=True)
        if last_good:
            kept.write_bytes(OLD)
        words = ["firmware", "flash", str(self.folder / "vuon.bin"), "--port", port, "--board", "esp32"]
        done = CliRunner().invoke(main, [*words, "--development", "--state", str(self.folder), "--json"])
        assert done.stdout, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert (kept.exists() and kept.read_bytes() == IMAGE) is (told["outcome"] == "done")
        return done.exit_code, told

    def written(self) -> bytes:
        return (self.folder / "bin" / "flash").read_bytes()

    def did(self) -> list[str]:
        log = self.folder / "bin" / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def desk(host_programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    tool = tmp_path / "bin" / "esptool"
    tool.parent.mkdir()
    tool.write_text(STAND_IN.replace("{python}", sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    image = tmp_path / "vuon.bin"
    image.write_bytes(IMAGE)
    write_manifest(image, describe(image, "esp32", source_version()))
    boards: list[subprocess.Popen[str]] = []

    def plug(about: str) -> str:
        """Plug in a board that calls itself so; the same program but for its name."""
        program, own = tmp_path / f"board-{len(boards)}", f"linux {source_version()}".encode()
        code = (host_programs / "vuon-board").read_bytes()
        assert code.count(own) == 1
        assert len(about) == len(own)
        program.write_bytes(code.replace(own, about.encode()))
        shutil.copymode(host_programs / "vuon-board", program)
        boards.append(
            subprocess.Popen([program, "--pty", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert boards[-1].stdout is not None
        return str(json.loads(boards[-1].stdout.readline())["path"])

    yield Desk(tmp_path, plug)
    for board in boards:
        for pipe in (board.stdin, board.stdout):
            if pipe is not None:
                pipe.close()
        board.wait(10)


def esp32(version: str = "") -> str:
    return f"esp32 {version or source_version()}"


def test_an_update_is_written_read_back_and_ends_when_the_board_says_so(desk: Desk) -> None:
    desk.spoil("write_flash", "fails", "loses")  # a line that is not there yet, then one that loses a byte
    code, told = desk.flash(desk.plug(esp32()), last_good=False)
    assert (code, told["outcome"]) == (0, "done"), told
    assert desk.written() == IMAGE
    assert [line.split("_")[0] for line in desk.did()] == ["write", "write", "verify", "write", "verify"]
    assert "No serial data received" in str(told["steps"])


def test_an_image_that_never_reads_back_gives_the_last_good_one_again(desk: Desk) -> None:
    desk.spoil("write_flash", "loses", "loses", "loses")
    code, told = desk.flash(desk.plug(esp32()))
    assert (code, told["outcome"]) == (1, "rolled_back"), told
    assert desk.written() == OLD


def test_a_board_that_wakes_with_another_version_gets_the_last_good_image_again(desk: Desk) -> None:
    code, told = desk.flash(desk.plug(esp32("9.9.9")))
    assert (code, told["outcome"]) == (1, "rolled_back"), told
    assert "the board says esp32 9.9.9" in str(told["steps"])
    assert desk.written() == OLD


def test_nothing_is_written_to_a_board_of_another_kind(desk: Desk) -> None:
    code, told = desk.flash(desk.plug(f"linux {source_version()}"))
    assert (code, told["outcome"]) == (1, "refused")
    assert f"the board says linux {source_version()}, the image is for esp32" in str(told["steps"])
    assert desk.did() == []


def test_without_esptool_it_says_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(desk.folder))
    code, told = desk.flash(desk.plug(esp32()), last_good=False)
    assert (code, told["outcome"]) == (1, "refused")
    assert "apt-get install esptool" in str(told["steps"])
