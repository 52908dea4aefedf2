# SPDX-License-Identifier: Apache-2.0
"""``vuon simulate``: a model house lives for days in seconds, under the engine that runs on farms.

The rule it keeps: the same arguments give the same numbers; nothing is read from or written to the farm.
"""

import sys

import click
import msgspec

from edge.exits import OK, USAGE, speech
from pages.words import N_


@click.command()
@click.option("--house", default="da-lat-pepper", show_default=True, help="Which model house; see --list.")
@click.option("--days", default=30.0, show_default=True, help="How many days, at most 3660.")
@click.option("--seed", default=1, show_default=True, help="Of the weather: another seed is another year.")
@click.option("--start", default="2026-01-01", show_default=True, help="First day, YYYY-MM-DD.")
@click.option("--list", "list_houses", is_flag=True, help="Name the model houses and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate(house: str, days: float, seed: int, start: str, list_houses: bool, as_json: bool) -> None:
    """Run a model house for days and tell yield proxy, water, energy, hours in band and what safety did.

    Exit codes: 0 done, 2 wrong usage.

    \b
    Example:
      vuon simulate --house da-lat-pepper --days 30 --json
    """  # noqa: D301 click wants the \b
    from datetime import UTC, datetime

    from controllers.houses import HOUSES
    from edge import simulate as simulation

    say = speech()
    if list_houses:
        for name, model in HOUSES.items():
            click.echo(f"{name:16} {model.title}")
        sys.exit(OK)
    try:
        first = datetime.strptime(start, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        click.echo(say.say(N_("Not a day: {seen}; write it like 2026-01-31."), {"seen": start}), err=True)
        sys.exit(USAGE)
    if house not in HOUSES or not 0.0 < days <= 3660.0:
        names = ", ".join(HOUSES)
        text = N_("Unknown house or too many days: houses are {names}; days from 0 to 3660.")
        click.echo(say.say(text, {"names": names}), err=True)
        sys.exit(USAGE)
    found = simulation.simulate(HOUSES[house], days, seed, first)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for name, value in msgspec.structs.asdict(found).items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name:26} {shown}")
