# SPDX-License-Identifier: Apache-2.0
"""A whole update of the real image: avrdude through optiboot, read back, and the board's own word for its version."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from drivers.line_settings import LineSettings
from drivers.serial_port import opener
from firmware_bridge.flash import Hands, Step, avrdude_words, run_tool, update_board
from firmware_bridge.image import describe
from firmware_bridge.link import Link
from firmware_bridge.link_events import Connected

ROOT = Path(__file__).resolve().parents[2]
HANDSHAKE_LIMIT_S = 30.0


def version() -> str:
    makefile = (ROOT / "firmware_bridge" / "firmware" / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^VERSION := (\S+)$", makefile, re.MULTILINE)
    assert found is not None
    return found.group(1)


async def shake_hands(port: str, wanted: str) -> str:
    """Say hello on the port until the board answers; "" when it is the wanted version."""
    loop = asyncio.get_running_loop()
    stream = await opener(port, LineSettings(baud=115200)).open()
    link = Link(7)
    link.start(loop.time())
    try:
        async with asyncio.timeout(HANDSHAKE_LIMIT_S):
            while True:
                await stream.write(link.to_send())
                try:
                    async with asyncio.timeout(0.1):
                        data = await stream.read()
                except TimeoutError:
                    data = b""
                for event in [*link.feed(data, loop.time()), *link.tick(loop.time())]:
                    if isinstance(event, Connected):
                        return "" if event.about.endswith(wanted) else f"the board says {event.about}"
    except TimeoutError:
        return "the board does not answer"
    finally:
        stream.close()


@pytest.mark.slow
@pytest.mark.server("avrdude")
def test_an_update_ends_when_the_board_itself_says_so(avr_programs: Path, tmp_path: Path) -> None:
    image = avr_programs / "vuon-avr.hex"
    words = [avr_programs / "avr-rig", "--boot", avr_programs / "optiboot.hex", "--pty", "--elastic"]
    rig = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert rig.stdin is not None
    assert rig.stdout is not None
    port = json.loads(rig.stdout.readline())["path"]

    async def drained() -> str:
        return ""  # a blank chip holds nothing open

    hands = Hands(
        drain=drained,
        write=lambda path: run_tool(avrdude_words(port, path, verify=False)),
        verify=lambda path: run_tool(avrdude_words(port, path, verify=True)),
        handshake=lambda wanted: shake_hands(port, wanted),
    )
    try:
        kept = tmp_path / "last-good.hex"
        update = asyncio.run(update_board(image, describe(image, "avr-nano", version()), kept, hands))
        assert update.step is Step.DONE, update.log
        assert kept.read_bytes() == image.read_bytes()
    finally:
        rig.stdin.close()
        rig.stdout.close()
        rig.wait(10)
