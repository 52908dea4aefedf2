# SPDX-License-Identifier: Apache-2.0
"""``vuon console``: the farm's web page as a process of its own. It may die; the valves must not.

The rule it keeps: it listens on 127.0.0.1 unless ``--lan`` is given, says its address once it answers, and ends
within two seconds when asked to, however many pages are open.
"""

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

import click

from edge.agent_client import AgentClient
from edge.calibrating import CalibrationDesk
from edge.cli_user import state_option, welcome_address
from edge.config import FarmConfig, load
from edge.console.app import LOCAL_NAMES
from edge.console.board import Board
from edge.console.day_book import DayBook
from edge.console.day_memory import DayMemory
from edge.console.desk import Clocks, Desk
from edge.console.reason_words import reason_words
from edge.console.server import serve
from edge.exits import BAD_CONFIG, SOCKET_FILE, TRY_AGAIN, USERS_FILE, config_file, speech, state_folder
from edge.machine import Machine
from edge.toml_reader import SettingsRefused
from edge.users import UserError, Users
from pages.words import N_, error_text
from telemetry.history import LogReader

LOG_FILE: Final = "farm.log"


def farm_desk(config: FarmConfig, state: Path, users: Users) -> Desk:
    """Put a farm's console together: agent by its socket, record by its log, people by their file."""
    agent = AgentClient(state / SOCKET_FILE)
    memory = DayMemory()
    return Desk(
        config=config,
        agent=agent,
        board=Board(agent, time.monotonic, memory.remember),
        memory=memory,
        book=DayBook(lambda: LogReader(state / LOG_FILE), memory),
        users=users,
        reasons=reason_words(),
        clocks=Clocks(time.time, time.monotonic),
        calibration=CalibrationDesk(state, agent),
    )


def listener(port: int, *, lan: bool) -> socket.socket:
    """Open the socket: this machine only, or with ``lan`` everybody who can reach it."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("0.0.0.0" if lan else "127.0.0.1", port))  # noqa: S104 - only where --lan asks for it
    return listening


def host_names(*, lan: bool) -> frozenset[str]:
    """Give the names that a browser may call this machine by; addresses are always right."""
    name = socket.gethostname().lower()
    return LOCAL_NAMES | ({name, f"{name}.local"} if lan else frozenset())


@click.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="farm.toml (default: ./farm.toml, else /etc/vuon/farm.toml).",
)
@state_option
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Listen here; 0 takes a free port.")
@click.option("--lan", is_flag=True, help="Answer the local network too, not only this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON once pages are answered.")
def console(config_path: Path | None, state: Path | None, port: int | None, lan: bool, as_json: bool) -> None:
    """Show the farm in a browser: live values, what each output does and why, and one safe manual action.

    Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage, 3 settings refused, 75 port in use: try again.

    \b
    Example:
      vuon console --config farm.toml --lan
    """  # noqa: D301 - click's own mark for "do not wrap"
    file, folder, say = config_file(config_path), state_folder(state), speech()
    try:
        config = load(file)
    except OSError as error:
        click.echo(
            say.say(N_("{file} cannot be read: {seen:t}"), {"file": str(file), "seen": error.strerror or str(error)}),
            err=True,
        )
        sys.exit(BAD_CONFIG)
    except SettingsRefused as error:
        click.echo(error_text(error, speech()), err=True)
        sys.exit(BAD_CONFIG)
    lan = lan or config.console.lan
    try:
        users = Users(folder / USERS_FILE)
        listening = listener(config.console.port if port is None else port, lan=lan)
    except UserError as error:
        raise click.ClickException(error_text(error, say)) from error
    except OSError as error:
        message = N_("Port {port} cannot be had: {seen}. Stop what uses it or give another --port.")
        wanted = config.console.port if port is None else port
        click.echo(say.say(message, {"port": str(wanted), "seen": str(error.strerror)}), err=True)
        sys.exit(TRY_AGAIN)
    machine = Machine(os.environ.get("NOTIFY_SOCKET", ""))

    def ready() -> None:
        machine.notify("READY=1")
        _announce(users, listening.getsockname()[1], lan=lan, as_json=as_json)

    desk = farm_desk(config, folder, users)
    asyncio.run(serve(desk, listening, host_names(lan=lan), ready, lambda: machine.notify("WATCHDOG=1")))


def _announce(users: Users, port: int, *, lan: bool, as_json: bool) -> None:
    """Say the address; on a terminal also the first administrator's link while there is nobody."""
    address = f"http://127.0.0.1:{port}/"
    say = speech()
    if as_json:
        click.echo(json.dumps({"version": 1, "address": address, "lan": lan}))
    else:
        click.echo(say.say(N_("Open {address}"), {"address": address}))
        if lan:
            name = f"http://{socket.gethostname().lower()}.local:{port}/"
            click.echo(say.say(N_("In the local network: {address}"), {"address": name}))
        if not users.people() and sys.stdout.isatty():
            link = welcome_address(users.first_token(time.time()), port)
            click.echo(say.say(N_("First login, once, within 15 minutes: {link}"), {"link": link}))
        elif not users.people():
            click.echo(say.text(N_("Nobody may come in yet: run `vuon user first`.")), err=True)
    sys.stdout.flush()
