# SPDX-License-Identifier: Apache-2.0
"""``vuon bus practice``: a line with simulated devices, so that a technician can try every command without hardware.

The rule it keeps: it plays devices on a port of its own and touches no real line.
"""

import asyncio
import contextlib
import sys

import click

from edge.exits import speech
from edge.line_errands import known_types
from pages.words import N_, error_text


@click.command()
@click.option("--device", "devices", multiple=True, help="What stands where, as 5=xy-md02; may be repeated.")
def practice(devices: tuple[str, ...]) -> None:
    """Play devices on a port of their own until Ctrl-C; the first line printed is the port.

    Without --device: a soil probe at address 1 and, at address 2, a tank probe that the catalogue does not know.
    Each Enter takes the power of all devices off and on.

    \b
    Example:
      vuon bus practice
      vuon bus practice --device 3=meter-teros-12 --device 4=meter-teros-21
    """  # noqa: D301 click wants the \b
    from edge.wiring import PRACTICE_KNOWN, practice_bench

    catalogue = known_types()
    wanted = []
    for text in devices or (f"1={PRACTICE_KNOWN}",):
        address, _, type_name = text.partition("=")
        try:
            wanted.append((catalogue.entry(type_name), address))
        except KeyError as error:
            raise click.BadParameter(f"{text!r}: {error_text(error, speech())}", param_hint="--device") from None
    say = speech()

    async def play() -> None:
        try:
            bench = practice_bench(wanted, unknown=not devices)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--device") from None
        click.echo(bench.path)
        for entry, address in wanted:
            click.echo(f"{address:>3}  {entry.serial.baud} {entry.serial.format}  {entry.title}", err=True)
        click.echo(say.text(N_("Enter takes their power off and on, Ctrl-C ends it")), err=True)

        def pressed() -> None:
            if sys.stdin.readline():
                bench.power_cycle()
                click.echo(say.text(N_("The power was off and is on again")), err=True)
            else:
                asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

        with contextlib.suppress(OSError, ValueError):  # started without a terminal: nobody presses Enter
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), pressed)
        try:
            await asyncio.Event().wait()
        finally:
            bench.close()

    try:
        asyncio.run(play())
    except KeyboardInterrupt:
        return
