# SPDX-License-Identifier: Apache-2.0
"""One tick of thought: from what the sensors say to what every output is allowed to do, with the reason.

The rules it keeps. The same input and state give the same result, bit for bit, compiled or not. Nothing in it waits,
reads a clock or does I/O. The order of a tick stands in ``kernels.tick``; safety comes last.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from controllers.facts import Facts
from controllers.kernels import climate, codes
from controllers.kernels import columns as c
from controllers.kernels import tick as k
from controllers.kernels.packed import pack_floats, pack_ints
from controllers.kernels.safety import LONGEST_TICK_MS
from controllers.layout import Layout, lay_out
from controllers.planning import Planning
from controllers.reasons import REASONS, name_of
from controllers.safety import Safety
from controllers.schedule import Calendar, Job, LocalTime
from controllers.settings import ControlSettings, minute_of_day
from controllers.state import SNAPSHOT_MS, EngineState, Tables, fresh, restore, snapshot
from controllers.strategies import Planner
from controllers.ticks import Floats, Ints, Override, Sense, TickInput, TickResult
from controllers.water import Water
from controllers.zone_planner import planners as own_planners
from telemetry.records import UNUSABLE, Decision, Event, Input, Quality

ORIGIN_RANK: Final = {"remote": 0, "manual": 1, "local": 2}  # the hand at the plant wins
DROPPED: Final = {
    "too late": codes.RUN_TOO_LATE,
    "superseded": codes.RUN_SUPERSEDED,
    "too soon": codes.RUN_TOO_SOON,
}
REFUSED: Final = int(UNUSABLE)
PROBE_OUT: Final = "probe_out"  # among a decision's inputs: a sensor it rests on is out for its calibration
REPEAT_S: Final = 900.0
STEP_MS: Final = 2_000  # the wall clock may drift so far between two ticks before it counts as a step (H12)


def _jobs(settings: ControlSettings) -> tuple[list[Job], dict[str, tuple[int, float]]]:
    """Make a job of every scheduled run; and from the job's name its zone's row and litres."""
    jobs: list[Job] = []
    litres: dict[str, tuple[int, float]] = {}
    for z, zone in enumerate(settings.zones):
        for run in zone.schedule if zone.strategy == "schedule" else ():
            job = Job(f"{zone.id}@{run.at}", minute_of_day(run.at), zone.id, run.weekdays)
            jobs.append(job)
            litres[job.id] = (z, run.litres)
    return jobs, litres


def _day_parts(settings: ControlSettings) -> list[tuple[list[int], Floats]]:
    """Give per house the minutes at which its day parts start, and their bands in the columns B_*."""
    found: list[tuple[list[int], Floats]] = []
    for house in settings.houses:
        parts = sorted(house.day_parts, key=lambda part: minute_of_day(part.starts))
        bands = [[p.temperature_low_c, p.temperature_high_c, p.vpd_low_kpa, p.vpd_high_kpa] for p in parts]
        found.append(([minute_of_day(part.starts) for part in parts], np.array(bands, dtype=np.float64)))
    return found


class Engine:
    """The thinking of one farm. ``series`` and ``outputs`` name the rows of what goes in and comes out."""

    def __init__(
        self,
        settings: ControlSettings,
        mono_ms: int = 0,
        planners: Mapping[str, Planner] | None = None,
        repeat_s: float = REPEAT_S,
    ) -> None:
        """Build from settings without problems, at the start of a boot.

        ``planners`` think for the zones named (strategy ``planned``); those of zones whose strategy reckons are
        made here. Unchanged decisions are stored again every ``repeat_s``.
        """
        self._settings = settings
        self._given_planners = dict(planners or {})
        self._planning = Planning(own_planners(settings) | self._given_planners)
        self._layout: Layout = lay_out(settings, self._planning.series)
        jobs, self._job_litres = _jobs(settings)
        self._calendar = Calendar(jobs, settings.limits.schedule_grace_s)
        self._stale_ms = settings.limits.stale_s * 1000.0
        self._grace_ms = settings.limits.schedule_grace_s * 1000.0
        self._repeat_ms = repeat_s * 1000.0
        self._zone_of_output = {int(self._layout.zp[z, c.Z_VALVE]): zone for z, zone in enumerate(settings.zones)}
        self._begin(fresh(self._layout, mono_ms))

    def _begin(self, tables: Tables) -> None:
        lay = self._layout
        n = len(lay.outputs)
        self._tables = tables
        self._safety = Safety(lay, tables, [one.title or one.id for one in self._settings.outputs])
        self._water = Water(self._settings, lay, tables)
        self._x: Floats = np.full(len(lay.series) + 1, math.nan)
        self._hc: Floats = np.full((len(lay.houses), c.C_WIDTH), math.nan)
        self._zx: Floats = np.full((len(lay.zones), c.I_WIDTH), math.nan)
        self._due_l: Floats = np.full(len(lay.zones), math.nan)
        self._band: Floats = np.full((len(lay.houses), c.B_WIDTH), math.nan)
        self._band_of: int | None = -1
        self._parts = _day_parts(self._settings)
        self._part_of = [-2] * len(self._parts)  # the part of the day that holds, by house; -2 none yet
        self._shade = np.array([house.shade_above_w_m2 for house in self._settings.houses], dtype=np.float64)
        self._want: Floats = np.zeros(n)
        self._code: Floats = np.zeros(n)
        self._marks: Floats = np.zeros(n)
        self._overrides: dict[int, Override] = {}
        self._people_last = False
        self._planning = Planning(own_planners(self._settings) | self._given_planners)
        self._clock: tuple[bool, int] | None = None  # trusted, wall minus mono
        self._saved_ms = int(tables.f[c.F_LAST])
        self._last_ms = float(tables.f[c.F_LAST])
        self._due_any = False
        self._buffers = self._pack()
        self._facts = Facts(lay, tables, self._safety.lx, self._safety.hx, self._hc, self._zx, self._band)
        self._facts.learn(self._water.readers())

    @property
    def series(self) -> tuple[str, ...]:
        """The series that the engine listens to, in the order of ``Sense``."""
        return self._layout.series

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs, in the order of everything that has one entry per output."""
        return self._layout.outputs

    def sense(self, samples: Mapping[str, tuple[float, int, int]]) -> Sense:
        """Make a ``Sense`` from series -> (value, quality, age_ms); what is missing is no value."""
        rows = [samples.get(name, (math.nan, int(Quality.STALE), -1)) for name in self.series]
        return Sense(
            np.array([row[0] for row in rows], dtype=np.float64),
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.int64),
        )

    def tick(self, given: TickInput) -> TickResult:
        """Think once. Never raises for any number in ``given``."""
        events = self._clock_events(given)
        for one in given.resets:
            told = (self._safety.reset(one, given.mono_ms), self._water.reset(one, given.mono_ms))
            events += [released for released in told if released is not None]
        events += self._schedule(given)
        self._set_bands(given)
        if self._planning:
            events += self._planning.ask(given, self._layout, self._tables, self._zx, self._stale_ms, self._facts.plans)
        if given.overrides or given.maintenance or self._people_last:
            self._people(given)
        self._water.plan(given)
        hazards, changed, watering = self._think(given)
        self._facts.at(float(given.mono_ms), given.sense, self._override_facts)
        if hazards:
            events += self._safety.events(given.mono_ms, self._facts)
        events += self._water.events(given.mono_ms)
        decisions: tuple[Decision, ...] = ()
        if changed:
            decisions = tuple(self._decision(o, given.mono_ms) for o in np.flatnonzero(self._marks).tolist())
        due = watering and given.mono_ms - self._saved_ms >= SNAPSHOT_MS
        save = due or changed > 0 or bool(events)
        if save:
            self._saved_ms = given.mono_ms
        return TickResult(self._want.copy(), self._safety.allowed.copy(), decisions, tuple(events), save)

    def _think(self, given: TickInput) -> tuple[int, int, bool]:
        """Call the kernel; give its counts of hazards changed and decisions to store, and whether a zone waters."""
        now = float(given.mono_ms)
        dt = min(max(now - self._last_ms, 0.0), LONGEST_TICK_MS)
        self._last_ms = now
        memory, shape, indices, index_shape = self._buffers
        return k.run_tick(
            now,
            dt,
            float(given.day),
            float(given.minute),
            1.0 if given.clock_ok else 0.0,
            1.0 if given.stop_all else 0.0,
            REFUSED,
            self._stale_ms,
            self._grace_ms,
            self._repeat_ms,
            self._layout.index_mains,
            *given.sense,
            self._safety.no_feedback if given.feedback is None else given.feedback,
            memory,
            shape,
            indices,
            index_shape,
        )

    def _pack(self) -> tuple[Floats, Ints, Ints, Ints]:
        """Move all tables into the kernel's two buffers, in its order; the engine keeps views of them."""
        lay, t, safe = self._layout, self._tables, self._safety
        arrays = [self._x, lay.g, t.f, lay.op, t.os, lay.lp, t.ls, safe.lx, lay.hp, t.hs, safe.hx, self._hc, self._band]
        arrays += [self._shade, lay.zp, t.zs, self._zx, self._due_l, np.zeros(len(lay.lines)), safe.override, safe.ask]
        arrays += [safe.maintained, self._want, self._code, safe.allowed, safe.limit, safe.hazards]
        arrays += [np.full((len(lay.outputs), 3), math.nan), np.full(len(lay.outputs), -math.inf), self._marks]
        arrays += [*climate.loops(len(lay.houses)), np.zeros((len(lay.houses), climate.KINDS))]
        arrays += [*self._water.tables.arrays(), t.ds]
        memory, shape, views = pack_floats(arrays)
        t.f, t.os, t.ds, t.ls, t.hs, t.zs = (views[i] for i in (k.M_F, k.M_OS, k.M_DS, k.M_LS, k.M_HS, k.M_ZS))
        safe.lx, safe.hx, safe.override, safe.ask = (views[i] for i in (k.M_LX, k.M_HX, k.M_OVERRIDE, k.M_ASK))
        safe.maintained, safe.allowed, safe.limit = (views[i] for i in (k.M_MAINTAINED, k.M_ALLOWED, k.M_LIMIT))
        safe.hazards, self._hc, self._band, self._zx = (views[i] for i in (k.M_HAZARDS, k.M_HC, k.M_BAND, k.M_ZX))
        self._due_l, self._want, self._code, self._marks = (views[i] for i in (k.M_DUE, k.M_WANT, k.M_CODE, k.M_MARKS))
        self._water.take(views[k.M_WATER_ZP : k.M_WATER_NUT + 1])
        indices = [lay.index_line, lay.index_hazard, lay.index_humidity, lay.index_outside, lay.index_moisture]
        return memory, shape, *pack_ints([*indices, lay.first, lay.members, self._water.tables.index])

    def _set_bands(self, given: TickInput) -> None:
        """Write the climate wanted now; without a trusted clock the widest of all day parts."""
        moment = given.minute if given.clock_ok else None
        if moment == self._band_of:
            return
        self._band_of = moment
        for h, parts in enumerate(self._parts):
            if moment is None:
                self._part_of[h] = -2
                low, high = parts[1].min(axis=0), parts[1].max(axis=0)
                self._band[h] = (low[c.B_T_LOW], high[c.B_T_HIGH], low[c.B_VPD_LOW], high[c.B_VPD_HIGH])
            else:  # before the first part of the day the last one of yesterday holds: index -1
                part = bisect_right(parts[0], moment) - 1
                if part != self._part_of[h]:
                    self._part_of[h] = part
                    self._band[h] = parts[1][part]

    def _schedule(self, given: TickInput) -> list[Event]:
        """Put the scheduled runs that are due into the zones' inputs; tell those that were dropped."""
        if self._due_any:
            self._due_l[:] = math.nan
            self._due_any = False
        if not self._job_litres:
            return []
        agenda = self._calendar.agenda(LocalTime(given.day, given.minute), given.mono_ms, clock_ok=given.clock_ok)
        for due in agenda.due:
            z, litres = self._job_litres[due.job.id]
            self._due_l[z] = litres
            self._due_any = True
        return [
            Event(
                "schedule.dropped",
                drop.job.group,
                given.mono_ms,
                REASONS[DROPPED[drop.why]].severity,
                fields={"code": name_of(DROPPED[drop.why]), "job": drop.job.id, "late_min": drop.late_min},
            )
            for drop in agenda.dropped
        ]

    def _people(self, given: TickInput) -> None:
        """Take the overrides and maintenance in force; the hand at the plant wins over the remote one."""
        lay, safety = self._layout, self._safety
        longest = self._settings.limits.override_max_s * 1000.0
        safety.ask[:] = c.ASK_AUTO
        safety.maintained[:] = 0.0
        safety.override[:] = math.nan
        self._overrides.clear()
        for override in sorted(given.overrides, key=lambda one: ORIGIN_RANK[one.origin]):
            left_ms = override.until_ms - given.mono_ms
            if override.output in lay.outputs and 0 < left_ms <= longest:
                self._overrides[lay.outputs.index(override.output)] = override
        for output, override in self._overrides.items():
            safety.override[output] = override.level if not math.isnan(override.level) else math.inf
            safety.ask[output] = c.ASK_LOCAL if override.origin == "local" else c.ASK_REMOTE
        limit_ms = self._settings.limits.maintenance_max_s * 1000.0
        for work in given.maintenance:
            if 0 < work.until_ms - given.mono_ms <= limit_ms:
                for o, out in enumerate(self._settings.outputs):
                    if work.place in self._places(o, out.place, out.id):
                        safety.maintained[o] = 1.0
        self._people_last = bool(given.overrides or given.maintenance)

    def _places(self, output: int, place: str, name: str) -> tuple[str, ...]:
        zone = self._zone_of_output.get(output)
        return (name, place) if zone is None else (name, place, zone.id, zone.house, zone.line)

    def _override_facts(self, output: int) -> tuple[float, float]:
        override = self._overrides.get(output)
        if override is None:
            return math.nan, math.nan
        return override.level, (override.until_ms - self._tables.f[c.F_LAST]) / 60_000.0

    def _clock_events(self, given: TickInput) -> list[Event]:
        """Tell when the wall clock steps against the monotonic one, or gains or loses trust."""
        offset = given.wall_ms - given.mono_ms
        before, self._clock = self._clock, (given.clock_ok, offset)
        if before is None:
            return []
        found: list[Event] = []
        if abs(offset - before[1]) > STEP_MS:
            found.append(Event("clock.step", "farm", given.mono_ms, "warning", fields={"by_ms": offset - before[1]}))
        if before[0] != given.clock_ok:
            kind, severity = ("clock.trusted", "info") if given.clock_ok else ("clock.untrusted", "warning")
            found.append(Event(kind, "farm", given.mono_ms, severity))
        return found

    def _decision(self, output: int, mono_ms: int) -> Decision:
        """Write down what was decided for one output, with the numbers that its reasons name."""
        code, limit = int(self._code[output]), int(self._safety.limit[output])
        names = dict.fromkeys(REASONS[code].fields if code else ())
        if limit:
            names |= dict.fromkeys(REASONS[limit].fields)
        inputs = [self._facts.input(name, output) for name in names]
        if self._want[output] != self._safety.allowed[output]:
            inputs.append(Input("wanted", float(self._want[output])))
        if self._facts.locked(output):
            inputs.append(Input(PROBE_OUT, 1.0, int(Quality.LOCKED)))
        zone = self._zone_of_output.get(output)
        if code == codes.OVERRIDE:
            rule = f"override {self._overrides[output].origin}"
        else:
            rule = (
                zone.strategy
                if zone is not None
                else ("climate" if self._layout.op[output, c.O_HOUSE] >= 0 else "line")
            )
        return Decision(
            output=self._layout.outputs[output],
            place=zone.id if zone is not None else self._settings.outputs[output].place,
            mono_ms=mono_ms,
            code=name_of(code),
            level=float(self._safety.allowed[output]),
            rule=rule,
            inputs=tuple(inputs),
            limit=name_of(limit),
            vetoed=limit != codes.NONE,
        )

    def air_and_band(self, house: int) -> tuple[Floats, Floats]:
        """Give a house's air as it is believed now (columns C_*) and the band that is wanted (B_*), to look at only."""
        return self._hc[house], self._band[house]

    def hazards(self) -> list[tuple[str, str]]:
        """List what is dangerous now as (place, reason's dotted name)."""
        return self._safety.active()

    def water_today_l(self) -> dict[str, float]:
        """Give the litres of the running day by zone."""
        lay = self._layout
        return {name: float(self._tables.os[int(lay.zp[z, c.Z_VALVE]), c.S_DAY_L]) for z, name in enumerate(lay.zones)}

    def nutrients_today(self) -> dict[str, dict[str, float]]:
        """Give the running day's nutrient account of each zone that was fed."""
        return self._water.nutrients()

    def learned_flow(self) -> dict[str, tuple[float, float, int]]:
        """Give each zone's usual flow [L/min], its standard uncertainty and the number of waterings behind it."""
        return self._water.learned_flow()

    def snapshot(self, mono_ms: int, wall_ms: int, *, clock_ok: bool) -> EngineState:
        """Give the memory as a plain record, to be written whenever a result says ``save_state``."""
        calendar = self._calendar.snapshot(mono_ms)
        plans, water = self._planning.memory(), self._water.memory()
        taken = snapshot(self._layout, self._tables, calendar, plans, water, mono_ms, wall_ms, clock_ok=clock_ok)
        return msgspec.structs.replace(taken, weather=self._planning.weather())

    def restore(self, state: EngineState, mono_ms: int, wall_ms: int, *, clock_ok: bool) -> Event:
        """Take over the memory of an earlier boot at the start of this one; everything begins switched off."""
        known = clock_ok and state.clock_ok
        down_ms = max(0, wall_ms - state.saved_wall_ms) if known else 0
        grace_ms = self._settings.limits.resume_grace_s * 1000.0
        self._begin(restore(self._layout, state, mono_ms, down_ms, grace_ms, down_known=known))
        self._calendar.restore(state.calendar, mono_ms, down_ms)
        self._planning.recall(state.plans, mono_ms, down_ms)
        self._planning.recall_weather(state.weather)
        self._water.recall(state.water, float(mono_ms - state.saved_mono_ms - down_ms))
        return Event(
            "engine.restarted", "farm", mono_ms, fields={"code": name_of(codes.RESTARTED), "down_s": down_ms / 1000.0}
        )
