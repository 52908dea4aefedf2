# SPDX-License-Identifier: Apache-2.0
"""Many PID loops in one call: derivative on the filtered measurement, anti-windup, limits, bumpless hand-over.

Rule kept: a loop whose measurement, setpoint or parameters are no number gives its low limit and forgets its past;
so a lost sensor never opens or heats. Form: parallel, u = Kp e + I + D; see docs/greenhouse-model.md.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from controllers.kernels.jit import njit

Array = npt.NDArray[np.float64]

# rows of the parameters, one column a loop
KP, KI_PER_S, KD_S, FILTER_PER_S, BACK_PER_S, LOW, HIGH = range(7)
PARAMETERS: Final = 7
# rows of the state
INTEGRAL, FILTERED = range(2)
STATES: Final = 2
LARGEST_ERROR: Final = 1e12
"""An error beyond this is no measurement (infinity counts as lost)."""


class Gains(NamedTuple):
    """One loop. Negative gains cool: a temperature above its setpoint opens the vent.

    ``kp`` [out/unit], ``ki_per_s`` [out/(unit s)], ``kd_s`` [out s/unit], ``filter_s`` [s] of the derivative,
    ``back_per_s`` [1/s] how fast the integral yields to a limit (about ki/kp), ``low`` and ``high`` [out].
    """

    kp: float
    ki_per_s: float
    kd_s: float
    filter_s: float
    back_per_s: float
    low: float = 0.0
    high: float = 1.0


def parameters(loops: list[Gains]) -> Array:
    """Make the parameter array [PARAMETERS, n]; ValueError for a limit, time or rate that cannot be."""
    for number, gains in enumerate(loops):
        if not all(math.isfinite(value) for value in gains):
            raise ValueError(f"loop {number}: {gains} holds a value that is no number")
        if not gains.low < gains.high or gains.filter_s < 0.0 or gains.back_per_s < 0.0:
            raise ValueError(f"loop {number}: {gains} needs low < high, filter_s >= 0 and back_per_s >= 0")
        if gains.ki_per_s * gains.kp < 0.0:
            raise ValueError(f"loop {number}: {gains} has kp and ki_per_s of opposite sign")
    table = np.ascontiguousarray(np.array(loops, dtype=np.float64).reshape(len(loops), len(Gains._fields)).T)
    # without a filter the rate is beyond any step's, and the step's own counts
    table[FILTER_PER_S] = [1.0 / gains.filter_s if gains.filter_s > 0.0 else math.inf for gains in loops]
    return table


def fresh_state(count: int) -> Array:
    """Make the state [STATES, n] of loops that have not run yet."""
    state = np.zeros((STATES, count))
    state[FILTERED] = math.nan
    return state


@njit
def pid_step(
    dt_s: float, setpoint: Array, measured: Array, forced: Array, gains: Array, state: Array, out: Array
) -> None:
    """Advance n loops by ``dt_s`` [s] (over 0, else every loop gives its low limit and nothing else changes).

    ``setpoint``, ``measured`` [n] in the loop's unit; ``forced`` [n] is NaN in automatic, else the level that
    somebody else commands: the loop then tracks it, so taking over again does not jump. ``gains`` [7, n], ``state``
    [2, n] as ``parameters`` and ``fresh_state`` make them; ``out`` [n] is written. Back-calculation keeps the
    integral from winding up. Source: Åström and Murray, Feedback Systems (2008), section 10.4 and 10.5.
    """
    if not 0.0 < dt_s < 1e9:
        for i in range(out.shape[0]):
            out[i] = gains[LOW, i]
        return
    per_step = 1.0 / dt_s
    for i in range(out.shape[0]):
        low, high, ki, y = gains[LOW, i], gains[HIGH, i], gains[KI_PER_S, i], measured[i]
        error = setpoint[i] - y
        known = abs(error) < LARGEST_ERROR
        kept = state[FILTERED, i]
        before = y if math.isnan(kept) else kept
        # the filter as a rate instead of a time: no division in the loop
        speed = gains[FILTER_PER_S, i]
        rate = (y - before) * min(per_step, speed)
        proportional = gains[KP, i] * error - gains[KD_S, i] * rate
        integral = state[INTEGRAL, i]
        free = proportional + integral
        floored = max(low, free)
        limited = min(high, floored)
        by_hand = not math.isnan(forced[i])
        raised = max(low, forced[i])
        asked = min(high, raised)
        back = gains[BACK_PER_S, i] * dt_s
        automatic = integral + ki * error * dt_s + (limited - free) * min(1.0, back)
        renewed = asked - proportional if by_hand else automatic
        level = asked if by_hand else limited
        state[INTEGRAL, i] = renewed if known and ki != 0.0 else 0.0
        state[FILTERED, i] = before + dt_s * rate if known else math.nan
        out[i] = level if known else low


def warm_up() -> None:
    """Compile or load the step."""
    row = np.zeros(1)
    pid_step(1.0, row, row, row, np.ones((PARAMETERS, 1)), fresh_state(1), row.copy())
