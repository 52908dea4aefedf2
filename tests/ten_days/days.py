# SPDX-License-Identifier: Apache-2.0
"""Ten prepared days of one house: what goes wrong, when, and which reasons the record must then hold.

The rule it keeps: a day is lived by the whole agent on simulated bytes; what happens enters where it would on a farm:
at the plant, at an instrument, at the clock, by a person's order. The answers stand in ``answers.md``.
"""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from controllers.kernels.greenhouse_columns import S_TANK_L
from edge.agent import Agent
from edge.practice import Probe
from edge.seen_orders import Giver
from edge.wiring import SimulatedField
from edge.world import VirtualClock
from tests.support.waiting import passes

FARM: Final = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
HOUSE: Final = "pepper-1"
WIND: Final = "pepper-1-outside/wind_speed"
BEGIN_HOUR: Final = 5.5
END_HOUR: Final = 15.5
SLOWER: Final = 3.0  # instruments are asked so many times more seldom than in the example: a day is lived sooner
LAN: Final = Giver("lan", "operator")
MINH: Final = Giver("minh", "technician")

_PERIOD: Final = re.compile(r"period_s = ([0-9.]+)")

Happening = Callable[[Agent, SimulatedField], Coroutine[Any, Any, None]]


class Day(NamedTuple):
    """One day. ``reasons`` must be among the codes, limits and hazards of its record, ``never`` must not."""

    name: str
    happens: Happening
    reasons: frozenset[str]
    never: frozenset[str] = frozenset()
    changes: tuple[tuple[str, str], ...] = ()


async def until(agent: Agent, hour: float) -> None:
    """Wait until that hour of the day, by the farm's own running time."""
    await passes(max(0.0, (hour - BEGIN_HOUR) * 3600.0 - agent.boot.mono_ms() / 1000.0))


def gusts_m_s(minutes: int) -> list[float]:
    """Give the strongest wind of each minute; a wind that stood still would be a broken meter's."""
    chance = Random(1)
    return [round(chance.uniform(17.5, 20.5), 1) for _ in range(minutes)]


async def nothing(_agent: Agent, _field: SimulatedField) -> None:
    """Let the day pass."""


async def tank_runs_dry(agent: Agent, field: SimulatedField) -> None:
    """The well has given nothing since last night: what is left in the tank is gone in the first minute of watering."""
    del agent
    field.field.twin.state.house[0, S_TANK_L] = 950.0
    field.field.twin.break_down(HOUSE, "tank_dry")


async def pipe_bursts(agent: Agent, field: SimulatedField) -> None:
    """The pipe of bed 2 breaks at 08:00."""
    await until(agent, 8.0)
    field.field.twin.break_down(f"{HOUSE}-2", "pipe_burst")


async def probe_is_cut(agent: Agent, field: SimulatedField) -> None:
    """A spade cuts the cable of bed 1's soil probe at 07:10."""
    await until(agent, 7.0 + 10.0 / 60.0)
    field.instruments["pepper-1-soil-1"].silent = True


async def lan_waters_by_hand(agent: Agent, field: SimulatedField) -> None:
    """Lan opens the valve of bed 2 at 13:00 for ten minutes."""
    del field
    await until(agent, 13.0)
    agent.orders.hold("pepper-1-valve-2", 1.0, 600.0, LAN)


async def storm_passes(agent: Agent, field: SimulatedField) -> None:
    """Gusts of about 19 m/s from 12:20 to 13:10; as wind does, none like the one before."""
    for minute, gust_m_s in enumerate(gusts_m_s(50)):
        await until(agent, 12.0 + (20.0 + minute) / 60.0)
        field.practice = {WIND: Probe(beaker=gust_m_s)}
    await until(agent, 13.0 + 10.0 / 60.0)
    field.practice = {}


async def station_goes_silent(agent: Agent, field: SimulatedField) -> None:
    """The weather station's plug gets wet at 10:40."""
    await until(agent, 10.0 + 40.0 / 60.0)
    field.instruments["pepper-1-weather"].silent = True


async def power_is_cut(agent: Agent, field: SimulatedField) -> None:
    """No mains from 08:05 to 10:20; the controller runs on its battery."""
    await until(agent, 8.0 + 5.0 / 60.0)
    field.field.twin.break_down(HOUSE, "mains_lost")
    await until(agent, 10.0 + 20.0 / 60.0)
    field.field.twin.repair(HOUSE, "mains_lost")


async def clock_is_lost(agent: Agent, field: SimulatedField) -> None:
    """From 05:48 to 10:00 the network is away and with it the time: nobody can say how late it is."""
    del field
    clock = agent.world.clock
    if not isinstance(clock, VirtualClock):
        raise TypeError("only a virtual clock can be made wrong")
    await until(agent, 5.8)
    clock.trusted = False
    await until(agent, 10.0)
    clock.trusted = True


async def valve_stays_shut(agent: Agent, field: SimulatedField) -> None:
    """The coil of bed 1's valve burns at 06:00."""
    await until(agent, 6.0)
    field.field.twin.break_down(f"{HOUSE}-1", "valve_stuck_shut")


SCHEDULED: Final = (
    ('strategy = "moisture"\nvalve = "pepper-1-valve-2"', 'strategy = "schedule"\nvalve = "pepper-1-valve-2"'),
    (
        'soil_moisture = ["pepper-1-2/soil_moisture"]\nstart_pct = 27.5\ntarget_pct = 30.0\n',
        """soil_moisture = ["pepper-1-2/soil_moisture"]
schedule = [{ at = "06:30", litres = 150.0 }, { at = "13:00", litres = 100.0 }]
""",
    ),
)

DAYS: Final = (
    Day("day-01", storm_passes, frozenset({"safety.storm"}), frozenset({"safety.wind_stale"})),
    Day("day-02", probe_is_cut, frozenset({"irrigation.idle.safe_rule"})),
    Day("day-03", tank_runs_dry, frozenset({"safety.tank_low"})),
    Day("day-04", clock_is_lost, frozenset({"time.run_too_late"}), changes=SCHEDULED),
    Day("day-05", nothing, frozenset({"irrigation.start.moisture"}), frozenset({"safety.storm", "people.override"})),
    Day("day-06", valve_stays_shut, frozenset({"safety.no_flow", "irrigation.idle.fault"})),
    Day("day-07", lan_waters_by_hand, frozenset({"people.override"})),
    Day("day-08", station_goes_silent, frozenset({"safety.wind_stale"}), frozenset({"safety.storm"})),
    Day("day-09", pipe_bursts, frozenset({"safety.over_flow"})),
    Day("day-10", power_is_cut, frozenset({"safety.mains", "safety.restart_order"})),
)


def farm_text(day: Day) -> str:
    """Give the day's farm.toml: the example's house, seen every few seconds, each day of its own date and weather."""
    number = DAYS.index(day) + 1
    text = FARM.read_text(encoding="utf-8")
    for old, new in (
        ('irrigation = "drip"\n\n', 'irrigation = "drip"\ntick_s = 5.0\n\n'),
        ("seed = 1\n", f'seed = {number}\nstart = "2026-03-{number:02}T05:30:00+07:00"\n'),
        *day.changes,
    ):
        if old not in text:
            raise ValueError(f"{FARM.name} has no line {old!r} any more")
        text = text.replace(old, new, 1)
    return _PERIOD.sub(lambda found: f"period_s = {SLOWER * float(found[1]):.1f}", text)
