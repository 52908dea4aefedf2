# SPDX-License-Identifier: Apache-2.0
"""``vuon export``: the farm's own data, as a table that any program opens.

The rule it keeps: every stored value comes out as it was stored, with its flags; a text can never be a formula.
"""

import csv
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO
from zoneinfo import ZoneInfo

import click

from edge.exits import LOG_FILE, TRY_AGAIN, speech, state_folder
from pages.words import N_, error_text

if TYPE_CHECKING:
    from telemetry.history import LogReader

FARM_ZONE: Final = "Asia/Ho_Chi_Minh"
STEP_MS: Final = 86_400_000
Row = tuple[str | float | int, ...]
POINTS: Final = ("time", "series", "value", "unit", "quality")
OTHERS: Final = ("time", "record", "subject", "code", "level", "person", "text")


@click.command()
@click.option("--from", "since", required=True, help="First day or moment: 2026-11-01 or 2026-11-01T06:00:00+07:00.")
@click.option("--to", "until", required=True, help="Last day (included) or moment.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option(
    "--format", "form", type=click.Choice(["csv"]), default="csv", show_default=True, help="The only one so far."
)
@click.option("--what", type=click.Choice(["points", "events"]), default="points", show_default=True,
              help="Values, or decisions, commands and events.")  # fmt: skip
@click.option("--series", multiple=True, help="Only this series; may be given several times.")
@click.option("--zone", default=FARM_ZONE, show_default=True, help="The time zone of days and of the times written.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def export(
    since: str, until: str, state: Path | None, form: str, what: str, series: tuple[str, ...], zone: str,
    output: Path | None,
) -> None:  # fmt: skip
    """Give the farm's data from one day to another.

    Exit codes: 0 done, 2 wrong usage, 75 there is no log.

    \b
    Example:
      vuon export --from 2026-11-01 --to 2026-11-30 --format csv --output november.csv
    """  # noqa: D301 click wants the \b
    from telemetry.history import LogReader
    from telemetry.rows import DiskError

    del form  # csv is the only one yet
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError):
        raise click.BadParameter(
            speech().say(N_("{seen} is no time zone; write for instance Asia/Ho_Chi_Minh"), {"seen": repr(zone)}),
            param_hint="--zone",
        ) from None
    from_ms, to_ms = _moment(since, place, "--from"), _moment(until, place, "--to", last=True)
    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    with ExitStack() as stack:
        stack.callback(reader.close)
        sink: TextIO = stack.enter_context(output.open("w", encoding="utf-8", newline="")) if output else sys.stdout
        table = csv.writer(sink)
        table.writerow(POINTS if what == "points" else OTHERS)
        rows = (points if what == "points" else events)(reader, from_ms, to_ms, series, place)
        table.writerows(tuple(_plain(cell) for cell in row) for row in rows)


def points(reader: "LogReader", from_ms: int, to_ms: int, only: tuple[str, ...], zone: ZoneInfo) -> Iterator[Row]:
    """Give the values series by series, a day at a time."""
    from telemetry.quantities import QUANTITIES

    for series in reader.series():
        if only and series not in only:
            continue
        kind = QUANTITIES.get(series.partition("/")[2].partition(".")[0])
        for start in range(from_ms, to_ms, STEP_MS):
            part = reader.range(series, start, min(start + STEP_MS, to_ms))
            for wall_ms, value, quality in zip(
                part.wall_ms.tolist(), part.value.tolist(), part.quality.tolist(), strict=True
            ):
                shown = "" if value != value else repr(value)  # noqa: PLR0124 nan is the value of no answer
                yield _local(wall_ms, zone), series, shown, kind.unit if kind else "", quality


def events(reader: "LogReader", from_ms: int, to_ms: int, only: tuple[str, ...], zone: ZoneInfo) -> Iterator[Row]:
    """Give decisions, commands, acknowledgements and events in order; ``only`` picks subjects."""
    from telemetry.records import Ack, Command, Decision, Event

    for start in range(from_ms, to_ms, STEP_MS):
        for stored in reader.others(start, min(start + STEP_MS, to_ms)):
            record = stored.record
            at = _local(stored.wall_ms, zone)
            match record:
                case Decision():
                    row: Row = (at, "decision", record.output, record.code, record.level, "", record.limit)
                case Command():
                    row = (at, "command", record.output, record.reason, record.level, record.person, record.origin)
                case Ack():
                    row = (at, "ack", record.output, record.outcome, "", "", record.detail)
                case Event():
                    fields = " ".join(f"{name}={value}" for name, value in record.fields.items())
                    row = (at, "event", record.subject, record.kind, "", record.person, fields)
                case _:
                    continue
            if not only or row[2] in only:
                yield row


def _moment(text: str, zone: ZoneInfo, option: str, *, last: bool = False) -> int:
    """Turn a day (the last one is included) or a moment into ms since 1970."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            speech().say(N_("{seen} is no day; write it like 2026-11-22"), {"seen": repr(text)}), param_hint=option
        ) from None
    if len(text) == 10 and last:
        moment += timedelta(days=1)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000.0)


def _local(wall_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(wall_ms / 1000.0, UTC).astimezone(zone).isoformat(timespec="milliseconds")


def _plain(cell: str | float) -> str | float:
    """Keep a text from being read as a formula by a spreadsheet; numbers stay as they are."""
    if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        try:
            float(cell)
        except ValueError:
            return f"'{cell}"
    return cell
