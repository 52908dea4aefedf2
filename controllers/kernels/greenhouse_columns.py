# SPDX-License-Identifier: Apache-2.0
"""The columns of the greenhouse model's arrays: parameters, states, commands and fluxes of houses and zones.

Rule kept: a field's place in its NamedTuple and its constant (prefix + upper-case name) are the same number; a test
holds it. Fluxes are sums over one step, counted where they happen, so that balances can be drawn up from them alone.
"""

from typing import Final, NamedTuple


class HouseParameters(NamedTuple):
    """One house; m² means floor area unless said otherwise."""

    area_m2: float
    height_m: float  # air volume per floor area
    pressure_kpa: float
    structure_j_m2_k: float  # heat stored in structure and near equipment, beyond the air
    cover_light: float  # share of global radiation that enters
    structure_light: float  # share of that which warms structure and air
    cover_thermal: float  # share of far-infrared radiation that the film lets through
    cover_ratio: float  # cover area per floor area
    inside_w_m2_k: float  # cover's inner heat transfer, convection and radiation
    outside_w_m2_k: float  # cover's outer convection in still air
    outside_wind_w_s_m3_k: float  # ... and its rise with wind [W/(m² K) per m/s]
    leak_m_s: float  # air exchange when closed [m³/(m² s)]
    leak_per_wind: float  # ... and its rise with wind [m³/(m² s) per m/s]
    vent_area: float  # opening area per floor area at full opening
    vent_discharge: float  # discharge coefficient with insect net
    vent_wind: float  # wind effect coefficient
    vent_stack_m: float
    vent_travel_s: float
    fan_m_s: float  # air moved at full speed [m³/(m² s)]
    fan_w_m2: float
    heater_w_m2: float
    heater_electric: float  # share of the heat that is paid as electricity
    fogger_g_m2_s: float
    fogger_w_m2: float
    shade_light: float  # share of light that a closed screen lets through
    shade_travel_s: float
    floor_j_m2_k: float
    root_j_m2_k: float
    floor_air_w_m2_k: float
    floor_root_w_m2_k: float
    root_deep_w_m2_k: float
    deep_c: float
    floor_albedo: float
    floor_wetness: float  # share of the floor that can evaporate (0 under mulch or sheet)
    soil_respiration_mg_m2_s: float
    canopy_albedo: float
    extinction: float
    leaf_j_m2_k: float  # heat stored per leaf area
    boundary_s_m: float  # leaf boundary layer resistance
    stomata_min_s_m: float
    stomata_vpd_per_kpa: float
    leaf_best_c: float
    leaf_span_k: float  # no growth farther than this from leaf_best_c
    light_use_mg_j: float  # CO2 fixed per absorbed PAR in the dark limit
    maintenance_per_s: float  # at 25 °C
    sla_m2_g: float  # leaf area per leaf dry mass
    lai_max: float  # held by leaf picking
    leaf_share: float
    fruit_share: float  # of what does not go to leaves
    fruit_dry_share: float
    tank_l: float
    tank_refill_l_s: float
    tank_area_m2: float
    tank_ec_ms_cm: float  # solution in the tank
    pump_l_min: float
    pump_kpa: float
    pump_w: float
    base_w: float  # what the cabinet draws all day


(
    P_AREA_M2, P_HEIGHT_M, P_PRESSURE_KPA, P_STRUCTURE_J_M2_K, P_COVER_LIGHT, P_STRUCTURE_LIGHT, P_COVER_THERMAL,
    P_COVER_RATIO, P_INSIDE_W_M2_K, P_OUTSIDE_W_M2_K, P_OUTSIDE_WIND_W_S_M3_K, P_LEAK_M_S, P_LEAK_PER_WIND,
    P_VENT_AREA, P_VENT_DISCHARGE, P_VENT_WIND, P_VENT_STACK_M, P_VENT_TRAVEL_S, P_FAN_M_S, P_FAN_W_M2,
    P_HEATER_W_M2, P_HEATER_ELECTRIC, P_FOGGER_G_M2_S, P_FOGGER_W_M2, P_SHADE_LIGHT, P_SHADE_TRAVEL_S,
    P_FLOOR_J_M2_K, P_ROOT_J_M2_K, P_FLOOR_AIR_W_M2_K, P_FLOOR_ROOT_W_M2_K, P_ROOT_DEEP_W_M2_K, P_DEEP_C,
    P_FLOOR_ALBEDO, P_FLOOR_WETNESS, P_SOIL_RESPIRATION_MG_M2_S, P_CANOPY_ALBEDO, P_EXTINCTION, P_LEAF_J_M2_K,
    P_BOUNDARY_S_M, P_STOMATA_MIN_S_M, P_STOMATA_VPD_PER_KPA, P_LEAF_BEST_C, P_LEAF_SPAN_K, P_LIGHT_USE_MG_J,
    P_MAINTENANCE_PER_S, P_SLA_M2_G, P_LAI_MAX, P_LEAF_SHARE, P_FRUIT_SHARE, P_FRUIT_DRY_SHARE, P_TANK_L,
    P_TANK_REFILL_L_S, P_TANK_AREA_M2, P_TANK_EC_MS_CM, P_PUMP_L_MIN, P_PUMP_KPA, P_PUMP_W, P_BASE_W,
) = range(len(HouseParameters._fields))  # fmt: skip


class ZoneParameters(NamedTuple):
    """One irrigation zone: a valve, its pipes, and the soil or substrate that it wets."""

    house: float  # row of its house
    area_m2: float
    wetted_share: float  # of the area: where drippers and roots are
    top_m: float
    low_m: float
    saturated: float  # m³/m³
    field_capacity: float
    wilting: float
    conductivity_mm_h: float
    root_top_share: float
    depletion_share: float  # p: share of the available water gone before the crop closes its stomata
    salt_threshold_ms_cm: float  # Maas-Hoffman, saturated paste extract
    salt_slope_per_ms_cm: float  # share of yield lost per mS/cm
    uptake_ms_cm: float  # strength of the solution that roots take up
    flow_l_min: float
    pipe_l: float
    pipe_drain_s: float  # an emptied pipe's time constant after closing
    valve_travel_s: float


(
    Q_HOUSE, Q_AREA_M2, Q_WETTED_SHARE, Q_TOP_M, Q_LOW_M, Q_SATURATED, Q_FIELD_CAPACITY, Q_WILTING,
    Q_CONDUCTIVITY_MM_H, Q_ROOT_TOP_SHARE, Q_DEPLETION_SHARE, Q_SALT_THRESHOLD_MS_CM, Q_SALT_SLOPE_PER_MS_CM,
    Q_UPTAKE_MS_CM, Q_FLOW_L_MIN, Q_PIPE_L, Q_PIPE_DRAIN_S, Q_VALVE_TRAVEL_S,
) = range(len(ZoneParameters._fields))  # fmt: skip

# state of a house
(
    S_AIR_C, S_VAPOUR_KG_M3, S_CO2_MG_M3, S_CANOPY_C, S_FLOOR_C, S_ROOT_C, S_LEAF_G_M2, S_FRUIT_G_M2, S_VENT, S_SHADE,
    S_TANK_L, S_ENERGY_KWH, S_RAIN_MM, S_PRESSURE_KPA,
) = range(14)  # fmt: skip
HOUSE_STATES: Final = 14

# state of a zone
(Z_TOP, Z_LOW, Z_SALT_TOP, Z_SALT_LOW, Z_PIPE_L, Z_VALVE, Z_METER_L, Z_FLOW_L_MIN) = range(8)
ZONE_STATES: Final = 8

# commands to a house, 0..1; NOT_WIRED leaves pump, master valve and filling to their own automatic
(A_VENT, A_FAN, A_HEATER, A_FOGGER, A_SHADE, A_PUMP, A_MASTER, A_FILL, A_SUPPLY, A_VENT_FREE) = range(10)
HOUSE_COMMANDS: Final = 10
NOT_WIRED: Final = -1.0

# commands to a zone, 0..1: its valve, and what is broken on it
(B_VALVE, B_BURST, B_CLOG) = range(3)
ZONE_COMMANDS: Final = 3

# fluxes of a house: J/m², kg/m², mg/m² (CO2), L and J (whole house)
(
    F_SUN_AIR, F_SUN_CANOPY, F_SUN_FLOOR, F_HEATER, F_COVER, F_SKY_CANOPY, F_SKY_FLOOR, F_VENT_HEAT, F_DEEP,
    F_CANOPY_AIR, F_FLOOR_AIR, F_FLOOR_ROOT, F_TRANSPIRED, F_EVAPORATED, F_FOGGED, F_FOG_WATER, F_VENT_VAPOUR,
    F_CONDENSED, F_MIST, F_ASSIMILATED, F_RESPIRED, F_VENT_CO2, F_TANK_IN_L, F_TANK_OUT_L, F_TANK_LOST_L,
    F_ELECTRIC_J, F_PAR, F_AIR_M,
) = range(28)  # fmt: skip
HOUSE_FLUXES: Final = 28

# fluxes of a zone: L of the whole zone, salt in mS/cm times L; the last three are one inner step's, for the kernel
(
    G_METERED_L, G_BURST_L, G_IRRIGATED_L, G_UPTAKE_L, G_EVAPORATED_L, G_DRAINED_L, G_RUNOFF_L, G_TOP_TO_LOW_L,
    G_SALT_IN, G_SALT_UPTAKE, G_SALT_DRAINED, G_SALT_RUNOFF, G_STRESS_S,
    G_SCRATCH_UPTAKE_L, G_SCRATCH_EVAPORATED_L, G_SCRATCH_IRRIGATED_L,
) = range(16)  # fmt: skip
ZONE_FLUXES: Final = 16
