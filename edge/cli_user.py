# SPDX-License-Identifier: Apache-2.0
"""``vuon user``: who may come in. The first person gets a link here, on the machine itself.

The rule it keeps: a password is asked for without being shown and never stands on a command line; a link is printed
once and works once, within 15 minutes.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from edge.exits import USERS_FILE, speech, state_folder
from edge.users import ROLES, UserError, Users
from pages.words import N_, error_text

DEFAULT_PORT: Final = 8080


def welcome_address(token: str, port: int = DEFAULT_PORT, host: str = "127.0.0.1") -> str:
    """Give the address that a one-time token opens."""
    return f"http://{host}:{port}/welcome?token={token}"


state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that `vuon run` keeps its data in.",
)
port_option = click.option("--port", default=DEFAULT_PORT, show_default=True, help="The console's port, for the link.")


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Tell a person what was not allowed, and end with 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            raise click.ClickException(error_text(error, speech())) from error

    return run


def _users(state: Path | None) -> Users:
    return Users(state_folder(state) / USERS_FILE)


@click.group()
def user() -> None:
    """Say who may come in, and with which role.

    Roles, each may do what the ones before it may: viewer, operator, technician, admin.

    \b
    Example:
      vuon user first                     a one-time link for the first administrator
      vuon user add minh --role operator  a person, who needs a link to come in
      vuon user link minh                 a one-time link for minh
    """  # noqa: D301 - click's own mark for "do not wrap"


@user.command()
@state_option
@port_option
@_told
def first(state: Path | None, port: int) -> None:
    """Print a one-time link for the first administrator (15 minutes)."""
    click.echo(welcome_address(_users(state).first_token(time.time()), port))


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(list(ROLES)), default="viewer", show_default=True, help="What they may do.")
@click.option("--password", "ask", is_flag=True, help="Ask for a password now; without it use `vuon user link`.")
@state_option
@_told
def add(name: str, role: str, ask: bool, state: Path | None) -> None:
    """Add a person."""
    _users(state).add(name, ROLES[role], _asked() if ask else "")
    click.echo(f"{name}: {role}", err=True)


@user.command()
@click.argument("name")
@state_option
@port_option
@_told
def link(name: str, state: Path | None, port: int) -> None:
    """Print a one-time link that lets NAME in (15 minutes)."""
    click.echo(welcome_address(_users(state).token_for(name, time.time()), port))


@user.command()
@click.argument("name")
@state_option
@_told
def password(name: str, state: Path | None) -> None:
    """Give NAME a new password; ends their open sessions."""
    users = _users(state)
    if users.find(name) is None:
        raise UserError(N_("There is nobody of this name."))
    users.set_password(name, _asked())


@user.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=click.Choice(list(ROLES)))
@state_option
@_told
def role(name: str, new_role: str, state: Path | None) -> None:
    """Give NAME another role."""
    _users(state).set_role(name, ROLES[new_role])


@user.command()
@click.argument("name")
@state_option
@_told
def remove(name: str, state: Path | None) -> None:
    """Remove NAME and end their sessions."""
    _users(state).remove(name)


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@state_option
@_told
def list_people(as_json: bool, state: Path | None) -> None:
    """List everyone, with role and whether there is a password."""
    people = _users(state).people()
    if as_json:
        rows = [{"name": one.name, "role": one.role, "password": bool(one.password)} for one in people]
        click.echo(json.dumps({"version": 1, "people": rows}))
        return
    say = speech()
    for one in people:
        way = say.text(N_("password") if one.password else N_("one-time links only"))
        click.echo(f"{one.name:<32} {one.role:<11} {way}")


def _asked() -> str:
    """Ask for a password twice, without showing it; from a pipe, take its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    say = speech()
    return str(
        click.prompt(
            say.text(N_("Password")), hide_input=True, confirmation_prompt=say.text(N_("Repeat for confirmation"))
        )
    )
