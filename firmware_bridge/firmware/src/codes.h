/* SPDX-License-Identifier: Apache-2.0 */
/* Every number that travels to the host with a meaning. The host's table is firmware_bridge/codes.py;
 * a test reads this file and compares, so one value stands on each line. Numbers are never reused. */
#ifndef VUON_CODES_H
#define VUON_CODES_H

/* why an output that somebody may want is not energised */
enum block {
    BLOCK_NONE = 0,
    BLOCK_NO_LEASE = 1,
    BLOCK_UNCONFIGURED = 2,
    BLOCK_SHUTDOWN = 3,
    BLOCK_INPUT = 4,
    BLOCK_MIN_OFF = 5,
    BLOCK_MAX_ON = 6,
    BLOCK_EXCLUSIVE = 7,
    BLOCK_NO_OPEN_VALVE = 8,
    BLOCK_DRY_RUN = 9,
    BLOCK_NO_WATER_FLOW = 10,
    BLOCK_NO_DOSE = 11,
};

/* why a call was refused */
enum refusal {
    REFUSE_UNKNOWN_CALL = 1,
    REFUSE_BAD_LENGTH = 2,
    REFUSE_BAD_VALUE = 3,
    REFUSE_FENCED = 4,
    REFUSE_EXPIRED = 5,
    REFUSE_UNCONFIGURED = 6,
    REFUSE_SHUTDOWN = 7,
    REFUSE_OUTPUTS_ON = 8,
    REFUSE_CONFIG_CRC = 9,
    REFUSE_CONFIG_INCOMPLETE = 10,
    REFUSE_EVENT_CAP = 11,
    REFUSE_HOUR_CAP = 12,
    REFUSE_DAY_CAP = 13,
    REFUSE_DOSE_OLD = 14,
    REFUSE_BUSY = 15,
    REFUSE_WRONG_REASON = 16,
    REFUSE_STILL_ACTIVE = 17,
    REFUSE_STORE_FAILED = 18,
};

/* why everything is off until a person resets it */
enum shutdown {
    SHUTDOWN_NONE = 0,
    SHUTDOWN_ESTOP = 1,
    SHUTDOWN_HOST = 2,
    SHUTDOWN_ADC_RANGE = 3,
    SHUTDOWN_STORE = 4,
};

enum reset_cause {
    RESET_UNKNOWN = 0,
    RESET_POWER = 1,
    RESET_EXTERNAL = 2,
    RESET_BROWN_OUT = 3,
    RESET_WATCHDOG = 4,
    RESET_SELF_CHECK = 5,
};

enum output_kind {
    OUTPUT_UNUSED = 0,
    OUTPUT_VALVE = 1,
    OUTPUT_PUMP = 2,
    OUTPUT_DOSER = 3,
};

enum dose_state {
    DOSE_IDLE = 0,
    DOSE_RUNNING = 1,
    DOSE_COMPLETE = 2,
    DOSE_INTERRUPTED = 3,
};

enum sdi12_state {
    SDI12_IDLE = 0,
    SDI12_BUSY = 1,
    SDI12_REPLY = 2,
    SDI12_NO_REPLY = 3,
    SDI12_BAD_CHARACTER = 4,
    SDI12_TOO_LONG = 5,
};

#endif
