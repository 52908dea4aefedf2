# SPDX-License-Identifier: Apache-2.0
"""The twin's dosing unit: what injectors put into flowing water, on its way through pipe and mixing chamber.

The rule it keeps: salt and acid are conserved; the pipe moves by litres, so its delay in seconds falls with the flow.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels.fertigation import PK_CARBONIC
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]

CELLS = 24  # of the pipe; the last row of a unit's state is the chamber
EC, ACID = 0, 1  # mS/cm above the raw water's, meq/L
WIDTH = 2
NEUTRAL_MOST = 8.3  # pH of water in which all carbon is bicarbonate


@njit
def flow_through(state: Floats, litres: float, ec_in: float, acid_in: float, dead_l: float, mix_l: float) -> None:
    """Push ``litres`` of water with this rise in EC [mS/cm] and this acid [meq/L] through pipe and chamber [L].

    Cells in series for the pipe (plug flow with a little spreading), one well-mixed volume for the chamber. Source:
    Levenspiel, Chemical Reaction Engineering (3rd ed.), chapter 14.
    """
    cell = dead_l / CELLS
    steps = max(1, math.ceil(litres / min(0.8 * cell, 0.5 * mix_l)))
    part = litres / steps
    for _ in range(steps):
        for j in range(WIDTH):
            entering = ec_in if j == EC else acid_in
            for i in range(CELLS):
                held = state[i, j]
                state[i, j] = held + (entering - held) * part / cell
                entering = held
            state[CELLS, j] += (entering - state[CELLS, j]) * part / mix_l


@njit
def ph_after(acid_meq_l: float, alkalinity_meq_l: float, raw_ph: float) -> float:
    """Give the pH of water with this alkalinity after so much strong acid [meq/L], in a closed system.

    Source: carbonate equilibrium, Stumm and Morgan, Aquatic Chemistry (3rd ed.), 4.2.
    """
    carbon = alkalinity_meq_l * (1.0 + 10.0 ** (PK_CARBONIC - raw_ph))
    left = alkalinity_meq_l - acid_meq_l
    if carbon <= 0.0:
        return raw_ph
    if left <= 1e-3 * carbon:  # all bicarbonate is gone: the acid itself sets the pH
        free = max(1e-3 * carbon - left, 0.0) / 1000.0
        return max(min(PK_CARBONIC - 3.0, -math.log10(max(free, 1e-7))), 1.0)
    share = min(left / carbon, 0.989)
    return min(PK_CARBONIC + math.log10(share / (1.0 - share)), max(raw_ph, 0.0))


def warm_up() -> None:
    """Compile or load the dosing unit of the twin."""
    flow_through(np.zeros((CELLS + 1, WIDTH)), 1.0, 1.0, 1.0, 1.0, 1.0)
    ph_after(0.5, 1.0, 7.5)
