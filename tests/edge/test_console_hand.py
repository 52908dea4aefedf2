# SPDX-License-Identifier: Apache-2.0
"""What a person did and what the schedule left out, as the console tells it: who, in words, at its time."""

from math import nan
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from edge.console.board import Shot
from edge.console.day_book import DayBook, Record
from edge.console.hand_words import countdown_words, sentence
from edge.live import OutputState
from pages.numbers import UNKNOWN, Language
from pages.words import words
from telemetry.records import Decision, Event, Input
from tests.edge.fake_farm import NOW_MS, FakeReader, FarmUnderTest, farm_under_test

HOUR_MS = 3_600_000


@pytest.fixture
def farm(tmp_path: Path) -> FarmUnderTest:
    return farm_under_test(tmp_path)


@pytest.mark.parametrize(
    ("kind", "level", "share", "person", "vi", "en"),
    [
        ("valve", 1.0, "", "lan", "Lan mở bằng tay, còn 10 phút.", "Opened by hand by lan, for another 10 min."),
        ("pump", 1.0, "", "lan", "Lan bật bằng tay, còn 10 phút.", "Switched on by hand by lan, for another 10 min."),
        ("fan", 0.0, "", "", "Ai đó giữ tắt bằng tay", "Kept off by hand by somebody"),
        ("vent", 0.4, "40 %", "lan", "Lan đặt bằng tay ở 40 %", "Set by hand to 40 % by lan"),
    ],
)
def test_an_order_names_the_person_and_what_became_of_the_output(
    kind: str, level: float, share: str, person: str, vi: str, en: str
) -> None:
    assert vi in sentence(kind, level, share, 9.99, person, words("vi"))
    assert en in sentence(kind, level, share, 9.99, person, words("en"))


def test_a_countdown_has_the_words_of_its_kind() -> None:
    assert countdown_words("valve", 1.0, "", "lan", words("en")) == "Opened by lan, closes in"
    assert countdown_words("fan", 1.0, "", "lan", words("en")) == "Switched on by lan, for another"
    assert sentence("valve", 1.0, "", nan, "lan", words("en")) == f"Opened by hand by lan, for another {UNKNOWN} min."


def test_a_card_of_a_held_output_says_no_number(farm: FarmUnderTest) -> None:
    inputs = (Input("level", 1.0), Input("override_left_min", 9.99))
    valve = OutputState(
        "valve-pepper-1", "pepper-1", "valve", 0.0, 1.0, "people.override", "override manual", inputs,
        limit="safety.stagger", override_s=590.0, person="lan",
    )  # fmt: skip
    state = msgspec.structs.replace(farm.agent.state(), outputs=(valve,))
    seen = farm.desk.farm(Shot(state, farm.mono_s[0], away=False, number=1), "vi").output("valve-pepper-1")
    assert seen is not None
    assert seen.why.text == "Lan mở bằng tay, còn 10 phút."


class ByHand(FakeReader):
    """Lan's watering an hour ago, and the one of 06:30 that was dropped at 08:00."""

    def decisions(self, place_or_output: str, from_wall_ms: int, to_wall_ms: int) -> list[Record]:
        del place_or_output, from_wall_ms, to_wall_ms
        inputs = (Input("level", 1.0), Input("override_left_min", 9.99))
        began = Decision("valve-pepper-1", "pepper-1", 0, "people.override", 1.0, "override manual", inputs)
        ended = Decision("valve-pepper-1", "pepper-1", 0, "irrigation.idle.wet_enough", 0.0, "irrigation")
        start = NOW_MS - HOUR_MS
        return [
            SimpleNamespace(wall_ms=start + 700, record=began),
            SimpleNamespace(wall_ms=start + 600_700, record=ended),
        ]

    def events(self, from_wall_ms: int, to_wall_ms: int, kind: str = "") -> list[Record]:
        fields: dict[str, str | float | int | bool] = {"code": "time.run_too_late", "late_min": 90}
        told = (
            (NOW_MS - 7_512_000, Event("schedule.dropped", "pepper-1", 0, "warning", fields=fields)),
            (NOW_MS - HOUR_MS, Event("order.hold", "valve-pepper-1", 0, person="lan", fields={"origin": "manual"})),
            (NOW_MS - HOUR_MS, Event("order.hold", "valve-pepper-2", 0, person="minh")),
            (NOW_MS - 60_000, Event("order.hold", "valve-pepper-1", 0, person="minh")),
        )
        return [
            SimpleNamespace(wall_ms=at, record=one)
            for at, one in told
            if one.kind.startswith(kind) and from_wall_ms <= at < to_wall_ms
        ]


@pytest.mark.parametrize(
    ("language", "by_hand", "left_out"),
    [
        (
            "vi",
            "Lan mở bằng tay, trong 10 phút.",
            "Bỏ qua một lần tưới theo lịch",
        ),
        (
            "en",
            "Opened by hand by lan, for 10 min.",
            "A scheduled watering was dropped: it was 90 min late.",
        ),
    ],
)
def test_todays_waterings_name_who_watered_and_tell_what_was_dropped_at_its_own_time(
    farm: FarmUnderTest, language: Language, by_hand: str, left_out: str
) -> None:
    farm.desk.book = DayBook(ByHand, farm.desk.memory)
    for _ in range(2):  # what is read again is told once
        farm.desk.book._look(NOW_MS)
    place = farm.desk.farm(Shot(farm.agent.state(), farm.mono_s[0], away=False, number=1), language).place("pepper-1")
    assert place is not None
    watered, dropped = place.waterings
    assert (watered.begin, watered.why, watered.dropped) == ("09:05", by_hand, False)
    assert (dropped.begin, dropped.dropped) == ("06:30", True)
    assert left_out in dropped.why
