# SPDX-License-Identifier: Apache-2.0
"""``vuon replay``: a stored day again, decision by decision; or what another farm.toml would have decided.

The rule it keeps: it reads the log beside the running agent and writes nothing.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.exits import BAD_CONFIG, BAD_MOMENT, FAILED, TRY_AGAIN, USAGE, speech, state_folder
from pages.words import N_, Words, error_text

if TYPE_CHECKING:
    from edge.replay import Span
    from edge.what_if import Comparison

SHOWN = 40


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--from", "from_", help="Compare from this moment on, RFC 3339 with its zone.")
@click.option("--to", help="Compare up to this moment.")
@click.option(
    "--with",
    "other",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another farm.toml: say what it would have decided on the same readings.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a boot.")
def replay(
    bundle: Path | None, state: Path | None, from_: str | None, to: str | None, other: Path | None, as_json: bool
) -> None:
    """Run every stored boot again and compare the decisions bit for bit.

    BUNDLE is a file of vuon bundle from another machine; without it the agent's own folder is read.

    Exit codes: 0 all the same, 1 a decision differs, 2 wrong usage, 3 the other file is wrong, 75 no log to read.

    \b
    Example:
      vuon replay --state ~/.local/state/vuon/demo
      vuon replay vuon-demo-farm.tar.gz
      vuon replay --from 2026-11-20T00:00:00+07:00 --with drier.toml
    """  # noqa: D301 click wants the \b
    from telemetry.rows import DiskError

    span = _span(from_, to)
    try:
        with _folder(bundle, state) as folder:
            worst = _what_if(folder, other, span, as_json) if other else _again(folder, span, as_json)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    raise SystemExit(worst)


def _again(folder: Path, span: "Span", as_json: bool) -> int:
    from edge import replay as again

    say = speech()
    worst = 0
    for outcome in again.replay(folder, span):
        worst = worst if outcome.ok else FAILED
        if as_json:
            click.echo(json.dumps({name: getattr(outcome, name) for name in outcome.__slots__} | {"ok": outcome.ok}))
            continue
        click.echo(
            say.say(
                N_("boot {epoch}: {ticks} ticks, {same} of {decisions} decisions the same"),
                {n: getattr(outcome, n) for n in ("epoch", "ticks", "same", "decisions")},
            )
        )
        for line in outcome.differences:
            click.echo(f"  {line}", err=True)
    return worst


def _what_if(folder: Path, other: Path, span: "Span", as_json: bool) -> int:
    from edge.config import load
    from edge.toml_reader import SettingsRefused
    from edge.what_if import NotComparable, what_if

    say = speech()
    try:
        config = load(other)
        for found in what_if(folder, config, span):
            if as_json:
                click.echo(json.dumps(found.as_json(), ensure_ascii=False))
            else:
                for line in lines(found, say, config.farm.timezone):
                    click.echo(line)
    except (OSError, SettingsRefused) as error:
        click.echo(error_text(error, speech()), err=True)
        return BAD_CONFIG
    except NotComparable as error:
        message = N_("The two files do not have the same outputs: {names}")
        click.echo(say.say(message, {"names": str(error)}), err=True)
        return BAD_CONFIG
    return 0


def lines(found: "Comparison", say: Words, zone: str) -> list[str]:
    """Write a comparison for a terminal: totals of what differs, then when and why."""
    from edge.console.reason_words import reason_words
    from pages.numbers import moment

    book = reason_words()

    def told(level: float, code: str) -> str:
        known = book.get(code)
        text = say.text(known.msgid).partition(":")[0] if known else code
        return f"{level:.0%} {text}"

    fields: dict[str, str | float | int | bool] = {
        "epoch": found.epoch, "from": moment(found.from_ms, zone), "to": moment(found.to_ms, zone),
        "ticks": found.ticks,
    }  # fmt: skip
    said = [say.say(N_("boot {epoch}, {from} to {to}, {ticks} ticks; the readings are as they were"), fields)]
    if found.unread:
        return [*said, f"  {found.unread}"]
    differing = {one.output for one in found.differences}
    if not differing:
        return [*said, say.text(N_("  nothing would have been decided otherwise"))]
    for total in found.totals:
        if total.output not in differing:
            continue
        row = f"  {total.output:28} {total.starts:4} → {total.other_starts:4} ×"
        row += f"  {total.on_s / 60.0:8.1f} → {total.other_on_s / 60.0:8.1f} min"
        if total.litres or total.other_litres:
            row += f"  {total.litres:8.1f} → {total.other_litres:8.1f} L"
        said.append(row)
    for one in found.differences[:SHOWN]:
        was, would = told(one.level, one.code), told(one.other_level, one.other_code)
        said.append(f"    {moment(one.from_ms, zone)}  {one.output}: {was} → {would}")
    more = len(found.differences) - SHOWN + found.left_out
    if more > 0:
        said.append(say.say(N_("    and {count} more; --json gives all"), {"count": more}))
    return said


def _span(from_: str | None, to: str | None) -> "Span":
    from edge.replay import Span

    return Span(_moment_ms("--from", from_, 0), _moment_ms("--to", to, 1 << 62))


def _moment_ms(option: str, text: str | None, without: int) -> int:
    if text is None:
        return without
    try:
        moment: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        click.echo(speech().say(BAD_MOMENT, {"option": option, "seen": text}), err=True)
        raise SystemExit(USAGE)
    return round(moment.timestamp() * 1000.0)


@contextmanager
def _folder(bundle: Path | None, state: Path | None) -> Iterator[Path]:
    """Give the folder to read: the agent's own, or a bundle unpacked for the time being."""
    if bundle is None:
        yield state_folder(state)
        return
    from edge.bundle import BadBundle, unpack

    with tempfile.TemporaryDirectory(prefix="vuon-bundle-") as folder:
        try:
            unpack(bundle, Path(folder))
        except BadBundle as error:
            click.echo(error_text(error, speech()), err=True)
            raise SystemExit(TRY_AGAIN) from None
        yield Path(folder)
