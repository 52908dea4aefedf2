# SPDX-License-Identifier: Apache-2.0
"""Lanes: a silent one is left, what it held goes by another, and nothing grows without bound."""

import pytest

from telemetry.lanes import ANSWER_S, LANES, RECENT_S, TRIES_MAX, Lanes

TOPICS = [f"vuon/1/anh-ba/farm-{at}/batch" for at in range(300)]


def test_topics_are_spread_and_each_keeps_its_lane() -> None:
    lanes = Lanes()
    first = [parcel.lane for topic in TOPICS if (parcel := lanes.send(topic, b"x", 0.0))]
    again = [parcel.lane for topic in TOPICS if (parcel := lanes.send(topic, b"x", 0.1))]
    assert first == again
    assert set(first) == set(range(LANES))


def test_what_a_dead_lane_held_goes_by_another_also_what_it_had_answered_for() -> None:
    lanes = Lanes()
    sent = [parcel for topic in TOPICS if (parcel := lanes.send(topic, b"x", 0.0))]
    mine = [parcel for parcel in sent if parcel.lane == 0]
    for parcel in sent:
        if parcel.lane or parcel is mine[0]:
            lanes.answered(parcel.number, 0.1)
    again = lanes.late(ANSWER_S + 0.2)
    assert sorted(parcel.number for parcel in again) == [parcel.number for parcel in mine]
    assert not lanes.well(0)
    assert all(parcel.lane != 0 for parcel in again)
    later = [parcel for topic in TOPICS if (parcel := lanes.send(topic, b"x", 1.0))]
    assert all(parcel.lane != 0 for parcel in later)
    assert lanes.seen(0, well=True, now=2.0) == []
    assert lanes.well(0)


def test_what_was_answered_long_ago_does_not_go_again() -> None:
    lanes = Lanes(1)
    parcel = lanes.send(TOPICS[0], b"x", 0.0)
    assert parcel
    lanes.answered(parcel.number, 0.1)
    assert lanes.seen(0, well=False, now=0.2 + RECENT_S) == []


def test_with_every_lane_silent_it_tries_for_a_while_and_then_leaves_it_to_the_edge() -> None:
    lanes = Lanes()
    assert lanes.send(TOPICS[0], b"x", 0.0)
    tries = [len(lanes.late(at * (ANSWER_S + 0.1))) for at in range(1, 40)]
    assert sum(tries) == TRIES_MAX - 1
    assert (lanes.waiting(), lanes.dropped) == (0, 1)


def test_too_much_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.lanes.WAITING_MAX", 10)
    lanes = Lanes()
    assert sum(lanes.send(topic, b"x", 0.0) is not None for topic in TOPICS) == 10
    assert lanes.dropped == len(TOPICS) - 10
