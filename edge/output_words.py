# SPDX-License-Identifier: Apache-2.0
"""What people call the kinds of outputs, and which of them open rather than switch on.

The rule it keeps: the console, the command line and programs that are not ours use the same words.
"""

from typing import Final

from pages.words import N_

KIND_WORDS: Final = {
    "valve": N_("Watering valve"),
    "pump": N_("Pump"),
    "master_valve": N_("Main valve"),
    "fill_valve": N_("Tank filling valve"),
    "doser": N_("Dosing channel"),
    "fan": N_("Fan"),
    "vent": N_("Roof vent"),
    "heater": N_("Heater"),
    "fogger": N_("Fogging"),
    "shade": N_("Shade screen"),
    "siren": N_("Siren"),
}
OPENS: Final = frozenset({"valve", "master_valve", "fill_valve", "vent"})
