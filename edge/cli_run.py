# SPDX-License-Identifier: Apache-2.0
"""``vuon run``: the agent on this machine.

The rule it keeps: what refuses to start says why and exits with the documented code.
"""

import gc
from pathlib import Path

import click

from edge.exits import BAD_CONFIG, FAILED, NO_DEVICE, TRY_AGAIN, config_file, speech, state_folder
from pages.words import N_, error_text


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The farm's file (farm.toml).")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the log and the socket are.")
@click.option(
    "--tolerate-missing-ports",
    is_flag=True,
    help="Start although a port is not there: a farm must go on after a power cut.",
)
@click.option("--verbose", is_flag=True, help="Write every event.")
def run(config: Path | None, state: Path | None, tolerate_missing_ports: bool, verbose: bool) -> None:
    """Run the agent until it is stopped (SIGTERM, Ctrl-C): outputs are made safe before it ends.

    Exit codes: 0 stopped, 1 failed, 3 farm.toml is wrong, 4 a port is not there, 75 another agent runs or the
    disk refuses.

    \b
    Example:
      vuon run --config /etc/vuon/farm.toml
    """  # noqa: D301 click wants the \b
    from edge import run as running
    from edge.cli_check import report
    from edge.log_lines import set_up
    from edge.machine import SocketTaken
    from edge.toml_reader import SettingsRefused
    from telemetry.rows import DiskError

    set_up(verbose=verbose)
    say = speech()
    order = running.Order(config_file(config), state_folder(state), tolerate_missing_ports)
    gc.disable()  # what loads stays; the collector would walk it again and again
    try:
        farm = running.read(order)
        running.run(order, farm)
    except SettingsRefused as refused:
        report(order.config, refused.problems, as_json=False)
        raise SystemExit(BAD_CONFIG) from None
    except running.PortsMissing as missing:
        report(order.config, missing.problems, as_json=False)
        raise SystemExit(NO_DEVICE) from None
    except OSError as error:
        click.echo(
            say.say(
                N_("{file} cannot be read: {seen:t}"), {"file": str(order.config), "seen": error.strerror or str(error)}
            ),
            err=True,
        )
        raise SystemExit(BAD_CONFIG if isinstance(error, FileNotFoundError) else FAILED) from None
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    except BaseExceptionGroup as group:
        taken = group.subgroup(SocketTaken)
        if taken is None:
            raise
        click.echo(error_text(taken.exceptions[0], speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    finally:
        gc.enable()
