# SPDX-License-Identifier: Apache-2.0
"""The salinity gate: how salty the water at the intake is, judged slowly enough for a wave and fast enough for a tide.

The rule it keeps: salt closes within a minute and opens only after minutes of good water. A lost probe changes nothing
by itself, for a zone must not stay dry for lack of one sensor; a farm may ask for the opposite. The gate itself is
safety's (``kernels.safety.line_veto``), so a person's order does not pass it either.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import columns as c
from controllers.kernels import water_columns as w
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]

RISE_MS = 30_000.0
FALL_MS = 600_000.0
LOST_MS = 600_000.0  # no trusted value for so long: the probe is lost


@njit
def judge_salt(now: float, dt: float, wlp: Floats, wlx: Floats, wls: Floats, lines: Floats) -> None:
    """Follow each line's intake: T_SALT is the EC [mS/cm] to hold against a crop's limit, NaN where there is no probe.

    A first-order lag, quick upwards and slow downwards; inf where the probe is lost and the line is to close then.
    Times [ms]. Source: docs/water.md; classes: Bến Tre agriculture department, document 702 of 7/3/2022.
    """
    for line in range(wls.shape[0]):
        if wlp[line, w.L_SALT_PROBE] == 0.0:
            continue
        seen, held = wlx[line, w.X_SOURCE_EC], lines[line, c.T_SALT]
        if math.isfinite(seen):
            wls[line, w.S_SALT_SEEN] = now
            if not math.isfinite(held):
                lines[line, c.T_SALT] = seen
            else:
                lag = RISE_MS if seen > held else FALL_MS
                lines[line, c.T_SALT] = held + (seen - held) * (1.0 - math.exp(-dt / lag))
        elif wlp[line, w.L_SALT_CLOSES] > 0.0 and now - wls[line, w.S_SALT_SEEN] >= LOST_MS:
            lines[line, c.T_SALT] = math.inf
