# SPDX-License-Identifier: Apache-2.0
"""``vuon certificate``: a calibration on paper, and the lists of what is due and what drifted.

The rule it keeps: it needs no agent; it reads sealed records only.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.exits import FAILED, NO_SERIES, speech, state_folder
from pages.words import N_, words

if TYPE_CHECKING:
    from drivers.calibration.shelf import Shelf


@click.command()
@click.argument("series", required=False, default="")
@click.option("--id", "identity", default="", help="Another record than the one in force.")
@click.option("--label", "as_label", is_flag=True, help="The sticker for the instrument instead of the page.")
@click.option("--due", is_flag=True, help="List what is due, the most urgent first.")
@click.option("--drift", is_flag=True, help="List how far each type of sensor was found off.")
@click.option("--language", type=click.Choice(["vi", "en"]), help="The paper's language; else the terminal's.")
@click.option("--base", default="http://vuon.local:8080", show_default=True, help="The console's address, for the QR.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print a list as JSON.")
def certificate(
    series: str, identity: str, as_label: bool, due: bool, drift: bool, language: str | None, base: str,
    output: Path | None, state: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Print the certificate of SERIES as PDF (or its label), or list what is due.

    Exit codes: 0 done, 1 no such calibration, 2 usage.

    \b
    Example:
      vuon certificate tank/water_ph --output ph.pdf
      vuon certificate --due
    """  # noqa: D301 click wants the \b
    from drivers.calibration.shelf import Shelf
    from edge.calibrating import SHELF_FOLDER
    from edge.certificates.papers import certificate as page
    from edge.certificates.papers import label as sticker
    from edge.profile import place_title
    from telemetry.records import SERIES_PATTERN

    folder, say = state_folder(state), speech()
    shelf = Shelf(folder / SHELF_FOLDER)
    if due or drift:
        _list(shelf, due=due, as_json=as_json)
        return
    if not series:
        raise click.UsageError(say.text(N_("name a series, or use --due or --drift")))
    if not SERIES_PATTERN.match(series):
        raise click.BadParameter(say.say(NO_SERIES, {"seen": repr(series)}), param_hint="SERIES")
    record = shelf.active(series)
    if identity:
        record = next((one for one in shelf.kept(series)[0] if one.id == identity), None)
    if record is None:
        click.echo(say.say(N_("There is no such calibration of {series}."), {"series": series}), err=True)
        raise SystemExit(FAILED)
    speak = words("vi" if language == "vi" else "en") if language else say
    place = place_title(folder, record.place, speak.language)
    made = sticker(record, base, speak, place) if as_label else page(record, _farm(folder), base, speak, place)
    kind = "label" if as_label else "certificate"
    path = output or Path(f"{kind}-{record.id}.pdf")
    path.write_bytes(made)
    click.echo(say.say(N_("Written: {path}"), {"path": str(path)}))


def _list(shelf: "Shelf", *, due: bool, as_json: bool) -> None:
    from edge.certificates.lists import drift_report, due_list
    from telemetry.quantities import quantity

    say = speech()
    if due:
        rows = due_list(shelf, datetime.now(UTC))
        if as_json:
            told = [
                {"series": one.series, "id": one.record, "due": one.due_at.isoformat() if one.due_at else "",
                 "grade": one.grade, "person": one.person, "kept": one.kept, "refused": list(one.refused)}
                for one in rows
            ]  # fmt: skip
            click.echo(json.dumps({"schema": "vuon-due/1", "series": told}, ensure_ascii=False))
            return
        for one in rows:
            day = f"{one.due_at:%d/%m/%Y}" if one.due_at else "—"
            click.echo(f"{one.series:34} {day:11} {say.text(GRADES[one.grade]):16} {one.person}")
        return
    for row in drift_report(shelf):
        fields: dict[str, str | float] = {
            "quantity": quantity(row.quantity).title, "model": row.model or "—", "count": row.records,
            "median": row.median_pct, "worst": row.worst_pct,
        }  # fmt: skip
        text = N_(
            "{quantity:t}, {model}: found off by {median:.1f} % of the span (median of {count}), at worst {worst:.1f} %"
        )
        click.echo(say.say(text, fields))


GRADES = {
    "overdue": N_("overdue"),
    "soon": N_("due soon"),
    "in date": N_("in date"),
    "maker's scale": N_("maker's scale"),
}


def _farm(folder: Path) -> str:
    """Give the farm's name as it stands on its papers."""
    from drivers.kept import kept_json
    from edge.profile import PROFILE_FILE
    from telemetry.records import FarmProfile

    farm = kept_json(folder / PROFILE_FILE, FarmProfile)
    if farm is None:
        return ""
    return " · ".join(part for part in (farm.title, farm.member) if part)
