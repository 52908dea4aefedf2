# SPDX-License-Identifier: Apache-2.0
"""What every house's climate needs: vents, fans, heat, fog and shade by temperature, VPD, sun and rain.

Rule kept: PID loops say how much, hysteresis says when it is worth moving. Inside the band nothing moves; cooling
comes before drying, drying by air before drying by heat; what is not known never opens, heats or fogs: without a
thermometer vents and fans stay as they were and heat and fog stop.

Air (columns C_*) and band (B_*) are those of ``kernels.columns``, one row a house; codes are ``kernels.codes``. Three
loops a house (cooling, heating, drying) lie side by side in ``gains`` and ``state``: loop x houses + house.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from controllers.kernels import codes
from controllers.kernels import columns as c
from controllers.kernels.jit import njit, njit_counted
from controllers.kernels.pid import Gains, fresh_state, parameters, pid_step
from controllers.kernels.psychrometrics import vapour_pressure_kpa

Array = npt.NDArray[np.float64]

# columns of what is asked for and of the codes
VENT, FAN, HEATER, FOGGER, SHADE = range(5)
KINDS: Final = 5
COOLING, HEATING, DRYING = range(3)
LOOPS: Final = 3

MOVE: Final = 0.1  # a vent moves only by so much, or to its end: motors wear
FAN_ABOVE_K: Final = 1.5
FAN_HYSTERESIS_K: Final = 1.0
FOG_ABOVE_KPA: Final = 0.1
FOG_DOWN_TO_KPA: Final = -0.2
DRIER_BY_KPA: Final = 0.05  # drying by air begins when outside holds so much less, and ends when it holds no less
WARM_BY_K: Final = 0.5  # ... and when the house is so much over its low limit; it ends so much below
HEAT_FROM: Final = 0.1  # a heater starts at so much of its power and runs down to HEAT_TO
HEAT_TO: Final = 0.02
HEAT_TO_DRY: Final = 0.4
RAIN_VENT: Final = 0.1
SHADE_BACK: Final = 0.8

COOLING_GAINS: Final = Gains(kp=-0.25, ki_per_s=-0.25 / 900.0, kd_s=-6.0, filter_s=60.0, back_per_s=1.0 / 900.0)
HEATING_GAINS: Final = Gains(kp=0.40, ki_per_s=0.40 / 1200.0, kd_s=6.0, filter_s=60.0, back_per_s=1.0 / 1200.0)
DRYING_GAINS: Final = Gains(kp=2.0, ki_per_s=2.0 / 1800.0, kd_s=0.0, filter_s=60.0, back_per_s=1.0 / 1800.0, high=0.5)
"""Gains for 1 to 60 s ticks and houses that answer in minutes; the twin's two houses are the test."""


def loops(
    houses: int, cooling: Gains = COOLING_GAINS, heating: Gains = HEATING_GAINS, drying: Gains = DRYING_GAINS
) -> tuple[Array, Array]:
    """Make ``gains`` [7, 3 n] and a fresh ``state`` [2, 3 n] for n houses."""
    return parameters([cooling] * houses + [heating] * houses + [drying] * houses), fresh_state(LOOPS * houses)


@njit
def switched(value: float, on_above: float, off_below: float, was_on: bool) -> bool:
    """Switch with hysteresis: on above one value [any unit], off below the other; NaN is off. Source: own rule."""
    return value > on_above or (was_on and value > off_below)


@njit
def air_can_dry(house: int, air: Array, band: Array, venting: bool) -> bool:
    """Say if outside air [kPa of vapour] can dry a house warm enough [°C] for it, with hysteresis by ``venting``.

    An unknown outside counts as dry. Source: own rule.
    """
    spare_k = air[house, c.C_T] - band[house, c.B_T_LOW]
    if not spare_k > (-WARM_BY_K if venting else WARM_BY_K):
        return False
    outside_c, outside_pct = air[house, c.C_T_OUT], air[house, c.C_RH_OUT]
    if not (math.isfinite(outside_c) and math.isfinite(outside_pct)):
        return True
    inside = vapour_pressure_kpa(air[house, c.C_T], air[house, c.C_RH])
    return inside - vapour_pressure_kpa(outside_c, outside_pct) > (0.0 if venting else DRIER_BY_KPA)


@njit
def _vent(house: int, cooling: float, drying: float, air: Array, was: float) -> tuple[float, float]:
    """Return the vents' level and code from what cooling and drying ask for."""
    level, code = cooling, float(codes.CLIMATE_COOLING)
    if drying > cooling:
        level, code = drying, float(codes.CLIMATE_DRYING)
    if level <= 0.0:
        code = float(codes.CLIMATE_IN_BAND)
    if air[house, c.C_RAIN] > 0.0 and level > RAIN_VENT:
        return RAIN_VENT, float(codes.CLIMATE_RAIN)
    if level < MOVE:
        return 0.0, code
    if level > 1.0 - MOVE:
        return 1.0, code
    if abs(level - was) < MOVE:
        return was, code
    # half way into the dead zone, so that the peak of a noisy wish is not taken for the wish
    return level - 0.5 * math.copysign(MOVE, level - was), code


@njit
def _switches(house: int, air: Array, band: Array, shade_above: Array, last: Array, level: Array, code: Array) -> None:
    """Fans, fog and shade: on or off, with hysteresis."""
    over_k = air[house, c.C_T] - band[house, c.B_T_HIGH]
    if switched(over_k, FAN_ABOVE_K, FAN_ABOVE_K - FAN_HYSTERESIS_K, last[house, FAN] > 0.0):
        level[house, FAN], code[house, FAN] = 1.0, codes.CLIMATE_COOLING
    over_kpa = air[house, c.C_VPD] - band[house, c.B_VPD_HIGH]
    warm = air[house, c.C_T] > band[house, c.B_T_LOW]
    if warm and switched(over_kpa, FOG_ABOVE_KPA, FOG_DOWN_TO_KPA, last[house, FOGGER] > 0.0):
        level[house, FOGGER], code[house, FOGGER] = 1.0, codes.CLIMATE_FOGGING
    sun, limit = air[house, c.C_RADIATION], shade_above[house]
    if switched(sun, limit, SHADE_BACK * limit, last[house, SHADE] > 0.0):
        level[house, SHADE], code[house, SHADE] = 1.0, codes.CLIMATE_SHADING


@njit_counted
def decide(dt_s: float, air: Array, band: Array, shade_above: Array, applied: Array, gains: Array, state: Array,
           last: Array, out_level: Array, out_code: Array) -> None:  # fmt: skip
    """Write what each of n houses needs: ``out_level`` [n, KINDS] in 0..1 and ``out_code`` [n, KINDS].

    ``dt_s`` [s] since the last call, over 0. ``air`` [n, C_WIDTH], ``band`` [n, B_WIDTH], ``shade_above`` [n] W/m².
    ``applied`` [n, KINDS] is what the outputs really did if somebody else moved them (NaN: as asked): the loops then
    track it and hand over without a jump. ``last`` [n, KINDS] remembers the levels, ``state`` the loops. Source:
    docs/greenhouse-model.md, section on control; bands by crop in ``controllers.climate_bands``.
    """
    n = air.shape[0]
    setpoint, measured = np.empty(LOOPS * n), np.empty(LOOPS * n)
    forced, asked = np.full(LOOPS * n, math.nan), np.empty(LOOPS * n)
    for h in range(n):
        setpoint[COOLING * n + h], measured[COOLING * n + h] = band[h, c.B_T_HIGH], air[h, c.C_T]
        setpoint[HEATING * n + h], measured[HEATING * n + h] = band[h, c.B_T_LOW], air[h, c.C_T]
        setpoint[DRYING * n + h], measured[DRYING * n + h] = band[h, c.B_VPD_LOW], air[h, c.C_VPD]
        forced[COOLING * n + h], forced[HEATING * n + h] = applied[h, VENT], applied[h, HEATER]
    pid_step(dt_s, setpoint, measured, forced, gains, state, asked)
    for h in range(n):
        out_level[h, :] = 0.0
        out_code[h, :] = codes.CLIMATE_IN_BAND
        if not (math.isfinite(air[h, c.C_T]) and dt_s > 0.0):
            out_code[h, :] = codes.CLIMATE_NO_DATA
            for kind in (VENT, FAN, SHADE):
                out_level[h, kind] = max(0.0, last[h, kind])
        else:
            drying, heating = asked[DRYING * n + h], asked[HEATING * n + h]
            by_air = air_can_dry(h, air, band, last[h, VENT] > 0.0)
            warming = last[h, HEATER] > 0.0
            out_level[h, VENT], out_code[h, VENT] = _vent(
                h, asked[COOLING * n + h], drying if by_air else 0.0, air, last[h, VENT]
            )
            if switched(heating, HEAT_FROM, HEAT_TO, warming):
                out_level[h, HEATER], out_code[h, HEATER] = heating, codes.CLIMATE_HEATING
            elif switched(drying, HEAT_FROM, HEAT_TO, warming) and not by_air and air[h, c.C_T] < band[h, c.B_T_HIGH]:
                out_level[h, HEATER], out_code[h, HEATER] = min(drying, HEAT_TO_DRY), codes.CLIMATE_HEAT_TO_DRY
            _switches(h, air, band, shade_above, last, out_level, out_code)
        for kind in range(KINDS):
            last[h, kind] = out_level[h, kind] if math.isnan(applied[h, kind]) else applied[h, kind]


def warm_up() -> None:
    """Compile or load the decision for one house."""
    gains, state = loops(1)
    air, band = np.full((1, c.C_WIDTH), 20.0), np.ones((1, c.B_WIDTH))
    decide(1.0, air, band, np.ones(1), np.full((1, KINDS), math.nan), gains, state, np.zeros((1, KINDS)),
           np.zeros((1, KINDS)), np.zeros((1, KINDS)))  # fmt: skip
