# SPDX-License-Identifier: Apache-2.0
"""``vuon practice``: puts a probe of the demo into a beaker.

The rule it keeps: it works on simulated probes only, and says so.
"""

from pathlib import Path

import click
import msgspec

from edge.exits import NO_DEVICE, SOCKET_FILE, speech, state_folder
from edge.practice import Practice, Probe
from pages.words import N_


@click.command()
@click.argument("series")
@click.argument("value", type=float, required=False)
@click.option("--gain", type=float, help="Make the probe old: it shows this many times the truth.")
@click.option("--offset", type=float, help="Make the probe old: it shows so much more than the truth.")
@click.option("--new-probe", is_flag=True, help="Put a new probe in its place.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Where the demo keeps its data.")
def practice(
    series: str, value: float | None, gain: float | None, offset: float | None, new_probe: bool, state: Path | None
) -> None:
    """Put the simulated probe of SERIES into a beaker of VALUE; without a value back in its place.

    Exit codes: 0 done, 4 no demo is running there.

    \b
    Example:
      vuon practice pepper-1-1/soil_moisture --gain 0.9      an old probe
      vuon practice pepper-1-1/soil_moisture 12              into a beaker of 12 %
      vuon practice pepper-1-1/soil_moisture                 back into the soil
    """  # noqa: D301 click wants the \b
    say = speech()
    folder = state_folder(state) if state is not None else state_folder(None) / "demo"
    if not (folder / SOCKET_FILE).exists():
        click.echo(say.say(N_("No demo runs in {folder}: start vuon demo first."), {"folder": str(folder)}), err=True)
        raise SystemExit(NO_DEVICE)
    bench = Practice(folder)
    if new_probe:
        bench.forget(series)
        click.echo(say.say(N_("{series}: a new simulated probe is in its place."), {"series": series}))
        return
    probe = msgspec.structs.replace(bench.probes().get(series, Probe()), beaker=value)
    if gain is not None:
        probe = msgspec.structs.replace(probe, gain=gain)
    if offset is not None:
        probe = msgspec.structs.replace(probe, offset=offset)
    bench.put(series, probe)
    if value is None:
        click.echo(say.say(N_("{series}: the simulated probe is back in its place."), {"series": series}))
    else:
        text = N_("{series}: the simulated probe stands in a beaker of {value}.")
        click.echo(say.say(text, {"series": series, "value": value}))
