# SPDX-License-Identifier: Apache-2.0
"""The look-ahead decision, the crop it looks ahead with, and the filter that tells it how dry the roots are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.kernels import adaptive, water_filter
from controllers.kernels import crop_response as crops

# AquaCrop's maize (calendar) on a silt clay loam.
MAIZE = np.array(
    [6, 25, 54, 107, 132, 66, 127, 0.16312, 0.11691, 0.004875, 0.96, 0.3, 2.3, 108, 1.3, 1.05, 0.14, 0.72, 2.9, 0.69,
     6.0, 0.69, 2.7, 7.0, 3.0, 0.16, 0.44, 0.23, 9.0, 72.0, 0.003],
    dtype=np.float64,
)  # fmt: skip
TERMS = np.array([180.0, 1.0, 0.0, 25.0, 20.0, math.inf])
ALLOWED = np.array([0.30, 0.43, 0.65, 0.89])


def planted(day: float = 0.0, depletion: float = 0.3) -> np.ndarray:
    x = np.zeros(crops.STATE_COLUMNS)
    x[crops.DAY], x[crops.ZR_M] = day, crops.root_depth_m(MAIZE, day)
    span = MAIZE[crops.THETA_FC] - MAIZE[crops.THETA_WP]
    x[crops.DR_MM] = depletion * 1000.0 * span * x[crops.ZR_M]
    x[crops.TOP_MM], x[crops.BELOW] = depletion * 1000.0 * span * crops.TOP_M, 0.3 * span
    x[crops.CC] = x[crops.CC_TOP] = 0.9 if day > 50 else 0.0
    return x


def weather(et0_mm: float, rain_mm: float, days: int = 140, years: int = 2) -> np.ndarray:
    return np.tile(np.array([et0_mm, rain_mm]), (years, days, 1))


def choose(x: np.ndarray, ahead: np.ndarray, terms: np.ndarray = TERMS) -> float:
    return float(adaptive.choose_gift_mm(x, MAIZE, ahead, ALLOWED, terms, np.empty(adaptive.CHOICES)))


def season(et0_mm: float, rain_mm: float) -> float:
    x = planted()
    for _ in range(132):
        assert crops.crop_day(x, MAIZE, et0_mm, rain_mm, 0.0)
    return float(crops.yield_t_ha(x, MAIZE))


def test_a_watered_season_yields_more_than_a_dry_one() -> None:
    dry, fair, wet = season(6.0, 0.0), season(6.0, 3.0), season(6.0, 7.0)
    assert 0.0 <= dry < fair < wet
    assert wet == pytest.approx(MAIZE[crops.YIELD_PER_UNIT] * 90.0, rel=0.15)


@given(et0=st.floats(0.0, 15.0), rain=st.floats(0.0, 150.0), gift=st.floats(0.0, 60.0), depletion=st.floats(0.0, 1.0))
def test_a_crop_s_day_keeps_its_bounds(et0: float, rain: float, gift: float, depletion: float) -> None:
    x = planted(70.0, depletion)
    assert crops.crop_day(x, MAIZE, et0, rain, gift)
    taw = 1000.0 * 0.21 * x[crops.ZR_M]
    assert np.isfinite(x).all()
    assert 0.0 <= x[crops.DR_MM] <= 1.03 * taw
    assert 0.0 <= x[crops.CC] <= 0.96
    assert x[crops.ET_MM] >= 0.0


@pytest.mark.parametrize("bad", [(math.nan, 0.0, 0.0), (5.0, math.nan, 0.0), (5.0, 0.0, -1.0), (-1.0, 0.0, 0.0)])
def test_a_day_that_is_no_day_changes_nothing(bad: tuple[float, float, float]) -> None:
    x = planted(70.0)
    before = x.copy()
    assert not crops.crop_day(x, MAIZE, *bad)
    assert np.array_equal(x, before)


def test_a_dry_flowering_field_is_watered_and_a_wet_one_is_not() -> None:
    dry_sky = weather(7.0, 0.0, 70)
    assert choose(planted(66.0, 0.7), dry_sky) > 0.0
    assert choose(planted(66.0, 0.02), dry_sky) == 0.0


def test_rain_foretold_saves_the_gift() -> None:
    ahead = weather(7.0, 0.0, 70)
    assert choose(planted(66.0, 0.7), ahead) > 0.0
    ahead[:, :5, 1] = 90.0
    assert choose(planted(66.0, 0.7), ahead) == 0.0


def test_a_ripe_field_is_left_to_dry() -> None:
    assert choose(planted(130.0, 0.8), weather(6.0, 0.0, 10)) == 0.0
    assert choose(planted(140.0, 0.99), weather(6.0, 0.0, 10)) == 0.0


def test_a_season_of_dear_water_is_worth_less() -> None:
    dear = TERMS.copy()
    dear[adaptive.COST_MM] = 5.0
    ahead, x = weather(7.0, 0.0, 70), planted(66.0, 0.7)
    cheap_now = adaptive.worth(x, MAIZE, ahead, 25.0, ALLOWED, TERMS)
    assert adaptive.worth(x, MAIZE, ahead, 25.0, ALLOWED, dear) <= cheap_now - 4.0 * 25.0


def test_an_empty_quota_gives_nothing() -> None:
    spent = TERMS.copy()
    spent[adaptive.QUOTA_MM] = 3.0
    assert choose(planted(66.0, 0.7), weather(7.0, 0.0, 70), spent) == 0.0


def test_without_a_weather_the_plain_rule_keeps_a_dry_field_alive() -> None:
    nothing = weather(math.nan, math.nan, 70)
    assert choose(planted(66.0, 0.7), nothing) > 0.0


def test_a_broken_price_falls_back_to_the_plain_rule() -> None:
    broken = TERMS.copy()
    broken[adaptive.PRICE] = math.nan
    assert choose(planted(66.0, 0.7), weather(7.0, 0.0, 70), broken) == 25.0
    assert choose(planted(66.0, 0.1), weather(7.0, 0.0, 70), broken) == 0.0


def test_planning_finds_shares_that_are_worth_no_less() -> None:
    ahead, shares = weather(6.5, 1.0), np.array([0.9, 0.9, 0.9, 0.1])
    before = adaptive.worth(planted(), MAIZE, ahead, 0.0, shares, TERMS)
    after = adaptive.plan(planted(), MAIZE, ahead, TERMS, 1, shares)
    assert after > before
    assert after == pytest.approx(adaptive.worth(planted(), MAIZE, ahead, 0.0, shares, TERMS))


def fresh(depletion_mm: float = 60.0) -> np.ndarray:
    return np.array([depletion_mm, 100.0, 0.0, 4e-4, 0.0])


def test_the_filter_believes_probes_as_far_as_they_deserve() -> None:
    state = fresh()
    # 0.30 - 30 mm / 600 mm = 0.25: thirty millimetres wetter than the balance says
    assert water_filter.correct(state, 0.25, 0.30, 0.6, 90.0, 0.01)
    assert 30.0 < state[water_filter.MEAN_MM] < 60.0
    assert state[water_filter.VAR_MM2] < 100.0
    assert state[water_filter.BIAS] > 0.0


def test_the_filter_learns_a_probe_s_bias_when_the_soil_is_known_full() -> None:
    state = fresh(0.0)
    for _ in range(60):
        water_filter.predict(state, 0.0, 0.0, 40.0, True)
        water_filter.correct(state, 0.33, 0.30, 0.6, 90.0, 0.01)
    assert state[water_filter.BIAS] == pytest.approx(0.03, abs=0.006)


@pytest.mark.parametrize("theta", [math.nan, -0.2, 1.5, 0.95, math.inf])
def test_an_absurd_reading_changes_nothing(theta: float) -> None:
    state = fresh()
    assert not water_filter.correct(state, theta, 0.30, 0.6, 90.0, 0.01)
    assert np.array_equal(state, fresh())


def test_a_day_without_a_balance_only_makes_the_filter_less_sure() -> None:
    state = fresh()
    water_filter.predict(state, math.nan, 5.0, 0.0, False)
    assert state[water_filter.MEAN_MM] == 60.0
    assert state[water_filter.VAR_MM2] > 100.0
