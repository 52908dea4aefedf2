# SPDX-License-Identifier: Apache-2.0
"""A power cut at any moment of an update leaves a chip that the next update repairs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.firmware.update_cuts import cut_once

CUTS = 20
SIDE_BY_SIDE = 4


@pytest.mark.slow
@pytest.mark.server("avrdude")
def test_every_cut_update_is_repaired_by_the_next(avr_programs: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        cuts = list(pool.map(lambda seed: cut_once(avr_programs, tmp_path, seed), range(CUTS)))
    assert [cut for cut in cuts if not cut.recovered] == []
    assert any(cut.application_dead for cut in cuts), "no cut hit the writing: the moments are badly chosen"
