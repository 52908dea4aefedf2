# SPDX-License-Identifier: Apache-2.0
"""Sentences take their fields in the language's own digits, and never fail a page."""

import gettext
import io

import pytest

from pages.po import Message, mo_image
from pages.words import Field, Words, words

CATALOGUE = [
    Message("", "", ["Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"]),
    Message("Soil moisture {seen:.1f} % is below {limit} %", "", ["Độ ẩm đất {seen:.1f} % thấp hơn {limit} %"]),
    Message("{what:t} is silent", "", ["{what:t} không trả lời"]),
    Message("Soil moisture", "", ["Độ ẩm đất"]),
    Message("{n} house", "{n} houses", ["{n} nhà"]),
    Message("broken {", "", ["hỏng {"]),
]


def vietnamese() -> Words:
    return Words("vi", gettext.GNUTranslations(io.BytesIO(mo_image(CATALOGUE))))


@pytest.mark.parametrize(
    ("msgid", "fields", "said"),
    [
        ("Soil moisture {seen:.1f} % is below {limit} %", {"seen": 21.34, "limit": 25.0}, "21,3 % thấp hơn 25 %"),
        ("Soil moisture {seen:.1f} % is below {limit} %", {"seen": 21.34}, "21,3 % thấp hơn — %"),
        ("{what:t} is silent", {"what": "Soil moisture"}, "Độ ẩm đất không trả lời"),
        ("never heard of {x}", {"x": 1.5}, "never heard of 1,5"),
        ("broken {", {}, "hỏng {"),
        ("{what.__class__}", {"what": "x"}, "—"),
    ],
)
def test_a_sentence_is_said_with_its_fields(msgid: str, fields: dict[str, Field], said: str) -> None:
    assert vietnamese().say(msgid, fields).endswith(said)


def test_numbers_choose_the_plural() -> None:
    assert vietnamese().count("{n} house", "{n} houses", 2) == "2 nhà"
    assert words("en").count("{n} house", "{n} houses", 1) == "1 house"
    assert words("en").count("{n} house", "{n} houses", 1200) == "1,200 houses"


def test_the_shipped_vietnamese_catalogue_loads() -> None:
    assert words("vi").text("yes") == "có"
    assert words("en").text("yes") == "yes"
