# SPDX-License-Identifier: Apache-2.0
"""The log on a real file system whose power is cut, that is full, or that flips bits."""

import pytest

from tests.support import loopdisk
from tests.torture.log_power import bit_flips, full_disks, power_cuts

needs_loop = pytest.mark.skipif(not loopdisk.possible(), reason="needs root and a loop device: sudo make test")


@needs_loop
def test_what_was_accepted_before_a_power_cut_is_there_after_it() -> None:
    accepted, lost = power_cuts(4, seed=1)
    assert accepted > 100
    assert lost == 0


@needs_loop
def test_a_full_disk_delays_and_never_loses() -> None:
    accepted, lost = full_disks(2, seed=1)
    assert accepted > 2
    assert lost == 0


def test_every_flipped_bit_of_a_batch_is_found_and_none_is_served() -> None:
    assert bit_flips(60, seed=1) == (60, 0)
