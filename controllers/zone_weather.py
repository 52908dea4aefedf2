# SPDX-License-Identifier: Apache-2.0
"""How fast a full crop drinks now, from what a house or field measures; and which readings cannot be.

Rule kept: one absurd reading is left out, not reckoned with (a sun brighter than a clear sky, a rate that no sun can
drive); the zone's own past days stand in for it. Under film the reference field of FAO-56 does not hold.
"""

import math
from typing import Final

import numpy as np

from controllers.kernels import evapotranspiration as et
from controllers.kernels import psychrometrics as air
from controllers.kernels import solar

LAI_FULL: Final = 3.0
FILM_A: Final = 0.6  # share of the light taken up that evaporates
FILM_B_MM_H: Final = 0.02  # mm/h per kPa and unit of leaf area: 14 W/(m² kPa); night values are about half of it
FILM_EXTINCTION: Final = 0.7
PLAIN_VPD_KPA: Final = 0.9
PLAIN_WIND_M_S: Final = 1.5
BRIGHTER_THAN_CLEAR: Final = 1.25  # at the edges of clouds
DIM_W_M2: Final = 80.0
MJ_H_PER_W: Final = 0.0036


def sun_max_w_m2(latitude_deg: float, day: int, minute: int) -> float:
    """Give the brightest sun that can be at a local minute, an hour of doubt included; unknown time: 1,400."""
    if day < 0 or minute < 0:
        return 1400.0
    of_year = float((day - 1) % 365 + 1)
    best = max(
        solar.extraterrestrial_w_m2(math.radians(latitude_deg), of_year, minute / 60.0 + shift)
        for shift in (-1.0, 0.0, 1.0)
    )
    return BRIGHTER_THAN_CLEAR * 0.78 * best + DIM_W_M2


def film_rate_mm_h(radiation_w_m2: float, cover_light: float, t_c: float, rh_pct: float) -> float:
    """Give a full crop's rate [mm/h] under cover; a plain deficit stands in for the air's; NaN without sun."""
    vpd = air.vpd_kpa(t_c, rh_pct) if -20.0 < t_c < 60.0 else math.nan
    if not vpd >= 0.0:
        vpd = PLAIN_VPD_KPA if radiation_w_m2 > DIM_W_M2 else 0.3
    inside = max(radiation_w_m2, 0.0) * cover_light * MJ_H_PER_W
    return et.film_house_et_mm(inside, vpd, LAI_FULL, FILM_A, FILM_B_MM_H, FILM_EXTINCTION)


def field_rate_mm_h(
    radiation_w_m2: float, t_c: float, rh_pct: float, wind_m_s: float, latitude_deg: float, altitude_m: float,
    day: int, minute: int,
) -> float:  # fmt: skip
    """Give the hour's reference rate [mm/h] in the open field (ASCE, short); NaN where sun, air or time is missing."""
    if not (radiation_w_m2 >= -10.0 and -20.0 < t_c < 60.0 and 0.0 <= rh_pct <= 105.0 and day >= 0 and minute >= 0):
        return math.nan
    one = np.ones(1)
    sky, high, out = np.empty(1), np.empty(1), np.empty(1)
    of_year = float((day - 1) % 365 + 1)
    et.hourly_sky(math.radians(latitude_deg), one * of_year, one * (minute / 60.0), sky, high)
    clear = et.clear_sky_mj_m2(float(sky[0]), altitude_m)
    wind = wind_m_s if wind_m_s >= 0.0 else PLAIN_WIND_M_S
    et.reference_et_hourly(
        one * t_c, one * air.vapour_pressure_kpa(t_c, min(rh_pct, 100.0)), one * max(radiation_w_m2, 0.0) * MJ_H_PER_W,
        one * wind, one * clear, high, air.pressure_kpa(altitude_m), False, out,
    )  # fmt: skip
    return max(float(out[0]), 0.0)
