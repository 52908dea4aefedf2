# SPDX-License-Identifier: Apache-2.0
"""What would become of a zone in the days ahead: as it is planned, without this watering, or with another one.

The rule it keeps: the same depletion, pace and limits as the plan told; it is arithmetic to show, not a second opinion.
"""

import math
from dataclasses import dataclass
from typing import Final

from controllers.kernels import soil_water

DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Outlook:
    """One way the days ahead may go. ``depletion_mm`` at the end of each day; water, drained and lacking [mm] in all.

    ``dry_in_d`` is the day (from 0) on which the roots begin to suffer, -1 for none of them; ``lacking_mm`` is what the
    crop would have drunk and could not.
    """

    depletion_mm: tuple[float, ...]
    water_mm: float
    drained_mm: float
    lacking_mm: float
    dry_in_d: int


def outlook(
    depletion_mm: float, available_mm: float, stress_share: float, allowed_mm: float, et_day_mm: float, gift_mm: float,
    *, goes_on: bool = True, days: int = DAYS,
) -> Outlook:  # fmt: skip
    """Reckon some days from a depletion now and a gift now [mm]; later gifts by the plain rule where it ``goes_on``.

    ``available_mm`` of the root zone, ``stress_share`` p [-] at which stress begins, ``allowed_mm`` at which the plan
    waters again, ``et_day_mm`` of a day without stress. Source: FAO-56 equations 84 and 85.
    """
    at, water, drained, lacking, dry = depletion_mm, 0.0, 0.0, 0.0, -1
    ends: list[float] = []
    for hour in range(24 * days):
        gift = gift_mm if hour == 0 else (at if goes_on and at >= allowed_mm else 0.0)
        water += gift
        drained += max(gift - at, 0.0)
        at = max(at - gift, 0.0)
        wanted = et_day_mm / 24.0
        ks = soil_water.stress_coefficient(at, available_mm, stress_share, False)
        taken = min(wanted * ks, available_mm - at)
        lacking += wanted - taken
        at += taken
        if dry < 0 and at > stress_share * available_mm:
            dry = hour // 24
        if hour % 24 == 23:
            ends.append(at)
    return Outlook(tuple(ends), water, drained, lacking, dry)


def net_mm(litres: float, area_m2: float, efficiency: float, drains_share: float) -> float:
    """Turn litres at the valve into mm that reach the roots of an area [m²]; NaN litres are none."""
    if not litres > 0.0:
        return 0.0
    return litres * efficiency * (1.0 - drains_share) / area_m2 if math.isfinite(litres) else 0.0
