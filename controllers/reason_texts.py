# SPDX-License-Identifier: Apache-2.0
"""The words of every reason: number -> (dotted name, severity, sentence, what to check), in English message ids.

The rule it keeps: a sentence says what was seen and what follows, in a grower's words, with units; its {fields} are
names of facts (``controllers.facts``). A number of ``kernels.codes`` without an entry here fails a test.
"""

from typing import Final

from controllers.kernels import codes as k

_PROBE: Final = "Check the probe's cable, its place in the soil and its last calibration."
_WATER: Final = "Check the tank, the suction filter, the pump's fuse and the pressure gauge, then reset the line."
_VALVE: Final = "Check the valve's coil and cable, the filter and the dripper lines, then open the valve by hand."
_DOSE: Final = "Check the stock tanks, the injector and both probes with buffer solution, then reset the dosing."
_AIR: Final = "Check the thermometer's cable and shield, and compare it with a second one."
_WIND: Final = "Check the weather station's cable and that its cups turn freely."
_CLOCK: Final = "Check the network or the clock battery; until then schedules wait."
_TANK: Final = "Check the float, the level sensor and the fill valve, then reset the line."
_MOTOR: Final = "Check the motor, its fuse and relay; look whether it really moves."

TEXTS: Final[dict[int, tuple[str, str, str, str]]] = {
    k.START_MOISTURE: (
        "irrigation.start.moisture",
        "info",
        "Watering {target_l} L: soil moisture {soil_moisture} % is below {start_pct} %.",
        "",
    ),
    k.START_SCHEDULE: ("irrigation.start.schedule", "info", "Watering {target_l} L: it is time by the schedule.", ""),
    k.START_RADIATION: (
        "irrigation.start.radiation",
        "info",
        "Watering {target_l} L: the sun has given {radiation_start_j_cm2} J/cm² since the last watering.",
        "",
    ),
    k.START_VPD: (
        "irrigation.start.vpd",
        "info",
        "Watering {target_l} L: the dry air has summed up {vpd_start_kpa_h} kPa·h since the last watering.",
        "",
    ),
    k.START_PLANNED: ("irrigation.start.planned", "info", "Watering {target_l} L: the water balance asks for it.", ""),
    k.START_SAFE_RULE: (
        "irrigation.start.safe_rule",
        "warning",
        "Watering {target_l} L by the safe rule: no trusted measurement, so this much every {safe_every_h} h.",
        _PROBE,
    ),
    k.START_RESUMED: (
        "irrigation.start.resumed",
        "info",
        "Watering the {target_l} L that a power cut had left over.",
        "",
    ),
    k.STOP_GIVEN: ("irrigation.stop.given", "info", "Stopped: {given_l} L have been given.", ""),
    k.STOP_TARGET: (
        "irrigation.stop.target",
        "info",
        "Stopped after {given_l} L: soil moisture {soil_moisture} % has reached {target_pct} %.",
        "",
    ),
    k.STOP_RUN_MAX: (
        "irrigation.stop.run_max",
        "warning",
        "Stopped after {given_l} L: the longest allowed run of {run_max_min} min is over.",
        "Check flow and filter: the water asked for did not come in time.",
    ),
    k.STOP_CAP: (
        "irrigation.stop.cap",
        "warning",
        "Stopped after {given_l} L: today's {cap_l} L are used up.",
        "Check for a leak, and whether the daily limit still fits the crop.",
    ),
    k.STOP_SENSOR_LOST: (
        "irrigation.stop.sensor_lost",
        "warning",
        "Stopped after {given_l} L: the soil probe was lost during the run.",
        _PROBE,
    ),
    k.STOP_BLOCKED: (
        "irrigation.stop.blocked",
        "warning",
        "Given up after {given_l} L: the valve was kept shut by a limit.",
        "See the limit named with the valve.",
    ),
    k.IDLE_WET_ENOUGH: (
        "irrigation.idle.wet_enough",
        "info",
        "No watering: soil moisture {soil_moisture} % is above {start_pct} %.",
        "",
    ),
    k.IDLE_RESTING: (
        "irrigation.idle.resting",
        "info",
        "No watering yet: the zone rests another {rest_left_min} min after its last watering.",
        "",
    ),
    k.IDLE_CAP: (
        "irrigation.idle.cap",
        "warning",
        "No watering: {day_l} of today's {cap_l} L are used up.",
        "Check for a leak, and whether the daily limit still fits the crop.",
    ),
    k.IDLE_OUTSIDE_HOURS: (
        "irrigation.idle.outside_hours",
        "info",
        "No watering now: outside the hours in which this zone may be watered.",
        "",
    ),
    k.IDLE_WAIT_SCHEDULE: ("irrigation.idle.wait_schedule", "info", "No watering: waiting for the schedule.", ""),
    k.IDLE_WAIT_RADIATION: (
        "irrigation.idle.wait_radiation",
        "info",
        "No watering: the sun has given {radiation_j_cm2} of {radiation_start_j_cm2} J/cm².",
        "",
    ),
    k.IDLE_WAIT_VPD: (
        "irrigation.idle.wait_vpd",
        "info",
        "No watering: the dry air has summed up {vpd_kpa_h} of {vpd_start_kpa_h} kPa·h.",
        "",
    ),
    k.IDLE_OFF: ("irrigation.idle.off", "info", "No watering: the zone is switched off in the settings.", ""),
    k.IDLE_QUEUED: (
        "irrigation.idle.queued",
        "info",
        "No watering yet: another zone of the same line is being watered.",
        "",
    ),
    k.IDLE_SAFE_RULE: (
        "irrigation.idle.safe_rule",
        "warning",
        "No trusted measurement: the safe rule waters {safe_dose_l} L every {safe_every_h} h; not yet.",
        _PROBE,
    ),
    k.IDLE_CLOCK: (
        "irrigation.idle.clock",
        "warning",
        "The clock is not trusted: the safe rule waters {safe_dose_l} L every {safe_every_h} h; not yet.",
        _CLOCK,
    ),
    k.IDLE_NO_NEED: ("irrigation.idle.no_need", "info", "No watering: the water balance sees no need.", ""),
    k.IDLE_TOO_WET: (
        "irrigation.idle.too_wet",
        "info",
        "No watering: the soil is too wet already ({soil_moisture} %, limit {wet_pct} %).",
        "",
    ),
    k.IDLE_NO_DATA_CLOSED: (
        "irrigation.idle.no_data",
        "alarm",
        "No watering: no trusted measurement, and this zone's safe rule is to stay shut.",
        _PROBE,
    ),
    k.IDLE_FAULT: (
        "irrigation.idle.fault",
        "warning",
        "No watering: this zone gave no flow last time and is left out for {fault_left_min} min.",
        _VALVE,
    ),
    k.IDLE_LINE_STOPPED: ("irrigation.idle.line_stopped", "warning", "No watering: the water line is stopped.", _WATER),
    k.LINE_SERVES: ("line.serves", "info", "On: a zone of this line is being watered.", ""),
    k.LINE_IDLE: ("line.idle", "info", "Off: no zone of this line is being watered.", ""),
    k.TANK_FILLING: ("tank.filling", "info", "Filling: the tank stands at {tank_m} m.", ""),
    k.TANK_FULL_ENOUGH: ("tank.full_enough", "info", "Not filling: the tank stands at {tank_m} m.", ""),
    k.TANK_LEVEL_UNKNOWN: (
        "tank.level_unknown",
        "warning",
        "Not filling: the tank's level is not known.",
        "Check the level sensor's cable and its tube.",
    ),
    k.DOSE_NOT_ASKED: ("dosing.not_asked", "info", "No dosing: nothing is asked for.", ""),
    k.CLIMATE_IN_BAND: (
        "climate.in_band",
        "info",
        (
            "Not needed now: {temperature_c} °C (wanted {temperature_low_c} to {temperature_high_c}, "
            "fans from {fan_from_c}), VPD {vpd_kpa} kPa."
        ),
        "",
    ),
    k.CLIMATE_COOLING: ("climate.cooling", "info", "Cooling: {temperature_c} °C is above {temperature_high_c} °C.", ""),
    k.CLIMATE_DRYING: ("climate.drying", "info", "Drying the air: VPD {vpd_kpa} kPa is below {vpd_low_kpa} kPa.", ""),
    k.CLIMATE_HEATING: ("climate.heating", "info", "Heating: {temperature_c} °C is below {temperature_low_c} °C.", ""),
    k.CLIMATE_HEAT_TO_DRY: (
        "climate.heat_to_dry",
        "info",
        "Heating a little to dry the air: VPD {vpd_kpa} kPa is below {vpd_low_kpa} kPa and outside is no drier.",
        "",
    ),
    k.CLIMATE_FOGGING: ("climate.fogging", "info", "Fogging: VPD {vpd_kpa} kPa is above {vpd_high_kpa} kPa.", ""),
    k.CLIMATE_SHADING: ("climate.shading", "info", "Shading: the sun gives {radiation_w_m2} W/m².", ""),
    k.CLIMATE_BETWEEN_PULSES: (
        "climate.between_pulses",
        "info",
        "Between two pulses: a part of every 10 minutes is enough.",
        "",
    ),
    k.CLIMATE_RAIN: ("climate.rain", "info", "Roof kept nearly shut: it rains.", ""),
    k.CLIMATE_NO_DATA: ("climate.no_data", "warning", "Held as it was: no trusted thermometer in the house.", _AIR),
    k.OUTPUT_NOT_USED: ("output.not_used", "info", "Off: nothing asks for it.", ""),
    k.NOT_A_NUMBER: (
        "safety.not_a_number",
        "alarm",
        "Kept safe: what was asked of it was not a number.",
        "Report this with a support bundle: it is a fault of the program.",
    ),
    k.MAX_ON: (
        "safety.max_on",
        "alarm",
        "Switched off: it had been on for its longest allowed time.",
        "Check why it was on for so long before it is used again.",
    ),
    k.MIN_OFF: ("safety.min_off", "info", "Not yet on: it must first stand still for its shortest pause.", ""),
    k.DAILY_ON: (
        "safety.daily_on",
        "warning",
        "Off: its hours of today are used up.",
        "Check why it ran so much today.",
    ),
    k.DAILY_WATER: (
        "safety.daily_water",
        "alarm",
        "Shut: {day_l} of today's {cap_l} L have been given.",
        "Check for a leak, and whether the daily limit still fits the crop.",
    ),
    k.STORM: (
        "safety.storm",
        "critical",
        "In storm position: wind {wind_m_s} m/s, limit {storm_m_s} m/s.",
        "Look after loose film and doors; the house opens by itself after a calm.",
    ),
    k.WIND_STALE: (
        "safety.wind_stale",
        "alarm",
        "In storm position: the wind meter is silent, so a storm must be assumed.",
        _WIND,
    ),
    k.HEAT: (
        "safety.heat",
        "critical",
        "Against the heat: {temperature_c} °C, limit {heat_c} °C.",
        "Go there: open by hand if vents or fans do not move.",
    ),
    k.FROST: (
        "safety.frost",
        "critical",
        "Against the frost: {temperature_c} °C, limit {frost_c} °C.",
        "Go there: close by hand and check the heater.",
    ),
    k.BLIND: ("safety.blind", "critical", "No thermometer can be trusted: the house is opened against heat.", _AIR),
    k.BLIND_COLD: (
        "safety.blind_cold",
        "critical",
        "No thermometer can be trusted and it is cold outside: the house is shut.",
        _AIR,
    ),
    k.LEAK: (
        "safety.leak",
        "critical",
        "Line shut: {flow_l_min} L/min flow although every valve is closed.",
        "Look for a valve that does not close or a broken pipe, then reset the line.",
    ),
    k.STUCK_ON: (
        "safety.stuck_on",
        "critical",
        "It stays on although it was switched off.",
        "Cut its power by hand; the relay or the valve is stuck. Then reset.",
    ),
    k.NO_RESPONSE: (
        "safety.no_response",
        "alarm",
        "It does not follow: switched on, but its feedback says off.",
        _MOTOR,
    ),
    k.NO_FLOW: (
        "safety.no_flow",
        "alarm",
        "Shut: no flow through this valve ({flow_l_min} of {expected_l_min} L/min).",
        _VALVE,
    ),
    k.NO_FLOW_STOP: ("safety.no_flow_stop", "critical", "Line stopped: three waterings in a row gave no flow.", _WATER),
    k.OVER_FLOW: (
        "safety.over_flow",
        "critical",
        "Line shut: {flow_l_min} L/min is far more than the {expected_l_min} L/min of its valves.",
        "Look for a broken pipe, then reset the line.",
    ),
    k.DRY_RUN: ("safety.dry_run", "alarm", "Pump off: it runs without water. It tries again later.", _WATER),
    k.DRY_RUN_STOP: ("safety.dry_run_stop", "critical", "Pump locked: it ran without water again and again.", _WATER),
    k.NEEDS_VALVE: ("safety.needs_valve", "info", "Off: no valve of the line stands open yet.", ""),
    k.HELD_FOR_PUMP: ("safety.held_for_pump", "info", "Kept open a moment longer, until the pump has stopped.", ""),
    k.PRESSURE: (
        "safety.pressure",
        "alarm",
        "Pump off: pressure {pressure_kpa} kPa is above {pressure_max_kpa} kPa.",
        "Check that valves open and filters are clean.",
    ),
    k.TANK_HIGH: ("safety.tank_high", "info", "Not filling: the tank is full ({tank_m} m).", ""),
    k.TANK_FLOAT: ("safety.tank_float", "alarm", "Filling stopped by the float: the tank is about to overflow.", _TANK),
    k.FILL_TIME: ("safety.fill_time", "alarm", "Filling stopped: it takes far too long.", _TANK),
    k.TANK_LOW: ("safety.tank_low", "alarm", "Pump off: the tank is nearly empty ({tank_m} m).", "Fill the tank."),
    k.TANK_BLIND: (
        "safety.tank_blind",
        "alarm",
        "Kept off: the tank's level is not known.",
        "Check the level sensor and the float.",
    ),
    k.PROBE_DRY: ("safety.probe_dry", "alarm", "No dosing: the EC probe is out of the water.", _DOSE),
    k.PROBE_LOST: ("safety.probe_lost", "alarm", "No dosing: EC or pH is not known.", _DOSE),
    k.PROBES_DIFFER: ("safety.probes_differ", "alarm", "No dosing: the two probes do not agree.", _DOSE),
    k.DOSE_INEFFECTIVE: (
        "safety.dose_ineffective",
        "critical",
        "Dosing locked: many doses without any effect on EC or pH.",
        _DOSE,
    ),
    k.DOSE_EVENT: ("safety.dose_event", "alarm", "Dosing stopped: the most for one watering is given.", _DOSE),
    k.DOSE_HOUR: ("safety.dose_hour", "alarm", "Dosing stopped: the most for one hour is given.", _DOSE),
    k.DOSE_DAY: ("safety.dose_day", "alarm", "Dosing stopped: the most for one day is given.", _DOSE),
    k.DOSE_NO_WATER: ("safety.dose_no_water", "info", "No dosing: no water is flowing.", ""),
    k.SOLUTION_LIMIT: (
        "safety.solution_limit",
        "alarm",
        "No dosing: EC {ec_ms_cm} mS/cm or pH {ph} is outside the limits for plants.",
        _DOSE,
    ),
    k.MAINS: (
        "safety.mains",
        "critical",
        "Off: there is no mains power.",
        "Check the power supply; everything starts again by itself, one after the other.",
    ),
    k.RESTART_ORDER: ("safety.restart_order", "info", "Not yet on: machines start one after the other.", ""),
    k.MAINTENANCE: (
        "safety.maintenance",
        "warning",
        "Kept safe: somebody works here.",
        "It ends by itself; or end it at the device.",
    ),
    k.BOOT_HOLD: ("safety.boot_hold", "info", "Off for a moment: the controller has just started.", ""),
    k.STOP_ALL: (
        "safety.stop_all",
        "critical",
        "Off: the emergency stop is pressed.",
        "Release the emergency stop when it is safe.",
    ),
    k.OVERRIDE: ("people.override", "info", "Set by hand to {level} for another {override_left_min} min.", ""),
    k.RUN_TOO_LATE: (
        "time.run_too_late",
        "warning",
        "A scheduled watering was dropped: it was {late_min} min late.",
        _CLOCK,
    ),
    k.RUN_SUPERSEDED: (
        "time.run_superseded",
        "info",
        "A missed watering was dropped, for a later one of the same zone is due.",
        "",
    ),
    k.RUN_TOO_SOON: (
        "time.run_too_soon",
        "warning",
        "A scheduled watering was dropped: the same one had just been done (the date was corrected).",
        _CLOCK,
    ),
    k.CLOCK_UNTRUSTED: ("time.clock_untrusted", "warning", "The clock cannot be trusted; schedules wait.", _CLOCK),
    k.RESTARTED: ("time.restarted", "info", "The controller started again after {down_s} s.", ""),
}
