# SPDX-License-Identifier: Apache-2.0
"""Heat, frost, blindness and storm of one house at the very limits, and how each ends (H7, H8, H9)."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from controllers.kernels import codes, safety_houses
from controllers.kernels import columns as c
from controllers.kernels.safety import Floats

NAN = float("nan")
HEAT_C, FROST_C, STORM_M_S = 35.0, 4.0, 15.0
BLIND_AFTER_MS, STALE_MS, CLEAR_MS = 20_000.0, 60_000.0, 600_000.0
NOW = 1_000_000.0


@dataclass
class House:
    """One house in fine weather."""

    hp: Floats = field(default_factory=lambda: np.array([[FROST_C, HEAT_C, STORM_M_S, 1.0]]))
    hs: Floats = field(default_factory=lambda: np.zeros((1, c.U_WIDTH)))
    hx: Floats = field(default_factory=lambda: np.full((1, c.Y_WIDTH), NAN))
    g: Floats = field(default_factory=lambda: np.zeros(c.G_WIDTH))

    def __post_init__(self) -> None:
        self.g[[c.G_BLIND_AFTER, c.G_WIND_STALE, c.G_STORM_CLEAR]] = BLIND_AFTER_MS, STALE_MS, CLEAR_MS
        self.hs[0, [c.U_SEEN, c.U_WIND_SEEN]] = NOW
        self.hs[0, c.U_CALM_SINCE] = np.inf

    def feel(self, *temperatures: float, outside: float = NAN, now: float = NOW) -> float:
        """Give the hazard of these thermometers."""
        self.hx[0, c.Y_T1 : c.Y_T3 + 1] = (*temperatures, NAN, NAN, NAN)[:3]
        self.hx[0, c.Y_OUTSIDE] = outside
        safety_houses.judge_temperature(0, now, self.g, self.hp, self.hs, self.hx)
        return float(self.hs[0, c.U_HAZARD])

    def blow(self, wind: float, now: float = NOW, *, ago_ms: float = 0.0) -> float:
        """Give the storm of this wind, measured so long ago."""
        self.hx[0, [c.Y_WIND, c.Y_WIND_AT]] = wind, now - ago_ms
        safety_houses.judge_wind(0, now, self.g, self.hp, self.hs, self.hx)
        return float(self.hs[0, c.U_STORM])


@pytest.mark.parametrize(
    ("temperatures", "hazard"),
    [
        ((35.0, 35.0, 35.0), codes.NONE),
        ((35.1, 35.1, 20.0), codes.HEAT),
        ((35.1, 20.0, 20.0), codes.NONE),
        ((35.1, 20.0), codes.HEAT),
        ((20.0, NAN, 35.1), codes.HEAT),
        ((4.0, 4.0, 4.0), codes.NONE),
        ((3.9, 3.9, 20.0), codes.FROST),
        ((3.9, 20.0, 20.0), codes.NONE),
        ((3.9, 20.0), codes.FROST),
    ],
)
def test_half_of_the_trusted_thermometers_beyond_a_limit_decide(temperatures: tuple[float, ...], hazard: float) -> None:
    assert House().feel(*temperatures) == hazard


@pytest.mark.parametrize(
    ("danger", "still", "over", "hazard"), [(36.0, 34.1, 34.0, codes.HEAT), (3.0, 4.9, 5.0, codes.FROST)]
)
def test_heat_and_frost_end_one_kelvin_inside_their_limit(
    danger: float, still: float, over: float, hazard: float
) -> None:
    house = House()
    assert [house.feel(t) for t in (danger, still, over, still)] == [hazard, hazard, codes.NONE, codes.NONE]


@pytest.mark.parametrize(
    ("outside", "hazard"), [(8.9, codes.BLIND_COLD), (9.0, codes.BLIND), (-5.0, codes.BLIND_COLD), (NAN, codes.BLIND)]
)
def test_h7_a_house_is_blind_at_its_bound_and_near_frost_within_five_kelvin(outside: float, hazard: float) -> None:
    house = House()
    assert house.feel(20.0, outside=outside) == codes.NONE
    assert house.feel(NAN, outside=outside, now=NOW + BLIND_AFTER_MS - 1.0) == codes.NONE
    assert house.feel(NAN, outside=outside, now=NOW + BLIND_AFTER_MS) == hazard
    assert house.feel(20.0, outside=outside, now=NOW + BLIND_AFTER_MS + 1.0) == codes.NONE
    assert house.feel(NAN, outside=outside, now=NOW + 2.0 * BLIND_AFTER_MS) == codes.NONE  # seen a moment ago


def test_h7_a_hazard_lasts_through_a_moment_without_thermometers() -> None:
    house = House()
    house.feel(36.0)
    assert house.feel(NAN, now=NOW + 1000.0) == codes.HEAT


def test_h7_thermometers_of_which_half_tell_of_heat_and_half_of_frost_see_nothing() -> None:
    house = House()
    assert house.feel(36.0, 3.0) == codes.NONE
    assert house.feel(36.0, 3.0, now=NOW + BLIND_AFTER_MS) == codes.BLIND


@pytest.mark.parametrize(("wind", "storm"), [(15.0, codes.NONE), (15.1, codes.STORM)])
def test_h9_a_storm_is_beyond_the_limit(wind: float, storm: float) -> None:
    assert House().blow(wind) == storm


@pytest.mark.parametrize(("ago_ms", "storm"), [(60_000.0, codes.NONE), (60_001.0, codes.WIND_STALE)])
def test_h9_a_wind_of_more_than_a_minute_ago_is_silence(ago_ms: float, storm: float) -> None:
    house = House()
    house.hs[0, c.U_WIND_SEEN] = -np.inf
    assert house.blow(5.0, ago_ms=ago_ms) == storm


def test_h9_an_older_sample_takes_nothing_back_and_a_fresh_one_ends_the_silence() -> None:
    house = House()
    house.blow(5.0)
    assert house.blow(5.0, NOW + STALE_MS, ago_ms=STALE_MS + 5000.0) == codes.NONE
    assert house.blow(NAN, NOW + STALE_MS + 1.0) == codes.WIND_STALE
    assert house.blow(5.0, NOW + STALE_MS + 2.0) == codes.NONE


def test_h9_a_meter_that_dies_in_a_storm_leaves_the_storm_and_its_calm_begins_anew() -> None:
    house = House()
    house.blow(20.0)
    house.blow(5.0, NOW + 1000.0)
    assert house.blow(NAN, NOW + 1000.0 + STALE_MS + 1.0) == codes.STORM
    back = NOW + CLEAR_MS + 1000.0
    assert house.blow(5.0, back) == codes.STORM
    assert house.blow(5.0, back + CLEAR_MS) == codes.NONE


def test_h9_a_storm_ends_after_ten_calm_minutes_in_a_row() -> None:
    house = House()
    house.blow(20.0)
    assert house.blow(11.9, NOW + 1000.0) == codes.STORM
    assert house.blow(11.9, NOW + 1000.0 + CLEAR_MS - 1.0) == codes.STORM
    assert house.blow(12.0, NOW + CLEAR_MS + 1000.0) == codes.STORM  # four fifths are no calm
    assert house.blow(11.9, NOW + CLEAR_MS + 2000.0) == codes.STORM
    assert house.blow(15.1, NOW + CLEAR_MS + 3000.0) == codes.STORM
    assert house.blow(11.9, NOW + CLEAR_MS + 4000.0) == codes.STORM
    assert house.blow(11.9, NOW + 2.0 * CLEAR_MS + 3999.0) == codes.STORM
    assert house.blow(11.9, NOW + 2.0 * CLEAR_MS + 4000.0) == codes.NONE


def test_h9_a_farm_without_a_wind_meter_has_no_storms() -> None:
    house = House()
    house.hp[0, c.H_HAS_WIND] = 0.0
    assert house.blow(NAN, NOW + 10.0 * STALE_MS) == codes.NONE


def test_every_house_of_the_farm_is_judged() -> None:
    one, two = House(), House()
    tables = [np.vstack([getattr(one, name), getattr(two, name)]) for name in ("hp", "hs", "hx")]
    tables[2][:, c.Y_T1] = 20.0, 36.0
    tables[2][:, c.Y_WIND], tables[2][:, c.Y_WIND_AT] = (20.0, 5.0), NOW
    safety_houses.judge_houses(NOW, one.g, *tables)
    assert tables[1][:, c.U_HAZARD].tolist() == [codes.NONE, codes.HEAT]
    assert tables[1][:, c.U_STORM].tolist() == [codes.STORM, codes.NONE]
