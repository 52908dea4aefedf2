# SPDX-License-Identifier: Apache-2.0
"""The numbers behind a decision, by the names that the reasons' sentences use.

The rule it keeps: a fact is read from the same tables that the kernels decided on, in the unit its name says, with
the quality bits of the sensors it came from; what cannot be known is nan.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from controllers.kernels import columns as c
from controllers.kernels.climate import FAN_ABOVE_K
from controllers.layout import Layout
from controllers.state import Tables
from controllers.ticks import Floats, Ints, Sense
from telemetry.records import Input, Quality

MINUTE_MS: Final = 60_000.0
LOCKED: Final = int(Quality.LOCKED)
MEASURED: Final = frozenset({"soil_moisture", "tension_kpa", "temperature_c", "vpd_kpa", "wind_m_s", "flow_l_min"})


class Facts:
    """Looks up facts about one output at the moment of the last tick. The tables are the engine's own."""

    def __init__(
        self, layout: Layout, tables: Tables, lx: Floats, hx: Floats, hc: Floats, zx: Floats, band: Floats
    ) -> None:
        self._layout = layout
        self._tables = tables
        self._lx, self._hx, self._hc, self._zx, self._band = lx, hx, hc, zx, band
        self.plans: dict[int, Mapping[str, float | str]] = {}  # by output: the last account of its zone's planner
        self._now = 0.0
        self._sense: Sense | None = None
        self._flawed: bool | None = None  # whether any sample carries a quality bit now; None: not looked yet
        self._override: Callable[[int], tuple[float, float]] = lambda _output: (math.nan, math.nan)
        self._zone_of = {int(layout.zp[z, c.Z_VALVE]): z for z in range(len(layout.zones))}
        self._rests_on: dict[int, Ints] = {}  # by output: the rows of all sensors that it rests on
        self._readers: dict[str, Callable[[int], float]] = (
            self._zone_readers() | self._line_readers() | self._house_readers()
        )

    def at(self, now: float, sense: Sense, override: Callable[[int], tuple[float, float]]) -> None:
        """Set the moment; ``override`` gives level and minutes left of an output's override."""
        self._now, self._sense, self._override, self._flawed = now, sense, override, None

    def learn(self, more: Mapping[str, Callable[[int], float]]) -> None:
        """Take over how to look up further facts."""
        self._readers |= more

    def input(self, name: str, output: int) -> Input:
        """Give one fact of one output with the quality of its sensors."""
        reader = self._readers.get(name)
        if reader is None:  # a fact of the plan; the zone's planner counted it
            told = self.plans.get(output, {}).get(name, math.nan)
            return Input(name, told if isinstance(told, float) else math.nan)
        value = float(reader(output))  # a NumPy number would not go into the log
        return Input(name, round(value, 4) if math.isfinite(value) else value, self._quality(name, output))

    def _zone(self, table: str, column: int, scale: float = 1.0) -> Callable[[int], float]:
        def read(output: int) -> float:
            z = self._zone_of.get(output)
            if z is None:
                return math.nan
            source = {"zp": self._layout.zp, "zs": self._tables.zs, "zx": self._zx}[table]
            return float(source[z, column]) * scale

        return read

    def _zone_readers(self) -> dict[str, Callable[[int], float]]:
        def given(output: int) -> float:
            z = self._zone_of.get(output)
            if z is None:
                return math.nan
            return float(self._tables.os[output, c.S_TOTAL_L] - self._tables.zs[z, c.R_START_L])

        def rest_left(output: int) -> float:
            z = self._zone_of.get(output)
            if z is None:
                return math.nan
            left = self._layout.zp[z, c.Z_REST] - (self._now - self._tables.zs[z, c.R_ENDED])
            return max(0.0, float(left)) / MINUTE_MS

        return {
            "soil_moisture": self._zone("zx", c.I_MOISTURE),
            "target_l": self._zone("zs", c.R_TARGET_L),
            "start_pct": self._zone("zp", c.Z_START),
            "target_pct": self._zone("zp", c.Z_TARGET),
            "wet_pct": self._zone("zp", c.Z_WET),
            "tension_kpa": self._zone("zx", c.I_MOISTURE),
            "start_kpa": self._zone("zp", c.Z_START),
            "target_kpa": self._zone("zp", c.Z_TARGET),
            "radiation_j_cm2": self._zone("zs", c.R_RADIATION),
            "radiation_start_j_cm2": self._zone("zp", c.Z_RADIATION),
            "vpd_kpa_h": self._zone("zs", c.R_VPD),
            "vpd_start_kpa_h": self._zone("zp", c.Z_VPD),
            "safe_dose_l": self._zone("zp", c.Z_SAFE_DOSE),
            "safe_every_h": self._zone("zp", c.Z_SAFE_EVERY, 1.0 / 3_600_000.0),
            "run_max_min": self._zone("zp", c.Z_RUN_MAX, 1.0 / MINUTE_MS),
            "cap_l": self._zone("zp", c.Z_CAP),
            "given_l": given,
            "rest_left_min": rest_left,
            "day_l": lambda o: float(self._tables.os[o, c.S_DAY_L]),
            "fault_left_min": lambda o: max(0.0, self._tables.os[o, c.S_FAULT_UNTIL] - self._now) / MINUTE_MS,
            "level": lambda o: self._override(o)[0],
            "override_left_min": lambda o: self._override(o)[1],
        }

    def _line(self, table: Floats, column: int) -> Callable[[int], float]:
        def read(output: int) -> float:
            line = int(self._layout.op[output, c.O_LINE])
            return float(table[line, column]) if line >= 0 else math.nan

        return read

    def _line_readers(self) -> dict[str, Callable[[int], float]]:
        all_valves = self._line(self._tables.ls, c.T_EXPECTED)

        def expected(output: int) -> float:
            """Give what should flow; of a valve that has been shut for its fault, what it should have let through."""
            open_now = all_valves(output)
            shut = self._layout.op[output, c.O_KIND] == c.VALVE and not open_now > 0.0
            return float(self._layout.op[output, c.O_FLOW_L_MIN]) if shut else open_now

        return {
            "flow_l_min": self._line(self._lx, c.X_FLOW),
            "expected_l_min": expected,
            "pressure_kpa": self._line(self._lx, c.X_PRESSURE),
            "pressure_max_kpa": self._line(self._layout.lp, c.L_PRESSURE_MAX),
            "tank_m": self._line(self._lx, c.X_LEVEL),
            "ec_ms_cm": self._line(self._lx, c.X_EC1),
            "ph": self._line(self._lx, c.X_PH1),
        }

    def _house(self, table: Floats, column: int) -> Callable[[int], float]:
        def read(output: int) -> float:
            house = int(self._layout.op[output, c.O_HOUSE])
            return float(table[house, column]) if house >= 0 else math.nan

        return read

    def _house_readers(self) -> dict[str, Callable[[int], float]]:
        high = self._house(self._band, c.B_T_HIGH)
        return {
            "temperature_c": self._house(self._hc, c.C_T),
            "vpd_kpa": self._house(self._hc, c.C_VPD),
            "radiation_w_m2": self._house(self._hc, c.C_RADIATION),
            "wind_m_s": self._house(self._hx, c.Y_WIND),
            "storm_m_s": self._house(self._layout.hp, c.H_STORM),
            "heat_c": self._house(self._layout.hp, c.H_HEAT),
            "frost_c": self._house(self._layout.hp, c.H_FROST),
            "temperature_low_c": self._house(self._band, c.B_T_LOW),
            "temperature_high_c": high,
            "fan_from_c": lambda o: high(o) + FAN_ABOVE_K,
            "vpd_low_kpa": self._house(self._band, c.B_VPD_LOW),
            "vpd_high_kpa": self._house(self._band, c.B_VPD_HIGH),
        }

    def locked(self, output: int) -> bool:
        """Say whether a sensor that this output rests on is out for its calibration."""
        if self._sense is None or not self._any_flaw(self._sense):
            return False
        if output not in self._rests_on:
            self._rests_on[output] = self._sensors(output)
        return bool((self._sense.quality[self._rests_on[output]] & LOCKED).any())

    def _any_flaw(self, sense: Sense) -> bool:
        """Look once a tick: most ticks' samples are all good, and then no sensor needs a look of its own."""
        if self._flawed is None:
            self._flawed = bool(sense.quality.any())
        return self._flawed

    def _sensors(self, output: int) -> Ints:
        layout = self._layout
        line, house = int(layout.op[output, c.O_LINE]), int(layout.op[output, c.O_HOUSE])
        index = [np.zeros(0, dtype=np.int64)]
        index += [layout.index_moisture[self._zone_of[output]]] if output in self._zone_of else []
        index += [layout.index_hazard[house, : c.Y_T3 + 1]] if house >= 0 else []
        index += [layout.index_line[line]] if line >= 0 else []
        there = np.concatenate(index)
        return there[there >= 0]

    def _quality(self, name: str, output: int) -> int:
        """Join the quality bits of the sensors behind a measured fact; 0 for settings and counts."""
        if name not in MEASURED or self._sense is None or not self._any_flaw(self._sense):
            return 0
        layout = self._layout
        line, house = int(layout.op[output, c.O_LINE]), int(layout.op[output, c.O_HOUSE])
        index: Ints | None = None
        if name in {"soil_moisture", "tension_kpa"} and output in self._zone_of:
            index = layout.index_moisture[self._zone_of[output]]
        elif name in {"temperature_c", "vpd_kpa"} and house >= 0:
            index = layout.index_hazard[house, : c.Y_T3 + 1]
        elif name == "wind_m_s" and house >= 0:
            index = layout.index_hazard[house, c.Y_WIND : c.Y_WIND + 1]
        elif name == "flow_l_min" and line >= 0:
            index = layout.index_line[line, c.X_FLOW : c.X_FLOW + 1]
        if index is None:
            return 0
        there = index[index >= 0]
        return int(np.bitwise_or.reduce(self._sense.quality[there])) if len(there) else 0
