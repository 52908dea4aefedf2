# SPDX-License-Identifier: Apache-2.0
"""A firmware image with its manifest: for which board, which messages, and who vouches for it.

The rule it keeps: a release is signed (Ed25519) over board, version, messages and the image's SHA-256; anything
else is refused unless the person asks for a development image in so many words.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firmware_bridge.dictionary import EXPECTED, PROTOCOL, dictionary_crc

MANIFEST_SUFFIX: Final = ".manifest.json"


class ImageRefused(Exception):
    """The image may not go onto a board: ``msgid`` with ``fields`` says what was seen, the code ``hint`` what to do."""

    def __init__(self, msgid: str, hint: str, **fields: str) -> None:
        super().__init__(f"{msgid.format(**fields)} ({hint})")
        self.msgid = msgid
        self.fields = fields
        self.hint = hint


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of an image before it runs. ``signature`` is hex, "" on a development image."""

    board: str
    version: str
    protocol: int
    dictionary_crc: int
    sha256: str
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """Give the bytes a signature covers: everything but itself, in one fixed order."""
        parts = (self.board, self.version, str(self.protocol), str(self.dictionary_crc), self.sha256)
        return b"vuon-firmware-1\n" + "\n".join(parts).encode("utf-8")


def describe(image: Path, board: str, version: str, dictionary: Sequence[str] = EXPECTED) -> Manifest:
    """Describe a freshly built image of this source."""
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    return Manifest(board, version, PROTOCOL, host_dictionary_crc(dictionary), digest)


def host_dictionary_crc(dictionary: Sequence[str] = EXPECTED) -> int:
    """Give the CRC a board of this source reports: it keeps a space behind a name without fields."""
    return dictionary_crc([line if " " in line else f"{line} " for line in dictionary])


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> Manifest:
    """Vouch for an image."""
    return msgspec.structs.replace(manifest, signature=key.sign(manifest.signed_bytes()).hex())


def write_manifest(image: Path, manifest: Manifest) -> Path:
    """Put the manifest beside its image."""
    path = image.with_name(image.name + MANIFEST_SUFFIX)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return path


def read_manifest(image: Path) -> Manifest:
    """Read the manifest beside an image; ImageRefused when either is not there or cannot be read."""
    path = image.with_name(image.name + MANIFEST_SUFFIX)
    if not image.is_file():
        raise ImageRefused("{file} is not there", "firmware.build_first", file=str(image))
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ImageRefused("{file} is not there", "firmware.build_first", file=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImageRefused("{file}: {seen}", "firmware.manifest_damaged", file=str(path), seen=str(error)) from error


def load(
    image: Path, board: str, keys: Sequence[Ed25519PublicKey], *, development: bool = False
) -> tuple[Manifest, bytes]:
    """Give manifest and content of an image that may go onto ``board``; ImageRefused says what is wrong with it."""
    manifest = read_manifest(image)
    content = image.read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ImageRefused(
            "{file}: the content is not the one the manifest describes", "firmware.image_damaged", file=str(image)
        )
    if manifest.board != board:
        raise ImageRefused(
            "the image is for {wanted}, the board is {board}",
            "firmware.other_board",
            wanted=manifest.board,
            board=board,
        )
    if manifest.protocol != PROTOCOL or manifest.dictionary_crc != host_dictionary_crc():
        raise ImageRefused(
            "the image speaks {seen}, this host {ours} (protocol/messages)",
            "firmware.update_host_first",
            seen=f"{manifest.protocol}/{manifest.dictionary_crc:04x}",
            ours=f"{PROTOCOL}/{host_dictionary_crc():04x}",
        )
    if not development and not _vouched_for(manifest, keys):
        raise ImageRefused("{file}: no valid signature of a known key", "firmware.unsigned", file=str(image))
    return manifest, content


def _vouched_for(manifest: Manifest, keys: Sequence[Ed25519PublicKey]) -> bool:
    try:
        signature = bytes.fromhex(manifest.signature)
    except ValueError:
        return False
    for key in keys:
        try:
            key.verify(signature, manifest.signed_bytes())
        except InvalidSignature:
            continue
        return True
    return False
