# SPDX-License-Identifier: Apache-2.0
"""Runs every way of watering through the same stretch of a farm's own weather, with the engine that runs the farm.

The rule it keeps: the engine, its safety and its planners are the real ones; only the root zone is a model (one bucket,
FAO-56 stress, field capacity overflows), the same for all, so that the ways differ and nothing else does.
"""

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from controllers.engine import Engine
from controllers.kernels import soil_water
from controllers.kernels import zone_water as w
from controllers.layout import house_series, zone_moisture
from controllers.settings import ControlSettings, LineSettings, ScheduledRun, ZoneSettings
from controllers.ticks import Floats, TickInput
from controllers.zone_plan import ZonePlan, house_of, zone_plan
from controllers.zone_weather import FILM_A, LAI_FULL, PLAIN_VPD_KPA, field_rate_mm_h, film_rate_mm_h
from telemetry.records import series_id

STEP_S: Final = 300
FINE_S: Final = 60  # while water runs
DAY_S: Final = 86_400
replace = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Weather:
    """What was measured, n steps of five minutes: air [°C, %], sun [W/m²], wind [m/s], rain [mm]; NaN: not measured.

    ``start_day`` is the local day number of the first step, which begins at midnight.
    """

    start_day: int
    air_c: Floats
    rh_pct: Floats
    sun_w_m2: Floats
    wind_m_s: Floats
    rain_mm: Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """What a way of watering came to over the stretch."""

    strategy: str
    litres: float
    waterings: int
    drained_mm: float
    lacking_mm: float
    dry_days: int
    moisture_pct: float
    reasons: dict[str, int]


def ways(zone: ZoneSettings, need_mm_d: float, vpd_kpa_h_d: float) -> dict[str, ZoneSettings]:
    """Give the zone under each strategy; what farm.toml does not set for one is derived from the zone's daily need.

    ``need_mm_d`` [mm/d] and ``vpd_kpa_h_d`` [kPa h/d] of a mean day of the stretch.
    """
    made = zone_plan(replace(zone, strategy="balance"))
    water = made.water
    dose_mm = zone.dose_l * float(water[w.EFFICIENCY]) / zone.area_m2
    per_day = need_mm_d * zone.area_m2 / float(water[w.EFFICIENCY])
    fc, wp = 100.0 * float(water[w.FC]), 100.0 * float(water[w.WP])
    share = float(water[w.ALLOWED_SHARE] if zone.substrate else water[w.P_TABLE])
    start, target = fc - share * (fc - wp), fc - 0.05 * (fc - wp)
    light = zone.plan.cover_light if zone.plan.covered else 1.0
    uptake = FILM_A * (1.0 - math.exp(-0.7 * LAI_FULL)) * light / 2.45 / 100.0  # mm per J/cm²
    run = ScheduledRun("06:30", round(min(per_day, zone.daily_cap_l), 1))
    return {
        "schedule": replace(zone, strategy="schedule", schedule=zone.schedule or (run,)),
        "moisture": replace(
            zone, strategy="moisture", start_pct=zone.start_pct or start, target_pct=zone.target_pct or target
        ),
        "radiation_sum": replace(
            zone,
            strategy="radiation_sum",
            radiation_start_j_cm2=zone.radiation_start_j_cm2 or dose_mm / max(uptake, 1e-9),
        ),
        "vpd_sum": replace(
            zone,
            strategy="vpd_sum",
            vpd_start_kpa_h=zone.vpd_start_kpa_h or dose_mm / max(need_mm_d, 0.1) * vpd_kpa_h_d,
        ),
        "balance": replace(zone, strategy="balance"),
        "adaptive": replace(zone, strategy="adaptive"),
    }  # fmt: skip


class Bucket:
    """The model root zone: depletion [mm over the area]."""

    def __init__(self, made: ZonePlan, scale: float, depletion_mm: float, et_day_mm: float) -> None:
        self._p, self._scale = made.water, scale
        self._stress_share = min(max(float(self._p[w.P_TABLE]) + 0.04 * (5.0 - et_day_mm), 0.1), 0.8)
        self.depletion_mm = depletion_mm
        self.drained_mm = self.lacking_mm = 0.0

    def step(self, rate_mm_h: float, age_d: float, litres: float, rain_mm: float, dt_h: float) -> bool:
        """Let a step pass; give whether the crop lacked water."""
        p = self._p
        taw = w.available_mm(p)
        wanted = rate_mm_h * dt_h * w.crop_share(p, age_d) * self._scale
        ks = soil_water.stress_coefficient(self.depletion_mm, taw, self._stress_share, False)
        taken = min(wanted * ks, taw - self.depletion_mm)
        self.lacking_mm += wanted - taken
        left = self.depletion_mm + taken - litres * float(p[w.EFFICIENCY]) / float(p[w.AREA_M2]) - rain_mm
        self.drained_mm += max(-left, 0.0)
        self.depletion_mm = max(left, 0.0)
        return ks < 0.999

    def theta_pct(self) -> float:
        """Give what a good probe would read [%]."""
        p = self._p
        return 100.0 * (float(p[w.FC]) - self.depletion_mm / (1000.0 * float(p[w.ROOT_M]) * float(p[w.WETTED])))


def rates(settings: ControlSettings, zone: ZoneSettings, weather: Weather) -> Floats:
    """Give a full crop's rate [mm/h] of every step; a gap takes the mean of its hour of the day."""
    n, found = len(weather.air_c), np.empty(len(weather.air_c))
    for i in range(n):
        minute = i * STEP_S % DAY_S // 60
        t, rh, sun = float(weather.air_c[i]), float(weather.rh_pct[i]), float(weather.sun_w_m2[i])
        if zone.plan.covered:
            found[i] = film_rate_mm_h(sun, zone.plan.cover_light, t, rh)
        else:
            day = weather.start_day + i * STEP_S // DAY_S
            wind = float(weather.wind_m_s[i])
            found[i] = field_rate_mm_h(sun, t, rh, wind, settings.latitude_deg, settings.altitude_m, day, minute)
    hour = np.arange(n) * STEP_S % DAY_S // 3600
    for h in range(24):
        of_hour = found[hour == h]
        good = of_hour[np.isfinite(of_hour)]
        plain = float(good.mean()) if len(good) else w.plain_rate_mm_h(float(h))
        found[(hour == h) & ~np.isfinite(found)] = plain
    return np.clip(found, 0.0, w.RATE_MAX_MM_H)


def vpd_sum_kpa_h_d(weather: Weather) -> float:
    """Give the mean day's sum of the vapour pressure deficit [kPa h]."""
    es = 0.6108 * np.exp(17.27 * weather.air_c / (weather.air_c + 237.3))
    vpd = np.nan_to_num(es * (1.0 - weather.rh_pct / 100.0), nan=PLAIN_VPD_KPA)
    return float(np.clip(vpd, 0.0, 10.0).mean()) * 24.0


class Trial:
    """One zone under one strategy through a stretch of weather."""

    def __init__(self, settings: ControlSettings, zone: ZoneSettings, scale: float, depletion_mm: float) -> None:
        house = settings.houses[house_of(settings, zone)]
        valve = next(out for out in settings.outputs if out.id == zone.valve)
        line = LineSettings(id=zone.line)  # water is always there: pumps and tanks are not what is compared
        self._farm = replace(settings, houses=(house,), zones=(zone,), lines=(line,), outputs=(valve,))
        self._farm = replace(self._farm, recipes=(), stocks=())
        self._farm = replace(self._farm, limits=replace(settings.limits, mains="", boot_hold_s=0.0, stale_s=900.0))
        self._zone, self._scale, self._start_mm = zone, scale, depletion_mm
        self._house = house

    def run(self, weather: Weather, rate: Floats) -> Tally:
        """Let the stretch pass."""
        made = zone_plan(replace(self._zone, strategy="balance"))
        days = max(len(rate) * STEP_S / DAY_S, 1e-9)
        bucket = Bucket(made, self._scale, self._start_mm, float(rate.sum()) * STEP_S / 3600.0 / days * self._scale)
        engine = Engine(self._farm, 0, repeat_s=math.inf)
        open_now, mono_s, litres, waterings, steps, moisture = False, 0, 0.0, 0, 0, 0.0
        dry: set[int] = set()
        reasons: dict[str, int] = {}
        for i in range(len(rate)):
            fine = 1 if not open_now else STEP_S // FINE_S
            for part in range(fine):
                dt_s = STEP_S // fine
                mono_s += dt_s
                given = self._zone.flow_l_min * dt_s / 60.0 if open_now else 0.0
                litres += given
                at_s = i * STEP_S + part * dt_s
                day = weather.start_day + at_s // DAY_S
                age = float(day - made.planted) if made.planted >= 0 else math.nan
                rain = 0.0 if self._zone.plan.covered else float(np.nan_to_num(weather.rain_mm[i])) / fine
                if bucket.step(float(rate[i]), age, given, rain, dt_s / 3600.0):
                    dry.add(day)
                sense = engine.sense(self._seen(weather, i, bucket))
                moment = TickInput(steps, mono_s * 1000, mono_s * 1000, True, day, at_s % DAY_S // 60, sense)
                result = engine.tick(moment)
                steps += 1
                moisture += bucket.theta_pct()
                for decision in result.decisions:
                    if decision.code.startswith("irrigation.start"):
                        waterings += 1
                        reasons[decision.code] = reasons.get(decision.code, 0) + 1
                open_now = bool(result.allowed[0] > 0.0)
        return Tally(
            self._zone.strategy, litres, waterings, bucket.drained_mm, bucket.lacking_mm, len(dry),
            moisture / max(steps, 1), reasons,
        )  # fmt: skip

    def _seen(self, weather: Weather, i: int, bucket: Bucket) -> dict[str, tuple[float, int, int]]:
        house = self._house
        air_t, air_rh = house_series(house)
        values = {
            air_t[0]: float(weather.air_c[i]), air_rh[0]: float(weather.rh_pct[i]),
            house.outside_temperature: float(weather.air_c[i]), house.outside_humidity: float(weather.rh_pct[i]),
            house.radiation: float(weather.sun_w_m2[i]), house.wind: float(weather.wind_m_s[i]),
        }  # fmt: skip
        for name in zone_moisture(replace(self._zone, strategy="moisture")):
            values[name] = bucket.theta_pct()
        values[series_id(self._zone.id, "soil_moisture")] = bucket.theta_pct()
        return {name: (value, 0, 0) for name, value in values.items() if name}


def compare(
    settings: ControlSettings, zone: ZoneSettings, weather: Weather, scale: float = 1.0, depletion_mm: float = math.nan
) -> list[Tally]:
    """Run all ways through ``weather``; ``scale``: how fast this crop drinks against the formula, as was learned."""
    made = zone_plan(replace(zone, strategy="balance"))
    start = depletion_mm
    if not start >= 0.0:
        start = 0.5 * float(made.water[w.P_TABLE]) * w.available_mm(made.water)
    rate = rates(settings, zone, weather)
    days = max(len(rate) * STEP_S / DAY_S, 1e-9)
    need = float(rate.sum()) * STEP_S / 3600.0 / days * scale
    kinds = ways(zone, need, vpd_sum_kpa_h_d(weather))
    return [Trial(settings, one, scale, start).run(weather, rate) for one in kinds.values()]
