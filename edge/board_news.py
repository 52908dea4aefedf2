# SPDX-License-Identifier: Apache-2.0
"""What a microcontroller board tells of itself, as alarms that stand and events that pass.

The rule it keeps: whatever switched water off on the board itself is told with its reason; an alarm is raised once
and ends when the board says so.
"""

from collections.abc import Callable, Sequence
from typing import Final

from drivers.ports import Fault
from edge.alarms import AlarmBoard
from pages.words import N_
from telemetry.records import AnyRecord, Event

DEAD: Final = "bus.dead"
LATCHED: Final = "mcu.shutdown"
# While one of these stands the board does nothing for us; the board's own *ready* ends them.
STANDING: Final = {"mcu.fenced": "critical", "mcu.mismatch": "critical", "mcu.other_board": "critical"}
AWAY: Final = frozenset({"mcu.line_down", "mcu.session_lost"})
CAUSES: Final = {
    "unknown": N_("the cause is not known"),
    "power": N_("its power was switched on"),
    "external": N_("its line was opened, or its button pressed"),
    "brown_out": N_("its supply voltage fell too low"),
    "watchdog": N_("its program hung and the watchdog reset it"),
    "self_check": N_("its program found an error in itself"),
}
REASONS: Final = {
    "estop": N_("the stop chain is open: emergency stop pressed, or its wire cut"),
    "host": N_("a person ordered the stop"),
    "adc_range": N_("an analogue signal is outside what it may be"),
    "store": N_("its memory of settings is damaged"),
}
# A board that was started by one of these has gone wrong in itself.
ODD_CAUSES: Final = frozenset({"watchdog", "brown_out", "self_check"})


def hear(fault: Fault, mono_ms: int, alarms: AlarmBoard, record: Callable[[Sequence[AnyRecord]], None]) -> None:
    """Take one word of a board's bridge (``mcu.*``)."""
    board, kind = fault.device, fault.kind
    fields: dict[str, str | float | int | bool] = {"detail": fault.detail}
    if kind in AWAY:
        alarms.put(DEAD, board, "alarm", mono_ms, fields)
        return
    if kind in STANDING:
        alarms.put(kind, board, STANDING[kind], mono_ms, fields)
        return
    severity = "info"
    if kind == "mcu.ready":
        for standing in (DEAD, *STANDING):
            alarms.clear(standing, board, mono_ms)
    elif kind == "mcu.started":
        boots, _, cause = fault.detail.removeprefix("boot ").partition(", ")
        fields = {"boots": int(boots) if boots.isdecimal() else 0, "cause": CAUSES.get(cause, cause)}
        severity = "warning" if cause in ODD_CAUSES else "info"
    elif kind == LATCHED:
        if fault.detail == "none":
            alarms.clear(LATCHED, board, mono_ms)
            kind = "mcu.released"
        else:
            fields = {"reason": REASONS.get(fault.detail, fault.detail)}
            alarms.put(LATCHED, board, "critical", mono_ms, fields)
            return
    elif kind in {"mcu.restarted", "mcu.not_released"}:
        severity = "warning"
    record((Event(kind, board, mono_ms, severity, fields=fields),))
