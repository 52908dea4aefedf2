# SPDX-License-Identifier: Apache-2.0
"""The climate decision: its cases one by one, and a closed loop with the twin's two houses."""

import math

import numpy as np
import pytest

from controllers.climate_bands import CROP_BANDS, band_row
from controllers.houses import DA_LAT_PEPPER, TAY_NINH_MELON, HouseModel
from controllers.kernels import climate, codes
from controllers.kernels import columns as c
from controllers.kernels.climate import FAN, FOGGER, HEATER, KINDS, SHADE, VENT
from controllers.kernels.psychrometrics import vpd_kpa
from controllers.twin import Twin

NAN = math.nan


class House:
    """One house's controller, for tests. Outside is 15 °C and 60 % unless said."""

    def __init__(self) -> None:
        self.gains, self.state = climate.loops(1)
        self.last, self.level, self.code = (np.zeros((1, KINDS)) for _ in range(3))

    def decide(
        self,
        t: float,
        rh: float,
        *,
        band: tuple[float, float, float, float] = (18.0, 26.0, 0.4, 1.2),
        t_out: float = 15.0,
        rh_out: float = 60.0,
        sun: float = 0.0,
        rain: float = 0.0,
        applied: tuple[float, ...] = (NAN,) * KINDS,
        dt_s: float = 10.0,
    ) -> list[float]:
        air = np.full((1, c.C_WIDTH), NAN)
        air[0, [c.C_T, c.C_RH, c.C_VPD]] = t, rh, vpd_kpa(t, rh)
        air[0, [c.C_T_OUT, c.C_RH_OUT, c.C_RADIATION, c.C_RAIN]] = t_out, rh_out, sun, rain
        climate.decide(
            dt_s, air, np.array([band]), np.array([650.0]), np.array([applied]), self.gains, self.state, self.last,
            self.level, self.code,
        )  # fmt: skip
        return [float(x) for x in self.level[0]]


def test_inside_the_band_nothing_moves() -> None:
    house = House()
    for _tick in range(50):
        assert house.decide(22.0, 70.0) == [0.0] * KINDS
    assert set(house.code[0]) == {codes.CLIMATE_IN_BAND}


@pytest.mark.parametrize(
    ("air", "kind", "code"),
    [
        ({"t": 28.0, "rh": 60.0}, VENT, codes.CLIMATE_COOLING),
        ({"t": 28.0, "rh": 60.0}, FAN, codes.CLIMATE_COOLING),
        ({"t": 16.0, "rh": 60.0}, HEATER, codes.CLIMATE_HEATING),
        ({"t": 22.0, "rh": 95.0}, VENT, codes.CLIMATE_DRYING),
        ({"t": 22.0, "rh": 95.0, "t_out": 22.0, "rh_out": 99.0}, HEATER, codes.CLIMATE_HEAT_TO_DRY),
        ({"t": 25.0, "rh": 40.0}, FOGGER, codes.CLIMATE_FOGGING),
        ({"t": 22.0, "rh": 70.0, "sun": 800.0}, SHADE, codes.CLIMATE_SHADING),
    ],
)
def test_each_need_moves_its_actuator_with_its_reason(air: dict[str, float], kind: int, code: int) -> None:
    house = House()
    assert house.decide(**air)[kind] > 0.0  # type: ignore[arg-type]
    assert house.code[0, kind] == code


def test_rain_keeps_the_vents_nearly_shut() -> None:
    house = House()
    assert house.decide(30.0, 60.0, rain=1.0)[VENT] == climate.RAIN_VENT
    assert house.code[0, VENT] == codes.CLIMATE_RAIN


def test_heating_and_cooling_never_run_together() -> None:
    rng = np.random.default_rng(2)
    house = House()
    t = 22.0
    for _tick in range(3000):
        t += rng.normal(0.0, 0.7)
        t = min(max(t, 8.0), 42.0)
        level = house.decide(t, float(rng.uniform(30, 100)))
        if t > 26.0:
            assert level[HEATER] < 0.75  # its loop winds down within the filter's time
        assert not (level[FAN] > 0.0 and level[HEATER] > 0.0 and t > 28.0)
        assert all(0.0 <= x <= 1.0 for x in level)


def test_switches_have_hysteresis() -> None:
    house = House()
    assert house.decide(22.0, 70.0, sun=640.0)[SHADE] == 0.0
    assert house.decide(22.0, 70.0, sun=660.0)[SHADE] == 1.0
    assert house.decide(22.0, 70.0, sun=560.0)[SHADE] == 1.0
    assert house.decide(22.0, 70.0, sun=500.0)[SHADE] == 0.0
    assert house.decide(27.0, 60.0)[FAN] == 0.0
    assert house.decide(27.6, 60.0)[FAN] == 1.0
    assert house.decide(26.8, 60.0)[FAN] == 1.0
    assert house.decide(26.4, 60.0)[FAN] == 0.0


def test_vent_motor_rests_while_the_wish_changes_little() -> None:
    house = House()
    rng = np.random.default_rng(3)
    moves, before = 0, house.decide(27.0, 60.0)[VENT]
    for _tick in range(600):  # ten minutes in which the loop's integral opens it by a sixth
        level = house.decide(27.0 + rng.normal(0.0, 0.05), 60.0, dt_s=1.0)[VENT]
        moves += level != before
        before = level
    assert moves < 12


def test_noise_about_the_low_limit_does_not_wear_vents_and_heater() -> None:
    house = House()
    rng = np.random.default_rng(5)
    changes, before = 0, house.decide(18.0, 93.0)
    for _tick in range(1000):  # wet air near 18 °C, a thermometer with 0.1 K of noise
        level = house.decide(18.0 + rng.normal(0.0, 0.1), 93.0)
        changes += sum((a > 0.0) != (b > 0.0) for a, b in zip(level, before, strict=True))
        before = level
    assert changes <= 4


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_lost_thermometer_heats_and_fogs_nothing_and_leaves_the_vents(bad: float) -> None:
    house = House()
    house.decide(29.0, 40.0)
    vent = house.last[0, VENT]
    level = house.decide(bad, 40.0)
    assert level[VENT] == vent > 0.0
    assert level[HEATER] == level[FOGGER] == 0.0
    assert set(house.code[0]) == {codes.CLIMATE_NO_DATA}
    fresh = House()
    assert fresh.decide(bad, 40.0) == [0.0] * KINDS


@pytest.mark.parametrize("missing", ["rh", "t_out", "rh_out", "sun", "rain"])
def test_any_other_lost_value_opens_less_never_more(missing: str) -> None:
    for t in (16.0, 22.0, 30.0):
        full = House().decide(t, 60.0)
        level = House().decide(t, **({"rh": 60.0} | {missing: NAN}))  # type: ignore[arg-type]
        assert all(lost <= known for lost, known in zip(level, full, strict=True))


def test_no_band_means_nothing_is_wanted() -> None:
    assert House().decide(35.0, 20.0, band=(NAN, NAN, NAN, NAN)) == [0.0] * KINDS


def test_loop_follows_a_hand_and_takes_over_without_a_jump() -> None:
    house = House()
    for _tick in range(60):
        house.decide(27.0, 60.0, applied=(0.6, NAN, NAN, NAN, NAN))
    assert house.decide(27.0, 60.0)[VENT] == pytest.approx(0.6, abs=climate.MOVE)


def season(model: HouseModel, start_s: float, *, controlled: bool) -> tuple[float, float, float]:
    """Two days at one-minute ticks: degree-hours too hot, kPa-hours too wet, degree-hours too cold."""
    twin = Twin({"h": model}, seed=2, start_s=start_s)
    house = House()
    hot = wet = cold = 0.0
    for minute in range(2 * 1440):
        seen = twin.signals()
        hour = (start_s / 3600.0 + 7.0 + minute / 60.0) % 24.0
        low, high, vpd_low, vpd_high = band_row(model.crop, day=6.0 <= hour < 18.0)
        t, rh = seen["h", "air_temperature"], seen["h", "air_humidity"]
        hot += max(t - high - 1.0, 0.0) / 60.0
        cold += max(low - 1.0 - t, 0.0) / 60.0
        wet += max(vpd_low - vpd_kpa(t, rh), 0.0) / 60.0
        commands: dict[tuple[str, str], float] = {}
        if controlled:
            level = house.decide(
                t, rh, band=(low, high, vpd_low, vpd_high), t_out=seen["h-outside", "air_temperature"],
                rh_out=seen["h-outside", "air_humidity"], sun=seen["h-outside", "solar_radiation"],
                rain=seen["h-outside", "rain_rate"], dt_s=60.0,
            )  # fmt: skip
            kinds = ("vent", "fan", "heater", "fogger", "shade")
            commands = {("h", kind): x for kind, x in zip(kinds, level, strict=True)}
        commands["h-1", "valve"] = commands["h-2", "valve"] = float(minute % 240 < 12)
        twin.advance(60.0, commands)
    return hot, wet, cold


@pytest.mark.parametrize("model", [DA_LAT_PEPPER, TAY_NINH_MELON], ids=lambda m: m.name)
def test_both_houses_live_far_better_with_it_than_closed(model: HouseModel) -> None:
    start = 1_741_539_600.0  # 2025-03-10 00:00 in Viet Nam, hot and dry season
    hot, wet, cold = season(model, start, controlled=False)
    held_hot, held_wet, held_cold = season(model, start, controlled=True)
    assert held_hot < 0.45 * hot  # degree-hours too hot
    assert held_wet < 0.5 * wet  # kPa-hours too wet
    if model.parameters.heater_w_m2 > 0.0:
        assert held_cold < 0.3 * cold


def test_bands_are_bands_and_unknown_crops_are_named() -> None:
    for crop in CROP_BANDS:
        for day in (True, False):
            low, high, vpd_low, vpd_high = band_row(crop, day=day)
            assert low < high < CROP_BANDS[crop].critical_c
            assert 0.0 < vpd_low < vpd_high
    with pytest.raises(KeyError, match="no climate band for crop 'rice'"):
        band_row("rice", day=True)
