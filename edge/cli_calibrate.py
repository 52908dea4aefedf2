# SPDX-License-Identifier: Apache-2.0
"""``vuon calibrate``: a calibration in the terminal, step by step, over SSH as well as at the bench.

The rule it keeps: the steps are the session's (``drivers.calibration.session``); this file only asks, shows and waits.
"""

import asyncio
import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from drivers.calibration.artifact import BadArtifact, Calibration
from drivers.calibration.chip_session import checked, taken_up
from drivers.calibration.fit import FitRefused
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import methods_for
from drivers.calibration.session import Screen, Session, advance, asked, method_of, quantity_of, render
from drivers.calibration.sessions import ProbeTaken
from drivers.calibration.shelf import UnknownCalibration
from drivers.calibration.telling import JUMP, JUMP_MAX_SHARE
from edge.agent_client import AgentAway, AgentClient
from edge.calibrating import CalibrationDesk, Refused
from edge.calibration_words import ADJUST, RECORD, TAKEN, proposed, result_lines, signed_line
from edge.exits import FAILED, NO_DEVICE, REFUSED, SOCKET_FILE, TRY_AGAIN, USAGE, speech, state_folder
from pages.numbers import decimal
from pages.terminal import bars
from pages.words import N_, Words, error_text
from telemetry.quantities import quantity

ROLE: Final = "technician"
OPEN: Final = N_("A session with {open} is open: go on without --method, or end it with vuon calibrate {series} --stop")


@click.command()
@click.argument("series", required=False, default="")
@click.option("--method", default="", help="How; without it the first that fits the quantity.")
@click.option("--person", default="", help="Who signs; without it your login name.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the agent keeps its data.")
@click.option("--list", "listing", is_flag=True, help="Show every series with its calibration and due date.")
@click.option("--rollback", is_flag=True, help="Put the calibration before the present one in force again.")
@click.option("--stop", "giving_up", is_flag=True, help="Give up the open session; all stays as it was before.")
@click.option("--reason", default="", help="Why, with --rollback; it is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print the record (or the list) as JSON.")
def calibrate(
    series: str,
    method: str,
    person: str,
    state: Path | None,
    listing: bool,
    rollback: bool,
    giving_up: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Compare a probe with a reference, record it, and adjust the reading if you decide so.

    Exit codes: 0 done, 1 refused by the data, 2 usage, 4 no such series, 5 refused by the agent, 75 no agent.

    \b
    Example:
      vuon calibrate pepper-1-1/soil_moisture --method two-point --person "Trần Văn Bình"
      vuon calibrate pepper-1-1/soil_moisture --stop
      vuon calibrate --list
    """  # noqa: D301 click wants the \b
    folder = state_folder(state)
    speak = speech()
    signer = person.strip() or getpass.getuser()
    desk = CalibrationDesk(folder, AgentClient(folder / SOCKET_FILE))
    try:
        if listing:
            _list(desk, speak, as_json=as_json)
        elif not series:
            raise click.UsageError(speak.text(N_("name a series, or use --list")))
        elif rollback:
            asyncio.run(_roll_back(desk, series, signer, reason, speak))
        elif giving_up:
            asyncio.run(_give_up(desk, series, signer, speak))
        else:
            record = asyncio.run(perform(desk, folder, series, method, signer, speak))
            _told(record, speak, as_json=as_json)
    except (AnswerRefused, FitRefused, BadArtifact) as refused:
        _end(speak.say(refused.code, refused.fields), FAILED)
    except ProbeTaken as taken:
        fields = {"person": taken.session.person, "series": taken.session.series}
        _end(speak.say(TAKEN, fields), REFUSED)
    except UnknownCalibration:
        _end(speak.text(N_("There is no calibration before this one.")), FAILED)
    except Refused as refused:
        _end(speak.say(refused.outcome.detail, refused.outcome.fields), REFUSED)
    except AgentAway as away:
        _end(error_text(away, speak), TRY_AGAIN)


async def _ask_person(ask: Callable[..., Any], text: str, **options: Any) -> Any:
    """Ask at the terminal; readings go on being taken meanwhile."""
    return await asyncio.to_thread(ask, text, **options)


async def perform(
    desk: CalibrationDesk, folder: Path, series: str, method: str, person: str, speak: Words
) -> Calibration | None:
    """Walk through a session; gives the record, or None when it was stopped.

    Raises AnswerRefused, FitRefused, BadArtifact, ProbeTaken, Refused, AgentAway.
    """
    client = AgentClient(folder / SOCKET_FILE)
    live = await client.status()
    tile = next((one for one in live.tiles if one.series == series), None)
    if tile is None:
        _end(speak.say(N_("{series} is no series of this farm; see vuon status"), {"series": series}), NO_DEVICE)
    instrument = desk.instrument(series)
    offered = methods_for(tile.quantity, tile.raw_unit, instrument.model if instrument else "")
    fitting = [one.name for one in offered]
    if (method and method not in fitting) or not fitting:
        fields = {"quantity": quantity(tile.quantity).title, "known": ", ".join(fitting)}
        _end(speak.say(N_("No such method for {quantity:t}; there are: {known}"), fields), USAGE)
    session = desk.sessions.open(series, _now())
    if session is None:
        session = await desk.begin(live, series, instrument, method or fitting[0], person, ROLE)
    elif session.person != person:
        raise ProbeTaken(session)
    elif method and method != session.method:
        _end(speak.say(OPEN, {"open": session.method, "series": series}), USAGE)
    else:
        await desk.keep_out(session, ROLE)
        session = taken_up(session)
        click.echo(speak.text(N_("Going on where the session stopped.")) + " " + speak.text(method_of(session).title))
    try:
        while session.stage not in ("result", "stopped"):
            session = desk.sessions.save(await _step(desk, client, session, speak))
        record = None if session.stage == "stopped" else await _result(desk, session, speak)
    except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
        if session.told:
            await desk.give_up(session, ROLE)  # half a calibration in the instrument's memory is none
            raise
        await desk.put_back(session, ROLE)
        click.echo(speak.text(N_("Kept as it stands; the same command goes on. The probe is back in control.")))
        raise
    except (FitRefused, BadArtifact, AnswerRefused, Refused):
        await desk.give_up(session, ROLE)  # the calibration in force stays
        raise
    if record is None:
        # Stopped: the probe goes back to control, the calibration in force stays.
        await desk.give_up(session, ROLE)
    return record


async def _step(desk: CalibrationDesk, client: AgentClient, session: Session, speak: Words) -> Session:
    screen = render(session, _now())
    click.secho(f"\n[{screen.step}/{screen.steps}] {speak.text(screen.say)}", bold=True)
    if session.stage == "settle":
        if not asked(session):  # nothing was entered before: the probe is still where it was
            done = speak.text(N_("Press Enter when that is done"))
            await _ask_person(click.prompt, done, default="", show_default=False)
        return await _settle(desk, client, session, speak)
    if session.stage == "tell":
        return await _watch(desk, client, Ear(await desk.tell(session, ROLE)), speak)
    answers: dict[str, str] = {}
    # The circuit tells what it holds while the person rinses the probe; before, nothing is told.
    holding = asyncio.create_task(desk.hold(session, ROLE)) if session.stage == "truth" else None
    try:
        for field in screen.ask:
            label = speak.text(field.label) + (f" [{field.unit}]" if field.unit else "")
            default = proposed(field, speak) or (None if field.required else "")
            given = await _ask_person(click.prompt, label, default=default, show_default=bool(default))
            answers[field.name] = str(given)
        session = session if holding is None else await holding
    finally:
        if holding is not None:
            holding.cancel()
    try:
        return advance(session, "next", answers, _now())
    except AnswerRefused as refused:
        click.secho(speak.say(refused.code, refused.fields), fg="yellow", err=True)
        return session


async def _settle(desk: CalibrationDesk, client: AgentClient, session: Session, speak: Words) -> Session:
    """Watch until the signal is still, then ask whether to take the point; readings go on while the person thinks."""
    question = N_("Take this point?")
    answers: dict[str, str] = {}
    ear = Ear(session)
    while True:
        await _watch(desk, client, ear, speak)
        listening = asyncio.create_task(_listen(desk, client, ear))
        try:
            sure = await _ask_person(click.confirm, speak.text(question), default=not answers)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)  # an agent that went away is told by the next call
        if not sure:
            return advance(ear.session, "again", {}, _now())
        try:
            return advance(ear.session, "take", answers, _now())
        except AnswerRefused as refused:
            click.secho(speak.say(refused.code, refused.fields), fg="yellow", err=True)
            if refused.code == JUMP:
                question, answers = N_("Put it in force all the same?"), {"jump": "yes"}
            elif render(ear.session, _now()).stable:  # what it shows cannot be taken: something else must stand there
                return advance(ear.session, "again", {}, _now())


@dataclass(slots=True)
class Ear:
    """A session that hears the probe; ``last_ms`` is when the newest reading was measured."""

    session: Session
    last_ms: int = -1


async def _watch(desk: CalibrationDesk, client: AgentClient, ear: Ear, speak: Words) -> Session:
    """Show the trace until the signal is still, or until the instrument's memory shows what it was told."""
    shown_ms = -1
    stage = ear.session.stage
    async for state in client.watch():
        ear.session, ear.last_ms = desk.hear(ear.session, state, ear.last_ms)
        screen = render(ear.session, _now())
        if ear.last_ms != shown_ms:
            _show(screen, speak)
            shown_ms = ear.last_ms
        ear.session = checked(ear.session, _now())
        if ear.session.stage != stage or (stage == "settle" and screen.stable):
            break
    click.echo("", err=True)
    return ear.session


async def _listen(desk: CalibrationDesk, client: AgentClient, ear: Ear) -> None:
    """Go on taking readings while a person thinks: what is taken is what the probe shows when he answers."""
    async for state in client.watch():
        ear.session, ear.last_ms = desk.hear(ear.session, state, ear.last_ms)


def _show(screen: Screen, speak: Words) -> None:
    """Draw the trace and the verdict on one line that is written over while a person watches."""
    value = "—" if screen.signal is None else f"{decimal(screen.signal, 3, speak.language)} {screen.unit}"
    line = f"  {bars(screen.trace, 24, screen.span_min)}  {value}  {speak.say(screen.status, screen.fields)}"
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)
    else:
        click.echo(line, err=True)


async def _result(desk: CalibrationDesk, session: Session, speak: Words) -> Calibration | None:
    """Show what the points come to, and let the person decide; a fit that is refused leaves all as it was."""
    seen = desk.preview(session)
    click.secho(f"\n{speak.text(N_('All points are taken.'))}", bold=True)
    for line in result_lines(seen, session.signal_unit, quantity(quantity_of(session)).unit):
        click.echo("  " + speak.say(*line))
    choices = {"1": ADJUST, "2": RECORD, "3": N_("Stop")}
    if method_of(session).chip:
        del choices["2"]  # the instrument has changed: there is nothing to leave unchanged
    for key, text in choices.items():
        click.echo(f"  {key}  {speak.text(text)}")
    chosen = await _ask_person(
        click.prompt, speak.text(N_("Your choice")), type=click.Choice(list(choices)), default="1"
    )
    if chosen == "3":
        return None
    adjusted = chosen == "1"
    confirmed = False
    if adjusted and seen.jump_share > JUMP_MAX_SHARE:
        click.secho(speak.say(JUMP, {"jump": 100.0 * seen.jump_share}), fg="yellow", err=True)
        confirmed = await _ask_person(click.confirm, speak.text(N_("Put it in force all the same?")), default=False)
        if not confirmed:
            return None
    return await desk.complete(session, ROLE, adjusted=adjusted, jump_confirmed=confirmed)


async def _give_up(desk: CalibrationDesk, series: str, person: str, speak: Words) -> None:
    """End the open session; what an instrument's own memory held is brought back."""
    session = desk.sessions.open(series, _now())
    if session is None:
        _end(speak.say(N_("No session is open on {series}."), {"series": series}), FAILED)
    if session.person != person:
        raise ProbeTaken(session)
    await desk.keep_out(session, ROLE)
    await desk.give_up(session, ROLE)
    click.echo(speak.text(N_("Stopped. The calibration in force has not changed.")))


async def _roll_back(desk: CalibrationDesk, series: str, person: str, reason: str, speak: Words) -> None:
    before = desk.shelf.before(series)
    await desk.put_in_force(series, before, person, ROLE, reason.strip())
    name = before or speak.text(N_("the maker's scale"))
    click.echo(speak.say(N_("In force again for {series}: {name}"), {"series": series, "name": name}))


def _list(desk: CalibrationDesk, speak: Words, *, as_json: bool) -> None:
    rows = []
    for series in desk.shelf.series():
        active = desk.shelf.active(series)
        kept, refused = desk.shelf.kept(series)
        rows.append(
            {
                "series": series,
                "active": active.id if active else "",
                "due": active.due_at.isoformat() if active else "",
                "person": active.person if active else "",
                "kept": len(kept),
                "refused": [f"{one.path.name}: {speak.say(one.code, one.fields)}" for one in refused],
            }
        )
    if as_json:
        click.echo(json.dumps({"schema": "vuon-calibrations/1", "series": rows}, ensure_ascii=False))
        return
    if not rows:
        click.echo(speak.text(N_("No calibration on file yet.")))
    for row in rows:
        click.echo(f"{row['series']:34} {row['active'] or '—':28} {str(row['due'])[:10]:11} {row['person']}")


def _told(record: Calibration | None, speak: Words, *, as_json: bool) -> None:
    if record is None:
        _end(speak.text(N_("Stopped. The calibration in force has not changed.")), FAILED)
    if as_json:
        from drivers.calibration.artifact import encode

        sys.stdout.buffer.write(encode(record))
        return
    click.echo(speak.say(*signed_line(record)))


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


def _end(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
