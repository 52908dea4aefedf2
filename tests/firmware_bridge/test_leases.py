# SPDX-License-Identifier: Apache-2.0
"""Wishes and the leases they are renewed with."""

from math import inf, nan

import pytest

from firmware_bridge.leases import Renewal, WishError, Wishes


def test_outputs_with_the_same_rest_share_one_call() -> None:
    wishes = Wishes()
    wishes.want(0, 10.0, 60.0, 1.0)
    wishes.want(3, 10.0, 60.0, 1.0)
    assert list(wishes.due(10.5)) == [Renewal(0b1001, 1000)]


def test_the_last_lease_ends_with_the_wish() -> None:
    wishes = Wishes()
    wishes.want(0, 10.0, 2.0, 1.0)
    assert list(wishes.due(11.75)) == [Renewal(1, 250)]
    assert list(wishes.due(12.0)) == []
    assert not wishes.wanted(0, 12.0)


def test_only_the_asked_are_renewed_and_the_others_kept() -> None:
    wishes = Wishes()
    wishes.want(0, 0.0, 10.0, 1.0)
    wishes.want(1, 0.0, 10.0, 0.5)
    assert list(wishes.due(1.0, only=0b10)) == [Renewal(0b10, 500)]
    assert wishes.wanted(0, 1.0)


@pytest.mark.parametrize("lease_s", [nan, inf, 0.0, -1.0, 3601.0])
def test_a_wish_needs_an_end(lease_s: float) -> None:
    with pytest.raises(WishError):
        Wishes().want(0, 0.0, lease_s, 1.0)


def test_what_is_dropped_is_not_renewed() -> None:
    wishes = Wishes()
    wishes.want(0, 0.0, 10.0, 1.0)
    wishes.drop(0)
    assert list(wishes.due(0.1)) == []
