# SPDX-License-Identifier: Apache-2.0
"""Bad input at the two doors of a farm: its settings, and orders. ``make torture-safety`` tries the full counts."""

import msgspec
import pytest

from edge.config import parse
from tests.support.board_farm import board_farm
from tests.torture.farm_mutants import DAMAGES, try_files, unsafe
from tests.torture.hostile_orders import ATTACKS, try_sequences


def test_of_many_damaged_farm_files_none_unsafe_is_accepted_and_each_refusal_names_a_field() -> None:
    verdict = try_files(400, seed=20)
    assert set(verdict.kinds) == set(DAMAGES)
    assert verdict.unsafe == []
    assert verdict.unnamed == []
    assert verdict.refused > 200
    assert verdict.accepted > 10


def test_hostile_sequences_of_orders_have_no_effect() -> None:
    verdict = try_sequences(600, seed=20)
    assert set(verdict.attacks) == set(ATTACKS)
    assert verdict.effects == []
    assert verdict.heard > 300


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("outputs", {"max_on_s": 0.0}, "may be on for"),
        ("outputs", {"safe_level": 1.0}, "rests at"),
        ("outputs", {"lease_s": float("nan")}, "lease_s is nan"),
        ("zones", {"run_max_s": 36_000.0}, "runs 36000.0"),
        ("zones", {"valve": "pepper-1-pump"}, "no valve of its own"),
        ("zones", {"dose_l": 1e9}, "dose 1000000000.0"),
    ],
)
def test_the_judge_of_the_files_knows_harm_when_it_sees_it(part: str, change: dict[str, object], word: str) -> None:
    config = parse(board_farm())
    assert unsafe(config) == []
    rows = getattr(config.control, part)
    control = msgspec.structs.replace(config.control, **{part: (msgspec.structs.replace(rows[0], **change), *rows[1:])})
    assert any(word in one for one in unsafe(msgspec.structs.replace(config, control=control)))
