# SPDX-License-Identifier: Apache-2.0
"""One output at the gate: its own times, feedback and mains at their bounds, and who wins where several forbid."""

import math

import pytest

from controllers.kernels import codes, safety
from controllers.kernels import columns as c
from tests.controllers.safety_rig import NOW, Gate

ODD_MS = 5_000.0
REST_MS = 300_000.0


@pytest.mark.parametrize("output", ["valve-a", "pump", "master"])
def test_h1_water_that_does_not_close_for_five_seconds_latches_its_line(output: str) -> None:
    gate = Gate(output)
    assert gate.feel(1.0) == (0.0, 0.0)
    assert gate.feel(1.0, NOW + ODD_MS - 1.0) == (0.0, 0.0)
    assert gate.feel(1.0, NOW + ODD_MS) == (codes.STUCK_ON, codes.STUCK_ON)
    assert gate.feel(0.0, NOW + ODD_MS + 1.0) == (0.0, codes.STUCK_ON)  # only a person ends the latch


@pytest.mark.parametrize("output", ["fill", "doser", "fan"])
def test_what_carries_no_line_is_told_but_latches_nothing(output: str) -> None:
    gate = Gate(output)
    gate.feel(0.5)
    assert gate.feel(0.5, NOW + ODD_MS) == (codes.STUCK_ON, 0.0)


def test_h7_what_does_not_start_for_five_seconds_is_told_and_the_time_begins_with_the_order() -> None:
    gate = Gate("fan")
    gate.os[[c.S_LEVEL, c.S_SINCE]] = 1.0, NOW
    assert gate.feel(0.49, NOW - 1000.0) == (0.0, 0.0)
    assert gate.feel(0.49, NOW + ODD_MS - 1.0) == (0.0, 0.0)
    assert gate.feel(0.49, NOW + ODD_MS) == (codes.NO_RESPONSE, 0.0)
    assert gate.feel(math.nan, NOW + ODD_MS + 1.0) == (0.0, 0.0)  # a silent contact proves nothing


def test_a_vent_that_stands_between_is_not_at_odds() -> None:
    gate = Gate("vent")
    gate.feel(1.0)
    assert gate.feel(1.0, NOW + ODD_MS) == (0.0, 0.0)


def test_mains_are_away_below_their_limit_and_back_at_it_and_silence_changes_nothing() -> None:
    gate = Gate("fan")
    gate.lay.g[c.G_MAINS_MIN] = 180.0
    seen = []
    for step, volts in enumerate((180.0, 179.9, math.nan, 180.0, math.nan, 230.0)):
        safety.judge_mains(NOW + step, volts, gate.lay.g, gate.t.f)
        seen.append((float(gate.t.f[c.F_MAINS_OFF]), float(gate.t.f[c.F_MAINS_SINCE])))
    never, back = -math.inf, NOW + 3.0
    assert seen == [(0.0, never), (1.0, never), (1.0, never), (0.0, back), (0.0, back), (0.0, back)]


@pytest.mark.parametrize(("stood_ms", "code"), [(59_999.0, 0.0), (60_000.0, codes.MAX_ON)])
def test_the_longest_time_on_trips_at_its_bound(stood_ms: float, code: float) -> None:
    gate = Gate("valve-a")
    gate.op[c.O_MAX_ON_MS] = 60_000.0
    gate.os[[c.S_LEVEL, c.S_SINCE]] = 1.0, NOW - stood_ms
    assert gate.time_veto(wanted=True) == code
    assert gate.os[c.S_TRIPPED] == (code > 0.0)


@pytest.mark.parametrize(
    ("output", "rested_ms", "code"),
    [
        ("fan", REST_MS - 1.0, codes.MAX_ON),
        ("fan", REST_MS, 0.0),
        ("valve-a", 10.0 * REST_MS, codes.MAX_ON),
        ("pump", 10.0 * REST_MS, codes.MAX_ON),
        ("fill", 10.0 * REST_MS, codes.MAX_ON),
        ("fogger", 10.0 * REST_MS, codes.MAX_ON),
    ],
)
def test_a_climate_output_rests_five_minutes_after_a_trip_and_water_until_it_is_wanted_anew(
    output: str, rested_ms: float, code: float
) -> None:
    gate = Gate(output)
    gate.os[[c.S_TRIPPED, c.S_SINCE]] = 1.0, NOW - rested_ms
    assert gate.time_veto(wanted=True) == code
    assert gate.time_veto(wanted=False) == 0.0
    assert gate.time_veto(wanted=True) == 0.0


@pytest.mark.parametrize(("on_ms", "code"), [(7_199_999.0, 0.0), (7_200_000.0, codes.DAILY_ON)])
def test_the_hours_of_a_day_end_at_their_bound(on_ms: float, code: float) -> None:
    gate = Gate("fan")
    gate.op[c.O_DAY_ON_MS], gate.os[c.S_DAY_ON_MS] = 7_200_000.0, on_ms
    assert gate.time_veto(wanted=True) == code


@pytest.mark.parametrize(
    ("level", "rested_ms", "code"), [(0.0, 29_999.0, codes.MIN_OFF), (0.0, 30_000.0, 0.0), (1.0, 1.0, 0.0)]
)
def test_the_shortest_pause_holds_what_stands_still(level: float, rested_ms: float, code: float) -> None:
    gate = Gate("fan")
    gate.op[c.O_MIN_OFF_MS] = 30_000.0
    gate.os[[c.S_LEVEL, c.S_SINCE]] = level, NOW - rested_ms
    assert gate.time_veto(wanted=True) == code


@pytest.mark.parametrize(("rank", "ago_ms", "code"), [
    (0.0, 9_999.0, codes.RESTART_ORDER), (0.0, 10_000.0, 0.0),
    (2.0, 19_999.0, codes.RESTART_ORDER), (2.0, 20_000.0, 0.0),
])  # fmt: skip
def test_machines_come_back_one_after_the_other(rank: float, ago_ms: float, code: float) -> None:
    gate = Gate("fan")
    gate.lay.g[[c.G_RESTART_SETTLE, c.G_RESTART_STAGGER]] = 10_000.0, 5_000.0
    gate.op[[c.O_MAINS, c.O_RANK]], gate.t.f[c.F_MAINS_SINCE] = (1.0, rank), NOW - ago_ms
    assert gate.start_veto() == code
    gate.t.f[c.F_MAINS_OFF] = 1.0
    assert gate.start_veto() == codes.MAINS
    gate.op[c.O_MAINS] = 0.0
    assert gate.start_veto() == 0.0


def test_h22_a_siren_cries_also_in_the_hold_after_a_start() -> None:
    for output, code in (("siren", 0.0), ("fan", codes.BOOT_HOLD)):
        gate = Gate(output)
        gate.t.f[c.F_BOOT], gate.lay.g[c.G_BOOT_HOLD] = NOW, 5_000.0
        assert gate.start_veto() == code


@pytest.mark.parametrize(
    ("hazard", "column"),
    [(codes.HEAT, c.O_HEAT), (codes.FROST, c.O_FROST), (codes.BLIND, c.O_BLIND), (codes.BLIND_COLD, c.O_BLIND_COLD)],
)
def test_each_hazard_of_the_house_forces_its_own_level_and_the_storm_wins(hazard: float, column: int) -> None:
    gate = Gate("vent")
    gate.op[[c.O_HEAT, c.O_FROST, c.O_BLIND, c.O_BLIND_COLD, c.O_STORM]] = math.nan
    gate.op[column] = 0.7
    gate.t.hs[0, [c.U_HAZARD, c.U_STORM]] = hazard, codes.STORM
    assert gate.gate(0.2) == (0.7, hazard)
    gate.op[c.O_STORM] = 0.0
    assert gate.gate(0.2) == (0.0, codes.STORM)
    assert gate.gate(0.0) == (0.0, 0.0)  # what stands as it is forced to was not bound


@pytest.mark.parametrize(
    ("kind", "column", "code"), [("valve-a", c.T_STOP, codes.LEAK), ("doser", c.T_STOP, codes.LEAK),
                                 ("doser", c.T_DOSE_STOP, codes.PROBE_LOST), ("fill", c.T_FILL_STOP, codes.TANK_HIGH)]
)  # fmt: skip
def test_a_line_forbids_its_own(kind: str, column: int, code: float) -> None:
    gate = Gate(kind)
    gate.ls[[c.T_STOP, c.T_DOSE_STOP, c.T_FILL_STOP]] = 0.0
    assert gate.line_veto() == 0.0
    gate.ls[column] = code
    assert gate.line_veto() == code
    gate.op[c.O_LINE] = -1.0
    assert gate.line_veto() == 0.0


def test_h2_a_valve_that_gave_no_flow_rests_and_one_that_was_shut_does_not() -> None:
    gate = Gate("valve-a")
    gate.lay.g[c.G_FAULT_REST] = 3_600_000.0
    gate.ls[[c.T_STOP, c.T_BAD_VALVES]] = 0.0, 1.0
    assert gate.line_veto() == 0.0
    gate.os[c.S_LEVEL] = 1.0
    assert gate.line_veto() == codes.NO_FLOW
    assert gate.os[c.S_FAULT_UNTIL] == NOW + 3_600_000.0
    gate.ls[c.T_BAD_VALVES], gate.os[c.S_FAULT_UNTIL] = 0.0, NOW
    assert gate.line_veto() == 0.0


@pytest.mark.parametrize(("salt", "code"), [(2.0, 0.0), (2.1, codes.SALT), (math.nan, 0.0)])
def test_water_that_is_too_salty_for_the_crop_stays_shut(salt: float, code: float) -> None:
    gate = Gate("valve-a")
    gate.op[c.O_SALT], gate.ls[c.T_SALT], gate.ls[c.T_STOP] = 2.0, salt, 0.0
    assert gate.line_veto() == code


@pytest.mark.parametrize(("level", "proportional", "unit"), [
    (0.5, 0.0, 1.0), (0.49, 0.0, 0.0), (2.0, 0.0, 1.0), (-1.0, 0.0, 0.0),
    (0.3, 1.0, 0.3), (1.5, 1.0, 1.0), (-0.5, 1.0, 0.0),
])  # fmt: skip
def test_a_level_is_a_share_or_on_and_off(level: float, proportional: float, unit: float) -> None:
    assert safety.unit_level(level, proportional) == unit


def test_who_forbids_last_is_told_and_the_hand_at_the_plant_passes_maintenance() -> None:
    gate = Gate("valve-a")
    gate.ls[c.T_STOP] = 0.0
    assert gate.gate(1.0) == (1.0, 0.0)
    assert gate.gate(math.nan) == (0.0, codes.NOT_A_NUMBER)
    gate.os[c.S_TRIPPED] = 1.0
    assert gate.gate(1.0) == (0.0, codes.MAX_ON)
    gate.ls[c.T_STOP] = codes.LEAK
    assert gate.gate(1.0) == (0.0, codes.LEAK)
    assert gate.gate(1.0, maintained=1.0) == (0.0, codes.MAINTENANCE)
    assert gate.gate(1.0, c.ASK_LOCAL, maintained=1.0) == (0.0, codes.LEAK)
    gate.op[c.O_MAINS], gate.t.f[c.F_MAINS_OFF] = 1.0, 1.0
    assert gate.gate(1.0, maintained=1.0) == (0.0, codes.MAINS)
    assert gate.gate(1.0, stop=1.0) == (0.0, codes.STOP_ALL)
    assert gate.gate(0.0, maintained=1.0, stop=1.0) == (0.0, 0.0)  # nothing was asked, nothing forbidden


def test_the_emergency_stop_leaves_the_siren() -> None:
    assert Gate("siren").gate(1.0, stop=1.0) == (1.0, 0.0)


def test_h25_under_maintenance_an_output_takes_its_safe_level() -> None:
    gate = Gate("vent")
    gate.t.hs[0, c.U_STORM] = 0.0
    gate.op[c.O_SAFE] = 0.3
    assert gate.gate(0.8, maintained=1.0) == (0.3, codes.MAINTENANCE)
    assert gate.gate(0.3, maintained=1.0) == (0.3, 0.0)
    assert gate.gate(0.8, c.ASK_REMOTE, maintained=1.0) == (0.3, codes.MAINTENANCE)


@pytest.mark.parametrize(("level", "left_ml"), [(0.0, 0.0), (1.0, 5.0)])
def test_h5_a_plain_injectors_event_ends_when_it_stops(level: float, left_ml: float) -> None:
    gate = Gate("doser")
    gate.ls[[c.T_STOP, c.T_DOSE_STOP]] = 0.0
    gate.os[c.S_EVENT_ML] = 5.0
    gate.gate(level)
    assert gate.os[c.S_EVENT_ML] == left_ml
