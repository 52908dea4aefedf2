# SPDX-License-Identifier: Apache-2.0
"""``vuon replay``: a stored day again, decision by decision.

The rule it keeps: it reads the log beside the running agent and writes nothing.
"""

import json
from pathlib import Path

import click

from edge.exits import FAILED, TRY_AGAIN, speech, state_folder
from pages.words import N_


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a boot.")
def replay(state: Path | None, as_json: bool) -> None:
    """Run every stored boot again and compare the decisions bit for bit.

    Exit codes: 0 all the same, 1 a decision differs, 75 there is no log to read.

    \b
    Example:
      vuon replay --state ~/.local/state/vuon/demo
    """  # noqa: D301 click wants the \b
    from edge import replay as again
    from telemetry.rows import DiskError

    say = speech()
    worst = 0
    try:
        for outcome in again.replay(state_folder(state)):
            worst = worst if outcome.ok else FAILED
            if as_json:
                click.echo(
                    json.dumps({name: getattr(outcome, name) for name in outcome.__slots__} | {"ok": outcome.ok})
                )
                continue
            click.echo(
                say.say(
                    N_("boot {epoch}: {ticks} ticks, {same} of {decisions} decisions the same"),
                    {n: getattr(outcome, n) for n in ("epoch", "ticks", "same", "decisions")},
                )
            )
            for line in outcome.differences:
                click.echo(f"  {line}", err=True)
    except DiskError as error:
        click.echo(str(error), err=True)
        raise SystemExit(TRY_AGAIN) from None
    raise SystemExit(worst)
