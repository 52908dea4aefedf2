# SPDX-License-Identifier: Apache-2.0
"""Asks the planners of the zones when their time has come, and hands their wishes to the kernel while they are fresh.

The rule it keeps: a planner sees believed values only, each as old as it allows; a plan that is not renewed is no plan;
what a plan rests on is told once an hour and whenever its reason changes, so that it can be explained later.
"""

import math
from collections.abc import Mapping
from typing import Final, cast

import numpy as np

from controllers.kernels import columns as c
from controllers.layout import Layout
from controllers.reasons import name_of
from controllers.state import Tables
from controllers.strategies import LastingPlanner, PlanInput, Planner
from controllers.ticks import Floats, Ints, Sense, TickInput
from controllers.zone_planner import ZonePlanner
from telemetry.records import UNUSABLE, Event

REFUSED: Final = int(UNUSABLE)
TELL_MS: Final = 3_600_000
PLAN_MADE: Final = "plan.made"


class Planning:
    """All planners of one farm at work."""

    def __init__(self, planners: Mapping[str, Planner]) -> None:
        self._planners = dict(planners)
        self._plans: dict[int, tuple[float, float]] = {}  # zone row -> litres, when planned
        self._told: dict[int, tuple[int, float]] = {}  # zone row -> code, when told
        self._rows: dict[str, tuple[Ints, Floats]] = {}

    def __bool__(self) -> bool:
        return bool(self._planners)

    @property
    def series(self) -> tuple[str, ...]:
        """Name the series that the planners want to see."""
        return tuple(name for planner in self._planners.values() for name in planner.series)

    def ask(
        self, given: TickInput, layout: Layout, tables: Tables, zx: Floats, stale_ms: float,
        accounts: dict[int, Mapping[str, float | str]],
    ) -> list[Event]:  # fmt: skip
        """Write the wishes into the zones' inputs ``zx``, and what they rest on into ``accounts`` by output."""
        events: list[Event] = []
        for name, planner in self._planners.items():
            z = layout.zones.index(name)
            valve = int(layout.zp[z, c.Z_VALVE])
            running = tables.zs[z, c.R_RUNNING] > 0.0
            litres, asked_ms = self._plans.get(z, (math.nan, -math.inf))
            if given.mono_ms - asked_ms >= planner.period_s * 1000.0:
                values, quality = self._believed(name, planner, layout, given.sense, stale_ms)
                day, minute = (given.day, given.minute) if given.clock_ok else (-1, -1)
                given_l = float(tables.os[valve, c.S_TOTAL_L])
                wish = planner.plan(PlanInput(given.mono_ms, day, minute, values, given_l, quality))
                litres, asked_ms = float(wish.litres), float(given.mono_ms)
                zx[z, c.I_PLANNED_CODE] = wish.code
                accounts[valve] = wish.account
                events += self._tell(z, name, given.mono_ms, wish.code, wish.account)
            if running:
                litres = 0.0  # it is being served; what is wanted after that, the next plan says
            self._plans[z] = (litres, asked_ms)
            zx[z, c.I_PLANNED_L] = litres
        return events

    def _tell(self, z: int, zone: str, mono_ms: int, code: int, account: Mapping[str, float | str]) -> list[Event]:
        before, told_ms = self._told.get(z, (-1, -math.inf))
        if not account or (code == before and mono_ms - told_ms < TELL_MS):
            return []
        self._told[z] = (code, mono_ms)
        known = {key: value for key, value in account.items() if isinstance(value, str) or math.isfinite(value)}
        return [Event(PLAN_MADE, zone, mono_ms, fields={"code": name_of(code), **known})]

    def _believed(
        self, name: str, planner: Planner, layout: Layout, given: Sense, stale_ms: float
    ) -> tuple[Floats, Ints]:
        if name not in self._rows:
            rows = np.array([layout.series.index(one) for one in planner.series], dtype=np.int64)
            asked = getattr(planner, "patience_s", ()) or (0.0,) * len(rows)
            self._rows[name] = rows, np.array([one * 1000.0 if one > 0.0 else stale_ms for one in asked])
        rows, oldest_ms = self._rows[name]
        values, quality, age = given.values[rows], given.quality[rows], given.age_ms[rows]
        good = np.isfinite(values) & ((quality & REFUSED) == 0) & (age >= 0) & (age <= oldest_ms)
        return np.where(good, values, math.nan), quality

    def memory(self) -> dict[str, tuple[float, ...]]:
        """Give what each lasting planner remembers, by zone."""
        return {
            name: cast("LastingPlanner", planner).memory()
            for name, planner in self._planners.items()
            if hasattr(planner, "memory")
        }

    def weather(self) -> dict[str, bytes]:
        """Give the past weather that the planners keep, by place."""
        kept = {planner.place: planner.past for planner in self._planners.values() if isinstance(planner, ZonePlanner)}
        return {place: past.saved() for place, past in kept.items() if len(past)}

    def recall_weather(self, weather: Mapping[str, bytes]) -> None:
        """Give the places their past weather back."""
        for planner in self._planners.values():
            if isinstance(planner, ZonePlanner) and planner.place in weather:
                planner.past.recall(weather[planner.place])

    def recall(self, memory: Mapping[str, tuple[float, ...]], mono_ms: int, down_ms: int) -> None:
        """Give the lasting planners their memory back after ``down_ms`` of nothing."""
        for name, planner in self._planners.items():
            if name in memory and hasattr(planner, "recall"):
                cast("LastingPlanner", planner).recall(memory[name], mono_ms - down_ms)
