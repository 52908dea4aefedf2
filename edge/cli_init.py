# SPDX-License-Identifier: Apache-2.0
"""``vuon init``: look who is on the lines and write a first farm.toml that ``vuon check`` accepts.

The rule it keeps: it only reads from the lines, and never writes over a farm that is there.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controllers.climate_bands import CROP_BANDS
from edge.cli_bus import addresses_of
from edge.cli_bus_sdi12 import DIGITS, kind_option, letters_of, opened
from edge.exits import BAD_CONFIG, NO_DEVICE, USAGE, speech
from edge.line_errands import known_types, run, wait_option
from pages.words import N_, error_text

if TYPE_CHECKING:
    from drivers.catalogue import Catalogue
    from edge.farm_draft import Seen


@click.command()
@click.argument("ports", nargs=-1)
@click.option("--farm", default="farm", show_default=True, help="The farm's short name: small letters, digits, -.")
@click.option("--title", prompt="Farm", help="The farm's name as people write it.")
@click.option("--latitude", type=click.FloatRange(-90, 90), prompt="Latitude (°)", help="Degrees, north positive.")
@click.option("--longitude", type=click.FloatRange(-180, 180), prompt="Longitude (°)", help="Degrees, east positive.")
@click.option("--house", default="house-1", show_default=True, help="The first house's short name.")
@click.option("--area", type=click.FloatRange(0.1, 1e6), prompt="Area of the first house (m²)", help="In m².")
@click.option("--crop", type=click.Choice(list(CROP_BANDS)), prompt="Crop", help="What grows there.")
@click.option("--baud", type=int, help="Only this speed (8N1); without it, the eight factory settings.")
@click.option("--addresses", help="Which to ask, as 1-32 or 1,5,9; without it all, of SDI-12 0-9.")
@kind_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("farm.toml"),
    show_default=True,
    help="The file to write.",
)
@wait_option
def init(ports: tuple[str, ...], baud: int | None, addresses: str | None, kind: str, out: Path, **told: Any) -> None:
    """Ask everyone on PORTS who they are and write a first farm.toml. Only reads from the lines.

    Without PORTS, the serial adapters of this machine.

    Exit codes: 0 written, 2 the file is there already, 3 the draft is wrong, 4 a port is not there.

    \b
    Example:
      vuon init /dev/serial/by-id/usb-FTDI_...
    """  # noqa: D301 click wants the \b
    from edge.config import parse
    from edge.farm_draft import Place, draft
    from edge.toml_reader import SettingsRefused

    say = speech()
    wanted = addresses_of("1-247" if addresses is None else addresses) if kind == "modbus" else []
    if out.exists():
        click.echo(say.say(N_("{path} is there already; give another name with --out"), {"path": str(out)}), err=True)
        raise SystemExit(USAGE)
    lines = ports or tuple(str(port) for port in sorted(Path("/dev/serial/by-id").glob("*")))
    if not lines:
        click.echo(say.text(N_("No serial adapter is plugged in here")), err=True)
        raise SystemExit(NO_DEVICE)
    found = []
    for port in lines:
        if kind == "modbus":
            found += run(_look(port, baud, wanted, known_types(out), told["within_s"]))
        else:
            found += run(
                _look_sdi12(port, kind, baud, letters_of(addresses) if addresses else DIGITS, known_types(out))
            )
    place = Place(
        told["farm"], told["title"], told["latitude"], told["longitude"], told["house"], told["area"], told["crop"]
    )
    text = draft(place, found, say)
    try:
        parse(text, str(out), known_types(out))
    except SettingsRefused as refused:
        click.echo(error_text(refused, speech()), err=True)
        raise SystemExit(BAD_CONFIG) from None
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.FileError(str(out), error.strerror) from None
    for one in found:
        shown = one.types[0].title if one.types else say.text(N_("not known"))
        click.echo(f"{one.port}  {one.address:>3}  {one.settings}  {shown}")
    click.echo(
        say.say(
            N_("Written to {path}. Compare each value with another instrument, then run: vuon check"),
            {"path": str(out)},
        )
    )


async def _look(
    port: str, baud: int | None, addresses: list[int], catalogue: "Catalogue", within_s: float
) -> "list[Seen]":
    from drivers.catalogue_schema import Entry
    from drivers.commissioning import FACTORY_SETTINGS, identify, scan
    from drivers.line_settings import LineSettings
    from drivers.probe import Probe
    from drivers.serial_port import opener
    from edge.farm_draft import Seen

    settings = FACTORY_SETTINGS if baud is None else (LineSettings(baud),)
    entries = list(catalogue.entries())
    seen: list[Seen] = []
    for one in await scan(lambda s: opener(port, s), settings=settings, addresses=addresses, within_s=within_s):
        types: tuple[Entry, ...] = ()
        if one.state == "device":
            async with Probe(opener(port, one.settings), one.settings, within_s) as probe:
                types = tuple(c.entry for c in await identify(probe, one.address, entries))
        seen.append(Seen(port, one.address, one.settings, types, several=one.state == "several"))
    return seen


async def _look_sdi12(port: str, kind: str, baud: int | None, addresses: str, catalogue: "Catalogue") -> "list[Seen]":
    from drivers.commissioning_sdi12 import identify, scan
    from drivers.line_settings import LineSettings
    from edge.farm_draft import Seen

    settings = LineSettings(baud or 9600) if kind == "sdi12-adapter" else LineSettings(1200, "E", 1, 7)
    entries = list(catalogue.entries())
    seen = []
    async with opened(port, kind, baud) as line:
        for sensor in await scan(line, addresses):
            _, likely = await identify(line, sensor.address, entries)
            seen.append(Seen(port, sensor.address, settings, tuple(one.entry for one in likely), kind=kind))
    return seen
