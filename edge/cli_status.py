# SPDX-License-Identifier: Apache-2.0
"""``vuon status``: how the farm is now, asked of the running agent.

The rule it keeps: it needs only the agent's socket, and says at once when there is none.
"""

import asyncio
from pathlib import Path

import click
import msgspec

from edge.agent_client import AgentAway, AgentClient
from edge.exits import SOCKET_FILE, TRY_AGAIN, speech, state_folder
from edge.live import LiveState
from pages.words import N_, Words, error_text


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole live state as one JSON object.")
def status(state: Path | None, as_json: bool) -> None:
    """Say how the farm is now: alarms, values, outputs, and how the agent fares.

    Exit codes: 0 done, 75 no agent answers.

    \b
    Example:
      vuon status
      vuon status --json
    """  # noqa: D301 click wants the \b
    try:
        live = asyncio.run(AgentClient(state_folder(state) / SOCKET_FILE).status())
    except AgentAway as away:
        click.echo(error_text(away, speech()), err=True)
        raise SystemExit(TRY_AGAIN) from None
    if as_json:
        click.echo(msgspec.json.encode(live).decode())
    else:
        for line in lines(live, speech()):
            click.echo(line)


def lines(live: LiveState, words: Words) -> list[str]:
    """Write a live state for a terminal."""
    from edge.console.alarm_words import inside_words
    from edge.console.reason_words import reason_words
    from edge.console.sentences import ago, fields_of, quality_words, say
    from pages.numbers import moment, with_unit
    from telemetry.quantities import quantity

    book = reason_words()
    head: dict[str, str | float | int | bool] = {"title": live.title, "at": moment(live.wall_ms), "epoch": live.epoch}
    told = [words.say(N_("{title}, {at} (boot {epoch})"), head)]
    for alarm in live.alarms:
        said = say(alarm.kind, alarm.fields, book, words)
        more = f" {inside_words(len(alarm.inside), words)}" if alarm.inside else ""
        told.append(f"! {alarm.subject}: {said.text} {said.check} ({ago(alarm.for_s, words)}){more}")
    for tile in live.tiles:
        kind = quantity(tile.quantity)
        value = with_unit(tile.value, tile.unit, kind.decimals, words.language)
        worry = quality_words(tile.quality, words)
        age = ago(tile.age_s, words) if tile.age_s >= 0 else words.text(N_("never measured"))
        told.append(f"  {tile.series:36} {value:>16}  {age}{f'  ({worry})' if worry else ''}")
    for output in live.outputs:
        held = output.limit or (output.detail if output.outcome in {"refused", "failed"} else "")
        why = say(held or output.code, fields_of(output.inputs), book, words)
        person = f" [{output.person} {output.override_s:.0f} s]" if output.override_s else ""
        told.append(f"  {output.output:36} {output.level:>16.0%}  {why.text}{person}")
    told += water_lines(live, words)
    health = live.health
    fields: dict[str, str | float | int | bool] = {
        "ticks": health.ticks, "overruns": health.overruns, "rss": round(health.rss_mb), "points": health.points,
        "unsent": health.unsent_rows,
    }  # fmt: skip
    told.append(
        words.say(
            N_("{ticks} ticks, {overruns} late; {points} values; {unsent} groups not yet at the hub; {rss} MB"), fields
        )
    )
    return told


def water_lines(live: LiveState, words: Words) -> list[str]:
    """Write what each zone usually takes, and what it was fed today."""
    told = []
    for zone in live.water:
        if zone.waterings:
            fields: dict[str, str | float | int | bool] = {
                "zone": zone.zone, "flow": f"{zone.usual_l_min:.1f}", "spread": f"{2.0 * zone.uncertainty_l_min:.1f}",
                "n": zone.waterings,
            }  # fmt: skip
            told.append(words.say(N_("  {zone}: usually {flow} ± {spread} L/min, from {n} waterings"), fields))
        if zone.fed_l > 0.0:
            fields = {
                "zone": zone.zone, "n": f"{zone.n_g / 1000.0:.3f}", "p": f"{zone.p_g / 1000.0:.3f}",
                "k": f"{zone.k_g / 1000.0:.3f}", "litres": f"{zone.fed_l:.0f}", "ec": f"{zone.ec_ms_cm:.2f}",
            }  # fmt: skip
            told.append(
                words.say(N_("  {zone}: fed today N {n} kg, P {p} kg, K {k} kg in {litres} L at {ec} mS/cm"), fields)
            )
    return told
