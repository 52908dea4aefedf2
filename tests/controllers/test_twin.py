# SPDX-License-Identifier: Apache-2.0
"""The twin's outer face: places, signals, commands, faults, and repeating bit for bit."""

import math
import time

import numpy as np
import pytest

from controllers.climates import TAY_NINH
from controllers.houses import DA_LAT_PEPPER, TAY_NINH_MELON
from controllers.kernels import greenhouse_columns as c
from controllers.kernels import weather
from controllers.outside import HourlyWeather
from controllers.twin import FAULTS, Twin
from telemetry.quantities import QUANTITIES
from telemetry.records import SERIES_PATTERN

NOON = 1_741_582_800.0  # 2025-03-10 05:00 UTC, noon in Viet Nam


def pepper(start_s: float = NOON) -> Twin:
    return Twin({"pepper": DA_LAT_PEPPER}, seed=3, start_s=start_s)


def test_every_signal_is_a_known_quantity_inside_its_range() -> None:
    t = Twin({"a": DA_LAT_PEPPER, "b": TAY_NINH_MELON}, seed=1, start_s=NOON)
    for _hour in range(48):
        t.advance(3600.0, {("a", "vent"): 0.5})
        for (place, name), value in t.signals().items():
            quantity = QUANTITIES[name.split(".")[0]]
            assert quantity.low <= value <= quantity.high, (place, name, value)
            assert type(value) is float
            if not name.startswith("position."):
                assert SERIES_PATTERN.match(f"{place}/{name}")


def test_what_the_demonstration_s_instruments_measure_is_there() -> None:
    t = pepper()
    t.advance(1.0)
    seen = t.signals()
    for key in (
        ("pepper", "air_temperature"), ("pepper", "air_humidity"), ("pepper", "co2"), ("pepper", "ppfd"),
        ("pepper-1", "soil_moisture"), ("pepper-1", "soil_temperature"), ("pepper-1", "soil_ec"),
        ("pepper-2", "soil_moisture"), ("pepper-1", "water_flow"), ("pepper-1", "water_volume"), ("pepper", "power"),
        ("pepper", "energy"), ("pepper", "voltage"), ("pepper", "water_level"), ("pepper-outside", "solar_radiation"),
        ("pepper-outside", "wind_speed"), ("pepper-outside", "wind_direction"), ("pepper-outside", "rainfall"),
        ("pepper-outside", "air_temperature"), ("pepper-outside", "air_humidity"),
    ):  # fmt: skip
        assert math.isfinite(seen[key]), key


def test_same_seed_same_life_bit_for_bit_and_another_seed_another() -> None:
    def life(seed: int) -> dict[tuple[str, str], float]:
        t = Twin({"pepper": DA_LAT_PEPPER}, seed=seed, start_s=NOON)
        for minute in range(200):
            t.advance(60.0, {("pepper", "vent"): minute % 3 / 2, ("pepper-1", "valve"): float(minute < 20)})
        return t.signals()

    assert life(1) == life(1)
    assert life(1) != life(2)


def test_counters_only_rise_and_add_up() -> None:
    t = pepper()
    litres = kwh = metered = 0.0
    for minute in range(120):
        t.advance(60.0, {("pepper-1", "valve"): float(minute % 60 < 15), ("pepper", "fan"): 1.0})
        seen = t.signals()
        assert seen["pepper-1", "water_volume"] >= litres
        assert seen["pepper", "energy"] > kwh
        litres, kwh = seen["pepper-1", "water_volume"], seen["pepper", "energy"]
        metered += t.fluxes.zone[0, c.G_METERED_L]
    assert litres == pytest.approx(metered)
    assert litres == pytest.approx(2 * 15 * 40.0, rel=0.01)
    # 3 W/m² of fans, 30 W cabinet, and the pump while water runs
    assert kwh == pytest.approx((3000.0 + 30.0) * 2 / 1000.0 + 0.5 * 0.9 * 0.7, rel=0.03)


def test_tank_is_filled_by_its_float_and_by_command() -> None:
    t = pepper()
    t.advance(1.0, {("pepper-1", "valve"): 1.0, ("pepper-2", "valve"): 1.0, ("pepper", "fill_valve"): 0.0})
    for _minute in range(30):
        t.advance(60.0)
    low = t.signals()["pepper", "water_level"]
    assert low < 0.9 * 2.0 - 0.7
    t.advance(1800.0, {("pepper-1", "valve"): 0.0, ("pepper-2", "valve"): 0.0, ("pepper", "fill_valve"): 1.0})
    assert t.signals()["pepper", "water_level"] > low + 0.6


def test_wired_pump_must_run_for_water_to_flow() -> None:
    t = pepper()
    t.advance(60.0, {("pepper", "pump"): 0.0, ("pepper-1", "valve"): 1.0})
    assert t.signals()["pepper-1", "water_flow"] == 0.0
    assert t.signals()["pepper", "water_pressure"] == 0.0
    t.advance(60.0, {("pepper", "pump"): 1.0})
    assert t.signals()["pepper-1", "water_flow"] == pytest.approx(40.0)
    assert t.signals()["pepper", "water_pressure"] > 200.0
    t.advance(60.0, {("pepper", "master_valve"): 0.0})
    assert t.signals()["pepper-1", "water_flow"] == 0.0


def after(fault: str, place: str, commands: dict[tuple[str, str], float], amount: float = 1.0) -> Twin:
    t = pepper()
    t.break_down(place, fault, amount)
    for _minute in range(30):
        t.advance(60.0, commands)
    return t


OPEN = {("pepper-1", "valve"): 1.0}
SHUT = {("pepper-1", "valve"): 0.0}


def test_stuck_valve_lets_water_through_whatever_it_is_told() -> None:
    t = after("valve_stuck_open", "pepper-1", SHUT)
    assert t.signals()["pepper-1", "water_flow"] == pytest.approx(40.0)
    t.repair("pepper-1", "valve_stuck_open")
    t.advance(60.0)
    assert t.signals()["pepper-1", "water_flow"] == 0.0


@pytest.mark.parametrize(
    ("fault", "place"),
    [("valve_stuck_shut", "pepper-1"), ("pump_dead", "pepper"), ("tank_dry", "pepper"), ("mains_lost", "pepper")],
)
def test_faults_that_stop_the_water(fault: str, place: str) -> None:
    t = after(fault, place, OPEN)
    assert t.signals()["pepper-1", "water_flow"] == 0.0
    if fault == "tank_dry":
        assert t.signals()["pepper", "water_level"] == 0.0
    if fault == "mains_lost":
        assert t.signals()["pepper", "voltage"] == 0.0


def test_burst_pipe_meters_much_and_clogged_drippers_little() -> None:
    burst = after("pipe_burst", "pepper-1", OPEN)
    assert burst.signals()["pepper-1", "water_flow"] > 1.5 * 40.0
    clogged = after("drippers_clogged", "pepper-1", OPEN, amount=0.7)
    assert clogged.signals()["pepper-1", "water_flow"] == pytest.approx(0.3 * 40.0)
    assert (
        burst.signals()["pepper-1", "soil_moisture"]
        < after("fan_dead", "pepper", OPEN).signals()["pepper-1", "soil_moisture"]
    )


def test_stuck_vent_dead_fan_and_burning_heater() -> None:
    assert after("vent_stuck", "pepper", {("pepper", "vent"): 1.0}).signals()["pepper", "position.vent"] == 0.0
    dead = after("fan_dead", "pepper", {("pepper", "fan"): 1.0})
    whole = after("vent_stuck", "pepper", {("pepper", "fan"): 1.0})
    assert dead.signals()["pepper", "power"] < whole.signals()["pepper", "power"] - 2000.0
    assert after("heater_stuck_on", "pepper", {}).fluxes.house[0, c.F_HEATER] == pytest.approx(60.0 * 60.0)


def test_every_fault_can_be_made_and_repaired() -> None:
    for fault, known in FAULTS.items():
        t = pepper()
        place = "pepper-2" if known.at == "zone" else "pepper"
        t.break_down(place, fault)
        t.advance(600.0)
        t.repair(place, fault)
        t.advance(600.0)
        assert np.isfinite(t.state.house).all()


def test_what_is_not_there_is_refused_with_what_is() -> None:
    t = pepper()
    with pytest.raises(KeyError, match="pepper-1, pepper-2 have valve"):
        t.command("pepper", "valve", 1.0)
    with pytest.raises(KeyError, match="unknown fault 'gremlin'; known: valve_stuck_open"):
        t.break_down("pepper", "gremlin")
    with pytest.raises(KeyError, match="is of a zone, and 'pepper' is none; there are pepper-1, pepper-2"):
        t.break_down("pepper", "pipe_burst")
    with pytest.raises(KeyError, match="weather for unknown house 'melon'; there are pepper"):
        Twin({"pepper": DA_LAT_PEPPER}, {"melon": HourlyWeather(0, np.ones((3, 8)))})
    with pytest.raises(ValueError, match="at least one house"):
        Twin({})
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number of seconds"):
            t.advance(bad)


def test_weather_from_a_file_drives_the_house_until_it_ends() -> None:
    first = int(NOON // 3600) + 7
    rows = weather.generate(TAY_NINH, 1, 20000, 2)[:5]
    rows[:, weather.TEMPERATURE] = [30.0, 31.0, 32.0, 33.0, 34.0]
    t = Twin({"m": TAY_NINH_MELON}, {"m": HourlyWeather(first, rows)}, start_s=NOON)
    t.advance(1800.0)
    t.advance(1800.0)
    assert t.signals()["m-outside", "air_temperature"] == pytest.approx(30.5)
    t.advance(3600.0 * 2.9)
    with pytest.raises(LookupError, match="the file covers"):
        t.advance(3600.0 * 2)


def test_a_month_of_minutes_takes_seconds() -> None:
    t = Twin({"a": DA_LAT_PEPPER, "b": TAY_NINH_MELON}, seed=1, start_s=NOON)
    t.advance(60.0)
    started = time.process_time()
    for _minute in range(2000):
        t.advance(60.0)
    assert (time.process_time() - started) / 2000 < 200e-6  # some 15 µs where nothing else runs
