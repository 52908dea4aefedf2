# SPDX-License-Identifier: Apache-2.0
"""``vuon sensor``: describe a device that the catalogue does not know; put a new one in a dead one's place.

The rule it keeps: describing only reads the device; replacing writes its address by the maker's rules and nothing else.
"""

import getpass
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from edge.cli_bus import REASONS, unit_of
from edge.cli_bus_sdi12 import letter_of
from edge.exits import BAD_CONFIG, FAILED, REFUSED, TRY_AGAIN, speech, state_folder
from edge.line_errands import farm_file, farm_of, known_types, line_options, run, settings_of, wait_option
from pages.words import N_, error_text


@click.group()
def sensor() -> None:
    """Find, add and replace devices.

    \b
    Example:
      vuon sensor add /dev/serial/by-id/usb-FTDI_... 1 my-probe --see soil_moisture=27.5
    """  # noqa: D301 click wants the \b


def _seen(texts: tuple[str, ...]) -> list[tuple[str, str, float]]:
    """Read ``quantity=number`` or ``quantity=number unit``."""
    from drivers.units import conversion

    seen: list[tuple[str, str, float]] = []
    for text in texts:
        name, _, rest = text.partition("=")
        number, _, unit = rest.strip().partition(" ")
        try:
            conversion(unit, name)
            seen.append((name, unit, float(number)))
        except (KeyError, ValueError) as error:
            raise click.BadParameter(f"{text!r}: {error_text(error, speech())}", param_hint="--see") from None
    return seen


@sensor.command()
@click.argument("words")
def find(words: str) -> None:
    """Look for a device in the catalogue by its maker's or seller's name."""
    found = known_types().search(words)
    for entry in found:
        click.echo(
            f"{entry.type}: {entry.title}" + ("" if entry.verified else f" ({speech().text(N_('not verified'))})")
        )
    raise SystemExit(0 if found else FAILED)


@sensor.command()
@click.argument("port")
@click.argument("address", type=click.IntRange(1, 247))
@click.argument("name")
@click.option(
    "--see", "see", multiple=True, required=True, help='What another instrument shows, as "soil_ec=1250 µS/cm".'
)
@click.option("--within", default=0.05, show_default=True, help="How far the two may differ, as a part of the value.")
@click.option(
    "--function", type=click.IntRange(3, 4), default=3, show_default=True, help="3 holding, 4 input registers."
)
@click.option("--first", default=0, show_default=True, help="First register to read.")
@click.option("--count", default=16, show_default=True, help="How many registers to read.")
@click.option("--title", default="", help="What it is.")
@click.option("--maker", default="unknown", help="Who made it.")
@click.option("--source", default="", help="Where its register table stands.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where; without it devices/ beside farm.toml."
)
@line_options
@wait_option
def add(
    port: str, address: int, name: str, see: tuple[str, ...], within: float, baud: int, form: str, **told: Any
) -> None:
    """Propose an entry for the device at ADDRESS on PORT and write it to devices/NAME.toml.

    Exit codes: 0 written, 1 a value was not found, 3 the entry would be wrong, 4 the port is not there.
    """
    from drivers.catalogue import parse_entry
    from drivers.catalogue_schema import CatalogueError
    from drivers.wizard import propose_entry
    from edge.device_types import own_folder

    say = speech()
    wanted = _seen(see)
    settings = settings_of(baud, form)
    registers = run(
        _registers(port, settings, address, told["function"], told["first"], told["count"], told["within_s"])
    )
    chosen = []
    for quantity, unit, number in wanted:
        guess = _choose(registers, quantity, number, abs(number) * within)
        if guess is None:
            click.echo(say.say(N_("{what} = {number} stands nowhere in registers {first} to {last}"), {
                "what": quantity, "number": number, "first": told["first"], "last": told["first"] + told["count"] - 1,
            }), err=True)  # fmt: skip
            raise SystemExit(FAILED)
        chosen.append((quantity, unit, guess))
    entry_text = partial(
        propose_entry,
        name,
        told["title"] or name,
        told["maker"],
        settings,
        address,
        told["function"],
        chosen,
        source=told["source"],
    )
    folder = told["out"] or own_folder(farm_file())
    path = folder / f"{name}.toml"
    try:
        golden = run(_exchange(port, settings, address, told["within_s"], parse_entry(entry_text(), str(path))))
        text = entry_text(golden=golden)
        parse_entry(text, str(path))
    except CatalogueError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(BAD_CONFIG) from None
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(text)
    click.echo(
        say.say(
            N_("Written to {path}. Compare each value with another instrument before you rely on it."),
            {"path": str(path)},
        )
    )


async def _registers(
    port: str, settings: Any, address: int, function: int, first: int, count: int, within_s: float
) -> dict[int, int]:
    """Read registers one by one where the device refuses them together."""
    from drivers.modbus_pdu import read, words
    from drivers.probe import Probe
    from drivers.serial_port import opener

    found: dict[int, int] = {}
    async with Probe(opener(port, settings), settings, within_s) as probe:
        together = await probe.ask_twice(read(address, function, first, count))
        if together.kind == "reply":
            return dict(enumerate(words(together.payload), start=first))
        for at in range(first, first + count):
            one = await probe.ask(read(address, function, at, 1))
            if one.kind == "reply":
                found[at] = words(one.payload)[0]
    return found


async def _exchange(port: str, settings: Any, address: int, within_s: float, entry: Any) -> str:
    """Read the entry's values once more and give the exchange as its golden frame; "" when the device is silent."""
    from drivers.decode import plan_blocks
    from drivers.modbus_pdu import read
    from drivers.modbus_rtu import frame_of
    from drivers.polling import registers_of
    from drivers.probe import Probe
    from drivers.registry import read_registers
    from drivers.serial_port import opener
    from drivers.wizard import inline_golden
    from telemetry.records import Quality

    block = plan_blocks(entry)[0]
    request = read(address, block.function, block.start, block.count)
    async with Probe(opener(port, settings), settings, within_s) as probe:
        heard = await probe.ask_twice(request)
    if heard.kind != "reply":
        return ""
    measured = read_registers(entry, registers_of(block, heard.payload))
    gives = [(m.name, m.canonical) for m in measured if not m.quality & Quality.COMM]
    reply = bytes((block.function, len(heard.payload))) + heard.payload
    return inline_golden(frame_of(address, request.pdu), frame_of(address, reply), gives)


def _choose(registers: dict[int, int], quantity: str, number: float, tolerance: float) -> Any:
    from drivers.wizard import guesses

    found = guesses(registers, number, max(tolerance, 1e-9))
    if len(found) > 1 and sys.stdin.isatty():
        for i, guess in enumerate(found[:9], start=1):
            click.echo(
                f"{i}  {quantity}: register {guess.at} {guess.type} {guess.order} x {guess.scale:g} = {guess.value:g}"
            )
        return found[click.prompt("?", type=click.IntRange(1, min(len(found), 9)), default=1) - 1]
    return found[0] if found else None


@sensor.command()
@click.argument("device")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The farm's file.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the agent keeps its data.")
@click.option("--at", default="", help="The new device's address; without it, its maker's.")
@click.option("--alone", is_flag=True, help="Only this device is connected to the line.")
@click.option("--person", default="", help="Who does it; without it your login name.")
@wait_option
def replace(
    device: str, config: Path | None, state: Path | None, at: str, alone: bool, person: str, within_s: float
) -> None:
    """Put a new device of the same type in DEVICE's place: give it the address and void the old calibration.

    Stop the agent first, and disconnect the old device. On Modbus, SDI-12 and lines of text; an SDI-12 sensor that is
    --alone on its line is asked for its address.

    Exit codes: 0 done, 1 failed, 3 farm.toml is wrong, 4 the port is not there, 5 refused, 75 again after the power.
    """
    from edge.connected import connected
    from edge.replacing import change, void_calibrations

    say = speech()
    farm = farm_of(config)
    types = known_types(config)
    places = connected(farm, types)
    if device not in places:
        known = ", ".join(places) or "-"
        raise click.BadParameter(
            say.say(N_("the farm has no {name} on a serial line; it has: {known}"), {"name": device, "known": known}),
            param_hint="DEVICE",
        )
    place = places[device]
    if at:
        unit_of(at) if place.bus.kind == "modbus" else letter_of(at)
    outcome = run(change(place, at, types, within_s, alone=alone))
    if outcome.state == "power-cycle" and sys.stdin.isatty():
        click.prompt(
            say.text(N_("Take the device's power off and on, then press Enter")), default="", show_default=False
        )
        outcome = run(change(place, str(place.device.address), types, within_s, alone=alone))
    click.echo(say.say(REASONS[outcome.reason], {"detail": outcome.detail}), err=outcome.state != "done")
    if outcome.state != "done":
        raise SystemExit({"refused": REFUSED, "power-cycle": TRY_AGAIN}.get(outcome.state, FAILED))
    signer = person.strip() or getpass.getuser()
    for series in void_calibrations(state_folder(state), place, signer, datetime.now(UTC)):
        click.echo(
            say.say(
                N_("{series}: the old device's calibration is void, the maker's scale counts; run: vuon calibrate"),
                {"series": series},
            )
        )
