# SPDX-License-Identifier: Apache-2.0
"""The order of pump and valves line by line, whichever outputs they are, and what counts as a change (H4)."""

import pytest

from controllers.kernels import codes
from controllers.kernels import columns as c
from tests.controllers.safety_rig import LEAD_MS, NOW, Pipes


@pytest.mark.parametrize("line", [0, 1])
def test_h4_a_pump_starts_behind_the_valves_of_its_own_line_only(line: int) -> None:
    own, other = 4 * line, 4 * (1 - line)
    pipes = Pipes()
    pipes.stand(other + 1, own + 2)
    assert pipes.judge(line, own, other + 1, own + 2) == sorted((other + 1,))
    assert pipes.limit[own] == codes.NEEDS_VALVE
    pipes = Pipes()
    pipes.stand(own + 1, own + 2)
    assert pipes.judge(line, own, own + 1, own + 2) == [own, own + 1, own + 2]


def test_h4_a_master_valve_that_is_the_first_output_is_one() -> None:
    pipes = Pipes()
    pipes.op[[0, 2], c.O_KIND] = c.MASTER, c.PUMP
    pipes.lp[0, [c.L_PUMP, c.L_MASTER]] = 2.0, 0.0
    pipes.stand(1)
    assert pipes.judge(0, 1, 2) == [1]  # the way ends at the shut master
    assert Pipes().judge(0, 2) == []  # and a master alone leads nowhere


@pytest.mark.parametrize(("stood_ms", "runs"), [(LEAD_MS - 1.0, False), (LEAD_MS, True)])
@pytest.mark.parametrize("late", [1, 2])
def test_h4_valve_and_master_stand_open_for_the_whole_lead(late: int, stood_ms: float, runs: bool) -> None:
    pipes = Pipes()
    pipes.stand(1, 2)
    pipes.os[late, c.S_SINCE] = NOW - stood_ms
    assert (0 in pipes.judge(0, 0, 1, 2)) is runs


def test_h4_a_master_that_is_shut_for_long_does_not_stand_open() -> None:
    pipes = Pipes()
    pipes.stand(1)
    assert 0 not in pipes.judge(0, 0, 1, 2)


@pytest.mark.parametrize("line", [0, 1])
def test_h4_only_the_line_whose_pump_stops_holds_its_way_open(line: int) -> None:
    own = 4 * line
    pipes = Pipes()
    pipes.stand(1, 2, 5, 6)
    pipes.ls[:, c.T_PUMP] = 1.0
    assert pipes.judge(line) == [own + 1, own + 2]
    assert pipes.limit[own + 1] == codes.HELD_FOR_PUMP


@pytest.mark.parametrize("line", [0, 1])
def test_h5_only_the_line_without_water_shuts_its_injector(line: int) -> None:
    pipes = Pipes()
    assert pipes.judge(line, 3, 7) == [7 if line == 0 else 3]


def test_h2_the_way_of_each_line_is_its_own() -> None:
    pipes = Pipes()
    pipes.commit(0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert pipes.ls[:, c.T_EXPECTED].tolist() == [20.0, 20.0]
    pipes.commit(0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    assert pipes.ls[:, c.T_EXPECTED].tolist() == [20.0, 0.0]


@pytest.mark.parametrize(
    ("before", "after", "flows", "changed"),
    [
        ((1.0, 0.0), (1.0, 0.0), (20.0, 20.0), False),
        ((1.0, 0.0), (0.0, 1.0), (20.0, 20.0), True),
        ((1.0, 0.0), (0.5, 0.0), (20.0, 20.0), True),
        ((1.0, 0.0), (0.0, 0.0), (0.0, 20.0), True),
        ((0.0, 0.0), (1.0, 0.0), (0.0, 20.0), True),
    ],
    ids=["the same valve", "another of the same flow", "half open", "one of no rated flow shuts", "or opens"],
)
def test_h2_what_counts_as_a_change_of_the_way(
    before: tuple[float, float], after: tuple[float, float], flows: tuple[float, float], changed: bool
) -> None:
    pipes = Pipes()
    pipes.op[[1, 2], c.O_KIND] = c.VALVE
    pipes.op[[1, 2], c.O_FLOW_L_MIN] = flows
    pipes.commit(0.0, *before)
    pipes.ls[0, [c.T_CHANGED, c.T_FLOW_SEEN]] = 0.0, 1.0
    pipes.commit(0.0, *after)
    assert pipes.ls[0, c.T_CHANGED] == (NOW if changed else 0.0)
    assert pipes.ls[0, c.T_FLOW_SEEN] == (0.0 if changed else 1.0)


def test_h3_a_pump_that_is_the_first_output_is_remembered_as_running() -> None:
    pipes = Pipes()
    pipes.commit(1.0, 1.0)
    assert pipes.ls[:, c.T_PUMP].tolist() == [1.0, 0.0]
    assert pipes.ls[0, c.T_PUMP_SINCE] == NOW
