# SPDX-License-Identifier: Apache-2.0
"""``vuon why``: the reasons of an output, now or in the past, from the log alone.

The rule it keeps: it tells what was stored when it was decided, and works also while the agent is down.
"""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge.exits import BAD_MOMENT, FAILED, LOG_FILE, TRY_AGAIN, USAGE, speech, state_folder
from pages.words import N_, Words, error_text

if TYPE_CHECKING:
    from edge.reason_runs import Past
    from telemetry.records import Ack

# Who gave an order, by the way it came.
ORIGINS: Final = {
    "local": N_("By the switch at the plant."),
    "remote": N_("By {person}, from afar."),
    "manual": N_("By {person}."),
}


@click.command()
@click.argument("output")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--at", "at", help="At which moment, RFC 3339 with its zone; without it: now.")
@click.option("--last", default=5, show_default=True, help="How many reasons to tell, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a reason.")
def why(output: str, state: Path | None, at: str | None, last: int, as_json: bool) -> None:
    """Say why OUTPUT (or every output of a place) does what it does.

    Exit codes: 0 done, 1 nothing is stored of it, 2 wrong usage, 75 there is no log.

    \b
    Example:
      vuon why pepper-1-valve-1
      vuon why pepper-1-fan --at 2026-11-22T13:00:00+07:00
    """  # noqa: D301 click wants the \b
    from edge.reason_runs import past
    from telemetry.history import LogReader
    from telemetry.rows import DiskError

    words = speech()
    until_ms = _moment_ms(at)
    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    try:
        found = past(reader, output, until_ms, last)
    finally:
        reader.close()
    if not found.stories:
        click.echo(words.say(N_("Nothing is stored of {output} in the day before."), {"output": output}), err=True)
        raise SystemExit(FAILED)
    for line in rows(found, words) if as_json else lines(found, words):
        click.echo(line)


def lines(found: "Past", words: Words) -> list[str]:
    """Tell the past for a terminal, the newest first."""
    from edge.console.reason_words import reason_words
    from edge.console.sentences import PROBE_LOCKED, fields_of, quality_of, say
    from pages.numbers import moment
    from telemetry.records import Quality

    book = reason_words()
    told: list[str] = []
    for name, (at_ms, answer) in _not_done(found):
        heard = say(answer.detail, {}, book, words)
        told.append(f"{moment(at_ms)}  {name}  {words.text(N_('not done'))}: {heard.text} {heard.check}")
    for story in reversed(found.stories):
        record = story.decision
        fields = fields_of(record.inputs)
        said = say(record.code, fields, book, words)
        bound = say(record.limit, fields, book, words) if record.limit else None
        pulses = words.count("in {n} pulse", "in {n} pulses", story.starts) + "  " if story.pulsed else ""
        told.append(f"{moment(story.from_ms)}  {record.output}  {story.share:.0%}  {pulses}{said.text}")
        order = found.who(story)
        by = ""
        if order is not None:
            by = words.say(ORIGINS.get(str(order.fields.get("origin")), N_("By {person}.")), {"person": order.person})
        locked = words.text(PROBE_LOCKED) if Quality.LOCKED & quality_of(record.inputs) else ""
        more = (by, locked, said.check, bound.text if bound else "", bound.check if bound else "")
        told += [f"    {text}" for text in more if text]
    return told


def rows(found: "Past", words: Words) -> list[str]:
    """Tell the past as JSON, one object a line, the newest first."""
    from edge.console.reason_words import reason_words
    from edge.console.sentences import fields_of, say

    book = reason_words()
    told: list[dict[str, object]] = [
        {"at_ms": at_ms, "output": name, "hardware": answer.outcome, "code": answer.detail,
         "text": say(answer.detail, {}, book, words).text}
        for name, (at_ms, answer) in _not_done(found)
    ]  # fmt: skip
    for story in reversed(found.stories):
        record, order = story.decision, found.who(story)
        said = say(record.code, fields_of(record.inputs), book, words)
        told.append({
            "at_ms": story.from_ms, "to_ms": story.to_ms, "output": record.output, "place": record.place,
            "level": story.level, "share_on": round(story.share, 4), "starts": story.starts, "pulsed": story.pulsed,
            "code": record.code, "limit": record.limit, "vetoed": record.vetoed, "rule": record.rule,
            "person": order.person if order else "",
            "inputs": {i.name: i.value for i in record.inputs if i.value == i.value},
            "qualities": {i.name: i.quality for i in record.inputs if i.quality}, "text": said.text,
            "check": said.check,
        })  # fmt: skip
    return [json.dumps(one, ensure_ascii=False) for one in told]


def _not_done(found: "Past") -> list[tuple[str, tuple[int, "Ack"]]]:
    """Give the outputs of these stories whose hardware refused or did not answer last."""
    names = {story.decision.output for story in found.stories}
    return [(n, one) for n, one in found.answers.items() if n in names and one[1].outcome in {"refused", "failed"}]


def _moment_ms(at: str | None) -> int:
    if at is None:
        return time.time_ns() // 1_000_000
    try:
        moment: datetime | None = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        click.echo(speech().say(BAD_MOMENT, {"option": "--at", "seen": at}), err=True)
        raise SystemExit(USAGE)
    return round(moment.timestamp() * 1000.0)
