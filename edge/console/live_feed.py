# SPDX-License-Identifier: Apache-2.0
"""Keeps an open page true: sends each tab only the parts that changed since what it shows (server-sent events).

The rule it keeps: the same templates make the page and its changes; a page whose parts no longer fit is told to load
again; a reader that is gone or logged out ends its stream.
"""

import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from edge.console.board import Shot
from edge.console.desk import Desk, word_context
from edge.console.tiles import html_id
from edge.console.views import FarmView, PlaceView, TileView
from pages.numbers import Language
from pages.words import words

SPARK_EVERY_MS: Final = 120_000
CHART_EVERY_MS: Final = 180_000
SHARED_S: Final = 0.5
BASELINES: Final = 64
MAIN_QUANTITY: Final = {True: "soil_moisture", False: "air_temperature"}


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a page: it is sent again when ``signature`` changes; ``quick`` is what changes in a tile."""

    signature: object
    html: str
    quick: tuple[str, int, float] | None = None


Parts = dict[str, Part]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's parts at one shot. ``age_s``: how old the shot was when they were made."""

    number: str
    age_s: float
    view: FarmView
    parts: Parts


class LiveFeed:
    """Makes sheets and streams for all tabs; those that look at the same page share the work."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        # Numbers of another run of this process must not fit: a page would be compared with what it never showed.
        self._run = secrets.token_hex(4)
        self._sheets: OrderedDict[tuple[str, Language, bool, str], Sheet] = OrderedDict()
        self._charts: OrderedDict[tuple[str, Language, int, str], list[tuple[str, str, str]]] = OrderedDict()

    def sheet(self, page: str, language: Language, *, may_operate: bool) -> Sheet:
        """Give a page's parts now; ``page`` is "" for the whole farm or a place's id."""
        return self._sheet(self._desk.board.shot, page, language, may_operate=may_operate)

    def _sheet(self, shot: Shot, page: str, language: Language, *, may_operate: bool) -> Sheet:
        number = f"{self._run}-{shot.number}"
        key = (page, language, may_operate, number)
        found = self._sheets.get(key)
        age_s = self._desk.board.age_s(shot)
        # Tabs that look at the same time share a sheet; without a new state the page still ages.
        if found is not None and not shot.away and age_s - found.age_s < SHARED_S:
            return found
        view = self._desk.farm(shot, language)
        sheet = Sheet(number, age_s, view, self._parts(view, shot, page, language, may_operate=may_operate))
        self._sheets[key] = sheet
        while len(self._sheets) > BASELINES:
            self._sheets.popitem(last=False)
        return sheet

    def _parts(self, view: FarmView, shot: Shot, page: str, language: Language, *, may_operate: bool) -> Parts:
        templates = self._desk.templates
        context = {**word_context(words(language)), "may_operate": may_operate}

        def made(template: str, **more: object) -> str:
            return templates.get_template(f"parts/{template}.html").render(**context, **more)

        parts: Parts = {"status": Part((view.connection, view.clock_ok), made("status", farm=view))}
        html = made("problems", farm=view)
        parts["problems"] = Part(html, html)
        if not page:
            html = made("chips", farm=view)
            parts["chips"] = Part(html, html)
        places = [place for place in view.places() if page in ("", place.id)]
        for place in places:
            for tile in (*place.tiles, *(place.technical if page else ())):
                parts[tile.id] = _tile_part(tile, (view.now_ms // SPARK_EVERY_MS, self._desk.book.filled), made)
            for output in place.outputs:
                html = made("output", output=output, place=place)
                steady = (output.state, output.why, output.limit, output.until_ms // 10_000, output.person)
                parts[output.id] = Part((steady, output.can_open, output.can_stop), html)
            if place.is_zone:
                html = made("waterings", place=place)
                parts[f"w-{place.id}"] = Part(html, html)
            for series, caption, svg in self._drawn(place, view, shot, page, language):
                html = made("chart", id=html_id("c-", series), caption=caption, svg=svg)
                parts[html_id("c-", series)] = Part(svg, html)
        return parts

    def _past(self) -> str:
        """Say whether the record was read, to draw anew when that changes."""
        return self._desk.book.trouble or str(self._desk.book.filled)

    def _drawn(
        self, place: PlaceView, view: FarmView, shot: Shot, page: str, language: Language
    ) -> list[tuple[str, str, str]]:
        """Draw a place's charts, or on the farm's page its main one, again every three minutes."""
        if not page and place in view.others:
            return []
        only = "" if page else MAIN_QUANTITY[place.is_zone]
        key = (f"{place.id}/{only}", language, view.now_ms // CHART_EVERY_MS, self._past())
        if key not in self._charts:
            self._charts[key] = self._desk.pages(language).charts(place, self._desk.state(shot), view.now_ms, only)
            while len(self._charts) > BASELINES:
                self._charts.popitem(last=False)
        return self._charts[key]

    async def stream(
        self, page: str, language: Language, seen: str, *, may_operate: bool, still_welcome: Callable[[], bool]
    ) -> AsyncIterator[str]:
        """Give the events of one tab that shows the sheet with number ``seen``."""
        shown = self._sheets.get((page, language, may_operate, seen))
        parts: Parts | None = shown.parts if shown else None
        yield "retry: 2000\n\n"
        async for shot in self._desk.board.follow():
            if not still_welcome():
                yield _event({"again": True})
                return
            sheet = self._sheet(shot, page, language, may_operate=may_operate)
            yield _event(difference(parts, sheet))
            parts = sheet.parts


def _tile_part(tile: TileView, spark: tuple[int, bool], made: Callable[..., str]) -> Part:
    gauge = (tile.gauge.low, tile.gauge.high) if tile.gauge else None
    signature = (tile.title, tile.unit, tile.state, tile.note, gauge, spark)
    mark = tile.gauge.mark_x if tile.gauge else 0.0
    return Part(signature, made("tile", tile=tile), (tile.value, tile.at_ms, mark))


def difference(shown: Parts | None, sheet: Sheet) -> dict[str, Any]:
    """Give what must change on a page that shows ``shown`` (None: not known) to show ``sheet``."""
    message: dict[str, Any] = {
        "number": sheet.number,
        "now": sheet.view.now_ms,
        "clock": sheet.view.clock,
        "live": sheet.view.connection == "live",
    }
    if shown is not None and shown.keys() != sheet.parts.keys():
        return {**message, "again": True}
    parts: dict[str, str] = {}
    quick: dict[str, tuple[str, int, float]] = {}
    for name, part in sheet.parts.items():
        before = shown.get(name) if shown else None
        if before is None or before.signature != part.signature:
            parts[name] = part.html
        elif part.quick is not None and part.quick != before.quick:
            quick[name] = part.quick
    return {**message, "parts": parts, "quick": quick}


def _event(message: dict[str, Any]) -> str:
    return f"data: {json.dumps(message, ensure_ascii=False, separators=(',', ':'))}\n\n"
