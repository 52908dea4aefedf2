# SPDX-License-Identifier: Apache-2.0
"""The words of the reasons of those strategies that reckon: water balance, drain, tension, adaptive.

The rule it keeps: as ``controllers.reason_texts``; {fields} are facts, those of a plan come from the planner's account
(``controllers.zone_planner``). Every reason tells how far the zone is from being watered.
"""

from typing import Final

from controllers.kernels import codes as k

_WATER: Final = "Compare the water's salt with a second meter; look for other water, and ask when the tide turns."

WATERING_TEXTS: Final[dict[int, tuple[str, str, str, str]]] = {
    k.START_TENSION: (
        "irrigation.start.tension",
        "info",
        "Watering {target_l} L: the soil pulls with {tension_kpa} kPa, watering begins at {start_kpa} kPa.",
        "",
    ),
    k.START_DEPLETION: (
        "irrigation.start.depletion",
        "info",
        "Watering {target_l} L: the roots lack {depletion_mm} mm of water, {allowed_mm} mm are allowed at this stage.",
        "",
    ),
    k.START_WORTH: (
        "irrigation.start.worth",
        "info",
        "Watering {target_l} L already: the roots lack {depletion_mm} mm, and waiting would cost more than the water.",
        "",
    ),
    k.START_SUBSTRATE: (
        "irrigation.start.substrate",
        "info",
        "Watering {target_l} L: the plants have drunk {depletion_mm} mm, {allowed_mm} mm are allowed in the substrate.",
        "",
    ),
    k.STOP_TENSION: (
        "irrigation.stop.tension",
        "info",
        "Stopped after {given_l} L: the soil pulls with {tension_kpa} kPa only, {target_kpa} kPa was the aim.",
        "",
    ),
    k.IDLE_TENSION: (
        "irrigation.idle.tension",
        "info",
        "No watering: the soil pulls with {tension_kpa} kPa, watering begins at {start_kpa} kPa.",
        "",
    ),
    k.IDLE_ENOUGH_WATER: (
        "irrigation.idle.enough_water",
        "info",
        "No watering: the roots lack {depletion_mm} mm, watering begins at {allowed_mm} mm, in about {due_h} h.",
        "",
    ),
    k.IDLE_RAIN_COMING: (
        "irrigation.idle.rain_coming",
        "info",
        "No watering: the roots lack {depletion_mm} mm, {rain_mm} mm of rain are forecast; without it watering begins.",
        "",
    ),
    k.IDLE_WAIT_PAYS: (
        "irrigation.idle.wait_pays",
        "info",
        "No watering yet: the roots lack {depletion_mm} mm, but now the crop loses less than the water costs.",
        "",
    ),
    k.IDLE_QUOTA: (
        "irrigation.idle.quota",
        "warning",
        "No watering: the zone's quota is used up, {quota_left_l} L are left.",
        "Check the quota in farm.toml, and whether the crop can stand it: the roots lack {depletion_mm} mm.",
    ),
    k.IDLE_SALTY_WATER: (
        "irrigation.idle.salty_water",
        "alarm",
        "No watering: the water has {water_ec_ms_cm} mS/cm, this crop stands {salt_max_ms_cm} mS/cm.",
        _WATER,
    ),
    k.IDLE_SUBSTRATE_WET: (
        "irrigation.idle.substrate_wet",
        "info",
        "No watering: the plants have drunk {depletion_mm} mm from the substrate, watering begins at {allowed_mm} mm.",
        "",
    ),
}
