# SPDX-License-Identifier: Apache-2.0
"""The tables of the safety core with one thing in them to look at: an output, a water line, the pipes of two lines.

What the tests of its rules work on (``test_hazards_bounds`` and others); a whole farm tick by tick is ``farm_rig``.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from controllers.kernels import columns as c
from controllers.kernels import safety, safety_lines
from controllers.kernels.interlock import commit, interlock
from controllers.kernels.safety import Floats, Ints
from controllers.layout import Layout, lay_out
from controllers.state import Tables, fresh
from tests.controllers.farm_rig import FARM

NOW = 1_000_000.0
LEAD_MS, LAG_MS = 2_000.0, 3_000.0


@dataclass
class Gate:
    """The tables of the small farm, at rest since ever, with one output looked at."""

    output: str
    lay: Layout = field(default_factory=lambda: lay_out(FARM))
    t: Tables = field(init=False)
    o: int = field(init=False)
    lx: Floats = field(default_factory=lambda: np.full((1, c.X_WIDTH), math.nan))

    def __post_init__(self) -> None:
        self.t = fresh(self.lay, 0)
        self.o = self.lay.outputs.index(self.output)
        self.op[[c.O_MAX_ON_MS, c.O_MIN_OFF_MS, c.O_DAY_ON_MS, c.O_MAINS]] = 0.0
        self.t.f[[c.F_BOOT, c.F_MAINS_SINCE]] = -math.inf
        self.os[c.S_SINCE] = -math.inf

    @property
    def op(self) -> Floats:
        row: Floats = self.lay.op[self.o]
        return row

    @property
    def os(self) -> Floats:
        row: Floats = self.t.os[self.o]
        return row

    @property
    def ls(self) -> Floats:
        row: Floats = self.t.ls[0]
        return row

    def gate(
        self, want: float, ask: int = c.ASK_AUTO, *, dt: float = 1000.0, maintained: float = 0.0, stop: float = 0.0
    ) -> tuple[float, float]:
        """Give the level that the output may take, and the limit that bound."""
        return safety.gate_output(
            self.o, dt, NOW, want, ask, maintained, stop, self.lay.g, self.t.f, self.lay.op, self.t.os, self.t.ds,
            self.t.ls, self.t.hs,
        )  # fmt: skip

    def feel(self, does: float, now: float = NOW) -> tuple[float, float]:
        """Give what the output's feedback is found to mean, and what its line is latched by."""
        feedback = np.full(len(self.lay.outputs), math.nan)
        feedback[self.o] = does
        safety.judge_feedback(now, self.lay.op, self.t.os, self.t.ls, feedback)
        return float(self.os[c.S_ODD]), float(self.ls[c.T_LATCH])

    def account(self, dt: float) -> None:
        safety.account(dt, NOW, self.lay.op, self.t.os, self.t.ds, self.lay.lp, self.t.ls, self.lx)

    def line_veto(self) -> float:
        return safety.line_veto(self.o, 1000.0, NOW, self.lay.g, self.lay.op, self.t.os, self.t.ls)

    def dose_veto(self) -> float:
        return safety.dose_veto(self.o, 1000.0, self.lay.op, self.t.os, self.t.ds)

    def time_veto(self, wanted: bool) -> float:
        return safety.time_veto(self.o, NOW, wanted, self.lay.op, self.t.os)

    def start_veto(self) -> float:
        return safety.start_veto(self.o, NOW, self.lay.g, self.lay.op, self.t.os, self.t.f)


def row(width: int, fill: float) -> Floats:
    return np.full((1, width), fill)


@dataclass
class Line:
    """One line with a pump and nothing wrong: what it is, how it stands, what it measures."""

    lp: Floats = field(default_factory=lambda: row(c.L_WIDTH, np.nan))
    ls: Floats = field(default_factory=lambda: row(c.T_WIDTH, 0.0))
    lx: Floats = field(default_factory=lambda: row(c.X_WIDTH, np.nan))
    g: Floats = field(default_factory=lambda: np.full(c.G_WIDTH, 3.0))

    def __post_init__(self) -> None:
        self.lp[0, [c.L_PUMP, c.L_FILL_DELAY_MS, c.L_LOW, c.L_HIGH, c.L_LEAK]] = 0.0, 5_000.0, 0.5, 1.3, 0.2
        self.ls[0, [c.T_LOW_SINCE, c.T_LOST_SINCE]] = np.inf
        self.ls[0, [c.T_EXPECTED, c.T_PUMP]] = 20.0, 1.0
        self.g[c.G_FLOW_JUDGE] = 10_000.0

    def pump(self, now: float) -> None:
        safety_lines.judge_pump(0, now, self.g, self.lp, self.ls, self.lx)

    def flow(self, now: float, measured: float, measured_at: float) -> None:
        self.lx[0, [c.X_FLOW, c.X_FLOW_AT]] = measured, measured_at
        safety_lines.judge_flow(0, now, self.g, self.lp, self.ls, self.lx)

    def probes(self, now: float) -> float:
        return safety_lines.judge_probes(0, now, self.g, self.lp, self.ls, self.lx)


def solution() -> Line:
    """Give a line whose probes all see a good solution."""
    line = Line()
    line.g[[c.G_PROBE_DRY, c.G_DIFFER_EC, c.G_DIFFER_PH]] = 0.05, 0.3, 0.3
    line.lp[0, [c.L_EC_MAX, c.L_PH_MIN, c.L_PH_MAX, c.L_HAS_EC, c.L_HAS_PH, c.L_FED]] = 3.5, 5.0, 7.0, 1.0, 1.0, 0.0
    line.lx[0, [c.X_EC1, c.X_EC2, c.X_PH1, c.X_PH2]] = 2.0, 2.0, 6.0, 6.0
    line.ls[0, [c.T_PROBE_DRY_SINCE, c.T_DIFFER_SINCE]] = np.inf
    return line


@dataclass
class Pipes:
    """Two lines of a pump, a valve, a master valve and a doser each (outputs 0-3 and 4-7), all at rest since ever."""

    op: Floats = field(default_factory=lambda: np.zeros((8, c.O_WIDTH)))
    os: Floats = field(default_factory=lambda: np.zeros((8, c.S_WIDTH)))
    lp: Floats = field(default_factory=lambda: np.zeros((2, c.L_WIDTH)))
    ls: Floats = field(default_factory=lambda: np.zeros((2, c.T_WIDTH)))
    g: Floats = field(default_factory=lambda: np.zeros(c.G_WIDTH))
    allowed: Floats = field(default_factory=lambda: np.zeros(8))
    limit: Floats = field(default_factory=lambda: np.zeros(8))
    first: Ints = field(default_factory=lambda: np.array([0, 4, 8]))
    members: Ints = field(default_factory=lambda: np.arange(8))

    def __post_init__(self) -> None:
        self.op[:, c.O_KIND] = (c.PUMP, c.VALVE, c.MASTER, c.DOSER) * 2
        self.op[:, c.O_FLOW_L_MIN] = 20.0
        self.os[:, c.S_SINCE] = -np.inf
        self.lp[:, c.L_PUMP], self.lp[:, c.L_MASTER] = (0.0, 4.0), (2.0, 6.0)
        self.ls[:, c.T_PUMP_SINCE] = -np.inf
        self.g[[c.G_LEAD, c.G_LAG]] = LEAD_MS, LAG_MS

    def stand(self, *outputs: int) -> None:
        """Let these stand open, or run, for a long time."""
        self.os[list(outputs), c.S_LEVEL] = 1.0
        self.os[list(outputs), c.S_SINCE] = 0.0

    def judge(self, line: int, *wanted: int) -> list[int]:
        """Give which of the outputs that may be on stay so after the interlock of a line."""
        self.allowed[list(wanted)] = 1.0
        interlock(
            line, NOW, 0.0, self.g, self.op, self.os, self.lp, self.ls, self.first, self.members, self.allowed,
            self.limit,
        )  # fmt: skip
        return np.flatnonzero(self.allowed).tolist()

    def commit(self, *levels: float) -> None:
        """Let the outputs of both lines take these levels, from the first on."""
        self.allowed[: len(levels)] = levels
        commit(NOW, self.op, self.os, self.lp, self.ls, self.first, self.members, self.allowed)
