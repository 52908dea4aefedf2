# SPDX-License-Identifier: Apache-2.0
"""The greenhouse model: its balances recomputed from logged states and fluxes, and what any grower would expect."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from controllers.houses import DA_LAT_PEPPER, HOUSES, TAY_NINH_MELON
from controllers.kernels import greenhouse, root_zone
from controllers.kernels import greenhouse_columns as c
from controllers.kernels.psychrometrics import AIR_HEAT_CAPACITY_J_KG_K, LATENT_HEAT_J_KG, air_density_kg_m3
from controllers.twin import Twin

NOON_MARCH = 1_741_582_800.0  # 2025-03-10 05:00 UTC, noon in Viet Nam
NAMES = {"pepper": DA_LAT_PEPPER, "melon": TAY_NINH_MELON}


def twin(start_s: float = NOON_MARCH) -> Twin:
    return Twin(NAMES, seed=11, start_s=start_s)


def heat_stored(t: Twin) -> np.ndarray:
    """Sensible and latent heat [J/m²] of air, canopy, floor and root zone of each house."""
    stored = []
    for row, model in enumerate(t.models.values()):
        p, s = model.parameters, t.state.house[row]
        air = air_density_kg_m3(20.0, p.pressure_kpa) * AIR_HEAT_CAPACITY_J_KG_K * p.height_m + p.structure_j_m2_k
        leaf = s[c.S_LEAF_G_M2] * p.sla_m2_g * p.leaf_j_m2_k
        stored.append(
            air * s[c.S_AIR_C]
            + leaf * s[c.S_CANOPY_C]
            + p.floor_j_m2_k * s[c.S_FLOOR_C]
            + p.root_j_m2_k * s[c.S_ROOT_C]
            + LATENT_HEAT_J_KG * p.height_m * s[c.S_VAPOUR_KG_M3]
        )
    return np.array(stored)


def water_stored(t: Twin, row: int) -> float:
    """Litres in a zone's layers."""
    p = t.models[["pepper", "melon"][row // 2]].zones[row % 2].parameters
    bulk = p.area_m2 * p.wetted_share * 1000.0
    return float(bulk * (p.top_m * t.state.zone[row, c.Z_TOP] + p.low_m * t.state.zone[row, c.Z_LOW]))


def salt_stored(t: Twin, row: int) -> float:
    p = t.models[["pepper", "melon"][row // 2]].zones[row % 2].parameters
    bulk = p.area_m2 * p.wetted_share * 1000.0
    return float(bulk * (p.top_m * t.state.zone[row, c.Z_SALT_TOP] + p.low_m * t.state.zone[row, c.Z_SALT_LOW]))


def busy_commands(minute: int) -> dict[tuple[str, str], float]:
    """A day's plausible and less plausible commands, so that every flux flows."""
    hour = minute // 60 % 24
    commands: dict[tuple[str, str], float] = {}
    for house in NAMES:
        commands[house, "vent"] = 0.5 + 0.5 * math.sin(minute / 97.0)
        commands[house, "fan"] = float(10 <= hour < 15)
        commands[house, "heater"] = float(2 <= hour < 6)
        commands[house, "fogger"] = float(11 <= hour < 14 and minute % 10 < 3)
        commands[house, "shade"] = float(11 <= hour < 14)
        for zone in (1, 2):
            commands[f"{house}-{zone}", "valve"] = float(minute % 180 < (25 if zone == 1 else 40))
    return commands


def test_energy_water_and_salt_close_from_logged_states_and_fluxes() -> None:
    t = twin()
    for _day in range(2):
        heat, houses = heat_stored(t), np.zeros_like(t.fluxes.house)
        vapour, co2 = t.state.house[:, c.S_VAPOUR_KG_M3].copy(), t.state.house[:, c.S_CO2_MG_M3].copy()
        tank = t.state.house[:, c.S_TANK_L].copy()
        zones, water = np.zeros_like(t.fluxes.zone), [water_stored(t, r) for r in range(4)]
        salt, pipe = [salt_stored(t, r) for r in range(4)], t.state.zone[:, c.Z_PIPE_L].copy()
        for minute in range(1440):
            t.advance(60.0, busy_commands(minute))
            houses += t.fluxes.house
            zones += t.fluxes.zone
        f = houses.T
        turnover = f[c.F_SUN_AIR] + f[c.F_SUN_CANOPY] + f[c.F_SUN_FLOOR] + f[c.F_HEATER]
        outward = f[c.F_COVER] + f[c.F_SKY_CANOPY] + f[c.F_SKY_FLOOR] + f[c.F_VENT_HEAT] + f[c.F_DEEP]
        outward += LATENT_HEAT_J_KG * (f[c.F_VENT_VAPOUR] + f[c.F_CONDENSED])
        # leaves grow at the canopy's temperature: that heat, under 0.05 %, is the whole residual
        residual = heat_stored(t) - heat - (turnover - outward)
        assert (np.abs(residual) < 1e-3 * turnover).all(), residual / turnover
        assert (turnover > 5e6).all()

        height = np.array([m.parameters.height_m for m in t.models.values()])
        gained = f[c.F_TRANSPIRED] + f[c.F_EVAPORATED] + f[c.F_FOGGED]
        lost = f[c.F_VENT_VAPOUR] + f[c.F_CONDENSED] + f[c.F_MIST]
        change = (t.state.house[:, c.S_VAPOUR_KG_M3] - vapour) * height
        np.testing.assert_allclose(change, gained - lost, atol=1e-9)
        change = (t.state.house[:, c.S_CO2_MG_M3] - co2) * height
        np.testing.assert_allclose(change, f[c.F_RESPIRED] - f[c.F_ASSIMILATED] - f[c.F_VENT_CO2], atol=1e-4)
        np.testing.assert_allclose(
            t.state.house[:, c.S_TANK_L] - tank, f[c.F_TANK_IN_L] - f[c.F_TANK_OUT_L] - f[c.F_TANK_LOST_L], atol=1e-6
        )
        for row in range(4):
            z = zones[row]
            out = z[c.G_UPTAKE_L] + z[c.G_EVAPORATED_L] + z[c.G_DRAINED_L] + z[c.G_RUNOFF_L]
            assert z[c.G_IRRIGATED_L] > 100.0
            assert water_stored(t, row) - water[row] == pytest.approx(z[c.G_IRRIGATED_L] - out, abs=1e-6)
            salted = z[c.G_SALT_IN] - z[c.G_SALT_UPTAKE] - z[c.G_SALT_DRAINED] - z[c.G_SALT_RUNOFF]
            assert salt_stored(t, row) - salt[row] == pytest.approx(salted, abs=1e-6)
            metered = z[c.G_METERED_L] - z[c.G_BURST_L] - z[c.G_IRRIGATED_L]
            assert t.state.zone[row, c.Z_PIPE_L] - pipe[row] == pytest.approx(metered, abs=1e-6)
        # what the plants gave to the air is what the roots took: joins air and soil
        for house in range(2):
            taken = zones[2 * house : 2 * house + 2, c.G_UPTAKE_L].sum() / 1000.0  # both houses have 1,000 m²
            assert taken == pytest.approx(f[c.F_TRANSPIRED][house], rel=1e-6)


def test_transpiration_of_a_warm_dry_day_is_millimetres_not_centimetres() -> None:
    t = twin(NOON_MARCH - 5 * 3600.0)
    total = np.zeros(2)
    for minute in range(1440):
        t.advance(60.0, busy_commands(minute))
        total += t.fluxes.house[:, c.F_TRANSPIRED]
    assert (total > 1.0).all()
    assert (total < 8.0).all()


def run(hours: float, start_s: float, **levels: float) -> Twin:
    t = twin(start_s)
    for house in NAMES:
        for kind, level in levels.items():
            t.command(house, kind, level)
    for _minute in range(int(60 * hours)):
        t.advance(60.0)
    return t


def test_closed_house_is_hotter_than_outside_at_noon_and_vents_cool_it() -> None:
    closed, vented = run(4, NOON_MARCH - 4 * 3600), run(4, NOON_MARCH - 4 * 3600, vent=1.0)
    for house in NAMES:
        outside = closed.signals()[f"{house}-outside", "air_temperature"]
        hot = closed.signals()[house, "air_temperature"]
        mild = vented.signals()[house, "air_temperature"]
        assert outside + 4.0 < hot < outside + 25.0
        assert outside - 3.0 < mild < hot - 3.0


def test_night_cools_the_closed_house_to_within_a_few_degrees_of_outside() -> None:
    t = run(8, NOON_MARCH + 8 * 3600)
    for house in NAMES:
        s = t.signals()
        assert s[house, "air_temperature"] == pytest.approx(s[f"{house}-outside", "air_temperature"], abs=3.0)
        assert s[house, "air_humidity"] > s[f"{house}-outside", "air_humidity"] - 5.0
        assert s[house, "ppfd"] == 0.0


@pytest.mark.parametrize(
    ("kind", "hours_after_noon", "quantity", "sign"),
    [
        ("heater", 14.0, "air_temperature", +1.0),
        ("heater", 14.0, "air_humidity", -1.0),
        ("fogger", 0.0, "air_temperature", -1.0),
        ("shade", 0.0, "ppfd", -1.0),
        ("shade", 0.0, "air_temperature", -1.0),
        ("fan", 0.0, "air_temperature", -1.0),
    ],
)
def test_each_actuator_moves_what_it_is_for(kind: str, hours_after_noon: float, quantity: str, sign: float) -> None:
    start = NOON_MARCH + 3600.0 * (hours_after_noon - 1.0)
    off, on = run(1, start, vent=0.3), run(1, start, **{"vent": 0.3, kind: 1.0})
    change = on.signals()["pepper", quantity] - off.signals()["pepper", quantity]
    assert sign * change > 0.5


def test_open_valve_wets_after_the_pipe_has_filled_and_closed_valve_lets_dry() -> None:
    t = twin()
    dry = t.signals()["pepper-1", "soil_moisture"]
    t.command("pepper-1", "valve", 1.0)
    t.advance(5.0)
    assert t.signals()["pepper-1", "water_flow"] == pytest.approx(40.0, rel=0.3)
    assert t.fluxes.zone[0, c.G_IRRIGATED_L] == 0.0  # the pipe fills first
    for _minute in range(30):
        t.advance(60.0)
    wet = t.signals()["pepper-1", "soil_moisture"]
    assert wet > dry + 1.5
    assert t.signals()["pepper-2", "soil_moisture"] < dry
    t.command("pepper-1", "valve", 0.0)
    t.advance(60.0)
    assert t.signals()["pepper-1", "water_flow"] == 0.0
    for _hour in range(24):
        t.advance(3600.0)
    assert t.signals()["pepper-1", "soil_moisture"] < wet - 0.5


def test_forgotten_house_dries_out_but_never_below_nothing_and_its_plants_stop() -> None:
    t = twin()
    first = 0.0
    for hour in range(24 * 20):
        t.advance(3600.0, {("melon", "vent"): 1.0})
        if hour < 24:
            first += t.fluxes.house[1, c.F_TRANSPIRED]
    last = 0.0
    for _hour in range(24):
        t.advance(3600.0)
        last += t.fluxes.house[1, c.F_TRANSPIRED]
    wilting = TAY_NINH_MELON.zones[0].parameters.wilting
    assert wilting - 0.001 < t.state.zone[2, c.Z_TOP] < wilting + 0.05
    assert last < 0.15 * first
    assert np.isfinite(t.state.house).all()


def test_drought_and_salt_cost_yield() -> None:
    def fruit(valve_minutes: int, ec: float) -> float:
        p = TAY_NINH_MELON.parameters._replace(tank_ec_ms_cm=ec)
        t = Twin({"m": TAY_NINH_MELON._replace(parameters=p)}, seed=1, start_s=NOON_MARCH)
        for minute in range(0, 1440 * 12, 10):
            t.advance(
                600.0,
                {("m", "vent"): 1.0, ("m-1", "valve"): float(minute % 240 < valve_minutes)}
                | {("m-2", "valve"): float(minute % 240 < valve_minutes)},
            )
        return float(t.state.house[0, c.S_FRUIT_G_M2])

    good = fruit(20, 2.0)
    assert good > 20.0
    assert fruit(0, 2.0) < 0.8 * good
    assert fruit(20, 8.0) < 0.9 * good


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0, 3601.0])
def test_bad_time_changes_nothing(bad: float) -> None:
    t = twin()
    before = t.state.house.copy()
    house, zone = t._acting()
    answer = greenhouse.step(
        t.state, (t._house_parameters, t._zone_parameters), (house, zone), t._weather, bad, t.fluxes
    )
    assert answer == greenhouse.BAD_INPUT
    np.testing.assert_array_equal(before, t.state.house)


def test_bad_weather_changes_nothing() -> None:
    t = twin()
    before = t.state.house.copy()
    t._weather[1, 2] = math.nan
    answer = greenhouse.step(
        t.state, (t._house_parameters, t._zone_parameters), t._acting(), t._weather, 60.0, t.fluxes
    )
    assert answer == greenhouse.BAD_INPUT
    np.testing.assert_array_equal(before, t.state.house)


def test_command_that_is_no_number_opens_and_heats_nothing() -> None:
    quiet, odd = twin(), twin()
    kinds = ("vent", "fan", "heater", "fogger", "shade", "pump", "master_valve", "fill_valve")
    for t, level in ((quiet, 0.0), (odd, math.nan)):
        for house in NAMES:
            for kind in kinds:
                t.command(house, kind, level)
            for zone in t.zones_of(house):
                t.command(zone, "valve", level)
        t.advance(600.0)
    np.testing.assert_array_equal(quiet.state.house, odd.state.house)
    np.testing.assert_array_equal(quiet.state.zone, odd.state.zone)
    assert odd.signals()["pepper-1", "water_volume"] == 0.0


def test_level_beyond_one_is_one() -> None:
    one, many = run(1, NOON_MARCH, fan=1.0), run(1, NOON_MARCH, fan=7.0)
    np.testing.assert_array_equal(one.state.house, many.state.house)


def test_step_length_hardly_matters() -> None:
    coarse, fine = twin(), twin()
    for t, dt in ((coarse, 20.0), (fine, 2.0)):
        for _ in range(int(3600 / dt)):
            t.advance(dt, {("pepper", "vent"): 0.4, ("melon", "vent"): 0.4})
    a, b = coarse.signals(), fine.signals()
    for house in NAMES:
        assert a[house, "air_temperature"] == pytest.approx(b[house, "air_temperature"], abs=0.15)
        assert a[house, "air_humidity"] == pytest.approx(b[house, "air_humidity"], abs=1.0)


def test_columns_and_field_names_are_the_same_numbers() -> None:
    for prefix, fields in (("P_", c.HouseParameters._fields), ("Q_", c.ZoneParameters._fields)):
        for place, field in enumerate(fields):
            assert getattr(c, prefix + field.upper()) == place


def test_probe_shows_bulk_ec_far_below_the_water_s_own() -> None:
    # Hilhorst: at 30 % water and 25 °C, pore water of 2 mS/cm reads near 0.3 mS/cm
    shown = root_zone.bulk_ec(2.0, 0.30, 25.0)
    back = (80.3 - 0.37 * 5.0) * shown / (root_zone.permittivity(0.30) - 4.1)
    assert back == pytest.approx(2.0)
    assert 0.25 < shown < 0.45
    assert root_zone.bulk_ec(2.0, 0.02, 25.0) == 0.0
    assert root_zone.permittivity(0.30) == pytest.approx(16.9, abs=0.1)  # Topp's curve


COMPARE = """
import json
import numpy as np
from controllers.houses import HOUSES
from controllers.kernels import climate, columns as c
from controllers.kernels.psychrometrics import vpd_kpa
from controllers.twin import Twin
t = Twin({"a": HOUSES["da-lat-pepper"], "b": HOUSES["tay-ninh-melon"]}, seed=5, start_s=1741582800.0)
gains, loops = climate.loops(2)
last, level, code = (np.zeros((2, climate.KINDS)) for _ in range(3))
band = np.array([[21.0, 27.0, 0.8, 1.2], [22.0, 32.0, 0.8, 1.6]])
air, free = np.zeros((2, c.C_WIDTH)), np.full((2, climate.KINDS), np.nan)
for minute in range(240):
    seen = t.signals()
    for h, house in enumerate("ab"):
        temperature, humidity = seen[house, "air_temperature"], seen[house, "air_humidity"]
        air[h, [c.C_T, c.C_RH, c.C_VPD]] = temperature, humidity, vpd_kpa(temperature, humidity)
        air[h, [c.C_T_OUT, c.C_RH_OUT]] = 20.0, 60.0
        air[h, c.C_RADIATION] = seen[house + "-outside", "solar_radiation"]
    climate.decide(60.0, air, band, np.full(2, 650.0), free, gains, loops, last, level, code)
    orders = {("a", "heater"): 0.3, ("a-1", "valve"): float(minute % 50 < 20)}
    orders["b-2", "valve"] = float(minute % 60 < 40)
    for h, house in enumerate("ab"):
        for k, kind in enumerate(("vent", "fan", "heater", "fogger", "shade")):
            orders.setdefault((house, kind), float(level[h, k]))
    t.advance(60.0, orders)
print(json.dumps([t.state.house.tolist(), t.state.zone.tolist(), t.fluxes.house.tolist(), t.fluxes.zone.tolist(),
                  level.tolist(), code.tolist(), loops.tolist()]))
"""


@pytest.mark.slow
def test_uncompiled_kernels_give_the_same_numbers() -> None:
    def numbers(**environment: str) -> list[list[list[float]]]:
        clean = {k: v for k, v in os.environ.items() if k not in {"VUON_NO_JIT", "NUMBA_DISABLE_JIT"}}
        done = subprocess.run(
            [sys.executable, "-c", COMPARE],
            env=clean | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        answer: list[list[list[float]]] = json.loads(done.stdout)
        return answer

    for compiled, plain in zip(numbers(), numbers(VUON_NO_JIT="1"), strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-12, atol=1e-12)


def test_every_model_house_is_complete() -> None:
    for name, model in HOUSES.items():
        assert name == model.name
        assert len(model.zones) == 2
        assert sum(z.parameters.area_m2 for z in model.zones) == pytest.approx(model.parameters.area_m2)
        assert np.isfinite(np.array(model.parameters)).all()
