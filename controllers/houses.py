# SPDX-License-Identifier: Apache-2.0
"""The model houses of the digital twin: their structure, equipment, crop, substrate and water supply.

Rule kept: a number here is a plausible value for a common house of its region, with its range and source in
docs/greenhouse-model.md; none is a measurement of a certain farm. Farms use a model by its key in ``HOUSES``.
"""

from typing import Final, NamedTuple

from controllers.climates import DA_LAT, TAY_NINH
from controllers.kernels.greenhouse_columns import HouseParameters, ZoneParameters
from controllers.kernels.weather import Climate


class ZoneModel(NamedTuple):
    """One irrigation zone and how it starts."""

    parameters: ZoneParameters
    water_m3_m3: float
    ec_ms_cm: float


class HouseModel(NamedTuple):
    """A house with its zones, its climate and how it starts."""

    name: str
    title: str
    crop: str
    climate: Climate
    parameters: HouseParameters
    zones: tuple[ZoneModel, ...]
    leaf_area: float  # leaf area index at the start
    fruit_g_m2: float = 0.0


# a bed of basalt soil worked to 40 cm, wetted in bands under drip lines; texture as a loam
_PEPPER_BED: Final = ZoneParameters(
    house=0.0,
    area_m2=500.0,
    wetted_share=0.45,
    top_m=0.15,
    low_m=0.25,
    saturated=0.46,
    field_capacity=0.31,
    wilting=0.15,
    conductivity_mm_h=21.0,
    root_top_share=0.6,
    depletion_share=0.30,
    salt_threshold_ms_cm=1.5,
    salt_slope_per_ms_cm=0.14,
    uptake_ms_cm=1.6,
    flow_l_min=40.0,
    pipe_l=25.0,
    pipe_drain_s=600.0,
    valve_travel_s=4.0,
)

# coir bags of 7 L a plant, 2.5 plants/m², on a sheeted floor
_MELON_BAGS: Final = ZoneParameters(
    house=0.0,
    area_m2=500.0,
    wetted_share=0.11,
    top_m=0.08,
    low_m=0.08,
    saturated=0.90,
    field_capacity=0.62,
    wilting=0.18,
    conductivity_mm_h=300.0,
    root_top_share=0.5,
    depletion_share=0.35,
    salt_threshold_ms_cm=1.0,
    salt_slope_per_ms_cm=0.084,
    uptake_ms_cm=2.0,
    flow_l_min=42.0,
    pipe_l=22.0,
    pipe_drain_s=600.0,
    valve_travel_s=4.0,
)

DA_LAT_PEPPER: Final = HouseModel(
    name="da-lat-pepper",
    title="Sweet pepper in soil, Đà Lạt",
    crop="sweet pepper",
    climate=DA_LAT,
    parameters=HouseParameters(
        area_m2=1000.0,
        height_m=4.5,
        pressure_kpa=84.4,
        structure_j_m2_k=6.0e3,
        cover_light=0.70,
        structure_light=0.06,
        cover_thermal=0.35,
        cover_ratio=1.35,
        inside_w_m2_k=7.0,
        outside_w_m2_k=6.0,
        outside_wind_w_s_m3_k=2.8,
        leak_m_s=3.0e-4,
        leak_per_wind=2.5e-4,
        vent_area=0.18,
        vent_discharge=0.45,
        vent_wind=0.09,
        vent_stack_m=1.5,
        vent_travel_s=180.0,
        fan_m_s=0.02,
        fan_w_m2=3.0,
        heater_w_m2=60.0,
        heater_electric=0.03,
        fogger_g_m2_s=0.05,
        fogger_w_m2=1.5,
        shade_light=0.50,
        shade_travel_s=240.0,
        floor_j_m2_k=1.0e5,
        root_j_m2_k=6.0e5,
        floor_air_w_m2_k=6.0,
        floor_root_w_m2_k=6.0,
        root_deep_w_m2_k=1.4,
        deep_c=19.5,
        floor_albedo=0.20,
        floor_wetness=0.25,
        soil_respiration_mg_m2_s=0.08,
        canopy_albedo=0.20,
        extinction=0.70,
        leaf_j_m2_k=1200.0,
        boundary_s_m=275.0,
        stomata_min_s_m=82.0,
        stomata_vpd_per_kpa=0.6,
        leaf_best_c=23.0,
        leaf_span_k=17.0,
        light_use_mg_j=0.012,
        maintenance_per_s=1.7e-7,
        sla_m2_g=0.020,
        lai_max=3.5,
        leaf_share=0.55,
        fruit_share=0.65,
        fruit_dry_share=0.08,
        tank_l=5000.0,
        tank_refill_l_s=1.0,
        tank_area_m2=2.5,
        tank_ec_ms_cm=1.8,
        pump_l_min=100.0,
        pump_kpa=280.0,
        pump_w=900.0,
        base_w=30.0,
    ),
    zones=(ZoneModel(_PEPPER_BED, 0.27, 1.8), ZoneModel(_PEPPER_BED._replace(flow_l_min=38.0), 0.25, 1.8)),
    leaf_area=2.4,
)

TAY_NINH_MELON: Final = HouseModel(
    name="tay-ninh-melon",
    title="Netted melon in coir bags, Tây Ninh",
    crop="melon",
    climate=TAY_NINH,
    parameters=DA_LAT_PEPPER.parameters._replace(
        height_m=4.2,
        pressure_kpa=101.2,
        cover_light=0.72,
        vent_area=0.35,
        vent_discharge=0.35,
        fan_m_s=0.04,
        fan_w_m2=5.0,
        heater_w_m2=0.0,
        heater_electric=0.0,
        fogger_g_m2_s=0.10,
        fogger_w_m2=2.5,
        floor_j_m2_k=1.2e5,
        root_j_m2_k=1.5e5,
        floor_root_w_m2_k=4.0,
        root_deep_w_m2_k=0.8,
        deep_c=28.0,
        floor_wetness=0.0,
        soil_respiration_mg_m2_s=0.01,
        stomata_vpd_per_kpa=0.4,
        leaf_best_c=29.0,
        leaf_span_k=16.0,
        sla_m2_g=0.022,
        lai_max=3.2,
        leaf_share=0.60,
        fruit_share=0.70,
        fruit_dry_share=0.11,
        tank_ec_ms_cm=2.2,
    ),
    zones=(ZoneModel(_MELON_BAGS, 0.55, 2.4), ZoneModel(_MELON_BAGS, 0.53, 2.4)),
    leaf_area=2.0,
)

HOUSES: Final[dict[str, HouseModel]] = {model.name: model for model in (DA_LAT_PEPPER, TAY_NINH_MELON)}
