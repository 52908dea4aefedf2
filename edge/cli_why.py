# SPDX-License-Identifier: Apache-2.0
"""``vuon why``: the reasons of an output, now or in the past, from the log alone.

The rule it keeps: it tells what was stored when it was decided, and works also while the agent is down.
"""

import json
import time
from datetime import datetime
from pathlib import Path

import click

from edge.exits import FAILED, LOG_FILE, TRY_AGAIN, USAGE, speech, state_folder
from pages.words import N_

HOURS_BACK = 24.0


@click.command()
@click.argument("output")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--at", "at", help="At which moment, RFC 3339 with its zone; without it: now.")
@click.option("--last", default=5, show_default=True, help="How many decisions to tell, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a decision.")
def why(output: str, state: Path | None, at: str | None, last: int, as_json: bool) -> None:
    """Say why OUTPUT (or every output of a place) does what it does.

    Exit codes: 0 done, 1 nothing is stored of it, 2 wrong usage, 75 there is no log.

    \b
    Example:
      vuon why pepper-1-valve-1
      vuon why pepper-1-fan --at 2026-11-22T13:00:00+07:00
    """  # noqa: D301 click wants the \b
    from edge.console.reason_words import reason_words
    from edge.console.sentences import PROBE_LOCKED, fields_of, quality_of, say
    from pages.numbers import moment
    from telemetry.history import LogReader
    from telemetry.records import Ack, Decision, Quality
    from telemetry.rows import DiskError

    words = speech()
    until_ms = _moment_ms(at)
    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(str(error), err=True)
        raise SystemExit(TRY_AGAIN) from None
    try:
        since_ms = until_ms - round(HOURS_BACK * 3.6e6)
        stored = reader.decisions(output, since_ms, until_ms + 1)
        answers = {
            one.record.output: (one.wall_ms, one.record)
            for one in reader.commands(since_ms, until_ms + 1)
            if isinstance(one.record, Ack)
        }
    finally:
        reader.close()
    if not stored:
        click.echo(words.say(N_("Nothing is stored of {output} in the day before."), {"output": output}), err=True)
        raise SystemExit(FAILED)
    book = reason_words()
    for name in {one.record.output for one in stored[-last:] if isinstance(one.record, Decision)}:
        at_ms, answer = answers.get(name, (0, None))
        if answer is None or answer.outcome not in {"refused", "failed"}:
            continue
        heard = say(answer.detail, {}, book, words)
        if as_json:
            row = {"at_ms": at_ms, "output": name, "hardware": answer.outcome, "code": answer.detail, "text": heard.text}
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        click.echo(f"{moment(at_ms)}  {name}  {words.text(N_('not done'))}: {heard.text} {heard.check}")
    for one in reversed(stored[-last:]):
        if not isinstance(one.record, Decision):
            continue
        record = one.record
        fields = fields_of(record.inputs)
        said = say(record.code, fields, book, words)
        bound = say(record.limit, fields, book, words) if record.limit else None
        if as_json:
            reason = {
                "at_ms": one.wall_ms, "output": record.output, "place": record.place, "level": record.level,
                "code": record.code, "limit": record.limit, "vetoed": record.vetoed, "rule": record.rule,
                "inputs": {i.name: i.value for i in record.inputs if i.value == i.value}, "text": said.text,
            }  # fmt: skip
            click.echo(json.dumps(reason, ensure_ascii=False))
            continue
        click.echo(f"{moment(one.wall_ms)}  {record.output}  {record.level:.0%}  {said.text}")
        locked = words.text(PROBE_LOCKED) if Quality.LOCKED & quality_of(record.inputs) else ""
        for more in (locked, said.check, bound.text if bound else "", bound.check if bound else ""):
            if more:
                click.echo(f"    {more}")


def _moment_ms(at: str | None) -> int:
    if at is None:
        return time.time_ns() // 1_000_000
    try:
        moment: datetime | None = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        click.echo(f"--at {at}: write a time with its zone, for instance 2026-11-22T13:00:00+07:00", err=True)
        raise SystemExit(USAGE)
    return round(moment.timestamp() * 1000.0)
