# SPDX-License-Identifier: Apache-2.0
"""Nothing of the safety core changes unseen: worlds in which every limit is met exactly go as they are on record.

Whether the core is right is judged by the other ``test_hazards_*``; this one notices that a comparison, a constant or
an order is no longer what it was. A change that is meant is written down: ``tests.controllers.safety_world --write``.
"""

import pytest

from tests.controllers.safety_world import GOLDEN, SEEDS, chunks


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_world_of_exact_limits_goes_as_it_is_on_record(seed: int) -> None:
    kept = [line for line in GOLDEN.read_text(encoding="ascii").splitlines() if line.startswith(f"{seed} ")]
    for now, before in zip(chunks(seed), kept, strict=True):
        assert now == before, "the safety core behaves otherwise than on record up to this tick"
