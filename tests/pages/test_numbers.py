# SPDX-License-Identifier: Apache-2.0
"""Numbers, units and times are written as a Vietnamese grower writes them."""

from math import inf, nan

import pytest

from pages.numbers import Language, clock, countdown, day, day_start_ms, decimal, moment, plain, with_unit

NB = "\u00a0"
NOON = 1_795_323_912_000  # 2026-11-22 05:05:12 UTC, 12:05:12 in Việt Nam


@pytest.mark.parametrize(
    ("value", "decimals", "language", "written"),
    [
        (1240.5, 1, "vi", "1.240,5"),
        (1240.5, 1, "en", "1,240.5"),
        (-0.04, 1, "vi", "0,0"),
        (-3.25, 1, "vi", "\u22123,2"),
        (1234567.0, 0, "vi", "1.234.567"),
        (nan, 2, "vi", "—"),
        (inf, 0, "en", "—"),
    ],
)
def test_decimals_use_the_marks_of_the_language(value: float, decimals: int, language: Language, written: str) -> None:
    assert decimal(value, decimals, language) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (5.0, "5"),
        (0.25, "0,25"),
        (2.5, "2,5"),
        (nan, "—"),
        (1.999, "2"),
        (27.63, "27,6"),
        (615.4, "615"),
        (-12.04, "\u221212"),
    ],
)
def test_plain_writes_no_more_places_than_needed(value: float, written: str) -> None:
    assert plain(value, "vi") == written


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "language", "written"),
    [
        (27.14, "°C", 1, "vi", f"27,1{NB}°C"),
        (38.0, "L", 0, "vi", f"38{NB}lít"),
        (38.0, "L", 0, "en", f"38{NB}L"),
        (6.45, "pH", 2, "vi", "6,45"),
        (nan, "°C", 1, "vi", "—"),
    ],
)
def test_units_stand_beside_their_number(
    value: float, unit: str, decimals: int, language: Language, written: str
) -> None:
    assert with_unit(value, unit, decimals, language) == written


@pytest.mark.parametrize(
    ("seconds", "written"), [(292, "4:52"), (0.2, "0:01"), (0, "0:00"), (-5, "0:00"), (3725, "1:02:05"), (nan, "0:00")]
)
def test_a_countdown_reads_zero_only_when_it_is_over(seconds: float, written: str) -> None:
    assert countdown(seconds) == written


def test_times_are_the_farms_own() -> None:
    assert clock(NOON) == "12:05"
    assert clock(NOON, seconds=True) == "12:05:12"
    assert day(NOON) == "22/11/2026"
    assert moment(NOON) == "22/11/2026 12:05"
    assert clock(day_start_ms(NOON), seconds=True) == "00:00:00"
    assert NOON - day_start_ms(NOON) == (12 * 3600 + 5 * 60 + 12) * 1000
