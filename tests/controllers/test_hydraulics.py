# SPDX-License-Identifier: Apache-2.0
"""Turns, pauses, cheap hours, washing, salt and learned flow, in the engine with safety on top."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.pump_curve import room_l_min
from controllers.sequencer import prices_of_day
from controllers.settings import ControlSettings, OutputSettings
from controllers.ticks import Reset
from telemetry.records import Quality
from tests.controllers.farm_rig import FARM, LINE, OUTPUTS, ZONE_A, Rig, RigMaker
from tests.controllers.water_rig import EVN, WASHED


def farm_of(
    flows: list[float], at_once: int = 3, line: dict[str, object] | None = None, **zone: object
) -> ControlSettings:
    """A farm with one moisture zone for each flow, all on the one line."""
    zones = tuple(
        msgspec.structs.replace(
            ZONE_A, id=f"zone-{n}", valve=f"valve-{n}", flow_l_min=flow, soil_moisture=(f"zone-{n}/soil_moisture",),
            dose_l=10.0 * flow, daily_cap_l=200.0 * flow, **zone,
        )
        for n, flow in enumerate(flows)
    )  # fmt: skip
    valves = tuple(
        msgspec.convert(
            {"id": zone.valve, "kind": "valve", "place": zone.id, "max_on_s": 4000.0, "needs_mains": False},
            OutputSettings,
        )
        for zone in zones
    )
    outs = tuple(out for out in OUTPUTS if not out.id.startswith("valve"))
    lines = (msgspec.structs.replace(LINE, zones_at_once=at_once, **(line or {})),)
    return msgspec.structs.replace(FARM, zones=zones, outputs=(*valves, *outs), lines=lines)


def thirsty(farm: Rig) -> Rig:
    farm.values |= {f"{zone.id}/soil_moisture": 20.0 for zone in farm.settings.zones}
    return farm


@settings(max_examples=15)
@given(
    flows=st.lists(st.floats(5.0, 40.0), min_size=2, max_size=5),
    most=st.floats(40.0, 90.0),
    at_once=st.integers(1, 4),
)
def test_open_zones_never_exceed_the_flow_budget_and_every_zone_gets_its_turn(
    flows: list[float], most: float, at_once: int
) -> None:
    farm = thirsty(Rig(settings=farm_of(flows, at_once, {"flow_max_l_min": most}), step_ms=10_000))
    served = set()
    for _ in range(360):
        farm.tick()
        running = [z for z in farm.settings.zones if farm.level(z.valve) > 0.0]
        served |= {z.id for z in running}
        # a valve that is held open for the pump to stop is no zone that is being watered
        codes = [farm.code(z.valve) for z in running]
        watered = [z for z, code in zip(running, codes, strict=True) if code.startswith("irrigation.start")]
        assert sum(z.flow_l_min for z in watered) <= most + 1e-6
        assert len(watered) <= at_once
    assert served == {z.id for z in farm.settings.zones}


def test_a_zone_that_waits_says_for_what(rig: RigMaker) -> None:
    farm = thirsty(rig(settings=farm_of([30.0, 25.0], 2, {"flow_max_l_min": 50.0})))
    farm.run(60)
    assert farm.code("valve-1") == "irrigation.idle.flow_budget"
    told = next(d for d in farm.decisions if d.code == "irrigation.idle.flow_budget")
    assert {i.name: i.value for i in told.inputs} == {"load_l_min": 30.0, "zone_l_min": 25.0}


def test_pressure_is_part_of_the_budget(rig: RigMaker) -> None:
    assert room_l_min(400.0, 300.0, 60.0, 300.0) == pytest.approx(60.0)
    assert room_l_min(400.0, 300.0, 60.0, 400.0) == 0.0
    curve: dict[str, object] = {"pump_shutoff_kpa": 400.0, "pump_kpa": 300.0, "pump_l_min": 60.0}
    for need, together in ((300.0, True), (340.0, False)):  # 60 and 46 L/min
        farm = thirsty(rig(settings=farm_of([25.0, 25.0], 2, curve, pressure_min_kpa=need)))
        farm.run(60)
        assert (farm.level("valve-1") > 0.0) == together


def test_heavy_soil_drinks_between_cycles_and_gets_no_more_and_no_less(rig: RigMaker) -> None:
    farm = thirsty(rig(settings=farm_of([20.0], 1, cycle_max_s=180.0, soak_s=300.0, rest_min_s=7200.0)))
    opened = 0
    longest = 0.0
    since = 0.0
    for _ in range(3600):
        was = farm.level("valve-0")
        farm.tick()
        now = farm.level("valve-0")
        opened += now > was
        since = since + 1.0 if now else 0.0
        longest = max(longest, since)
    codes = [d.code for d in farm.decisions if d.output == "valve-0"]
    assert "irrigation.stop.soak" in codes
    assert "irrigation.start.cycle" in codes
    assert opened >= 3
    assert longest <= 180.0 + 5.0  # and what the pump takes to stop
    assert farm.engine.water_today_l()["zone-0"] == pytest.approx(200.0, rel=0.03)


def test_a_zone_that_is_wet_after_the_pause_gives_the_rest_up(rig: RigMaker) -> None:
    farm = thirsty(rig(settings=farm_of([20.0], 1, cycle_max_s=180.0, soak_s=300.0)))
    farm.run(260)
    farm.values["zone-0/soil_moisture"] = 33.0
    farm.run(900)
    assert farm.engine.water_today_l()["zone-0"] < 80.0
    assert farm.code("valve-0") == "irrigation.idle.wet_enough"


def test_the_filter_is_washed_between_waterings_when_it_takes_the_pressure(rig: RigMaker) -> None:
    farm = rig(settings=WASHED)
    farm.values |= {"line/water_pressure.1": 300.0, "line/water_pressure.2": 280.0}
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(120)
    assert farm.level("wash") == 0.0
    farm.values["line/water_pressure.2"] = 230.0
    farm.run(60)
    assert farm.level("valve-a") == 1.0  # the watering goes on
    assert farm.level("wash") == 0.0
    farm.flows = False
    farm.until(lambda r: r.level("wash") > 0.0, 600)
    assert farm.level("valve-a") == 0.0
    began = farm.mono_ms
    farm.values["line/water_flow"] = 60.0
    farm.run(20)
    assert farm.level("pump") == 1.0
    farm.until(lambda r: r.level("wash") == 0.0, 200)
    assert 38.0 <= (farm.mono_ms - began) / 1000.0 <= 50.0
    assert "line.backwash.pressure" in [d.code for d in farm.decisions if d.output == "wash"]
    assert not [code for _, code in farm.raised() if code.startswith("safety.")]


def test_a_filter_that_washing_does_not_help_calls_a_person(rig: RigMaker) -> None:
    line = msgspec.structs.replace(WASHED.lines[0], backwash_rest_s=60.0, backwash_s=5.0)
    farm = rig(settings=msgspec.structs.replace(WASHED, lines=(line,)))
    farm.values |= {"line/water_pressure.1": 300.0, "line/water_pressure.2": 200.0}
    farm.hold("valve-b", seconds=14_000)  # somebody waters by hand, so the pressure is seen
    for _ in range(1200):
        washing = farm.level("wash") > 0.0
        farm.flows = not washing
        if washing:
            farm.values["line/water_flow"] = 60.0 + 20.0 * farm.level("valve-b")
        farm.tick()
    assert ("line", "water.filter_clogged") in farm.raised()


@pytest.mark.parametrize(
    ("minute", "waits_h"), [(9 * 60 + 35, (1.8, 2.2)), (12 * 60, (0.0, 0.1)), (17 * 60 + 5, (2.8, 3.2))]
)
def test_a_zone_that_may_wait_leaves_the_dear_hours_out(
    rig: RigMaker, minute: int, waits_h: tuple[float, float]
) -> None:
    made = msgspec.structs.replace(farm_of([20.0], 1, wait_max_h=4.0), tariff=EVN)
    farm = thirsty(rig(settings=made, minute=float(minute), step_ms=10_000, day=739_001))
    seconds = farm.until(lambda r: r.level("valve-0") > 0.0, 6 * 3600)
    assert waits_h[0] <= seconds / 3600.0 <= waits_h[1]
    if waits_h[0] > 0.0:
        assert "irrigation.idle.cheaper_power" in [d.code for d in farm.decisions]


def test_nobody_waits_longer_than_he_may_nor_without_a_clock(rig: RigMaker) -> None:
    made = msgspec.structs.replace(farm_of([20.0], 1, wait_max_h=1.0), tariff=EVN)
    farm = thirsty(rig(settings=made, minute=17.0 * 60.0, step_ms=10_000, day=739_001))
    assert farm.until(lambda r: r.level("valve-0") > 0.0, 6 * 3600) <= 3700.0
    farm = thirsty(rig(settings=made, minute=17.0 * 60.0, step_ms=10_000, day=739_001, clock_ok=False))
    assert farm.until(lambda r: r.level("valve-0") > 0.0, 600) <= 60.0


def test_the_tariff_knows_its_weekdays_and_midnight() -> None:
    monday, sunday = prices_of_day(EVN, 1), prices_of_day(EVN, 7)
    assert (monday[10 * 60], sunday[10 * 60]) == (3000.0, 1700.0)
    assert (monday[60], monday[23 * 60], monday[5 * 60]) == (1100.0, 1100.0, 1700.0)
    assert prices_of_day(EVN[:2], 1)[5 * 60] == 3000.0  # no band: as the dearest


SALTY = farm_of([20.0, 20.0], 2, {"source_ec": "river/water_ec"}, salt_group="durian")


def test_salt_shuts_the_intake_for_strategies_and_people_and_opens_after_minutes_of_good_water(rig: RigMaker) -> None:
    zones = (SALTY.zones[0], msgspec.structs.replace(SALTY.zones[1], salt_group="mango"))
    farm = thirsty(rig(settings=msgspec.structs.replace(SALTY, zones=zones)))
    farm.values["river/water_ec"] = 0.2
    farm.run(60)
    assert (farm.level("valve-0"), farm.level("valve-1")) == (1.0, 1.0)
    farm.values["river/water_ec"] = 1.2
    seconds = farm.until(lambda r: r.limit("valve-0") == "safety.salt", 60)
    assert seconds <= 30.0
    farm.run(5)
    assert (farm.level("valve-0"), farm.level("valve-1")) == (0.0, 1.0)  # mango bears 3 g/L
    assert ("valve-0", "safety.salt") in farm.raised()
    farm.hold("valve-0")
    farm.run(5)
    assert farm.level("valve-0") == 0.0
    farm.overrides = ()
    farm.values["river/water_ec"] = 0.2
    farm.run(60)
    assert farm.level("valve-0") == 0.0
    assert farm.until(lambda r: r.level("valve-0") > 0.0, 3600) < 2000.0


def test_a_lost_salt_probe_keeps_the_last_verdict_or_closes_as_the_farm_says(rig: RigMaker) -> None:
    farm = thirsty(rig(settings=SALTY))
    farm.values["river/water_ec"] = 0.2
    farm.run(60)
    farm.quality["river/water_ec"] = int(Quality.STALE)
    farm.run(900)
    assert farm.level("valve-0") + farm.level("valve-1") > 0.0 or "irrigation.stop.given" in [
        d.code for d in farm.decisions
    ]
    assert not farm.raised()
    line = msgspec.structs.replace(SALTY.lines[0], salt_lost="close")
    farm = thirsty(rig(settings=msgspec.structs.replace(SALTY, lines=(line,))))
    farm.run(700)
    assert ("valve-0", "safety.salt") in farm.raised()
    assert farm.level("valve-0") == 0.0


def test_a_zone_learns_its_flow_and_tells_a_leak_until_somebody_looked(rig: RigMaker) -> None:
    made = farm_of([20.0], 1, rest_min_s=40.0)
    zone = msgspec.structs.replace(made.zones[0], dose_l=30.0, daily_cap_l=1e5)
    farm = thirsty(rig(settings=msgspec.structs.replace(made, zones=(zone,))))
    wobble = [0.0, 0.15, -0.1, 0.05, -0.15, 0.1]
    factor, number, was = 1.0, 0, 0.0
    farm.flows = False
    for tick in range(4200):
        if tick == 2600:
            factor = 1.12
        level = farm.level("valve-0")
        number += level < was
        was = level
        pumping = farm.level("pump") > 0.0 and farm.level("master") > 0.0
        farm.values["line/water_flow"] = (18.0 + wobble[number % 6]) * factor if pumping and level else 0.0
        farm.tick()
        if tick == 2599:
            usual, spread, n = farm.engine.learned_flow()["zone-0"]
            assert usual == pytest.approx(18.0, abs=0.1)
            assert spread < 0.1
            assert n >= 10
    assert ("zone-0", "water.flow_high") in farm.raised()
    assert math.isclose(farm.engine.learned_flow()["zone-0"][0], 18.0, abs_tol=0.5)
    farm.resets = (Reset("zone-0", "an"),)
    farm.tick()
    assert [e.subject for e in farm.events if e.kind == "hazard.cleared" and e.fields["code"] == "water.flow_high"]
    assert "zone-0" not in farm.engine.learned_flow()
