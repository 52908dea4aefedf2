# SPDX-License-Identifier: Apache-2.0
"""Columns of the look-ahead's crop, its soil, its state and its weather: where each number lies in its row.

Rule kept: names only, no behaviour. Phases are told by the crop's clock (days or degree-days, as its file says); what
ends in ``_D`` is in days. p are shares of the available water; fluxes are mm a day.
"""

# A crop and its soil, one row.
(
    EMERGENCE, CANOPY10, FULL_CANOPY, CANOPY_END, SENESCENCE, MATURITY, ROOT_FULL,
    MATURITY_D, FULL_CANOPY_D, CANOPY_END_D, HI_START_D, HI_SPAN_D, FLOWERING_D,
    CGC, CDC, CC0, CCX, ZR_MIN_M, ZR_MAX_M, ZR_SHAPE, KCB, FADE_PER_D,
    P_GROW_UP, P_GROW_LOW, F_GROW, P_CLOSE_UP, P_CLOSE_LOW, F_CLOSE, P_AGE_UP, P_AGE_LOW, F_AGE, P_POL_UP, P_POL_LOW,
    AGE_SOONER, SINK_TOP, SINK_BOTTOM, PRODUCT_G_M2, PRODUCT_LATE, HI0, HI_GROWTH, HI_SWITCH_D, HI_LINEAR,
    HI_EARLY_PCT, A_HI, B_HI, HI_MORE, POLLEN_EXCESS, KIND, DETERMINATE, SOWN, REW_MM, CN, AIR,
) = range(53)  # fmt: skip
COMPARTMENTS = 12
DZ_M = 53  # thickness of each compartment, and so on: blocks of COMPARTMENTS columns
FC, WILT, SATURATED, TAU, KSAT_MM = (DZ_M + COMPARTMENTS * i for i in range(1, 6))
CROP_COLUMNS = DZ_M + 6 * COMPARTMENTS
LEAFY, ROOT_CROP, FRUIT = 1.0, 2.0, 3.0

# A field's state, one row.
(
    DAY, TOTAL, CLOCK, LATE_D, GERMINATED, DEAD, ZR_M, ROOT_DENSITY, TR_RATIO,
    CC, CC0_NOW, CCX_NOW, CCX_HELD, CCX_EARLY, EARLY, GUARDED, CC_FREE, BIOMASS, BIOMASS_FREE,
    HI, HI_LIMIT, HI_REF, F_EARLY, F_POLLEN, SUM_GROW, SUM_CLOSE, F_GROWN, F_CLOSED, EARLY_SET,
    SKIN_MM, LAYER_M, SECOND, DR_MM, TAW_MM, ET_MM, DRAINED_MM, RUNOFF_MM, AIRLESS_D,
) = range(38)  # fmt: skip
THETA = 38
LAYER_AIRLESS_D = THETA + COMPARTMENTS
STATE_COLUMNS = LAYER_AIRLESS_D + COMPARTMENTS

# A day of weather: ETo and rain [mm], steps of the crop's clock [d or °C d], warmth and pollination [0..1].
ET0, RAIN, STEP, WARMTH, SETTING = range(5)
WEATHER_COLUMNS = 5
