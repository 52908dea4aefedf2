# SPDX-License-Identifier: Apache-2.0
"""Reference evapotranspiration: Penman-Monteith daily and hourly (FAO-56, ASCE 2005), Hargreaves, Priestley-Taylor.

Rule kept: a day or hour with a NaN or an impossible input gives NaN, never a guess; the caller bridges it and says so.
The vapour pressure curve is computed as a polynomial, so that a million station-days run at the memory's speed.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels.jit import njit
from controllers.kernels.psychrometrics import psychrometric_constant_kpa_k, saturation_pressure_kpa
from controllers.kernels.solar import daily_extraterrestrial_mj_m2, sine_of_elevation, sunset_hour_angle_rad

Array = NDArray[np.float64]

ALBEDO = 0.23
STEFAN_BOLTZMANN_DAY_MJ = 4.901e-9
"""[MJ/(K⁴ m² d)], ASCE-EWRI (2005) eq. 17; FAO-56 eq. 39 prints 4.903e-9."""
STEFAN_BOLTZMANN_HOUR_MJ = 2.042e-10
SHORT_CN_DAY, SHORT_CD_DAY = 900.0, 0.34
TALL_CN_DAY, TALL_CD_DAY = 1600.0, 0.38
TEMPERATURE_LOW_C, TEMPERATURE_HIGH_C = -45.0, 60.0


@njit
def exp_tetens(temperature_c: float) -> float:
    """Return exp(17.27 T/(T + 237.3)) [-] for T in -45..60 [°C], relative error below 2e-12; outside: meaningless.

    A degree-16 polynomial through the Chebyshev nodes: the compiler can vectorise it, which it cannot do with exp().
    Source: FAO-56 equation 11 (the function), computed for this file in extended precision.
    """
    x = (temperature_c - 7.5) / 52.5
    low = 1.6974131100950656 + x * (
        6.0941635378217045 + x * (9.632873116391835 + x * (8.680261789048323 + x * 4.7772228092434394))
    )
    x4 = (x * x) * (x * x)
    middle = x * (
        1.551515421865619 + x * (0.22734609398414687 + x * (-0.017949514774802326 + x * -0.009161194225059538))
    )
    upper = x * (
        0.00048035942505688745
        + x * (0.0003241169459736014 + x * (-3.8663683081972224e-05 + x * -8.795254196429186e-06))
    )
    top = x * (
        2.549919474338352e-06 + x * (-9.05598137859895e-09 + x * (-9.556316602912621e-08 + x * 1.4467121656692923e-08))
    )
    return low + x4 * (middle + x4 * (upper + x4 * top))


@njit
def clear_sky_mj_m2(ra_mj_m2: float, altitude_m: float) -> float:
    """Return Rso = (0.75 + 2e-5 z) Ra, in the unit of Ra [MJ/m²], at ``altitude_m`` z [m, 0..6000].

    Source: FAO-56 equation 37.
    """
    return (0.75 + 2.0e-5 * altitude_m) * ra_mj_m2


@njit
def daily_sky(latitude_rad: float, altitude_m: float, day_of_year: Array, out_rso_mj_m2: Array) -> None:
    """Write a place's clear-sky radiation [MJ/(m² d)] of n days: the same every year, so computed once.

    ``latitude_rad`` [rad, north positive], ``altitude_m`` [m], ``day_of_year`` (n,) [1..366].
    Source: FAO-56 equations 21-25 and 37.
    """
    for i in range(out_rso_mj_m2.shape[0]):
        out_rso_mj_m2[i] = clear_sky_mj_m2(daily_extraterrestrial_mj_m2(latitude_rad, day_of_year[i]), altitude_m)


@njit
def mean_sine_of_day(latitude_rad: float, day_of_year: float) -> float:
    """Return the sine of the sun's height, weighted with the radiation over a day [0.01..1].

    ``latitude_rad`` [rad, north positive], ``day_of_year`` [1..366]. Source: ASCE-EWRI (2005) equation D.5.
    """
    season = math.sin(2.0 * math.pi * day_of_year / 365.0 - 1.39)
    return max(math.sin(0.85 + 0.3 * latitude_rad * season - 0.42 * latitude_rad * latitude_rad), 0.01)


@njit
def clear_sky_full_mj_m2(ra_mj_m2: float, ea_kpa: float, pressure_kpa: float, sine: float) -> float:
    """Return Rso, in the unit of Ra [MJ/m²], with the haze of the air's own water vapour.

    ``ea_kpa`` and ``pressure_kpa`` [kPa]; ``sine`` of the sun's height: of the hour (``solar.sine_of_elevation``, held
    above 0.01 here) or of the day (``mean_sine_of_day``).
    Source: ASCE-EWRI (2005) equations D.1-D.6 (beam and diffuse clearness).
    """
    height = max(sine, 0.01)
    water_mm = 0.14 * ea_kpa * pressure_kpa + 2.1
    beam = 0.98 * math.exp(-0.00146 * pressure_kpa / height - 0.075 * math.pow(water_mm / height, 0.4))
    diffuse = min(0.35 - 0.36 * beam, 0.18 + 0.82 * beam)
    return ra_mj_m2 * (beam + diffuse)


@njit
def reference_et_daily(
    tmax_c: Array,
    tmin_c: Array,
    ea_kpa: Array,
    rs_mj_m2: Array,
    u2_m_s: Array,
    rso_mj_m2: Array,
    pressure_kpa: float,
    cn: float,
    cd: float,
    out_et_mm: Array,
) -> None:
    """Write the day's reference evapotranspiration [mm/d], n days.

    ``ETsz = (0.408 Δ Rn + γ Cn u2 (es - ea)/(T + 273)) / (Δ + γ (1 + Cd u2))``, soil heat flux 0.
    Inputs, all (n,): ``tmax_c`` and ``tmin_c`` [°C, -45..60], actual vapour pressure ``ea_kpa`` [kPa], solar radiation
    ``rs_mj_m2`` [MJ/(m² d)], wind at 2 m ``u2_m_s`` [m/s], clear-sky radiation ``rso_mj_m2`` [MJ/(m² d), > 0];
    mean air ``pressure_kpa`` [kPa]; ``cn`` [K mm s³/(Mg d)] and ``cd`` [s/m]: 900 and 0.34 short (FAO-56 ETo), 1600
    and 0.38 tall (ETr). Out of range or NaN gives NaN. Source: ASCE-EWRI (2005) equations 1-18; FAO-56 equations 6-40.
    """
    gamma = 0.665e-3 * pressure_kpa
    for i in range(out_et_mm.shape[0]):
        high, low = tmax_c[i], tmin_c[i]
        mean = 0.5 * (high + low)
        es = 0.5 * 0.6108 * (exp_tetens(high) + exp_tetens(low))
        shifted = mean + 237.3
        delta = 4098.0 * 0.6108 * exp_tetens(mean) / (shifted * shifted)
        ratio = rs_mj_m2[i] / rso_mj_m2[i]
        ratio = max(min(ratio, 1.0), 0.3)
        warm, cold = high + 273.16, low + 273.16
        warm2, cold2 = warm * warm, cold * cold
        emitted = STEFAN_BOLTZMANN_DAY_MJ * 0.5 * (warm2 * warm2 + cold2 * cold2)
        rnl = emitted * (0.34 - 0.14 * math.sqrt(ea_kpa[i])) * (1.35 * ratio - 0.35)
        rn = (1.0 - ALBEDO) * rs_mj_m2[i] - rnl
        wind = u2_m_s[i]
        et = (0.408 * delta * rn + gamma * cn * wind * (es - ea_kpa[i]) / (mean + 273.0)) / (
            delta + gamma * (1.0 + cd * wind)
        )
        possible = (high <= TEMPERATURE_HIGH_C) & (low >= TEMPERATURE_LOW_C) & (high >= low) & (wind >= 0.0)
        possible = possible & (rs_mj_m2[i] >= 0.0) & (rso_mj_m2[i] > 0.0)
        out_et_mm[i] = et if possible else math.nan


@njit
def reference_et_hourly(
    t_c: Array,
    ea_kpa: Array,
    rs_mj_m2: Array,
    u2_m_s: Array,
    rso_mj_m2: Array,
    sun_high: Array,
    pressure_kpa: float,
    tall: bool,
    out_et_mm: Array,
) -> None:
    """Write the hour's reference evapotranspiration [mm/h], n hours.

    Inputs, all (n,): mean ``t_c`` [°C, -45..60], ``ea_kpa`` [kPa], ``rs_mj_m2`` [MJ/(m² h)], ``u2_m_s`` [m/s],
    clear-sky ``rso_mj_m2`` [MJ/(m² h)] and ``sun_high`` [1 or 0: the sun stands above 0.3 rad at mid-hour] from
    ``hourly_sky`` and ``clear_sky_mj_m2``; mean air ``pressure_kpa`` [kPa]; ``tall`` [-] chooses ETr. With a low sun
    the sky is taken as clear.
    Source: ASCE-EWRI (2005) equations 36-66 and table 1.
    """
    gamma = psychrometric_constant_kpa_k(pressure_kpa)
    cn = 66.0 if tall else 37.0
    cd_day, cd_night = (0.25, 1.7) if tall else (0.24, 0.96)
    g_day, g_night = (0.04, 0.2) if tall else (0.1, 0.5)
    for i in range(out_et_mm.shape[0]):
        t = t_c[i]
        if not (TEMPERATURE_LOW_C <= t <= TEMPERATURE_HIGH_C and u2_m_s[i] >= 0.0 and ea_kpa[i] >= 0.0):
            out_et_mm[i] = math.nan
            continue
        es = saturation_pressure_kpa(t)
        delta = 4098.0 * es / ((t + 237.3) * (t + 237.3))
        cloudiness = 1.0
        if sun_high[i] > 0.5 and rso_mj_m2[i] > 0.0:
            ratio = rs_mj_m2[i] / rso_mj_m2[i]
            cloudiness = 1.35 * min(max(ratio, 0.3), 1.0) - 0.35
        kelvin2 = (t + 273.16) * (t + 273.16)
        rnl = STEFAN_BOLTZMANN_HOUR_MJ * kelvin2 * kelvin2 * (0.34 - 0.14 * math.sqrt(ea_kpa[i])) * cloudiness
        rn = (1.0 - ALBEDO) * rs_mj_m2[i] - rnl
        day = rn > 0.0
        cd = cd_day if day else cd_night
        flux = rn * (1.0 - (g_day if day else g_night))
        out_et_mm[i] = (0.408 * delta * flux + gamma * cn * u2_m_s[i] * (es - ea_kpa[i]) / (t + 273.0)) / (
            delta + gamma * (1.0 + cd * u2_m_s[i])
        )


@njit
def hourly_sky(
    latitude_rad: float, day_of_year: Array, solar_mid_h: Array, out_ra_mj_m2: Array, out_sun_high: Array
) -> None:
    """Write for n hours the radiation above the air [MJ/(m² h)] and whether the sun stands above 0.3 rad [1 or 0].

    ``latitude_rad`` [rad, north positive], ``day_of_year`` (n,) [1..366], ``solar_mid_h`` (n,): solar time of the
    middle of the hour [h]. Source: FAO-56 equations 28-31, ASCE-EWRI (2005) equations 47-62.
    """
    for i in range(out_ra_mj_m2.shape[0]):
        day = day_of_year[i]
        sunset = sunset_hour_angle_rad(latitude_rad, day)
        middle = math.pi / 12.0 * (solar_mid_h[i] - 12.0)
        begin = min(max(middle - math.pi / 24.0, -sunset), sunset)
        end = min(max(middle + math.pi / 24.0, -sunset), sunset)
        declination = 0.409 * math.sin(2.0 * math.pi * day / 365.0 - 1.39)
        distance = 1.0 + 0.033 * math.cos(2.0 * math.pi * day / 365.0)
        geometry = (end - begin) * math.sin(latitude_rad) * math.sin(declination) + math.cos(latitude_rad) * math.cos(
            declination
        ) * (math.sin(end) - math.sin(begin))
        out_ra_mj_m2[i] = max(0.0, 12.0 / math.pi * 4.92 * distance * geometry)
        out_sun_high[i] = 1.0 if sine_of_elevation(latitude_rad, day, solar_mid_h[i]) > math.sin(0.3) else 0.0


@njit
def radiation_from_sunshine_mj_m2(sunshine_h: float, possible_h: float, ra_mj_m2: float) -> float:
    """Return Rs = (0.25 + 0.5 n/N) Ra [MJ/(m² d)] from sunshine n of N [h]. Source: FAO-56 equation 35."""
    return (0.25 + 0.5 * sunshine_h / possible_h) * ra_mj_m2


@njit
def net_longwave_mj_m2(tmax_c: float, tmin_c: float, ea_kpa: float, rs_mj_m2: float, rso_mj_m2: float) -> float:
    """Return the net outgoing longwave radiation Rnl [MJ/(m² d)] from [°C], [kPa] and [MJ/(m² d)].

    Rs/Rso is held in 0.3..1. Source: FAO-56 equation 39 with the constant of ASCE-EWRI (2005) equation 17.
    """
    ratio = min(max(rs_mj_m2 / rso_mj_m2, 0.3), 1.0)
    emitted = STEFAN_BOLTZMANN_DAY_MJ * 0.5 * (math.pow(tmax_c + 273.16, 4.0) + math.pow(tmin_c + 273.16, 4.0))
    return emitted * (0.34 - 0.14 * math.sqrt(ea_kpa)) * (1.35 * ratio - 0.35)


@njit
def penman_monteith_mm(
    t_c: float, es_kpa: float, ea_kpa: float, rn_mj_m2: float, g_mj_m2: float, u2_m_s: float, altitude_m: float
) -> float:
    """Return ETo [mm/d] of one day or month from its mean ``t_c`` [°C], ``es_kpa``, ``ea_kpa`` [kPa] and energy.

    ``rn_mj_m2`` and the soil heat flux ``g_mj_m2`` [MJ/(m² d)]; months need G = 0.14 (Tmonth - Tmonth before)
    (equation 44). ``u2_m_s`` [m/s], ``altitude_m`` [m]. NaN gives NaN. Source: FAO-56 equation 6.
    """
    gamma = 0.665e-3 * 101.3 * math.pow((293.0 - 0.0065 * altitude_m) / 293.0, 5.26)
    delta = 4098.0 * saturation_pressure_kpa(t_c) / ((t_c + 237.3) * (t_c + 237.3))
    return (0.408 * delta * (rn_mj_m2 - g_mj_m2) + gamma * 900.0 / (t_c + 273.0) * u2_m_s * (es_kpa - ea_kpa)) / (
        delta + gamma * (1.0 + 0.34 * u2_m_s)
    )


@njit
def hargreaves_mm(tmax_c: float, tmin_c: float, ra_mj_m2: float) -> float:
    """Return ETo = 0.0023 · 0.408 Ra (Tmean + 17.8) (Tmax - Tmin)^0.5 [mm/d] from [°C] and [MJ/(m² d)].

    For days without humidity, radiation and wind. NaN where Tmax < Tmin. Source: FAO-56 equation 52.
    """
    if not tmax_c >= tmin_c:
        return math.nan
    return 0.0023 * 0.408 * ra_mj_m2 * (0.5 * (tmax_c + tmin_c) + 17.8) * math.sqrt(tmax_c - tmin_c)


@njit
def priestley_taylor_mm(t_c: float, rn_mj_m2: float, altitude_m: float) -> float:
    """Return 1.26 Δ/(Δ + γ) · 0.408 Rn [mm/d] from T [°C], net radiation [MJ/(m² d)] and altitude [m].

    Source: Priestley and Taylor (1972), doi:10.1175/1520-0493(1972)100<0081:OTAOSH>2.3.CO;2; FAO-56 eq. 7, 8, 13.
    """
    es = saturation_pressure_kpa(t_c)
    delta = 4098.0 * es / ((t_c + 237.3) * (t_c + 237.3))
    pressure_kpa = 101.3 * math.pow((293.0 - 0.0065 * altitude_m) / 293.0, 5.26)
    return 1.26 * delta / (delta + 0.665e-3 * pressure_kpa) * 0.408 * rn_mj_m2


@njit
def wind_at_2_m(speed_m_s: float, height_m: float) -> float:
    """Return wind at 2 m [m/s] from a speed [m/s] measured at ``height_m`` [m, > 0.1]. Source: FAO-56 equation 47."""
    return speed_m_s * 4.87 / math.log(67.8 * height_m - 5.42)


@njit
def film_house_et_mm(
    radiation_mj_m2: float, vpd_kpa: float, lai: float, a: float, b_mm: float, extinction: float
) -> float:
    """Return crop evapotranspiration in a film house [mm] for one step.

    ``λE = a (1 - exp(-k LAI)) G + b LAI VPD``: ``radiation_mj_m2`` [MJ/m²] of solar radiation INSIDE over the step,
    mean ``vpd_kpa`` [kPa], ``lai`` [-, 0..8], ``a`` [-], ``b_mm`` [mm/kPa for the step and unit LAI], ``extinction``
    k [-]. FAO-56 ETo is wrong under film: there is little wind and the air is not the reference's. NaN in gives NaN.
    Source: Baille, Baille and Laury (1994), doi:10.1016/0304-4238(94)90034-5.
    """
    if not (radiation_mj_m2 >= 0.0 and vpd_kpa >= 0.0 and lai >= 0.0):
        return math.nan
    return a * (1.0 - math.exp(-extinction * lai)) * radiation_mj_m2 / 2.45 + b_mm * lai * vpd_kpa


def warm_up() -> None:
    """Compile or load the entry kernels."""
    one = np.ones(1)
    reference_et_daily(one * 25.0, one * 15.0, one, one * 20.0, one, one * 30.0, 101.3, 900.0, 0.34, np.empty(1))
    reference_et_hourly(one * 25.0, one, one, one, one, one, 101.3, False, np.empty(1))
    hourly_sky(0.2, one, one * 12.0, np.empty(1), np.empty(1))
    clear_sky_mj_m2(35.0, 100.0)
    daily_sky(0.2, 100.0, one, np.empty(1))
    clear_sky_full_mj_m2(35.0, 2.0, 101.3, mean_sine_of_day(0.2, 100.0))
    radiation_from_sunshine_mj_m2(8.0, 12.0, 35.0)
    net_longwave_mj_m2(25.0, 15.0, 2.0, 20.0, 25.0)
    penman_monteith_mm(25.0, 3.0, 2.0, 13.0, 0.0, 2.0, 0.0)
    hargreaves_mm(25.0, 15.0, 35.0)
    priestley_taylor_mm(20.0, 10.0, 0.0)
    wind_at_2_m(2.0, 10.0)
    film_house_et_mm(1.0, 1.0, 2.0, 0.5, 0.02, 0.6)
