# SPDX-License-Identifier: Apache-2.0
"""The greenhouse model: air, vapour, CO2, canopy, floor and root zone of several houses, one compiled step.

Rule kept: what leaves one store enters another in the same line of flux, so energy, water and vapour close to
rounding; ``docs/greenhouse-model.md`` has the equations, sources and limits. A command that is NaN is 0; weather or
time that is no number changes nothing and is answered with ``BAD_INPUT``.

State, parameters, commands and fluxes are the columns of ``greenhouse_columns``, one row a house or zone.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from controllers.kernels import greenhouse_columns as c
from controllers.kernels.jit import njit
from controllers.kernels.psychrometrics import (
    AIR_HEAT_CAPACITY_J_KG_K,
    KELVIN,
    LATENT_HEAT_J_KG,
    air_density_kg_m3,
    saturation_density_kg_m3,
    saturation_pressure_kpa,
    vapour_density_kg_m3,
)
from controllers.kernels.root_zone import available_share, fraction, salt_factor, soak, supply, travelled, water_stress
from controllers.kernels.weather import CLOUD, CO2, HUMIDITY, RADIATION, RAIN, TEMPERATURE, WIND

Array = npt.NDArray[np.float64]

MAX_SUBSTEP_S = 20.0
"""Longest inner step: the canopy answers within about a minute."""
MAX_STEP_S = 3600.0
OK, BAD_INPUT = 0, 1

STEFAN_BOLTZMANN = 5.67e-8
PAR_SHARE = 0.48
"""PAR in global radiation (energy), between 0.45 of a clear and 0.50 of a cloudy sky."""
CO2_MG_M3_PER_PPM_KPA_K = 44.0e-3 / 8.314 * 1000.0
"""mg/m³ of CO2 = ppm · P[kPa] / T[K] times this (ideal gas, 44.0 g/mol)."""
FLOOR_VAPOUR_M_S = 0.004
"""Vapour transfer from a wet floor: 7 W/(m² K) of heat transfer over the heat capacity of air, rounded down."""


class GreenhouseState(NamedTuple):
    """All that the model remembers: houses [n, c.HOUSE_STATES] and zones [m, c.ZONE_STATES]."""

    house: Array
    zone: Array


class Fluxes(NamedTuple):
    """What moved in the last step: houses [n, c.HOUSE_FLUXES] and zones [m, c.ZONE_FLUXES]."""

    house: Array
    zone: Array


@njit
def co2_mg_m3(ppm: float, temperature_c: float, pressure_kpa: float) -> float:
    """Return CO2 [mg/m³] from ppm by volume at T [°C] and P [kPa]. Source: ideal gas, 44.0 g/mol."""
    return ppm * CO2_MG_M3_PER_PPM_KPA_K * pressure_kpa / (temperature_c + KELVIN)


@njit
def co2_ppm(mg_m3: float, temperature_c: float, pressure_kpa: float) -> float:
    """Return CO2 [ppm by volume] from mg/m³ at T [°C] and P [kPa]. Source: ideal gas, 44.0 g/mol."""
    return mg_m3 * (temperature_c + KELVIN) / (CO2_MG_M3_PER_PPM_KPA_K * pressure_kpa)


@njit
def sky_temperature_c(air_c: float, humidity_pct: float, cloud: float) -> float:
    """Return the sky's radiating temperature [°C]; cloud 0..1 closes 0.84 of the window.

    Source: Brutsaert (1975), doi:10.1029/WR011i005p00742, for the clear sky.
    """
    kelvin = air_c + KELVIN
    e_hpa = 10.0 * saturation_pressure_kpa(air_c) * humidity_pct / 100.0
    clear: float = min(1.24 * math.pow(max(e_hpa, 0.1) / kelvin, 1.0 / 7.0), 1.0)
    return float(kelvin * math.pow(clear + (1.0 - clear) * 0.84 * cloud, 0.25) - KELVIN)


@njit
def radiative_w_m2_k(one_c: float, other_c: float) -> float:
    """Return 4 sigma T³ [W/(m² K)] for far-infrared exchange of two bodies. Source: Stefan-Boltzmann."""
    mean = 0.5 * (one_c + other_c) + KELVIN
    return 4.0 * STEFAN_BOLTZMANN * mean * mean * mean


@njit
def air_exchange_m_s(house: int, wind_m_s: float, outside_c: float, fan: float, hs: Array, hp: Array) -> float:
    """Return the air exchange [m³/(m² s)] by leaks, vents (wind and warmth) and fans.

    Source: Boulard and Baille (1995), J. Agric. Eng. Res. 61: 37-48.
    """
    warmth = abs(hs[house, c.S_AIR_C] - outside_c) / (outside_c + KELVIN)
    drive = math.sqrt(
        9.81 * hp[house, c.P_VENT_STACK_M] * warmth / 2.0 + hp[house, c.P_VENT_WIND] * wind_m_s * wind_m_s
    )
    vents: float = 0.5 * hs[house, c.S_VENT] * hp[house, c.P_VENT_AREA] * hp[house, c.P_VENT_DISCHARGE] * drive
    vents += hp[house, c.P_LEAK_M_S] + hp[house, c.P_LEAK_PER_WIND] * wind_m_s + fan * hp[house, c.P_FAN_M_S]
    return vents


@njit
def stomata_s_m(house: int, light_w_m2_leaf: float, vpd: float, stress: float, canopy_c: float, hp: Array) -> float:
    """Return the stomatal resistance [s/m]: light response times dryness [kPa], heat [°C] and water stress [0..1].

    Source: Stanghellini (1987), Wageningen thesis, for light; the other factors: docs/greenhouse-model.md.
    """
    light = (light_w_m2_leaf + 4.3) / (light_w_m2_leaf + 0.54)
    dry = 1.0 + hp[house, c.P_STOMATA_VPD_PER_KPA] * max(vpd, 0.0)
    away = min(abs(canopy_c - hp[house, c.P_LEAF_BEST_C]), 20.0)
    heat = 1.0 + 0.004 * away * away
    resistance: float = hp[house, c.P_STOMATA_MIN_S_M] * light * dry * heat / max(stress, 0.02)
    return resistance


@njit
def _light(
    house: int, radiation: float, dt: float, hs: Array, hp: Array, hf: Array
) -> tuple[float, float, float, float]:
    """Share the light out; return what air, canopy and floor take in [W/m²] and the share of floor covered."""
    enters = radiation * hp[house, c.P_COVER_LIGHT] * (1.0 - hs[house, c.S_SHADE] * (1.0 - hp[house, c.P_SHADE_LIGHT]))
    air = enters * hp[house, c.P_STRUCTURE_LIGHT]
    covered = 1.0 - math.exp(-hp[house, c.P_EXTINCTION] * hs[house, c.S_LEAF_G_M2] * hp[house, c.P_SLA_M2_G])
    canopy = (enters - air) * covered * (1.0 - hp[house, c.P_CANOPY_ALBEDO])
    floor = (enters - air) * (1.0 - covered) * (1.0 - hp[house, c.P_FLOOR_ALBEDO])
    hf[house, c.F_PAR] += enters * PAR_SHARE * dt
    hf[house, c.F_SUN_AIR] += air * dt
    hf[house, c.F_SUN_CANOPY] += canopy * dt
    hf[house, c.F_SUN_FLOOR] += floor * dt
    return air, canopy, floor, covered


@njit
def _grow(house: int, light_w_m2: float, conductance_m_s: float, salt: float, outside_exchange: float,
          outside_mg_m3: float, dt: float, hs: Array, hp: Array, hf: Array) -> None:  # fmt: skip
    """Fix and respire CO2, let leaves and fruit grow, and renew the air's CO2. Light response: van Henten (1994)."""
    canopy_c, leaf = hs[house, c.S_CANOPY_C], hs[house, c.S_LEAF_G_M2]
    away = (canopy_c - hp[house, c.P_LEAF_BEST_C]) / hp[house, c.P_LEAF_SPAN_K]
    by_light = hp[house, c.P_LIGHT_USE_MG_J] * PAR_SHARE * light_w_m2 * max(1.0 - away * away, 0.0)
    warm = math.exp(0.0693147 * (canopy_c - 25.0))  # doubles every 10 K
    compensation = 60.0 * math.exp(0.053 * (canopy_c - 20.0))
    by_air = conductance_m_s * max(hs[house, c.S_CO2_MG_M3] - compensation, 0.0)
    fixed = by_light * by_air / (by_light + by_air) * dt if by_light + by_air > 0.0 else 0.0
    fixed = min(fixed, 0.5 * hs[house, c.S_CO2_MG_M3] * hp[house, c.P_HEIGHT_M])
    mass = leaf + hs[house, c.S_FRUIT_G_M2] * 0.2  # ripe fruit hardly breathes
    upkeep = hp[house, c.P_MAINTENANCE_PER_S] * mass * warm * dt
    sugar = fixed * 1e-3 * 30.0 / 44.0 * salt
    gain = 0.7 * sugar - upkeep
    respired = (0.3 * sugar + upkeep) * 44.0 / 30.0 * 1e3 + hp[house, c.P_SOIL_RESPIRATION_MG_M2_S] * warm * dt
    area = leaf * hp[house, c.P_SLA_M2_G]
    if gain > 0.0:
        to_leaf = hp[house, c.P_LEAF_SHARE] * max(1.0 - area / hp[house, c.P_LAI_MAX], 0.0)
        hs[house, c.S_LEAF_G_M2] += to_leaf * gain
        hs[house, c.S_FRUIT_G_M2] += hp[house, c.P_FRUIT_SHARE] * (1.0 - to_leaf) * gain
    else:
        hs[house, c.S_LEAF_G_M2] = max(leaf + gain, min(leaf, 1.0))
    height = hp[house, c.P_HEIGHT_M]
    before = hs[house, c.S_CO2_MG_M3] * height + respired - fixed
    after = (before + outside_exchange * dt * outside_mg_m3) / (height + outside_exchange * dt)
    hs[house, c.S_CO2_MG_M3] = after
    hf[house, c.F_ASSIMILATED] += fixed
    hf[house, c.F_RESPIRED] += respired
    hf[house, c.F_VENT_CO2] += outside_exchange * dt * (after - outside_mg_m3)


@njit
def _vapour(house: int, source_kg: float, exchange: float, outside_kg_m3: float, cover_c: float, dt: float,
            hs: Array, hp: Array, hf: Array) -> None:  # fmt: skip
    """Renew the air's vapour (backward Euler): ``source_kg`` [kg/m²] comes in, wind carries out, the cover catches."""
    height = hp[house, c.P_HEIGHT_M]
    at_cover = saturation_density_kg_m3(cover_c)
    catch = 0.0
    if hs[house, c.S_VAPOUR_KG_M3] > at_cover:
        # natural convection under a cover: 1.64e-3 dT^(1/3) m/s (de Zwart 1996)
        catch = 1.64e-3 * math.pow(max(hs[house, c.S_AIR_C] - cover_c, 0.1), 1.0 / 3.0) * hp[house, c.P_COVER_RATIO]
    before = hs[house, c.S_VAPOUR_KG_M3] * height + source_kg
    after = (before + dt * (exchange * outside_kg_m3 + catch * at_cover)) / (height + dt * (exchange + catch))
    if after < at_cover:
        catch = 0.0
        after = (before + dt * exchange * outside_kg_m3) / (height + dt * exchange)
    hs[house, c.S_VAPOUR_KG_M3] = after
    hf[house, c.F_VENT_VAPOUR] += dt * exchange * (after - outside_kg_m3)
    hf[house, c.F_CONDENSED] += dt * catch * (after - at_cover)


@njit
def _air(house: int, heat_j: float, exchange: float, weather: Array, cover_w: float, cover_sees_c: float, dt: float,
         hs: Array, hp: Array, hf: Array) -> None:  # fmt: skip
    """Renew the air's temperature (backward Euler), then let vapour above saturation fall as mist."""
    outside_c = weather[house, TEMPERATURE]
    per_m = air_density_kg_m3(20.0, hp[house, c.P_PRESSURE_KPA]) * AIR_HEAT_CAPACITY_J_KG_K
    stored = per_m * hp[house, c.P_HEIGHT_M] + hp[house, c.P_STRUCTURE_J_M2_K]
    carried = exchange * per_m
    top = stored * hs[house, c.S_AIR_C] + heat_j + dt * (carried * outside_c + cover_w * cover_sees_c)
    air_c = top / (stored + dt * (carried + cover_w))
    hf[house, c.F_VENT_HEAT] += dt * carried * (air_c - outside_c)
    hf[house, c.F_COVER] += dt * cover_w * (air_c - cover_sees_c)
    saturated = saturation_density_kg_m3(air_c)
    excess = hs[house, c.S_VAPOUR_KG_M3] - saturated
    if excess > 0.0:
        # condensing warms the air, which then holds more: one Newton step
        slope = saturated * (4098.0 / ((air_c + 237.3) * (air_c + 237.3)) - 1.0 / (air_c + KELVIN))
        height = hp[house, c.P_HEIGHT_M]
        mist = height * excess / (1.0 + slope * LATENT_HEAT_J_KG * height / stored)
        hs[house, c.S_VAPOUR_KG_M3] -= mist / height
        air_c += LATENT_HEAT_J_KG * mist / stored
        hf[house, c.F_MIST] += mist
    hs[house, c.S_AIR_C] = air_c


@njit
def _surfaces(house: int, light: float, floor_light: float, covered: float, sky_c: float, stomata: float,
              wetness: float, dt: float, hs: Array, hp: Array, hf: Array) -> tuple[float, float, float]:  # fmt: skip
    """Advance canopy, floor and root zone; return transpired, evaporated [kg/m²] and heat to the air [J/m²]."""
    air_c, canopy_c, floor_c, root_c = (
        hs[house, c.S_AIR_C],
        hs[house, c.S_CANOPY_C],
        hs[house, c.S_FLOOR_C],
        hs[house, c.S_ROOT_C],
    )
    area = max(hs[house, c.S_LEAF_G_M2] * hp[house, c.P_SLA_M2_G], 0.05)
    vapour = hs[house, c.S_VAPOUR_KG_M3]
    leaf_gap = max(saturation_density_kg_m3(canopy_c) - vapour, 0.0)
    transpired = 2.0 * area * leaf_gap / (hp[house, c.P_BOUNDARY_S_M] + stomata) * dt
    floor_gap = max(saturation_density_kg_m3(floor_c) - vapour, 0.0)
    evaporated = hp[house, c.P_FLOOR_WETNESS] * wetness * (1.0 - covered) * FLOOR_VAPOUR_M_S * floor_gap * dt
    per_m = air_density_kg_m3(20.0, hp[house, c.P_PRESSURE_KPA]) * AIR_HEAT_CAPACITY_J_KG_K
    canopy_air = 2.0 * area * per_m / hp[house, c.P_BOUNDARY_S_M] * (canopy_c - air_c) * dt
    floor_air = hp[house, c.P_FLOOR_AIR_W_M2_K] * (floor_c - air_c) * dt
    open_sky = hp[house, c.P_COVER_THERMAL] * (1.0 - 0.6 * hs[house, c.S_SHADE])
    sky_canopy = open_sky * covered * radiative_w_m2_k(canopy_c, sky_c) * (canopy_c - sky_c) * dt
    sky_floor = open_sky * (1.0 - covered) * radiative_w_m2_k(floor_c, sky_c) * (floor_c - sky_c) * dt
    floor_root = hp[house, c.P_FLOOR_ROOT_W_M2_K] * (floor_c - root_c) * dt
    deep = hp[house, c.P_ROOT_DEEP_W_M2_K] * (root_c - hp[house, c.P_DEEP_C]) * dt
    gain = light * dt - canopy_air - sky_canopy - LATENT_HEAT_J_KG * transpired
    hs[house, c.S_CANOPY_C] += gain / (area * hp[house, c.P_LEAF_J_M2_K])
    gain = floor_light * dt - floor_air - sky_floor - floor_root - LATENT_HEAT_J_KG * evaporated
    hs[house, c.S_FLOOR_C] += gain / hp[house, c.P_FLOOR_J_M2_K]
    hs[house, c.S_ROOT_C] += (floor_root - deep) / hp[house, c.P_ROOT_J_M2_K]
    hf[house, c.F_CANOPY_AIR] += canopy_air
    hf[house, c.F_FLOOR_AIR] += floor_air
    hf[house, c.F_FLOOR_ROOT] += floor_root
    hf[house, c.F_SKY_CANOPY] += sky_canopy
    hf[house, c.F_SKY_FLOOR] += sky_floor
    hf[house, c.F_DEEP] += deep
    hf[house, c.F_TRANSPIRED] += transpired
    hf[house, c.F_EVAPORATED] += evaporated
    return transpired, evaporated, canopy_air + floor_air


@njit
def _climate(house: int, stress: float, wetness: float, salt: float, sky_c: float, outside_v: float, dt: float,
             hs: Array, hp: Array, ha: Array, weather: Array, hf: Array) -> tuple[float, float]:  # fmt: skip
    """Advance one house's climate and crop; return water transpired and evaporated from the soil [kg/m²]."""
    outside_c, wind, pressure = weather[house, TEMPERATURE], weather[house, WIND], hp[house, c.P_PRESSURE_KPA]
    if ha[house, c.A_VENT_FREE] > 0.0:  # a stuck motor stays where it is
        hs[house, c.S_VENT] = travelled(
            hs[house, c.S_VENT], fraction(ha[house, c.A_VENT]), hp[house, c.P_VENT_TRAVEL_S], dt
        )
    hs[house, c.S_SHADE] = travelled(
        hs[house, c.S_SHADE], fraction(ha[house, c.A_SHADE]), hp[house, c.P_SHADE_TRAVEL_S], dt
    )
    fan, heater, fogger = fraction(ha[house, c.A_FAN]), fraction(ha[house, c.A_HEATER]), fraction(ha[house, c.A_FOGGER])
    air_light, light, floor_light, covered = _light(house, weather[house, RADIATION], dt, hs, hp, hf)
    exchange = air_exchange_m_s(house, wind, outside_c, fan, hs, hp)
    air_c, vapour = hs[house, c.S_AIR_C], hs[house, c.S_VAPOUR_KG_M3]
    area = max(hs[house, c.S_LEAF_G_M2] * hp[house, c.P_SLA_M2_G], 0.05)
    vpd = saturation_pressure_kpa(air_c) * (1.0 - vapour / saturation_density_kg_m3(air_c))
    stomata = stomata_s_m(house, light / (2.0 * area), vpd, stress, hs[house, c.S_CANOPY_C], hp)
    transpired, evaporated, warmth = _surfaces(
        house, light, floor_light, covered, sky_c, stomata, wetness, dt, hs, hp, hf
    )
    fog_water = fogger * hp[house, c.P_FOGGER_G_M2_S] * 1e-3 * dt
    room = max(0.98 * saturation_density_kg_m3(air_c) - vapour, 0.0) * hp[house, c.P_HEIGHT_M]
    fogged = min(fog_water, 0.5 * room)
    # the cover stores no heat: its temperature follows from inside, outside and sky
    inside = hp[house, c.P_INSIDE_W_M2_K]
    to_air = hp[house, c.P_OUTSIDE_W_M2_K] + hp[house, c.P_OUTSIDE_WIND_W_S_M3_K] * wind
    to_sky = (0.9 - hp[house, c.P_COVER_THERMAL]) * radiative_w_m2_k(outside_c, sky_c)
    sees_c = (to_air * outside_c + to_sky * sky_c) / (to_air + to_sky)
    cover_c = (inside * air_c + (to_air + to_sky) * sees_c) / (inside + to_air + to_sky)
    cover_w = hp[house, c.P_COVER_RATIO] * inside * (to_air + to_sky) / (inside + to_air + to_sky)
    _vapour(house, transpired + evaporated + fogged, exchange, outside_v, cover_c, dt, hs, hp, hf)
    heating = heater * hp[house, c.P_HEATER_W_M2] * dt
    heat = warmth + heating + air_light * dt - LATENT_HEAT_J_KG * fogged
    _air(house, heat, exchange, weather, cover_w, sees_c, dt, hs, hp, hf)
    conductance = area / (1.37 * hp[house, c.P_BOUNDARY_S_M] + 1.6 * stomata)
    outside_co2 = co2_mg_m3(weather[house, CO2], outside_c, pressure)
    _grow(house, light, conductance, salt, exchange, outside_co2, dt, hs, hp, hf)
    electric = fan * hp[house, c.P_FAN_W_M2] + fogger * hp[house, c.P_FOGGER_W_M2]
    electric += heater * hp[house, c.P_HEATER_W_M2] * hp[house, c.P_HEATER_ELECTRIC]
    hf[house, c.F_ELECTRIC_J] += (electric * hp[house, c.P_AREA_M2] + hp[house, c.P_BASE_W]) * dt
    hf[house, c.F_HEATER] += heating
    hf[house, c.F_FOGGED] += fogged
    hf[house, c.F_FOG_WATER] += fog_water
    hf[house, c.F_AIR_M] += exchange * dt
    return transpired, evaporated


@njit
def _substep(house: int, sky_c: float, outside_v: float, dt: float, hs: Array, hp: Array, ha: Array, zs: Array,
             zp: Array, za: Array, weather: Array, hf: Array, zf: Array) -> None:  # fmt: skip
    """Advance one house and its zones by one inner step."""
    area, stress, wetness, salt = 0.0, 0.0, 0.0, 0.0
    for zone in range(zp.shape[0]):
        if zp[zone, c.Q_HOUSE] == house:
            size = zp[zone, c.Q_AREA_M2]
            area += size
            stress += size * water_stress(zone, zs, zp)
            wetness += size * available_share(zs[zone, c.Z_TOP], zp, zone)
            salt += size * salt_factor(zone, zs, zp)
    if area > 0.0:
        stress, wetness, salt = stress / area, wetness / area, salt / area
    transpired, evaporated = _climate(house, stress, wetness, salt, sky_c, outside_v, dt, hs, hp, ha, weather, hf)
    planted = hp[house, c.P_AREA_M2] / area if area > 0.0 else 0.0
    for zone in range(zp.shape[0]):
        if zp[zone, c.Q_HOUSE] == house:
            # a dry zone gives less: each takes the share of the house's water that its roots can find
            part = water_stress(zone, zs, zp) / stress if stress > 0.0 else 0.0
            damp = available_share(zs[zone, c.Z_TOP], zp, zone) / wetness if wetness > 0.0 else 0.0
            size = zp[zone, c.Q_AREA_M2] * planted
            zf[zone, c.G_SCRATCH_UPTAKE_L] = transpired * size * part
            zf[zone, c.G_SCRATCH_EVAPORATED_L] = evaporated * size * damp
            zf[zone, c.G_SCRATCH_IRRIGATED_L] = zf[zone, c.G_IRRIGATED_L]
    supply(house, dt, hs, hp, ha, zs, zp, za, hf, zf)
    for zone in range(zp.shape[0]):
        if zp[zone, c.Q_HOUSE] == house:
            given = zf[zone, c.G_IRRIGATED_L] - zf[zone, c.G_SCRATCH_IRRIGATED_L]
            soak(zone, dt, given, hp[house, c.P_TANK_EC_MS_CM], zf[zone, c.G_SCRATCH_UPTAKE_L],
                 zf[zone, c.G_SCRATCH_EVAPORATED_L], zs, zp, zf)  # fmt: skip


@njit
def step_arrays(dt_s: float, hs: Array, hp: Array, ha: Array, zs: Array, zp: Array, za: Array, weather: Array,
                hf: Array, zf: Array) -> int:  # fmt: skip
    """Advance all houses by ``dt_s`` [s], 0 < dt_s <= 3600; ``hs`` and ``zs`` change in place, fluxes are set.

    ``weather`` has a row (columns of ``kernels.weather``) for each house. Returns OK, or BAD_INPUT with nothing
    changed when time or weather is no number or dt_s out of range. Source: docs/greenhouse-model.md.
    """
    if not 0.0 < dt_s <= MAX_STEP_S:
        return BAD_INPUT
    for house in range(hs.shape[0]):
        for column in range(weather.shape[1]):
            if not math.isfinite(weather[house, column]):
                return BAD_INPUT
    hf[:, :] = 0.0
    zf[:, :] = 0.0
    count = math.ceil(dt_s / MAX_SUBSTEP_S)
    dt = dt_s / count
    for house in range(hs.shape[0]):
        outside_c, humidity = weather[house, TEMPERATURE], weather[house, HUMIDITY]
        sky_c = sky_temperature_c(outside_c, humidity, weather[house, CLOUD])
        outside_v = vapour_density_kg_m3(saturation_pressure_kpa(outside_c) * humidity / 100.0, outside_c)
        for _ in range(count):
            _substep(house, sky_c, outside_v, dt, hs, hp, ha, zs, zp, za, weather, hf, zf)
        hs[house, c.S_ENERGY_KWH] += hf[house, c.F_ELECTRIC_J] / 3.6e6
        hs[house, c.S_RAIN_MM] += weather[house, RAIN] * dt_s / 3600.0
    return OK


def step(
    state: GreenhouseState,
    parameters: tuple[Array, Array],
    commands: tuple[Array, Array],
    weather: Array,
    dt_s: float,
    out_fluxes: Fluxes,
) -> int:
    """Advance ``state`` in place by ``dt_s``; see ``step_arrays``. Pairs are (houses, zones), all C-contiguous."""
    return step_arrays(
        dt_s, state.house, parameters[0], commands[0], state.zone, parameters[1], commands[1], weather, *out_fluxes
    )


def warm_up() -> None:
    """Compile or load the step for two-dimensional float arrays, and what looks at its state."""
    co2_ppm(co2_mg_m3(420.0, 20.0, 101.3), 20.0, 101.3)
    saturation_density_kg_m3(20.0)
    one, zone = np.ones((1, len(c.HouseParameters._fields))), np.ones((1, len(c.ZoneParameters._fields)))
    step_arrays(
        math.nan, np.ones((1, c.HOUSE_STATES)), one, np.zeros((1, c.HOUSE_COMMANDS)), np.ones((1, c.ZONE_STATES)), zone,
        np.zeros((1, c.ZONE_COMMANDS)), np.ones((1, 8)), np.zeros((1, c.HOUSE_FLUXES)), np.zeros((1, c.ZONE_FLUXES)),
    )  # fmt: skip
