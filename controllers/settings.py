# SPDX-License-Identifier: Apache-2.0
"""What a farm says about control: houses, zones, water lines, outputs and the limits that nothing may cross.

The rule it keeps: every number carries its unit in its name, every default is the cautious one, and nothing here
computes. ``controllers.settings_check.problems`` says what is wrong with a farm's settings; an engine is only built
from settings that have no problem.
"""

from typing import Final, Literal

import msgspec

from controllers.settings_water import FertigationSettings, RecipeSettings, SaltGroup, StockSettings, TariffBand

OutputKind = Literal[
    "valve", "pump", "master_valve", "fill_valve", "backwash_valve", "doser",
    "fan", "vent", "heater", "fogger", "shade", "siren",
]  # fmt: skip
Strategy = Literal[
    "off", "schedule", "moisture", "tension", "radiation_sum", "vpd_sum", "balance", "drain", "adaptive", "planned"
]

MINUTES_A_DAY: Final = 1440


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all settings."""


class DayPart(Settings, frozen=True):
    """The climate wanted from ``starts`` (local "HH:MM") until the next part starts.

    Below ``temperature_low_c`` the house is heated, above ``temperature_high_c`` ventilated; below ``vpd_low_kpa``
    the air is too wet (dry it), above ``vpd_high_kpa`` too dry (fog, shade). Bands per crop: docs/control.md.
    """

    name: str
    starts: str
    temperature_low_c: float
    temperature_high_c: float
    vpd_low_kpa: float
    vpd_high_kpa: float


class HouseSettings(Settings, frozen=True):
    """One climate: a greenhouse or a compartment of one.

    An empty list of series means the house's own first series of that quantity. Outputs belong to a house by
    their ``place``. ``frost_c`` and ``heat_c`` are the temperatures that kill; they are limits, not setpoints.
    """

    id: str
    area_m2: float
    crop: str
    day_parts: tuple[DayPart, ...]
    title: str = ""
    air_temperature: tuple[str, ...] = ()
    air_humidity: tuple[str, ...] = ()
    outside_temperature: str = ""
    outside_humidity: str = ""
    radiation: str = ""
    wind: str = ""
    rain: str = ""
    frost_c: float = 2.0
    heat_c: float = 42.0
    storm_m_s: float = 15.0
    shade_above_w_m2: float = 650.0


class ScheduledRun(Settings, frozen=True):
    """Water ``litres`` at local time ``at`` ("HH:MM") on these weekdays (1 Monday ... 7 Sunday)."""

    at: str
    litres: float
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)


class PlanSettings(Settings, frozen=True):
    """What the strategies that reckon (balance, drain, adaptive) may know of a zone; 0 or "" takes the tables' figure.

    ``planted`` "YYYY-MM-DD" ("": a crop that stands full the whole year); ``stages_d`` its four stages; ``root_m`` the
    depth that is reckoned with, ``wetted_share`` of the area that drippers wet; ``covered``: under film or glass, which
    lets ``cover_light`` of the sun in. ``drain`` and ``water_ec`` are series (litres drained, salt of the water given),
    ``allowed_pct`` of a substrate's water that may be drunk before the next gift, ``drain_target_pct`` of it to drain.
    ``salt_max_ms_cm`` stops the watering, ``quota_l`` is for the season. Money in any one currency: ``crop_value_m2``
    a full harvest of 1 m², ``water_cost_m3``, ``run_cost`` of one watering.
    """

    planted: str = ""
    stages_d: tuple[float, ...] = ()
    root_m: float = 0.0
    wetted_share: float = 1.0
    field_capacity_pct: float = 0.0
    wilting_pct: float = 0.0
    depletion_share: float = 0.0
    efficiency: float = 0.9
    covered: bool = True
    cover_light: float = 0.7
    allowed_pct: float = 10.0
    drain: str = ""
    drain_target_pct: float = 15.0
    water_ec: str = ""
    salt_max_ms_cm: float = 0.0
    quota_l: float = 0.0
    crop_value_m2: float = 0.0
    water_cost_m3: float = 0.0
    run_cost: float = 0.0


class ZoneSettings(Settings, frozen=True):
    """One valve's area and how it is watered.

    ``strategy`` decides when; ``dose_l`` is one watering (the moisture strategy waters until ``target_pct`` but never
    more than ``dose_l``). ``rest_min_s``, ``run_max_s`` and ``daily_cap_l`` hold whatever the strategy says. When its
    sensors or the clock cannot be trusted, the zone follows its safe rule: ``safe_dose_l`` every ``safe_every_h``
    hours by the monotonic clock (0 litres: it stays closed), inside the same caps.
    """

    id: str
    house: str
    area_m2: float
    crop: str
    strategy: Strategy
    valve: str
    line: str
    flow_l_min: float
    dose_l: float
    rest_min_s: float
    run_max_s: float
    daily_cap_l: float
    safe_dose_l: float
    safe_every_h: float
    title: str = ""
    soil: str = "loam"
    substrate: bool = False
    soil_moisture: tuple[str, ...] = ()
    soil_tension: tuple[str, ...] = ()
    start_pct: float = 0.0
    target_pct: float = 0.0
    wet_pct: float = 100.0
    start_kpa: float = 0.0
    target_kpa: float = 0.0
    radiation_start_j_cm2: float = 0.0
    vpd_start_kpa_h: float = 0.0
    allowed_from: str = "00:00"
    allowed_to: str = "24:00"
    schedule: tuple[ScheduledRun, ...] = ()
    plan: PlanSettings = PlanSettings()
    recipe: str = ""
    pressure_min_kpa: float = 0.0
    cycle_max_s: float = 0.0
    soak_s: float = 0.0
    wait_max_h: float = 0.0
    salt_group: SaltGroup = ""
    salt_max_ms_cm: float = 0.0


class LineSettings(Settings, frozen=True):
    """One water line: pump or gravity, master valve, meters, tank and dosing channels that its zones share.

    An empty name means the part does not exist. ``fill_delay_s`` is the time the pipes take to fill before flow is
    judged. ``dry_run_current_a`` and ``dry_run_kpa`` 0 mean not judged. Dosers belong to a line by their ``place``.
    """

    id: str
    pump: str = ""
    master_valve: str = ""
    fill_valve: str = ""
    flow: str = ""
    pressure: str = ""
    pump_current: str = ""
    tank_level: str = ""
    tank_float: str = ""
    ec: tuple[str, ...] = ()
    ph: tuple[str, ...] = ()
    zones_at_once: int = 1
    fill_delay_s: float = 20.0
    leak_l_min: float = 0.2
    low_flow_fraction: float = 0.5
    high_flow_fraction: float = 1.3
    pressure_max_kpa: float = 600.0
    dry_run_current_a: float = 0.0
    dry_run_kpa: float = 0.0
    tank_low_m: float = 0.0
    tank_high_m: float = 0.0
    fill_max_s: float = 0.0
    ec_max_ms_cm: float = 4.0
    ph_min: float = 4.5
    ph_max: float = 7.5
    flow_max_l_min: float = 0.0
    pump_shutoff_kpa: float = 0.0
    pump_kpa: float = 0.0
    pump_l_min: float = 0.0
    filter_in: str = ""
    filter_out: str = ""
    backwash_valve: str = ""
    backwash_flow_l_min: float = 0.0
    backwash_kpa: float = 0.0
    backwash_every_l: float = 0.0
    backwash_s: float = 60.0
    backwash_rest_s: float = 1800.0
    source_ec: str = ""
    salt_lost: Literal["keep", "close"] = "keep"


class OutputSettings(Settings, frozen=True):
    """One thing that can be switched or moved: what it is, where it belongs, and its own limits.

    ``place`` is a zone (valve), a line (pump, master_valve, fill_valve, doser), a house (climate) or "farm" (siren).
    ``max_on_s`` 0 means "may stay on" and is allowed for fans, vents, shades, heaters' circulation and sirens only.
    ``storm_level`` and so on: the level forced by that hazard; None takes the kind's own (docs/safety.md).
    ``lease_s`` is for how long an *on* lives without renewal.
    """

    id: str
    kind: OutputKind
    place: str
    title: str = ""
    proportional: bool = False
    safe_level: float = 0.0
    max_on_s: float = 0.0
    min_off_s: float = 0.0
    daily_max_on_s: float = 0.0
    lease_s: float = 10.0
    storm_level: float | None = None
    heat_level: float | None = None
    frost_level: float | None = None
    blind_level: float | None = None
    needs_mains: bool = True
    power_w: float = 0.0
    ml_per_s: float = 0.0
    event_max_ml: float = 0.0
    hour_max_ml: float = 0.0
    day_max_ml: float = 0.0


class SafetyLimits(Settings, frozen=True):
    """The farm-wide bounds of the safety kernel; docs/safety.md says which hazard each belongs to."""

    stale_s: float = 300.0  # a value older than this is no value, whatever its flags say
    wind_stale_s: float = 60.0
    storm_clear_s: float = 600.0
    blind_after_s: float = 20.0  # no trusted house temperature for so long: the house is blind
    valve_lead_s: float = 1.0  # a pump starts only behind a valve open for so long
    valve_lag_s: float = 2.0  # the last valve closes so long after its pump stopped
    flow_judge_s: float = 8.0  # no flow for so long after the fill delay stops the zone
    zone_fault_rest_s: float = 3600.0  # a zone without flow is skipped for so long
    dry_run_lockout_s: float = 600.0
    dry_run_tries: int = 3
    leak_samples: int = 3
    dose_tries: int = 15  # doses without effect before the channel locks
    probe_dry_ms_cm: float = 0.2
    probe_differ_ph: float = 0.3
    probe_differ_ms_cm: float = 0.3
    maintenance_max_s: float = 1800.0
    override_max_s: float = 14400.0
    mains: str = ""  # series of mains voltage ("" = not watched)
    mains_min_v: float = 180.0
    restart_settle_s: float = 10.0
    restart_stagger_s: float = 5.0
    boot_hold_s: float = 10.0  # after a start all is off so long while leaks are looked for
    resume_grace_s: float = 900.0  # a run cut by a power failure is finished once, if not older than this
    schedule_grace_s: float = 3600.0  # a missed scheduled run is made up so late, then it is dropped


class ControlSettings(Settings, frozen=True):
    """Everything the engine knows about a farm."""

    houses: tuple[HouseSettings, ...]
    zones: tuple[ZoneSettings, ...] = ()
    lines: tuple[LineSettings, ...] = ()
    outputs: tuple[OutputSettings, ...] = ()
    limits: SafetyLimits = SafetyLimits()
    timezone: str = "Asia/Ho_Chi_Minh"
    tick_s: float = 1.0
    tariff: tuple[TariffBand, ...] = ()
    recipes: tuple[RecipeSettings, ...] = ()
    stocks: tuple[StockSettings, ...] = ()
    fertigation: tuple[FertigationSettings, ...] = ()
    latitude_deg: float = 12.0
    altitude_m: float = 0.0


def minute_of_day(text: str) -> int:
    """Turn "HH:MM" (00:00 to 24:00) into minutes since local midnight; ValueError says what was seen."""
    hours, colon, minutes = text.partition(":")
    if colon and len(hours) == 2 and len(minutes) == 2 and hours.isdecimal() and minutes.isdecimal():
        total = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and total <= MINUTES_A_DAY:
            return total
    raise ValueError(f"not a time of day: {text!r}; write it as HH:MM, for instance 06:30")
