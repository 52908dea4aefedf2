# SPDX-License-Identifier: Apache-2.0
"""The command ``vuon``: finds the sub-command and loads nothing else.

The rule it keeps: one file per sub-command (``edge/cli_NAME.py`` with a click command called ``NAME``), imported
only when it is asked for, so that ``vuon --help`` and ``vuon status`` start at once on a small board.
"""

import importlib
from typing import Final

import click

from edge.exits import speech
from pages.commands import Spoken, in_words
from pages.words import N_, Words

# Name, and the line that ``vuon --help`` shows.
COMMANDS: Final[dict[str, str]] = {
    "demo": N_("Show a whole farm on this machine, without any hardware"),
    "run": N_("Run the agent: measure, decide, act, remember"),
    "console": N_("Serve the web page of the farm"),
    "init": N_("Write a first farm.toml from what answers on the lines"),
    "bus": N_("Find, identify and readdress devices on a line"),
    "firmware": N_("Build, look at and flash the microcontroller boards"),
    "sensor": N_("Describe and test a new device type"),
    "check": N_("Check farm.toml and name every mistake with its line"),
    "status": N_("Say how the farm is now"),
    "alarms": N_("Say what is wrong; acknowledge, shelve and test alarms"),
    "order": N_("Move something by hand for a time, or keep it still while you work there"),
    "why": N_("Say why an output does what it does"),
    "explain": N_("Show how a zone's watering was reckoned, and what another choice would do"),
    "compare": N_("Compare the ways of watering on a zone's own past days"),
    "weather": N_("Give the farm the past weather of a station's file"),
    "calibrate": N_("Calibrate a probe, step by step"),
    "practice": N_("Put a probe of the demo into a beaker, to practise calibrating"),
    "certificate": N_("Print a calibration's certificate or label; what is due; what drifted"),
    "recalibrate": N_("Compute a span of history anew with another calibration"),
    "export": N_("Give the farm's data as CSV"),
    "simulate": N_("Run a model house for days in seconds"),
    "replay": N_("Run a stored day again and compare the decisions"),
    "bundle": N_("Write a file for support: settings without secrets, records, health"),
    "user": N_("Add people, change roles and passwords"),
    "version": N_("Say which version this is, and what it found here"),
}


class Commands(Spoken):
    """Loads a sub-command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of a farm's life."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one sub-command and let it speak as the run does; None for a name that does not exist."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(f"edge.cli_{cmd_name}"), cmd_name)
        say = ctx.find_object(Words)
        return found if say is None else in_words(found, say)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command; a name that does not exist is refused with those that are near it."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands without importing them."""
        del ctx
        say = speech()
        with formatter.section(say.text("Commands")):
            formatter.write_dl([(name, say.text(line)) for name, line in COMMANDS.items()])


@click.command(
    cls=Commands,
    speech=speech,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 farm.toml is wrong, 4 device not found, "
    "5 refused by an interlock or a role, 75 try again.",
)
def main() -> None:
    """Vườn, a controller for greenhouses and irrigation.

    \b
    Example:
      vuon demo                                  try everything, no hardware needed
      vuon check farm.toml && vuon run --config farm.toml
    """  # noqa: D301 click wants the \b
