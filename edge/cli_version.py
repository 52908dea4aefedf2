# SPDX-License-Identifier: Apache-2.0
"""``vuon version``: which version this is, on what it runs, and whether its kernels are compiled.

The rule it keeps: it works also where something is broken, for it is what people send when they ask for help.
"""

import json
import platform
import sys

import click

from edge.exits import config_file, state_folder
from edge.release import VERSION


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--kernels", is_flag=True, help="Also load the compiled kernels and say whether they work here.")
def version(as_json: bool, kernels: bool) -> None:
    """Say which version this is, and what it found on this machine.

    \b
    Example:
      vuon version --kernels
    """  # noqa: D301 click wants the \b
    found: dict[str, str | bool] = {
        "vuon": VERSION,
        "python": sys.version.split()[0],
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "state": str(state_folder(None)),
        "config": str(config_file(None)),
    }
    if kernels:
        from controllers.kernels.jit import jit_state

        state = jit_state()
        found |= {"compiled": state.enabled, "kernels": f"{state.why} {state.detail}".strip()}
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name:9} {value}")
