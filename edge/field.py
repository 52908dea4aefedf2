# SPDX-License-Identifier: Apache-2.0
"""The farm's nature in a simulation: the digital twin under the names that ``farm.toml`` uses.

The rule it keeps: it knows places, series and outputs, but no register and no bus; it moves only when told the
time, in equal steps, so the same orders at the same times give the same field.
"""

from collections.abc import Callable, Mapping
from math import nan, sin
from typing import Final

from controllers.houses import HOUSES
from controllers.mixing_unit import MixingUnit
from controllers.settings import ControlSettings
from controllers.twin import Twin

STEP_S: Final = 1.0
MAINS_HZ: Final = 50.0
HUMIDITY_MOST: Final = 99.0
# What the twin can be told; an output of another kind (a siren) acts on nothing.
ACTS: Final = frozenset({"valve", "pump", "master_valve", "fill_valve", "fan", "vent", "heater", "fogger", "shade"})


def gust(at_s: float) -> float:
    """Give the share of the mean wind that blows just now: gusts of some seconds, a fifth of the mean."""
    return 1.0 + 0.13 * sin(at_s / 3.7) + 0.09 * sin(at_s / 23.1 + 1.0)


class Field:
    """Model houses that live as time passes. ``houses`` maps house ids to model names; KeyError for an unknown one."""

    def __init__(self, control: ControlSettings, houses: Mapping[str, str], start_wall_s: float, seed: int) -> None:
        self.twin = Twin({house: HOUSES[model] for house, model in houses.items()}, seed=seed, start_s=start_wall_s)
        self._known = (*houses, *self.twin.zones, *(f"{house}-outside" for house in houses))
        self._lines = frozenset(line.id for line in control.lines)
        self._houses = tuple(sorted(houses, key=len, reverse=True))
        self._acts = {o.id: (self.place(o.place), o.kind) for o in control.outputs if o.kind in ACTS}
        self._units = {unit.line: MixingUnit(control, unit.line) for unit in control.fertigation}
        self._seen = self.twin.signals()
        self._at_s = 0.0

    def unit(self, line: str) -> MixingUnit:
        """Give the dosing unit of a line; KeyError where there is none."""
        return self._units[line]

    def place(self, place: str) -> str:
        """Give the twin's place: its own name; for a water line the house whose id it begins with, else its outside."""
        if place in self._known:
            return place
        house = next((house for house in self._houses if place.startswith(house)), "")
        return house if place in self._lines else f"{house}-outside"

    def signal(self, series: str) -> float:
        """Give the truth behind a series now, nan where the twin has none."""
        place, _, name = series.partition("/")
        at = self.place(place)
        unit = self._units.get(place)
        if unit is not None and name.partition(".")[0] in ("water_ec", "water_ph"):
            return unit.ec_ms_cm if name.startswith("water_ec") else unit.ph
        if name == "frequency":
            return MAINS_HZ if self._seen.get((at, "voltage"), 0.0) > 0.0 else 0.0
        if name == "power_factor":
            return 1.0  # the twin's power is volts times amperes
        value = self._seen.get((at, name), nan)
        if name == "wind_speed":
            return value * gust(self.twin.now_s)  # a wind that stood still would be a stuck meter
        # A capacitive humidity element saturates just below 100 %; with its noise it must not show more.
        return min(value, HUMIDITY_MOST) if name == "air_humidity" else value

    def advance_to(self, at_s: float, levels: Callable[[float], Mapping[str, float]]) -> None:
        """Live until ``at_s`` seconds after the start; ``levels(now_s)`` tells how the outputs stand."""
        while self._at_s + STEP_S <= at_s + 1e-9:
            held = levels(self._at_s)
            for output, level in held.items():
                act = self._acts.get(output)
                if act is not None:
                    self.twin.command(*act, level)
            self.twin.advance(STEP_S)
            self._feed(held)
            self._at_s += STEP_S
        self._seen = self.twin.signals()

    def _feed(self, held: Mapping[str, float]) -> None:
        """Let every dosing unit mix what its injectors gave into what flowed, and give the zones that solution."""
        for line, unit in self._units.items():
            house = self.place(line)
            flow_l_min = self.twin.flow_l_min(house)
            unit.advance(STEP_S, flow_l_min, held)
            if flow_l_min > 0.0:
                self.twin.give_solution(house, unit.ec_ms_cm)
