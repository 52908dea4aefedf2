# SPDX-License-Identifier: Apache-2.0
"""The columns of the tables that the engine's kernels work on: one row per output, line, house or zone.

The rule it keeps: parameters (``*_P``) never change while an engine lives, states do; a state table is the whole
memory of its kernel, so saving the tables saves the engine. Times are milliseconds of the monotonic clock kept as
float64 (exact to 2^53); a time that never was is -inf. NaN means "not there" in a parameter and "no trusted value"
in an input. Indices are kept as floats, -1 is "none".
"""

from typing import Final

# kinds of output
VALVE: Final = 0
PUMP: Final = 1
MASTER: Final = 2
FILL: Final = 3
DOSER: Final = 4
FAN: Final = 5
VENT: Final = 6
HEATER: Final = 7
FOGGER: Final = 8
SHADE: Final = 9
SIREN: Final = 10

# output parameters
O_KIND: Final = 0
O_SAFE: Final = 1
O_PROPORTIONAL: Final = 2
O_MAX_ON_MS: Final = 3  # 0: may stay on
O_MIN_OFF_MS: Final = 4
O_DAY_ON_MS: Final = 5  # 0: no daily limit
O_HOUSE: Final = 6
O_LINE: Final = 7
O_FLOW_L_MIN: Final = 8  # a valve's rated flow
O_CAP_L: Final = 9  # a valve's litres a day
O_STORM: Final = 10  # level forced by a hazard, NaN: not forced
O_HEAT: Final = 11
O_FROST: Final = 12
O_BLIND: Final = 13
O_BLIND_COLD: Final = 14
O_MAINS: Final = 15
O_RANK: Final = 16  # place in the staged restart
O_ML_S: Final = 17
O_EVENT_ML: Final = 18
O_HOUR_ML: Final = 19
O_DAY_ML: Final = 20
O_SALT: Final = 21  # a valve's limit for the salt of the intake [mS/cm], inf: none
O_FED: Final = 22  # 1: an injector of a dosing unit: its event is a watering, not a stroke
O_WIDTH: Final = 23

# output state
S_LEVEL: Final = 0  # allowed in the last tick
S_SINCE: Final = 1  # on or off since
S_DAY_ON_MS: Final = 2
S_DAY_L: Final = 3
S_TRIPPED: Final = 4  # maximum on time reached and not yet withdrawn
S_FAULT_UNTIL: Final = 5  # a valve that gave no flow is skipped until
S_ODD_SINCE: Final = 6  # feedback has contradicted the command since
S_ODD: Final = 7  # 0, STUCK_ON or NO_RESPONSE
S_EVENT_ML: Final = 8
S_TOTAL_L: Final = 9
S_OFF_STREAK: Final = 10  # how many renewals the hardware has refused in a row
S_WIDTH: Final = 11

# what an output has dosed [mL]: in a table of its own, so that a tick of many valves does not stride over it
D_HOUR: Final = 0  # the last used bin number, then the bins of an hour, then the same for a day
HOUR_BINS: Final = 13
HOUR_BIN_MS: Final = 300_000.0
DAY_BINS: Final = 25
DAY_BIN_MS: Final = 3_600_000.0
D_DAY: Final = D_HOUR + 1 + HOUR_BINS
D_WIDTH: Final = D_DAY + 1 + DAY_BINS

# line parameters
L_PUMP: Final = 0
L_MASTER: Final = 1
L_FILL: Final = 2
L_FILL_DELAY_MS: Final = 3
L_LEAK: Final = 4
L_LOW: Final = 5
L_HIGH: Final = 6
L_PRESSURE_MAX: Final = 7
L_DRY_A: Final = 8
L_DRY_KPA: Final = 9
L_TANK_LOW: Final = 10
L_TANK_HIGH: Final = 11
L_FILL_MAX_MS: Final = 12
L_EC_MAX: Final = 13
L_PH_MIN: Final = 14
L_PH_MAX: Final = 15
L_HAS_LEVEL: Final = 16
L_HAS_FLOAT: Final = 17
L_HAS_EC: Final = 18
L_HAS_PH: Final = 19
L_ZONES_AT_ONCE: Final = 20
L_FED: Final = 21  # 1: a dosing unit counts its own doses without effect (kernels.fertigation)
L_WIDTH: Final = 22

# what a line's sensors say now (NaN: no trusted value)
X_FLOW: Final = 0
X_FLOW_AT: Final = 1  # when it was measured
X_PRESSURE: Final = 2
X_CURRENT: Final = 3
X_LEVEL: Final = 4
X_FLOAT: Final = 5
X_EC1: Final = 6
X_EC2: Final = 7
X_PH1: Final = 8
X_PH2: Final = 9
X_WIDTH: Final = 10

# line state
T_LATCH: Final = 0  # code that a person must reset, 0 none
T_STOP: Final = 1  # code that stops the line now, 0 none
T_DOSE_LATCH: Final = 2
T_DOSE_STOP: Final = 3
T_FILL_LATCH: Final = 4
T_FILL_STOP: Final = 5
T_CHANGED: Final = 6  # the set of open valves has stood since
T_EXPECTED: Final = 7  # rated flow of the open valves
T_FLOW_AT: Final = 8
T_LEAK_N: Final = 9
T_OVER_N: Final = 10
T_LOW_SINCE: Final = 11
T_NO_FLOW_N: Final = 12
T_FLOW_SEEN: Final = 13  # flow was good in this run
T_LOST_SINCE: Final = 14  # flow gone in the middle of a run
T_DRY_UNTIL: Final = 15
T_DRY_CODE: Final = 16
T_DRY_N: Final = 17
T_PROBE_DRY_SINCE: Final = 18
T_DOSE_N: Final = 19
T_REF_EC: Final = 20
T_REF_PH: Final = 21
T_DOSING: Final = 22
T_PUMP: Final = 23  # 0 off, 1 on in the last tick
T_PUMP_SINCE: Final = 24
T_BAD_VALVES: Final = 25  # 1: the open valves gave no flow and are to be skipped
T_DIFFER_SINCE: Final = 26
T_SALT: Final = 27  # the intake's EC to hold against a crop's limit, NaN: no probe
T_WIDTH: Final = 28

# house parameters
H_FROST: Final = 0
H_HEAT: Final = 1
H_STORM: Final = 2
H_HAS_WIND: Final = 3
H_WIDTH: Final = 4

# what a house's sensors say now
Y_T1: Final = 0
Y_T2: Final = 1
Y_T3: Final = 2
Y_OUTSIDE: Final = 3
Y_WIND: Final = 4
Y_WIND_AT: Final = 5
Y_WIDTH: Final = 6

# house state
U_HAZARD: Final = 0  # HEAT, FROST, BLIND, BLIND_COLD or 0
U_STORM: Final = 1  # STORM, WIND_STALE or 0
U_CALM_SINCE: Final = 2
U_SEEN: Final = 3  # last trusted temperature
U_WIND_SEEN: Final = 4
U_WIDTH: Final = 5

# the farm's own state
F_LAST: Final = 0
F_BOOT: Final = 1
F_DAY: Final = 2
F_DAY_RESET: Final = 3
F_MAINS_SINCE: Final = 4  # mains good since (-inf: always was)
F_MAINS_OFF: Final = 5
F_WIDTH: Final = 6

# the farm-wide limits
G_WIND_STALE: Final = 0
G_STORM_CLEAR: Final = 1
G_BLIND_AFTER: Final = 2
G_LEAD: Final = 3
G_LAG: Final = 4
G_FLOW_JUDGE: Final = 5
G_FAULT_REST: Final = 6
G_DRY_LOCKOUT: Final = 7
G_DRY_TRIES: Final = 8
G_LEAK_SAMPLES: Final = 9
G_DOSE_TRIES: Final = 10
G_PROBE_DRY: Final = 11
G_DIFFER_PH: Final = 12
G_DIFFER_EC: Final = 13
G_RESTART_SETTLE: Final = 14
G_RESTART_STAGGER: Final = 15
G_BOOT_HOLD: Final = 16
G_MAINS_MIN: Final = 17
G_WIDTH: Final = 18

# who asks for an output, and from where
ASK_AUTO: Final = 0
ASK_REMOTE: Final = 1
ASK_LOCAL: Final = 2

# strategies of a zone
OFF: Final = 0
SCHEDULE: Final = 1
MOISTURE: Final = 2
RADIATION_SUM: Final = 3
VPD_SUM: Final = 4
PLANNED: Final = 5
TENSION: Final = 6

# zone parameters
Z_STRATEGY: Final = 0
Z_VALVE: Final = 1
Z_LINE: Final = 2
Z_FLOW: Final = 3
Z_DOSE: Final = 4
Z_REST: Final = 5
Z_RUN_MAX: Final = 6
Z_CAP: Final = 7
Z_SAFE_DOSE: Final = 8
Z_SAFE_EVERY: Final = 9
Z_START: Final = 10
Z_TARGET: Final = 11
Z_WET: Final = 12
Z_RADIATION: Final = 13
Z_VPD: Final = 14
Z_FROM: Final = 15
Z_TO: Final = 16
Z_HOUSE: Final = 17
Z_WIDTH: Final = 18

# zone inputs of one tick
I_MOISTURE: Final = 0
I_RADIATION: Final = 1
I_VPD: Final = 2
I_DUE_L: Final = 3  # litres of a scheduled run that is due now
I_PLANNED_L: Final = 4  # litres a planner wants now, 0 no need, NaN nobody planned
I_PLANNED_CODE: Final = 5
I_WIDTH: Final = 6

# zone state
R_RUNNING: Final = 0
R_STARTED: Final = 1
R_ENDED: Final = 2
R_START_L: Final = 3  # the valve's total when the run began
R_TARGET_L: Final = 4
R_START_CODE: Final = 5
R_CODE: Final = 6
R_RADIATION: Final = 7
R_VPD: Final = 8
R_PENDING_L: Final = 9
R_PENDING_UNTIL: Final = 10
R_PENDING_CODE: Final = 11
R_RESUMED: Final = 12
R_OPEN: Final = 13  # the valve was open in the last tick

R_WIDTH: Final = 14

# what the air of a house is now (NaN: no trusted value)
C_T: Final = 0
C_RH: Final = 1
C_VPD: Final = 2
C_T_OUT: Final = 3
C_RH_OUT: Final = 4
C_RADIATION: Final = 5
C_WIND: Final = 6
C_RAIN: Final = 7
C_WIDTH: Final = 8

# the climate wanted in a house now
B_T_LOW: Final = 0
B_T_HIGH: Final = 1
B_VPD_LOW: Final = 2
B_VPD_HIGH: Final = 3
B_WIDTH: Final = 4
