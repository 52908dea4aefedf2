# SPDX-License-Identifier: Apache-2.0
"""A zone's look-ahead over the rest of its season, under the weather of its own past years.

Rule kept: it decides with ``controllers.season``, the code that bench/irrigation.py measures; without three years of
measured weather, a planting day and a trusted date it does not speak, and the planner's short look-ahead does. A plan
is improved a few trials at each call, so that no tick waits for a search.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from controllers.kernels import adaptive
from controllers.kernels import crop_columns as k
from controllers.kernels import zone_water as w
from controllers.past_weather import ET, RAIN, PastWeather, RunningDay
from controllers.season import FIRST_STEPS, FIRST_TRIES, STEP_A_DAY, TRIES_A_DAY, Season, with_forecast
from controllers.settings import ZoneSettings
from controllers.ticks import Floats
from controllers.zone_plan import ZonePlan

TRIES_A_CALL: Final = 3
SPARE_D: Final = 8
LARGEST_MM: Final = 25.0  # of a day's gift
LONGEST_STEP_H: Final = 1.0  # what passed in a longer pause nobody has measured
SMALLEST_SHARE: Final = 0.2  # of the largest gift
# What is kept of the season: the field, a rich one, its plan, worths, goal, today's gift.
KEPT: Final = 2 * k.STATE_COLUMNS + adaptive.POLICY + 6
WIDTH: Final = RunningDay.WIDTH + 3 + KEPT


class ZoneSeason:
    """One zone's season. ``crop``: its row of ``crop_columns``; ``crop_now`` gives the field as the balance sees it."""

    def __init__(
        self, crop: Floats, past: PastWeather, largest_mm: float, costs: tuple[float, float],
        crop_now: Callable[[], Floats],
    ) -> None:  # fmt: skip
        """Build; ``costs`` of a mm of water and of a run, as shares of the full harvest's price (0: no prices)."""
        self._costs = costs
        self.past, self.today = past, RunningDay()
        self._crop, self._crop_now, self._largest_mm = crop, crop_now, largest_mm
        self._season = Season(crop, largest_mm, SMALLEST_SHARE * largest_mm)
        self._begun = False
        self._owed, self._trials = 0, 0
        self._ahead: Floats = np.empty((0, 0, k.WEATHER_COLUMNS))
        self._ahead_of = -1
        self._gift_of, self._gift_mm = -1, 0.0  # the day whose gift was chosen, and that gift
        self.worth_wait = self.worth_gift = math.nan  # of a season without and with it
        self.bridged = 0.0  # share of the past days ahead that were not measured

    @property
    def years(self) -> int:
        """Say how many past years it looks at; 0: it does not speak."""
        return int(self._ahead.shape[0]) if self._begun else 0

    def note(self, day: int, x: Floats, s: Floats, p: Floats, *, rain_known: bool) -> None:
        """Add a step of the balance (``kernels.zone_water``: inputs ``x``, state ``s``, parameters ``p``) to the day.

        Where nothing was measured the hour's own past stands in, and the hour does not count as measured.
        """
        hour, dt_h, rate = int(x[w.HOUR]), float(x[w.DT_H]), float(x[w.RATE_MM_H])
        measured = rain_known and dt_h <= LONGEST_STEP_H and 0.0 <= rate <= w.RATE_MAX_MM_H
        if not 0.0 <= rate <= w.RATE_MAX_MM_H:
            rate = float(s[w.HOUR0 + hour]) if hour >= 0 else math.nan
            rate = rate if rate >= 0.0 else w.plain_rate_mm_h(float(hour))
        gift_mm = float(x[w.GIVEN_L] * p[w.EFFICIENCY] / p[w.AREA_M2])
        rain_mm, scale = float(x[w.RAIN_MM]), float(s[w.SCALE])
        self.pass_time(day, dt_h, rate * dt_h, rain_mm, gift_mm, scale, measured=measured)

    def pass_time(
        self, day: int, dt_h: float, full_mm: float, rain_mm: float, gift_mm: float, scale: float, *, measured: bool
    ) -> None:
        """Let ``dt_h`` hours pass: what a full crop drank, rain and gift [mm]; a new local ``day`` closes the last one.

        ``scale``: how much faster than reckoned this crop drinks. ``day`` -1: the date is not trusted.
        """
        today = self.today
        if day >= 0 and day != today.day:
            if today.measured and not self.past.knows(today.day):
                self.past.keep(today.day, today.et_mm, today.rain_mm)
            if self._begun and today.day == day - 1:
                weather = np.array([today.et_mm * scale, today.rain_mm, 1.0, 1.0, 1.0])
                self._season.pass_day(weather, today.gift_mm)
                self._owed = min(self._owed + TRIES_A_DAY, FIRST_TRIES)
            else:
                self._begun = False  # days that nobody saw: the field is taken up anew
            today.begin(day)
        today.et_mm += full_mm
        today.rain_mm += max(rain_mm, 0.0)
        today.gift_mm += gift_mm
        today.measured_h += dt_h if measured else 0.0

    def look(self, day: int, age_d: float, depletion_mm: float, scale: float, forecast: Floats) -> bool:
        """Bring the field and its plan up to this moment; give whether it can speak.

        ``forecast`` (days, 2): ET and rain [mm] from today on, NaN where there is none.
        """
        if not (day >= 0 and 0.0 <= age_d < self._crop[k.MATURITY_D]):
            self._begun, self._ahead_of = False, -1
            return False
        if day != self._ahead_of:
            self._ahead_of = day
            count = math.ceil(self._crop[k.MATURITY_D] - age_d) + SPARE_D
            days, self.bridged = self.past.ahead(day, count)
            self._ahead = np.ones((*days.shape[:2], k.WEATHER_COLUMNS))
            self._ahead[:, :, k.ET0], self._ahead[:, :, k.RAIN] = days[:, :, ET] * scale, days[:, :, RAIN]
        if self._ahead.shape[0] == 0:
            self._begun = False
            return False
        if not self._begun:
            self._begin()
        self._season.settle(depletion_mm)
        self._left = with_forecast(self._ahead, forecast * np.array([scale, 1.0]))
        tries = min(self._owed, TRIES_A_CALL)
        if tries > 0:
            self._season.aim(self._left, self._step(tries))
            self._season.improve(self._left, tries, 1000 * day + self._trials)
            self._owed, self._trials = self._owed - tries, self._trials + tries
        return True

    def left_today_mm(self, done: float, quota_mm: float) -> float:
        """Give what is left of today's gift [mm]; it is chosen once a day, as the bench does, and held.

        ``done`` [0..1] of today is over; ``quota_mm``: left of the season's water.
        """
        if self._gift_of != self.today.day:
            left = self._left.copy()
            left[:, 0, : k.RAIN + 1] *= 1.0 - done
            self._season.terms[adaptive.QUOTA_MM] = quota_mm
            gift, worths = self._season.gift_mm(left)
            known = worths[np.isfinite(worths)]
            self._gift_of, self._gift_mm = self.today.day, gift + self.today.gift_mm
            self.worth_wait = float(worths[0])
            self.worth_gift = float(known.max()) if len(known) else math.nan
        return max(self._gift_mm - self.today.gift_mm, 0.0)

    def _step(self, tries: int) -> float:
        """Give how far the price of water may move with these trials: further in the first ones, as at planting."""
        of_step = FIRST_TRIES // FIRST_STEPS
        if self._trials < FIRST_TRIES:
            return 1.5 / (1 + self._trials // of_step) * tries / of_step
        return STEP_A_DAY * tries / TRIES_A_DAY

    def _begin(self) -> None:
        self._season = Season(self._crop, self._largest_mm, SMALLEST_SHARE * self._largest_mm)
        self._season.x[:] = self._crop_now()
        if self._costs[0] > 0.0:
            self._season.terms[adaptive.COST_MM], self._season.terms[adaptive.COST_RUN] = self._costs
        else:
            self._season.price_by_goal(self._ahead)
        self._begun, self._owed, self._trials = True, FIRST_TRIES, 0

    def memory(self) -> tuple[float, ...]:
        """Give all it remembers beside the past weather."""
        season = self._season
        field = (*season.x.tolist(), *season.rich.tolist(), *season.policy.tolist(), *season.terms[:3].tolist())
        return (
            *self.today.memory(),
            float(self._begun),
            float(self._owed),
            float(self._trials),
            *field,
            season.goal,
            self._gift_of,
            self._gift_mm,
        )

    def recall(self, memory: tuple[float, ...]) -> None:
        """Take over what ``memory`` gave; anything else is as if there were nothing."""
        if len(memory) != WIDTH:
            return
        n = RunningDay.WIDTH
        self.today.recall(memory[:n])
        self._begun, self._owed, self._trials = memory[n] > 0.0, int(memory[n + 1]), int(memory[n + 2])
        field, season, wide = memory[n + 3 :], self._season, k.STATE_COLUMNS
        season.x[:], season.rich[:] = field[:wide], field[wide : 2 * wide]
        season.policy[:] = field[2 * wide : 2 * wide + adaptive.POLICY]
        season.terms[:3], season.goal = field[-6:-3], field[-3]
        self._gift_of, self._gift_mm = int(field[-2]), field[-1]


def season_of(
    zone: ZoneSettings, made: ZonePlan, past: PastWeather, crop_now: Callable[[], Floats]
) -> ZoneSeason | None:  # fmt: skip
    """Make the season of a zone that ``adaptive`` waters in soil; None for any other."""
    if zone.strategy != "adaptive" or zone.substrate:
        return None
    plan, costs = zone.plan, (0.0, 0.0)
    largest_mm = min(LARGEST_MM, zone.daily_cap_l * plan.efficiency / zone.area_m2)
    if plan.crop_value_m2 > 0.0 and plan.water_cost_m3 > 0.0:
        costs = (plan.water_cost_m3 / 1000.0 / plan.crop_value_m2, plan.run_cost / plan.crop_value_m2 / zone.area_m2)
    return ZoneSeason(made.crop, past, largest_mm, costs, crop_now)
