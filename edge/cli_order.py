# SPDX-License-Identifier: Apache-2.0
"""``vuon order``: a person's hand on the machine itself: hold, stop, maintenance, reset; each with an end and a name.

The rule it keeps: an order goes through the agent's one gate like every other; what became of it is said.
"""

from pathlib import Path

import click
import msgspec

from edge.cli_alarms import ROLE, ask, client, json_option, person_option, seconds_of, signer, state_option
from edge.exits import FAILED, REFUSED, speech
from edge.live import LiveState, Outcome
from pages.words import N_, Words

for_option = click.option(
    "--for", "span", required=True, help="How long, for instance 90s, 10min or 2h; never endless."
)


@click.group()
def order() -> None:
    """Move something by hand, or keep it still while you work there.

    Exit codes: 0 done, 1 the hardware did not answer, 2 wrong usage, 5 refused, 75 no agent answers.

    \b
    Example:
      vuon order hold pepper-1-vent 1 --for 10min
      vuon order stop pepper-1-valve-1
      vuon order maintain pepper-1-water --for 30min
      vuon order reset pepper-1-water
    """  # noqa: D301 click wants the \b


@order.command()
@click.argument("output")
@click.argument("level", type=click.FloatRange(0.0, 1.0))
@for_option
@person_option
@state_option
@json_option
def hold(output: str, level: float, span: str, person: str, state: Path | None, as_json: bool) -> None:
    """Hold OUTPUT at LEVEL (0 to 1) for a time; safety has the last word."""
    _tell(ask(client(state).hold(output, level, seconds_of(span), signer(person), ROLE)), as_json)


@order.command()
@click.argument("output")
@person_option
@state_option
@json_option
def stop(output: str, person: str, state: Path | None, as_json: bool) -> None:
    """Put OUTPUT in its safe state now; an automatic run stays off for 15 minutes."""
    _tell(ask(client(state).stop(output, signer(person), ROLE)), as_json)


@order.command()
@click.argument("place")
@click.option("--for", "span", help="How long, for instance 30min; never endless.")
@click.option("--end", is_flag=True, help="The work is done.")
@person_option
@state_option
@json_option
def maintain(place: str, span: str | None, end: bool, person: str, state: Path | None, as_json: bool) -> None:
    """Keep the outputs of PLACE safe while somebody works there; only the switch at the plant moves them."""
    if (span is None) != end:
        raise click.UsageError(speech().text(N_("say either --for 30min or --end")))
    seconds = 0.0 if span is None else seconds_of(span)
    _tell(ask(client(state).maintain(place, seconds, signer(person), ROLE)), as_json)


@order.command()
@click.argument("place")
@person_option
@state_option
@json_option
def reset(place: str, person: str, state: Path | None, as_json: bool) -> None:
    """Release what safety has latched at PLACE (a line, an output): you have looked."""
    _tell(ask(client(state).reset(place, signer(person), ROLE)), as_json)


@order.command(name="list")
@state_option
@json_option
def list_(state: Path | None, as_json: bool) -> None:
    """List the orders of people that hold now, with what is left of them."""
    live = ask(client(state).status())
    held = [one for one in live.outputs if one.override_s > 0.0]
    if as_json:
        click.echo(msgspec.json.encode(held).decode())
        return
    for line in lines(live, speech()):
        click.echo(line)


def lines(live: LiveState, words: Words) -> list[str]:
    """Write the orders for a terminal."""
    from pages.numbers import countdown

    held = [one for one in live.outputs if one.override_s > 0.0]
    if not held:
        return [words.text(N_("No person has anything in hand."))]
    return [f"{one.output:32} {one.level:>5.0%}  {countdown(one.override_s):>8}  {one.person}" for one in held]


def _tell(outcome: Outcome, as_json: bool) -> None:
    from edge.console.reason_words import reason_words
    from edge.console.sentences import say

    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
    elif outcome.outcome in {"done", "duplicate"}:
        click.echo(speech().text(N_("Done.")))
    else:
        said = say(outcome.detail or outcome.outcome, outcome.fields, reason_words(), speech())
        click.echo(f"{said.text} {said.check}".strip(), err=True)
    if outcome.outcome not in {"done", "duplicate"}:
        raise SystemExit(FAILED if outcome.outcome == "failed" else REFUSED)
