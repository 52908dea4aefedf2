# SPDX-License-Identifier: Apache-2.0
"""What the gate counts and remembers: doses of an hour and a day, a day's water and hours, switching times, resets."""

import math

import numpy as np
import pytest

from controllers.kernels import codes, safety
from controllers.kernels import columns as c
from controllers.layout import lay_out
from controllers.safety import Safety
from controllers.state import fresh
from controllers.ticks import Reset
from tests.controllers.farm_rig import FARM
from tests.controllers.safety_rig import NOW, Gate, Pipes
from tests.controllers.safety_world import Facts


def hour(gate: Gate, now: float, ml: float = 0.0) -> float:
    """Dose so much at this moment; give the sum of the hour's ring."""
    column = safety.ring_turn(gate.t.ds, gate.o, c.D_HOUR, c.HOUR_BINS, c.HOUR_BIN_MS, now)
    gate.t.ds[gate.o, column] += ml
    return safety.ring_sum(gate.t.ds, gate.o, c.D_HOUR, c.HOUR_BINS)


def test_h5_a_dose_counts_for_an_hour_and_at_most_five_minutes_more() -> None:
    gate, minute = Gate("doser"), 60_000.0
    gate.t.ds[gate.o, c.D_DAY + 5] = 7.0  # the day's ring is another
    assert hour(gate, 600.0 * minute, 5.0) == 5.0
    assert hour(gate, 604.0 * minute, 2.0) == 7.0
    assert hour(gate, 607.0 * minute, 1.0) == 8.0
    assert hour(gate, 664.0 * minute) == 8.0
    assert hour(gate, 603.0 * minute) == 8.0  # a clock that went back forgets nothing
    assert hour(gate, 665.0 * minute) == 1.0
    assert hour(gate, 670.0 * minute) == 0.0
    assert hour(gate, 671.0 * minute, 4.0) == 4.0
    assert hour(gate, 9_000.0 * minute) == 0.0
    assert gate.t.ds[gate.o, c.D_DAY + 5] == 7.0


@pytest.mark.parametrize(("day", "reset_ms"), [(7.0, NOW - 90.0 * 60_000.0), (math.nan, NOW)])
def test_h12_the_first_day_began_at_its_own_midnight_where_the_date_is_known(day: float, reset_ms: float) -> None:
    gate = Gate("valve-a")
    gate.t.f[[c.F_DAY, c.F_DAY_RESET]] = -1.0, -math.inf
    gate.t.os[:, [c.S_DAY_ON_MS, c.S_DAY_L]] = 5.0
    safety.new_day(NOW, day, 90.0, gate.t.f, gate.t.os)
    assert gate.t.f[c.F_DAY_RESET] == reset_ms
    assert gate.t.f[c.F_DAY] == (-1.0 if math.isnan(day) else day)
    assert not gate.t.os[:, [c.S_DAY_ON_MS, c.S_DAY_L]].any()


def test_h12_a_later_day_begins_when_it_is_noticed() -> None:
    gate = Gate("valve-a")
    gate.t.f[[c.F_DAY, c.F_DAY_RESET]] = 7.0, NOW - 24.0 * 3_600_000.0
    safety.new_day(NOW, 8.0, 90.0, gate.t.f, gate.t.os)
    assert gate.t.f[[c.F_DAY, c.F_DAY_RESET]].tolist() == [8.0, NOW]


def run(gate: Gate, now: float) -> None:
    """Judge a whole tick in which nobody asks for anything."""
    lay, t, n = gate.lay, gate.t, len(gate.lay.outputs)
    hx, quiet = np.full((1, c.Y_WIDTH), math.nan), np.zeros(n)
    safety.run(
        now, math.nan, 0.0, math.nan, 0.0, lay.g, t.f, lay.op, t.os, t.ds, lay.lp, t.ls, gate.lx, lay.hp, t.hs, hx,
        lay.first, lay.members, quiet, quiet, quiet, np.full(n, math.nan), np.zeros(n), np.zeros(n),
    )  # fmt: skip


@pytest.mark.parametrize(("pause_ms", "counted_ms"), [(599_999.0, 599_999.0), (7_200_000.0, 600_000.0)])
def test_a_pause_of_the_agent_counts_for_no_more_than_ten_minutes(pause_ms: float, counted_ms: float) -> None:
    gate = Gate("fan")
    gate.t.f[c.F_LAST], gate.os[c.S_LEVEL] = NOW, 1.0
    run(gate, NOW + pause_ms)
    assert gate.os[c.S_DAY_ON_MS] == counted_ms
    gate.os[c.S_LEVEL] = 1.0
    run(gate, NOW + pause_ms + 1000.0)
    assert gate.os[c.S_DAY_ON_MS] == counted_ms + 1000.0


def test_what_is_off_collects_no_time() -> None:
    gate = Gate("fan")
    gate.account(1000.0)
    assert gate.os[c.S_DAY_ON_MS] == 0.0


def test_h1_feedback_that_agreed_for_a_moment_begins_the_five_seconds_anew() -> None:
    gate = Gate("valve-a")
    gate.feel(1.0)
    gate.feel(0.0, NOW + 4_000.0)
    gate.feel(1.0, NOW + 4_500.0)
    assert gate.feel(1.0, NOW + 9_499.0) == (0.0, 0.0)
    assert gate.feel(1.0, NOW + 9_500.0) == (codes.STUCK_ON, codes.STUCK_ON)


@pytest.mark.parametrize(("level", "tripped"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_trip_ends_with_the_wish_at_rest_but_not_while_it_is_wanted(level: float, tripped: float) -> None:
    gate = Gate("valve-a")
    gate.ls[c.T_STOP] = 0.0
    gate.os[c.S_TRIPPED] = 1.0
    gate.gate(level)
    assert gate.os[c.S_TRIPPED] == tripped


def test_h4_nothing_is_told_of_what_nobody_asked_for() -> None:
    pipes = Pipes()
    pipes.ls[0, c.T_PUMP] = 1.0
    pipes.stand(1)
    assert pipes.judge(0) == [1]
    assert pipes.limit[:4].tolist() == [0.0, codes.HELD_FOR_PUMP, 0.0, 0.0]


@pytest.mark.parametrize("shut", [1, 2])
def test_h4_what_is_shut_since_ever_does_not_stand_open(shut: int) -> None:
    pipes = Pipes()
    pipes.stand(3 - shut)
    assert 0 not in pipes.judge(0, 0, 1, 2)


@pytest.mark.parametrize(("ago_ms", "held"), [(2_999.0, [1, 2]), (3_000.0, [])])
def test_h4_the_way_stays_open_for_the_whole_lag(ago_ms: float, held: list[int]) -> None:
    pipes = Pipes()
    pipes.stand(1, 2)
    pipes.ls[0, c.T_PUMP_SINCE] = NOW - ago_ms
    assert pipes.judge(0) == held


@pytest.mark.parametrize(
    ("before", "after", "since"), [(0.0, 0.5, NOW), (0.5, 0.4, 7.0), (0.4, 0.0, NOW), (0.0, 0.0, 7.0)]
)
def test_an_output_is_on_or_off_since_it_changed_over_not_since_its_level_did(
    before: float, after: float, since: float
) -> None:
    pipes = Pipes()
    pipes.os[3, [c.S_LEVEL, c.S_SINCE]] = before, 7.0
    pipes.commit(0.0, 0.0, 0.0, after)
    assert pipes.os[3, [c.S_LEVEL, c.S_SINCE]].tolist() == [after, since]


def test_h3_a_new_run_of_the_pump_has_seen_no_flow_yet() -> None:
    pipes = Pipes()
    pipes.ls[0, c.T_FLOW_SEEN] = 1.0
    pipes.commit(1.0)
    assert pipes.ls[0, c.T_FLOW_SEEN] == 0.0


def test_a_reset_of_a_line_forgives_everything_that_latches() -> None:
    lay = lay_out(FARM)
    tables = fresh(lay, 0)
    latches = [
        c.T_LATCH, c.T_DOSE_LATCH, c.T_FILL_LATCH, c.T_DRY_N, c.T_NO_FLOW_N, c.T_LEAK_N, c.T_OVER_N, c.T_DOSE_N,
    ]  # fmt: skip
    tables.ls[0, [*latches, c.T_DRY_UNTIL]] = 3.0
    event = Safety(lay, tables, lay.outputs).reset(Reset("line", "an"), 1000)
    assert event is not None
    assert (event.kind, event.subject, event.person, event.severity) == ("safety.reset", "line", "an", "info")
    assert not tables.ls[0, latches].any()
    assert tables.ls[0, c.T_DRY_UNTIL] == -math.inf


def test_a_reset_of_an_output_forgives_its_trip_and_its_fault() -> None:
    lay = lay_out(FARM)
    tables = fresh(lay, 0)
    tables.os[:, [c.S_TRIPPED, c.S_FAULT_UNTIL]] = 1.0
    assert Safety(lay, tables, lay.outputs).reset(Reset("valve-b", "an"), 1000) is not None
    o = lay.outputs.index("valve-b")
    assert tables.os[o, [c.S_TRIPPED, c.S_FAULT_UNTIL]].tolist() == [0.0, -math.inf]
    assert tables.os[o - 1, c.S_TRIPPED] == 1.0


def test_a_hazard_is_told_when_it_begins_and_when_it_ends_with_its_valves() -> None:
    lay = lay_out(FARM)
    tables = fresh(lay, 0)
    safety_ = Safety(lay, tables, ("Valve A", "Valve B", *lay.outputs[2:]))
    tables.os[:, c.S_LEVEL], tables.os[:, c.S_SINCE] = 0.0, 0.0
    tables.os[0, c.S_SINCE] = 1000.0
    safety_.hazards[2] = codes.NO_FLOW_STOP
    (raised,) = safety_.events(1000, Facts())  # type: ignore[arg-type]
    assert (raised.kind, raised.subject, raised.severity) == ("hazard.raised", "line", "critical")
    assert raised.fields["code"] == "safety.no_flow_stop"
    assert raised.fields["valves"] == "Valve A"
    assert safety_.events(2000, Facts()) == []  # type: ignore[arg-type]
    tables.os[1, c.S_LEVEL] = 0.5
    safety_.hazards[2] = codes.LEAK
    ended, began = safety_.events(3000, Facts())  # type: ignore[arg-type]
    assert (ended.kind, ended.severity, ended.fields["code"]) == ("hazard.cleared", "info", "safety.no_flow_stop")
    assert (began.kind, began.fields["code"]) == ("hazard.raised", "safety.leak")
    assert "valves" not in began.fields
    assert "valves" not in ended.fields
