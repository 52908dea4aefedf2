# SPDX-License-Identifier: Apache-2.0
"""Root-zone depletion fused from the water balance and noisy, biased probes: a Kalman filter of depletion and bias.

Rule kept: a reading that is no number, or that no honest probe could give, changes nothing; so one probe stuck at field
capacity cannot talk the balance out of what the weather took.
"""

import math

import numpy as np
from numpy.typing import NDArray

from controllers.kernels.jit import njit

Array = NDArray[np.float64]

# Columns of the state: depletion [mm], its variance [mm²], probe bias [m³/m³], its variance, covariance [mm m³/m³].
MEAN_MM, VAR_MM2, BIAS, VAR_BIAS, COV = 0, 1, 2, 3, 4
STATE_COLUMNS = 5
GATE_SIGMAS = 4.0


@njit
def predict(state: Array, new_mm: float, taken_mm: float, rain_mm: float, refilled: bool) -> None:
    """Move the filter a day on: the balance says the depletion is now ``new_mm`` [mm, >= 0].

    ``taken_mm`` [mm] is the day's evapotranspiration (believed to 15 %), ``rain_mm`` [mm] the rain (20 %);
    ``refilled`` [-]: water drained below the roots, so the depletion is known whatever it was before.
    Source: Kalman (1960), doi:10.1115/1.3662552; the spreads are our own rule.
    """
    if math.isnan(new_mm):
        state[VAR_MM2] += 25.0
        return
    state[MEAN_MM] = max(new_mm, 0.0)
    if refilled:
        state[VAR_MM2] = 4.0
        state[COV] = 0.0
    else:
        state[VAR_MM2] += 0.0225 * taken_mm * taken_mm + 0.04 * rain_mm * rain_mm + 0.04


@njit
def correct(state: Array, theta: float, field_capacity: float, root_m: float, taw_mm: float, sd_theta: float) -> bool:
    """Take a probe's mean water content of the root zone ``theta`` [m³/m³]; give whether it was believed.

    ``field_capacity`` [m³/m³], ``root_m`` [m, > 0], ``taw_mm`` [mm, > 0], ``sd_theta`` [m³/m³, > 0] the probe's noise.
    A reading more than four standard deviations off, outside 0..1, or NaN is refused. Source: as ``predict``.
    """
    if not (0.0 <= theta <= 1.0 and root_m > 0.0 and sd_theta > 0.0):
        return False
    scale = 1000.0 * root_m
    # The reading is field capacity - depletion / scale + bias: two unknowns, one number.
    expected = field_capacity - state[MEAN_MM] / scale + state[BIAS]
    h_mean = -1.0 / scale
    to_mean = state[VAR_MM2] * h_mean + state[COV]
    to_bias = state[COV] * h_mean + state[VAR_BIAS]
    spread = h_mean * to_mean + to_bias + sd_theta * sd_theta
    surprise = theta - expected
    if not surprise * surprise <= GATE_SIGMAS * GATE_SIGMAS * spread:
        return False
    gain_mean, gain_bias = to_mean / spread, to_bias / spread
    state[MEAN_MM] = min(max(state[MEAN_MM] + gain_mean * surprise, 0.0), taw_mm)
    state[BIAS] += gain_bias * surprise
    state[VAR_MM2] = max(state[VAR_MM2] - gain_mean * to_mean, 0.01)
    state[VAR_BIAS] = max(state[VAR_BIAS] - gain_bias * to_bias, 1e-6)
    state[COV] -= gain_mean * to_bias
    return True


def warm_up() -> None:
    """Compile or load the entry kernels."""
    state = np.array([20.0, 25.0, 0.0, 4e-4, 0.0])
    predict(state, 22.0, 5.0, 0.0, False)
    correct(state, 0.25, 0.3, 0.6, 90.0, 0.01)
