# SPDX-License-Identifier: Apache-2.0
"""``vuon explain``: how today's watering of a zone was reckoned, and what would become of another choice.

The rule it keeps: it tells what was stored when the plan was made, and works also while the agent is down.
"""

import json
import math
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edge.exits import FAILED, LOG_FILE, TRY_AGAIN, USAGE, speech, state_folder
from pages.words import N_, error_text, words

if TYPE_CHECKING:
    from edge.explaining import Explained
    from pages.words import Words
    from telemetry.history import Stored

BACK_MS: Final = 30 * 3_600_000
_MM: Final = re.compile(r"^(\d+(?:[.,]\d+)?)\s*(?:mm)?$")


@click.command()
@click.option("--zone", "zone", required=True, help="The zone, as farm.toml names it.")
@click.option("--skip", is_flag=True, help="What if this watering were left out?")
@click.option("--add", "add", default="", help="What if so much more were given? For instance 5mm.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--lang", type=click.Choice(["vi", "en"]), help="The language; without it, the environment's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(zone: str, skip: bool, add: str, state: Path | None, lang: str | None, as_json: bool) -> None:
    """Show the arithmetic of a zone's last decision, every input with its source and quality.

    Exit codes: 0 done, 1 nothing is stored of it, 2 wrong usage, 75 there is no log.

    \b
    Example:
      vuon explain --zone pepper-1-1
      vuon explain --zone pepper-1-1 --skip
      vuon explain --zone pepper-1-1 --add 5mm --lang vi
    """  # noqa: D301 click wants the \b
    from edge.explaining import explain as tell

    speak = words("vi" if lang == "vi" else "en") if lang else speech()
    found = _MM.match(add.strip()) if add else None
    if add and found is None:
        click.echo(speak.say(N_("--add {seen}: write millimetres, for instance 5mm"), {"seen": add}), err=True)
        raise SystemExit(USAGE)
    stored = _last_plan(zone, state)
    if stored is None:
        click.echo(
            speak.say(
                N_(
                    "No plan of {zone} is stored in the last day. Only balance, drain and adaptive plan;"
                    " try: vuon why {zone}"
                ),
                {"zone": zone},
            ),
            err=True,
        )  # fmt: skip
        raise SystemExit(FAILED)
    account = stored.record.fields  # type: ignore[union-attr]
    add_mm = float(found[1].replace(",", ".")) if found else 0.0
    told = tell(account, speak, skip=skip, add_mm=add_mm)
    if as_json:
        plain = {"zone": zone, "at_ms": stored.wall_ms, "account": account, **asdict(told)}
        click.echo(json.dumps(plain, ensure_ascii=False, default=str))
        return
    for line in page(zone, stored.wall_ms, told, speak):
        click.echo(line)


def _last_plan(zone: str, state: Path | None) -> "Stored | None":
    from controllers.planning import PLAN_MADE
    from telemetry.history import LogReader
    from telemetry.records import Event
    from telemetry.rows import DiskError

    try:
        reader = LogReader(state_folder(state) / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    try:
        now = max([seen.wall_ms for seen in reader.latest().values()], default=time.time_ns() // 1_000_000)
        found = [
            one
            for one in reader.others(now - BACK_MS, now + 3_600_000)
            if isinstance(one.record, Event) and one.record.kind == PLAN_MADE and one.record.subject == zone
        ]
    finally:
        reader.close()
    return found[-1] if found else None


def page(zone: str, wall_ms: int, told: "Explained", speak: "Words") -> list[str]:
    """Write an explanation for a terminal."""
    from pages.numbers import moment

    fields: dict[str, str | float | int | bool] = {"zone": zone, "at": moment(wall_ms), "strategy": told.strategy}
    lines = [speak.say(N_("Zone {zone}, {at}, strategy: {strategy}"), fields), "", told.sentence]
    lines += [f"  → {told.check}"] if told.check else []
    lines.append("")
    for i, line in enumerate(told.lines, 1):
        lines.append(f"{i:2}. {line.text}")
        if line.sources:
            worry = line.quality or speak.text(N_("good"))
            lines.append(f"      [{', '.join(line.sources)}: {worry}]")
    lines += ["", speak.say(N_("Grade {grade}"), {"grade": told.grade}), ""]
    lines.append(speak.say(N_("The next {n} days:"), {"n": len(told.choices[0].outlook.depletion_mm)}))
    for choice in told.choices:
        ahead = choice.outlook
        known: dict[str, str | float | int | bool] = {
            "name": choice.name, "litres": choice.gift_l, "water": ahead.water_mm, "drained": ahead.drained_mm,
            "lacking": ahead.lacking_mm, "day": ahead.dry_in_d + 1,
        }  # fmt: skip
        lines.append(
            speak.say(
                N_("  {name}: {litres} L now; {water} mm in all, {drained} mm drain, the crop misses {lacking} mm."),
                known,
            )
        )
        if ahead.dry_in_d >= 0:
            lines.append(speak.say(N_("      The roots begin to suffer on day {day}."), known))
        rows = " → ".join("—" if math.isnan(mm) else f"{mm:.1f}" for mm in ahead.depletion_mm)
        lines.append(speak.say(N_("      Lacking at the end of each day [mm]: {rows}"), {"rows": rows}))
    return lines
