# SPDX-License-Identifier: Apache-2.0
"""The technician's pages: what is due, and a calibration step by step on a phone.

The rule it keeps: the steps are the session's own (``drivers.calibration.session``), as in the terminal; comparing
(hiệu chuẩn) and adjusting (hiệu chỉnh) are two buttons.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drivers.calibration.artifact import BadArtifact, Calibration
from drivers.calibration.chip_session import checked, taken_up
from drivers.calibration.fit import FitRefused
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.methods import Method, methods_for
from drivers.calibration.session import Session, advance, method_of, quantity_of, render
from drivers.calibration.sessions import ProbeTaken
from drivers.calibration.telling import JUMP, JUMP_MAX_SHARE
from edge.agent_client import AgentAway, BadCall
from edge.calibrating import CalibrationDesk, Refused, tile_of
from edge.calibration_words import ADJUST, RECORD, TAKEN, Line, proposed, result_lines, signed_line
from edge.certificates.lists import due_list
from edge.certificates.papers import certificate, label
from edge.console.alarm_words import Places
from edge.console.desk import Desk
from edge.live import Tile
from edge.users import User
from pages.numbers import plain, unit_name
from pages.terminal import bars
from pages.words import N_, words
from telemetry.quantities import quantity

LIVE_MS: Final = 1000  # how often a page asks for the trace
TRACE_WIDTH: Final = 24
AWAY: Final = N_("The controller does not answer.")


@dataclass(slots=True)
class Held:
    """A session that this console goes on with, its trace, and when its last reading was measured."""

    session: Session
    last_ms: int = -1


class CalibrationPages:
    """The routes of calibrating."""

    def __init__(self, desk: Desk, work: CalibrationDesk) -> None:
        self._desk = desk
        self._work = work
        self._held: dict[str, Held] = {}
        self._ended: dict[str, Line] = {}

    # -- looking

    async def due(self, request: Request) -> Response:
        """List every probe with its calibration, the most urgent first; then those without."""
        rows = await asyncio.to_thread(due_list, self._work.shelf, datetime.now(UTC))
        known = {row.series for row in rows}
        others = [one for one in self._tiles() if one.series not in known and methods_for(one.quantity, one.raw_unit)]
        return self._desk.render(
            request, "calibrations.html", rows=rows, others=others, titles=self._titles(), places=self._places(request)
        )

    async def record(self, request: Request) -> Response:
        """Show one record, or give its paper (``?paper=certificate`` or ``label``)."""
        record = self._find(request)
        speak = words(self._desk.language(request))
        base, paper = str(request.base_url), request.query_params.get("paper", "")
        if paper:
            farm = " · ".join(part for part in (self._desk.config.farm.title, self._desk.config.farm.member) if part)
            place = Places(self._desk.config, speak).whole(record.place)
            sticker = paper == "label"
            sheet = partial(label, record) if sticker else partial(certificate, record, farm)
            name = f"{'label' if sticker else 'certificate'}-{record.id}.pdf"
            headers = {"content-disposition": f'inline; filename="{name}"'}
            return Response(
                await asyncio.to_thread(sheet, base, speak, place), media_type="application/pdf", headers=headers
            )
        return self._desk.render(
            request, "calibration_record.html", record=record, said=speak.say(*signed_line(record)),
            title=self._titles().get(record.series, record.series),
        )  # fmt: skip

    # -- working

    async def step(self, request: Request) -> Response:
        """Show where the session stands, or how to begin one."""
        series = series_of(request)
        try:
            held = self._hold(series)
        except ProbeTaken as taken:
            return self._stop_page(request, series, (TAKEN, {"person": taken.session.person, "series": series}))
        if held is None:
            ended = self._ended.pop(series, None)
            return self._begin_page(request, series) if ended is None else self._stop_page(request, series, ended)
        person: User = request.state.person
        if held.session.person != person.name:
            return self._stop_page(request, series, (TAKEN, {"person": held.session.person, "series": series}))
        return self._page(request, held)

    async def live(self, request: Request) -> Response:
        """Take the newest reading into the trace and give the part of the page that shows it."""
        held = self._held.get(series_of(request))
        if held is None or held.session.stage not in {"settle", "after"}:
            raise HTTPException(404)
        self._hear(held)
        if held.session.stage == "after" and await self._check(held, request.state.person.role):
            raise HTTPException(404)  # the point is taken: the page asks for the next step
        return self._desk.render(request, "parts/calibrate_live.html", **self._trace(request, held))

    async def _check(self, held: Held, role: str) -> bool:
        """Take the point once the instrument shows what it was told; True when the step has changed."""
        try:
            session = checked(held.session, self._now())
        except AnswerRefused as refused:
            await self._work.give_up(held.session, role)
            held.session = msgspec.structs.replace(held.session, stage="stopped")
            self._ended[held.session.series] = (refused.code, refused.fields)
            return True
        if session.stage == "after":
            return False
        held.session = self._work.sessions.save(session)
        return True

    async def act(self, request: Request) -> Response:
        """Do what a button says; a refusal shows the same step again with its reason."""
        series, person = series_of(request), request.state.person
        form = {name: str(value) for name, value in (await request.form()).items()}
        action = form.pop("action", "")
        try:
            if action == "begin":
                return await self._begin(series, form.get("method", ""), person)
            held = self._hold(series)
            if held is None or held.session.person != person.name:
                return RedirectResponse(f"/calibrate/{series}", 303)
            if action in {"adjust", "record"}:
                return await self._sign(request, held, action == "adjust", form)
            self._hear(held)
            session = advance(held.session, action, form, self._now())
            if session.stage == "stopped":
                await self._work.give_up(session, person.role)
                self._held.pop(series, None)
                return RedirectResponse("/calibrations", 303)
            session = self._work.sessions.save(session)
            if session.stage == "tell":
                session = await self._work.tell(session, person.role)
            self._held[series] = Held(session, held.last_ms)
            await self._work.keep_out(session, person.role)
            return RedirectResponse(f"/calibrate/{series}", 303)
        except AnswerRefused as refused:
            return self._again(request, series, (refused.code, refused.fields), form, jump=refused.code == JUMP)
        except (FitRefused, BadArtifact) as refused:
            return self._again(request, series, (refused.code, refused.fields), form)
        except ProbeTaken as taken:
            self._held.pop(series, None)
            return self._stop_page(request, series, (TAKEN, {"person": taken.session.person, "series": series}))
        except Refused as refused:
            return self._stop_page(request, series, (refused.outcome.detail, refused.outcome.fields))
        except (AgentAway, BadCall):
            return self._stop_page(request, series, (AWAY, {}), 503)

    async def _begin(self, series: str, method: str, person: User) -> Response:
        state = self._desk.state(self._desk.board.shot)
        if method not in [one.name for one in self._methods(tile_of(state, series))]:
            raise HTTPException(404)
        instrument = self._work.instrument(series)
        session = await self._work.begin(state, series, instrument, method, person.name, person.role)
        self._held[series] = Held(session)
        return RedirectResponse(f"/calibrate/{series}", 303)

    async def _sign(self, request: Request, held: Held, adjusted: bool, form: Mapping[str, str]) -> Response:
        person: User = request.state.person
        seen = self._work.preview(held.session)
        confirmed = form.get("jump") == "yes"
        if adjusted and seen.jump_share > JUMP_MAX_SHARE and not confirmed:
            return self._page(request, held, (JUMP, {"jump": 100.0 * seen.jump_share}), jump=True)
        record = await self._work.complete(held.session, person.role, adjusted=adjusted, jump_confirmed=confirmed)
        self._held.pop(record.series, None)
        return RedirectResponse(f"/calibrations/{record.series}/{record.id}", 303)

    # -- pages

    def _begin_page(self, request: Request, series: str) -> Response:
        tile = self._tile(series)
        return self._desk.render(
            request, "calibrate.html", series=series, title=self._titles().get(series, series), begin=True,
            methods=self._methods(tile), told=None, held=None,
        )  # fmt: skip

    def _stop_page(self, request: Request, series: str, line: Line, status: int = 409) -> Response:
        speak = words(self._desk.language(request))
        return self._desk.render(
            request, "calibrate.html", status, series=series, title=self._titles().get(series, series), begin=False,
            methods=(), told=speak.say(*line), held=None,
        )  # fmt: skip

    def _again(
        self, request: Request, series: str, line: Line, form: Mapping[str, str], *, jump: bool = False
    ) -> Response:
        held = self._hold(series)
        if held is None:
            return self._stop_page(request, series, line)
        return self._page(request, held, line, form=form, jump=jump)

    def _page(
        self, request: Request, held: Held, told: Line | None = None, *, jump: bool = False,
        form: Mapping[str, str] | None = None,
    ) -> Response:  # fmt: skip
        speak = words(self._desk.language(request))
        session = held.session
        screen = render(session, self._now())
        ask = {field.name: proposed(field, speak) for field in screen.ask}
        lines: list[str] = []
        choices: dict[str, str] = {}
        if session.stage == "result":
            try:
                seen = self._work.preview(session)
            except FitRefused as refused:
                told = (refused.code, refused.fields)
            else:
                unit = quantity(quantity_of(session)).unit
                lines = [speak.say(*line) for line in result_lines(seen, session.signal_unit, unit)]
                choices = {"adjust": ADJUST} if method_of(session).chip else {"record": RECORD, "adjust": ADJUST}
        return self._desk.render(
            request, "calibrate.html", 200 if told is None else 409, series=session.series,
            title=self._titles().get(session.series, session.series), begin=False, methods=(), held=session,
            screen=screen, told=speak.say(*told) if told else None, lines=lines, choices=choices, jump=jump,
            form=ask | dict(form or {}), live_ms=LIVE_MS, **self._trace(request, held),
        )  # fmt: skip

    def _trace(self, request: Request, held: Held) -> dict[str, Any]:
        speak = words(self._desk.language(request))
        screen = render(held.session, self._now())
        value = "—" if screen.signal is None else plain(screen.signal, speak.language)
        return {
            "bars": bars(screen.trace, TRACE_WIDTH, screen.span_min).strip() or "·",
            "value": f"{value} {unit_name(screen.unit, speak.language)}".strip(),
            "verdict": speak.say(screen.status, screen.fields),
            "stable": screen.stable,
            "actions": screen.actions if held.session.stage in {"settle", "after"} else {},
        }

    # -- what is known

    def _hear(self, held: Held) -> None:
        state = self._desk.board.shot.state
        if state is not None:
            held.session, held.last_ms = self._work.hear(held.session, state, held.last_ms)

    def _hold(self, series: str) -> Held | None:
        """Give the session in hand; one that stands on disk alone (begun in a terminal, or before a restart) is
        taken up where it stands.
        """
        kept = self._work.sessions.open(series, self._now())
        held = self._held.get(series)
        if kept is None:
            self._held.pop(series, None)
            return None
        if held is None or (held.session.id, held.session.saved) != (kept.id, kept.saved):
            held = self._held[series] = Held(taken_up(kept))
        return held

    def _find(self, request: Request) -> Calibration:
        series = series_of(request)
        for record in self._work.shelf.kept(series)[0]:
            if record.id == request.path_params["record"]:
                return record
        raise HTTPException(404)

    def _tiles(self) -> tuple[Tile, ...]:
        return self._desk.state(self._desk.board.shot).tiles

    def _tile(self, series: str) -> Tile:
        tile = next((one for one in self._tiles() if one.series == series), None)
        if tile is None:
            raise HTTPException(404)
        return tile

    def _methods(self, tile: Tile) -> list[Method]:
        instrument = self._work.instrument(tile.series)
        return methods_for(tile.quantity, tile.raw_unit, instrument.model if instrument else "")

    def _titles(self) -> dict[str, str]:
        return {tile.series: quantity(tile.quantity).title for tile in self._tiles()}

    def _places(self, request: Request) -> dict[str, str]:
        view = self._desk.farm(self._desk.board.shot, self._desk.language(request))
        return {place.id: place.title for place in view.places()}

    def _now(self) -> datetime:
        return self._work.now()


def series_of(request: Request) -> str:
    """Give the series that the address names."""
    return f"{request.path_params['place']}/{request.path_params['name']}"
