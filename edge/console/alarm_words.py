# SPDX-License-Identifier: Apache-2.0
"""An alarm in words: where it is, what was seen, what to check, and what is sent to a telephone.

The rule it keeps: the same words on every way (page, terminal, message); nothing here reads a clock or a file.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from edge.alarm_calls import Call
from edge.config import FarmConfig
from edge.console.sentences import SEVERITY_WORDS, ReasonWords, Said, say
from edge.live import Alarm
from edge.output_words import KIND_WORDS
from pages.numbers import clock
from pages.words import N_, Words
from telemetry.quantities import QUANTITIES

WHY_WORDS: Final = {
    "raised": "{what}",
    "worse": N_("Now worse: {what}"),
    "escalated": N_("Nobody has acknowledged this yet: {what}"),
    "cleared": N_("Over: {what}"),
    "test": N_("This is a test of the alarms. Nothing is wrong."),
}
LAST_THROUGH: Final = N_("The last of them through: {valves}.")
# Places that are no house and no zone but have a usual name, and the controller's own parts.
PLACE_WORDS: Final = {
    "station": N_("Weather station"),
    "outside": N_("Outside"),
    "weather": N_("Weather station"),
    "farm": N_("Whole farm"),
    "tank": N_("Tank"),
    "pump-house": N_("Pump house"),
    "power": N_("Electricity"),
    **dict.fromkeys(("agent", "memory", "log", "alarms"), N_("Controller")),
    "uplink": N_("Way to the hub"),
    **dict.fromkeys(("mirror", "sparkplug"), N_("The farm's own broker")),
}


class Message(NamedTuple):
    """What goes out: a title and the sentences below it."""

    title: str
    body: str


class Places:
    """Names of places and of what alarms tell of, in one language."""

    def __init__(self, config: FarmConfig, words: Words) -> None:
        self._words = words
        self._outputs = {one.id: one for one in config.control.outputs}
        self._zones = {zone.id: zone for zone in config.control.zones}
        self._devices = {device.name: device.place for device in config.devices}
        self.titles = {house.id: house.title or house.id for house in config.control.houses}
        self.titles |= {zone.id: zone.title or zone.id for zone in config.control.zones}
        self.titles |= {station.id: station.title or station.id for station in config.stations}
        for line in config.control.lines:
            served = dict.fromkeys(self.titles[zone.house] for zone in config.control.zones if zone.line == line.id)
            self.titles[line.id] = " – ".join([words.text(N_("Water line")), *served])
        self._buses = {bus.name: bus.port for bus in config.buses}

    def title(self, name: str) -> str:
        """Give a place's name."""
        return self.titles.get(name) or self._words.text(PLACE_WORDS.get(name, name))

    def whole(self, name: str) -> str:
        """Give a place's name with its house: two houses may each have a zone 1."""
        zone = self._zones.get(name)
        return f"{self.title(name)}, {self.titles[zone.house]}" if zone else self.title(name)

    def of_output(self, output: str) -> str:
        """Give an output's own name."""
        settings = self._outputs.get(output)
        if settings is None:
            return output
        word = KIND_WORDS.get(settings.kind)
        return settings.title or (self._words.text(word) if word else output)

    def where(self, subject: str) -> str:
        """Say where an alarm's subject is: a series, an output, a device, a bus or a place."""
        place, _, name = subject.partition("/")
        quantity = QUANTITIES.get(name.partition(".")[0])
        if quantity:
            return f"{self.whole(place)} · {self._words.text(quantity.title)}"
        settings = self._outputs.get(subject)
        if settings is not None:
            return f"{self.whole(settings.place)} · {self.of_output(subject)}"
        if subject in self._buses:
            return self._words.say(N_("Line {name}"), {"name": subject})
        if subject in self._devices:
            return f"{self.whole(self._devices[subject])} · {subject}"
        return self.whole(place)


def said_of(alarm: Alarm, book: Mapping[str, ReasonWords], words: Words) -> Said:
    """Give an alarm's sentence and what to check."""
    said = say(alarm.kind, alarm.fields, book, words)
    if not alarm.fields.get("valves"):
        return said
    return Said(f"{said.text} {words.say(LAST_THROUGH, alarm.fields)}", said.check)


def inside_words(count: int, words: Words) -> str:
    """Say how many other alarms follow from this one; "" for none."""
    return words.count("{n} more alarm follows from it.", "{n} more alarms follow from it.", count) if count else ""


def message(
    call: Call, alarm: Alarm | None, farm: FarmConfig, book: Mapping[str, ReasonWords], words: Words, wall_ms: int
) -> Message:
    """Write one message; ``alarm`` is None for a test, and when nobody remembers its words."""
    severity = words.text(SEVERITY_WORDS.get(call.severity, call.severity))
    title = f"{severity}: {farm.farm.title}" if call.why not in {"cleared", "test"} else farm.farm.title
    at = clock(wall_ms, farm.farm.timezone)
    if call.why == "test":
        return Message(title, f"{words.text(WHY_WORDS['test'])} ({at})")
    said = Said("") if alarm is None else said_of(alarm, book, words)
    what = ": ".join(text for text in (Places(farm, words).where(call.key[1]), said.text) if text)
    lines = [words.say(WHY_WORDS[call.why], {"what": what})]
    if call.why != "cleared":
        lines += [line for line in (said.check, inside_words(call.inside, words)) if line]
    return Message(title, "\n".join(lines) + f" ({at})")
