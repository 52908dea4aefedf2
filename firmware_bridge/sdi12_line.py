# SPDX-License-Identifier: Apache-2.0
"""A board's SDI-12 pin as a byte stream: the board makes break, marking and bits to the microsecond.

The rule it keeps: a command goes out once, and what the sensor said to it comes back whole or not at all; a reply with
a bad character is silence, for who asks repeats.
"""

import asyncio
from typing import Final

from drivers.ports import ByteStream, LineDown
from firmware_bridge.board_state import number
from firmware_bridge.bridge import Bridge
from firmware_bridge.calls import CallFailed
from firmware_bridge.codes import Sdi12State

WITH_BREAK: Final = 1
POLL_S: Final = 0.03  # four characters
READY_S: Final = 10.0
CHUNK_MOST: Final = 255
HINT: Final = "The board that carries this SDI-12 line does not answer; check its USB plug and its power"


class BoardSdi12:
    """Opens the SDI-12 line of one board (``drivers.ports.StreamOpener``), for a master that needs no break of ours."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    async def open(self) -> ByteStream:
        """Wait until the board is there; LineDown when it is not."""
        end_s = _now() + READY_S
        while not self._bridge.ready:
            if _now() >= end_s:
                raise LineDown(self._where, "the board is not connected", HINT)
            await asyncio.sleep(POLL_S)
        return _Line(self._bridge, self._where)

    @property
    def _where(self) -> str:
        return f"SDI-12 of {self._bridge.config.name}"


class _Line:
    """The open line."""

    def __init__(self, bridge: Bridge, where: str) -> None:
        self._bridge = bridge
        self._where = where
        self._asked = asyncio.Event()

    async def read(self) -> bytes:
        """Wait for a sensor's whole reply."""
        while True:
            await self._asked.wait()
            values = await self._call("sdi12_read", offset=0)
            state = number(values, "state")
            if state == Sdi12State.BUSY:
                await asyncio.sleep(POLL_S)
                continue
            self._asked.clear()
            if state == Sdi12State.REPLY:
                return await self._whole(number(values, "length"))

    async def _whole(self, length: int) -> bytes:
        text = b""
        while len(text) < min(length, CHUNK_MOST):
            piece = (await self._call("sdi12_read", offset=len(text)))["text"]
            if not isinstance(piece, bytes) or not piece:
                break
            text += piece
        return text

    async def write(self, data: bytes) -> None:
        """Send one command; returns when the board has taken it."""
        while True:
            try:
                await self._bridge.call("sdi12_send", flags=WITH_BREAK, text=data)
            except CallFailed as failed:
                if failed.code != "refusal.busy":
                    raise LineDown(self._where, failed.code, HINT) from failed
                await asyncio.sleep(POLL_S)  # the command before still waits for its sensor, at most a second
                continue
            self._asked.set()
            return

    async def send_break(self, seconds: float) -> None:
        """Nothing: the board makes the break of every command."""

    def discard_input(self) -> None:
        """Forget a reply that nobody read."""
        self._asked.clear()

    def close(self) -> None:
        """Nothing to close: the line is the board's."""

    async def _call(self, name: str, **values: int) -> dict[str, int | bytes]:
        try:
            return dict(await self._bridge.call(name, **values))
        except CallFailed as failed:
            raise LineDown(self._where, failed.code, HINT) from failed


def _now() -> float:
    return asyncio.get_running_loop().time()
