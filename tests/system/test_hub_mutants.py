# SPDX-License-Identifier: Apache-2.0
"""Thousands of mutated messages at a real hub worker (a million in ``make torture-telemetry``)."""

from tests.torture.hub_mutants import run
from tests.torture.message_mutants import Mutants

COUNT = 6_000
# What the hub must have a word for, and have used it.
REASONS = {
    "topic", "tenant", "identity", "name", "length", "magic", "crc", "version", "size", "compression", "format",
    "series", "range", "future", "past", "dictionary", "bad_dictionary", "bad_profile",
}  # fmt: skip


async def test_mutated_messages_are_refused_and_counted_and_nothing_is_injected() -> None:
    outcome = await run(COUNT, seed=11)
    assert outcome.messages == COUNT
    assert set(outcome.kinds) == set(Mutants(11).kinds())
    assert set(outcome.refused) >= REASONS
    assert not outcome.slipped
    assert outcome.accepted_batches > 100
    assert outcome.grown_mb < 60


def test_a_seed_makes_the_same_messages() -> None:
    one, two = Mutants(5), Mutants(5)
    assert [one.next() for _ in range(300)] == [two.next() for _ in range(300)]
