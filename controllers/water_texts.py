# SPDX-License-Identifier: Apache-2.0
"""The words of the reasons of hydraulics and fertigation: turns, soaking, washing, feeding, salt, learned flow.

The rule it keeps: as ``controllers.reason_texts``; {fields} are facts, those of water from ``controllers.water``.
"""

from typing import Final

from controllers.kernels import codes as k

_DRIPPERS: Final = "Walk along the drip lines: look for wet spots, loose ends, clogged drippers, and clean the filter."
_INJECTOR: Final = "Check that no stock tank is empty and no suction line holds air, and measure the injectors again."

WATER_TEXTS: Final[dict[int, tuple[str, str, str, str]]] = {
    k.STOP_SOAK: (
        "irrigation.stop.soak",
        "info",
        "Pause after {given_l} L: the soil drinks for {soak_min} min, then the rest follows.",
        "",
    ),
    k.START_CYCLE: ("irrigation.start.cycle", "info", "Watering the remaining {target_l} L after the pause.", ""),
    k.IDLE_SOAK: ("irrigation.idle.soak", "info", "The soil drinks: the rest follows in {soak_left_min} min.", ""),
    k.IDLE_FLOW_BUDGET: (
        "irrigation.idle.flow_budget",
        "info",
        "Waits for its turn: with {load_l_min} L/min running the pump has no {zone_l_min} L/min left at full pressure.",
        "",
    ),
    k.IDLE_CHEAPER: (
        "irrigation.idle.cheaper_power",
        "info",
        "Waits {wait_left_min} min for cheaper electricity or its turn; it asks for {asked_l} L.",
        "",
    ),
    k.IDLE_BACKWASH: ("irrigation.idle.backwash", "info", "Waits while the filter is washed.", ""),
    k.IDLE_RECIPE: (
        "irrigation.idle.recipe",
        "info",
        "Waits for its turn: a zone with another recipe is being watered.",
        "",
    ),
    k.BACKWASH_PRESSURE: (
        "line.backwash.pressure",
        "info",
        "Washing the filter: it takes {filter_lost_kpa} kPa of the pressure.",
        "",
    ),
    k.BACKWASH_VOLUME: (
        "line.backwash.volume",
        "info",
        "Washing the filter: {filtered_l} L have passed since the last time.",
        "",
    ),
    k.BACKWASH_IDLE: ("line.backwash.idle", "info", "The filter needs no washing.", ""),
    k.FEED_DOSING: (
        "dosing.recipe",
        "info",
        "Feeding: EC {ec_ms_cm} mS/cm (wanted {recipe_ec_ms_cm}), pH {ph} (wanted {recipe_ph}).",
        "",
    ),
    k.FEED_PLAIN: ("dosing.plain_water", "info", "No dosing: this zone gets plain water.", ""),
    k.FEED_RINSE: ("dosing.rinse", "info", "No dosing: the pipes are rinsed with plain water.", ""),
    k.FEED_WAITS_WATER: ("dosing.waits_for_water", "info", "No dosing yet: the water does not flow.", ""),
    k.FEED_NOT_NEEDED: (
        "dosing.not_needed",
        "info",
        "No dosing: the water is as the recipe wants it, EC {ec_ms_cm} mS/cm, pH {ph}.",
        "",
    ),
    k.FEED_LIMITED: (
        "dosing.limited",
        "warning",
        "The injectors give all they can: EC {ec_ms_cm} mS/cm of {recipe_ec_ms_cm}, pH {ph} of {recipe_ph}.",
        _INJECTOR,
    ),
    k.SALT: (
        "safety.salt",
        "alarm",
        "No watering: the water holds {salt_g_l} g/L of salt ({source_ec_ms_cm} mS/cm), the crop bears {salt_max_g_l}.",
        "Measure the water at the intake again, wait for the tide or use stored fresh water.",
    ),
    k.FLOW_HIGH: (
        "water.flow_high",
        "warning",
        "This zone takes {seen_l_min} L/min, usually {usual_l_min}: water may be lost.",
        _DRIPPERS,
    ),
    k.FLOW_LOW: (
        "water.flow_low",
        "warning",
        "This zone takes {seen_l_min} L/min, usually {usual_l_min}: drippers or filter may be clogged.",
        _DRIPPERS,
    ),
    k.FILTER_CLOGGED: (
        "water.filter_clogged",
        "warning",
        "Washing the filter did not help {washes} times in a row.",
        "Open the filter and clean it by hand; check both pressure gauges.",
    ),
}
