# SPDX-License-Identifier: Apache-2.0
"""The words for every code that reaches a page: reasons of the controllers, troubles of the edge's own watch.

The rule it keeps: each trouble says what to check; a code from a newer agent is shown as it is.
"""

from collections.abc import Mapping
from typing import Final

from controllers.reasons import BY_NAME
from edge.console.device_words import DEVICE_WORDS
from edge.console.sentences import ReasonWords
from pages.words import N_

_LOCAL_BROKER: Final = N_("Check [local_broker] in farm.toml and the files that it names; the farm goes on without it.")
_CABLE: Final = N_("Check its cable, its power and its address.")

TROUBLES: Final[dict[str, ReasonWords]] = {
    "sensor.silent": ReasonWords(N_("The probe does not answer."), _CABLE),
    "sensor.fault_code": ReasonWords(N_("The probe reports a fault of its own."), N_("Look it up in its manual.")),
    "sensor.out_of_range": ReasonWords(
        N_("It reads {value}, which cannot be."), N_("Check that the probe sits where it should, and its cable.")
    ),
    "sensor.stuck": ReasonWords(
        N_("It has read exactly {value} for too long."), N_("Check that the probe still measures: move or wet it.")
    ),
    "sensor.outside_calibration": ReasonWords(
        N_("It reads {value}, outside what it was calibrated for."), N_("Calibrate it with points around this value.")
    ),
    "sensor.calibration_due": ReasonWords(N_("Its calibration is due on {day}."), N_("Plan it in.")),
    "sensor.calibration_overdue": ReasonWords(N_("Its calibration is past its date."), N_("Calibrate it.")),
    "bus.line_down": ReasonWords(
        N_("The line to the probes is gone: {detail}"), N_("Check the USB adapter and its plug.")
    ),
    "bus.dead": ReasonWords(N_("The device does not answer any more."), _CABLE),
    "bus.silent": ReasonWords(
        N_("None of the {devices} devices on this line answers."),
        N_("Check the line's cable, the power of the devices and the adapter: it is one fault, not {devices}."),
    ),
    "clock.untrusted": ReasonWords(
        N_("The clock is not known to be right; schedules wait and zones follow their safe rule."),
        N_("Check the network or the clock battery."),
    ),
    "local_switch.forgotten": ReasonWords(
        N_("The switch at the plant has stood in hand for {minutes} min; it no longer orders anything."),
        N_("Put it back to automatic; turn it again if you still need it."),
    ),
    "sensor.outvoted": ReasonWords(
        N_("It reads {value} °C, beyond the limit of {limit} °C, but the others read {others} °C: outvoted."),
        N_("Compare it with a thermometer of your own; one of them is wrong, or the air is not the same everywhere."),
    ),
    "notify.fails": ReasonWords(
        N_("No message reaches this person: {detail}"),
        N_("Check the internet, the SIM card and the contacts file; then test the alarms."),
    ),
    "bus.babble": ReasonWords(
        N_("The line is never silent."), N_("Unplug the devices one by one to find the one that talks.")
    ),
    "sensor.uncompensated": ReasonWords(
        N_("It reckons with its own default temperature: the water's is not known."),
        N_("Check the thermometer that temperature_from names in farm.toml."),
    ),
    "uplink.failed": ReasonWords(
        N_("It does not work. {detail}: {seen:t}"),
        N_("Check [uplink] in farm.toml and the files that it names; the farm goes on without it."),
    ),
    "mirror.failed": ReasonWords(N_("It gets no values. {detail}: {seen:t}"), _LOCAL_BROKER),
    "sparkplug.failed": ReasonWords(N_("It gets no values over Sparkplug. {detail}: {seen:t}"), _LOCAL_BROKER),
    "memory.lost": ReasonWords(
        N_("What it remembered ({detail}) was damaged on its disk; it goes on with care, without it"),
        N_("Look at today's watering; replace the card if it happens again."),
    ),
    "disk.refuses": ReasonWords(
        N_("The record cannot be written: {detail}"), N_("Check the card or disk; it may be full or worn out.")
    ),
}


def reason_words() -> Mapping[str, ReasonWords]:
    """Give the words of every known code."""
    return {name: ReasonWords(one.text, one.check) for name, one in BY_NAME.items()} | DEVICE_WORDS | TROUBLES
