# SPDX-License-Identifier: Apache-2.0
"""The agent's local socket: answers the console and the command line, and no one else.

The rule it keeps: only the agent's own user, root and members of the socket's group are heard (the kernel
tells who they are); every order goes to the desk, which is the gate; a slow or broken peer costs the agent
at most one connection.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, Literal, Protocol

import msgspec

from edge.agent_client import Answer, Call, receive, send
from edge.live import LiveState, Outcome
from edge.live_lines import BusReport
from edge.world import Connection

CONNECTIONS_MAX: Final = 16
ORDERS: Final = frozenset(
    {"hold", "stop", "activate", "lock", "unlock", "chip", "reset", "maintain", "acknowledge", "shelve", "unshelve"}
    | {"alarm_test"}
)
PEER_TIMEOUT_S: Final = 10.0


class Desk(Protocol):
    """What the agent does for those who call."""

    def live(self) -> LiveState:
        """Give the live state now."""

    def lines(self) -> BusReport:
        """Say how the field's lines and the devices on them are doing."""

    def changes(self) -> AsyncIterator[LiveState]:
        """Give a live state after each tick."""

    async def order(self, call: str, args: dict[str, Any]) -> Outcome:
        """Carry out one of ``ORDERS``; ValueError for bad arguments."""


class HoldArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``hold``."""

    output: str
    level: float
    seconds: float
    person: str
    role: str
    issuer: str = ""
    epoch: int = 0
    seq: int = 0


class StopArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``stop``."""

    output: str
    person: str
    role: str
    issuer: str = ""
    epoch: int = 0
    seq: int = 0


class ActivateArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``activate``."""

    series: str
    artifact: str
    person: str
    role: str
    reason: str = ""


class LockArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``lock`` and ``unlock``."""

    series: str
    person: str
    role: str


class ChipArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``chip``, work on the memory of the instrument behind ``series``.

    ``tell``: its probe sees ``value`` now [its own unit], ``point`` where it knows several (mid, dry, ...), ``done``
    points told before, in ``air`` (°C, hPa) where it must know that; ``keep`` gives what it holds, ``bring_back`` puts
    that (``kept``) back, ``slopes`` asks how its probe fares.
    """

    series: str
    person: str
    role: str
    do: Literal["tell", "keep", "bring_back", "slopes"] = "tell"
    point: str = ""
    value: float = 0.0
    kept: str = ""
    done: int = 0
    air: tuple[float, float] | None = None


class PlaceArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``reset`` and ``maintain`` (``seconds`` 0 ends the maintenance)."""

    place: str
    person: str
    role: str
    seconds: float = 0.0
    issuer: str = ""
    epoch: int = 0
    seq: int = 0


class Counter:
    """Answers connections one call at a time each; refuses the seventeenth."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._open = 0

    async def answer(self, connection: Connection) -> None:
        """Serve one accepted connection to its end."""
        if self._open >= CONNECTIONS_MAX:
            send(connection.writer, Answer(error="the agent has no free connection", fields={"most": CONNECTIONS_MAX}))
            connection.writer.close()
            return
        self._open += 1
        try:
            while True:
                call = msgspec.msgpack.decode(await receive(connection.reader), type=Call)
                if call.call == "watch":
                    await self._stream(connection.writer)
                    return
                async with asyncio.timeout(PEER_TIMEOUT_S):
                    send(connection.writer, await self._reply(call))
                    await connection.writer.drain()
        except (OSError, EOFError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the peer went away or speaks nonsense: its connection is closed, nothing else happens
        finally:
            self._open -= 1
            connection.writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        async for state in self._desk.changes():
            send(writer, Answer(ok=msgspec.Raw(msgspec.msgpack.encode(state))))
            async with asyncio.timeout(PEER_TIMEOUT_S):
                await writer.drain()

    async def _reply(self, call: Call) -> Answer:
        try:
            match call.call:
                case "status":
                    result: LiveState | Outcome | BusReport = self._desk.live()
                case "bus":
                    result = self._desk.lines()
                case call_name if call_name in ORDERS:
                    result = await self._desk.order(call.call, call.args)
                case _:
                    return Answer(error="unknown call", fields={"call": call.call})
        except (ValueError, msgspec.ValidationError) as error:
            return Answer(error="bad arguments", fields={"call": call.call, "seen": str(error)})
        return Answer(ok=msgspec.Raw(msgspec.msgpack.encode(result)))
