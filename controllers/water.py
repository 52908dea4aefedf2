# SPDX-License-Identifier: Apache-2.0
"""Hydraulics and fertigation beside the engine: their tables, their memory, the facts of their reasons, their events.

The rule it keeps: it decides nothing about valves or doses, the kernels do; what it writes for them (when a zone may
start for cheap power) comes from ``controllers.sequencer``. Everything it keeps is a function of the ticks.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.kernels.hydraulics import STILL_CLOGGED
from controllers.kernels.zone_flow import relearn
from controllers.layout import Layout
from controllers.reasons import REASONS
from controllers.salinity import MS_CM_PER_G_L
from controllers.sequencer import Sequencer
from controllers.settings import ControlSettings
from controllers.state import Tables
from controllers.ticks import Floats, Reset, TickInput
from controllers.water_layout import WaterTables, lay_water
from telemetry.records import Event

MINUTE_MS: Final = 60_000.0
_ZONE_KEPT: Final = (w.Z_N, w.Z_MEAN, w.Z_M2, w.Z_UP, w.Z_DOWN, w.Z_VERDICT, w.Z_LAST)
_LINE_KEPT: Final = (w.S_BW_L, w.S_BW_N, w.S_EC_TRIM, w.S_PH_TRIM, w.S_IDLE_N)


class Water:
    """Owns the water tables of one engine. ``tables`` are views of the kernel's buffer once the engine has packed."""

    def __init__(self, settings: ControlSettings, layout: Layout, tables: Tables) -> None:
        self._layout = layout
        self._engine = tables
        self.tables: WaterTables = lay_water(settings, layout, float(tables.f[c.F_BOOT]))
        self._sequencer = Sequencer(settings, layout)
        self._told = np.zeros(len(layout.zones) + len(layout.lines))
        self._looked_at = (self.tables.zs[:, w.Z_VERDICT], self.tables.ls[:, w.S_BW_N])
        self._looked = b""  # what verdicts and washes were when they were last compared with what was told
        self._day = float(tables.f[c.F_DAY_RESET])
        self._zone_of = {int(layout.zp[z, c.Z_VALVE]): z for z in range(len(layout.zones))}

    def take(self, views: list[Floats]) -> None:
        """Replace the tables by views of the kernel's buffer."""
        self.tables.take(views)
        self._looked_at = (self.tables.zs[:, w.Z_VERDICT], self.tables.ls[:, w.S_BW_N])

    def plan(self, given: TickInput) -> None:
        """Say from when on the asking zones of a sequenced line may start."""
        self._sequencer.plan(given, self._engine, self.tables)

    def events(self, mono_ms: int) -> list[Event]:
        """Tell which zones' flow has changed, which filter stays clogged, and at a day's turn what was fed."""
        found: list[Event] = []
        verdicts, washes = self._looked_at
        looked = verdicts.tobytes() + washes.tobytes()
        if looked != self._looked:  # it hardly ever is, and this look is all that most ticks need
            self._looked = looked
            now = self._verdicts()
            for i in np.flatnonzero(now != self._told).tolist():
                found += self._change(i, int(self._told[i]), int(now[i]), mono_ms)
            self._told = now
        day = self._engine.f.item(c.F_DAY_RESET)
        if day != self._day:
            self._day = day
            found += [
                Event("nutrients.day", zone, mono_ms, "info", fields=dict(account))
                for zone, account in self.nutrients().items()
            ]
        return found

    def _verdicts(self) -> Floats:
        """Give the code of each zone's flow, then of each line's filter."""
        t = self.tables
        clogged = np.where(t.ls[:, w.S_BW_N] >= STILL_CLOGGED, float(codes.FILTER_CLOGGED), 0.0)
        return np.concatenate([t.zs[:, w.Z_VERDICT], clogged])

    def _change(self, i: int, before: int, now: int, mono_ms: int) -> list[Event]:
        zones = self._layout.zones
        place = zones[i] if i < len(zones) else self._layout.lines[i - len(zones)]
        found = []
        for kind, number in (("hazard.cleared", before), ("hazard.raised", now)):
            if number != codes.NONE:
                fields: dict[str, str | float | int | bool] = {"code": REASONS[number].name}
                if i < len(zones):
                    fields |= {
                        "seen_l_min": round(float(self.tables.zs[i, w.Z_LAST]), 2),
                        "usual_l_min": round(float(self.tables.zs[i, w.Z_MEAN]), 2),
                    }
                else:
                    fields |= {"washes": int(self.tables.ls[i - len(zones), w.S_BW_N])}
                severity = REASONS[number].severity if kind == "hazard.raised" else "info"
                found.append(Event(kind, place, mono_ms, severity, fields=fields))
        return found

    def nutrients(self) -> dict[str, dict[str, float]]:
        """Give the running day's account of each zone that was fed: grams, millilitres, litres, mean EC."""
        found: dict[str, dict[str, float]] = {}
        for z, zone in enumerate(self._layout.zones):
            row = self.tables.nutrients[z]
            if row[w.N_STOCK_ML] > 0.0 or row[w.N_ACID_ML] > 0.0:
                litres = float(row[w.N_FED_L])
                found[zone] = {
                    "n_g": round(float(row[w.N_N]), 2),
                    "p_g": round(float(row[w.N_P]), 2),
                    "k_g": round(float(row[w.N_K]), 2),
                    "stock_ml": round(float(row[w.N_STOCK_ML]), 1),
                    "acid_ml": round(float(row[w.N_ACID_ML]), 1),
                    "fed_l": round(litres, 1),
                    "ec_ms_cm": round(float(row[w.N_EC_L]) / litres, 3) if litres > 0.0 else math.nan,
                }
        return found

    def learned_flow(self) -> dict[str, tuple[float, float, int]]:
        """Give each zone's usual flow [L/min], its standard uncertainty, and from how many waterings it is known."""
        found: dict[str, tuple[float, float, int]] = {}
        for z, zone in enumerate(self._layout.zones):
            n = float(self.tables.zs[z, w.Z_N])
            if n >= 2.0:
                spread = math.sqrt(float(self.tables.zs[z, w.Z_M2]) / (n - 1.0) / n)
                found[zone] = (float(self.tables.zs[z, w.Z_MEAN]), spread, int(n))
        return found

    def reset(self, one: Reset, mono_ms: int) -> Event | None:
        """Take a zone's flow as new after a person looked, or forget a line's counts; None for another place."""
        lay = self._layout
        if one.place in lay.zones:
            relearn(lay.zones.index(one.place), self.tables.zs)
            return Event("safety.reset", one.place, mono_ms, "info", one.person)
        if one.place in lay.lines:
            row = self.tables.ls[lay.lines.index(one.place)]
            row[[w.S_BW_N, w.S_IDLE_N, w.S_EC_TRIM, w.S_PH_TRIM, w.S_DOSED, w.S_DOSED_L]] = 0.0
        return None

    def memory(self) -> dict[str, tuple[float, ...]]:
        """Give all that a restart must not forget, as rows by what they belong to."""
        lay, t = self._layout, self.tables
        rows = {f"zone {name}": tuple(t.zs[i].tolist()) for i, name in enumerate(lay.zones)}
        rows |= {f"line {name}": tuple(t.ls[i].tolist()) for i, name in enumerate(lay.lines)}
        return rows | {f"fed {name}": tuple(t.nutrients[i].tolist()) for i, name in enumerate(lay.zones)}

    def recall(self, saved: dict[str, tuple[float, ...]], shift_ms: float) -> None:
        """Take over what was learned and counted; ``shift_ms`` carries times over to this boot's clock."""
        lay, t = self._layout, self.tables
        for i, name in enumerate(lay.zones):
            _take(saved.get(f"zone {name}"), t.zs[i], _ZONE_KEPT, (w.Z_SOAK_UNTIL,), shift_ms)
            _take(saved.get(f"fed {name}"), t.nutrients[i], tuple(range(w.N_DAY)), (), 0.0)
            t.nutrients[i, w.N_DAY] = self._day
        for i, name in enumerate(lay.lines):
            _take(saved.get(f"line {name}"), t.ls[i], _LINE_KEPT, (w.S_BW_ENDED,), shift_ms)
        self._told, self._looked = self._verdicts(), b""

    def readers(self) -> dict[str, Callable[[int], float]]:
        """Give how to look up, for an output, each fact that a sentence about water names."""
        t, lay, now = self.tables, self._layout, self._engine.f
        zone, line = self._zone, self._line

        def of_recipe(column: int) -> Callable[[int], float]:
            def read(output: int) -> float:
                at = int(lay.op[output, c.O_LINE])
                recipe = int(t.ls[at, w.S_RECIPE]) if at >= 0 else -1
                return float(t.recipes[recipe, column]) if recipe >= 0 else math.nan

            return read

        def lost(output: int) -> float:
            at = int(lay.op[output, c.O_LINE])
            return float(t.lx[at, w.X_FILTER_IN] - t.lx[at, w.X_FILTER_OUT]) if at >= 0 else math.nan

        def wait_left(output: int) -> float:
            return max(0.0, zone("zs", w.Z_HOLD)(output) - float(now[c.F_LAST])) / MINUTE_MS

        return {
            "soak_min": zone("zp", w.P_SOAK, 1.0 / MINUTE_MS),
            "soak_left_min": lambda o: max(0.0, zone("zs", w.Z_SOAK_UNTIL)(o) - float(now[c.F_LAST])) / MINUTE_MS,
            "load_l_min": line("ls", w.S_LOAD),
            "zone_l_min": zone("zp", w.P_FLOW),
            "asked_l": zone("zs", w.Z_ASKED_L),
            "wait_left_min": wait_left,
            "filter_lost_kpa": lost,
            "filtered_l": line("ls", w.S_BW_L),
            "washes": line("ls", w.S_BW_N),
            "recipe_ec_ms_cm": of_recipe(w.R_EC),
            "recipe_ph": of_recipe(w.R_PH),
            "source_ec_ms_cm": self._salt,
            "salt_g_l": lambda o: self._salt(o) / MS_CM_PER_G_L,
            "salt_max_g_l": lambda o: float(lay.op[o, c.O_SALT]) / MS_CM_PER_G_L,
            "seen_l_min": zone("zs", w.Z_LAST),
            "usual_l_min": zone("zs", w.Z_MEAN),
        }

    def _salt(self, output: int) -> float:
        line = int(self._layout.op[output, c.O_LINE])
        return float(self._engine.ls[line, c.T_SALT]) if line >= 0 else math.nan

    def _zone(self, table: str, column: int, scale: float = 1.0) -> Callable[[int], float]:
        def read(output: int) -> float:
            z = self._zone_of.get(output)
            source: Floats = getattr(self.tables, table)
            return float(source[z, column]) * scale if z is not None else math.nan

        return read

    def _line(self, table: str, column: int) -> Callable[[int], float]:
        def read(output: int) -> float:
            at = int(self._layout.op[output, c.O_LINE])
            source: Floats = getattr(self.tables, table)
            return float(source[at, column]) if at >= 0 else math.nan

        return read


def _take(
    row: tuple[float, ...] | None, into: Floats, kept: tuple[int, ...], times: tuple[int, ...], shift_ms: float
) -> None:
    if row is None or len(row) != len(into):
        return
    for column in kept:
        into[column] = row[column]
    for column in times:
        into[column] = row[column] + shift_ms
