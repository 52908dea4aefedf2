# SPDX-License-Identifier: Apache-2.0
"""Firmware images on this machine: how they are built, how large they are, whom we trust to sign them.

The rule it keeps: what is said of an image is read from the image and its manifest, never from its name.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from firmware_bridge.image import Manifest, describe, sign, write_manifest
from pages.words import N_, Told

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "firmware_bridge" / "firmware"
OUT: Final = ROOT / "build" / "firmware"
KEYS: Final = Path("/etc/vuon/firmware-keys")
NEEDS: Final = {"avr-nano": "gcc-avr avr-libc binutils-avr", "linux": "gcc libc6-dev"}
BUILD_LIMIT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class BoardBuild:
    """How an image is made: make's target, and the file that comes of it."""

    target: str
    image: Path


BUILDS: Final = {
    "avr-nano": BoardBuild("avr", OUT / "vuon-avr.hex"),
    "linux": BoardBuild("linux", OUT / "vuon-board"),
}


INSTALL: Final = N_("{seen}\ninstall: sudo apt-get install make {packages}")


class BuildFailed(Told):
    """The compiler did not make an image; the text is the end of what it said and what to install."""


class KeyUnusable(Told):
    """A key file is not an Ed25519 key in PEM; the text says which."""


def source_version() -> str:
    """Give the version that the source builds."""
    found = re.search(r"^VERSION := (\S+)$", (SOURCE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise BuildFailed(N_("{file} names no VERSION"), file=str(SOURCE / "Makefile"))
    return found.group(1)


def build(board: str, key: Ed25519PrivateKey | None) -> tuple[Path, Manifest]:
    """Build the image of ``board`` and write its manifest beside it, signed when there is a key."""
    plan = BUILDS[board]
    words = ["make", "-s", "-C", str(SOURCE), plan.target]
    try:
        made = subprocess.run(words, capture_output=True, text=True, check=False, timeout=BUILD_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailed(INSTALL, seen=f"make: {error}", packages=NEEDS[board]) from error
    if made.returncode:
        raise BuildFailed(INSTALL, seen=made.stderr.strip()[-600:], packages=NEEDS[board])
    manifest = describe(plan.image, board, source_version())
    if key is not None:
        manifest = sign(manifest, key)
    write_manifest(plan.image, manifest)
    return plan.image, manifest


def flash_bytes(image: Path) -> int:
    """Give how much of the chip an Intel HEX image fills, else the file's size."""
    if image.suffix != ".hex":
        return image.stat().st_size
    filled = 0
    for line in image.read_text(encoding="ascii").splitlines():
        record = bytes.fromhex(line[1:])
        filled += record[0] if record[3] == 0 else 0
    return filled


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read a signing key."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            N_("{file}: {seen:t}"), file=str(path), seen=getattr(error, "strerror", None) or str(error)
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(
            N_("{file}: this is no Ed25519 key; make one: openssl genpkey -algorithm ed25519 -out {file}"),
            file=str(path),
        )
    return key


def public_keys(given: Sequence[Path]) -> list[Ed25519PublicKey]:
    """Read the keys that are trusted: those named, else all of /etc/vuon/firmware-keys."""
    paths = list(given) or sorted(KEYS.glob("*.pem"))
    keys = []
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise KeyUnusable(
                N_("{file}: {seen:t}"), file=str(path), seen=getattr(error, "strerror", None) or str(error)
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnusable(N_("{file}: this is no Ed25519 public key"), file=str(path))
        keys.append(key)
    return keys
