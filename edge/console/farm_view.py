# SPDX-License-Identifier: Apache-2.0
"""Turns the farm's settings and live state into what a page shows: houses, zones, tiles, outputs, problems.

The rule it keeps: nothing here reads a clock, a file or a socket; a value older than three periods, flagged or
missing is never shown as good; every output says what it does and why.
"""

import math
from collections.abc import Mapping
from typing import Final

from controllers.settings import ZoneSettings
from edge.config import FarmConfig
from edge.console.alarm_words import Places, inside_words
from edge.console.day_book import DAY_MS, DayBook, Run
from edge.console.day_memory import DayMemory
from edge.console.hand_words import BY_HAND, countdown_words, giver, sentence, watered
from edge.console.line_stops import LineStops
from edge.console.sentences import (
    PROBE_LOCKED,
    SEVERITY_WORDS,
    ReasonWords,
    Said,
    ago,
    fields_of,
    quality_of,
    say,
    state_of,
)
from edge.console.tiles import Tiles, html_id
from edge.console.views import FarmView, OutputView, PlaceView, ProblemView, TileView, WateringView
from edge.live import Alarm, LiveState, OutputState
from pages.charts import Band, day_chart
from pages.numbers import UNKNOWN, clock, countdown, day_start_ms, with_unit
from pages.words import N_, Field, Words
from telemetry.quantities import QUANTITIES
from telemetry.records import Event, Quality

HOLD_S: Final = 300.0
RESTS: Final = N_("It rests between two pulses just now.")
# What a grower looks at first stands first; the rest follows in the order of the catalogue.
FIRST: Final = (
    "air_temperature", "air_humidity", "vapour_pressure_deficit", "co2", "ppfd", "soil_moisture",
    "soil_temperature", "soil_ec", "water_flow", "water_ec", "water_ph", "solar_radiation", "wind_speed", "rain_rate",
)  # fmt: skip
# What a technician asks for and a grower does not.
TECHNICAL: Final = frozenset(
    {"switch", "voltage", "current", "power", "energy", "frequency", "power_factor", "raw_signal", "position"}
)
_ORDER: Final = {name: index for index, name in enumerate((*FIRST, *(q for q in QUANTITIES if q not in FIRST)))}
SEVERITIES: Final = ("critical", "alarm", "warning", "info")


class FarmPages:
    """Makes views of one farm in one language."""

    def __init__(
        self,
        config: FarmConfig,
        memory: DayMemory,
        book: DayBook,
        reasons: Mapping[str, ReasonWords],
        words: Words,
    ) -> None:
        self._config = config
        self._memory = memory
        self._book = book
        self._reasons = reasons
        self._words = words
        self._tiles = Tiles(memory, words)
        self._outputs = {one.id: one for one in config.control.outputs}
        self._zones = {zone.id: zone for zone in config.control.zones}
        self._zone_of_valve = {zone.valve: zone for zone in config.control.zones}
        self._places = Places(config, words)
        self._stops = LineStops(config.control, self._places, reasons, words)
        self._others = [station.id for station in config.stations] + [line.id for line in config.control.lines]
        self._zone = config.farm.timezone

    def farm(self, state: LiveState, age_s: float, *, away: bool, connection: str = "") -> FarmView:
        """Give the whole farm. ``age_s`` is how long ago ``state`` came; ``away`` that the agent has gone since."""
        now_ms = state.wall_ms + round(age_s * 1000)
        places: dict[str, list[TileView]] = {}
        technical: dict[str, list[TileView]] = {}
        for tile in sorted(state.tiles, key=lambda one: (_ORDER.get(one.quantity, 999), one.series)):
            side = technical if tile.quantity in TECHNICAL else places
            side.setdefault(tile.place, []).append(self._tiles.view(tile, age_s, now_ms))
        outputs: dict[str, list[OutputView]] = {}
        for output in state.outputs:
            outputs.setdefault(output.place, []).append(self._output(output, state.alarms, age_s, now_ms, away=away))
        zones = {
            zone.id: PlaceView(
                zone.id,
                zone.title or zone.id,
                self._zone_subtitle(zone),
                tuple(places.pop(zone.id, ())),
                tuple(outputs.pop(zone.id, ())),
                tuple(technical.pop(zone.id, ())),
                self._waterings(zone, now_ms),
                is_zone=True,
                record=self._record(),
            )
            for zone in self._config.control.zones
        }
        houses = tuple(
            PlaceView(
                house.id,
                house.title or house.id,
                self._area(house.area_m2),
                tuple(places.pop(house.id, ())),
                tuple(outputs.pop(house.id, ())),
                tuple(technical.pop(house.id, ())),
                zones=tuple(zones[zone.id] for zone in self._config.control.zones if zone.house == house.id),
            )
            for house in self._config.control.houses
        )
        others = tuple(
            PlaceView(
                name,
                self._places.title(name),
                "",
                tuple(places.get(name, ())),
                tuple(outputs.get(name, ())),
                tuple(technical.get(name, ())),
                hazard=self._hazard(name, state.alarms),
            )
            for name in sorted({*places, *outputs, *technical}, key=self._rank)
        )
        return FarmView(
            title=state.title or self._config.farm.title,
            clock=clock(now_ms if not away else state.wall_ms, self._zone, seconds=True),
            now_ms=now_ms,
            connection=connection or ("away" if away else "live"),
            clock_ok=state.clock_ok,
            simulated=any(tile.quality & Quality.SIMULATED for tile in state.tiles),
            problems=tuple(self._problem(one) for one in sorted(state.alarms, key=_urgency) if not one.shelved_s),
            shelved=sum(1 for one in state.alarms if one.shelved_s),
            trouble=self._book.trouble,
            houses=houses,
            others=others,
        )

    def _hazard(self, place: str, alarms: tuple[Alarm, ...]) -> str:
        stop = self._stops.at(place, alarms)
        return self._stops.said(stop).text if stop else ""

    def _record(self) -> str:
        if self._book.trouble:
            return "unreadable"
        return "read" if self._book.filled else "reading"

    def _rank(self, name: str) -> tuple[int, str]:
        """Order other places as the settings name them; those they do not name come last."""
        return (self._others.index(name) if name in self._others else len(self._others), name)

    def charts(self, view: PlaceView, state: LiveState, now_ms: int, only: str = "") -> list[tuple[str, str, str]]:
        """Give the 24 hour charts of a place: series, caption and SVG; ``only`` one quantity where it is given."""
        strips = self._open_times(view.id, now_ms)
        drawn: list[tuple[str, str, str]] = []
        for tile in state.tiles:
            if tile.place != view.id or (only and tile.quantity != only) or tile.quantity not in QUANTITIES:
                continue
            quantity = QUANTITIES[tile.quantity]
            if quantity.cumulative or tile.quantity in TECHNICAL:
                continue
            caption = self._tiles.caption(tile)
            if self._book.trouble:
                caption = self._words.say(N_("{what} – its past cannot be read"), {"what": caption})
            title = self._words.say("{what}, last 24 hours", {"what": caption})
            svg = day_chart(
                self._memory.series(tile.series, now_ms - DAY_MS, now_ms, round(tile.period_s * 1000)),
                now_ms - DAY_MS,
                now_ms,
                title,
                band=Band(*tile.band) if tile.band else None,
                strips=strips,
                unit=tile.unit,
                decimals=quantity.decimals,
                language=self._words.language,
                zone=self._zone,
            )
            drawn.append((tile.series, f"{caption} ({unit})" if (unit := self._tiles.unit(tile)) else caption, svg))
        return sorted(drawn, key=lambda one: _ORDER.get(one[0].partition("/")[2].partition(".")[0], 999))

    def litres(self, output: str, seconds: float, flow_l_min: float) -> float:
        """Give the litres that ``seconds`` of a valve let through; nan where its flow is not known."""
        zone = self._zone_of_valve.get(output)
        flow = flow_l_min if flow_l_min > 0 else (zone.flow_l_min if zone else 0.0)
        return flow * seconds / 60.0 if flow > 0 else math.nan

    def place_of_output(self, output: str) -> str:
        """Say where an output is, with its house: two houses may each have a zone 1."""
        settings = self._outputs.get(output)
        return self._places.whole(settings.place) if settings else output

    # -- outputs

    def _output(
        self, output: OutputState, alarms: tuple[Alarm, ...], age_s: float, now_ms: int, *, away: bool
    ) -> OutputView:
        left_s = max(0.0, output.override_s - age_s)
        active = output.level > 0.0
        shown = self._state_of(output)
        zone = self._zone_of_valve.get(output.output)
        fields = fields_of(output.inputs)
        # What a person asked for and got; an order that safety does not let through yet shows its limit instead.
        manual = left_s > 0.0 and active == (output.wanted > 0.0)
        waits = left_s > 0.0 and output.wanted > 0.0 and not active
        why = self._stops.of(output.output, output.code, alarms) or self._why(output, fields)
        return OutputView(
            id=html_id("o-", output.output),
            output=output.output,
            title=self._places.of_output(output.output),
            kind=output.kind,
            state=shown,
            active=active,
            why=Said("") if manual else why,
            limit=self._held_back(output, fields),
            until_ms=now_ms + round(left_s * 1000) if manual else 0,
            left=countdown(left_s) if manual else "",
            person=output.person if manual else "",
            hand=countdown_words(output.kind, output.level, self._share(output), output.person, self._words),
            can_open=zone is not None and not active and not waits and output.hold_max_s > 0 and not away,
            can_stop=output.kind == "valve" and (active or waits),
        )

    def _state_of(self, output: OutputState) -> str:
        settings = self._outputs.get(output.output)
        proportional = bool(settings and settings.proportional)
        return state_of(output.kind, output.level, proportional=proportional, words=self._words)

    def _share(self, output: OutputState) -> str:
        """Give the share that a proportional output stands at; "" for one that is open, shut, on or off."""
        settings = self._outputs.get(output.output)
        between = settings is not None and settings.proportional and 0.0 < output.level < 1.0
        return self._state_of(output) if between else ""

    def _why(self, output: OutputState, fields: dict[str, Field]) -> Said:
        if output.code == BY_HAND:
            left_min = output.override_s / 60.0 or fields.get("override_left_min", 0.0)
            return Said(sentence(output.kind, output.wanted, self._share(output), left_min, output.person, self._words))
        said = say(output.code, fields, self._reasons, self._words)
        if output.between_pulses:
            said = Said(f"{said.text} {self._words.text(RESTS)}", said.check)
        if not Quality.LOCKED & quality_of(output.inputs):
            return said
        return Said(said.text, self._words.text(PROBE_LOCKED))  # there is nothing to check: somebody works on it

    def _held_back(self, output: OutputState, fields: dict[str, Field]) -> Said:
        """Say what keeps the output from doing what is wanted, and what to check: safety, or the hardware itself."""
        if not output.limit and output.outcome not in {"refused", "failed"}:
            return Said("")
        return say(output.limit or output.detail, fields, self._reasons, self._words)

    # -- places, waterings, problems

    def _area(self, area_m2: float) -> str:
        return with_unit(area_m2, "m²", 0, self._words.language)

    def _zone_subtitle(self, zone: ZoneSettings) -> str:
        return self._area(zone.area_m2)

    def _open_times(self, place: str, now_ms: int) -> list[tuple[int, int]]:
        zone = self._zones.get(place)
        if zone is None:
            return []
        return [(run.begin_ms, run.end_ms or now_ms) for run in self._book.runs(zone.valve, now_ms - DAY_MS)]

    def _waterings(self, zone: ZoneSettings, now_ms: int) -> tuple[WateringView, ...]:
        midnight = day_start_ms(now_ms, self._zone)
        runs = [run for run in self._book.runs(zone.valve, midnight) if run.begin_ms >= midnight]
        told = [(run.begin_ms, self._watering(run, zone, now_ms)) for run in runs]
        told += [one for one in map(self._left_out, self._book.dropped(zone.id, midnight)) if one[0] >= midnight]
        return tuple(view for _, view in sorted(told, key=lambda one: one[0], reverse=True))

    def _left_out(self, dropped: tuple[int, Event]) -> tuple[int, WateringView]:
        """Tell a scheduled watering that was dropped, at the time for which it was planned."""
        at_ms, event = dropped
        due_ms = at_ms - round(float(event.fields.get("late_min", 0.0)) * 60_000)
        said = say(str(event.fields.get("code", event.kind)), event.fields, self._reasons, self._words)
        why = " ".join(text for text in (said.text, said.check) if text)
        return due_ms, WateringView(clock(due_ms, self._zone), "", "", why, going_on=False, dropped=True)

    def _watering(self, run: Run, zone: ZoneSettings, now_ms: int) -> WateringView:
        length_s = ((run.end_ms or now_ms) - run.begin_ms) / 1000
        litres = self.litres(run.output, length_s, 0.0)
        return WateringView(
            begin=clock(run.begin_ms, self._zone),
            length=countdown(length_s),
            litres=f"≈ {with_unit(litres, 'L', 0, self._words.language)}" if zone.flow_l_min > 0 else "",
            why=self._reason(run),
            going_on=run.end_ms == 0,
        )

    def _reason(self, run: Run) -> str:
        fields = fields_of(run.inputs)
        if run.code == BY_HAND:
            person = giver(self._book.who(run.output, run.begin_ms), self._words)
            return watered(fields.get("override_left_min", UNKNOWN), person, self._words)
        return say(run.code, fields, self._reasons, self._words).text

    def _problem(self, alarm: Alarm) -> ProblemView:
        return ProblemView(
            severity=alarm.severity,
            severity_word=self._words.text(SEVERITY_WORDS.get(alarm.severity, alarm.severity)),
            where=self._places.where(alarm.subject),
            said=self._stops.said(alarm),
            since=ago(alarm.for_s, self._words),
            number=alarm.number,
            seen_by=alarm.person,
            inside=inside_words(len(alarm.inside), self._words),
        )


def _urgency(alarm: Alarm) -> tuple[int, float]:
    return (SEVERITIES.index(alarm.severity) if alarm.severity in SEVERITIES else 0, alarm.for_s)
