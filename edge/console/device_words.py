# SPDX-License-Identifier: Apache-2.0
"""The words for what hardware answers: a relay, a drive, and above all our own microcontroller.

The rule it keeps: whoever reads that something did not open also reads what it waits for and where to look.
"""

from typing import Final

from edge.console.sentences import ReasonWords
from pages.words import N_

_WAIT: Final = N_("Nothing to do: it comes on by itself when the time is over.")
_CABLE: Final = N_("Check its cable, its power and its address.")
_PLUG: Final = N_("Check the board's USB plug and its power.")
_RESTART: Final = N_("If it happens again, restart the agent and read the board's log: vuon firmware log.")
_UPDATE: Final = N_("Update the side that is older: vuon firmware info, vuon firmware flash.")
_RESET: Final = N_("Look at the place, remove the cause, then release it on the page (technician).")

BLOCKS: Final[dict[str, ReasonWords]] = {
    "block.none": ReasonWords(N_("It is free to run.")),
    "block.no_lease": ReasonWords(N_("The board was not asked in time and has closed."), _RESTART),
    "block.unconfigured": ReasonWords(N_("The board has not been told yet what hangs on it."), _RESTART),
    "block.shutdown": ReasonWords(N_("Everything on this board is off until a person releases it."), _RESET),
    "block.input": ReasonWords(
        N_("A float switch or contact of the board forbids it."), N_("Check the tank and the float.")
    ),
    "block.min_off": ReasonWords(N_("It has not rested long enough."), _WAIT),
    "block.max_on": ReasonWords(
        N_("The board has switched it off: it was on for its longest time."), N_("Check why it was wanted for so long.")
    ),
    "block.exclusive": ReasonWords(N_("Its counterpart is on, or has just been."), _WAIT),
    "block.no_open_valve": ReasonWords(
        N_("The pump waits for an open valve."), N_("Check whether the valve is wired and not blocked itself.")
    ),
    "block.dry_run": ReasonWords(
        N_("The pump ran dry: the board saw no water and has stopped it."),
        N_("Check suction, filter and meter; it tries again after its pause, after three times a person releases it."),
    ),
    "block.no_water_flow": ReasonWords(
        N_("No dosing: no water is flowing."), N_("Check the pump, and the cable of the water meter.")
    ),
    "block.no_dose": ReasonWords(N_("The dose is complete.")),
}

REFUSALS: Final[dict[str, ReasonWords]] = {
    "refusal.unknown_call": ReasonWords(N_("The board does not know this order."), _UPDATE),
    "refusal.bad_length": ReasonWords(N_("The board found an order of the wrong length."), _UPDATE),
    "refusal.bad_value": ReasonWords(N_("The board found an impossible value in its settings."), _UPDATE),
    "refusal.fenced": ReasonWords(
        N_("The board obeys another host."), N_("Look for a second agent, or a copied memory card, on this farm.")
    ),
    "refusal.expired": ReasonWords(N_("The order reached the board too late and was not carried out."), _PLUG),
    "refusal.unconfigured": ReasonWords(N_("The board has not been told yet what hangs on it."), _RESTART),
    "refusal.shutdown": ReasonWords(N_("Everything on this board is off until a person releases it."), _RESET),
    "refusal.outputs_on": ReasonWords(N_("The board takes no settings while something is on."), _WAIT),
    "refusal.config_crc": ReasonWords(N_("The board received other settings than were sent."), _RESTART),
    "refusal.config_incomplete": ReasonWords(N_("The board's settings are not complete."), _RESTART),
    "refusal.event_cap": ReasonWords(
        N_("The dose is larger than one dose may be."), N_("Check event_max_ml of this dosing channel.")
    ),
    "refusal.hour_cap": ReasonWords(
        N_("The dosing channel has given all it may in an hour."), N_("Check the recipe and the probes.")
    ),
    "refusal.day_cap": ReasonWords(
        N_("The dosing channel has given all it may in a day."), N_("Check the recipe and the probes.")
    ),
    "refusal.dose_old": ReasonWords(N_("This dose was asked for before."), _RESTART),
    "refusal.busy": ReasonWords(N_("The board is busy with the order before."), _WAIT),
    "refusal.wrong_reason": ReasonWords(N_("The board was stopped again for another reason."), _RESET),
    "refusal.still_active": ReasonWords(
        N_("The stop chain is still open: nothing is released."), N_("Close the emergency stop, or find the cut wire.")
    ),
    "refusal.store_failed": ReasonWords(N_("The board cannot keep this in its memory."), N_("Replace the board.")),
}

LINK: Final[dict[str, ReasonWords]] = {
    "mcu.line_down": ReasonWords(N_("The line to the board is gone: {detail}"), _PLUG),
    "mcu.session_lost": ReasonWords(N_("The board does not answer: {detail}"), _PLUG),
    "mcu.not_connected": ReasonWords(N_("The board is not connected; what hangs on it is off."), _PLUG),
    "mcu.no_answer": ReasonWords(N_("The board did not answer in time; what hangs on it closes by itself."), _PLUG),
    "mcu.reply_lost": ReasonWords(N_("The board's answer was lost on the line."), _PLUG),
    "mcu.abandoned": ReasonWords(N_("The line broke before the board answered."), _PLUG),
    "mcu.restarted": ReasonWords(N_("The board was reset while it worked; everything on it was off."), _RESTART),
    "mcu.fenced": ReasonWords(
        N_("The board obeys another host: {detail}"),
        N_("Look for a second agent, or a copied memory card, on this farm."),
    ),
    "mcu.mismatch": ReasonWords(N_("The board and this program do not speak the same messages: {detail}"), _UPDATE),
    "mcu.other_board": ReasonWords(
        N_("Another kind of board answers on this line than farm.toml names: {detail}"),
        N_("Check the board's type and port in farm.toml, or flash the right image."),
    ),
    "mcu.shutdown": ReasonWords(N_("The board has stopped everything on it: {reason:t}"), _RESET),
    "mcu.released": ReasonWords(N_("A person has released the board.")),
    "mcu.not_released": ReasonWords(N_("The board was not released: its cause still lasts."), _RESET),
    "mcu.ready": ReasonWords(N_("The board is ready: {detail}")),
    "mcu.configuring": ReasonWords(N_("The board is told what hangs on it.")),
    "mcu.started": ReasonWords(N_("The board started for the {boots}. time: {cause:t}")),
}

OUTPUTS: Final[dict[str, ReasonWords]] = {
    "output.unknown": ReasonWords(N_("The board has no such output."), N_("Check farm.toml: vuon check.")),
    "output.not_proportional": ReasonWords(N_("It can only be on or off."), N_("Ask for 0 or 1.")),
    "output.on_off_only": ReasonWords(N_("It can only be on or off."), N_("Ask for 0 or 1.")),
    "output.not_accepted": ReasonWords(N_("The board did not take the order."), _RESTART),
    "output.bad_lease": ReasonWords(N_("An order needs an end of its own, within an hour.")),
    "output.lease_impossible": ReasonWords(N_("An order needs an end of its own, within an hour.")),
    "output.level_impossible": ReasonWords(N_("The level must lie between 0 and 1.")),
    "output.not_a_dose": ReasonWords(N_("This is not a dosing channel, or not a volume.")),
    "output.no_hardware_lease": ReasonWords(N_("The drive cannot stop by itself when its line falls silent.")),
    "output.timeout": ReasonWords(N_("The device did not confirm the order in time."), _CABLE),
    "output.exception": ReasonWords(N_("The device refused the order."), N_("Check its type in farm.toml.")),
    "output.silent": ReasonWords(
        N_("It does not confirm what it is told ({failures} times)."), N_("Check the device it hangs on.")
    ),
    "output.lapsed": ReasonWords(N_("Its order was not renewed in time; it closed.")),
    "output.unleased": ReasonWords(
        N_("This water does not close by itself when the controller dies ({device}); reason given: {reason}"),
        N_("Hang it on a microcontroller board, or on a relay board with its own timer."),
    ),
}

FIRMWARE: Final[dict[str, ReasonWords]] = {
    "firmware.build_first": ReasonWords(N_("There is no such image."), N_("Build it: vuon firmware build.")),
    "firmware.manifest_damaged": ReasonWords(
        N_("The image's manifest cannot be read."), N_("Build or fetch it again: vuon firmware build.")
    ),
    "firmware.image_damaged": ReasonWords(
        N_("The image is not the one its manifest describes."), N_("Build or fetch it again: vuon firmware build.")
    ),
    "firmware.other_board": ReasonWords(
        N_("The image is for another kind of board."), N_("Name the board's kind: --board.")
    ),
    "firmware.update_host_first": ReasonWords(
        N_("The image does not speak this program's messages."), N_("Update Vườn first, then the board.")
    ),
    "firmware.unsigned": ReasonWords(
        N_("The image is not signed with a key that is trusted here."),
        N_("Take a signed release; an image of your own needs --development."),
    ),
}

DEVICE_WORDS: Final = {**BLOCKS, **REFUSALS, **LINK, **OUTPUTS, **FIRMWARE}
