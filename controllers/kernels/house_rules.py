# SPDX-License-Identifier: Apache-2.0
"""Gives each climate output of a house what ``kernels.climate`` decided for its kind, and tells it what became of that.

The rule it keeps: an output that belongs nowhere stays shut; while a person holds an output, the loops follow it and
take over without a jump. What safety or a pause holds back stays wanted, so that it comes as soon as it may.
"""

import math

import numpy as np
import numpy.typing as npt

from controllers.kernels import climate, codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit, njit_counted

Floats = npt.NDArray[np.float64]
PULSE_MS = 600_000.0
"""What only switches runs for its share of every ten minutes: long enough for a vent's motor, short for the crop."""


@njit
def column_of(kind: float) -> int:
    """Give the climate column of an output's ``kind`` [code O_KIND], -1 for what is no climate output.

    Source: own table, docs/control.md.
    """
    if kind == c.VENT:
        return climate.VENT
    if kind == c.FAN:
        return climate.FAN
    if kind == c.HEATER:
        return climate.HEATER
    if kind == c.FOGGER:
        return climate.FOGGER
    if kind == c.SHADE:
        return climate.SHADE
    return -1


@njit
def pulsed(level: float, now_ms: float) -> float:
    """Turn a level [0..1] into on or off at ``now_ms`` [ms]: on for its share of every PULSE_MS, else off.

    Below a twentieth it stays off, above 19 twentieths on. Source: own rule, docs/control.md.
    """
    if level < 0.05:
        return 0.0
    if level > 0.95:
        return 1.0
    share = now_ms / PULSE_MS
    return 1.0 if share - math.floor(share) < level else 0.0


@njit_counted
def decide_houses(now: float, dt_s: float, hc: Floats, band: Floats, shade: Floats, op: Floats, os: Floats,
                  gains: Floats, loops: Floats, asked: Floats, want: Floats, code_of: Floats) -> None:  # fmt: skip
    """Write ``want`` [0..1] and ``code_of`` for each output of a house, and 0 for what belongs nowhere.

    ``now`` [ms], ``dt_s`` [s] since the last tick; ``hc`` (n, C_WIDTH) air [°C, %, kPa], ``band`` (n, B_WIDTH),
    ``shade`` (n,) [W/m²]; ``gains`` and ``loops`` as ``kernels.climate`` makes them, ``asked`` (n, KINDS) what was
    wanted last. Source: docs/control.md.
    """
    houses = hc.shape[0]
    applied, stood = np.full((houses, climate.KINDS), math.nan), asked.copy()
    for o in range(op.shape[0]):
        house, column = int(op[o, c.O_HOUSE]), column_of(op[o, c.O_KIND])
        if house >= 0 and column >= 0:
            if op[o, c.O_PROPORTIONAL] > 0.0:
                stood[house, column] = os[o, c.S_LEVEL]
            if code_of[o] == codes.OVERRIDE:
                applied[house, column] = os[o, c.S_LEVEL]
    code = np.zeros((houses, climate.KINDS))
    climate.decide(dt_s, hc, band, shade, applied, gains, loops, stood, asked, code)
    for o in range(op.shape[0]):
        house, column = int(op[o, c.O_HOUSE]), column_of(op[o, c.O_KIND])
        if house >= 0 and column >= 0:
            want[o] = asked[house, column]
            code_of[o] = code[house, column]
            if op[o, c.O_PROPORTIONAL] == 0.0:
                want[o] = pulsed(want[o], now)
                if want[o] == 0.0 and asked[house, column] >= 0.05:
                    code_of[o] = codes.CLIMATE_BETWEEN_PULSES
        elif house >= 0 or op[o, c.O_LINE] < 0.0:
            want[o] = 0.0
            code_of[o] = codes.OUTPUT_NOT_USED
