# SPDX-License-Identifier: Apache-2.0
"""The stored numbers of every reason: what a kernel writes down for why an output does what it does.

The rule it keeps: a number is stored for ever and never reused or renumbered. Words for each: ``controllers.reasons``.
0 means "no limit bound". 1xx irrigation, 2xx climate, 3xx safety, 4xx people, 5xx time.
"""

from typing import Final

NONE: Final = 0

# irrigation: it waters because
START_MOISTURE: Final = 101
START_SCHEDULE: Final = 102
START_RADIATION: Final = 103
START_VPD: Final = 104
START_PLANNED: Final = 105
START_SAFE_RULE: Final = 106
START_RESUMED: Final = 107
START_TENSION: Final = 108
START_DEPLETION: Final = 109
START_WORTH: Final = 110
START_SUBSTRATE: Final = 111
# irrigation: it has just stopped because
STOP_GIVEN: Final = 120
STOP_TARGET: Final = 121
STOP_RUN_MAX: Final = 122
STOP_CAP: Final = 123
STOP_SENSOR_LOST: Final = 124
STOP_BLOCKED: Final = 125
STOP_TENSION: Final = 126
# irrigation: it does not water because
IDLE_WET_ENOUGH: Final = 130
IDLE_RESTING: Final = 131
IDLE_CAP: Final = 132
IDLE_OUTSIDE_HOURS: Final = 133
IDLE_WAIT_SCHEDULE: Final = 134
IDLE_WAIT_RADIATION: Final = 135
IDLE_WAIT_VPD: Final = 136
IDLE_OFF: Final = 137
IDLE_QUEUED: Final = 138
IDLE_SAFE_RULE: Final = 139
IDLE_CLOCK: Final = 140
IDLE_NO_NEED: Final = 141
IDLE_TOO_WET: Final = 142
IDLE_NO_DATA_CLOSED: Final = 143
IDLE_FAULT: Final = 144
IDLE_LINE_STOPPED: Final = 145
IDLE_TENSION: Final = 146
IDLE_ENOUGH_WATER: Final = 147
IDLE_RAIN_COMING: Final = 148
IDLE_WAIT_PAYS: Final = 149
IDLE_QUOTA: Final = 156
IDLE_SALTY_WATER: Final = 157
IDLE_SUBSTRATE_WET: Final = 158
# shared parts of a water line
LINE_SERVES: Final = 150
LINE_IDLE: Final = 151
TANK_FILLING: Final = 152
TANK_FULL_ENOUGH: Final = 153
TANK_LEVEL_UNKNOWN: Final = 154
DOSE_NOT_ASKED: Final = 155

# hydraulics: cycle and soak, turns of the zones, washing of the filter
STOP_SOAK: Final = 160
START_CYCLE: Final = 161
IDLE_SOAK: Final = 162
IDLE_FLOW_BUDGET: Final = 163
IDLE_CHEAPER: Final = 164
IDLE_BACKWASH: Final = 165
IDLE_RECIPE: Final = 166
BACKWASH_PRESSURE: Final = 170
BACKWASH_VOLUME: Final = 171
BACKWASH_IDLE: Final = 172
# fertigation
FEED_DOSING: Final = 175
FEED_PLAIN: Final = 176
FEED_RINSE: Final = 177
FEED_WAITS_WATER: Final = 178
FEED_NOT_NEEDED: Final = 179
FEED_LIMITED: Final = 180

# climate
CLIMATE_IN_BAND: Final = 201
CLIMATE_COOLING: Final = 202
CLIMATE_DRYING: Final = 203
CLIMATE_HEATING: Final = 204
CLIMATE_FOGGING: Final = 205
CLIMATE_SHADING: Final = 206
CLIMATE_NO_DATA: Final = 207
CLIMATE_RAIN: Final = 208
CLIMATE_HEAT_TO_DRY: Final = 209
CLIMATE_BETWEEN_PULSES: Final = 211
OUTPUT_NOT_USED: Final = 210

# safety: the limit that bound
NOT_A_NUMBER: Final = 301
MAX_ON: Final = 302
MIN_OFF: Final = 303
DAILY_ON: Final = 304
DAILY_WATER: Final = 305
STORM: Final = 306
WIND_STALE: Final = 307
HEAT: Final = 308
FROST: Final = 309
BLIND: Final = 310
BLIND_COLD: Final = 311
LEAK: Final = 312
NO_FLOW: Final = 313
NO_FLOW_STOP: Final = 314
OVER_FLOW: Final = 315
DRY_RUN: Final = 316
DRY_RUN_STOP: Final = 317
NEEDS_VALVE: Final = 318
HELD_FOR_PUMP: Final = 319
PRESSURE: Final = 320
TANK_HIGH: Final = 321
TANK_FLOAT: Final = 322
FILL_TIME: Final = 323
TANK_LOW: Final = 324
TANK_BLIND: Final = 325
PROBE_DRY: Final = 326
PROBE_LOST: Final = 327
PROBES_DIFFER: Final = 328
DOSE_INEFFECTIVE: Final = 329
DOSE_EVENT: Final = 330
DOSE_HOUR: Final = 331
DOSE_DAY: Final = 332
DOSE_NO_WATER: Final = 333
SOLUTION_LIMIT: Final = 334
MAINS: Final = 335
RESTART_ORDER: Final = 336
MAINTENANCE: Final = 337
BOOT_HOLD: Final = 338
STOP_ALL: Final = 339
STUCK_ON: Final = 340
NO_RESPONSE: Final = 341
SALT: Final = 342
FLOW_HIGH: Final = 343
FLOW_LOW: Final = 344
FILTER_CLOGGED: Final = 345

# people
OVERRIDE: Final = 401

# time
RUN_TOO_LATE: Final = 501
RUN_SUPERSEDED: Final = 502
RUN_TOO_SOON: Final = 503
CLOCK_UNTRUSTED: Final = 504
RESTARTED: Final = 505
