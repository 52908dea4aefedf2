# SPDX-License-Identifier: Apache-2.0
"""From samples to what the kernels may believe: drops the untrusted, joins probes, fills the input tables.

The rule it keeps: a value is believed only if it is finite, carries none of the refused quality bits and is not older
than the farm's limit; everything else is NaN from here on. Index tables hold positions in the list of series, -1 for
a sensor that does not exist.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import columns as c
from controllers.kernels.jit import njit
from controllers.kernels.psychrometrics import vpd_kpa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit
def clean(values: Floats, quality: Ints, age_ms: Ints, refused: int, stale_ms: float, out: Floats) -> None:
    """Copy the believed values to ``out`` (one entry longer than ``values``: the last is NaN, for index -1).

    Times [ms]; values [unit of their series]. Source: docs/control.md.
    """
    n = values.shape[0]
    for i in range(n):
        believed = math.isfinite(values[i]) and (quality[i] & refused) == 0 and 0 <= age_ms[i] <= stale_ms
        out[i] = values[i] if believed else math.nan
    out[n] = math.nan


@njit
def joined(x: Floats, index: Ints, row: int) -> float:
    """Join the believed probes of one row: their mean, from three on without the lowest and the highest.

    Times [ms]; values [unit of their series]. Source: docs/control.md.
    """
    count = 0
    total = 0.0
    low = math.inf
    high = -math.inf
    for j in range(index.shape[1]):
        value = x[index[row, j]]
        if math.isfinite(value):
            count += 1
            total += value
            low = min(low, value)
            high = max(high, value)
    if count == 0:
        return math.nan
    return total / count if count < 3 else (total - low - high) / (count - 2)


@njit
def fill_lines(x: Floats, age_ms: Ints, now: float, index: Ints, lx: Floats) -> None:
    """Fill the inputs of the water lines; ``index`` has the columns X_*.

    Times [ms]; values [unit of their series]. Source: docs/control.md.
    """
    for line in range(index.shape[0]):
        for j in range(c.X_WIDTH):
            lx[line, j] = x[index[line, j]]
        flow = index[line, c.X_FLOW]
        lx[line, c.X_FLOW_AT] = now - age_ms[flow] if flow >= 0 else math.nan


@njit
def fill_houses(
    x: Floats, age_ms: Ints, now: float, hazards: Ints, humidity: Ints, outside: Ints, hx: Floats, hc: Floats
) -> None:
    """Fill the houses' inputs for safety (``hx``) and climate (``hc``); ``outside`` has the columns C_T_OUT on.

    Times [ms]; values [unit of their series]. Source: docs/control.md.
    """
    for house in range(hazards.shape[0]):
        for j in range(c.Y_WIDTH):
            hx[house, j] = x[hazards[house, j]]
        wind = hazards[house, c.Y_WIND]
        hx[house, c.Y_WIND_AT] = now - age_ms[wind] if wind >= 0 else math.nan
        hc[house, c.C_T] = joined(x, hazards[:, : c.Y_T3 + 1], house)
        hc[house, c.C_RH] = joined(x, humidity, house)
        hc[house, c.C_VPD] = math.nan
        if -60.0 < hc[house, c.C_T] < 100.0:  # the formula has a pole far below
            hc[house, c.C_VPD] = vpd_kpa(hc[house, c.C_T], hc[house, c.C_RH])
        for j in range(c.C_T_OUT, c.C_WIDTH):
            hc[house, j] = x[outside[house, j - c.C_T_OUT]]


@njit
def fill_zones(x: Floats, moisture: Ints, zp: Floats, hc: Floats, due_l: Floats, zx: Floats) -> None:
    """Fill the zones' inputs of the kernel's own strategies (plans are filled by the engine).

    Times [ms]; values [unit of their series]. Source: docs/control.md.
    """
    for z in range(moisture.shape[0]):
        zx[z, c.I_MOISTURE] = joined(x, moisture, z)
        house = int(zp[z, c.Z_HOUSE])
        zx[z, c.I_RADIATION] = hc[house, c.C_RADIATION]
        zx[z, c.I_VPD] = hc[house, c.C_VPD]
        zx[z, c.I_DUE_L] = due_l[z]
