# SPDX-License-Identifier: Apache-2.0
"""Plans one zone's watering: the strategies balance, drain and adaptive, which differ in what they look at.

Rule kept: every answer has a reason and an account of the numbers behind it, also the answer "not now"; what is missing
has a stand-in and lowers the grade (0 measured .. 3 guessed), and never keeps a zone dry or open by itself. The same
inputs and memory give the same answer, bit for bit. Equations: docs/irrigation.md.
"""

import math
from typing import Final

import numpy as np

from controllers.kernels import adaptive, codes, water_filter
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.kernels import crop_soil as layers
from controllers.kernels import soil_water as soil
from controllers.kernels import zone_water as w
from controllers.layout import house_series
from controllers.past_weather import PastWeather
from controllers.settings import ControlSettings, ZoneSettings
from controllers.strategies import RECKON, PlanInput, Proposal
from controllers.ticks import Floats
from controllers.zone_plan import house_of, zone_plan
from controllers.zone_season import season_of
from controllers.zone_weather import field_rate_mm_h, film_rate_mm_h, sun_max_w_m2
from telemetry.records import series_id

PERIOD_S: Final = 300.0
FORECAST_DAYS: Final = 7
FORECAST_S: Final = 10_800.0  # it is given anew every hour while it is valid, a day at most
SLOW_S: Final = 3_600.0  # salt and drain are read seldom
LOOK_D: Final = 20
SPREADS: Final = (0.75, 1.0, 1.25)  # of the days to come, where there is no forecast
RAIN_TRUST: Final = 0.7
WAIT_FOR_RAIN: Final = 1.3
ALLOWED: Final = (0.30, 0.43, 0.65, 0.89)
"""Shares of the available water that a maize (p 0.55) may draw in its four stages; others in proportion to their p."""
MAIZE_P: Final = 0.55
LEAST_SHARE: Final = 0.1  # of a dose: a smaller rest of a day's gift is not given
SMALLEST_SHARE: Final = 0.25  # of a dose, that the look-ahead may give before the roots ask
LAST_STAGE: Final = 3  # a ripening crop may be left to dry where that is worth most
BALANCE_WIDTH: Final = w.STATE_COLUMNS + 4
SETTLED_SHARE: Final = 0.8  # of the available water: drier than this nothing is waited for


SOURCES: Final = {
    "probe": "probe", "air": "t", "humidity": "rh", "sun": "sun", "salt": "ec", "drain": "drain", "rain": "rain",
}  # fmt: skip
SETTINGS: Final = (
    ("area_m2", w.AREA_M2, 1.0), ("efficiency_pct", w.EFFICIENCY, 100.0), ("wetted_pct", w.WETTED, 100.0),
    ("field_capacity_pct", w.FC, 100.0), ("wilting_pct", w.WP, 100.0), ("root_m", w.ROOT_M, 1.0),
    ("stress_share_pct", w.P_TABLE, 100.0),
)  # fmt: skip


class ZonePlanner:
    """One zone's planner; see ``controllers.strategies.Planner``."""

    def __init__(self, settings: ControlSettings, zone: ZoneSettings, past: PastWeather | None = None) -> None:
        """Build for a zone whose settings have no problem; ``past``: the weather that its place keeps."""
        self._zone, self._made = zone, zone_plan(zone)
        self.place, self.past = weather_place(zone), past if past is not None else PastWeather()
        self._season = season_of(zone, self._made, self.past, self._crop_now)
        self._latitude, self._altitude = settings.latitude_deg, settings.altitude_m
        house = settings.houses[house_of(settings, zone)]
        air_t, air_rh = house_series(house)
        probes = zone.soil_moisture or (series_id(zone.id, "soil_moisture"),)
        covered = zone.plan.covered
        wanted: list[tuple[str, str, float]] = [
            ("t", air_t[0] if covered else house.outside_temperature, 0.0),
            ("rh", air_rh[0] if covered else house.outside_humidity, 0.0),
            ("sun", house.radiation, 0.0),
            ("wind", "" if covered else house.wind, 0.0),
            ("rain", "" if covered else house.rain, 0.0),
            ("ec", zone.plan.water_ec, SLOW_S),
            ("drain", zone.plan.drain, SLOW_S),
        ]
        if zone.strategy != "drain":
            wanted += [(f"probe{i}", name, 0.0) for i, name in enumerate(probes)]
        if zone.strategy == "adaptive":
            for i in range(FORECAST_DAYS):
                wanted.append((f"et{i}", series_id("forecast", "reference_et", i), FORECAST_S))
                wanted.append((f"rain{i}", series_id("forecast", "rain_day", i), FORECAST_S))
        self._slots = {key: i for i, (key, name, _) in enumerate(one for one in wanted if one[1])}
        self._series = tuple(name for _, name, _ in wanted if name)
        self._patience = tuple(patience for _, name, patience in wanted if name)
        self._rain_sums = house.rain.partition("/")[2].startswith("rainfall")
        self._s: Floats = np.zeros(w.STATE_COLUMNS)
        self._last_ms, self._rain_last, self._drain_last, self._age_d = -1, math.nan, math.nan, math.nan
        self._worth_at, self._worth_l = -math.inf, 0.0

    @property
    def series(self) -> tuple[str, ...]:
        """Name the series it wants to see."""
        return self._series

    @property
    def patience_s(self) -> tuple[float, ...]:
        """Say how old each may be; 0 is the farm's limit."""
        return self._patience

    @property
    def period_s(self) -> float:
        """Say how often it wants to be asked."""
        return PERIOD_S

    def memory(self) -> tuple[float, ...]:
        """Give all it remembers."""
        balance = (*self._s.tolist(), float(self._last_ms), self._rain_last, self._drain_last, self._age_d)
        return balance if self._season is None else (*balance, *self._season.memory())

    def recall(self, memory: tuple[float, ...], mono_ms: int) -> None:
        """Take over a memory; ``mono_ms``: when its last plan was, on this boot's clock."""
        if len(memory) >= BALANCE_WIDTH:
            self._s[:] = memory[: w.STATE_COLUMNS]
            self._last_ms = mono_ms
            self._rain_last, self._drain_last, self._age_d = memory[w.STATE_COLUMNS + 1 : BALANCE_WIDTH]
            if self._season is not None:
                self._season.recall(memory[BALANCE_WIDTH:])

    def plan(self, at: PlanInput) -> Proposal:
        """Give the wish of this moment with its account."""
        account = self._live(at)
        litres, code = self._decide(at, account)
        account["gift_l"] = litres
        return Proposal(litres, code, account)

    # ---- what is -------------------------------------------------------------------------------------------------

    def _value(self, at: PlanInput, key: str) -> float:
        slot = self._slots.get(key)
        return float(at.values[slot]) if slot is not None else math.nan

    def _theta(self, at: PlanInput) -> float:
        seen = [self._value(at, key) for key in self._slots if key.startswith("probe")]
        good = sorted(value for value in seen if math.isfinite(value))
        if not good:
            return math.nan
        middle = good[1:-1] if len(good) > 2 else good
        return sum(middle) / len(middle) / 100.0

    def _live(self, at: PlanInput) -> dict[str, float | str]:
        """Advance the balance to this moment; give the account of it."""
        plan, s, p = self._zone.plan, self._s, self._made.water
        theta = self._theta(at)
        if s[w.BEGUN] == 0.0:
            w.begin(s, p, theta)
        dt_h = min(max(at.mono_ms - self._last_ms, 0), 86_400_000) / 3.6e6 if self._last_ms >= 0 else 0.0
        self._last_ms = at.mono_ms
        t, rh, sun = (self._value(at, key) for key in ("t", "rh", "sun"))
        top = sun_max_w_m2(self._latitude, at.day, at.minute)
        sun = sun if -20.0 <= sun <= top else math.nan
        if plan.covered:
            rate = film_rate_mm_h(sun, plan.cover_light, t, rh)
        else:
            wind = self._value(at, "wind")
            rate = field_rate_mm_h(sun, t, rh, wind, self._latitude, self._altitude, at.day, at.minute)
        if self._made.planted >= 0:
            self._age_d = float(at.day - self._made.planted) if at.day >= 0 else self._age_d + dt_h / 24.0
        given_l = at.given_l - s[w.LAST_L] if at.given_l >= s[w.LAST_L] else 0.0
        s[w.LAST_L] = at.given_l
        x, rain = np.empty(w.INPUTS), self._rain_mm(at, dt_h)
        x[:] = (
            dt_h, rate, rain, theta, given_l, at.minute // 60 if at.minute >= 0 else -1,
            at.day, self._age_d, self._drained_l(at),
        )  # fmt: skip
        et = w.advance(s, p, x)
        if given_l > 0.0:
            self._worth_at = -math.inf  # what was worth most before it was given says nothing now
        if self._season is not None:
            known = plan.covered or math.isfinite(self._value(at, "rain"))
            self._season.note(at.day, x, s, p, rain_known=known)
        share = w.crop_share(p, self._age_d)
        demand = float(s[w.ET_DAY_MM])
        return {
            "strategy": self._zone.strategy,
            "depletion_mm": _round(s[water_filter.MEAN_MM]),
            "doubt_mm": _round(math.sqrt(max(s[water_filter.VAR_MM2], 0.0))),
            "available_mm": _round(w.available_mm(p)),
            "theta_pct": _round(100.0 * theta),
            "probe_bias_pct": _round(100.0 * s[water_filter.BIAS]),
            "air_c": _round(t),
            "air_rh_pct": _round(rh),
            "sun_w_m2": _round(sun),
            "rate_mm_h": _round(et / dt_h if dt_h > 0.0 else math.nan),
            "crop_share": _round(share),
            "scale": _round(s[w.SCALE]),
            "et_today_mm": _round(s[w.ET_TODAY_MM]),
            "et_day_mm": _round(demand),
            "age_d": _round(self._age_d),
            "given_l": _round(given_l),
            "used_l": _round(s[w.USED_L]),
            "water_ec_ms_cm": _round(self._value(at, "ec")),
            "salt_max_ms_cm": self._made.salt_max_ms_cm,
            "drain_pct": _round(100.0 * (s[w.DRAIN_SHARE] if s[w.DRAIN_SHARE] >= 0.0 else p[w.DRAIN_TARGET])),
            "grade": float(s[w.GRADE]),
            **self._sources(at),
        }

    def _sources(self, at: PlanInput) -> dict[str, float | str]:
        """Name the series behind each input with the bits of their quality, and the settings used."""
        p = self._made.water
        told: dict[str, float | str] = {}
        for name, keys in SOURCES.items():
            slots = [slot for key, slot in self._slots.items() if key.rstrip("0123456789") == keys]
            if slots:
                told[f"from_{name}"] = " ".join(self._series[slot] for slot in slots)
                told[f"quality_{name}"] = int(np.bitwise_or.reduce(at.quality[slots])) if len(at.quality) else 0
        for name, column, scale in SETTINGS:
            told[name] = _round(p[column] * scale)
        return told

    def _rain_mm(self, at: PlanInput, dt_h: float) -> float:
        value = self._value(at, "rain")
        if not math.isfinite(value):
            return 0.0
        if not self._rain_sums:
            return min(max(value, 0.0), 200.0) * dt_h
        last, self._rain_last = self._rain_last, value
        return min(value - last, 200.0) if value >= last else 0.0

    def _drained_l(self, at: PlanInput) -> float:
        value = self._value(at, "drain")
        if not math.isfinite(value):
            return math.nan
        last, self._drain_last = self._drain_last, value
        return value - last if value >= last else math.nan

    # ---- what to do ----------------------------------------------------------------------------------------------

    def _decide(self, at: PlanInput, told: dict[str, float | str]) -> tuple[float, int]:
        s, p, plan = self._s, self._made.water, self._zone.plan
        mean, taw = float(s[water_filter.MEAN_MM]), w.available_mm(p)
        smart = self._zone.strategy == "adaptive"
        allowed = w.allowed_mm(s, p, self._stage_share() if smart else 0.0)
        if self._zone.strategy == "drain":
            allowed = float(p[w.ALLOWED_SHARE]) * taw
        pace = max(float(s[w.ET_DAY_MM]), 0.5) / 24.0
        told |= {"allowed_mm": _round(allowed), "due_h": _round(max(allowed - mean, 0.0) / pace)}
        rain = self._rain_ahead(at) if smart and not plan.covered else 0.0
        told["rain_mm"] = math.nan if plan.covered else _round(rain)
        left_l = plan.quota_l - float(s[w.USED_L]) if plan.quota_l > 0.0 else math.inf
        told["quota_left_l"] = _round(max(left_l, 0.0))
        told["drains_pct"] = _round(100.0 * w.drains_share(s, p, self._leaching(at)))
        idle = codes.IDLE_SUBSTRATE_WET if self._zone.substrate else codes.IDLE_ENOUGH_WATER
        litres = min(w.gift_l(s, p, rain, self._leaching(at)), self._zone.dose_l, left_l)
        due = mean >= allowed
        salty = self._value(at, "ec") > self._made.salt_max_ms_cm
        priced = smart and not self._zone.substrate and plan.crop_value_m2 > 0.0 and plan.water_cost_m3 > 0.0
        may_wait = mean < SETTLED_SHARE * taw or self._stage() == LAST_STAGE
        free = not salty and left_l >= 0.1 * self._zone.dose_l and s[w.GRADE] <= 1.0
        if self._looks_ahead(at, told) and free and may_wait:
            worth = min(self._left_today_l(left_l, told), self._zone.dose_l, left_l)
            worth = worth if worth >= LEAST_SHARE * self._zone.dose_l else 0.0
            return (worth, codes.START_WORTH) if worth > 0.0 else (0.0, codes.IDLE_WAIT_PAYS if due else idle)
        if not due:
            early = self._worth_now(at, told) if priced and not salty else 0.0
            early = min(early, litres)
            return (early, codes.START_WORTH) if early >= SMALLEST_SHARE * self._zone.dose_l else (0.0, idle)
        if salty:
            return 0.0, codes.IDLE_SALTY_WATER
        if left_l < 0.1 * self._zone.dose_l:
            return 0.0, codes.IDLE_QUOTA
        if smart and mean < SETTLED_SHARE * taw and s[w.GRADE] <= 1.0:
            if RAIN_TRUST * rain >= 0.8 * mean and mean < WAIT_FOR_RAIN * allowed:
                return 0.0, codes.IDLE_RAIN_COMING
            if priced and self._worth_now(at, told) == 0.0:
                return 0.0, codes.IDLE_WAIT_PAYS
        return litres, codes.START_SUBSTRATE if self._zone.substrate else codes.START_DEPLETION

    def _stage(self) -> int:
        if math.isnan(self._age_d):
            return 2
        return int(adaptive.stage_of(self._made.crop, self._age_d))

    def _stage_share(self) -> float:
        """Give the stage's share of the available water; without money no deficit is planned beyond FAO-56's p."""
        p = float(self._made.water[w.P_TABLE])
        share = ALLOWED[self._stage()] * p / MAIZE_P
        plan = self._zone.plan
        return share if plan.crop_value_m2 > 0.0 and plan.water_cost_m3 > 0.0 else min(share, p)

    def _leaching(self, at: PlanInput) -> float:
        salt, ec = self._made.salt, self._value(at, "ec")
        if salt is None or not ec > 0.0:
            return 0.0
        return min(soil.leaching_fraction(ec, salt.threshold_ds_m), 0.3)

    def _rain_ahead(self, at: PlanInput) -> float:
        days = [self._value(at, f"rain{i}") for i in range(2)]
        return sum((min(day, 100.0) for day in days if day >= 0.0), 0.0)

    def _worth_now(self, at: PlanInput, told: dict[str, float | str]) -> float:
        """Give the litres that the look-ahead would give now; once an hour, and the same in between."""
        if at.mono_ms - self._worth_at < SLOW_S * 1000.0:
            return self._worth_l
        self._worth_at = at.mono_ms
        x, crop, plan = self._crop_now(), self._made.crop, self._zone.plan
        per_mm = plan.efficiency / self._zone.area_m2
        weather = self._weather_ahead(at)
        largest = self._zone.dose_l * per_mm
        terms = np.array([1.0, 0.0, 0.0, largest, SMALLEST_SHARE * largest, math.inf])
        terms[adaptive.COST_MM] = plan.water_cost_m3 / 1000.0 / plan.crop_value_m2
        terms[adaptive.COST_RUN] = plan.run_cost / plan.crop_value_m2 / self._zone.area_m2
        if plan.quota_l > 0.0:
            terms[adaptive.QUOTA_MM] = max(plan.quota_l - float(self._s[w.USED_L]), 0.0) * per_mm
        policy = np.full(adaptive.POLICY, self._stage_share())
        policy[adaptive.GIFT_MM :] = largest
        out, scratch = np.empty(adaptive.CHOICES), np.empty(adaptive.SCRATCH)
        gift = adaptive.choose_gift_mm(x, crop, weather, policy, terms, out, scratch)
        best = max((value for value in out.tolist() if math.isfinite(value)), default=math.nan)
        told["worth_wait"], told["worth_gift"] = _round(out[0], 6), _round(best, 6)
        self._worth_l = gift / per_mm
        return self._worth_l

    def _left_today_l(self, quota_l: float, told: dict[str, float | str]) -> float:
        """Give what is left of the day's gift that the season's look-ahead chose."""
        assert self._season is not None
        per_mm = self._zone.plan.efficiency / self._zone.area_m2
        done = min(float(self._s[w.HOURS_TODAY]) / 24.0, 1.0)
        left_l = self._season.left_today_mm(done, quota_l * per_mm) / per_mm
        told["worth_wait"], told["worth_gift"] = _round(self._season.worth_wait, 6), _round(self._season.worth_gift, 6)
        return left_l

    def _looks_ahead(self, at: PlanInput, told: dict[str, float | str]) -> bool:
        """Bring the season's look-ahead up to now; give whether the zone has past weather enough for it."""
        if self._season is None:
            return False
        forecast = np.full((FORECAST_DAYS, 2), math.nan)
        for i in range(FORECAST_DAYS) if not self._zone.plan.covered else ():
            et, rain = self._value(at, f"et{i}"), self._value(at, f"rain{i}")
            forecast[i] = et if 0.0 <= et <= 20.0 else math.nan, rain if 0.0 <= rain <= 500.0 else math.nan
        s = self._s
        if not self._season.look(at.day, self._age_d, float(s[water_filter.MEAN_MM]), float(s[w.SCALE]), forecast):
            return False
        told["past_years"], told["bridged_pct"] = float(self._season.years), _round(100.0 * self._season.bridged)
        return True

    def _weather_ahead(self, at: PlanInput) -> Floats:
        """Give the days ahead (spreads, days, 2): the zone's own pace, a forecast's where there is one."""
        share = max(w.crop_share(self._made.water, self._age_d) * float(self._s[w.SCALE]), 0.1)
        pace = float(self._s[w.ET_DAY_MM]) / share
        ahead = np.ones((len(SPREADS), LOOK_D, k.WEATHER_COLUMNS))
        ahead[:, :, k.RAIN] = 0.0
        for row, spread in enumerate(SPREADS):
            ahead[row, :, 0] = pace * spread
        for i in range(FORECAST_DAYS):
            et, rain = self._value(at, f"et{i}"), self._value(at, f"rain{i}")
            if 0.0 <= et <= 20.0 and not self._zone.plan.covered:
                ahead[:, i, 0] = et
            if 0.0 <= rain <= 500.0 and not self._zone.plan.covered:
                ahead[:, i, 1] = RAIN_TRUST * rain
        done = min(float(self._s[w.HOURS_TODAY]) / 24.0, 1.0)
        ahead[:, 0, 0] *= 1.0 - done  # the part of today that is over has been counted
        return ahead

    def _crop_now(self) -> Floats:
        """Give the look-ahead's field as it stands: nothing lacked so far, its roots as dry as the balance says."""
        crop, s = self._made.crop, self._s
        x = np.zeros(k.STATE_COLUMNS)
        crops.begin(x, crop, 1.0)
        day = min(self._age_d, crop[k.MATURITY_D] - LOOK_D) if self._age_d >= 0.0 else crop[k.FULL_CANOPY_D]
        x[k.DAY] = x[k.TOTAL] = x[k.CLOCK] = max(math.floor(day), 0.0)
        x[k.GERMINATED] = 1.0
        share = min(w.crop_share(self._made.water, self._age_d), 1.0)
        x[k.CC] = x[k.CC_FREE] = x[k.CCX_NOW] = x[k.CCX_HELD] = crop[k.CCX] * share
        x[k.BIOMASS] = x[k.BIOMASS_FREE] = crop[k.PRODUCT_G_M2] * max(x[k.DAY] - 0.5 * crop[k.FULL_CANOPY_D], 0.0)
        since = x[k.DAY] - crop[k.HI_START_D] - 1.0
        if since > 0.0:
            x[k.EARLY_SET], x[k.SUM_GROW], x[k.SUM_CLOSE] = 1.0, since, since
            x[k.F_POLLEN] = min(since / crop[k.FLOWERING_D], 1.0)
        layers.set_depletion(x, crop, s[water_filter.MEAN_MM])
        return x


def weather_place(zone: ZoneSettings) -> str:
    """Name the place whose weather a zone has: its house's open field, or the film with its share of light."""
    return f"{zone.house} {zone.plan.cover_light}" if zone.plan.covered else zone.house


def _round(value: float, digits: int = 3) -> float:
    number = float(value)
    return round(number, digits) if math.isfinite(number) else math.nan


def planners(settings: ControlSettings) -> dict[str, ZonePlanner]:
    """Make a planner for every zone whose strategy reckons; zones of one place share its past weather."""
    places: dict[str, PastWeather] = {}
    return {
        zone.id: ZonePlanner(settings, zone, places.setdefault(weather_place(zone), PastWeather()))
        for zone in settings.zones
        if zone.strategy in RECKON
    }
