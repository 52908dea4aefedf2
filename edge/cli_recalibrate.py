# SPDX-License-Identifier: Apache-2.0
"""``vuon recalibrate``: a span of history through another calibration.

The rule it keeps: the stored history stays as it is; the new version stands beside it under the record's id.
"""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import click

from edge.exits import FAILED, LOG_FILE, NO_SERIES, TRY_AGAIN, speech, state_folder
from pages.words import N_, error_text


@click.command()
@click.option("--sensor", "series", required=True, help="The series, such as tank/water_ph.")
@click.option("--from", "since", required=True, help="First day or moment: 2026-11-01 or 2026-11-01T06:00:00+07:00.")
@click.option("--to", "until", required=True, help="Last day (included) or moment.")
@click.option("--with", "identity", default="", help="The calibration's id; without it the one in force.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write both versions there as CSV.")
@click.option("--lines", type=click.Path(path_type=Path, dir_okay=False), help="Write InfluxDB lines to send again.")
@click.option("--hub", type=click.Path(path_type=Path, dir_okay=False), help="Write a file for vuon-hub recalibrated.")
@click.option("--zone", default="Asia/Ho_Chi_Minh", show_default=True, help="The time zone of days.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def recalibrate(
    series: str, since: str, until: str, identity: str, output: Path | None, lines: Path | None, hub: Path | None,
    zone: str, state: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Compute a span anew from its raw signals with another calibration.

    Exit codes: 0 done, 1 no such calibration, 2 usage, 75 there is no log.

    \b
    Example:
      vuon recalibrate --sensor tank/water_ph --from 2026-11-01 --to 2026-11-20 --output ph.csv --hub ph.vuon
    """  # noqa: D301 click wants the \b
    from zoneinfo import ZoneInfo

    from drivers.calibration.shelf import Shelf
    from edge.calibrating import SHELF_FOLDER
    from edge.recalibrating import as_csv, as_lines, as_version
    from edge.recalibrating import recalibrate as compute
    from edge.spans import moment_ms
    from telemetry.history import LogReader
    from telemetry.records import SERIES_PATTERN
    from telemetry.rows import DiskError
    from telemetry.versions import whole_hours, write_version

    say, folder = speech(), state_folder(state)
    if not SERIES_PATTERN.match(series):
        raise click.BadParameter(say.say(NO_SERIES, {"seen": repr(series)}), param_hint="--sensor")
    shelf = Shelf(folder / SHELF_FOLDER)
    kept = {record.id: record for record in shelf.kept(series)[0]}
    record = kept.get(identity) if identity else shelf.active(series)
    if record is None:
        fields = {"series": series, "known": ", ".join(kept) or "—"}
        click.echo(say.say(N_("No such calibration of {series}; there are: {known}"), fields), err=True)
        raise SystemExit(FAILED)
    try:
        place = ZoneInfo(zone)
        from_ms, to_ms = moment_ms(since, place), moment_ms(until, place, last=True)
    except (KeyError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    try:
        reader = LogReader(folder / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    with ExitStack() as stack:
        stack.callback(reader.close)
        versions = compute(reader, record, from_ms, to_ms)
        if output is not None:
            stack.enter_context(output.open("w", encoding="utf-8", newline="")).writelines(as_csv(versions))
        if lines is not None:
            sink = stack.enter_context(lines.open("w", encoding="utf-8", newline=""))
            sink.writelines(as_lines(versions, _edge(folder)))
        if hub is not None:
            span = whole_hours(from_ms, to_ms, time.time_ns() // 1_000_000)
            whole = versions if span == (from_ms, to_ms) else compute(reader, record, *span)
            hub.write_bytes(write_version(as_version(whole, _edge(folder))))
    told: dict[str, str | float] = {
        "series": series, "id": record.id, "count": len(versions.stored.wall_ms), "changed": versions.changed,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps({"schema": "vuon-recalibration/1", **told}))
    else:
        click.echo(
            say.say(N_("{series}: {count} values with {id}, {changed} of them differ from what is stored"), told)
        )


def _edge(folder: Path) -> str:
    """Give the farm's name in the stores."""
    import msgspec

    from drivers.kept import UNREADABLE
    from edge.profile import PROFILE_FILE
    from telemetry.records import FarmProfile

    try:
        return msgspec.json.decode((folder / PROFILE_FILE).read_bytes(), type=FarmProfile).edge
    except UNREADABLE as error:
        raise click.ClickException(
            speech().say(
                N_("{file}: {seen}; start the agent once"), {"file": str(folder / PROFILE_FILE), "seen": str(error)}
            )
        ) from None
