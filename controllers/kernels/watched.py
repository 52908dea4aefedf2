# SPDX-License-Identifier: Apache-2.0
"""What is seen of a model house at a moment, and what is counted of its life: two passes of a simulated month.

Rule kept: it reads the model and writes only into the caller's own arrays; columns are those of
``greenhouse_columns`` and ``columns``.
"""

import math

import numpy as np

from controllers.kernels import columns as c
from controllers.kernels import greenhouse_columns as g
from controllers.kernels.jit import njit
from controllers.kernels.psychrometrics import relative_humidity_pct
from controllers.kernels.weather import Array

# after house, weather and zones, what is put together
EXTRA_HUMIDITY, EXTRA_FLOW, EXTRA_VOLTAGE = range(3)
# what is counted
T_AIR_IN_BAND, T_VPD_IN_BAND, T_MOISTURE, T_HEAT_J, T_DRAINED_L, T_WIDTH = range(6)
MAINS_V = 230.0


@njit
def see(house: Array, weather: Array, zones: Array, mains: bool, place: Array, scale: Array, out: Array) -> None:
    """Write what each series' instrument would tell [n, in the series' unit].

    ``house`` (c.HOUSE_STATES,), ``weather`` (8,) and ``zones`` (m, c.ZONE_STATES) lie side by side in the order given,
    then the EXTRA_*; ``place`` (n,) is where a series stands in that row, ``scale`` (n,) what it is multiplied by (NaN:
    nothing delivers it). Source: docs/greenhouse-model.md.
    """
    seen, width = house.shape[0], zones.shape[1]
    zoned = seen + weather.shape[0]
    extra = zoned + zones.shape[0] * width
    flow_l_min = 0.0
    for zone in range(zones.shape[0]):
        flow_l_min += zones[zone, g.Z_FLOW_L_MIN]
    humidity_pct = min(relative_humidity_pct(house[g.S_VAPOUR_KG_M3], house[g.S_AIR_C]), 100.0)
    for i in range(out.shape[0]):
        at = int(place[i])
        if at < seen:
            value = house[at]
        elif at < zoned:
            value = weather[at - seen]
        elif at < extra:
            value = zones[(at - zoned) // width, (at - zoned) % width]
        elif at == extra + EXTRA_HUMIDITY:
            value = humidity_pct
        elif at == extra + EXTRA_FLOW:
            value = flow_l_min
        else:
            value = MAINS_V if mains else 0.0
        out[i] = value * scale[i]


@njit
def _within(value: float, low: float, high: float) -> float:
    return 1.0 if low <= value <= high else 0.0


@njit
def tally(air: Array, band: Array, flux: Array, zones: Array, zone_flux: Array, out: Array) -> None:
    """Add one step of a house to the counts ``out`` (T_WIDTH,).

    ``air`` (columns C_*) is the climate that the engine believes, ``band`` (B_*) what is wanted, ``flux``
    (c.HOUSE_FLUXES,) and ``zone_flux`` (m, c.ZONE_FLUXES) what moved in the step, ``zones`` the zones' state. Moisture
    is the first zone's top layer [m3/m3]; NaN air is in no band. Source: docs/greenhouse-model.md.
    """
    out[T_AIR_IN_BAND] += _within(air[c.C_T], band[c.B_T_LOW], band[c.B_T_HIGH])
    out[T_VPD_IN_BAND] += _within(air[c.C_VPD], band[c.B_VPD_LOW], band[c.B_VPD_HIGH])
    out[T_MOISTURE] += zones[0, g.Z_TOP]
    out[T_HEAT_J] += flux[g.F_HEATER]
    for zone in range(zone_flux.shape[0]):
        out[T_DRAINED_L] += zone_flux[zone, g.G_DRAINED_L]


def warm_up() -> None:
    """Compile or load both for a house with one zone."""
    house, zones, weather = np.ones(g.HOUSE_STATES), np.ones((1, g.ZONE_STATES)), np.ones(8)
    see(house, weather, zones, True, np.zeros(1), np.ones(1), np.full(1, math.nan))
    flux, zone_flux = np.zeros(g.HOUSE_FLUXES), np.zeros((1, g.ZONE_FLUXES))
    tally(np.ones(c.C_WIDTH), np.ones(c.B_WIDTH), flux, zones, zone_flux, np.zeros(T_WIDTH))
