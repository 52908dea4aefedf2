# SPDX-License-Identifier: Apache-2.0
"""The wanted range beside a number: what the zone's own strategy keeps, never what another strategy would."""

import pytest
from msgspec.structs import replace

from controllers.settings import Strategy
from edge.live_board import moisture_band
from tests.controllers.farm_rig import ZONE_A

ON_LOAM = replace(ZONE_A, soil="loam", crop="sweet pepper", substrate=False, start_pct=20.0, target_pct=24.0)


@pytest.mark.parametrize("strategy", ["balance", "adaptive"])
def test_a_zone_that_reckons_is_shown_what_roots_draw_without_effort(strategy: Strategy) -> None:
    """FAO-56: loam holds 31 % at capacity and 15 % at wilting, sweet pepper takes 0.3 of the difference easily."""
    assert moisture_band(replace(ON_LOAM, strategy=strategy)) == pytest.approx((31.0 - 0.3 * 16.0, 31.0))


def test_a_zone_that_goes_by_moisture_is_shown_its_own_range() -> None:
    assert moisture_band(replace(ON_LOAM, strategy="moisture")) == (20.0, 24.0)


@pytest.mark.parametrize("strategy", ["schedule", "radiation_sum", "vpd_sum"])
def test_a_zone_that_keeps_no_moisture_is_shown_no_range(strategy: Strategy) -> None:
    assert moisture_band(replace(ON_LOAM, strategy=strategy)) is None
