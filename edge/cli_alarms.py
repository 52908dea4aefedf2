# SPDX-License-Identifier: Apache-2.0
"""``vuon alarms``: what is wrong, who has seen it, and a test of every way to people.

The rule it keeps: it asks the running agent, whose board and gate decide; only ``history`` reads the log.
"""

import asyncio
import getpass
import json
import re
import time
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from edge.agent_client import AgentAway, AgentClient, BadCall
from edge.exits import FAILED, LOG_FILE, REFUSED, SOCKET_FILE, TRY_AGAIN, USAGE, speech, state_folder
from edge.live import Alarm, LiveState, Outcome
from pages.words import N_, Words, error_text

# Whoever may open the agent's socket on the machine itself may do what a technician may.
ROLE: Final = "technician"
T = TypeVar("T")
_SPAN: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|min|h)$")
_UNIT_S: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}

state_option = click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
person_option = click.option("--person", default="", help="Who does it; without it your login name.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@state_option
@json_option
@click.pass_context
def alarms(context: click.Context, state: Path | None, as_json: bool) -> None:
    """Say what is wrong now; acknowledge or shelve an alarm; test the ways to people.

    Exit codes: 0 done, 1 nothing found, 2 wrong usage, 5 refused, 75 no agent answers.

    \b
    Example:
      vuon alarms
      vuon alarms ack 3
      vuon alarms shelve 3 --for 2h
      vuon alarms test
    """  # noqa: D301 click wants the \b
    if context.invoked_subcommand is not None:
        return
    live = ask(client(state).status())
    if as_json:
        click.echo(msgspec.json.encode(live.alarms).decode())
        return
    for line in lines(live, speech()):
        click.echo(line)


@alarms.command()
@click.argument("number", type=int)
@person_option
@state_option
@json_option
def ack(number: int, person: str, state: Path | None, as_json: bool) -> None:
    """Say that you have seen alarm NUMBER: nobody else is called for it."""
    _tell(ask(client(state).acknowledge(number, signer(person), ROLE)), as_json)


@alarms.command()
@click.argument("number", type=int)
@click.option("--for", "span", required=True, help="How long, for instance 30min or 2h; at most 24h.")
@person_option
@state_option
@json_option
def shelve(number: int, span: str, person: str, state: Path | None, as_json: bool) -> None:
    """Call nobody for alarm NUMBER for a while."""
    _tell(ask(client(state).shelve(number, seconds_of(span), signer(person), ROLE)), as_json)


@alarms.command()
@click.argument("number", type=int)
@person_option
@state_option
@json_option
def unshelve(number: int, person: str, state: Path | None, as_json: bool) -> None:
    """End a shelf before its time."""
    _tell(ask(client(state).unshelve(number, signer(person), ROLE)), as_json)


@alarms.command()
@person_option
@state_option
@json_option
def test(person: str, state: Path | None, as_json: bool) -> None:
    """Send a test message to everybody in the contacts file and sound the siren for 3 s."""
    _tell(ask(client(state).test_alarms(signer(person), ROLE)), as_json)


@alarms.command()
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(0.01, 366.0), help="How many days back.")
@state_option
@json_option
def history(days: float, state: Path | None, as_json: bool) -> None:
    """List the alarms of the past, newest first, from the log alone."""
    from edge.alarm_history import history as past_alarms
    from edge.console.reason_words import reason_words
    from edge.console.sentences import say
    from pages.numbers import moment
    from telemetry.history import LogReader
    from telemetry.records import Event
    from telemetry.rows import DiskError

    now_ms = time.time_ns() // 1_000_000
    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    try:
        stored = reader.events(now_ms - round(days * 86_400_000), now_ms + 1)
    finally:
        reader.close()
    found = past_alarms((one.wall_ms, one.record) for one in stored if isinstance(one.record, Event))
    words, book = speech(), reason_words()
    if not found:
        click.echo(words.text(N_("No alarms in this time.")), err=True)
        raise SystemExit(FAILED)
    for one in found:
        said = say(one.kind, one.fields, book, words)
        if as_json:
            click.echo(json.dumps(asdict(one) | {"text": said.text}, ensure_ascii=False))
            continue
        end = moment(one.cleared_ms) if one.cleared_ms else "…"
        seen = f" [{one.person}]" if one.person else ""
        click.echo(f"{moment(one.raised_ms)} – {end}  {one.subject}: {said.text}{seen}")


def lines(live: LiveState, words: Words) -> list[str]:
    """Write the alarms for a terminal."""
    from edge.console.alarm_words import inside_words, said_of
    from edge.console.reason_words import reason_words
    from edge.console.sentences import SEVERITY_WORDS, ago

    if not live.alarms:
        return [words.text(N_("No problems."))]
    book = reason_words()

    def one(alarm: Alarm, indent: str) -> list[str]:
        said = said_of(alarm, book, words)
        severity = words.text(SEVERITY_WORDS.get(alarm.severity, alarm.severity))
        return [f"{indent}#{alarm.number} {severity}  {alarm.subject}: {said.text}  ({ago(alarm.for_s, words)})"]

    told: list[str] = []
    for alarm in live.alarms:
        told += one(alarm, "")
        check = said_of(alarm, book, words).check
        state = ""
        if alarm.shelved_s:
            fields: dict[str, str | float | int | bool] = {
                "person": alarm.shelved_by, "minutes": max(1, round(alarm.shelved_s / 60.0)),
            }  # fmt: skip
            state = words.say(N_("Shelved by {person} for another {minutes} min."), fields)
        elif alarm.person:
            state = words.say(N_("Seen by {person}."), {"person": alarm.person})
        told += [f"    {text}" for text in (check, state, inside_words(len(alarm.inside), words)) if text]
        for inner in alarm.inside:
            told += one(inner, "      ")
    return told


def seconds_of(span: str) -> float:
    """Read ``30min`` or ``2h``; click.BadParameter for anything without an end."""
    found = _SPAN.match(span.strip().lower())
    if found is None:
        raise click.BadParameter(
            speech().say(N_("{seen}: write a time with its unit, for instance 30min or 2h"), {"seen": repr(span)})
        )
    return float(found[1]) * _UNIT_S[found[2]]


def client(state: Path | None) -> AgentClient:
    """Give the way to the agent."""
    return AgentClient(state_folder(state) / SOCKET_FILE)


def signer(person: str) -> str:
    """Give who does it: the name said, or that of the login."""
    return person.strip() or getpass.getuser()


def ask(question: Coroutine[Any, Any, T]) -> T:
    """Ask the agent; without one, or when it does not understand, the command ends with its code."""
    try:
        return asyncio.run(question)
    except AgentAway as away:
        click.echo(error_text(away, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    except BadCall as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(USAGE) from None


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
    elif outcome.outcome == "done":
        click.echo(speech().text(N_("Done.")))
    else:
        click.echo(speech().say(outcome.detail, outcome.fields), err=True)
    if outcome.outcome != "done":
        raise SystemExit(REFUSED)
