# SPDX-License-Identifier: Apache-2.0
"""Thousands of mutated MQTT sessions at a real Mosquitto and a hub worker (a million in ``make torture-telemetry``)."""

from tests.torture.broker_mutants import GOOD_EVERY, run
from tests.torture.packet_mutants import HUB_NAME_EVERY, Sessions

COUNT = 4_000


async def test_mutated_sessions_inject_nothing_and_stop_neither_broker_nor_worker_nor_a_good_farm() -> None:
    outcome = await run(COUNT, seed=3)
    assert outcome.sessions == COUNT
    assert COUNT >= HUB_NAME_EVERY
    assert set(outcome.kinds) == {*Sessions(3).kinds(), "hub's name"}
    assert outcome.good_acknowledged == outcome.good_sent > COUNT // GOOD_EVERY
    assert outcome.left_open == 0
    assert {"topic", "tenant", "identity", "crc", "format"} <= set(outcome.refused)
    assert outcome.lines > 100
    assert outcome.broker_grown_mb < 20
    assert outcome.worker_grown_mb < 80


def test_a_seed_makes_the_same_sessions() -> None:
    one, two = Sessions(5), Sessions(5)
    assert [one.next() for _ in range(300)] == [two.next() for _ in range(300)]
