# SPDX-License-Identifier: Apache-2.0
"""Moist air: saturation pressure, vapour density, VPD, dew point, wet bulb, pressure at altitude.

Rule kept: one saturation formula everywhere (FAO-56 equation 11, Tetens), so that two parts of the program never
disagree about a VPD. Temperatures in °C, pressures in kPa, relative humidity in %, vapour density in kg/m³. A NaN in
gives a NaN out.
"""

import math

from controllers.kernels.jit import njit

LATENT_HEAT_J_KG = 2.45e6
"""Latent heat of vaporisation at 20 °C [J/kg], taken constant as in FAO-56 (Annex 3)."""
AIR_HEAT_CAPACITY_J_KG_K = 1013.0
"""Specific heat of moist air at constant pressure [J/(kg K)], FAO-56 equation 8."""
R_VAPOUR_J_KG_K = 461.5
R_DRY_AIR_J_KG_K = 287.05
KELVIN = 273.15


@njit
def saturation_pressure_kpa(temperature_c: float) -> float:
    """Return e°(T) = 0.6108 exp(17.27 T / (T + 237.3)) [kPa] for T in -40..60 °C. Source: FAO-56 equation 11."""
    return 0.6108 * math.exp(17.27 * temperature_c / (temperature_c + 237.3))


@njit
def vapour_pressure_kpa(temperature_c: float, humidity_pct: float) -> float:
    """Return the actual vapour pressure e = e°(T) RH/100 [kPa] for RH 0..100 %. Source: FAO-56 equation 10."""
    return saturation_pressure_kpa(temperature_c) * humidity_pct / 100.0


@njit
def vpd_kpa(temperature_c: float, humidity_pct: float) -> float:
    """Return the air's vapour pressure deficit e°(T) (1 - RH/100) [kPa], never below 0. Source: FAO-56 eq. 10, 11."""
    deficit = saturation_pressure_kpa(temperature_c) * (1.0 - humidity_pct / 100.0)
    if deficit < 0.0:
        return 0.0
    return deficit


@njit
def vapour_density_kg_m3(vapour_pressure: float, temperature_c: float) -> float:
    """Return the vapour's density e / (R_v T) [kg/m³] from e [kPa]. Source: ideal gas, R_v = 461.5 J/(kg K)."""
    return 1000.0 * vapour_pressure / (R_VAPOUR_J_KG_K * (temperature_c + KELVIN))


@njit
def saturation_density_kg_m3(temperature_c: float) -> float:
    """Return the vapour density [kg/m³] of saturated air. Source: FAO-56 equation 11, ideal gas."""
    return vapour_density_kg_m3(saturation_pressure_kpa(temperature_c), temperature_c)


@njit
def relative_humidity_pct(vapour_density: float, temperature_c: float) -> float:
    """Return RH [%] of air at T [°C] holding ``vapour_density`` [kg/m³]. Source: as above."""
    return 100.0 * vapour_density / saturation_density_kg_m3(temperature_c)


@njit
def dew_point_c(vapour_pressure: float) -> float:
    """Return the dew point [°C] of vapour pressure e > 0 [kPa]; else NaN. Source: FAO-56 equation 11."""
    if not vapour_pressure > 0.0:
        return math.nan
    log_ratio = math.log(vapour_pressure / 0.6108)
    return 237.3 * log_ratio / (17.27 - log_ratio)


@njit
def pressure_kpa(altitude_m: float) -> float:
    """Return the standard air pressure [kPa] at an altitude of -400..5000 m. Source: FAO-56 equation 7."""
    return 101.3 * math.pow((293.0 - 0.0065 * altitude_m) / 293.0, 5.26)


@njit
def psychrometric_constant_kpa_k(pressure: float) -> float:
    """Return gamma = 0.665e-3 P [kPa/K] for P [kPa]. Source: FAO-56 equation 8."""
    return 0.665e-3 * pressure


@njit
def air_density_kg_m3(temperature_c: float, pressure: float) -> float:
    """Return the density of air P / (R_d T) [kg/m³] for P [kPa] (vapour's 1 % left out). Source: ideal gas."""
    return 1000.0 * pressure / (R_DRY_AIR_J_KG_K * (temperature_c + KELVIN))


@njit
def vapour_pressure_wet_bulb_kpa(dry_c: float, wet_c: float, pressure: float) -> float:
    """Return e [kPa] from an aspirated psychrometer: e°(Twet) - 0.000662 P (Tdry - Twet). Source: FAO-56 eq. 15, 16."""
    return saturation_pressure_kpa(wet_c) - 0.000662 * pressure * (dry_c - wet_c)


def warm_up() -> None:
    """Compile or load the functions that callers use one at a time."""
    saturation_pressure_kpa(20.0)
    vapour_pressure_kpa(20.0, 50.0)
    vpd_kpa(20.0, 50.0)
    relative_humidity_pct(0.01, 20.0)
    dew_point_c(1.0)
    pressure_kpa(0.0)
    vapour_pressure_wet_bulb_kpa(25.0, 20.0, 101.3)
