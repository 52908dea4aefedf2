# SPDX-License-Identifier: Apache-2.0
"""``vuon bus``: find the devices on a line, tell what they are, give them addresses, listen in.

The rule it keeps: scan, identify and monitor only read; readdress asks first and keeps the maker's rules. The agent
must not use the port meanwhile; a port in use is refused with the name of the program that has it.
"""

import asyncio
import json
import sys
from typing import Any, Final

import click

from edge.cli_bus_health import health
from edge.cli_bus_practice import practice
from edge.cli_bus_sdi12 import KINDS, identify_line, kind_option, listen, readdress_line, scan_line
from edge.exits import FAILED, NO_DEVICE, REFUSED, speech
from edge.line_errands import known_types, line_options, run, settings_of, wait_option
from pages.words import N_, error_text

# What becomes of a readdress, in words. ``{detail}`` is the maker's reason or the number in question.
REASONS: Final = {
    "": N_("The device answers at its new address"),
    "commission.power_cycle": N_("Now take the device's power off and on, then run: vuon bus scan"),
    "commission.no_address_setting": N_("The catalogue does not know how this type's address is set; see its manual"),
    "commission.address_by_hand": N_("This address is not set over the line: {detail}"),
    "commission.address_out_of_range": N_("This type takes addresses {detail}"),
    "commission.same_address": N_("The device has this address already"),
    "commission.forbidden_write": N_("Refused, because something would be lost for good: {detail}"),
    "commission.must_be_alone": N_(
        "The maker sets the address of everyone on the line at once: leave only this device connected and add --alone"
    ),
    "commission.nobody_at_old": N_("Nobody answers at the old address"),
    "commission.nobody_at": N_("Nobody answers at address {detail}: check the power, A and B"),
    "commission.nobody": N_("Nobody answers: check the power and the wire"),
    "commission.nobody_on_wire": N_(
        "Nobody answers at address {detail}: check the power, the wire, and whether the adapter makes the breaks itself"
    ),
    "commission.answers": N_("The new device answers as its type"),
    "commission.answers_badly": N_("Something answers, but not as this type does: {detail}"),
    "commission.another_type": N_("This is another type, perhaps {detail}: write its type into farm.toml first"),
    "commission.address_taken": N_("Someone answers at address {detail} already"),
    "commission.write_refused": N_("The device did not take the change ({detail})"),
    "commission.not_at_new": N_("Nobody answers at address {detail}; take the power off and on and scan again"),
}


@click.group()
def bus() -> None:
    """Find, name and address the devices on a serial line.

    \b
    Example:
      vuon bus scan /dev/serial/by-id/usb-FTDI_...
    """  # noqa: D301 click wants the \b


def addresses_of(text: str) -> list[int]:
    """Read ``1-32`` or ``1,5,9``; click.BadParameter says what it should be."""
    wanted: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise click.BadParameter(
                speech().say(N_("{seen}: write addresses like 1-32 or 1,5,9"), {"seen": repr(text)})
            )
        wanted.update(range(int(first), int(last or first) + 1))
    if not wanted or min(wanted) < 1 or max(wanted) > 247:
        raise click.BadParameter(speech().say(N_("{seen}: addresses are 1 to 247"), {"seen": repr(text)}))
    return sorted(wanted)


def unit_of(text: str) -> int:
    """Read one Modbus address."""
    if not text.isdigit() or not 1 <= int(text) <= 247:
        raise click.BadParameter(speech().say(N_("{seen}: a Modbus address is 1 to 247"), {"seen": repr(text)}))
    return int(text)


@bus.command()
@click.argument("port")
@click.option("--baud", type=int, help="Only this speed (8N1); without it, the eight factory settings.")
@click.option("--addresses", help="Which to ask, as 1-32 or 1,5,9; without it all, of SDI-12 0-9.")
@click.option("--json", "as_json", is_flag=True, help="Print the devices as one JSON object.")
@kind_option
@wait_option
def scan(port: str, baud: int | None, addresses: str | None, as_json: bool, kind: str, within_s: float) -> None:
    """Ask every address on PORT who is there. Only reads.

    Exit codes: 0 someone answered, 4 nobody did or the port is not there.
    """
    from drivers.commissioning import FACTORY_SETTINGS, scan
    from drivers.line_settings import LineSettings
    from drivers.serial_port import opener

    if kind != "modbus":
        scan_line(port, kind, baud, addresses, as_json=as_json)
    say = speech()
    wanted = addresses_of("1-247" if addresses is None else addresses)
    settings = FACTORY_SETTINGS if baud is None else (LineSettings(baud),)

    def told(setting: LineSettings, address: int, found: int) -> None:
        if address == wanted[0] and not as_json and sys.stderr.isatty():
            click.echo(f"{setting} ({found})", err=True)

    found = run(scan(lambda s: opener(port, s), settings=settings, addresses=wanted, within_s=within_s, told=told))
    if as_json:
        rows = [{"address": f.address, "settings": str(f.settings), "state": f.state} for f in found]
        click.echo(json.dumps({"port": port, "devices": rows}))
    for one in found if not as_json else ():
        words = N_("a device") if one.state == "device" else N_("several devices on one address: connect one alone")
        click.echo(f"{one.address:>3}  {one.settings}  {say.text(words)}")
    if not found:
        click.echo(say.text(N_("Nobody answers: check the power, A and B, and the termination")), err=True)
    raise SystemExit(0 if found else NO_DEVICE)


@bus.command()
@click.argument("port")
@click.argument("address")
@line_options
@click.option("--json", "as_json", is_flag=True, help="Print the candidates as one JSON object.")
@kind_option
@wait_option
def identify(port: str, address: str, baud: int, form: str, as_json: bool, kind: str, within_s: float) -> None:
    """Say which types the device at ADDRESS on PORT may be, the likeliest first. Only reads."""
    if kind != "modbus":
        identify_line(port, kind, baud, address, as_json=as_json)
    unit = unit_of(address)
    from drivers.commissioning import Candidate, identify
    from drivers.probe import Probe
    from drivers.serial_port import opener

    async def look() -> list[Candidate]:
        settings = settings_of(baud, form)
        async with Probe(opener(port, settings), settings, within_s) as probe:
            return await identify(probe, unit, known_types().entries())

    found = run(look())[:5]
    say = speech()
    if as_json:
        rows = [{"type": c.entry.type, "values": {m.name: m.canonical for m in c.measured}} for c in found]
        click.echo(json.dumps({"address": unit, "candidates": rows}))
    for one in found if not as_json else ():
        shown = ", ".join(f"{m.name} {m.raw:g} {m.unit}" for m in one.measured)
        click.echo(f"{one.entry.type}: {one.entry.title}\n    {shown}")
    if not found:
        click.echo(say.text(N_("No known type fits; describe it with: vuon sensor add")), err=True)
    raise SystemExit(0 if found else FAILED)


@bus.command()
@click.argument("port")
@click.argument("old")
@click.argument("new")
@click.option("--type", "type_name", help="The device's type, as vuon bus identify names it; not needed on SDI-12.")
@click.option("--alone", is_flag=True, help="Only this device is connected to the line.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@line_options
@kind_option
@wait_option
def readdress(port: str, old: str, new: str, type_name: str | None, alone: bool, yes: bool, **line: Any) -> None:
    """Give the device at OLD on PORT the address NEW, by its maker's rules.

    Exit codes: 0 done (or waiting for the power), 1 failed, 5 refused.
    """
    from drivers.commissioning import Outcome, readdress
    from drivers.probe import Probe
    from drivers.serial_port import opener

    say = speech()
    if line["kind"] != "modbus":
        if not yes:
            click.confirm(say.say(N_("Write address {new} into {title}?"), {"new": new, "title": old}), abort=True)
        readdress_line(port, line["kind"], line["baud"], old, new)
    if type_name is None:
        raise click.MissingParameter(param_hint="--type", param_type="option")
    here, there = unit_of(old), unit_of(new)
    try:
        entry = known_types().entry(type_name)
    except KeyError as error:
        raise click.BadParameter(error_text(error, say)) from None
    if not yes:
        click.confirm(say.say(N_("Write address {new} into {title}?"), {"new": new, "title": entry.title}), abort=True)

    async def work() -> Outcome:
        settings = settings_of(line["baud"], line["form"])
        async with Probe(opener(port, settings), settings, line["within_s"]) as probe:
            return await readdress(probe, entry, here, there, alone=alone)

    outcome = run(work())
    click.echo(say.say(REASONS[outcome.reason], {"detail": outcome.detail}), err=outcome.state in {"refused", "failed"})
    raise SystemExit({"refused": REFUSED, "failed": FAILED}.get(outcome.state, 0))


@bus.command()
@click.argument("port")
@click.option("--device", "devices", multiple=True, help="What stands where, as 5=xy-md02; may be repeated.")
@click.option("--seconds", type=float, help="Stop after so long; without it, with Ctrl-C.")
@click.option("--golden", type=click.File("a", encoding="utf-8"), help="Append every answer as a golden frame.")
@line_options
@click.option(
    "--kind", type=click.Choice([*KINDS, "line"]), default="modbus", show_default=True, help="What it speaks."
)
def monitor(port: str, devices: tuple[str, ...], seconds: float | None, golden: Any, kind: str, **line: Any) -> None:
    """Show every frame that passes on PORT, with its time and meaning; lines of text as text. Only listens."""
    from drivers.monitor import Monitor, Seen, golden_case
    from drivers.serial_port import opener

    if kind != "modbus":
        run(listen(port, kind, line["baud"], line["form"], seconds))
        return
    settings = settings_of(line["baud"], line["form"])
    catalogue = known_types()
    known = {}
    for text in devices:
        address, _, type_name = text.partition("=")
        try:
            known[int(address)] = catalogue.entry(type_name)
        except (KeyError, ValueError) as error:
            raise click.BadParameter(f"{text!r}: {error_text(error, speech())}") from None
    watch = Monitor(settings, known)

    def show(seen: Seen) -> None:
        values = ", ".join(f"{name} {value:g}" for name, value in seen.values)
        click.echo(f"{seen.at_s:12.4f} {seen.gap_s:+8.4f} {seen.kind:<9} {seen.frame.hex(' ')}  {values}")
        if golden is not None and seen.kind == "reply" and seen.request:
            golden.write("\n" + golden_case(seen))

    async def hear() -> None:
        loop = asyncio.get_running_loop()
        stream = await opener(port, settings).open()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for seen in watch.feed(await stream.read(), loop.time()):
                        show(seen)
        except TimeoutError:
            for seen in watch.idle(loop.time() + 1.0):
                show(seen)
        finally:
            stream.close()

    run(hear())


bus.add_command(health)
bus.add_command(practice)
