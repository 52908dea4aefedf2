# SPDX-License-Identifier: Apache-2.0
"""Images are refused for one named reason; updates end done, rolled back or bricked, never unknown."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_bridge.flash import TRIES, Hands, Step, Update, run_tool, update_board
from firmware_bridge.image import ImageRefused, Manifest, describe, host_dictionary_crc, load, sign, write_manifest

KEY = Ed25519PrivateKey.generate()
KEYS = [KEY.public_key()]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "vuon-avr.hex"
    path.write_text(":00000001FF\n", encoding="ascii")
    return path


def test_a_signed_release_is_taken(image: Path) -> None:
    manifest = sign(describe(image, "avr-nano", "1.2.3"), KEY)
    write_manifest(image, manifest)
    assert load(image, "avr-nano", KEYS) == (manifest, image.read_bytes())


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda m: msgspec.structs.replace(m, signature=""), "firmware.unsigned"),
        (lambda m: msgspec.structs.replace(m, signature="zz"), "firmware.unsigned"),
        (lambda m: sign(m, Ed25519PrivateKey.generate()), "firmware.unsigned"),
        (lambda m: msgspec.structs.replace(m, version="9.9.9"), "firmware.unsigned"),
        (lambda m: sign(msgspec.structs.replace(m, board="other"), KEY), "firmware.other_board"),
        (lambda m: sign(msgspec.structs.replace(m, protocol=2), KEY), "firmware.update_host_first"),
        (lambda m: sign(msgspec.structs.replace(m, dictionary_crc=1), KEY), "firmware.update_host_first"),
        (lambda m: sign(msgspec.structs.replace(m, sha256="0" * 64), KEY), "firmware.image_damaged"),
    ],
)
def test_an_image_that_may_not_be_is_refused(image: Path, spoil: Callable[[Manifest], Manifest], hint: str) -> None:
    write_manifest(image, spoil(sign(describe(image, "avr-nano", "1.2.3"), KEY)))
    with pytest.raises(ImageRefused) as caught:
        load(image, "avr-nano", KEYS)
    assert caught.value.hint == hint


def test_a_development_image_has_to_be_asked_for(image: Path) -> None:
    write_manifest(image, describe(image, "avr-nano", "1.2.3"))
    assert load(image, "avr-nano", [], development=True)[0].signature == ""


def test_without_image_or_manifest_it_says_to_build_first(image: Path) -> None:
    with pytest.raises(ImageRefused, match=r"build_first"):
        load(image, "avr-nano", KEYS)


def test_the_hosts_messages_have_the_crc_a_board_reports(board_program: Path) -> None:
    from firmware_bridge.board_process import BoardProcess
    from firmware_bridge.link import Link, State

    board, known = BoardProcess([board_program, "--virtual"]), dict[int, tuple[str, ...]]()
    link = Link(7, known)
    link.start(0.0)
    while link.state is not State.READY:
        board.send(link.to_send() or b"\0")
        for event in board.run(1000):
            link.feed(bytes.fromhex(event.hex), 0.0)
    board.close()
    assert list(known) == [host_dictionary_crc()]


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


class Bench:
    """Hands that do as they are told beforehand."""

    def __init__(self, **fails: list[bool]) -> None:
        self.fails = fails
        self.done: list[str] = []

    def hands(self) -> Hands:
        async def drain() -> str:
            return self.did("drain")

        async def write(path: Path) -> str:
            return self.did("write", path.name)

        async def verify(path: Path) -> str:
            return self.did("verify", path.name)

        async def handshake(version: str) -> str:
            return self.did("handshake", version)

        return Hands(drain, write, verify, handshake)

    def did(self, what: str, detail: str = "") -> str:
        self.done.append(f"{what} {detail}".strip())
        fails = self.fails.get(what, [])
        return "it broke" if fails and fails.pop(0) else ""


@pytest.mark.parametrize(
    ("fails", "last_good", "end"),
    [
        ({}, True, Step.DONE),
        ({"drain": [True]}, True, Step.REFUSED),
        ({"write": [True]}, True, Step.DONE),
        ({"verify": [True]}, True, Step.DONE),
        ({"write": [True] * TRIES}, True, Step.ROLLED_BACK),
        ({"verify": [True] * TRIES}, True, Step.ROLLED_BACK),
        ({"handshake": [True]}, True, Step.ROLLED_BACK),
        ({"handshake": [True] * TRIES}, True, Step.ROLLED_BACK),
        ({"handshake": [True] * (1 + TRIES)}, True, Step.BRICKED),
        ({"write": [True] * 2 * TRIES}, True, Step.BRICKED),
        ({"handshake": [True]}, False, Step.BRICKED),
    ],
)
async def test_every_update_has_an_end(
    image: Path, tmp_path: Path, fails: dict[str, list[bool]], last_good: bool, end: Step
) -> None:
    kept = tmp_path / "last-good.hex"
    if last_good:
        kept.write_text("old", encoding="ascii")
    bench = Bench(**{name: list(values) for name, values in fails.items()})
    update = await update_board(image, describe(image, "avr-nano", "1.2.3"), kept, bench.hands())
    assert update.step is end
    assert bench.done[0] == "drain"
    assert ("write vuon-avr.hex" in bench.done) is (end is not Step.REFUSED)
    if last_good:
        assert same(kept, image) is (end is Step.DONE)
    assert len(update.log) == len(bench.done)


def test_the_machine_never_writes_before_draining() -> None:
    assert Update(has_last_good=True).step is Step.DRAIN


async def test_a_missing_tool_says_what_to_install() -> None:
    assert "apt-get install no-such-tool" in await run_tool(["no-such-tool"])


async def test_a_tool_that_fails_is_quoted() -> None:
    assert (await run_tool(["ls", "/no/such/place"])).startswith("ls ended with 2")
    assert await run_tool(["true"]) == ""
