# SPDX-License-Identifier: Apache-2.0
"""The look-ahead decision, the crop it looks ahead with, and the filter that tells it how dry the roots are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.kernels import adaptive, water_filter
from controllers.kernels import crop_canopy as leaves
from controllers.kernels import crop_columns as k
from controllers.kernels import crop_response as crops
from controllers.kernels import crop_soil as soil

SCALARS = {
    k.EMERGENCE: 6, k.CANOPY10: 25, k.FULL_CANOPY: 54, k.CANOPY_END: 72, k.SENESCENCE: 107, k.MATURITY: 132,
    k.ROOT_FULL: 108, k.MATURITY_D: 132, k.FULL_CANOPY_D: 54, k.CANOPY_END_D: 72, k.HI_START_D: 66, k.HI_SPAN_D: 61,
    k.FLOWERING_D: 13, k.CGC: 0.16312, k.CDC: 0.11691, k.CC0: 0.004875, k.CCX: 0.96, k.ZR_MIN_M: 0.3, k.ZR_MAX_M: 2.3,
    k.ZR_SHAPE: 1.3, k.KCB: 1.05, k.FADE_PER_D: 0.003, k.P_GROW_UP: 0.14, k.P_GROW_LOW: 0.72, k.F_GROW: 2.9,
    k.P_CLOSE_UP: 0.69, k.P_CLOSE_LOW: 1.0, k.F_CLOSE: 6.0, k.P_AGE_UP: 0.69, k.P_AGE_LOW: 1.0, k.F_AGE: 2.7,
    k.P_POL_UP: 0.8, k.P_POL_LOW: 1.0, k.AGE_SOONER: 0.12, k.SINK_TOP: 0.0104, k.SINK_BOTTOM: 0.0026,
    k.PRODUCT_G_M2: 33.7, k.PRODUCT_LATE: 1.0, k.HI0: 0.48, k.A_HI: 7.0, k.B_HI: 3.0, k.HI_MORE: 0.15,
    k.POLLEN_EXCESS: 1.5, k.KIND: k.FRUIT, k.DETERMINATE: 1.0, k.SOWN: 1.0, k.REW_MM: 13.0, k.CN: 72.0,
}  # fmt: skip


def maize() -> np.ndarray:
    """AquaCrop's maize (calendar) on a silt clay loam, its profile as deep as its roots."""
    row = np.zeros(k.CROP_COLUMNS)
    for column, value in SCALARS.items():
        row[column] = value
    n = k.COMPARTMENTS
    row[k.DZ_M : k.DZ_M + n] = [0.1] * 2 + [0.22] * 10
    for first, value in ((k.FC, 0.44), (k.WILT, 0.23), (k.SATURATED, 0.52), (k.TAU, 0.5), (k.KSAT_MM, 150.0)):
        row[first : first + n] = value
    crops.shape_index(row)
    return row


MAIZE = maize()
TERMS = np.array([180.0, 1.0, 0.0, 25.0, 20.0, math.inf])
POLICY = np.array([0.30, 0.43, 0.65, 0.65, 0.65, 0.89] + [25.0] * adaptive.PHASES)


def planted(day: float = 0.0, depletion: float = 0.3) -> np.ndarray:
    x = np.zeros(k.STATE_COLUMNS)
    crops.begin(x, MAIZE, 1.0 - depletion)
    x[k.DAY] = x[k.TOTAL] = x[k.CLOCK] = day
    x[k.GERMINATED] = float(day > 0)
    x[k.ZR_M] = leaves.root_depth_m(MAIZE, day)
    if day > 50:
        x[k.CC] = x[k.CC_FREE] = x[k.CCX_NOW] = x[k.CCX_HELD] = 0.9
        x[k.BIOMASS] = x[k.BIOMASS_FREE] = 33.7 * (day - 30.0)
    if day > 80:
        x[k.EARLY_SET], x[k.F_POLLEN], x[k.SUM_CLOSE] = 1.0, 1.0, day - 67.0
    soil.root_water(x, MAIZE)
    return x


def weather(et0_mm: float, rain_mm: float, days: int = 140, years: int = 2) -> np.ndarray:
    return np.tile(np.array([et0_mm, rain_mm, 1.0, 1.0, 1.0]), (years, days, 1))


def worth(x: np.ndarray, ahead: np.ndarray, first_mm: float, policy: np.ndarray, terms: np.ndarray = TERMS) -> float:
    return float(adaptive.worth(x, MAIZE, ahead, first_mm, policy, terms, np.empty(adaptive.SCRATCH)))


def choose(x: np.ndarray, ahead: np.ndarray, terms: np.ndarray = TERMS) -> float:
    out, scratch = np.empty(adaptive.CHOICES), np.empty(adaptive.SCRATCH)
    return float(adaptive.choose_gift_mm(x, MAIZE, ahead, POLICY, terms, out, scratch))


def held_mm(x: np.ndarray) -> float:
    n = k.COMPARTMENTS
    return float(1000.0 * np.sum(x[k.THETA : k.THETA + n] * MAIZE[k.DZ_M : k.DZ_M + n]))


def season(et0_mm: float, rain_mm: float) -> float:
    x = planted()
    for day in weather(et0_mm, rain_mm, 132, 1)[0]:
        assert crops.crop_day(x, MAIZE, day, 0.0)
    return float(crops.yield_t_ha(x))


def test_a_watered_season_yields_more_than_a_dry_one() -> None:
    dry, fair, wet = season(6.0, 0.0), season(6.0, 3.0), season(6.0, 7.0)
    assert 0.0 <= dry < fair < wet
    assert 12.0 < wet < 16.0  # what AquaCrop gives well-watered maize under such a sky


@settings(deadline=None)  # the first example compiles
@given(et0=st.floats(0.0, 15.0), rain=st.floats(0.0, 150.0), gift=st.floats(0.0, 60.0), depletion=st.floats(0.0, 1.0))
def test_a_crop_s_day_keeps_its_bounds_and_its_water(et0: float, rain: float, gift: float, depletion: float) -> None:
    x = planted(70.0, depletion)
    before = held_mm(x)
    assert crops.crop_day(x, MAIZE, np.array([et0, rain, 1.0, 1.0, 1.0]), gift)
    assert np.isfinite(x).all()
    n = k.COMPARTMENTS
    theta = x[k.THETA : k.THETA + n]
    assert (theta >= 0.5 * MAIZE[k.WILT] - 1e-9).all()
    assert (theta <= MAIZE[k.SATURATED] + 1e-9).all()
    assert x[k.DR_MM] <= x[k.TAW_MM]
    assert 0.0 <= x[k.CC] <= 0.96
    assert x[k.ET_MM] >= 0.0
    came = rain + gift - x[k.RUNOFF_MM] - x[k.DRAINED_MM] - x[k.ET_MM]
    assert held_mm(x) - before == pytest.approx(came, abs=1e-9)


@pytest.mark.parametrize("bad", [(math.nan, 0.0, 0.0), (5.0, math.nan, 0.0), (5.0, 0.0, -1.0), (-1.0, 0.0, 0.0)])
def test_a_day_that_is_no_day_changes_nothing(bad: tuple[float, float, float]) -> None:
    x = planted(70.0)
    before = x.copy()
    assert not crops.crop_day(x, MAIZE, np.array([bad[0], bad[1], 1.0, 1.0, 1.0]), bad[2])
    assert np.array_equal(x, before)


@settings(deadline=None)
@given(share=st.floats(0.0, 1.0), wanted=st.floats(0.0, 1.0), day=st.integers(1, 120))
def test_the_roots_hold_what_they_are_told_to_hold(share: float, wanted: float, day: int) -> None:
    x = planted(float(day), share)
    soil.set_depletion(x, MAIZE, wanted * x[k.TAW_MM])
    assert x[k.DR_MM] == pytest.approx(wanted * x[k.TAW_MM], abs=1e-6)


def test_leaves_stop_growing_before_pores_close() -> None:
    assert leaves.strain(0.4, 0.14, 0.72, 2.9, 5.0) < 1.0
    assert leaves.strain(0.4, 0.69, 1.0, 6.0, 5.0) == 1.0
    assert leaves.strain(0.6, 0.69, 1.0, 6.0, 9.0) < 1.0  # sooner when the air asks for more


def test_a_dry_seedbed_keeps_the_seed_waiting() -> None:
    x = planted(0.0, 0.95)
    for day in weather(6.0, 0.0, 10, 1)[0]:
        crops.crop_day(x, MAIZE, day, 0.0)
    assert (x[k.GERMINATED], x[k.CLOCK], x[k.LATE_D]) == (0.0, 0.0, 10.0)
    crops.crop_day(x, MAIZE, weather(6.0, 0.0, 1, 1)[0, 0], 50.0)
    assert x[k.GERMINATED] == 1.0


def test_a_dry_flowering_field_is_watered_and_a_wet_one_is_not() -> None:
    dry_sky = weather(7.0, 0.0, 70)
    assert choose(planted(66.0, 0.7), dry_sky) > 0.0
    assert choose(planted(66.0, 0.02), dry_sky) == 0.0


def test_rain_foretold_saves_the_gift() -> None:
    ahead = weather(7.0, 0.0, 70)
    assert choose(planted(66.0, 0.7), ahead) > 0.0
    ahead[:, :20, 1] = 60.0
    assert choose(planted(66.0, 0.7), ahead) == 0.0


def test_a_ripe_field_is_left_to_dry() -> None:
    assert choose(planted(130.0, 0.8), weather(6.0, 0.0, 10)) == 0.0
    assert choose(planted(140.0, 0.99), weather(6.0, 0.0, 10)) == 0.0


def test_a_season_of_dear_water_is_worth_less() -> None:
    dear = TERMS.copy()
    dear[adaptive.COST_MM] = 5.0
    ahead, x = weather(7.0, 0.0, 70), planted(66.0, 0.7)
    cheap_now = worth(x, ahead, 25.0, POLICY)
    assert worth(x, ahead, 25.0, POLICY, dear) <= cheap_now - 4.0 * 25.0


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


def test_planning_finds_a_policy_that_is_worth_no_less_and_the_same_one_each_time() -> None:
    ahead, start = weather(6.5, 1.0), np.array([0.9] * 5 + [0.1] + [25.0] * adaptive.PHASES)
    before = worth(planted(), ahead, -1.0, start)
    found = [start.copy(), start.copy(), start.copy()]
    scratch = np.empty(adaptive.SCRATCH)
    after = [
        adaptive.plan(planted(), MAIZE, ahead, TERMS, 40, seed, policy, scratch)
        for seed, policy in zip((3, 3, 4), found, strict=True)
    ]
    assert after[0] > before
    assert after[0] == after[1]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert after[0] == worth(planted(), ahead, -1.0, found[0])
    gifts = found[0][adaptive.GIFT_MM :]
    assert (gifts >= TERMS[adaptive.SMALLEST_MM]).all()
    assert (gifts <= TERMS[adaptive.LARGEST_MM]).all()


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
