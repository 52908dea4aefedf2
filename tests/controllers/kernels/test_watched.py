# SPDX-License-Identifier: Apache-2.0
"""What a simulated month sees and counts, against the same said in plain Python; NaN air is in no band."""

import math

import numpy as np
import pytest

from controllers.kernels import columns as c
from controllers.kernels import greenhouse_columns as g
from controllers.kernels import watched


def test_a_series_sees_its_column_times_its_scale_and_what_nobody_delivers_is_no_number() -> None:
    house, weather = np.arange(1.0, g.HOUSE_STATES + 1.0), np.arange(100.0, 108.0)
    zones = np.zeros((2, g.ZONE_STATES))
    zones[:] = np.arange(2 * g.ZONE_STATES).reshape(2, -1) + 1000.0
    house[g.S_AIR_C], house[g.S_VAPOUR_KG_M3] = 20.0, 0.5  # far wetter than air can be
    first = g.HOUSE_STATES + 8
    extra = first + 2 * g.ZONE_STATES
    place = [g.S_AIR_C, g.HOUSE_STATES + 7, first + g.ZONE_STATES + g.Z_LOW, extra, extra + 1, extra + 2, extra]
    scale, out = [1.0, 0.5, 100.0, 1.0, 1.0, 1.0, math.nan], np.empty(7)
    watched.see(house, weather, zones, True, np.array(place, dtype=np.float64), np.array(scale), out)
    flow = zones[0, g.Z_FLOW_L_MIN] + zones[1, g.Z_FLOW_L_MIN]
    assert out[:6].tolist() == [20.0, 53.5, 100.0 * zones[1, g.Z_LOW], 100.0, flow, 230.0]
    assert math.isnan(out[6])
    watched.see(house, weather, zones, False, np.array(place, dtype=np.float64), np.array(scale), out)
    assert out[5] == 0.0


@pytest.mark.parametrize(
    ("air_c", "vpd_kpa", "counted"),
    [
        (20.0, 0.8, [1, 1]),
        (15.0, 1.2, [1, 1]),
        (14.99, 1.21, [0, 0]),
        (math.nan, math.nan, [0, 0]),
        (25.1, 0.3, [0, 1]),
    ],
)
def test_a_step_is_counted_where_the_air_is_in_its_band(air_c: float, vpd_kpa: float, counted: list[int]) -> None:
    air, band = np.full(c.C_WIDTH, math.nan), np.full(c.B_WIDTH, math.nan)
    air[[c.C_T, c.C_VPD]] = air_c, vpd_kpa
    band[[c.B_T_LOW, c.B_T_HIGH, c.B_VPD_LOW, c.B_VPD_HIGH]] = 15.0, 25.0, 0.3, 1.2
    flux, zones, zone_flux = np.zeros(g.HOUSE_FLUXES), np.zeros((2, g.ZONE_STATES)), np.zeros((2, g.ZONE_FLUXES))
    flux[g.F_HEATER], zones[0, g.Z_TOP], zone_flux[:, g.G_DRAINED_L] = 7.0, 0.3, (1.0, 2.5)
    tally = np.zeros(watched.T_WIDTH)
    for _ in range(2):
        watched.tally(air, band, flux, zones, zone_flux, tally)
    assert tally.tolist() == [2 * counted[0], 2 * counted[1], 0.6, 14.0, 7.0]
