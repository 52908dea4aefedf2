# SPDX-License-Identifier: Apache-2.0
"""``vuon bus ... --kind sdi12``: the same errands on an SDI-12 line.

The rule it keeps: scan and identify only ask; readdress looks first whether the new address is free.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from edge.exits import FAILED, NO_DEVICE, REFUSED, speech
from edge.line_errands import known_types, run, settings_of
from pages.words import N_

if TYPE_CHECKING:
    from drivers.commissioning_sdi12 import Likely, Sensor
    from drivers.sdi12_line import Sdi12Line

KINDS: Final = ("modbus", "sdi12", "sdi12-adapter")
DIGITS: Final = "0123456789"
NOBODY: Final = N_("Nobody answers: check the power and the wire, and whether the adapter makes the breaks itself")


def kind_option(command: Any) -> Any:
    """Add --kind."""
    return click.option(
        "--kind",
        type=click.Choice(KINDS),
        default="modbus",
        show_default=True,
        help="What the line speaks; sdi12-adapter: an adapter makes the breaks.",
    )(command)


def letters_of(text: str) -> str:
    """Read SDI-12 addresses such as ``0-9`` or ``0,3,a-d``; click.BadParameter says what it should be."""
    wanted = ""
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if len(first) != 1 or not first.isalnum() or not first.isascii() or (dash and len(last) != 1):
            raise click.BadParameter(
                speech().say(N_("{seen}: write SDI-12 addresses like 0-9 or 0,3,a-d"), {"seen": repr(text)})
            )
        wanted += "".join(chr(code) for code in range(ord(first), ord(last or first) + 1) if chr(code).isalnum())
    return wanted


def letter_of(text: str) -> str:
    """Read one SDI-12 address."""
    if len(text) != 1 or not text.isalnum() or not text.isascii():
        raise click.BadParameter(
            speech().say(N_("{seen}: an SDI-12 address is one digit or letter"), {"seen": repr(text)})
        )
    return text


@asynccontextmanager
async def opened(port: str, kind: str, baud: int | None) -> "AsyncIterator[Sdi12Line]":
    """Open an SDI-12 line for an errand."""
    from drivers.line_settings import LineSettings
    from drivers.sdi12_line import Sdi12Line
    from drivers.serial_port import opener

    adapter = kind == "sdi12-adapter"
    settings = LineSettings(baud or 9600) if adapter else LineSettings(1200, "E", 1, 7)
    stream = await opener(port, settings).open()
    try:
        yield Sdi12Line(stream, adapter=adapter)
    finally:
        stream.close()


def told_of(sensor: "Sensor") -> str:
    """Write one sensor as it names itself."""
    who = sensor.identity
    return f"  {sensor.address}  " + (
        f"SDI-12 {int(who.sdi12) / 10:.1f}  {who.maker} {who.model} {who.version}" if who else "?"
    )


async def look(port: str, kind: str, baud: int | None, addresses: str) -> "list[Sensor]":
    """Ask who is there."""
    from drivers.commissioning_sdi12 import scan

    async with opened(port, kind, baud) as line:
        return await scan(line, addresses)


def scan_line(port: str, kind: str, baud: int | None, addresses: str | None, *, as_json: bool) -> None:
    """Find the sensors of a line, and end the command."""
    found = run(look(port, kind, baud, letters_of(addresses) if addresses else DIGITS))
    if as_json:
        rows = [{"address": one.address, "model": one.identity.model if one.identity else ""} for one in found]
        click.echo(json.dumps({"port": port, "devices": rows}))
    for one in found if not as_json else ():
        click.echo(told_of(one))
    if not found:
        click.echo(speech().text(NOBODY), err=True)
    raise SystemExit(0 if found else NO_DEVICE)


async def identified(port: str, kind: str, baud: int | None, address: str) -> "tuple[Sensor | None, list[Likely]]":
    """Say who one sensor is, and which types fit."""
    from drivers.commissioning_sdi12 import identify

    async with opened(port, kind, baud) as line:
        return await identify(line, address, known_types().entries())


def identify_line(port: str, kind: str, baud: int | None, address: str, *, as_json: bool) -> None:
    """Say what one sensor may be, and end the command."""
    sensor, likely = run(identified(port, kind, baud, letter_of(address)))
    say = speech()
    if as_json:
        rows = [{"type": one.entry.type, "values": {m.name: m.canonical for m in one.measured}} for one in likely]
        click.echo(json.dumps({"address": address, "candidates": rows}))
    elif sensor is not None:
        click.echo(told_of(sensor))
        for one in likely[:5]:
            shown = ", ".join(f"{m.name} {m.raw:g} {m.unit}" for m in one.measured)
            click.echo(f"{one.entry.type}: {one.entry.title}\n    {shown}")
    if sensor is None:
        click.echo(say.text(NOBODY), err=True)
    elif not likely:
        click.echo(say.text(N_("No known type fits its values; its manual tells their order")), err=True)
    raise SystemExit(0 if likely else FAILED)


def readdress_line(port: str, kind: str, baud: int | None, old: str, new: str) -> None:
    """Give a sensor another address, and end the command."""
    from drivers.sdi12 import Answered
    from drivers.sdi12_words import CommandError

    async def work() -> Any:
        async with opened(port, kind, baud) as line:
            return await line.readdress(letter_of(old), letter_of(new))

    say = speech()
    try:
        answer = run(work())
    except CommandError:
        click.echo(say.say(N_("Someone answers at address {detail} already"), {"detail": new}), err=True)
        raise SystemExit(REFUSED) from None
    done = isinstance(answer, Answered)
    words = N_("The device answers at its new address") if done else N_("Nobody answers at the old address")
    click.echo(say.text(words), err=not done)
    raise SystemExit(0 if done else FAILED)


async def listen(port: str, kind: str, baud: int, form: str, seconds: float | None) -> None:
    """Show what passes on a line of text, as text, with its times."""
    from drivers.serial_port import opener

    settings = settings_of(1200, "7E1") if kind == "sdi12" else settings_of(baud, form)
    loop = asyncio.get_running_loop()
    stream = await opener(port, settings).open()
    before_s = loop.time()
    try:
        async with asyncio.timeout(seconds):
            while True:
                data = await stream.read()
                now_s = loop.time()
                click.echo(f"{now_s:12.4f} {now_s - before_s:+8.4f}  {shown(data)}")
                before_s = now_s
    except TimeoutError:
        return
    finally:
        stream.close()


def shown(data: Sequence[int]) -> str:
    """Write bytes so that a person sees every one."""
    return "".join(
        chr(code) if 32 <= code < 127 else {13: "\\r", 10: "\\n"}.get(code, f"<{code:02X}>") for code in data
    )
