# SPDX-License-Identifier: Apache-2.0
"""Lists the hazards of this moment, each once and at its own place, so that a change can be told.

The rule it keeps: it only reads; what it writes is the list.
"""

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]


@njit
def own_limit(limit: float) -> float:
    """Give the code if it is an output's own hazard (those of house and line are told once, not per output).

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    if limit in (codes.NOT_A_NUMBER, codes.MAX_ON, codes.DAILY_ON, codes.DAILY_WATER, codes.NO_FLOW, codes.SALT):
        return limit
    return limit if codes.DOSE_EVENT <= limit <= codes.DOSE_DAY else 0.0


@njit
def collect(f: Floats, os: Floats, ls: Floats, hs: Floats, limit: Floats, stop: float, hazards: Floats) -> int:
    """Write the codes of all hazards now into ``hazards`` and give how many entries changed.

    Order: mains, emergency stop, then per line (stop, dosing, filling), per house (temperature, storm), per output
    (own limit, feedback).

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    changed = 0
    at = 0
    for i in range(hazards.shape[0]):
        if i == 0:
            code = float(codes.MAINS) if f[c.F_MAINS_OFF] > 0.0 else 0.0
        elif i == 1:
            code = float(codes.STOP_ALL) if stop > 0.0 else 0.0
        elif i < 2 + 3 * ls.shape[0]:
            at = i - 2
            kind = at % 3
            row = at // 3
            code = ls[row, c.T_STOP if kind == 0 else (c.T_DOSE_STOP if kind == 1 else c.T_FILL_STOP)]
        elif i < 2 + 3 * ls.shape[0] + 2 * hs.shape[0]:
            at = i - 2 - 3 * ls.shape[0]
            code = hs[at // 2, c.U_HAZARD if at % 2 == 0 else c.U_STORM]
        else:
            at = i - 2 - 3 * ls.shape[0] - 2 * hs.shape[0]
            code = own_limit(limit[at // 2]) if at % 2 == 0 else os[at // 2, c.S_ODD]
            if at % 2 == 0 and code == 0.0 and f[c.F_LAST] < os[at // 2, c.S_FAULT_UNTIL]:
                code = float(codes.NO_FLOW)  # a valve that is left out is still at fault, whether it is wanted or not
        if code != hazards[i]:
            changed += 1
            hazards[i] = code
    return changed
