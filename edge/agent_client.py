# SPDX-License-Identifier: Apache-2.0
"""The console's and the command line's way to the agent: one local socket, one gate behind it.

The rule it keeps: a call either returns what the agent answered or raises one of two errors, and never waits
longer than its timeout. A refused order is an answer (``Outcome``), not an error.
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.live import LiveState, Outcome
from edge.live_lines import BusReport
from pages.words import N_, Told

# One message of the wire: live states of a large farm stay far below this.
MESSAGE_MAX_BYTES: Final = 4 * 1024 * 1024
CHIP_S: Final = 60.0  # a circuit tells what it holds in up to 40 strings, one by one


class AgentAway(Told):
    """There is no agent at this socket, or it does not answer in time."""


class BadCall(Exception):
    """The agent did not understand the call or its arguments; ``code`` is a message id."""

    def __init__(self, code: str, fields: dict[str, Any]) -> None:
        super().__init__(f"{code} {fields}" if fields else code)
        self.code = code
        self.fields = fields


def _seen(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or N_("timeout")


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """One request on the wire: its length in four bytes, then msgpack (JSON has no nan)."""

    call: str
    args: dict[str, Any] = {}


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """One reply on the wire: ``ok`` holds the result, or ``error`` a message id with ``fields``."""

    ok: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: str = ""
    fields: dict[str, Any] = {}


class AgentClient:
    """Speaks to the agent whose socket is ``path``; every call opens its own short connection."""

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        # Numbers this client's orders, so that one sent twice acts once.
        self._issuer = secrets.token_hex(8)
        self._seq = 0

    async def status(self) -> LiveState:
        """Give the live state once."""
        return msgspec.msgpack.decode(await self._ask("status", {}), type=LiveState)

    async def lines(self) -> BusReport:
        """Give the health of the field's lines and of every device on them."""
        return msgspec.msgpack.decode(await self._ask("bus", {}), type=BusReport)

    async def watch(self) -> AsyncIterator[LiveState]:
        """Give a live state after every tick (about 1 s) until the caller stops or the agent goes (AgentAway)."""
        reader, writer = await self._connect()
        try:
            send(writer, Call("watch"))
            for _ in itertools.count():
                async with asyncio.timeout(self._timeout_s):
                    result = _result(await receive(reader))
                yield msgspec.msgpack.decode(result, type=LiveState)
        except (OSError, EOFError, TimeoutError) as error:
            raise AgentAway(
                N_("{path}: the agent stopped sending ({seen:t})"), path=str(self._path), seen=_seen(error)
            ) from error
        finally:
            writer.close()

    async def hold(self, output: str, level: float, seconds: float, person: str, role: str) -> Outcome:
        """Ask for ``output`` at ``level`` (0 to 1) for ``seconds``; needs role operator or more."""
        return await self._order(
            "hold", output=output, level=level, seconds=seconds, person=person, role=role, **self._number()
        )

    async def stop(self, output: str, person: str, role: str) -> Outcome:
        """Put ``output`` in its safe state now. Ends a hold; an automatic run stays off for 15 minutes."""
        return await self._order("stop", output=output, person=person, role=role, **self._number())

    async def activate_calibration(
        self, series: str, artifact: str, person: str = "", role: str = "", reason: str = ""
    ) -> Outcome:
        """Make ``artifact`` (its id) the active calibration of ``series``; needs role technician or more."""
        return await self._order("activate", series=series, artifact=artifact, person=person, role=role, reason=reason)

    async def lock(self, series: str, person: str, role: str = "technician") -> Outcome:
        """Take a probe out of control for its calibration; unlocks by itself after 30 minutes."""
        return await self._order("lock", series=series, person=person, role=role)

    async def chip(
        self, series: str, do: str, person: str, role: str, *, point: str = "", value: float = 0.0, kept: str = "",
        done: int = 0, air: tuple[float, float] | None = None,
    ) -> Outcome:  # fmt: skip
        """Work on the instrument's own memory (``edge.agent_socket.ChipArgs``); the probe must be locked."""
        more = {"point": point, "value": value, "kept": kept, "done": done, "air": air}
        args = {"series": series, "do": do, "person": person, "role": role, **more}
        return msgspec.msgpack.decode(await self._ask("chip", args, CHIP_S), type=Outcome)

    async def unlock(self, series: str, person: str = "", role: str = "technician") -> Outcome:
        """Give a probe back to control."""
        return await self._order("unlock", series=series, person=person, role=role)

    async def reset(self, place: str, person: str, role: str) -> Outcome:
        """Release what safety has latched at ``place`` (a line, an output): the person has looked. Needs technician."""
        return await self._order("reset", place=place, person=person, role=role, **self._number())

    async def maintain(self, place: str, seconds: float, person: str, role: str) -> Outcome:
        """Keep the outputs of ``place`` safe while somebody works there (0 s ends it). Needs technician."""
        return await self._order("maintain", place=place, seconds=seconds, person=person, role=role, **self._number())

    async def acknowledge(self, number: int, person: str, role: str) -> Outcome:
        """Say that ``person`` has seen alarm ``number`` and what follows from it. Needs operator."""
        return await self._order("acknowledge", number=number, person=person, role=role)

    async def shelve(self, number: int, seconds: float, person: str, role: str) -> Outcome:
        """Call nobody for alarm ``number`` for ``seconds``. Needs operator; technician for the highest severity."""
        return await self._order("shelve", number=number, seconds=seconds, person=person, role=role)

    async def unshelve(self, number: int, person: str, role: str) -> Outcome:
        """End a shelf before its time. Needs operator."""
        return await self._order("unshelve", number=number, person=person, role=role)

    async def test_alarms(self, person: str, role: str) -> Outcome:
        """Send a test message to everybody and sound the siren shortly. Needs operator."""
        return await self._order("alarm_test", person=person, role=role)

    def _number(self) -> dict[str, Any]:
        self._seq += 1
        return {"issuer": self._issuer, "seq": self._seq}

    async def _order(self, call: str, **args: Any) -> Outcome:
        return msgspec.msgpack.decode(await self._ask(call, args), type=Outcome)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.open_unix_connection(self._path)
        except (OSError, TimeoutError) as error:
            raise AgentAway(
                N_("no agent at {path}: is `vuon run` running? ({seen:t})"),
                path=str(self._path),
                seen=_seen(error),
            ) from error

    async def _ask(self, call: str, args: dict[str, Any], timeout_s: float | None = None) -> msgspec.Raw:
        reader, writer = await self._connect()
        try:
            async with asyncio.timeout(self._timeout_s if timeout_s is None else timeout_s):
                send(writer, Call(call, args))
                await writer.drain()
                return _result(await receive(reader))
        except (OSError, EOFError, TimeoutError) as error:
            raise AgentAway(
                N_("{path}: no answer to {call} ({seen:t})"),
                path=str(self._path),
                call=call,
                seen=_seen(error),
            ) from error
        finally:
            writer.close()


def send(writer: asyncio.StreamWriter, message: Call | Answer) -> None:
    """Put one message on the wire."""
    body = msgspec.msgpack.encode(message)
    writer.write(len(body).to_bytes(4) + body)


async def receive(reader: asyncio.StreamReader) -> bytes:
    """Take one message's bytes from the wire; EOFError at its end, OSError when it is longer than any message is."""
    length = int.from_bytes(await reader.readexactly(4))
    if length > MESSAGE_MAX_BYTES:
        raise OSError(f"a message of {length} bytes; at most {MESSAGE_MAX_BYTES} are allowed")
    return await reader.readexactly(length)


def _result(body: bytes) -> msgspec.Raw:
    answer = msgspec.msgpack.decode(body, type=Answer)
    if answer.error:
        raise BadCall(answer.error, answer.fields)
    return answer.ok
