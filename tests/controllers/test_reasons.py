# SPDX-License-Identifier: Apache-2.0
"""Every stored number has its words, once; what alarms says what to check; every named fact can be looked up."""

import pytest

from controllers.kernels import codes
from controllers.reasons import BY_NAME, REASONS, message_ids, name_of, reason
from tests.controllers.farm_rig import Rig

NUMBERS = {name: value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
TOLD_AS_EVENTS = {"late_min", "down_s"}


def test_every_number_has_words_and_no_number_is_used_twice() -> None:
    assert set(NUMBERS.values()) - {codes.NONE} == set(REASONS)
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert len(BY_NAME) == len(REASONS)


def test_names_are_dotted_and_what_alarms_says_what_to_check() -> None:
    for one in REASONS.values():
        assert "." in one.name
        assert one.severity in {"info", "warning", "alarm", "critical"}
        assert one.text.endswith(".")
        assert bool(one.check) == (one.severity != "info"), one.name


def test_every_fact_that_a_sentence_names_can_be_looked_up_for_any_output() -> None:
    farm = Rig()
    farm.run(3)
    fields = {name for one in REASONS.values() for name in one.fields} - TOLD_AS_EVENTS
    for output in range(len(farm.engine.outputs)):
        for name in fields:
            assert farm.engine._facts.input(name, output).name == name


def test_names_and_numbers_lead_to_each_other_and_strangers_are_named() -> None:
    assert name_of(codes.STORM) == "safety.storm"
    assert name_of(codes.NONE) == ""
    assert reason("safety.storm").number == codes.STORM
    with pytest.raises(KeyError, match=r"unknown reason 'safety\.dragon'"):
        reason("safety.dragon")
    assert len(set(message_ids())) == len(message_ids())
