# SPDX-License-Identifier: Apache-2.0
"""A month in a second: the real engine and safety on the model greenhouse, in minutes, without bytes or a network.

The rule it keeps: it drives ``controllers.engine`` as the agent does and judges by the twin's truth; the same house,
start, days and seed give the same result to the last digit.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from controllers.engine import Engine
from controllers.houses import HouseModel
from controllers.kernels import greenhouse_columns as c
from controllers.kernels import watched
from controllers.kernels.weather import COLUMNS, HUMIDITY, RADIATION, RAIN, TEMPERATURE, WIND
from controllers.outside import GeneratedWeather, Outside
from controllers.settings import (
    ControlSettings,
    DayPart,
    HouseSettings,
    LineSettings,
    OutputSettings,
    SafetyLimits,
    ZoneSettings,
)
from controllers.ticks import Floats, Sense, TickInput, TickResult
from controllers.twin import Twin

STEP_S: Final = 60
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LINE: Final = "line"

# crop -> day and night (T low, T high, VPD low, VPD high), killing heat; docs/control.md tells the sources
BANDS: Final = {
    "sweet pepper": ((17.0, 27.0, 0.3, 1.2), (15.0, 20.0, 0.2, 1.0), 36.0),
    "melon": ((20.0, 32.0, 0.5, 1.6), (18.0, 24.0, 0.2, 1.2), 42.0),
}
MILLIMETRES_A_DAY: Final = 9.0  # a zone's daily cap
DOSE_MM: Final = 1.5


def _zone_settings(model: HouseModel, number: int) -> ZoneSettings:
    soil = model.zones[number - 1].parameters
    available = soil.field_capacity - soil.wilting
    start = soil.field_capacity - 0.55 * soil.depletion_share * available  # well before the crop feels it
    target = soil.field_capacity - 0.10 * soil.depletion_share * available
    dose_l = DOSE_MM * soil.area_m2
    place = f"{model.name}-{number}"
    return ZoneSettings(
        id=place,
        house=model.name,
        area_m2=soil.area_m2,
        crop=model.crop,
        strategy="moisture",
        valve=f"valve-{number}",
        line=LINE,
        flow_l_min=soil.flow_l_min,
        dose_l=dose_l,
        rest_min_s=1800.0,
        run_max_s=math.ceil(1.5 * dose_l / soil.flow_l_min) * 60.0 + 120.0,
        daily_cap_l=MILLIMETRES_A_DAY * soil.area_m2,
        safe_dose_l=dose_l,
        safe_every_h=12.0,
        soil_moisture=(f"{place}/soil_moisture", f"{place}/soil_moisture.1"),
        start_pct=round(100.0 * start, 2),
        target_pct=round(100.0 * target, 2),
    )


def control_settings(model: HouseModel) -> ControlSettings:
    """Give the control of a model house as a careful grower would set it: two moisture zones, one climate."""
    day, night, heat_c = BANDS[model.crop]
    name, outside = model.name, f"{model.name}-outside"
    zones = tuple(_zone_settings(model, number) for number in range(1, len(model.zones) + 1))
    house = HouseSettings(
        id=name,
        area_m2=model.parameters.area_m2,
        crop=model.crop,
        day_parts=(DayPart("day", "06:30", *day), DayPart("night", "18:00", *night)),
        outside_temperature=f"{outside}/air_temperature",
        outside_humidity=f"{outside}/air_humidity",
        radiation=f"{outside}/solar_radiation",
        wind=f"{outside}/wind_speed",
        rain=f"{outside}/rain_rate",
        heat_c=heat_c,
    )
    line = LineSettings(
        id=LINE,
        pump="pump",
        flow=f"{name}/water_flow",
        pressure=f"{name}/water_pressure",
        tank_level=f"{name}/water_level",
        tank_low_m=0.1,
        tank_high_m=model.parameters.tank_l / 1000.0 / model.parameters.tank_area_m2,
    )
    run_max = max(zone.run_max_s for zone in zones)
    outputs = [
        OutputSettings(zone.valve, "valve", zone.id, max_on_s=zone.run_max_s + 300.0, needs_mains=False)
        for zone in zones
    ]
    outputs += [
        OutputSettings("pump", "pump", LINE, max_on_s=4.0 * run_max, min_off_s=5.0),
        OutputSettings("vent", "vent", name, proportional=True),
        OutputSettings("fan", "fan", name, min_off_s=60.0),
        OutputSettings("fogger", "fogger", name, max_on_s=600.0, min_off_s=120.0),
        OutputSettings("shade", "shade", name),
    ]
    if model.parameters.heater_w_m2 > 0.0:
        outputs.append(OutputSettings("heater", "heater", name, max_on_s=43_200.0, min_off_s=120.0))
    limits = SafetyLimits(mains=f"{name}/voltage")
    return ControlSettings((house,), zones, (line,), tuple(outputs), limits, tick_s=float(STEP_S))


class Remembered:
    """A weather looked up every five minutes, whose last row the engine's eyes may see too."""

    LOOKS_AN_HOUR: Final = 12.0

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._look = -1
        self.row: Floats = np.zeros(0)

    def at(self, hour: float) -> Floats:
        """Give the row of the five minutes in which ``hour`` lies."""
        look = int(hour * self.LOOKS_AN_HOUR)
        if look != self._look:
            self._look = look
            self.row = self._outside.at(look / self.LOOKS_AN_HOUR)
        return self.row


class Eyes:
    """Reads the twin's truth into the engine's order of series: what ``Twin.signals`` tells, only faster."""

    def __init__(self, twin: Twin, model: HouseModel, weather: Remembered, series: tuple[str, ...]) -> None:
        self._twin = twin
        self._weather = weather
        self.values: Floats = np.full(len(series), math.nan)
        name = model.name
        house, row = twin.state.house.shape[1], len(COLUMNS)
        # Where each series stands in what a look lays side by side (the house's state, the weather, each zone's state,
        # then what is put together), and what it is multiplied by.
        zones = [house + row + number * twin.state.zone.shape[1] for number in range(len(model.zones))]
        extra = house + row + len(zones) * twin.state.zone.shape[1]
        at = {
            f"{name}/air_temperature": (c.S_AIR_C, 1.0),
            f"{name}/water_pressure": (c.S_PRESSURE_KPA, 1.0),
            f"{name}/water_level": (c.S_TANK_L, 1.0 / 1000.0 / model.parameters.tank_area_m2),
            f"{name}/air_humidity": (extra + watched.EXTRA_HUMIDITY, 1.0),
            f"{name}/water_flow": (extra + watched.EXTRA_FLOW, 1.0),
            f"{name}/voltage": (extra + watched.EXTRA_VOLTAGE, 1.0),
        }
        at |= {f"{name}-outside/{quantity}": (house + column, 1.0) for quantity, column in _OUTSIDE}
        for number, first in enumerate(zones, start=1):
            at[f"{name}-{number}/soil_moisture"] = (first + c.Z_TOP, 100.0)
            at[f"{name}-{number}/soil_moisture.1"] = (first + c.Z_LOW, 100.0)
        nowhere = (extra, math.nan)  # nothing delivers it here
        self._place = np.array([at.get(one, nowhere)[0] for one in series], dtype=np.float64)
        self._scale = np.array([at.get(one, nowhere)[1] for one in series], dtype=np.float64)

    def look(self, mains: bool) -> Floats:
        """Give the values now, in the order of the series; the array is used again at the next look."""
        state = self._twin.state
        watched.see(state.house[0], self._weather.row, state.zone, mains, self._place, self._scale, self.values)
        return self.values


_OUTSIDE: Final = (
    ("air_temperature", TEMPERATURE),
    ("air_humidity", HUMIDITY),
    ("solar_radiation", RADIATION),
    ("wind_speed", WIND),
    ("rain_rate", RAIN),
)


class Report(msgspec.Struct, frozen=True):
    """What a simulated span came to. Fruit is the twin's fresh weight: a proxy of yield, good for comparing only."""

    house: str
    days: float
    seed: int
    steps: int
    yield_proxy_kg_m2: float
    water_l_m2: float
    drained_l_m2: float
    energy_kwh_m2: float
    heat_kwh_m2: float
    temperature_in_band_pct: float
    vpd_in_band_pct: float
    temperature_hours_in_band: float
    moisture_mean_pct: float
    waterings: int
    reasons: dict[str, int]
    limits: dict[str, int]
    hazards: dict[str, int]


class Simulation:
    """One model house living minute by minute under the engine."""

    def __init__(
        self, model: HouseModel, seed: int, start: datetime = START, settings: ControlSettings | None = None
    ) -> None:
        self.model = model
        self.seed = seed
        self.settings = control_settings(model) if settings is None else settings
        weather = Remembered(GeneratedWeather(model.climate, seed))
        self.twin = Twin({model.name: model}, {model.name: weather}, seed=seed, start_s=start.timestamp())
        self.engine = Engine(self.settings, 0, repeat_s=math.inf)
        self._eyes = Eyes(self.twin, model, weather, self.engine.series)
        self._sense = Sense(
            self._eyes.values,
            np.zeros(len(self.engine.series), dtype=np.int64),
            np.zeros(len(self.engine.series), dtype=np.int64),
        )
        self._wall_ms = int(start.timestamp() * 1000)
        self._offset_s = int(model.climate.utc_offset_h * 3600)
        self._epoch_day = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
        kinds = {out.id: (out.place if out.kind == "valve" else model.name, out.kind) for out in self.settings.outputs}
        self._wires = [kinds[name] for name in self.engine.outputs]
        self._levels = [0.0] * len(self._wires)
        self.mono_ms = 0
        self.steps = 0
        self.mains = True
        self.reasons: dict[str, int] = {}
        self.limits: dict[str, int] = {}
        self.hazards: dict[str, int] = {}
        self._tally = np.zeros(watched.T_WIDTH)
        self._fruit_start = float(self.twin.state.house[0, c.S_FRUIT_G_M2])

    def step(self, bend: Callable[[TickInput], TickInput] | None = None) -> tuple[TickInput, TickResult]:
        """Let a minute pass under the last commands, look, think, and command."""
        self.twin.advance(float(STEP_S))
        self.mono_ms += STEP_S * 1000
        self.steps += 1
        wall_s = self._wall_ms // 1000 + self.steps * STEP_S
        local_s = wall_s + self._offset_s
        self._eyes.look(self.mains)
        given = TickInput(
            self.steps,
            self.mono_ms,
            wall_s * 1000,
            True,
            self._epoch_day + local_s // 86_400,
            local_s % 86_400 // 60,
            self._sense,
        )
        if bend is not None:
            given = bend(given)
        result = self.engine.tick(given)
        self._command(result.allowed.tolist())
        self._count(result)
        return given, result

    def _command(self, levels: list[float]) -> None:
        if levels != self._levels:
            for i, level in enumerate(levels):
                if level != self._levels[i]:
                    self.twin.command(*self._wires[i], level)
            self._levels = levels

    def _count(self, result: TickResult) -> None:
        for decision in result.decisions:
            if decision.code.startswith("irrigation.start"):
                self.reasons[decision.code] = self.reasons.get(decision.code, 0) + 1
            if decision.limit:
                self.limits[decision.limit] = self.limits.get(decision.limit, 0) + 1
        for event in result.events:
            if event.kind == "hazard.raised":
                code = str(event.fields["code"])
                self.hazards[code] = self.hazards.get(code, 0) + 1
        air, band = self.engine.air_and_band(0)
        state, fluxes = self.twin.state, self.twin.fluxes
        watched.tally(air, band, fluxes.house[0], state.zone, fluxes.zone, self._tally)

    def run(self, days: float, bend: Callable[[TickInput], TickInput] | None = None) -> Report:
        """Live through so many days and report."""
        for _ in range(round(days * 86_400 / STEP_S)):
            self.step(bend)
        return self.report()

    def report(self) -> Report:
        """Give what all steps so far came to."""
        steps = max(1, self.steps)
        area = self.model.parameters.area_m2
        state = self.twin.state
        fruit = float(state.house[0, c.S_FRUIT_G_M2]) - self._fruit_start
        in_band, vpd_in_band, moisture, heat_j, drained_l = self._tally.tolist()
        return Report(
            house=self.model.name,
            days=round(self.steps * STEP_S / 86_400, 4),
            seed=self.seed,
            steps=self.steps,
            yield_proxy_kg_m2=round(fruit / self.model.parameters.fruit_dry_share / 1000.0, 4),
            water_l_m2=round(float(state.zone[:, c.Z_METER_L].sum()) / area, 3),
            drained_l_m2=round(drained_l / area, 3),
            energy_kwh_m2=round(float(state.house[0, c.S_ENERGY_KWH]) / area, 4),
            heat_kwh_m2=round(heat_j / 3.6e6, 4),
            temperature_in_band_pct=round(100.0 * in_band / steps, 2),
            vpd_in_band_pct=round(100.0 * vpd_in_band / steps, 2),
            temperature_hours_in_band=round(in_band * STEP_S / 3600.0, 2),
            moisture_mean_pct=round(100.0 * moisture / steps, 2),
            waterings=sum(self.reasons.values()),
            reasons=dict(sorted(self.reasons.items())),
            limits=dict(sorted(self.limits.items())),
            hazards=dict(sorted(self.hazards.items())),
        )


def simulate(model: HouseModel, days: float, seed: int = 1, start: datetime = START) -> Report:
    """Let a model house live for ``days`` under its usual control; deterministic for the same arguments."""
    return Simulation(model, seed, start).run(days)
