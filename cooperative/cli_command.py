# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub command``: signed orders to a farm, and the record of them.

The rule it keeps: an order names a person; what became of it is said and written down; exit code 5 is a refusal.
"""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn
from zoneinfo import ZoneInfo

import click

from cooperative.cli_config import config_option
from cooperative.speech import speech
from pages.words import N_, Words, error_text

if TYPE_CHECKING:
    from cooperative.config import HubConfig
    from telemetry.remote_orders import Call, OrderAnswer, PersonsRole

EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 3
EXIT_REFUSED: Final = 5
EXIT_TRY_AGAIN: Final = 75
ROLES: Final = ("operator", "technician", "admin")

_edge = click.option("--edge", required=True, help="The farm's edge, as hub.toml names it.")
_person = click.option("--person", required=True, help="Who gives the order; the farm writes it down.")
_output = click.option("--output", "target", required=True, help="The output, as the farm's farm.toml names it.")
_place = click.option("--place", "target", required=True, help="The place, as the farm's farm.toml names it.")
_role = click.option(
    "--role", type=click.Choice(ROLES), default="operator", show_default=True, help="The role that the person has."
)
_life = click.option("--life-s", type=click.FloatRange(1.0, 300.0), default=30.0, show_default=True,
                     help="After this the farm refuses the order.")  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group()
def command() -> None:
    """Give a farm an order, signed; it passes the farm's own safety and interlocks like any other.

    The farm hears only issuers that its own farm.toml names: see `vuon-hub command key`.
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration refused, 5 refused by the farm, 75 no answer.

    \b
    Example:
      vuon-hub command hold --edge da-lat-1 --output valve-1 --level 1 --minutes 5 --person "Chị Lan"
    """  # noqa: D301 click wants the \b


@command.command()
@config_option
def key(path: Path) -> None:
    """Make this hub's key once, and print what a farm writes into its farm.toml to hear it."""
    from cooperative.order_book import KeyFault, make_key
    from telemetry.remote_orders import public_text

    config = _load(path)
    try:
        made = make_key(Path(config.state))
    except KeyFault as fault:
        _fail(str(fault), EXIT_FAILED)
    click.echo(f'[[issuer]]\nname = "{config.name}"\nkey = "{public_text(made.public_key())}"\nrole = "operator"')


@command.command()
@config_option
@_edge
@_output
@click.option("--level", type=click.FloatRange(0.0, 1.0), required=True, help="0 closed or off, 1 open or on.")
@click.option("--minutes", type=click.FloatRange(0.1, 1440.0), required=True, help="How long it holds.")
@_person
@_role
@_life
@_json
def hold(
    path: Path, edge: str, target: str, level: float, minutes: float, person: str, role: "PersonsRole", life_s: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Hold an output at a level for some minutes."""
    _give(path, edge, person, role, "hold", target, life_s, as_json=as_json, level=level, seconds=minutes * 60.0)


@command.command()
@config_option
@_edge
@_output
@_person
@_role
@_life
@_json
def stop(path: Path, edge: str, target: str, person: str, role: "PersonsRole", life_s: float, as_json: bool) -> None:
    """End a hold, or keep an output in its safe state for 15 minutes."""
    _give(path, edge, person, role, "stop", target, life_s, as_json=as_json)


@command.command()
@config_option
@_edge
@_place
@click.option("--minutes", type=click.FloatRange(0.0, 1440.0), required=True, help="How long; 0 ends it.")
@_person
@_role
@_life
@_json
def maintain(
    path: Path, edge: str, target: str, minutes: float, person: str, role: "PersonsRole", life_s: float, as_json: bool
) -> None:
    """Keep the outputs of a place safe while somebody works there (role technician)."""
    _give(path, edge, person, role, "maintain", target, life_s, as_json=as_json, seconds=minutes * 60.0)


@command.command()
@config_option
@_edge
@_place
@_person
@_role
@_life
@_json
def reset(path: Path, edge: str, target: str, person: str, role: "PersonsRole", life_s: float, as_json: bool) -> None:
    """Release what safety has latched at a place, after somebody has looked (role technician)."""
    _give(path, edge, person, role, "reset", target, life_s, as_json=as_json)


@command.command("list")
@config_option
@click.option("--edge", default="", help="Only this farm's edge.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@_json
def list_orders(path: Path, edge: str, limit: int, as_json: bool) -> None:
    """List the orders given, the newest first."""
    from cooperative.order_book import OrderBook

    say = speech()
    config = _load(path)
    zone = ZoneInfo(config.timezone)
    book = OrderBook(Path(config.state))
    try:
        rows = book.orders(edge, limit)
    finally:
        book.close()
    for row in rows:
        if as_json:
            click.echo(json.dumps(row._asdict(), ensure_ascii=False))
            continue
        at = datetime.fromtimestamp(row.at_ms / 1000.0, zone)
        what = say.text(row.detail) if row.detail else ""
        outcome = row.outcome or say.text(N_("no answer"))
        click.echo(
            f"{at:%Y-%m-%d %H:%M:%S}  {row.edge}  {row.person}  {row.call} {row.target}  {outcome}  {what}".rstrip()
        )


def _give(
    path: Path, edge: str, person: str, role: "PersonsRole", call: "Call", target: str, life_s: float, *, as_json: bool,
    level: float = 0.0, seconds: float = 0.0,
) -> None:  # fmt: skip
    from cooperative.hub import hub_broker
    from cooperative.members import Members
    from cooperative.order_book import KeyFault, OrderBook, load_key
    from cooperative.ordering import NoAnswer, give, make_order
    from telemetry.ports import BrokerError
    from telemetry.remote_orders import OrderRefused

    say = speech()
    config = _load(path)
    members = Members(config.members)
    if edge not in members.edges():
        raise click.UsageError(
            speech().say(
                N_("--edge: {edge} is not in {file}; it has: {known}"),
                {"edge": edge, "file": str(path), "known": ", ".join(members.edges())},
            )
        )
    book = OrderBook(Path(config.state))
    try:
        signing = load_key(Path(config.state))
        order = make_order(
            book, issuer=config.name, member=members.member_of(edge), edge=edge, person=person, role=role, call=call,
            target=target, level=level, seconds=seconds, life_s=life_s,
        )  # fmt: skip
        answer = asyncio.run(give(order, signing, hub_broker(config), book))
    except KeyFault as fault:
        _fail(str(fault), EXIT_FAILED)
    except OrderRefused as refused:
        raise click.UsageError(refused.detail) from None
    except BrokerError as error:
        _fail(error_text(error, speech()), EXIT_TRY_AGAIN)
    except NoAnswer:
        _fail(say.say(N_("{edge} did not answer; the order is dead now, nothing will be done"), {"edge": edge}),
              EXIT_TRY_AGAIN)  # fmt: skip
    finally:
        book.close()
    _tell(answer, say, as_json=as_json)


def _tell(answer: "OrderAnswer", say: Words, *, as_json: bool) -> NoReturn:
    if as_json:
        told = {"outcome": answer.outcome, "detail": answer.detail, "fields": answer.fields, "command": answer.command}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        titles = {"done": N_("done: the hardware has confirmed it"), "refused": N_("refused"),
                  "failed": N_("failed: the hardware did not answer")}  # fmt: skip
        reason = say.say(answer.detail, answer.fields) if answer.detail else ""
        seen = answer.fields.get("seen", "")
        said = say.text(titles[answer.outcome]) if answer.outcome in titles else answer.outcome
        click.echo(": ".join(part for part in (said, reason, str(seen)) if part))
    sys.exit({"done": 0, "refused": EXIT_REFUSED}.get(answer.outcome, EXIT_FAILED))


def _load(path: Path) -> "HubConfig":
    from cooperative.config import ConfigError, load_config

    try:
        return load_config(path)
    except ConfigError as error:
        _fail(error_text(error, speech()), EXIT_CONFIG)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
