# SPDX-License-Identifier: Apache-2.0
"""``vuon weather``: gives the farm the past weather of a station's file, so that ``adaptive`` can plan seasons at once.

The rule it keeps: while an agent runs nothing is written, for the agent's own memory would win; what the farm measured
itself stays.
"""

import socket
from pathlib import Path

import click
import msgspec

from edge.exits import BAD_CONFIG, SOCKET_FILE, TRY_AGAIN, USAGE, config_file, speech, state_folder
from pages.words import N_, error_text


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The farm's settings file.")
def weather(file: Path, state: Path | None, config: Path | None) -> None:
    """Take over hours of past weather from a CSV file, for adaptive to plan whole seasons with.

    Exit codes: 0 done, 2 the file is wrong, 3 farm.toml is wrong, 75 the agent runs: stop it first.

    \b
    Example:
      vuon weather station-2016-2025.csv
    """  # noqa: D301 click wants the \b
    from controllers.past_weather import LEAST_YEARS, PastWeather
    from controllers.past_weather_file import keep_hours
    from controllers.state import nothing_known
    from controllers.weather_files import WeatherFileError, read_csv
    from controllers.zone_planner import weather_place
    from edge.boots import Boots
    from edge.config import load
    from edge.toml_reader import SettingsRefused

    words, folder = speech(), state_folder(state)
    try:
        control = load(config_file(config)).control
    except (OSError, SettingsRefused) as error:
        click.echo(error_text(error, words), err=True)
        raise SystemExit(BAD_CONFIG) from None
    try:
        hours = read_csv(file)
    except OSError as error:
        click.echo(error_text(error, words), err=True)
        raise SystemExit(USAGE) from None
    except WeatherFileError as error:
        click.echo(f"{error.where}: {words.say(error.text, error.fields)}", err=True)
        raise SystemExit(USAGE) from None
    if _answers(folder / SOCKET_FILE):
        click.echo(words.text(N_("The agent runs with this folder; stop it first (systemctl stop vuon).")), err=True)
        raise SystemExit(TRY_AGAIN)
    boots = Boots(folder)
    memory = boots.memory() or nothing_known()
    places = dict(memory.weather)
    for zone in control.zones:
        place = weather_place(zone)
        if zone.strategy != "adaptive" or zone.substrate:
            continue
        past = PastWeather()
        past.recall(places.get(place, b""))
        new = keep_hours(past, hours, control, zone)
        places[place] = past.saved()
        told = N_("{place}: {new} new days, {known} days of weather in all; {years} whole years are needed at least")
        click.echo(words.say(told, {"place": place, "new": new, "known": len(past), "years": LEAST_YEARS}))
    boots.save(msgspec.structs.replace(memory, weather=places))


def _answers(path: Path) -> bool:
    """Say whether somebody listens on a unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(1.0)
        try:
            asked.connect(str(path))
        except OSError:
            return False
    return True
