# SPDX-License-Identifier: Apache-2.0
"""Feeding in closed loop on water that mixes: it reaches the recipe, never passes a cap, and locks when it fails."""

import math

import msgspec
import numpy as np
import pytest

from controllers.engine import Engine
from controllers.injectors import InjectorError, fit_injector
from controllers.kernels.fertigation import GAIN, acid_meq_l, bicarbonate_share, corrected
from controllers.kernels.mixing import CELLS, EC, WIDTH, flow_through, ph_after
from controllers.settings import ControlSettings
from tests.controllers.water_rig import FED, STOCKS, UNIT, ZONES, FeedRig

BENDS: tuple[dict[str, float], ...] = (
    {}, {"strength": 1.3}, {"strength": 0.75}, {"alkalinity": 0.5}, {"alkalinity": 1.6},
    {"volume": 2.0}, {"volume": 0.6},
)  # fmt: skip
A, B, ACID = "doser-a", "doser-b", "doser-acid"


def fed(**unit: object) -> ControlSettings:
    return msgspec.structs.replace(FED, fertigation=(msgspec.structs.replace(UNIT, **unit),))


@pytest.mark.parametrize(
    "bend",
    BENDS,
    ids=str,
)
@pytest.mark.parametrize("flow_factor", [0.75])
def test_ec_and_ph_reach_the_recipe_whatever_the_tanks_the_water_and_the_pipes_really_are(
    bend: dict[str, float], flow_factor: float
) -> None:
    farm = FeedRig(bend=bend, noise=0.02, flow_factor=flow_factor)
    farm.water(2900)  # two waterings: the second begins with what the first has taught
    late = slice(len(farm.ec) - 150, None)
    assert np.mean(farm.ec[late]) == pytest.approx(2.2, abs=0.12)
    assert np.mean(farm.ph[late]) == pytest.approx(5.9, abs=0.25)
    assert max(farm.ec) < 3.0
    assert min(farm.ph) > 5.0
    assert not farm.raised()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.98])
def test_the_correction_is_stable_for_every_split_of_pipe_and_chamber_with_room_for_four_times_the_gain(
    share: float,
) -> None:
    # The plant: a rise of 1 mS/cm for a dose of 1, through so much pipe and so much chamber. A loop with twice the
    # believed gain settles; with 4 times it still does not grow.
    volume = 30.0
    dead, mix = share * volume, (1.0 - share) * volume
    for factor, bound in ((0.5, 0.3), (1.0, 0.02), (2.0, 0.02), (4.0, 1.0)):
        state = np.zeros((CELLS + 1, WIDTH))
        trim, seen = 0.0, []
        for _ in range(2400):
            flow_through(state, 0.25, factor * (0.5 + trim), 0.0, dead, mix)
            trim = corrected(trim, 1.0 - state[CELLS, EC], 0.25, volume, 10.0)
            seen.append(abs(1.0 - state[CELLS, EC]))
        assert max(seen[-600:]) <= bound, (factor, share)
        assert max(seen[-600:]) <= max(seen[1200:1800]) + 1e-9 or max(seen[-600:]) < 0.02
    assert GAIN == 0.35


def test_an_empty_tank_is_not_hidden_by_the_other_one_and_locks_the_dosing() -> None:
    farm = FeedRig()
    farm.water(300)
    farm.unit.empty = {"a"}
    seconds = farm.until(lambda rig: ("line", "safety.dose_ineffective") in rig.raised(), 7200)
    assert math.isfinite(seconds)
    farm.run(5)
    assert [farm.level(name) for name in (A, B, ACID)] == [0.0, 0.0, 0.0]
    assert min(farm.ec[-60:]) < 1.9  # it was to be seen
    given = dict(farm.unit.given_ml)
    farm.run(600)
    assert farm.unit.given_ml == given


def test_what_is_at_the_recipe_is_never_locked_though_nothing_moves() -> None:
    farm = FeedRig()
    for _ in range(3):
        farm.water(1500)
    assert not farm.raised()
    assert farm.litres > 780.0


def test_no_flow_no_dose_and_a_lost_meter_stops_within_a_tick() -> None:
    farm = FeedRig()
    farm.run(120)  # nobody waters
    assert sum(farm.unit.given_ml.values()) == 0.0
    assert farm.code(A) == "dosing.not_asked"
    farm.water(200)
    farm.quality["line/water_flow"] = 8
    farm.tick()
    assert [farm.level(name) for name in (A, B, ACID)] == [0.0, 0.0, 0.0]


def test_doses_never_pass_a_cap_whatever_the_recipe_asks() -> None:
    outs = tuple(
        msgspec.structs.replace(out, event_max_ml=150.0, hour_max_ml=260.0, day_max_ml=400.0) if out.id == A else out
        for out in FED.outputs
    )
    farm = FeedRig(settings=msgspec.structs.replace(FED, outputs=outs))
    farm.water(780)
    assert 130.0 < farm.unit.given_ml["a"] <= 1.1 * 150.0  # one watering is one event, however many strokes it has
    for _ in range(4):
        farm.run(1800)
    assert farm.unit.given_ml["a"] <= 1.1 * 400.0
    assert {code for _, code in farm.raised()} & {"safety.dose_event", "safety.dose_hour", "safety.dose_day"}


def test_a_zone_without_a_recipe_gets_plain_water_and_recipes_do_not_mix() -> None:
    zones = (ZONES[0], msgspec.structs.replace(ZONES[1], recipe="young"))
    lines = (msgspec.structs.replace(FED.lines[0], zones_at_once=2),)
    farm = FeedRig(settings=msgspec.structs.replace(FED, zones=zones, lines=lines))
    farm.values["zone-b/soil_moisture"] = 20.0
    farm.water(120)
    assert (farm.level("valve-a"), farm.level("valve-b")) == (1.0, 0.0)
    assert farm.code("valve-b") == "irrigation.idle.recipe"
    plain = (msgspec.structs.replace(ZONES[0], recipe=""), ZONES[1])
    farm = FeedRig(settings=msgspec.structs.replace(FED, zones=plain))
    farm.water(120)
    assert sum(farm.unit.given_ml.values()) == 0.0
    assert farm.code(A) == "dosing.plain_water"


def test_the_account_is_what_the_injectors_gave_and_the_day_closes_with_it() -> None:
    farm = FeedRig(minute=23 * 60.0)
    farm.water(780)
    account = farm.engine.nutrients_today()["zone-a"]
    a, b = farm.unit.given_ml["a"], farm.unit.given_ml["b"]
    assert account["n_g"] == pytest.approx(a * STOCKS[0].n_g_l / 1000.0, rel=0.01)
    assert account["p_g"] == pytest.approx(b * STOCKS[1].p_g_l / 1000.0, rel=0.01)
    assert account["k_g"] == pytest.approx((a * 60.0 + b * 80.0) / 1000.0, rel=0.01)
    assert account["acid_ml"] == pytest.approx(farm.unit.given_ml["acid"], rel=0.01)
    assert 1.7 < account["ec_ms_cm"] < 2.3
    farm.values["zone-a/soil_moisture"] = 30.0
    farm.run(3600)
    farm.minute, farm.day = 60.0, farm.day + 1  # a day later, by the clock alone the account waits its 20 h
    farm.mono_ms += 20 * 3_600_000
    farm.run(5)
    told = [e for e in farm.events if e.kind == "nutrients.day"]
    assert [e.subject for e in told] == ["zone-a"]
    assert told[0].fields["n_g"] == pytest.approx(account["n_g"], rel=0.05)
    assert farm.engine.nutrients_today() == {}


def test_the_pipes_are_rinsed_with_the_last_litres() -> None:
    farm = FeedRig(settings=fed(rinse_l=40.0))
    farm.water(790)
    seen = [d.code for d in farm.decisions if d.output == A]
    assert "dosing.rinse" in seen
    assert farm.unit.ec_ms_cm < 1.5


def test_corrections_survive_a_restart_and_two_equal_lives_are_equal_to_the_last_bit() -> None:
    one, two = FeedRig(bend={"strength": 0.8}, noise=0.02), FeedRig(bend={"strength": 0.8}, noise=0.02)
    one.water(500)
    two.water(500)
    assert one.decisions == two.decisions
    assert one.unit.given_ml == two.unit.given_ml
    state = one.engine.snapshot(one.mono_ms, one.wall_ms, clock_ok=True)
    assert repr(state.water) == repr(two.engine.snapshot(two.mono_ms, two.wall_ms, clock_ok=True).water)
    born = Engine(FED, 0)
    born.restore(state, 0, one.wall_ms + 60_000, clock_ok=True)
    again = born.snapshot(0, one.wall_ms, clock_ok=True)
    assert again.water["line line"][14:16] == state.water["line line"][14:16]  # S_EC_TRIM, S_PH_TRIM
    assert born.nutrients_today() == one.engine.nutrients_today()


def test_the_acid_is_that_of_a_carbonate_titration() -> None:
    # Half of the carbon is bicarbonate at pK1; acid and pH undo each other.
    assert bicarbonate_share(6.35) == pytest.approx(0.5)
    carbon = 1.5 / bicarbonate_share(7.6)
    need = acid_meq_l(7.6, 5.9, carbon)
    assert ph_after(need, 1.5, 7.6) == pytest.approx(5.9, abs=0.01)
    # Standard Methods 2320: to pH 4.5 nearly all alkalinity is used up.
    assert acid_meq_l(7.6, 4.5, carbon) == pytest.approx(1.5, rel=0.03)
    assert math.isnan(acid_meq_l(math.nan, 5.9, carbon))


def test_a_pipe_conserves_what_is_put_into_it() -> None:
    state = np.zeros((CELLS + 1, WIDTH))
    held = 0.0
    for _ in range(50):
        out_before = state[CELLS, EC]
        flow_through(state, 0.01, 2.0, 0.0, 4.0, 8.0)
        held += 0.01 * 2.0 - 0.01 * out_before
    assert state[:CELLS, EC].sum() * 4.0 / CELLS + state[CELLS, EC] * 8.0 == pytest.approx(held, rel=1e-6)


def test_injectors_are_measured_not_guessed() -> None:
    fit = fit_injector(((60.0, 61.0), (30.0, 30.2), (120.0, 121.5)))
    assert fit.ml_per_s == pytest.approx(1.012, abs=0.003)
    assert fit.uncertainty_ml_per_s < 0.01
    with pytest.raises(InjectorError, match="at least 3"):
        fit_injector(((60.0, 61.0),))
    with pytest.raises(InjectorError, match="look for air"):
        fit_injector(((60.0, 61.0), (60.0, 61.0), (60.0, 40.0)))
    with pytest.raises(InjectorError, match="above 0"):
        fit_injector(((60.0, 0.0), (60.0, 61.0), (60.0, 61.0)))
