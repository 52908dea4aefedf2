# SPDX-License-Identifier: Apache-2.0
"""Solar geometry against the worked examples of FAO-56."""

import math

import numpy as np
import pytest

from controllers.kernels import solar


@pytest.mark.parametrize(
    ("latitude_deg", "day", "ra_mj", "hours"),
    [(-20.0, 246, 32.2, 11.7), (-22.9, 135, 25.1, 10.9), (13.73, 105, 38.06, 12.31), (50.8, 187, 41.09, 16.1)],
)
def test_daily_radiation_and_day_length_fao56(latitude_deg: float, day: int, ra_mj: float, hours: float) -> None:
    latitude = math.radians(latitude_deg)
    assert solar.daily_extraterrestrial_mj_m2(latitude, float(day)) == pytest.approx(ra_mj, abs=0.06)
    assert solar.day_length_h(latitude, float(day)) == pytest.approx(hours, abs=0.06)


def test_moments_of_a_day_add_up_to_the_day() -> None:
    latitude = math.radians(11.95)
    moments = np.arange(0.0, 24.0, 1.0 / 60.0)
    total = sum(solar.extraterrestrial_w_m2(latitude, 100.0, float(h)) for h in moments) * 60.0 / 1e6
    assert total == pytest.approx(solar.daily_extraterrestrial_mj_m2(latitude, 100.0), rel=0.002)


def test_noon_in_da_lat_comes_before_the_clock_says_twelve() -> None:
    # 108.44° E lies 3.44° east of the zone's meridian: the sun is 13.7 minutes early, less the equation of time
    assert solar.solar_time_h(12.0, 108.44, 7.0, 81.0) == pytest.approx(12.0 + 3.44 / 15.0 - 0.1255, abs=1e-9)


def test_night_sends_nothing_and_the_poles_have_day_and_night() -> None:
    assert solar.extraterrestrial_w_m2(0.2, 172.0, 0.0) == 0.0
    assert solar.day_length_h(math.radians(80.0), 172.0) == pytest.approx(24.0)
    assert solar.day_length_h(math.radians(80.0), 355.0) == 0.0


def test_nan_stays_nan() -> None:
    assert math.isnan(solar.extraterrestrial_w_m2(math.nan, 100.0, 12.0))
