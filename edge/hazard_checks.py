# SPDX-License-Identifier: Apache-2.0
"""Judges a simulated farm from outside: promises that must hold in every step, whatever is broken (hazards H1-H25).

The rule it keeps: it knows nothing of the engine's inside; it sees what the ports told the engine, what came out, and
what nature did. Each promise is counted and breached separately. One step is a minute here, so a bound in seconds is
held if the reaction comes with the step that sees the cause; docs/safety.md names the tests of the seconds.
"""

import math
from collections import deque
from typing import Final

import numpy as np

from controllers.settings import ControlSettings
from controllers.ticks import TickInput, TickResult
from telemetry.records import UNUSABLE

PROMISES: Final = {
    "range": "H16 every level is a number from 0 to 1",
    "leak": "H1 flow with all valves shut stops the pump within 4 steps and keeps it off",
    "no_flow": "H2 a valve without flow is shut within 3 steps",
    "dry_run": "H3 the pump never stands on with an empty tank",
    "dead_head": "H4 a pump runs only behind a valve that was open the step before",
    "order": "H4 the last valve does not close before its pump",
    "heat": "H7 two hot thermometers of three open vents and fans in the same step",
    "blind": "H7 a house without a thermometer is opened (or shut, when it is cold outside) within 3 steps",
    "frost": "H8 two cold thermometers shut vents and light the heater in the same step",
    "storm": "H9 wind above the limit, or a silent wind meter, shuts the vents in the same step",
    "day_water": "H12 a zone gets its day's water at most twice in any 20 h, whatever the clock says",
    "override": "H14 an order that is over, endless or no number moves nothing",
    "maintenance": "H25 where somebody works nothing moves but by his own hand",
    "mains": "H22 nothing that needs mains is on without it",
    "stop": "H16 the emergency stop stops",
    "max_on": "H1 no water runs longer than its longest time",
    "blind_zone": "H6 a zone without a trusted probe gets no more than its safe rule",
}
_WATER: Final = frozenset({"valve", "pump", "fogger"})
REFUSED: Final = int(UNUSABLE)
DAY_GUARD_STEPS: Final = 20 * 60
BLIND_STEPS: Final = 3
CALM_SHARE: Final = 0.8  # of the storm's limit
OVERRIDE_MAX_MS: Final = 14_400_000


class Judge:
    """Watches one house whose outputs are those of ``edge.simulate.control_settings``."""

    def __init__(
        self, settings: ControlSettings, series: tuple[str, ...], outputs: tuple[str, ...], stale_ms: float
    ) -> None:
        self._house = settings.houses[0]
        self._stale_ms = stale_ms
        self._wind_stale_ms = settings.limits.wind_stale_s * 1000.0
        self._outs = {out.id: out for out in settings.outputs}
        self._at = {name: i for i, name in enumerate(outputs)}
        self._names = outputs
        self._series = {name: i for i, name in enumerate(series)}
        self._valves = [(self._at[zone.valve], zone) for zone in settings.zones]
        self._mains_names = [i for i, name in enumerate(outputs) if self._outs[name].needs_mains]
        self._capped = [
            (i, self._outs[name].max_on_s) for i, name in enumerate(outputs) if self._outs[name].kind in _WATER
        ]
        self._seen: list[float] = []
        house = self._house
        self._air, self._volts, self._flow, self._tank = (
            self._series[f"{house.id}/{name}"] for name in ("air_temperature", "voltage", "water_flow", "water_level")
        )
        self._outside, self._wind = self._series[house.outside_temperature], self._series[house.wind]
        self._probes = [[self._series[name] for name in zone.soil_moisture] for zone in settings.zones]
        self._was = [0.0] * len(outputs)
        self._on_steps = [0] * len(outputs)
        self._leak_steps = self._blind_steps = self._calm_steps = 0
        self._hot = self._cold = self._stormy = False
        self._given: list[deque[float]] = [deque(maxlen=DAY_GUARD_STEPS) for _ in self._valves]
        self._sums = [0.0] * len(self._valves)
        self._blind_l = [0.0] * len(self._valves)
        self._blind_from = [0] * len(self._valves)
        self._no_flow_steps = 0
        self._powered = False
        # a storm is over after so many calm steps; until then vents may stay shut
        self._calm_m_s = CALM_SHARE * house.storm_m_s
        self._gale_steps = 2 + math.ceil(settings.limits.storm_clear_s / 60.0)
        self._gale_left = 0
        # after a start all is off for so long
        self._hold_steps = math.ceil(settings.limits.boot_hold_s / 60.0)
        self._hold_left = 0
        self.breaches: dict[str, int] = dict.fromkeys(PROMISES, 0)
        self.first: dict[str, str] = {}
        self.steps = 0

    def _believe(self, given: TickInput) -> None:
        """Read what the engine may believe of this step: nan for the rest."""
        values, quality, age_ms = given.sense
        good = np.isfinite(values) & ((quality & REFUSED) == 0) & (age_ms >= 0) & (age_ms <= self._stale_ms)
        self._seen = np.where(good, values, math.nan).tolist()
        self._seen.append(math.nan)

    def _breach(self, promise: str, what: str) -> None:
        self.breaches[promise] += 1
        self.first.setdefault(promise, f"step {self.steps}: {what}")

    def watch(self, given: TickInput, result: TickResult) -> None:
        """Judge one step."""
        self.steps += 1
        self._believe(given)
        levels = result.allowed.tolist()
        if not all(0.0 <= level <= 1.0 for level in levels):
            self._breach("range", str(levels))
        self._people(given, result, levels)
        self._climate(given, levels)
        self._water(given, levels)
        self._was = levels
        self._hold_left = max(0, self._hold_left - 1)

    def forget(self) -> None:
        """The hardware has let go of everything (a restart): nothing was on before, and waits begin anew."""
        self._was = [0.0] * len(self._names)
        self._blind_steps = 0
        self._hold_left = self._hold_steps
        self._gale_left = self._gale_steps if self._gale_left else 0

    def _people(self, given: TickInput, result: TickResult, levels: list[float]) -> None:
        if given.stop_all and any(levels):
            self._breach("stop", str(levels))
        for decision in result.decisions:
            if decision.code == "people.override" and not any(
                one.output == decision.output and 0 < one.until_ms - given.mono_ms <= OVERRIDE_MAX_MS
                for one in given.overrides
            ):
                self._breach("override", decision.output)
            if (
                decision.level > 0.0
                and not decision.limit
                and any(i.name == "level" and not math.isfinite(i.value) for i in decision.inputs)
            ):
                self._breach("override", f"{decision.output} by no number")
        for work in given.maintenance:
            local = {one.output for one in given.overrides if one.origin == "local"}
            for i, name in enumerate(self._names):
                held = self._was[i] > 0.0 and self._outs[name].kind == "valve"  # until its pump has stopped
                if self._outs[name].place == work.place and levels[i] > 0.0 and name not in local and not held:
                    self._breach("maintenance", name)
        mains = self._seen[self._volts]
        if mains < 180.0 and any(levels[i] > 0.0 for i in self._mains_names):
            self._breach("mains", str(levels))

    def _level(self, levels: list[float], name: str) -> float:
        i = self._at.get(name, -1)
        return levels[i] if i >= 0 else math.nan

    def _climate(self, given: TickInput, levels: list[float]) -> None:
        house = self._house
        air = self._seen[self._air]
        wind = self._seen[self._wind]
        powered, self._powered = self._powered, self._seen[self._volts] > 180.0
        # in the step in which mains comes back machines start one after the other
        running = self._powered and powered and not self._hold_left
        free = not given.stop_all and not given.maintenance and running
        self._stormy = self._storm(given, wind)
        vent, fan = self._level(levels, "vent"), self._level(levels, "fan")
        if self._stormy and vent > 0.0:
            self._breach("storm", f"wind {wind}, vent {vent}")
        if not free:
            self._blind_steps = 0
            return
        self._blind_steps = 0 if math.isfinite(air) else self._blind_steps + 1
        if air > house.heat_c and ((vent < 1.0 and not self._stormy) or fan < 1.0) and self._settled(fan, "fan"):
            self._breach("heat", f"{air} °C, vent {vent}, fan {fan}")
        heater = self._level(levels, "heater")
        if air < house.frost_c and (vent > 0.0 or (heater < 1.0 and self._settled(heater, "heater"))):
            self._breach("frost", f"{air} °C, vent {vent}, heater {heater}")
        outside = self._seen[self._outside]
        cold = outside < house.frost_c + 5.0
        # a wind that is not known now may be a storm: its rule comes after the blind house's, and may shut it
        unknown = not math.isfinite(wind) or given.sense.age_ms[self._wind] > self._wind_stale_ms
        right = vent == 0.0 if cold or self._stormy else vent == 1.0 or unknown or self._gale_left > 0
        if self._blind_steps > BLIND_STEPS and not right:
            self._breach("blind", f"outside {outside}, vent {vent}")

    def _settled(self, level: float, name: str) -> bool:
        """Whether an output that is off may not plead its shortest pause or the staged restart."""
        i = self._at.get(name, -1)
        return level == 0.0 and i >= 0 and self._on_steps[i] < -10

    def _storm(self, given: TickInput, wind: float) -> bool:
        silent = not math.isfinite(wind) and self._calm_steps == 0
        if math.isfinite(wind) and given.sense.age_ms[self._wind] <= 60_000:
            self._calm_steps = 2
        else:
            self._calm_steps = max(0, self._calm_steps - 1)
        if wind > self._house.storm_m_s or (self._gale_left and not wind < self._calm_m_s):
            self._gale_left = self._gale_steps
        else:
            self._gale_left = max(0, self._gale_left - 1)
        return wind > self._house.storm_m_s or (silent and self.steps > 2)

    def _water(self, given: TickInput, levels: list[float]) -> None:
        pump = self._level(levels, "pump")
        pump_was = self._was[self._at["pump"]]
        opened = [levels[i] > 0.0 for i, _ in self._valves]
        before = [self._was[i] > 0.0 for i, _ in self._valves]
        if pump > 0.0 and not any(a and b for a, b in zip(opened, before, strict=True)):
            self._breach("dead_head", str(levels))
        if pump_was > 0.0 and any(before) and not any(opened) and not given.stop_all:
            self._breach("order", str(levels))
        flow = self._seen[self._flow]
        self._leak_steps = self._leak_steps + 1 if flow > 0.2 and not any(opened) and not any(before) else 0
        if self._leak_steps > 4 and pump > 0.0:
            self._breach("leak", f"{flow} L/min")
        level = self._seen[self._tank]
        if pump > 0.0 and level < 0.1:
            self._breach("dry_run", f"tank {level} m")
        starved = pump > 0.0 and pump_was > 0.0 and any(opened) and opened == before and flow < 1.0
        self._no_flow_steps = self._no_flow_steps + 1 if starved else 0
        if self._no_flow_steps > 3:
            self._breach("no_flow", f"{flow} L/min")
        for i, level_now in enumerate(levels):
            on = level_now > 0.0
            steps = self._on_steps[i]
            self._on_steps[i] = (max(steps, 0) + 1) if on else (min(steps, 0) - 1)
        for i, longest in self._capped:
            if self._on_steps[i] > longest / 60.0 + 2:
                self._breach("max_on", f"{self._names[i]} {self._on_steps[i]} steps")
        self._zones(given, pump_was)

    def _zones(self, given: TickInput, pump_was: float) -> None:
        flow = self._seen[self._flow]
        rated_open = sum(zone.flow_l_min for i, zone in self._valves if self._was[i] > 0.0)
        by_hand = {one.output for one in given.overrides}
        for z, (i, zone) in enumerate(self._valves):
            litres = 0.0
            if self._was[i] > 0.0 and pump_was > 0.0:
                litres = zone.flow_l_min * (flow / rated_open if math.isfinite(flow) else 1.0)
            ring = self._given[z]
            self._sums[z] += litres - (ring[0] if len(ring) == ring.maxlen else 0.0)
            ring.append(litres)
            # a window of 20 h may touch two days; then each has its own water
            if self._sums[z] > 2.0 * zone.daily_cap_l + 3.0 * zone.flow_l_min:
                self._breach("day_water", f"{zone.id} {self._sums[z]:.0f} L in 20 h")
            if any(math.isfinite(self._seen[probe]) for probe in self._probes[z]) or zone.valve in by_hand:
                self._blind_from[z] = self.steps
                self._blind_l[z] = 0.0
            else:
                self._blind_l[z] += litres
                rounds = 2 + (self.steps - self._blind_from[z]) / 60.0 / zone.safe_every_h
                if self._blind_l[z] > rounds * (zone.safe_dose_l + 3.0 * zone.flow_l_min):
                    self._breach("blind_zone", f"{zone.id} {self._blind_l[z]:.0f} L")
