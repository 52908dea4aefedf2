# SPDX-License-Identifier: Apache-2.0
"""``vuon bundle``: one file that shows another person why the farm did what it did.

The rule it keeps: it reads beside the running agent, strips secrets, and says what went in.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from edge.agent_client import AgentAway, AgentClient
from edge.exits import FAILED, SOCKET_FILE, TRY_AGAIN, speech, state_folder
from pages.words import N_, error_text

DAY_MS: Final = 86_400_000


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--days", default=1.0, show_default=True, type=click.FloatRange(0.01, 366.0), help="How many days back.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--json", "as_json", is_flag=True, help="Print what went in as JSON.")
def bundle(state: Path | None, days: float, out: Path | None, as_json: bool) -> None:
    """Write a support bundle: settings without secrets, the log's boots of these days, versions and health.

    Whoever gets it sees every decision with its reason, and runs the days again: vuon replay FILE.

    Exit codes: 0 written, 1 there is nothing in this time or the file cannot be written, 75 there is no log.

    \b
    Example:
      vuon bundle --days 2
      vuon replay vuon-bundle-20261122-1005.tar.gz
    """  # noqa: D301 click wants the \b
    from edge.bundle import write
    from edge.replay import Span
    from telemetry.rows import DiskError

    folder, say = state_folder(state), speech()
    now_ms = time.time_ns() // 1_000_000
    path = out or Path(f"vuon-bundle-{datetime.now(UTC):%Y%m%d-%H%M}.tar.gz")
    try:
        contents = write(folder, path, Span(now_ms - round(days * DAY_MS), now_ms + 1), _health(folder))
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    except OSError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(FAILED) from None
    fields: dict[str, str | float | int | bool] = {
        "file": str(path), "boots": len(contents.boots), "rows": contents.rows, "secrets": contents.stripped,
        "kb": path.stat().st_size // 1024,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(fields | {"epochs": contents.boots}))
    else:
        click.echo(
            say.say(N_("{file}: {kb} KB, {boots} boots, {rows} groups of records; {secrets} secrets taken out"), fields)
        )
    raise SystemExit(0 if contents.boots else FAILED)


def _health(folder: Path) -> dict[str, Any] | None:
    """Ask the agent how it fares; None when it does not answer, which tells something too."""
    try:
        live = asyncio.run(AgentClient(folder / SOCKET_FILE, 3.0).status())
    except AgentAway:
        return None
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(live))
    return told
