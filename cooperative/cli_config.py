# SPDX-License-Identifier: Apache-2.0
"""The option that says where the hub's configuration is, one for all commands that read it.

The rule it keeps: without it, hub.toml of the folder one stands in.
"""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("hub.toml"),
    show_default=True,
    help="The hub's configuration.",
)
