# SPDX-License-Identifier: Apache-2.0
"""Why a water line stands still, said at its chip, its pump and its valves: the cause, and how it goes on.

The rule it keeps: only an alarm that stands now is told; what a person has to release is said with the place where.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from controllers.settings import ControlSettings
from edge.console.alarm_words import Places, said_of
from edge.console.sentences import ReasonWords, Said
from edge.live import Alarm
from pages.words import N_, Words

# Stops that stand until a person releases them, and those that end with their cause.
LATCHED: Final = frozenset(
    {"safety.leak", "safety.over_flow", "safety.stuck_on", "safety.no_flow_stop", "safety.dry_run_stop"}
)
PASSING: Final = frozenset({"safety.tank_low", "safety.tank_blind"})
STOPS: Final = LATCHED | PASSING | {"safety.dry_run", "safety.pressure"}
# Reasons of an output that are but consequences of its line's stop.
CONSEQUENCES: Final = frozenset({"line.idle", "irrigation.idle.line_stopped"})

AT_THE_PAGE: Final = N_(
    "How to reset it: page “{line}”, “Working here”, as a technician; or with the command: vuon order reset {name}"
)
BY_COMMAND: Final = N_("How to reset it: as a technician with the command: vuon order reset {name}")
BY_ITSELF: Final = N_("Nothing needs to be reset: it goes on by itself.")


class LineStops:
    """Finds what stops a line, in one language."""

    def __init__(
        self, control: ControlSettings, places: Places, reasons: Mapping[str, ReasonWords], words: Words
    ) -> None:
        self._places, self._reasons, self._words = places, reasons, words
        self._with_page = {one.place for one in control.outputs}
        self._lines = {line.id for line in control.lines}
        self._line_of = {zone.valve: zone.line for zone in control.zones}
        for line in control.lines:
            self._line_of |= {name: line.id for name in (line.pump, line.master_valve) if name}

    def at(self, place: str, alarms: Iterable[Alarm]) -> Alarm | None:
        """Give the alarm that stops the line ``place`` now, the latched one first; None for another place."""
        if place not in self._lines:
            return None
        flat = [one for alarm in alarms for one in (alarm, *alarm.inside)]
        stops = [one for one in flat if one.subject == place and one.kind in STOPS]
        return min(stops, key=lambda one: one.kind not in LATCHED, default=None)

    def of(self, output: str, code: str, alarms: Iterable[Alarm]) -> Said | None:
        """Say what stops the line of an output whose own reason is only the consequence; None where nothing does."""
        if code not in CONSEQUENCES:
            return None
        alarm = self.at(self._line_of.get(output, ""), alarms)
        return self.said(alarm) if alarm else None

    def said(self, alarm: Alarm) -> Said:
        """Give an alarm's words; where it stops a line, with how that goes on."""
        said = said_of(alarm, self._reasons, self._words)
        if alarm.subject not in self._lines:
            return said
        how = ""
        if alarm.kind in LATCHED:
            msgid = AT_THE_PAGE if alarm.subject in self._with_page else BY_COMMAND
            how = self._words.say(msgid, {"line": self._places.title(alarm.subject), "name": alarm.subject})
        elif alarm.kind in PASSING:
            how = self._words.text(BY_ITSELF)
        return Said(said.text, " ".join(text for text in (said.check, how) if text))
