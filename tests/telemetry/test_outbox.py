# SPDX-License-Identifier: Apache-2.0
"""The outbox: newest first, nothing twice while it may still be answered, nothing forgotten; ranges as a set would."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.notes import Spans
from telemetry.outbox import ANSWER_S, ANSWER_WELL_S, WINDOW_BYTES, WINDOW_LEAST, WINDOW_MOST, Boot, Outbox
from telemetry.ranges import RangeSet

STEP = st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 9))


@given(st.lists(STEP, max_size=30))
def test_a_range_set_is_a_set(steps: list[tuple[bool, int, int]]) -> None:
    ranges, plain = RangeSet(), set[int]()
    for adding, low, length in steps:
        numbers = set(range(low, low + length + 1))
        (ranges.add if adding else ranges.remove)(low, low + length)
        plain = plain | numbers if adding else plain - numbers
    assert {number for low, high in ranges for number in range(low, high + 1)} == plain
    assert all(number in ranges for number in plain)
    gaps = {number for low, high in ranges.missing_below(50, 1) for number in range(low, high + 1)}
    assert gaps == set(range(1, 51)) - plain
    bounds = list(ranges)
    assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(bounds))


def outbox() -> Outbox:
    """Two boots: rows 1 to 10 are boot 1, rows 11 to 15 boot 2."""
    return Outbox([Boot(1, 7, 1, 1, 10), Boot(2, 8, 11, 1, 5)], [])


def test_the_newest_goes_first_and_nothing_goes_twice_while_it_may_be_answered() -> None:
    box = outbox()
    assert box.next_rows(0.0, 3) == [15, 14, 13]
    for row in (15, 14, 13):
        box.sent(row, 100, 0.0)
    assert box.next_rows(0.0, 100) == list(range(12, 0, -1))
    assert box.unanswered(ANSWER_S - 0.1) is False
    assert box.unanswered(ANSWER_S) is True
    assert box.next_rows(ANSWER_S, 3) == [15, 14, 13]


def test_a_hub_that_paused_once_is_given_twice_the_time_not_a_minute() -> None:
    box = Outbox([Boot(1, 7, 1, 1, 15)], [])
    for at, row in enumerate((15, 14, 13, 12)):
        box.sent(row, 100, at * 0.02)
    for at in range(4):
        assert box.unanswered(ANSWER_S + at * 0.02) is True
    again_s = ANSWER_S + 0.1
    box.sent(15, 100, again_s)
    assert 15 not in box.next_rows(again_s + 2 * ANSWER_S - 0.1, 9)
    assert box.unanswered(again_s + 2 * ANSWER_S + 0.1) is True
    assert 15 in box.next_rows(again_s + 2 * ANSWER_S + 0.1, 9)


def test_acknowledged_ranges_of_several_boots_are_never_sent_again() -> None:
    box = outbox()
    box.sent(15, 100, 1.0)
    assert box.answered([Spans(2, 8, [(1, 5)]), Spans(1, 7, [(2, 9)])], 1.5) == [0.5]
    assert box.next_rows(2.0, 100) == [10, 1]
    assert box.acknowledged_below() == 0
    assert box.pending() == 2
    box.answered([Spans(1, 7, [(1, 1)])], 2.0)
    assert box.acknowledged_below() == 9


def test_what_is_acknowledged_comes_back_from_what_was_stored() -> None:
    box = outbox()
    box.answered([Spans(1, 7, [(1, 4), (7, 10)]), Spans(2, 8, [(1, 2)])], 0.0)
    stored = box.to_store()
    assert stored is not None
    assert box.to_store() is None
    again = Outbox([Boot(1, 7, 1, 1, 10), Boot(2, 8, 11, 1, 5)], stored)
    assert again.next_rows(0.0, 100) == [15, 14, 13, 6, 5]


def test_the_window_is_a_bound_and_an_answer_opens_it() -> None:
    box = outbox()
    box.sent(15, WINDOW_BYTES, 0.0)
    assert box.next_rows(0.0, 100) == []
    box.answered([Spans(2, 8, [(5, 5)])], 0.1)
    assert box.next_rows(0.1, 1) == [14]


@pytest.mark.parametrize(
    ("answer_s", "bound"), [(ANSWER_WELL_S + 0.1, WINDOW_LEAST), (ANSWER_WELL_S - 0.1, WINDOW_MOST)]
)
def test_a_slow_hub_is_sent_less_ahead_and_a_quick_one_more_within_bounds(answer_s: float, bound: int) -> None:
    rows = 2_000
    box = Outbox([Boot(1, 7, 1, 1, rows)], [])
    now, row, step, ahead = 0.0, rows, 16_384, 0
    for _ in range(14):
        first, ahead = row, 0
        while box.next_rows(now, 1) == [row]:
            box.sent(row, step, now)
            row, ahead = row - 1, ahead + step
        now += answer_s
        box.answered([Spans(1, 7, [(row + 1, first)])], now)
    assert bound <= ahead < bound + step


def test_a_quick_hub_that_had_little_to_answer_is_not_sent_more_ahead() -> None:
    box = Outbox([Boot(1, 7, 1, 1, 100)], [])
    for row in range(100, 50, -1):
        box.sent(row, 100, 0.0)
        box.answered([Spans(1, 7, [(row, row)])], 0.1)
    box.sent(50, WINDOW_BYTES, 1.0)
    assert box.next_rows(1.0, 1) == []


@pytest.mark.parametrize("spans", [Spans(9, 9, [(1, 10)]), Spans(1, 8, [(1, 10)]), Spans(2, 8, [(6, 900)])])
def test_a_hub_that_names_other_boots_or_numbers_is_not_believed(spans: Spans) -> None:
    box = outbox()
    box.answered([spans], 0.0)
    assert box.pending() == 15


def test_what_the_store_lost_is_sent_at_once_and_what_the_hub_holds_is_not() -> None:
    box = outbox()
    box.answered([Spans(1, 7, [(1, 10)]), Spans(2, 8, [(1, 5)])], 0.0)
    box.asked([Spans(1, 7, [(3, 4)])])
    assert box.next_rows(0.0, 100) == [4, 3]
    box.sent(4, 100, 0.0)
    box.asked([Spans(1, 7, [(4, 4)])])
    assert box.next_rows(0.0, 100) == [4, 3]
    box.held([Spans(1, 7, [(3, 4)])], 60.0)
    assert box.next_rows(59.0, 100) == []
    box.unanswered(60.0)
    assert box.next_rows(60.0, 100) == [4, 3]


def test_a_lost_link_frees_everything_that_was_on_its_way() -> None:
    box = outbox()
    for row in range(15, 0, -1):
        box.sent(row, 100, 0.0)
    assert box.next_rows(1.0, 100) == []
    box.link_lost()
    assert box.next_rows(1.0, 2) == [15, 14]
