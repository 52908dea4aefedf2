# SPDX-License-Identifier: Apache-2.0
"""What stands around the safety kernel: its inputs from people, what it found, and people's resets.

The rule it keeps: no level reaches an output but through ``kernels.safety.run``, whoever asked: engine, person,
remote. A hazard is told once when it begins and once when it ends, at the place where it
is (line, house, output), so one broken pipe is one alarm.
"""

import math
from collections.abc import Sequence

import numpy as np

from controllers.facts import Facts
from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.layout import Layout
from controllers.reasons import REASONS
from controllers.state import Tables
from controllers.ticks import Floats, Reset
from telemetry.records import Event

FARM = "farm"


class Safety:
    """Owns the arrays in and out of the kernel; tells hazards by place."""

    def __init__(self, layout: Layout, tables: Tables, titles: Sequence[str]) -> None:
        """Take the tables; ``titles`` are the names that people gave the layout's outputs."""
        n = len(layout.outputs)
        self._titles = titles
        self._layout = layout
        self._tables = tables
        self.lx: Floats = np.full((len(layout.lines), c.X_WIDTH), math.nan)
        self.hx: Floats = np.full((len(layout.houses), c.Y_WIDTH), math.nan)
        self.ask: Floats = np.zeros(n)
        self.maintained: Floats = np.zeros(n)
        self.allowed: Floats = np.zeros(n)
        self.limit: Floats = np.zeros(n)
        self.no_feedback: Floats = np.full(n, math.nan)
        self.override: Floats = np.full(n, math.nan)
        self.hazards: Floats = np.zeros(2 + 3 * len(layout.lines) + 2 * len(layout.houses) + 2 * n)
        self._told = self.hazards.copy()

    def events(self, mono_ms: int, facts: Facts) -> list[Event]:
        """Tell the hazards that began or ended since the last call; plain information is not told."""
        found: list[Event] = []
        for i in np.flatnonzero(self.hazards != self._told).tolist():
            subject, output = self._place(i)
            for kind, number in (("hazard.cleared", self._told[i]), ("hazard.raised", self.hazards[i])):
                if not _worth_telling(int(number), output):
                    continue
                reason = REASONS[int(number)]
                fields: dict[str, str | float | int | bool] = {"code": reason.name}
                if output >= 0:
                    fields |= {name: facts.input(name, output).value for name in reason.fields}
                if kind == "hazard.raised" and number == codes.NO_FLOW_STOP:
                    fields["valves"] = self._just_shut(subject, mono_ms)
                severity = reason.severity if kind == "hazard.raised" else "info"
                found.append(Event(kind, subject, mono_ms, severity, fields=fields))
        self._told[:] = self.hazards
        return found

    def _just_shut(self, line: str, mono_ms: int) -> str:
        """Name the valves of a line that stood open until this tick, or still do until the pump has stopped."""
        op, os = self._layout.op, self._tables.os
        there = (op[:, c.O_KIND] == c.VALVE) & (op[:, c.O_LINE] == self._layout.lines.index(line))
        stood_open = (os[:, c.S_LEVEL] > 0.0) | (os[:, c.S_SINCE] == float(mono_ms))
        return ", ".join(self._titles[o] for o in np.flatnonzero(there & stood_open).tolist())

    def active(self) -> list[tuple[str, str]]:
        """List what is dangerous now as (place, reason's name)."""
        found = []
        for i in np.flatnonzero(self.hazards).tolist():
            (place, output), number = self._place(i), int(self.hazards[i])
            if _worth_telling(number, output):
                found.append((place, REASONS[number].name))
        return found

    def _place(self, i: int) -> tuple[str, int]:
        """Give the place that entry ``i`` of the hazards tells of, and an output there to read facts from (-1 none)."""
        lay = self._layout
        if i < 2:
            return FARM, -1
        i -= 2
        if i < 3 * len(lay.lines):
            line = i // 3
            start, end = int(lay.first[line]), int(lay.first[line + 1])
            return lay.lines[line], int(lay.members[start]) if end > start else -1
        i -= 3 * len(lay.lines)
        if i < 2 * len(lay.houses):
            there = np.flatnonzero(lay.op[:, c.O_HOUSE] == i // 2)
            return lay.houses[i // 2], int(there[0]) if len(there) else -1
        output = (i - 2 * len(lay.houses)) // 2
        return lay.outputs[output], output

    def reset(self, one: Reset, mono_ms: int) -> Event | None:
        """Release what is latched at a line or an output; None when no such place exists."""
        lay, t = self._layout, self._tables
        if one.place in lay.lines:
            row = t.ls[lay.lines.index(one.place)]
            row[[c.T_LATCH, c.T_DOSE_LATCH, c.T_FILL_LATCH, c.T_DRY_N, c.T_NO_FLOW_N, c.T_LEAK_N, c.T_OVER_N]] = 0.0
            row[[c.T_DRY_UNTIL]] = -math.inf
            row[[c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE]] = math.inf
            row[[c.T_REF_EC, c.T_REF_PH]] = math.nan
            row[c.T_DOSE_N] = 0.0
        elif one.place in lay.outputs:
            out = t.os[lay.outputs.index(one.place)]
            out[c.S_TRIPPED] = 0.0
            out[c.S_FAULT_UNTIL] = -math.inf
        else:
            return None
        return Event("safety.reset", one.place, mono_ms, "info", one.person)


def _worth_telling(number: int, output: int) -> bool:
    """Say whether people hear of a hazard: not of plain information, nor that a house that nothing moves is blind."""
    if number == codes.NONE or REASONS[number].severity == "info":
        return False
    return output >= 0 or number not in (codes.BLIND, codes.BLIND_COLD)
