# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub refused``: what the hub did not believe, why, and once more after the cause was put right.

The rule it keeps: nothing is thrown away here; a batch that is taken again is judged again.
"""

import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import click

from cooperative.cli_config import config_option
from cooperative.speech import speech
from pages.words import N_, error_text

if TYPE_CHECKING:
    from cooperative.memory import DeadLetter

EXIT_CONFIG: Final = 3
LISTED_MAX: Final = 50_000
# Why a batch was refused, and what to look at.
REASONS: Final = {
    "clock": N_("its farm did not know the time; give the edge a network or a clock chip"),
    "future": N_("it is from the future; compare the clocks of farm and hub"),
    "past": N_("it is from before 2025; look at the farm's clock"),
    "series": N_("a series has a name that may not be; update the farm's program"),
    "range": N_("a value is beyond anything measured; look at the farm's log"),
    "quality": N_("its flags are not known here; update the hub"),
    "topic": N_("it came on a topic of nobody"),
    "tenant": N_("it came from an edge that hub.toml does not name"),
    "identity": N_("it names another edge than its topic; look at the broker's access list"),
    "crc": N_("its bytes were damaged on the way"),
    "version": N_("it is of a later version; update the hub"),
}
NO_BATCH: Final = N_("these bytes are no batch; look who else writes on the broker")


@click.command()
@config_option
@click.option("--again", metavar="REASON", default="", help="Let the running hub judge the batches of a reason anew.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each.")
def refused(path: Path, again: str, as_json: bool) -> None:
    """List what the hub refused, by reason, and what to look at.

    Exit codes: 0 done, 2 wrong usage, 3 configuration refused.

    \b
    Example:
      vuon-hub refused --config hub.toml
      vuon-hub refused --again future
    """  # noqa: D301 click wants the \b
    from cooperative.config import ConfigError, load_config
    from cooperative.hub import memory_paths
    from cooperative.memory import Memory

    try:
        config = load_config(path)
    except ConfigError as error:
        click.echo(error_text(error, speech()), err=True)
        sys.exit(EXIT_CONFIG)
    letters: list[DeadLetter] = []
    asked = 0
    for file in memory_paths(config):
        memory = Memory(file)
        try:
            asked += memory.ask_retry(again) if again else 0
            letters += memory.dead_letters(limit=LISTED_MAX)
        finally:
            memory.close()
    if again:
        click.echo(speech().say(N_("{count} batches will be judged anew by the running hub"), {"count": asked}))
        return
    _show(letters, ZoneInfo(config.timezone), as_json=as_json)


def _show(letters: "list[DeadLetter]", zone: ZoneInfo, *, as_json: bool) -> None:
    say = speech()
    if as_json:
        for letter in letters:
            told = {"at_ms": letter.at_ms, "reason": letter.reason, "edge": letter.topic, "detail": letter.detail,
                    "bytes": len(letter.data)}  # fmt: skip
            click.echo(json.dumps(told, ensure_ascii=False))
        return
    if not letters:
        click.echo(say.text(N_("Nothing was refused.")))
        return
    for (reason, edge), count in Counter((letter.reason, letter.topic) for letter in letters).most_common():
        last = max((one for one in letters if (one.reason, one.topic) == (reason, edge)), key=lambda one: one.at_ms)
        at = datetime.fromtimestamp(last.at_ms / 1000.0, zone)
        why = say.text(REASONS.get(reason, NO_BATCH))
        click.echo(f"{count:>6}  {reason:<10} {edge or '?':<20} {at:%Y-%m-%d %H:%M}  {why}")
