# SPDX-License-Identifier: Apache-2.0
"""``vuon compare``: the ways of watering side by side on the farm's own weather of the past days.

The rule it keeps: the engine that runs the farm is what is compared, on a model root zone that is the same for all.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.exits import BAD_CONFIG, FAILED, LOG_FILE, TRY_AGAIN, USAGE, config_file, speech, state_folder
from pages.words import N_, Words, error_text

if TYPE_CHECKING:
    from controllers.comparing import Tally


@click.command()
@click.option("--zone", "zone_id", required=True, help="The zone, as farm.toml names it.")
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, 400), help="How many days back.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="farm.toml; else the last boot's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(zone_id: str, days: int, state: Path | None, config: Path | None, as_json: bool) -> None:
    """Compare schedule, moisture, sums, water balance and adaptive on one zone's own past days.

    Exit codes: 0 done, 1 too little history, 2 wrong usage, 3 farm.toml is wrong, 75 there is no log.

    \b
    Example:
      vuon compare --zone pepper-1-1 --days 60
    """  # noqa: D301 click wants the \b
    from controllers import comparing as trial
    from controllers.zone_plan import trouble
    from edge import comparing
    from edge.config import load
    from edge.toml_reader import SettingsRefused
    from telemetry.history import LogReader
    from telemetry.rows import DiskError

    words, folder = speech(), state_folder(state)
    source = config or comparing.last_boot_config(folder) or config_file(None)
    try:
        control = load(source).control
    except (OSError, SettingsRefused) as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(BAD_CONFIG) from None
    zone = next((one for one in control.zones if one.id == zone_id), None)
    if zone is None:
        known = ", ".join(one.id for one in control.zones)
        unknown = N_("there is no zone {name}; known: {known}")
        click.echo(words.say(unknown, {"name": zone_id, "known": known}), err=True)
        raise SystemExit(USAGE)
    what = trouble(zone)
    if what:
        click.echo(what, err=True)
        raise SystemExit(BAD_CONFIG)
    try:
        reader = LogReader(folder / LOG_FILE)
    except DiskError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    try:
        weather = comparing.weather_of(reader, control, zone, days)
        litres, waterings, scale = comparing.as_it_was(reader, zone, days)
    except comparing.TooLittleHistory as error:
        click.echo(words.say(N_("Too little weather of {zone} is stored to compare: {had}."),
                             {"zone": zone_id, "had": str(error)}), err=True)  # fmt: skip
        raise SystemExit(FAILED) from None
    finally:
        reader.close()
    found = trial.compare(control, zone, weather, scale)
    had_d = len(weather.air_c) * trial.STEP_S / trial.DAY_S
    if as_json:
        was = {"litres": litres, "waterings": waterings}
        plain = {"zone": zone_id, "days": had_d, "scale": scale, "was": was, "ways": [asdict(one) for one in found]}
        click.echo(json.dumps(plain, ensure_ascii=False))
        return
    for line in table(zone_id, had_d, (litres, waterings), found, zone.area_m2, words):
        click.echo(line)


def table(
    zone: str, days: float, was: tuple[float, int], found: "list[Tally]", area_m2: float, words: Words
) -> list[str]:
    """Write the comparison for a terminal."""
    head = N_("Zone {zone}, {days} days of its own weather, a model root zone:")
    lines = [words.say(head, {"zone": zone, "days": days})]
    heads = (N_("way"), N_("litres"), N_("mm"), N_("waterings"), N_("drained mm"), N_("crop missed mm"), N_("dry days"))
    lines.append(f"{words.text(heads[0]):16}" + "".join(f"{words.text(head):>16}" for head in heads[1:]))
    for one in found:
        cells = (f"{one.litres:.0f}", f"{one.litres / area_m2:.1f}", f"{one.waterings}", f"{one.drained_mm:.1f}",
                 f"{one.lacking_mm:.1f}", f"{one.dry_days}")  # fmt: skip
        lines.append(f"{one.strategy:16}" + "".join(f"{cell:>16}" for cell in cells))
    lines.append(words.say(N_("As it was: {litres} L in {n} waterings."), {"litres": was[0], "n": was[1]}))
    return lines
