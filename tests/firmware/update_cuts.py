# SPDX-License-Identifier: Apache-2.0
"""One firmware update with avrdude through the real boot loader, the power cut somewhere in it, and the repair."""

import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.board_process import BoardProcess
from firmware_bridge.flash import TRIES, avrdude_words
from firmware_bridge.link import Link, State

BOOT_LOADER = Path(__file__).resolve().parents[2] / "build" / "firmware" / "optiboot.hex"
FLASH_BYTES = 32768
WRITE_WINDOW_S = 2.0  # of the chip's time; an undisturbed update takes about this long
AVRDUDE_LIMIT_S = 60.0


@dataclass(frozen=True)
class Cut:
    """What one cut did: whether the application was dead after it, and whether the next update repaired it."""

    application_dead: bool
    recovered: bool
    tries: int


def image_bytes(path: Path) -> dict[int, int]:
    """Read an Intel HEX file as address -> byte."""
    found: dict[int, int] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        data = bytes.fromhex(line[1:])
        if data[3] == 0:
            address = int.from_bytes(data[1:3], "big")
            found.update(enumerate(data[4 : 4 + data[0]], start=address))
    return found


def avrdude(port: str, image: Path) -> subprocess.Popen[bytes]:
    words = avrdude_words(port, image, verify=False)
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def update(programs: Path, flash: Path, image: Path, cut_after_s: float | None) -> bool:
    """Update the chip whose flash is kept in ``flash``, cutting the power if wanted. True: avrdude was happy."""
    words = [programs / "avr-rig", "--boot", BOOT_LOADER, "--flash", flash, "--pty", "--elastic"]
    rig = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert rig.stdin is not None
    assert rig.stdout is not None
    tool = avrdude(json.loads(rig.stdout.readline())["path"], image)
    try:
        if cut_after_s is None:
            return tool.wait(AVRDUDE_LIMIT_S) == 0
        reached_us = 0
        while reached_us < cut_after_s * 1e6:
            rig.stdin.write("peek 0\n")
            rig.stdin.flush()
            reached_us = json.loads(rig.stdout.readline()).get("us", 0)
        rig.stdin.write("cut tear\n")
        rig.stdin.flush()
        return False
    finally:
        tool.kill()
        tool.wait()
        rig.stdin.close()
        rig.stdout.close()
        rig.wait(10)


def answers(programs: Path, flash: Path) -> bool:
    """Say whether the application in ``flash`` says hello within two seconds of its time."""
    board = BoardProcess([programs / "avr-rig", "--flash", flash, "--virtual"])
    try:
        link = Link(7)
        link.start(0.0)
        while board.us < 2_000_000 and link.state is not State.READY:
            data = link.to_send()
            if data:
                board.send(data)
            for event in board.run(20_000, until_word=True):
                if event.e == "tx":
                    link.feed(bytes.fromhex(event.hex), board.us * 1e-6)
            link.tick(board.us * 1e-6)
        return link.state is State.READY
    finally:
        board.close()


def cut_once(programs: Path, folder: Path, seed: int) -> Cut:
    """Begin with a working chip, cut its update at a random moment, repair it, and compare every byte."""
    image = programs / "vuon-avr.hex"
    wanted = image_bytes(image)
    flash = folder / f"flash-{seed}.bin"
    old = bytearray(b"\xff" * FLASH_BYTES)
    for address, byte in wanted.items():
        old[address] = byte ^ (1 if address > 0x200 and address % 64 == 5 else 0)  # an older version of the same code
    for address, byte in image_bytes(BOOT_LOADER).items():
        old[address] = byte
    flash.write_bytes(old)
    update(programs, flash, image, random.Random(seed).uniform(0.05, WRITE_WINDOW_S))
    dead = not answers(programs, flash)
    tries, same = 0, False
    while tries < TRIES and not same:  # as an update does: write, verify, at most so often
        tries += 1
        update(programs, flash, image, None)
        kept = flash.read_bytes()
        same = all(kept[address] == byte for address, byte in wanted.items())
    recovered = same and answers(programs, flash)
    flash.unlink()
    return Cut(dead, recovered, tries)
