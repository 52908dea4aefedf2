# SPDX-License-Identifier: Apache-2.0
"""What the templates are given: texts that are ready to be read, and the few numbers that the page counts with.

The rule it keeps: a template decides nothing; whether a value is good, old or bad stands here already.
"""

from dataclasses import dataclass

from edge.console.sentences import Said


@dataclass(frozen=True, slots=True)
class Gauge:
    """The band and the value on a line of 100 units, half a band's width on either side."""

    low_x: float
    high_x: float
    mark_x: float
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class TileView:
    """One measured value. ``state``: good, high, low, plain (no band), old or bad."""

    id: str
    series: str
    title: str
    value: str
    unit: str
    state: str
    note: str
    at_ms: int
    old_after_ms: int
    age: str
    gauge: Gauge | None
    spark: str
    chart_id: str


@dataclass(frozen=True, slots=True)
class OutputView:
    """One output: what it does, why, and what a person may do about it."""

    id: str
    output: str
    title: str
    kind: str
    state: str
    active: bool
    why: Said
    limit: Said
    until_ms: int
    left: str
    person: str
    hand: str  # who holds it and how, before the countdown
    can_open: bool
    can_stop: bool


@dataclass(frozen=True, slots=True)
class WateringView:
    """One watering of today."""

    begin: str
    length: str
    litres: str
    why: str
    going_on: bool
    dropped: bool = False  # it was due and was left out


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A house, a zone, or another place. ``technical`` tiles (volts, relays) stand on the place's own page only."""

    id: str
    title: str
    subtitle: str
    tiles: tuple[TileView, ...]
    outputs: tuple[OutputView, ...]
    technical: tuple[TileView, ...] = ()
    waterings: tuple[WateringView, ...] = ()
    is_zone: bool = False
    hazard: str = ""  # what stops this water line now
    record: str = "read"  # reading, unreadable: then no watering is known, which is not none
    zones: tuple["PlaceView", ...] = ()

    @property
    def lamp(self) -> str:
        """One word for the state of the whole place: stopped, water, bad, off (out of a band), old or good."""
        if self.hazard:
            return "stopped"
        if any(output.kind == "valve" and output.active for output in self.outputs):
            return "water"
        states = {tile.state for tile in self.tiles}
        if "bad" in states:
            return "bad"
        if states & {"high", "low"}:
            return "off"
        return "old" if "old" in states else "good"


@dataclass(frozen=True, slots=True)
class ProblemView:
    """Something a person should know now."""

    severity: str
    severity_word: str
    where: str
    said: Said
    since: str
    number: int = 0
    seen_by: str = ""
    inside: str = ""


@dataclass(frozen=True, slots=True)
class FarmView:
    """All of the farm at one moment."""

    title: str
    clock: str
    now_ms: int
    connection: str  # live, away, never
    clock_ok: bool
    simulated: bool
    problems: tuple[ProblemView, ...]
    houses: tuple[PlaceView, ...]
    others: tuple[PlaceView, ...]
    shelved: int = 0
    trouble: str = ""  # why the record cannot be read

    def places(self) -> list[PlaceView]:
        """Give every place once, each house before its zones."""
        return [*(place for house in self.houses for place in (house, *house.zones)), *self.others]

    def place(self, name: str) -> PlaceView | None:
        """Give the place called ``name``."""
        return next((place for place in self.places() if place.id == name), None)

    def output(self, name: str) -> OutputView | None:
        """Give the output called ``name``."""
        return next((one for place in self.places() for one in place.outputs if one.output == name), None)
