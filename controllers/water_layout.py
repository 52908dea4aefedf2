# SPDX-License-Identifier: Apache-2.0
"""Turns the settings of hydraulics and fertigation into the tables of ``kernels.water_columns``.

The rule it keeps: as ``controllers.layout``: behind this file there are only rows and numbers.
"""

import math
from dataclasses import dataclass

import numpy as np

from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.layout import Layout
from controllers.pump_curve import budget_l_min
from controllers.settings import ControlSettings, LineSettings
from controllers.ticks import Floats, Ints


@dataclass(slots=True)
class WaterTables:
    """Parameters, state and inputs, in the order in which the kernel's buffer holds them."""

    zp: Floats
    zs: Floats
    lp: Floats
    ls: Floats
    lx: Floats
    channels: Floats
    channel_state: Floats
    recipes: Floats
    parts: Floats
    nutrients: Floats
    index: Ints

    def arrays(self) -> list[Floats]:
        """Give the tables of numbers in the order of the kernel's numbers M_WATER_*."""
        return [
            self.zp, self.zs, self.lp, self.ls, self.lx, self.channels, self.channel_state, self.recipes, self.parts,
            self.nutrients,
        ]  # fmt: skip

    def take(self, views: list[Floats]) -> None:
        """Replace the tables by views of the kernel's buffer."""
        (
            self.zp, self.zs, self.lp, self.ls, self.lx, self.channels, self.channel_state, self.recipes, self.parts,
            self.nutrients,
        ) = views  # fmt: skip


def is_sequenced(settings: ControlSettings, line: LineSettings) -> bool:
    """Whether somebody waits for cheap power on this line."""
    waits = any(zone.line == line.id and zone.wait_max_h > 0.0 for zone in settings.zones)
    return bool(settings.tariff and line.pump and waits)


def _table(rows: list[list[float]], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _zone_rows(settings: ControlSettings, layout: Layout) -> list[list[float]]:
    recipes = {recipe.id: i for i, recipe in enumerate(settings.recipes)}
    lines = {line.id: line for line in settings.lines}
    rows = []
    for z, zone in enumerate(settings.zones):
        row = [0.0] * w.P_WIDTH
        row[w.P_FLOW] = zone.flow_l_min
        row[w.P_ROOM] = budget_l_min(lines[zone.line], zone.pressure_min_kpa)
        row[w.P_CYCLE] = zone.cycle_max_s * 1000.0
        row[w.P_SOAK] = zone.soak_s * 1000.0
        row[w.P_WAIT] = zone.wait_max_h * 3_600_000.0
        row[w.P_RECIPE] = recipes.get(zone.recipe, -1)
        row[w.P_SALT] = layout.op[int(layout.zp[z, c.Z_VALVE]), c.O_SALT]
        row[w.P_VALVE], row[w.P_LINE] = layout.zp[z, c.Z_VALVE], layout.zp[z, c.Z_LINE]
        rows.append(row)
    return rows


def _line_row(line: LineSettings, settings: ControlSettings, layout: Layout) -> list[float]:
    row = [0.0] * w.L_WIDTH
    row[w.L_FLOW_MAX] = budget_l_min(line, 0.0)
    row[w.L_SEQUENCED] = float(is_sequenced(settings, line))
    row[w.L_BACKWASH] = layout.outputs.index(line.backwash_valve) if line.backwash_valve else -1.0
    row[w.L_BW_KPA] = line.backwash_kpa if line.backwash_kpa > 0.0 else math.inf
    row[w.L_BW_L] = line.backwash_every_l if line.backwash_every_l > 0.0 else math.inf
    row[w.L_BW_MS] = line.backwash_s * 1000.0
    row[w.L_BW_REST] = line.backwash_rest_s * 1000.0
    row[w.L_SALT_PROBE] = float(bool(line.source_ec))
    row[w.L_SALT_CLOSES] = float(line.salt_lost == "close")
    unit = next((unit for unit in settings.fertigation if unit.line == line.id), None)
    if unit is not None:
        row[w.L_FEED] = 1.0
        row[w.L_DEAD_L], row[w.L_MIX_L] = unit.dead_l, unit.mix_l
        row[w.L_RAW_EC], row[w.L_RAW_PH] = unit.raw_ec_ms_cm, unit.raw_ph
        row[w.L_ALKALINITY] = unit.alkalinity_meq_l
        row[w.L_CYCLE_MS], row[w.L_RINSE_L] = unit.cycle_s * 1000.0, unit.rinse_l
    return row


def lay_water(settings: ControlSettings, layout: Layout, now_ms: float) -> WaterTables:
    """Make the tables of a farm and the state of one that has never run."""
    zones, lines, outputs = len(layout.zones), len(layout.lines), len(layout.outputs)
    zs = np.zeros((zones, w.Z_WIDTH))
    zs[:, w.Z_ASKED_SINCE] = math.inf
    zs[:, w.Z_HOLD] = math.nan
    zs[:, w.Z_SOAK_UNTIL] = -math.inf
    ls = np.zeros((lines, w.S_WIDTH))
    ls[:, [w.S_BW_SINCE, w.S_BW_BEGAN]] = math.inf
    ls[:, [w.S_BW_ENDED, w.S_SEEN_AT, w.S_SET_AT]] = -math.inf
    ls[:, [w.S_REF_EC, w.S_REF_PH]] = math.nan
    ls[:, w.S_SALT_SEEN] = now_ms
    channels = np.zeros((outputs, w.F_WIDTH))
    parts = np.zeros((len(settings.recipes), outputs))
    for stock in settings.stocks:
        o = layout.outputs.index(stock.doser)
        acid = stock.kind == "acid"
        strength = stock.acid_eq_l if acid else stock.ms_cm_per_ml_l
        channels[o] = (w.ACID if acid else w.FERTILISER, strength, stock.n_g_l, stock.p_g_l, stock.k_g_l)
        for r, recipe in enumerate(settings.recipes):
            parts[r, o] = recipe.parts.get(stock.id, 0.0)
    nutrients = np.zeros((zones, w.N_WIDTH))
    nutrients[:, w.N_DAY] = -math.inf
    position = {name: i for i, name in enumerate(layout.series)}
    index = [
        [position.get(name, -1) for name in (line.filter_in, line.filter_out, line.source_ec)]
        for line in settings.lines
    ]
    return WaterTables(
        zp=_table(_zone_rows(settings, layout), w.P_WIDTH),
        zs=zs,
        lp=_table([_line_row(line, settings, layout) for line in settings.lines], w.L_WIDTH),
        ls=ls,
        lx=np.full((lines, w.X_WIDTH), math.nan),
        channels=channels,
        channel_state=np.zeros((outputs, w.C_WIDTH)),
        recipes=_table([[recipe.ec_ms_cm, recipe.ph] for recipe in settings.recipes], w.R_WIDTH),
        parts=parts,
        nutrients=nutrients,
        index=np.array(index, dtype=np.int64).reshape(lines, w.X_WIDTH),
    )
