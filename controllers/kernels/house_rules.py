# SPDX-License-Identifier: Apache-2.0
"""What each climate output of a house should do now, by temperature, VPD, sun and rain, with hysteresis.

The rules it keeps: inside the band nothing moves; cooling comes before drying, drying by air before drying by heat;
heater and fogger never run without a trusted thermometer; an output's own last level is the memory of its hysteresis,
so the stage has no state of its own. Setpoints come from the day part (``band``, columns B_*), air from ``hc`` (C_*).

Proportional outputs answer proportionally over a span; switching ones switch. Values and sources: docs/control.md.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit
from controllers.kernels.psychrometrics import vapour_pressure_kpa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COOLING_SPAN_K: Final = 4.0  # vents are fully open so far above the band
HEATING_SPAN_K: Final = 2.0
HYSTERESIS_K: Final = 0.5
HYSTERESIS_KPA: Final = 0.1
FAN_ABOVE_K: Final = 1.5  # fans help the vents from so far above the band
DRYING_VENT: Final = 0.3
DRYING_HEAT: Final = 0.3
RAIN_VENT: Final = 0.1
SHADE_BACK: Final = 0.8


@njit
def passes(value: float, on_above: float, off_below: float, was_on: bool) -> bool:
    """Switch with hysteresis: on above one value, off below the other; NaN switches off.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    return value > on_above or (was_on and value > off_below)


@njit
def drier_outside(house: int, hc: Floats) -> bool:
    """Whether outside air holds less water than inside; taken as so when outside is not known.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    if not (-40.0 < hc[house, c.C_T_OUT] < 60.0 and math.isfinite(hc[house, c.C_RH_OUT])):
        return True
    inside = vapour_pressure_kpa(hc[house, c.C_T], hc[house, c.C_RH])
    return vapour_pressure_kpa(hc[house, c.C_T_OUT], hc[house, c.C_RH_OUT]) < inside


@njit
def vent_wish(house: int, was: float, hc: Floats, band: Floats) -> tuple[float, float]:
    """Give a vent's level and code.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    over = hc[house, c.C_T] - band[house, c.B_T_HIGH]
    level = min(max(over / COOLING_SPAN_K, 0.0), 1.0)
    code = float(codes.CLIMATE_COOLING if level > 0.0 else codes.CLIMATE_IN_BAND)
    low = band[house, c.B_VPD_LOW]
    wet = passes(low - hc[house, c.C_VPD], 0.0, -HYSTERESIS_KPA, was > 0.0)
    warm_enough = hc[house, c.C_T] > band[house, c.B_T_LOW] - HYSTERESIS_K
    if wet and warm_enough and level < DRYING_VENT and drier_outside(house, hc):
        level, code = DRYING_VENT, float(codes.CLIMATE_DRYING)
    if hc[house, c.C_RAIN] > 0.0 and level > RAIN_VENT:
        level, code = RAIN_VENT, float(codes.CLIMATE_RAIN)
    return level, code


@njit
def heater_wish(house: int, was: float, hc: Floats, band: Floats) -> tuple[float, float]:
    """Give a heater's level and code: warm up, or dry air that ventilation cannot dry.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    under = band[house, c.B_T_LOW] - hc[house, c.C_T]
    if passes(under, HYSTERESIS_K, -HYSTERESIS_K, was > 0.0):
        return min(max((under + HYSTERESIS_K) / HEATING_SPAN_K, 0.5), 1.0), float(codes.CLIMATE_HEATING)
    low = band[house, c.B_VPD_LOW]
    wet = passes(low - hc[house, c.C_VPD], HYSTERESIS_KPA, 0.0, was > 0.0)
    if wet and hc[house, c.C_T] < band[house, c.B_T_HIGH] - 1.0 and not drier_outside(house, hc):
        return DRYING_HEAT, float(codes.CLIMATE_HEAT_TO_DRY)
    return 0.0, float(codes.CLIMATE_IN_BAND)


@njit
def wish(house: int, kind: float, was: float, shade_above: float, hc: Floats, band: Floats) -> tuple[float, float]:
    """Give level and code for one output of ``kind`` whose last level was ``was``.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    on = was > 0.0
    if kind == c.VENT:
        return vent_wish(house, was, hc, band)
    if kind == c.HEATER:
        return heater_wish(house, was, hc, band)
    if kind == c.FAN:
        over = hc[house, c.C_T] - band[house, c.B_T_HIGH]
        if passes(over, FAN_ABOVE_K, FAN_ABOVE_K - 2.0 * HYSTERESIS_K, on):
            return 1.0, float(codes.CLIMATE_COOLING)
        return 0.0, float(codes.CLIMATE_IN_BAND)
    if kind == c.FOGGER:
        over = hc[house, c.C_VPD] - band[house, c.B_VPD_HIGH]
        if passes(over, HYSTERESIS_KPA, 0.0, on) and hc[house, c.C_T] > band[house, c.B_T_LOW]:
            return 1.0, float(codes.CLIMATE_FOGGING)
        return 0.0, float(codes.CLIMATE_IN_BAND)
    if kind == c.SHADE:
        if passes(hc[house, c.C_RADIATION], shade_above, SHADE_BACK * shade_above, on):
            return 1.0, float(codes.CLIMATE_SHADING)
        return 0.0, float(codes.CLIMATE_IN_BAND)
    return 0.0, float(codes.OUTPUT_NOT_USED)


@njit
def decide_houses(
    hc: Floats, band: Floats, shade: Floats, op: Floats, os: Floats, want: Floats, code_of: Floats
) -> None:
    """Write ``want`` and ``code_of`` for every output that belongs to a house, and 0 for what belongs nowhere.

    Levels [0..1], temperatures [°C], VPD [kPa]. Source: docs/control.md.
    """
    for o in range(op.shape[0]):
        house = int(op[o, c.O_HOUSE])
        kind = op[o, c.O_KIND]
        if house < 0:
            if op[o, c.O_LINE] < 0.0:
                want[o] = 0.0
                code_of[o] = codes.OUTPUT_NOT_USED
            continue
        if not math.isfinite(hc[house, c.C_T]):
            held = 0.0 if kind in (c.HEATER, c.FOGGER) else os[o, c.S_LEVEL]
            want[o] = held
            code_of[o] = codes.CLIMATE_NO_DATA
            continue
        want[o], code_of[o] = wish(house, kind, os[o, c.S_LEVEL], shade[house], hc, band)
