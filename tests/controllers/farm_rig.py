# SPDX-License-Identifier: Apache-2.0
"""A small farm with every part that safety knows, and a rig that lets it live tick by tick under any signals."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from controllers.engine import Engine
from controllers.settings import (
    ControlSettings,
    DayPart,
    HouseSettings,
    LineSettings,
    OutputSettings,
    ScheduledRun,
    ZoneSettings,
)
from controllers.ticks import Maintenance, Override, Reset, TickInput, TickResult
from telemetry.records import Decision, Event

DAY0 = 739_000
HOUSE = HouseSettings(
    id="house",
    area_m2=1000.0,
    crop="pepper",
    day_parts=(
        DayPart("day", "06:00", 21.0, 27.0, 0.8, 1.2),
        DayPart("night", "18:00", 17.0, 22.0, 0.3, 1.0),
    ),
    air_temperature=("house/air_temperature", "house/air_temperature.1", "house/air_temperature.2"),
    outside_temperature="station/air_temperature",
    outside_humidity="station/air_humidity",
    radiation="station/solar_radiation",
    wind="station/wind_speed",
    rain="station/rain_rate",
    storm_m_s=15.0,
)
LINE = LineSettings(
    id="line",
    pump="pump",
    master_valve="master",
    fill_valve="fill",
    flow="line/water_flow",
    pressure="line/water_pressure",
    pump_current="line/current",
    tank_level="tank/water_level",
    tank_float="tank/switch",
    ec=("line/water_ec", "line/water_ec.1"),
    ph=("line/water_ph", "line/water_ph.1"),
    dry_run_current_a=1.0,
    dry_run_kpa=50.0,
    pressure_max_kpa=500.0,
    tank_low_m=0.3,
    tank_high_m=2.0,
    fill_max_s=3600.0,
)
ZONE_A = ZoneSettings(
    id="zone-a",
    house="house",
    area_m2=500.0,
    crop="pepper",
    strategy="moisture",
    valve="valve-a",
    line="line",
    flow_l_min=20.0,
    dose_l=100.0,
    rest_min_s=1800.0,
    run_max_s=900.0,
    daily_cap_l=400.0,
    safe_dose_l=40.0,
    safe_every_h=12.0,
    start_pct=25.0,
    target_pct=32.0,
    wet_pct=36.0,
)
ZONE_B = msgspec.structs.replace(
    ZONE_A,
    id="zone-b",
    strategy="schedule",
    valve="valve-b",
    start_pct=0.0,
    target_pct=0.0,
    schedule=(ScheduledRun("06:30", 60.0), ScheduledRun("16:00", 40.0)),
)


def _out(name: str, kind: str, place: str, **more: object) -> OutputSettings:
    return msgspec.convert({"id": name, "kind": kind, "place": place, **more}, OutputSettings)


OUTPUTS = (
    _out("valve-a", "valve", "zone-a", max_on_s=1200.0, needs_mains=False),
    _out("valve-b", "valve", "zone-b", max_on_s=1200.0, needs_mains=False),
    _out("pump", "pump", "line", max_on_s=7200.0, min_off_s=5.0),
    _out("master", "master_valve", "line", max_on_s=7200.0),
    _out("fill", "fill_valve", "line", max_on_s=7200.0),
    _out(
        "doser",
        "doser",
        "line",
        max_on_s=600.0,
        ml_per_s=10.0,
        event_max_ml=500.0,
        hour_max_ml=1000.0,
        day_max_ml=4000.0,
    ),
    _out("vent", "vent", "house", proportional=True),
    _out("fan", "fan", "house", min_off_s=30.0),
    _out("heater", "heater", "house", max_on_s=14_400.0, min_off_s=60.0),
    _out("fogger", "fogger", "house", max_on_s=300.0, min_off_s=120.0),
    _out("shade", "shade", "house"),
    _out("siren", "siren", "farm", needs_mains=False),
)
FARM = ControlSettings(houses=(HOUSE,), zones=(ZONE_A, ZONE_B), lines=(LINE,), outputs=OUTPUTS)

GOOD: dict[str, float] = {
    "house/air_temperature": 24.0,
    "house/air_temperature.1": 24.0,
    "house/air_temperature.2": 24.0,
    "house/air_humidity": 66.0,
    "station/air_temperature": 20.0,
    "station/air_humidity": 70.0,
    "station/solar_radiation": 300.0,
    "station/wind_speed": 2.0,
    "station/rain_rate": 0.0,
    "line/water_flow": 0.0,
    "line/water_pressure": 200.0,
    "line/current": 4.0,
    "tank/water_level": 1.9,
    "tank/switch": 0.0,
    "line/water_ec": 2.0,
    "line/water_ec.1": 2.0,
    "line/water_ph": 6.0,
    "line/water_ph.1": 6.0,
    "zone-a/soil_moisture": 30.0,
    "zone-b/soil_moisture": 30.0,
}


@dataclass
class Rig:
    """A farm living tick by tick. ``values`` may be changed at will; water flows where pump and valves say so."""

    settings: ControlSettings = FARM
    step_ms: int = 1000
    mono_ms: int = 0
    wall_ms: int = 1_700_000_000_000
    clock_ok: bool = True
    minute: float = 12 * 60.0
    day: int = DAY0
    flows: bool = True  # the meter follows the valves by itself
    values: dict[str, float] = field(default_factory=lambda: dict(GOOD))
    quality: dict[str, int] = field(default_factory=dict)
    age_ms: dict[str, int] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    resets: tuple[Reset, ...] = ()
    stop_all: bool = False
    feedback: dict[str, float] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    ticks: int = 0

    def __post_init__(self) -> None:
        self.engine = Engine(self.settings, self.mono_ms)
        self.result: TickResult | None = None

    def level(self, output: str) -> float:
        """What the output is allowed to do now."""
        return 0.0 if self.result is None else float(self.result.allowed[self.engine.outputs.index(output)])

    def limit(self, output: str) -> str:
        """The limit that bound the output last."""
        return next((d.limit for d in reversed(self.decisions) if d.output == output), "")

    def code(self, output: str) -> str:
        """The last reason stored for the output."""
        return next((d.code for d in reversed(self.decisions) if d.output == output), "")

    def raised(self) -> list[tuple[str, str]]:
        """All hazards told so far, as (place, code)."""
        return [(e.subject, str(e.fields["code"])) for e in self.events if e.kind == "hazard.raised"]

    def hold(self, output: str, level: float = 1.0, seconds: float = 3600.0, origin: str = "manual") -> None:
        """Put an override on an output."""
        until = self.mono_ms + int(seconds * 1000)
        self.overrides += (
            msgspec.convert(
                {"output": output, "level": level, "until_ms": until, "person": "an", "origin": origin}, Override
            ),
        )

    def tick(self) -> TickResult:
        """Let one step pass and think."""
        if self.flows and "line/water_flow" in self.values:
            pumping = self.level("pump") > 0.0 and self.level("master") > 0.0
            zones = {z.valve: z.flow_l_min for z in self.settings.zones}
            self.values["line/water_flow"] = sum(self.level(v) * f for v, f in zones.items()) if pumping else 0.0
        self.mono_ms += self.step_ms
        self.wall_ms += self.step_ms
        self.minute += self.step_ms / 60_000.0
        if self.minute >= 1440.0:
            self.minute -= 1440.0
            self.day += 1
        samples = {
            name: (value, self.quality.get(name, 0), self.age_ms.get(name, 0)) for name, value in self.values.items()
        }
        feedback = np.array([self.feedback.get(name, math.nan) for name in self.engine.outputs])
        self.result = self.engine.tick(
            TickInput(
                self.ticks,
                self.mono_ms,
                self.wall_ms,
                self.clock_ok,
                self.day,
                int(self.minute),
                self.engine.sense(samples),
                self.overrides,
                self.maintenance,
                self.resets,
                self.stop_all,
                feedback,
            )
        )
        self.ticks += 1
        self.resets = ()
        self.events.extend(self.result.events)
        self.decisions.extend(self.result.decisions)
        return self.result

    def run(self, seconds: float) -> "Rig":
        """Let so many seconds pass."""
        for _ in range(max(1, int(seconds * 1000 / self.step_ms))):
            self.tick()
        return self

    def until(self, condition: Callable[["Rig"], bool], seconds: float) -> float:
        """Let time pass until the condition holds; give the seconds it took, inf when it never came."""
        for step in range(int(seconds * 1000 / self.step_ms)):
            if condition(self):
                return step * self.step_ms / 1000.0
            self.tick()
        return math.inf


RigMaker = Callable[..., Rig]

WET = {"zone-a/soil_moisture": 20.0}
IRRIGATION = ("valve-a", "valve-b", "pump", "master", "doser")


def watering(rig: RigMaker, **more: object) -> Rig:
    """A rig whose zone A has been watering for a minute."""
    made = rig(**more)
    made.values |= WET
    made.run(60)
    assert made.level("valve-a") == made.level("pump") == made.level("master") == 1.0
    return made


def set_temperatures(farm: Rig, *values: float) -> None:
    for name, value in zip(
        ("house/air_temperature", "house/air_temperature.1", "house/air_temperature.2"), values, strict=True
    ):
        farm.values[name] = value


def is_on(output: str, farm: Rig) -> bool:
    return farm.level(output) > 0.0
