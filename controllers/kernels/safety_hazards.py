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
def note(hazards: Floats, at: int, code: float) -> int:
    """Write one hazard's code [-] into the list; give 1 if it has changed. Source: docs/safety.md."""
    if code == hazards[at]:
        return 0
    hazards[at] = code
    return 1


@njit
def collect(f: Floats, os: Floats, ls: Floats, hs: Floats, limit: Floats, stop: float, hazards: Floats) -> int:
    """Write the codes of all hazards now into ``hazards`` and give how many entries changed.

    Order: mains, emergency stop, then per line (stop, dosing, filling), per house (temperature, storm), per output
    (own limit, feedback).

    Levels [0..1], times [ms]. Source: docs/safety.md.
    """
    changed = note(hazards, 0, float(codes.MAINS) if f[c.F_MAINS_OFF] > 0.0 else 0.0)
    changed += note(hazards, 1, float(codes.STOP_ALL) if stop > 0.0 else 0.0)
    at = 2
    for line in range(ls.shape[0]):
        changed += note(hazards, at, ls[line, c.T_STOP])
        changed += note(hazards, at + 1, ls[line, c.T_DOSE_STOP])
        changed += note(hazards, at + 2, ls[line, c.T_FILL_STOP])
        at += 3
    for house in range(hs.shape[0]):
        changed += note(hazards, at, hs[house, c.U_HAZARD])
        changed += note(hazards, at + 1, hs[house, c.U_STORM])
        at += 2
    for o in range(os.shape[0]):
        code = own_limit(limit[o])
        if code == 0.0 and f[c.F_LAST] < os[o, c.S_FAULT_UNTIL]:
            code = float(codes.NO_FLOW)  # a valve that is left out is still at fault, whether it is wanted or not
        changed += note(hazards, at, code)
        changed += note(hazards, at + 1, os[o, c.S_ODD])
        at += 2
    return changed
