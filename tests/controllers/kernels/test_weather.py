# SPDX-License-Identifier: Apache-2.0
"""The weather generator against the sourced monthly means, and its being a pure function."""

import numpy as np
import pytest
from numpy.typing import NDArray

from controllers.climates import CLIMATES, DA_LAT
from controllers.kernels import solar, weather
from controllers.kernels.weather import Climate

FIRST = int(np.datetime64("1991-01-01", "D").astype(int))
DAYS = int(np.datetime64("2021-01-01", "D").astype(int)) - FIRST


def month_of_hour() -> NDArray[np.int64]:
    days = np.arange(FIRST, FIRST + DAYS).astype("datetime64[D]")
    return np.repeat(days.astype("datetime64[M]").astype(np.int64) % 12, 24)


@pytest.mark.slow
@pytest.mark.parametrize("climate", CLIMATES.values(), ids=list(CLIMATES))
def test_thirty_years_give_each_sourced_monthly_mean(climate: Climate) -> None:
    rows = weather.generate(climate, 2026, FIRST, DAYS)
    month = month_of_hour()
    for m in range(12):
        inside = rows[month == m]
        assert inside[:, weather.TEMPERATURE].mean() == pytest.approx(climate.mean_c[m], abs=0.5), f"month {m + 1}"
        assert inside[:, weather.HUMIDITY].mean() == pytest.approx(climate.humidity_pct[m], abs=3.0), f"month {m + 1}"
        daily = inside[:, weather.TEMPERATURE].reshape(-1, 24)
        assert daily.max(axis=1).mean() == pytest.approx(climate.daily_max_c[m], abs=1.2)
        assert daily.min(axis=1).mean() == pytest.approx(climate.daily_min_c[m], abs=1.2)
    clearness = np.array(weather.clearness_by_month(climate))
    for m in (0, 3, 8):  # FAO-56's Rs from sunshine; mid-month extraterrestrial radiation
        inside = rows[month == m]
        day = float(np.cumsum(weather._MONTH_DAYS)[m] - 15)
        above = solar.daily_extraterrestrial_mj_m2(np.radians(climate.latitude_deg), day)
        assert inside[:, weather.RADIATION].mean() * 0.0864 == pytest.approx(clearness[m] * above, rel=0.06)
    assert rows[:, weather.RAIN].sum() / 30.0 == pytest.approx(sum(climate.rain_mm), rel=0.1)
    wet_days = (rows[:, weather.RAIN].reshape(-1, 24).sum(axis=1) > 0.0).sum() / 30.0
    assert wet_days == pytest.approx(sum(climate.rain_days), rel=0.07)


def test_every_value_is_one_that_nature_can_give() -> None:
    rows = weather.generate(DA_LAT, 7, FIRST, 730)
    low = np.array([0.0, weather.HUMIDITY_LOW, 0.0, 0.0, 0.0, 0.0, 0.0, 400.0])
    high = np.array([36.0, 100.0, 1200.0, 35.0, 360.0, 200.0, 1.0, 450.0])
    assert np.isfinite(rows).all()
    assert (rows.min(axis=0) >= low).all()
    assert (rows.max(axis=0) <= high).all()
    midnight = rows[::24]
    assert midnight[:, weather.RADIATION].max() == 0.0


def test_a_span_is_the_same_bit_for_bit_however_it_is_cut() -> None:
    whole = weather.generate(DA_LAT, 7, 20000, 40)
    part = weather.generate(DA_LAT, 7, 20013, 5)
    np.testing.assert_array_equal(whole[13 * 24 : 18 * 24], part)


def test_another_seed_is_another_year() -> None:
    one = weather.generate(DA_LAT, 1, 20000, 30)
    two = weather.generate(DA_LAT, 2, 20000, 30)
    assert np.abs(one[:, 0] - two[:, 0]).mean() > 0.3


def test_wet_days_are_darker_cooler_and_moister() -> None:
    rows = weather.generate(DA_LAT, 3, FIRST, 3650).reshape(-1, 24, 8)
    month = month_of_hour()[: 3650 * 24 : 24]
    may = rows[month == 4]
    wet = may[:, :, weather.RAIN].sum(axis=1) > 0.0
    assert may[wet, :, weather.RADIATION].mean() < 0.9 * may[~wet, :, weather.RADIATION].mean()
    assert may[wet, :, weather.HUMIDITY].mean() > may[~wet, :, weather.HUMIDITY].mean() + 3.0
    assert may[wet, :, weather.TEMPERATURE].mean() < may[~wet, :, weather.TEMPERATURE].mean()


def test_hashes_are_uniform_and_normal_enough() -> None:
    counter = np.arange(100_000, dtype=np.int64)
    u = weather.random_uniform(5, 3, counter)
    assert 0.0 < u.min() < u.max() < 1.0
    assert np.histogram(u, bins=10, range=(0, 1))[0] == pytest.approx(10_000, abs=400)
    n = weather.red_noise(5, 3, counter, 0.7)
    assert n.mean() == pytest.approx(0.0, abs=0.03)
    assert n.std() == pytest.approx(1.0, abs=0.02)
    assert np.corrcoef(n[:-1], n[1:])[0, 1] == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("days", [0, -1, 40_001])
def test_length_out_of_range_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="1 to 40,000"):
        weather.generate(DA_LAT, 1, 0, days)


def test_clipped_mean_agrees_with_sampling() -> None:
    rng = np.random.default_rng(1)
    sample = np.clip(rng.normal(95.0, 8.0, 400_000), 12.0, 100.0).mean()
    assert weather.clipped_mean(np.array([95.0]), 8.0, 12.0, 100.0)[0] == pytest.approx(sample, abs=0.03)
