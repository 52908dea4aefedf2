# SPDX-License-Identifier: Apache-2.0
"""A lost vote is told: one thermometer of three that alone says fire or frost."""

from collections.abc import Sequence

import pytest

from controllers.settings import DayPart, HouseSettings
from edge.alarms import AlarmBoard
from edge.votes import OUTVOTED, SETTLE_MS, Votes
from telemetry.records import AnyRecord, Event, Quality, Sample

NAMES = ("house/air_temperature", "house/air_temperature.2", "house/air_temperature.3")
HOUSE = HouseSettings(
    "house", 100.0, "pepper", (DayPart("day", "00:00", 18.0, 27.0, 0.5, 1.2),), air_temperature=NAMES, frost_c=2.0,
    heat_c=42.0,
)  # fmt: skip


def outvoted(values: Sequence[float], quality: int = 0, seconds: int = 60) -> list[str]:
    """Give who was outvoted after ``seconds`` of these values; the quality is that of the first."""
    log: list[AnyRecord] = []
    board = AlarmBoard(log.extend)
    votes = Votes((HOUSE,), board)
    samples = {
        name: Sample(name, 0, value, value, quality if i == 0 else 0)
        for i, (name, value) in enumerate(zip(NAMES, values, strict=False))
    }
    for now in range(0, seconds * 1000 + 1, 1000):
        votes.look(samples, now)
    return [one.subject for one in log if isinstance(one, Event) and one.fields.get("alarm") == OUTVOTED]


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ((45.0, 25.0, 26.0), [NAMES[0]]),
        ((25.0, -3.0, 26.0), [NAMES[1]]),
        ((45.0, 44.0, 26.0), []),
        ((25.0, 25.0, 26.0), []),
        ((45.0, 25.0), []),
        ((45.0,), []),
        ((45.0, 25.0, -1.0), [NAMES[0], NAMES[2]]),
    ],
)
def test_who_loses_a_vote(values: tuple[float, ...], lost: list[str]) -> None:
    assert outvoted(values) == lost


def test_a_thermometer_that_is_not_trusted_has_no_vote_to_lose() -> None:
    assert outvoted((45.0, 25.0, 26.0), int(Quality.SPIKE)) == []


def test_a_vote_lost_for_a_moment_is_not_told_and_a_told_one_ends() -> None:
    assert outvoted((45.0, 25.0, 26.0), seconds=SETTLE_MS // 1000 - 1) == []
    board = AlarmBoard(lambda _: None)
    votes = Votes((HOUSE,), board)
    hot = {name: Sample(name, 0, 45.0, 45.0 if name == NAMES[0] else 25.0) for name in NAMES}
    cool = {name: Sample(name, 0, 25.0, 25.0) for name in NAMES}
    votes.look(hot, 0)
    votes.look(hot, SETTLE_MS)
    assert board.stands(OUTVOTED, NAMES[0])
    votes.look(cool, SETTLE_MS + 1000)
    assert not board.stands(OUTVOTED, NAMES[0])
