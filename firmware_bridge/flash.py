# SPDX-License-Identifier: Apache-2.0
"""Updating a board: drain leases, write, verify, shake hands, and go back to the last good image if any fails.

The rule it keeps: the machine below only decides what comes next; draining, writing and shaking hands are given
to it. Nothing is written while an output is on, and success is what the board says after it, not what a tool says.
"""

import asyncio
import enum
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firmware_bridge.image import Manifest

TRIES: Final = 3  # of writing one image: a busy host may lose bytes, and each try is verified
TOOL_LIMIT_S: Final = 180.0
DETAIL_MAX: Final = 500


class Step(enum.Enum):
    """What an update does next, or how it ended."""

    DRAIN = "drain"
    WRITE = "write"
    VERIFY = "verify"
    HANDSHAKE = "handshake"
    WRITE_BACK = "write_back"
    HANDSHAKE_BACK = "handshake_back"
    DONE = "done"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    BRICKED = "bricked"


ENDS: Final = frozenset({Step.DONE, Step.REFUSED, Step.ROLLED_BACK, Step.BRICKED})


@dataclass(slots=True)
class Update:
    """The state machine of one update. Call ``ended`` with the outcome of each step; look at ``step`` and ``log``."""

    has_last_good: bool
    step: Step = Step.DRAIN
    tries: int = 0
    log: list[str] = field(default_factory=list)

    def ended(self, *, well: bool, detail: str = "") -> Step:
        """Take the outcome of the present step and give the next one."""
        self.log.append(f"{self.step.value}: {'done' if well else 'failed'} {detail}".strip())
        if self.step is Step.DRAIN:
            self.step = Step.WRITE if well else Step.REFUSED
        elif self.step in {Step.WRITE, Step.VERIFY, Step.HANDSHAKE}:
            self.step = self._forward(well=well)
        elif self.step is Step.WRITE_BACK:
            self.tries += 1
            self.step = Step.HANDSHAKE_BACK if well else self._back()
        elif self.step is Step.HANDSHAKE_BACK:
            self.step = Step.ROLLED_BACK if well else self._back()
        return self.step

    def _forward(self, *, well: bool) -> Step:
        if self.step is Step.WRITE:
            self.tries += 1
        if well:
            return {Step.WRITE: Step.VERIFY, Step.VERIFY: Step.HANDSHAKE}.get(self.step, Step.DONE)
        if self.step is not Step.HANDSHAKE and self.tries < TRIES:
            return Step.WRITE
        self.tries = 0
        return Step.WRITE_BACK if self.has_last_good else Step.BRICKED

    def _back(self) -> Step:
        return Step.WRITE_BACK if self.tries < TRIES else Step.BRICKED


@dataclass(frozen=True, slots=True)
class Hands:
    """What an update needs done. Each gives "" when it went well, else what was seen."""

    drain: Callable[[], Awaitable[str]]
    write: Callable[[Path], Awaitable[str]]
    verify: Callable[[Path], Awaitable[str]]
    handshake: Callable[[str], Awaitable[str]]  # takes the version the board must answer with; "" = any


async def update_board(image: Path, manifest: Manifest, last_good: Path, hands: Hands) -> Update:
    """Put ``image`` onto the board. After success it is kept as ``last_good``, to which a later failure goes back."""
    update = Update(has_last_good=await asyncio.to_thread(last_good.exists))
    while update.step not in ENDS:
        seen = await _do(update.step, image, manifest, last_good, hands)
        update.ended(well=seen == "", detail=seen)
    if update.step is Step.DONE:
        await asyncio.to_thread(_keep, image, last_good)
    return update


def _keep(image: Path, last_good: Path) -> None:
    fresh = last_good.with_suffix(".new")
    shutil.copyfile(image, fresh)
    fresh.replace(last_good)


async def _do(step: Step, image: Path, manifest: Manifest, last_good: Path, hands: Hands) -> str:
    if step is Step.DRAIN:
        return await hands.drain()
    if step is Step.WRITE:
        return await hands.write(image)
    if step is Step.VERIFY:
        return await hands.verify(image)
    if step is Step.HANDSHAKE:
        return await hands.handshake(manifest.version)
    if step is Step.WRITE_BACK:
        return await hands.write(last_good)
    return await hands.handshake("")


def avrdude_words(port: str, image: Path, *, verify: bool) -> list[str]:
    """Give avrdude's command line for an ATmega328P behind optiboot."""
    operation = f"flash:{'v' if verify else 'w'}:{image}:i"
    common = ["-q", "-q", "-p", "m328p", "-c", "arduino", "-P", port, "-b", "115200", "-D"]
    return ["avrdude", *common, *([] if verify else ["-V"]), "-U", operation]


def esptool_words(port: str, image: Path, *, verify: bool) -> list[str]:
    """Give esptool's command line for an ESP32 image at the address of its application.

    The names with a low line are those of esptool 4, which Debian has; esptool 5 takes them too.
    """
    return ["esptool", "--port", port, "verify_flash" if verify else "write_flash", "0x10000", str(image)]


# The tool that writes each kind of board.
TOOLS: Final[Mapping[str, Callable[..., list[str]]]] = {"avr-nano": avrdude_words, "esp32": esptool_words}


def tool_missing(board: str) -> str:
    """Say what to install before a board of this kind can be written; "" when its tool is there."""
    tool = TOOLS[board]("", Path(), verify=False)[0]
    return "" if shutil.which(tool) else _install(tool)


def _install(tool: str) -> str:
    return f"{tool} is not there; install it: sudo apt-get install {tool}"


async def run_tool(words: list[str]) -> str:
    """Run a flashing tool as a child; give "" when it was content, else the end of what it said."""
    try:
        child = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return f"{words[0]}: {error.strerror}; {_install(words[0])}"
    try:
        async with asyncio.timeout(TOOL_LIMIT_S):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return f"{words[0]}: no end after {TOOL_LIMIT_S:.0f} s"
    if child.returncode == 0:
        return ""
    text = said.decode("utf-8", "replace").strip()
    return f"{words[0]} ended with {child.returncode}: {text[-DETAIL_MAX:]}"
