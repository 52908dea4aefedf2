# SPDX-License-Identifier: Apache-2.0
"""Which outputs' decisions are to be stored this tick: those whose code, limit or outcome changed, and the old ones.

The rule it keeps: storing is a pure function of the ticks, so a replay stores the same decisions.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from controllers.kernels import columns as c
from controllers.kernels.jit import njit

Floats = npt.NDArray[np.float64]

LEVEL_STEP: Final = 0.05  # a proportional output's level counts as changed from so much on


@njit
def find_changes(
    now: float,
    repeat_ms: float,
    allowed: Floats,
    code: Floats,
    limit: Floats,
    op: Floats,
    kept: Floats,
    stored_ms: Floats,
    marks: Floats,
) -> int:
    """Set ``marks`` to 1 for each output to store and remember it in ``kept`` [code, limit, level]; return how many.

    The strokes of an injector are part of one decision: of a doser only code and limit count.

    Times [ms], levels [0..1]. Source: docs/control.md.
    """
    count = 0
    for o in range(allowed.shape[0]):
        moved = abs(allowed[o] - kept[o, 2]) >= LEVEL_STEP or (allowed[o] > 0.0) != (kept[o, 2] > 0.0)
        moved = moved and op[o, c.O_KIND] != c.DOSER
        changed = code[o] != kept[o, 0] or limit[o] != kept[o, 1] or moved
        marks[o] = 0.0
        if changed or now - stored_ms[o] >= repeat_ms:
            marks[o] = 1.0
            count += 1
            kept[o, 0] = code[o]
            kept[o, 1] = limit[o]
            kept[o, 2] = allowed[o]
            stored_ms[o] = now
    return count
