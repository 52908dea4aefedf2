# SPDX-License-Identifier: Apache-2.0
"""One field's season ahead: the crop as it stands, a plan that is improved day by day, and the gift of most worth now.

Rule kept: the farm and bench/irrigation.py decide with this one code. It knows weathers, soil and money, no clock and
no farm: the same state, weathers and seeds give the same gift, bit for bit, compiled or not.
"""

import math
from typing import Final

import numpy as np

from controllers.kernels import adaptive
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.kernels import crop_soil as soil
from controllers.kernels.adaptive import Array

SHARES: Final = (0.3, 0.4, 0.6, 0.65, 0.65, 0.9)
"""Where a plan begins, phase by phase; each season finds its own from there."""
FIRST_TRIES: Final = 300
TRIES_A_DAY: Final = 30
HARVEST_GOAL: Final = 0.985
"""Of what plenty of water would yield: asked for with as little water as can be, where there are no prices."""
WATER_SHARE: Final = 0.0009
"""Of the possible yield, that a mm of water costs at first; then it follows the goal within these bounds."""
WATER_SHARE_LEAST, WATER_SHARE_MOST = 1e-4, 2e-2
FIRST_STEPS: Final = 6  # of the price at planting, each a smaller one
STEP_A_DAY: Final = 0.02  # of the price's logarithm, at a harvest 1 % or more beside the goal
SURE_D: Final = 3
"""So many days of a forecast are taken for every year looked at, the rest of it for every second one."""
PLENTY: Final = 0.2


class Season:
    """A field from planting to harvest. ``crop``: a row of ``crop_columns``; gifts in mm over the field."""

    def __init__(self, crop: Array, largest_mm: float, smallest_mm: float, shares: tuple[float, ...] = SHARES) -> None:
        """Begin with a plain plan, no water and no price: ``x`` and ``terms`` are for the owner to fill."""
        self.crop = crop
        self.x: Array = np.zeros(k.STATE_COLUMNS)
        self.policy: Array = np.array([*shares, *([largest_mm] * adaptive.PHASES)])
        self.terms: Array = np.array([1.0, 0.0, 0.0, largest_mm, smallest_mm, math.inf])
        self._scratch: Array = np.empty(adaptive.SCRATCH)
        self._plenty: Array = np.array([PLENTY] * adaptive.PHASES + [largest_mm] * adaptive.PHASES)
        self.rich: Array = np.zeros(k.STATE_COLUMNS)
        """The same field as it would stand with plenty of water; days 0 where prices decide."""
        self.goal = 0.0

    def begin(self, ahead: Array, tries: int, seed: int) -> None:
        """Make the first plan of a field that stands in ``x``; with a goal, its price of water too."""
        steps = FIRST_STEPS if self.goal > 0.0 else 1
        for step in range(steps):
            self.improve(ahead, tries // steps, seed + step)
            self.aim(ahead, 1.5 / (1 + step))

    def price_by_goal(self, ahead: Array, goal: float = HARVEST_GOAL) -> None:
        """Price water where there is no market: a full harvest is worth 1, and a mm what the goal bears."""
        self.goal = goal
        self.rich[:] = self.x
        self.terms[adaptive.PRICE], self.terms[adaptive.COST_MM] = 1.0, 0.0
        full = adaptive.worth(self.x, self.crop, ahead, 0.0, self._plenty, self.terms, self._scratch)
        self.terms[adaptive.PRICE] = 1.0 / max(full, 1e-6)
        self.terms[adaptive.COST_MM] = WATER_SHARE

    def harvest_share(self, ahead: Array) -> float:
        """Give what the plan is expected to yield, as a share of what plenty of water would."""
        free = self._free()
        rich = adaptive.worth(self.rich, self.crop, ahead, -1.0, self._plenty, free, self._scratch)
        free[adaptive.QUOTA_MM] = self.terms[adaptive.QUOTA_MM]
        ours = adaptive.worth(self.x, self.crop, ahead, -1.0, self.policy, free, self._scratch)
        return float(ours / max(rich, 1e-9))

    def _free(self) -> Array:
        """Give the terms of a field whose water costs nothing and never ends: its worth is its yield."""
        free = self.terms.copy()
        free[adaptive.PRICE], free[adaptive.COST_MM], free[adaptive.COST_RUN] = 1.0, 0.0, 0.0
        free[adaptive.QUOTA_MM] = math.inf
        return free

    def aim(self, ahead: Array, step: float = STEP_A_DAY) -> None:
        """Let water cost a little more where the harvest expected is above the goal, a little less where below."""
        if self.goal > 0.0:
            beside = min(max((self.harvest_share(ahead) - self.goal) / 0.01, -1.0), 1.0)
            cost = float(self.terms[adaptive.COST_MM]) * math.exp(step * beside)
            self.terms[adaptive.COST_MM] = min(max(cost, WATER_SHARE_LEAST), WATER_SHARE_MOST)

    def improve(self, ahead: Array, tries: int, seed: int) -> None:
        """Try ``tries`` other plans under the weathers ``ahead`` (years, days, 5) and keep what is worth more."""
        adaptive.plan(self.x, self.crop, ahead, self.terms, tries, seed, self.policy, self._scratch)

    def gift_mm(self, ahead: Array) -> tuple[float, Array]:
        """Give today's gift of most worth, and what each choice from nothing to the largest is worth."""
        out = np.empty(adaptive.CHOICES)
        return float(
            adaptive.choose_gift_mm(self.x, self.crop, ahead, self.policy, self.terms, out, self._scratch)
        ), out

    def pass_day(self, weather: Array, gift_mm: float) -> None:
        """Let the field live through a day of ``weather`` (5,) and what it was given."""
        crops.crop_day(self.x, self.crop, weather, gift_mm)
        if self.goal > 0.0:
            more = adaptive.threshold_gift_mm(self.rich, self.crop, self._plenty, self._free(), 0.0)
            crops.crop_day(self.rich, self.crop, weather, more)

    def settle(self, depletion_mm: float) -> None:
        """Make the roots as dry as the balance and its probes say they are."""
        soil.set_depletion(self.x, self.crop, depletion_mm)


def with_forecast(ahead: Array, seen: Array) -> Array:
    """Give the weathers ahead with a forecast in them: ``seen`` (days, 2) ET and rain [mm], NaN: it says nothing."""
    left: Array = np.array(ahead)
    known = np.array(seen[: left.shape[1] - 1])
    sure = min(SURE_D, len(known))
    for years, days in ((slice(None), slice(0, sure)), (slice(None, None, 2), slice(sure, len(known)))):
        part = left[years, days, : k.RAIN + 1]
        part[:] = np.where(np.isfinite(known[days]), known[days], part)
    return left
