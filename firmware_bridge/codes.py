# SPDX-License-Identifier: Apache-2.0
"""The numbers the firmware gives a meaning to, by name.

The rule it keeps: values equal those of ``firmware/src/codes.h`` (a test reads both); numbers are never reused.
The lower-case name, with a prefix, is the message id that the applications translate.
"""

import enum


class Block(enum.IntEnum):
    """Why an output that is wanted is not on."""

    NONE = 0
    NO_LEASE = 1
    UNCONFIGURED = 2
    SHUTDOWN = 3
    INPUT = 4
    MIN_OFF = 5
    MAX_ON = 6
    EXCLUSIVE = 7
    NO_OPEN_VALVE = 8
    DRY_RUN = 9
    NO_WATER_FLOW = 10
    NO_DOSE = 11


class Refusal(enum.IntEnum):
    """Why the board refused a call."""

    UNKNOWN_CALL = 1
    BAD_LENGTH = 2
    BAD_VALUE = 3
    FENCED = 4
    EXPIRED = 5
    UNCONFIGURED = 6
    SHUTDOWN = 7
    OUTPUTS_ON = 8
    CONFIG_CRC = 9
    CONFIG_INCOMPLETE = 10
    EVENT_CAP = 11
    HOUR_CAP = 12
    DAY_CAP = 13
    DOSE_OLD = 14
    BUSY = 15
    WRONG_REASON = 16
    STILL_ACTIVE = 17
    STORE_FAILED = 18


class Shutdown(enum.IntEnum):
    """Why everything is off until a person resets it."""

    NONE = 0
    ESTOP = 1
    HOST = 2
    ADC_RANGE = 3
    STORE = 4


class ResetCause(enum.IntEnum):
    """Why the board started."""

    UNKNOWN = 0
    POWER = 1
    EXTERNAL = 2
    BROWN_OUT = 3
    WATCHDOG = 4
    SELF_CHECK = 5


class OutputKind(enum.IntEnum):
    """What hangs on an output."""

    UNUSED = 0
    VALVE = 1
    PUMP = 2
    DOSER = 3


class DoseState(enum.IntEnum):
    """How far a dose came."""

    IDLE = 0
    RUNNING = 1
    COMPLETE = 2
    INTERRUPTED = 3


class Sdi12State(enum.IntEnum):
    """How far an SDI-12 command came."""

    IDLE = 0
    BUSY = 1
    REPLY = 2
    NO_REPLY = 3
    BAD_CHARACTER = 4
    TOO_LONG = 5
