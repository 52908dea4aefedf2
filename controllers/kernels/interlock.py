# SPDX-License-Identifier: Apache-2.0
"""The order of pump and valves: no pump against a closed way, no closed way against a pump (H4).

The rule it keeps: a valve stands open before its pump starts and closes after its pump has stopped, whatever was
asked and in whatever order. Tables as in ``controllers.kernels.safety``; the microcontroller holds the same rule.
"""

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit
def count_open(
    line: int, now: float, lead: float, op: Floats, os: Floats, first: Ints, members: Ints, allowed: Floats
) -> tuple[int, int]:
    """Count the line's valves that are allowed open, and those of them that have stood open for ``lead`` [ms].

    Levels [0..1], times [ms]. Source: docs/safety.md (H4).
    """
    opening = 0
    standing = 0
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if allowed[o] > 0.0 and op[o, c.O_KIND] == c.VALVE:
            opening += 1
            if os[o, c.S_LEVEL] > 0.0 and now - os[o, c.S_SINCE] >= lead:
                standing += 1
    return opening, standing


@njit
def interlock(
    line: int,
    now: float,
    stop: float,
    g: Floats,
    op: Floats,
    os: Floats,
    lp: Floats,
    ls: Floats,
    first: Ints,
    members: Ints,
    allowed: Floats,
    limit: Floats,
) -> None:
    """Run a pump only behind an open way, and close the way only after the pump has stopped (H4).

    Levels [0..1], times [ms]. Source: docs/safety.md (H4).
    """
    pump, master = int(lp[line, c.L_PUMP]), int(lp[line, c.L_MASTER])
    opening, standing = count_open(line, now, g[c.G_LEAD], op, os, first, members, allowed)
    way = standing > 0
    if master >= 0:
        if allowed[master] > 0.0 and opening == 0:
            allowed[master], limit[master] = 0.0, codes.NEEDS_VALVE
        stands = os[master, c.S_LEVEL] > 0.0 and now - os[master, c.S_SINCE] >= g[c.G_LEAD]
        way = way and stands and allowed[master] > 0.0
    hold = False
    water = way
    if pump >= 0:
        if allowed[pump] > 0.0 and not way:
            allowed[pump], limit[pump] = 0.0, codes.NEEDS_VALVE
        water = allowed[pump] > 0.0
        stopping = ls[line, c.T_PUMP] > 0.0 or now - ls[line, c.T_PUMP_SINCE] < g[c.G_LAG]
        hold = stop == 0.0 and not water and stopping
    if water:  # then nothing has to be shut or held
        return
    for at in range(first[line], first[line + 1]):
        o = members[at]
        if op[o, c.O_KIND] == c.DOSER and allowed[o] > 0.0 and not water:
            allowed[o], limit[o] = 0.0, codes.DOSE_NO_WATER
        way_out = o == master or (op[o, c.O_KIND] == c.VALVE and opening == 0)
        if hold and way_out and os[o, c.S_LEVEL] > 0.0 and allowed[o] == 0.0:
            allowed[o], limit[o] = os[o, c.S_LEVEL], codes.HELD_FOR_PUMP


@njit
def commit(
    now: float, op: Floats, os: Floats, lp: Floats, ls: Floats, first: Ints, members: Ints, allowed: Floats
) -> None:
    """Remember what was allowed and since when.

    Levels [0..1], times [ms]. Source: docs/safety.md (H4).
    """
    for line in range(lp.shape[0]):
        expected = 0.0
        changed = False  # one valve that hands over to another of the same flow changes the way, not the sum
        for at in range(first[line], first[line + 1]):
            o = members[at]
            if (allowed[o] > 0.0 or os[o, c.S_LEVEL] > 0.0) and op[o, c.O_KIND] == c.VALVE:
                expected += allowed[o] * op[o, c.O_FLOW_L_MIN]
                changed = changed or (allowed[o] > 0.0) != (os[o, c.S_LEVEL] > 0.0)
        if changed or expected != ls[line, c.T_EXPECTED]:
            ls[line, c.T_CHANGED] = now
            ls[line, c.T_FLOW_SEEN] = 0.0  # whether water comes through the new way is not known yet
        ls[line, c.T_EXPECTED] = expected
        pump = int(lp[line, c.L_PUMP])
        running = 1.0 if pump >= 0 and allowed[pump] > 0.0 else 0.0
        if running != ls[line, c.T_PUMP]:
            ls[line, c.T_PUMP] = running
            ls[line, c.T_PUMP_SINCE] = now
            ls[line, c.T_FLOW_SEEN] = 0.0  # nor what this run brings
    for o in range(op.shape[0]):
        if (allowed[o] > 0.0) != (os[o, c.S_LEVEL] > 0.0):
            os[o, c.S_SINCE] = now
        os[o, c.S_LEVEL] = allowed[o]
