# SPDX-License-Identifier: Apache-2.0
"""Whether the serial ports that farm.toml names are on this machine.

The rule it keeps: it only looks; a port behind a network is believed until it is opened.
"""

from pathlib import Path

from edge.config import SIMULATED, FarmConfig
from edge.toml_reader import Problem, line_index, settings_text
from pages.words import N_

MISSING = N_("there is no port {port} on this machine; list what is there with: ls -l /dev/serial/by-id")
PLAYED = N_("the port sim is played by vuon demo only; name a real port here")


def missing_ports(config: FarmConfig, file: Path) -> list[Problem]:
    """List the buses and boards whose port is not here."""
    lines = line_index(settings_text(file))
    return [
        Problem(path, lines.get(path, 1), MISSING, {"port": port})
        for path, port in ports_of(config)
        if port.startswith("/") and not Path(port).exists()
    ]


def played_ports(config: FarmConfig, file: Path) -> list[Problem]:
    """List the buses and boards that only ``vuon demo`` can play."""
    lines = line_index(settings_text(file))
    return [Problem(path, lines.get(path, 1), PLAYED, {}) for path, port in ports_of(config) if port == SIMULATED]


def ports_of(config: FarmConfig) -> list[tuple[str, str]]:
    """List every port with its path in the file."""
    ports = [(f"bus[{i}].port", bus.port) for i, bus in enumerate(config.buses)]
    return ports + [(f"board[{i}].port", board.port) for i, board in enumerate(config.boards)]
