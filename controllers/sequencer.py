# SPDX-License-Identifier: Apache-2.0
"""Says from when on the zones that may wait can start, so that the pump runs in the cheap hours and all get their turn.

The rules it keeps. A zone waits only if its ``wait_max_h`` allows it and never longer; without a trusted clock nobody
waits. The plan is made anew when somebody asks or stops, and every ten minutes; it is a function of the ticks alone.
"""

import math
from typing import Final

import numpy as np

from controllers.kernels import columns as c
from controllers.kernels import sequence
from controllers.kernels import water_columns as w
from controllers.layout import Layout
from controllers.settings import MINUTES_A_DAY, ControlSettings, minute_of_day
from controllers.settings_water import TariffBand
from controllers.state import Tables
from controllers.ticks import Floats, TickInput
from controllers.water_layout import WaterTables, is_sequenced

SLOT_MIN: Final = 10
SLOT_MS: Final = SLOT_MIN * 60_000.0
SLOTS_MOST: Final = 6 * 24


def prices_of_day(tariff: tuple[TariffBand, ...], weekday: int) -> Floats:
    """Give the price of each minute of a day, Monday 1 ... Sunday 7; hours in no band cost as the dearest."""
    prices = np.full(MINUTES_A_DAY, max(band.price_per_kwh for band in tariff))
    rest = next((band for band in tariff if not band.hours), None)
    if rest is not None:
        prices[:] = rest.price_per_kwh
    yesterday = weekday - 1 or 7
    for band in tariff:
        for starts, ends in band.hours:
            start, end = minute_of_day(starts), minute_of_day(ends)
            if start < end and weekday in band.weekdays:
                prices[start:end] = band.price_per_kwh
            elif start >= end:  # past midnight: the morning belongs to the day before
                if weekday in band.weekdays:
                    prices[start:] = band.price_per_kwh
                if yesterday in band.weekdays:
                    prices[:end] = band.price_per_kwh
    return prices


class Sequencer:
    """Plans the lines of one farm whose zones may wait for cheap power."""

    def __init__(self, settings: ControlSettings, layout: Layout) -> None:
        self._settings = settings
        self._layout = layout
        self._lines = [i for i, line in enumerate(settings.lines) if is_sequenced(settings, line)]
        power = {out.id: out.power_w / 1000.0 for out in settings.outputs}
        self._kw = {i: power[settings.lines[i].pump] or 1.0 for i in self._lines}
        if self._lines:
            sequence.warm_up()  # loaded before the first tick counts
        self._week = [prices_of_day(settings.tariff, day) for day in range(1, 8)] if self._lines else []
        self._ends = [minute_of_day(zone.allowed_to) for zone in settings.zones]
        self._key: dict[int, tuple[tuple[int, ...], int]] = {}

    def plan(self, given: TickInput, engine: Tables, water: WaterTables) -> None:
        """Write Z_HOLD of the zones that ask; asked zones of other lines are never held."""
        for line in self._lines:
            mine = np.flatnonzero(water.zp[:, w.P_LINE] == line)
            asking = [int(z) for z in mine if water.zs[z, w.Z_ASKED_SINCE] < math.inf]
            if not asking:
                self._key.pop(line, None)
                continue
            running = [int(z) for z in mine if engine.zs[z, c.R_RUNNING] > 0.0]
            key = ((*asking, -1, *running), int(given.mono_ms // SLOT_MS))
            if self._key.get(line) == key:
                continue
            self._key[line] = key
            if not given.clock_ok:
                water.zs[asking, w.Z_HOLD] = float(given.mono_ms)
                continue
            self._plan_line(line, asking, running, given, engine, water)

    def slot_costs(self, line: int, day: int, minute: int, count: int) -> Floats:
        """Give what the pump of ``line`` costs in each of ``count`` slots from a local moment on [money]."""
        week = self._week
        weekday = (day + 6) % 7  # the first day of the calendar of date.toordinal() was a Monday
        run = np.concatenate([week[(weekday + i) % 7] for i in range(count * SLOT_MIN // MINUTES_A_DAY + 2)])
        part = run[minute : minute + count * SLOT_MIN].reshape(count, SLOT_MIN)
        return np.asarray(part.mean(axis=1) * self._kw[line] * SLOT_MIN / 60.0)

    def _plan_line(
        self, line: int, asking: list[int], running: list[int], given: TickInput, engine: Tables, water: WaterTables
    ) -> None:
        now = float(given.mono_ms)
        demands = np.zeros((len(asking), sequence.D_WIDTH))
        for row, z in enumerate(asking):
            zone = water.zs[z]
            slots = max(1, math.ceil(float(zone[w.Z_ASKED_L]) / float(water.zp[z, w.P_FLOW]) / SLOT_MIN))
            left = float(zone[w.Z_ASKED_SINCE] + water.zp[z, w.P_WAIT]) - now
            until_close = (self._ends[z] - given.minute) % MINUTES_A_DAY or MINUTES_A_DAY
            latest = min(left // SLOT_MS, until_close // SLOT_MIN - slots)
            demands[row] = (
                min(slots, SLOTS_MOST), water.zp[z, w.P_FLOW], 0.0, max(0.0, latest),
                water.zp[z, w.P_ROOM], water.zp[z, w.P_RECIPE],
            )  # fmt: skip
        count = int(min(SLOTS_MOST, (demands[:, sequence.D_LATEST] + demands[:, sequence.D_SLOTS]).max() + 1))
        free = np.zeros((count, sequence.S_WIDTH))
        free[:, sequence.S_COST] = self.slot_costs(line, given.day, given.minute, count)
        free[:, sequence.S_ROOM] = water.lp[line, w.L_FLOW_MAX]
        free[:, sequence.S_RECIPE] = sequence.NONE
        for z in running:
            given_l = engine.os[int(water.zp[z, w.P_VALVE]), c.S_TOTAL_L] - engine.zs[z, c.R_START_L]
            left_l = max(0.0, float(engine.zs[z, c.R_TARGET_L] - given_l))
            until = min(count, math.ceil(left_l / float(water.zp[z, w.P_FLOW]) / SLOT_MIN))
            free[:until, sequence.S_LOAD] += water.zp[z, w.P_FLOW]
            free[:until, sequence.S_COUNT] += 1.0
            free[:until, sequence.S_ROOM] = np.minimum(free[:until, sequence.S_ROOM], water.zp[z, w.P_ROOM])
            free[:until, sequence.S_RECIPE] = water.zp[z, w.P_RECIPE]
        starts = np.zeros(len(asking), dtype=np.int64)
        sequence.plan(demands, free, float(self._layout.lp[line, c.L_ZONES_AT_ONCE]), starts)
        # What has no place in the plan may start as soon as there is room: waiting has not helped.
        water.zs[asking, w.Z_HOLD] = now + np.maximum(starts, 0) * SLOT_MS
