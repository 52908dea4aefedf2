# SPDX-License-Identifier: Apache-2.0
"""Whatever the field sends: each parser raises only what it promises, and no buffer grows beyond its limit.

Two searches: one breeds what reaches new lines of the parser (``make torture-bus`` runs it long), one is hypothesis.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench._fuzz import Fuzzer
from bench._fuzz_bus import TARGETS, Target

RUNS = 250
BY_NAME = pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])


@BY_NAME
def test_inputs_bred_for_coverage_break_no_rule(target: Target) -> None:
    found = Fuzzer(target.call, target.watched, target.seeds, target.words, seed=7).run(RUNS)
    assert found.crashes == []
    assert found.edges >= 20, "the search reaches the parser"


@BY_NAME
@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=600))
def test_any_bytes_break_no_rule(target: Target, data: bytes) -> None:
    target.call(data)


def planted(data: bytes) -> None:
    """A parser with a mistake behind four right bytes in a row."""
    for at, wanted in enumerate(b"VUON"):
        if data[at : at + 1] != bytes((wanted,)):
            return
        if at == 0:
            continue
        if at == 1:
            continue
        if at == 2:
            continue
        raise KeyError("planted")


def test_the_search_finds_a_mistake_that_chance_does_not() -> None:
    found = Fuzzer(planted, (__file__.rpartition("/")[2],), (b"",), (b"V", b"U", b"O", b"N"), seed=1).run(30_000)
    assert [finding.said for finding in found.crashes[:1]] == ["KeyError: 'planted'"]
