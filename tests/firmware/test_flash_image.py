# SPDX-License-Identifier: Apache-2.0
"""``vuon firmware`` on the real image: built, told, signed, flashed by avrdude through optiboot, answered by itself."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from edge.cli import main
from edge.firmware_images import BUILDS, source_version
from firmware_bridge.image import describe, sign, write_manifest

KEY = Ed25519PrivateKey.generate()
SENTENCE = "The image is not signed with a key that is trusted here."


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """Give the file of the public key."""
    path = tmp_path / "release.pem"
    path.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@pytest.fixture
def image(avr_programs: Path, tmp_path: Path) -> Path:
    """Give a copy of the real image with a manifest that nobody signed."""
    path = tmp_path / "vuon-avr.hex"
    shutil.copyfile(avr_programs / "vuon-avr.hex", path)
    write_manifest(path, describe(path, "avr-nano", source_version()))
    return path


@pytest.fixture
def blank_chip(avr_programs: Path) -> Iterator[str]:
    """Give the port of a simulated chip with nothing but its boot loader."""
    words = [avr_programs / "avr-rig", "--boot", avr_programs / "optiboot.hex", "--pty", "--elastic"]
    rig = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert rig.stdin is not None
    assert rig.stdout is not None
    yield json.loads(rig.stdout.readline())["path"]
    rig.stdin.close()
    rig.stdout.close()
    rig.wait(10)


def vuon(*words: str | Path) -> tuple[int, dict[str, object], str]:
    """Run ``vuon firmware``; give its exit code, the JSON of its last line and what it complained."""
    done = CliRunner().invoke(main, ["firmware", *map(str, words)])
    lines = done.stdout.strip().splitlines()
    return done.exit_code, json.loads(lines[-1]) if lines else {}, done.stderr


@pytest.mark.slow
@pytest.mark.server("avrdude")
def test_an_update_ends_when_the_board_itself_says_so(
    image: Path, trusted: Path, blank_chip: str, tmp_path: Path
) -> None:
    flash: list[str | Path] = ["flash", image, "--port", blank_chip, "--key", trusted, "--state", tmp_path, "--json"]
    code, _, complained = vuon(*flash)
    assert code == 5
    assert SENTENCE in complained
    write_manifest(image, sign(describe(image, "avr-nano", source_version()), KEY))
    code, told, complained = vuon(*flash)
    assert code == 0, (told, complained)
    assert told["outcome"] == "done"
    (kept,) = (tmp_path / "firmware").iterdir()
    assert kept.read_bytes() == image.read_bytes()
    code, told, _ = vuon("info", "--port", blank_chip, "--json")
    assert code == 0
    assert told["about"] == f"avr-nano {source_version()}"
    assert told["speaks_our_messages"] is True
    assert told["outputs_on"] == 0


def test_an_image_tells_its_board_version_messages_size_and_signature(image: Path, trusted: Path) -> None:
    code, told, complained = vuon("info", image, "--key", trusted, "--json")
    assert (code, told["signature"]) == (5, "unsigned")
    assert SENTENCE in complained
    write_manifest(image, sign(describe(image, "avr-nano", source_version()), KEY))
    code, told, _ = vuon("info", image, "--key", trusted, "--json")
    assert (code, told["signature"], told["speaks_our_messages"]) == (0, "valid", True)
    size = told["bytes"]
    assert isinstance(size, int)
    assert 10_000 < size < 24_576
    image.write_text("", encoding="ascii")
    assert vuon("info", image, "--key", trusted, "--json")[1]["signature"] == "firmware.image_damaged"


def test_build_makes_the_image_of_each_board_and_signs_it(host_programs: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.pem"
    secret.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    try:
        code, told, _ = vuon("build", "--board", "linux", "--sign", secret, "--json")
        assert (code, told["signature"], told["version"]) == (0, "signed", source_version())
        assert Path(str(told["image"])).parent == host_programs
        assert vuon("build", "--board", "linux", "--sign", tmp_path / "no.pem")[0] == 2
    finally:
        BUILDS["linux"].image.with_name("vuon-board.manifest.json").unlink(missing_ok=True)


def test_nobody_on_the_port_is_a_device_that_is_not_there() -> None:
    assert vuon("info", "--port", "/dev/serial/by-id/none")[0] == 4
    assert vuon("info")[0] == 2
