# SPDX-License-Identifier: Apache-2.0
"""What a board says of itself when it is asked over a line that nobody else uses.

The rule it keeps: it only asks; it claims, configures and opens nothing. On most boards opening the line is a reset,
so whatever was on is off before the first question.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from drivers.ports import ByteStream, StreamOpener
from firmware_bridge.board_state import number
from firmware_bridge.board_types import kind_of
from firmware_bridge.codes import ResetCause, Shutdown
from firmware_bridge.link import Link
from firmware_bridge.link_events import Connected, Event, Mismatched, Refused, Replied, Reported

PATIENCE_S: Final = 10.0  # boot loaders wait a second, a blank chip waits for ever
LOOK_S: Final = 0.1
REPORT_MS: Final = 100


@dataclass(frozen=True, slots=True)
class BoardWord:
    """``about`` is board and version; ``mismatch`` names what differs from this host's messages; ``on`` are pins."""

    about: str
    mismatch: tuple[str, ...] = ()
    boots: int = 0
    cause: str = ""
    epoch: int = 0
    configured: bool = False
    config_crc: int = 0
    shutdown: str = "none"
    on: int = 0

    @property
    def version(self) -> str:
        """The version alone."""
        return self.about.rpartition(" ")[2]

    @property
    def kind(self) -> str:
        """The kind of board, as it names itself."""
        return kind_of(self.about)


async def ask_board(opener: StreamOpener, host_id: int, patience_s: float = PATIENCE_S) -> BoardWord | None:
    """Ask; None when nobody answers in our protocol. LineDown when the line cannot be opened."""
    stream = await opener.open()
    try:
        async with asyncio.timeout(patience_s):
            return await _Interview(stream, Link(host_id)).hold()
    except TimeoutError:
        return None
    finally:
        stream.close()


class _Interview:
    """One conversation: hello, boot record, one report."""

    def __init__(self, stream: ByteStream, link: Link) -> None:
        self._stream = stream
        self._link = link

    async def hold(self) -> BoardWord:
        self._link.start(_now())
        first = await self._until(Connected, Mismatched)
        if isinstance(first, Mismatched):
            return BoardWord(first.about, first.lines)
        about = first.about if isinstance(first, Connected) else ""
        boot = await self._call("get_boot")
        await self._call("set_report", period_ms=REPORT_MS)
        on = 0
        while True:
            report = await self._until(Reported)
            if isinstance(report, Reported) and report.name == "report":
                on = number(report.values, "on")
                break
        values = boot.values
        return BoardWord(
            about,
            boots=number(values, "count"),
            cause=ResetCause(number(values, "cause")).name.lower(),
            epoch=number(values, "epoch"),
            configured=bool(number(values, "configured")),
            config_crc=number(values, "config_crc"),
            shutdown=Shutdown(number(values, "shutdown")).name.lower(),
            on=on,
        )

    async def _call(self, name: str, **values: int | bytes) -> Replied:
        token = self._link.call(name, _now(), **values)
        while True:
            event = await self._until(Replied, Refused)
            if isinstance(event, Replied) and event.token == token:
                return event
            if isinstance(event, Refused) and event.token == token:
                return Replied(token, name, {})

    async def _until(self, *kinds: type[Event]) -> Event:
        while True:
            data = self._link.to_send()
            if data:
                await self._stream.write(data)
            heard = b""
            try:
                async with asyncio.timeout(LOOK_S):
                    heard = await self._stream.read()
            except TimeoutError:
                pass  # the link's own deadlines decide whether to ask again
            for event in (*self._link.feed(heard, _now()), *self._link.tick(_now())):
                if isinstance(event, kinds):
                    return event


def _now() -> float:
    return asyncio.get_running_loop().time()
