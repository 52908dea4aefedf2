# SPDX-License-Identifier: Apache-2.0
"""What a command's exit code means, where the farm's files are, and in which language to speak.

The rule it keeps: the same code means the same in every command (docs/cli.md).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pages.numbers import Language
from pages.words import N_, Words, words

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
BAD_CONFIG: Final = 3
NO_DEVICE: Final = 4
REFUSED: Final = 5
TRY_AGAIN: Final = 75  # EX_TEMPFAIL of sysexits.h

SYSTEM_CONFIG: Final = Path("/etc/vuon/farm.toml")
SOCKET_FILE: Final = "agent.sock"
USERS_FILE: Final = "users.json"
LOG_FILE: Final = "farm.log"

NO_SERIES: Final = N_("{seen} is no series; write place/quantity, for instance tank/water_ph")
BAD_MOMENT: Final = N_("{option} {seen}: write a time with its zone, for instance 2026-11-22T13:00:00+07:00")


def language(environment: Mapping[str, str] = os.environ) -> Language:
    """Give the language that the environment asks for (LC_ALL, LC_MESSAGES, LANG in this order)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "vi" if environment[name].lower().startswith("vi") else "en"
    return "en"


def speech() -> Words:
    """Give the words of the environment's language."""
    return words(language())


def state_folder(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Give the folder for everything that the agent keeps: --state, systemd's, or the user's own (XDG)."""
    if given is not None:
        return given.absolute()
    if environment.get("STATE_DIRECTORY"):
        return Path(environment["STATE_DIRECTORY"].split(":")[0])
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "vuon"


def config_file(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Give the farm's file: --config, systemd's, ./farm.toml or /etc/vuon/farm.toml."""
    if given is not None:
        return given
    if environment.get("CONFIGURATION_DIRECTORY"):
        return Path(environment["CONFIGURATION_DIRECTORY"].split(":")[0]) / "farm.toml"
    here = Path("farm.toml")
    return here if here.exists() else SYSTEM_CONFIG
