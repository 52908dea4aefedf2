# SPDX-License-Identifier: Apache-2.0
"""How much water a line's pump can give while its pressure lasts.

The rule it keeps: plain numbers from settings, so that farm.toml is judged before any kernel is loaded.
"""

import math

from controllers.settings import LineSettings


def room_l_min(shutoff_kpa: float, point_kpa: float, point_l_min: float, need_kpa: float) -> float:
    """Give the most flow [L/min] at which a pump still holds ``need_kpa`` [kPa]; 0 when it never does.

    The curve is a parabola through the shut-off pressure and one known point: p = p0 - (p0 - p1) (Q/Q1)^2.
    Source: quadratic pump curve, Karassik et al., Pump Handbook (4th ed.), 2.1.
    """
    if need_kpa >= shutoff_kpa:
        return 0.0
    return point_l_min * math.sqrt((shutoff_kpa - need_kpa) / (shutoff_kpa - point_kpa))


def budget_l_min(line: LineSettings, need_kpa: float) -> float:
    """Give the most flow that a line can give while a zone keeps ``need_kpa`` (0: any pressure will do)."""
    most = line.flow_max_l_min if line.flow_max_l_min > 0.0 else math.inf
    if line.pump_shutoff_kpa > 0.0 and need_kpa > 0.0:
        most = min(most, room_l_min(line.pump_shutoff_kpa, line.pump_kpa, line.pump_l_min, need_kpa))
    return most
