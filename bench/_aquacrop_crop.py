# SPDX-License-Identifier: Apache-2.0
"""Turns AquaCrop's crop and soil files, and weather tables, into the rows of the look-ahead's crop.

The rule it keeps: only what stands in the files before the season; where a crop's clock counts degree-days, its days
are those of the years given, never of the season itself.
"""

from typing import Any

import numpy as np

from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops

CO2_KCB = 0.05
SCALARS = {
    k.CCX: "CCx", k.CC0: "CC0", k.ZR_MIN_M: "Zmin", k.ZR_MAX_M: "Zmax", k.ZR_SHAPE: "fshape_r", k.HI0: "HI0",
    k.SINK_TOP: "SxTop", k.SINK_BOTTOM: "SxBot", k.HI_EARLY_PCT: "dHI_pre", k.KIND: "CropType",
    k.DETERMINATE: "Determinant", k.SOWN: "PlantMethod",
}  # fmt: skip
LEVELS = {
    k.P_GROW_UP: ("p_up", 0), k.P_GROW_LOW: ("p_lo", 0), k.F_GROW: ("fshape_w", 0), k.P_CLOSE_UP: ("p_up", 1),
    k.P_CLOSE_LOW: ("p_lo", 1), k.F_CLOSE: ("fshape_w", 1), k.P_AGE_UP: ("p_up", 2), k.P_AGE_LOW: ("p_lo", 2),
    k.F_AGE: ("fshape_w", 2), k.P_POL_UP: ("p_up", 3), k.P_POL_LOW: ("p_lo", 3),
}  # fmt: skip
CLOCK = {
    k.EMERGENCE: "Emergence", k.CANOPY10: "Canopy10Pct", k.FULL_CANOPY: "MaxCanopy", k.CANOPY_END: "CanopyDevEnd",
    k.SENESCENCE: "Senescence", k.MATURITY: "Maturity", k.ROOT_FULL: "MaxRooting", k.CGC: "CGC", k.CDC: "CDC",
}  # fmt: skip


def degree_days(crop: Any, low_c: Any, high_c: Any) -> Any:
    """Give the degree-days [°C d] of days by the crop file's method."""
    high, low = np.asarray(high_c, dtype=np.float64), np.asarray(low_c, dtype=np.float64)
    if crop.GDDmethod == 1:
        return np.clip((high + low) / 2, crop.Tbase, crop.Tupp) - crop.Tbase
    high = np.clip(high, crop.Tbase, crop.Tupp)
    if crop.GDDmethod == 2:
        return (high + np.clip(low, crop.Tbase, crop.Tupp)) / 2 - crop.Tbase
    return np.maximum((high + np.minimum(low, crop.Tupp)) / 2, crop.Tbase) - crop.Tbase


def crop_weather(crop: Any, table: np.ndarray) -> np.ndarray:
    """Turn days (n, 4: least and greatest temperature [°C], rain, ETo [mm]) into the look-ahead's (n, 5)."""
    degrees = degree_days(crop, table[:, 0], table[:, 1])
    days = np.ones((len(table), k.WEATHER_COLUMNS))
    days[:, k.ET0], days[:, k.RAIN] = table[:, 3], table[:, 2]
    if crop.CalendarType == 2:
        days[:, k.STEP] = degrees
    for i in range(len(table)):
        if crop.TrColdStress == 1:
            days[i, k.WARMTH] = crops.cold_answer(degrees[i], float(crop.GDD_lo), float(crop.GDD_up))
        cold = (crop.Tmin_up - table[i, 0]) / (crop.Tmin_up - crop.Tmin_lo) if crop.PolColdStress == 1 else 0.0
        heat = 0.0
        if crop.PolHeatStress == 1 and table[i, 1] > crop.Tmax_lo:  # a pair the other way round: at once, above Tmax_lo
            heat = (table[i, 1] - crop.Tmax_lo) / (crop.Tmax_up - crop.Tmax_lo) if crop.Tmax_up > crop.Tmax_lo else 1.0
        days[i, k.SETTING] = min(crops.pollen_answer(float(cold)), crops.pollen_answer(float(heat)))
    return days


def _days(crop: Any, past: list[np.ndarray]) -> dict[int, float]:
    """Give what a crop file says in days; for a degree-day clock, the mean of the ``past`` years' weather."""
    if crop.CalendarType == 1:
        span, flowering = crop.YldFormCD, max(crop.FloweringCD, 1.0)
        return {
            k.MATURITY_D: crop.MaturityCD, k.FULL_CANOPY_D: crop.MaxCanopyCD, k.CANOPY_END_D: crop.CanopyDevEndCD,
            k.HI_START_D: crop.HIstartCD, k.HI_SPAN_D: span, k.FLOWERING_D: flowering,
        }  # fmt: skip
    summed = [np.cumsum(degree_days(crop, year[:, 0], year[:, 1])) for year in past]

    def day_of(level: float) -> float:
        reached = [int(np.argmax(one > level)) + 1 if one[-1] > level else len(one) for one in summed]
        return float(round(np.mean(reached)))

    start = day_of(crop.HIstart)
    flowering = day_of(crop.FloweringEnd) - start if crop.CropType == 3 else 1.0
    return {
        k.MATURITY_D: day_of(crop.Maturity), k.FULL_CANOPY_D: day_of(crop.MaxCanopy),
        k.CANOPY_END_D: day_of(crop.CanopyDevEnd), k.HI_START_D: start,
        k.HI_SPAN_D: day_of(crop.HIend) - start, k.FLOWERING_D: max(flowering, 1.0),
    }  # fmt: skip


def crop_row(m: Any, past: list[np.ndarray]) -> np.ndarray:
    """Make the look-ahead's crop out of an initialised model's crop and soil files; ``past``: see ``crop_weather``."""
    crop, soil, co2 = m._param_struct.Seasonal_Crop_List[0], m._param_struct.Soil, m._param_struct.CO2
    row = np.zeros(k.CROP_COLUMNS)
    for column, name in {**SCALARS, **CLOCK}.items():
        row[column] = getattr(crop, name)
    for column, (name, i) in LEVELS.items():
        row[column] = getattr(crop, name)[i]
    for column, value in _days(crop, past).items():
        row[column] = value
    crops.shape_index(row)
    more = max(co2.current_concentration - co2.ref_concentration, 0.0) / (550.0 - co2.ref_concentration)
    row[k.KCB], row[k.FADE_PER_D] = crop.Kcb * (1.0 - CO2_KCB * more), crop.fage / 100.0 * (1.0 - CO2_KCB * more)
    row[k.AGE_SOONER], row[k.AIR] = crop.beta / 100.0, crop.Aer / 100.0
    row[k.PRODUCT_G_M2], row[k.PRODUCT_LATE] = crop.WP * crop.fCO2, crop.WPy / 100.0
    row[k.A_HI], row[k.B_HI], row[k.HI_MORE] = max(crop.a_HI, 0.0), max(crop.b_HI, 0.0), crop.dHI0 / 100.0
    row[k.POLLEN_EXCESS] = 1.0 + crop.exc / 100.0
    row[k.REW_MM], row[k.CN] = soil.rew, soil.cn
    _soil(row, soil.Profile if hasattr(soil, "Profile") else soil.profile)
    return row


def _soil(row: np.ndarray, layers: Any) -> None:
    """Write the soil's compartments; a profile cut otherwise is cut anew into as many, by what lies at their middle."""
    thick = np.asarray(layers.dz if hasattr(layers, "dz") else layers["dz"], dtype=np.float64)
    bottom, n = np.cumsum(thick), k.COMPARTMENTS
    new = thick if len(thick) == n else np.full(n, bottom[-1] / n)
    at = np.minimum(np.searchsorted(bottom, np.cumsum(new) - 0.5 * new), len(thick) - 1)
    row[k.DZ_M : k.DZ_M + n] = new
    for first, name in ((k.FC, "th_fc"), (k.WILT, "th_wp"), (k.SATURATED, "th_s"), (k.TAU, "tau"), (k.KSAT_MM, "Ksat")):
        row[first : first + n] = np.asarray(getattr(layers, name), dtype=np.float64)[at]
