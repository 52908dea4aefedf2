# SPDX-License-Identifier: Apache-2.0
"""The columns of the tables of hydraulics and fertigation: one row per zone, line, output or recipe.

The rule it keeps: as ``controllers.kernels.columns``. Parameters never change while an engine lives; a state table is
the whole memory of its kernel. Times [ms] monotonic, NaN or infinite where something is not set.
"""

from typing import Final

# zone parameters
P_FLOW: Final = 0  # L/min, rated
P_ROOM: Final = 1  # most L/min of all open zones at which this zone still has its pressure
P_CYCLE: Final = 2  # longest opening at a time [ms], 0: not limited
P_SOAK: Final = 3  # pause between two openings [ms]
P_WAIT: Final = 4  # may wait so long for cheap power [ms]
P_RECIPE: Final = 5  # row of its recipe, -1: plain water
P_VALVE: Final = 6
P_LINE: Final = 7
P_SALT: Final = 8  # the most salt of the intake [mS/cm], inf: not limited
P_WIDTH: Final = 9

# zone state
Z_ASKED_L: Final = 0  # litres wanted and not yet begun
Z_ASKED_SINCE: Final = 1  # inf: nothing is asked for
Z_HOLD: Final = 2  # not before this time (written by the sequencer; NaN: not planned yet)
Z_SOAK_UNTIL: Final = 3
Z_N: Final = 4  # learned flow: observations, mean [L/min], sum of squares about it
Z_MEAN: Final = 5
Z_M2: Final = 6
Z_UP: Final = 7  # cumulative sums of what is above and below the usual
Z_DOWN: Final = 8
Z_VERDICT: Final = 9  # FLOW_HIGH, FLOW_LOW or 0
Z_LAST: Final = 10  # last observed flow [L/min]
Z_IN_SET: Final = 11  # 1: its valve was open while the present samples of flow were taken
Z_WIDTH: Final = 12

# line parameters
L_FLOW_MAX: Final = 0  # L/min, inf: not limited
L_SEQUENCED: Final = 1  # 1: the sequencer says when its zones may start
L_BACKWASH: Final = 2  # output of the backwash valve, -1 none
L_BW_KPA: Final = 3  # pressure lost in the filter that asks for a backwash, inf: not judged
L_BW_L: Final = 4  # litres after which it is due, inf: not judged
L_BW_MS: Final = 5
L_BW_REST: Final = 6
L_FEED: Final = 7  # 1: a dosing unit feeds this line
L_DEAD_L: Final = 8
L_MIX_L: Final = 9
L_RAW_EC: Final = 10
L_RAW_PH: Final = 11
L_ALKALINITY: Final = 12
L_CYCLE_MS: Final = 13
L_RINSE_L: Final = 14
L_SALT_PROBE: Final = 15  # 1: a probe at the intake is fitted
L_SALT_CLOSES: Final = 16  # 1: without its probe the line closes
L_WIDTH: Final = 17

# line inputs (NaN: no trusted value)
X_FILTER_IN: Final = 0
X_FILTER_OUT: Final = 1
X_SOURCE_EC: Final = 2
X_WIDTH: Final = 3

# line state
S_LOAD: Final = 0  # L/min of the zones that run (scratch of a tick)
S_ROOM: Final = 1  # L/min that they leave as the most for all (scratch)
S_RECIPE: Final = 2  # their recipe, -2 nobody runs (scratch)
S_BW_DUE: Final = 3  # code why a backwash is due, 0 none
S_BW_SINCE: Final = 4  # high pressure since
S_BW_ENDED: Final = 5
S_BW_L: Final = 6  # litres through the filter since the last backwash
S_BW_N: Final = 7  # backwashes in a row that did not help
S_BW_BEGAN: Final = 8  # inf: not running
S_SEEN_N: Final = 9  # flow of the present set of open valves: samples, sum
S_SEEN_SUM: Final = 10
S_SEEN_AT: Final = 11  # when the last sample was measured
S_SET_AT: Final = 12  # the set of open valves that the samples belong to
S_FLOWED_L: Final = 13  # litres since water began to flow in this watering
S_EC_TRIM: Final = 14  # what the control adds to the rise in EC, as a share of it
S_PH_TRIM: Final = 15  # what it adds to the acid, as a share of the dissolved carbon
S_DOSED_L: Final = 16  # litres since the present window of dosing began
S_DOSED: Final = 17  # 1: something was dosed in this window
S_REF_EC: Final = 18  # means of the best window so far
S_REF_PH: Final = 19
S_IDLE_N: Final = 20  # windows in a row without effect
S_LIMITED: Final = 21  # 1: the injectors cannot give what the recipe asks; with 2 more: of acid
S_MARK: Final = 22  # what the zones of the line are to do about the samples (scratch)
S_SALT_SEEN: Final = 23
S_SUM_EC: Final = 24  # of this window: EC and pH times the litres at which they were seen
S_SUM_PH: Final = 25
S_OLDEST: Final = 26  # since when the zone waits that has waited longest for its turn (scratch), inf nobody
S_VETOED: Final = 27  # 1: safety kept an injector from what was wanted of it
S_WIDTH: Final = 28

# channel parameters (one row per output)
F_KIND: Final = 0  # 0 no dosing channel, FERTILISER, ACID
F_STRENGTH: Final = 1  # mS/cm per mL/L, or eq/L of an acid
F_N: Final = 2  # g/L
F_P: Final = 3
F_K: Final = 4
F_WIDTH: Final = 5
FERTILISER: Final = 1.0
ACID: Final = 2.0

# channel state
C_OWED_ML: Final = 0
C_RATE: Final = 1  # mL/s wanted now
C_WANT: Final = 2  # level wanted in the last tick
C_WIDTH: Final = 3

# the nutrient account of a zone's day
N_N: Final = 0  # g
N_P: Final = 1
N_K: Final = 2
N_ACID_ML: Final = 3
N_STOCK_ML: Final = 4
N_FED_L: Final = 5  # litres given while fed
N_EC_L: Final = 6  # EC times those litres
N_DAY: Final = 7  # the day's beginning that the account belongs to (F_DAY_RESET)
N_WIDTH: Final = 8

# recipe
R_EC: Final = 0
R_PH: Final = 1
R_WIDTH: Final = 2
