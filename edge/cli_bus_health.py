# SPDX-License-Identifier: Apache-2.0
"""``vuon bus health``: who answers, how fast, with which errors; from the running agent, or by polling the lines.

The rule it keeps: while the agent runs it is asked, because a line has one master; without it the farm's own devices
are polled as the agent would.
"""

import asyncio
from math import isfinite
from pathlib import Path
from typing import Final

import click
import msgspec

from edge.agent_client import AgentAway, AgentClient
from edge.exits import FAILED, SOCKET_FILE, speech, state_folder
from edge.line_errands import farm_of, known_types
from edge.live_lines import BusReport, DeviceHealth
from pages.words import N_, Words

STATES: Final = {
    "ok": N_("answers"),
    "suspect": N_("stumbles"),
    "dead": N_("silent"),
    "unknown": N_("not asked yet"),
}
ERRORS: Final = {
    "timeout": N_("no answer"),
    "crc": N_("damaged"),
    "truncated": N_("cut off"),
    "noise": N_("noise"),
    "foreign": N_("another's answer"),
    "echo": N_("only its echo"),
    "garbled": N_("garbled"),
    "refused": N_("fault told"),
    "short": N_("values missing"),
    "ambiguous": N_("doubtful"),
}


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The farm's file.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="The agent's folder.")
@click.option("--seconds", type=click.FloatRange(1.0, 3600.0), default=30.0, show_default=True, help="How long.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def health(config: Path | None, state: Path | None, seconds: float, as_json: bool) -> None:
    """Say who answers on the farm's lines, how fast, and with which errors.

    The running agent is asked; without one, the lines are polled for --seconds as the agent would.

    Exit codes: 0 everyone answers, 1 not so, 3 farm.toml is wrong.

    \b
    Example:
      vuon bus health
    """  # noqa: D301 click wants the \b
    say = speech()
    try:
        told = asyncio.run(AgentClient(state_folder(state) / SOCKET_FILE).lines())
        who = N_("asked of the running agent")
    except AgentAway:
        from edge.line_health import watch_farm

        told = asyncio.run(watch_farm(farm_of(config), known_types(config), seconds))
        who = N_("no agent runs here: polled for {seconds} s")
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    else:
        click.echo(say.say(who, {"seconds": round(seconds)}), err=True)
        for line in lines(told, say):
            click.echo(line)
    raise SystemExit(0 if told.lines and told.well else FAILED)


def lines(told: BusReport, say: Words) -> list[str]:
    """Write a report for a terminal."""
    written = []
    for line in told.lines:
        state = say.say(N_("{requests} requests"), {"requests": line.requests}) if line.up else line.down
        written.append(f"{line.name}  {line.port}  {line.kind}  {state}")
        written += [_row(one, say) for one in line.devices]
    return written


def _row(one: DeviceHealth, say: Words) -> str:
    latency = f"{1000.0 * one.latency_s:.0f} ms" if isfinite(one.latency_s) else "-"
    ago = say.say(N_("{ago} s ago"), {"ago": round(one.last_good_ago_s)}) if isfinite(one.last_good_ago_s) else "-"
    bad = sum(one.errors.values())
    share = f"{100.0 * bad / (bad + one.good):.1f} %" if bad else ""
    kinds = ", ".join(f"{_kind(kind, say)} {count}" for kind, count in sorted(one.errors.items()))
    state = say.text(STATES[one.state])
    told = f"  {one.name:<28} {one.address:>3}  {state:<14} {one.good:>7}  {latency:>8}  {ago:>10}  {share} {kinds}"
    return told.rstrip()


def _kind(kind: str, say: Words) -> str:
    if kind.startswith("exception."):
        return say.say(N_("exception {code}"), {"code": kind.rpartition(".")[2]})
    return say.text(ERRORS[kind]) if kind in ERRORS else kind
