# SPDX-License-Identifier: Apache-2.0
"""Where the sun stands and what it sends to the top of the air.

Rule kept: FAO-56's geometry, good to about 0.5° and 1 %, enough for control and for a generated year. Angles in
radians, day of year 1..366, solar time in hours with 12 at the sun's highest.
"""

import math

from controllers.kernels.jit import njit

SOLAR_CONSTANT_W_M2 = 1367.0
"""0.0820 MJ/(m² min), FAO-56 equation 21."""


@njit
def declination_rad(day_of_year: float) -> float:
    """Return the sun's declination [rad]. Source: FAO-56 equation 24."""
    return 0.409 * math.sin(2.0 * math.pi * day_of_year / 365.0 - 1.39)


@njit
def inverse_distance(day_of_year: float) -> float:
    """Return the inverse relative distance Earth-Sun, squared [-]. Source: FAO-56 equation 23."""
    return 1.0 + 0.033 * math.cos(2.0 * math.pi * day_of_year / 365.0)


@njit
def sunset_hour_angle_rad(latitude_rad: float, day_of_year: float) -> float:
    """Return the sunset hour angle [rad], 0 in polar night, pi in polar day. Source: FAO-56 equation 25."""
    x = -math.tan(latitude_rad) * math.tan(declination_rad(day_of_year))
    if x >= 1.0:
        return 0.0
    if x <= -1.0:
        return math.pi
    return math.acos(x)


@njit
def day_length_h(latitude_rad: float, day_of_year: float) -> float:
    """Return the possible sunshine N [h]. Source: FAO-56 equation 34."""
    return 24.0 / math.pi * sunset_hour_angle_rad(latitude_rad, day_of_year)


@njit
def solar_time_h(clock_h: float, longitude_deg: float, utc_offset_h: float, day_of_year: float) -> float:
    """Return solar time [h] for a local standard clock [h]; longitude east positive. Source: FAO-56 eq. 31-33."""
    b = 2.0 * math.pi * (day_of_year - 81.0) / 364.0
    equation_of_time_h = 0.1645 * math.sin(2.0 * b) - 0.1255 * math.cos(b) - 0.025 * math.sin(b)
    return clock_h + (longitude_deg - 15.0 * utc_offset_h) / 15.0 + equation_of_time_h


@njit
def sine_of_elevation(latitude_rad: float, day_of_year: float, solar_h: float) -> float:
    """Return the sine of the sun's height [-], negative by night. Source: FAO-56, within equation 21."""
    delta = declination_rad(day_of_year)
    hour_angle = math.pi / 12.0 * (solar_h - 12.0)
    return math.sin(latitude_rad) * math.sin(delta) + math.cos(latitude_rad) * math.cos(delta) * math.cos(hour_angle)


@njit
def extraterrestrial_w_m2(latitude_rad: float, day_of_year: float, solar_h: float) -> float:
    """Return the radiation above the air now, on the level, [W/m²], 0 by night. Source: FAO-56 eq. 21 for a moment."""
    sine = sine_of_elevation(latitude_rad, day_of_year, solar_h)
    if sine <= 0.0:
        return 0.0
    return SOLAR_CONSTANT_W_M2 * inverse_distance(day_of_year) * sine


@njit
def daily_extraterrestrial_mj_m2(latitude_rad: float, day_of_year: float) -> float:
    """Return Ra, the day's radiation above the air [MJ/(m² d)]. Source: FAO-56 equation 21."""
    delta = declination_rad(day_of_year)
    omega = sunset_hour_angle_rad(latitude_rad, day_of_year)
    geometry = omega * math.sin(latitude_rad) * math.sin(delta) + math.cos(latitude_rad) * math.cos(delta) * math.sin(
        omega
    )
    return 24.0 * 60.0 / math.pi * 0.0820 * inverse_distance(day_of_year) * geometry


def warm_up() -> None:
    """Compile or load what callers use one at a time."""
    declination_rad(1.0)
    day_length_h(0.2, 1.0)
    solar_time_h(12.0, 108.0, 7.0, 1.0)
    sine_of_elevation(0.2, 1.0, 12.0)
    extraterrestrial_w_m2(0.2, 1.0, 12.0)
    daily_extraterrestrial_mj_m2(0.2, 1.0)
