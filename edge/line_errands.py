# SPDX-License-Identifier: Apache-2.0
"""What the commands that speak to a line share: their options, the farm's file and types, how a lost line is told.

The rule it keeps: a port in use is refused with the name of the program that has it; nothing here writes to a device.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge.exits import BAD_CONFIG, NO_DEVICE, config_file, speech
from pages.words import error_text

if TYPE_CHECKING:
    from drivers.catalogue import Catalogue
    from edge.config import FarmConfig

T = TypeVar("T")


def settings_of(baud: int, form: str) -> Any:
    """Give line settings from ``--baud`` and ``--format``."""
    from drivers.line_settings import LineSettings

    return LineSettings(baud, form[1], int(form[2]), int(form[0]))  # type: ignore[arg-type]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one errand on a line; a line that cannot be used ends the command with what to check."""
    from drivers.ports import LineDown

    try:
        return asyncio.run(work)
    except LineDown as down:
        say = speech()
        click.echo(f"{down.where}: {say.text(down.seen)}; {say.text(down.hint)}", err=True)
        raise SystemExit(NO_DEVICE) from None


def farm_of(config: Path | None) -> "FarmConfig":
    """Read the farm's file; a wrong one ends the command with every mistake."""
    from edge.config import load
    from edge.toml_reader import SettingsRefused

    try:
        return load(config_file(config))
    except (OSError, SettingsRefused) as refused:
        click.echo(error_text(refused, speech()), err=True)
        raise SystemExit(BAD_CONFIG) from None


def farm_file(config: Path | None = None) -> Path:
    """Give the farm's file as :func:`config_file` does; where there is no farm yet, the one that this folder gets."""
    path = config_file(config)
    return path if config is not None or path.exists() else Path("farm.toml")


def known_types(config: Path | None = None) -> "Catalogue":
    """Give the device types of the farm; a wrong file of its own ends the command with file and line."""
    from drivers.catalogue_schema import CatalogueError
    from edge.device_types import device_types, own_types

    path = farm_file(config)
    types = device_types(path)
    try:
        for name in own_types(path):
            types.entry(name)
    except CatalogueError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(BAD_CONFIG) from None
    return types


def line_options(command: Any) -> Any:
    """Add --baud and --format."""
    command = click.option("--baud", default=9600, show_default=True, help="Speed of the line.")(command)
    forms = click.Choice(["8N1", "8E1", "8O1", "8N2"])
    return click.option("--format", "form", type=forms, default="8N1", show_default=True, help="Bits of a character.")(
        command
    )


def wait_option(command: Any) -> Any:
    """Add --wait, handed on in seconds as ``within_s``."""
    return click.option(
        "--wait",
        "within_s",
        type=click.IntRange(10, 5000),
        default=80,
        show_default=True,
        callback=lambda _context, _option, wait_ms: wait_ms / 1000.0,
        help="How long a device may take to answer, in ms; more for slow ones and radio links.",
    )(command)
