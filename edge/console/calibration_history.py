# SPDX-License-Identifier: Apache-2.0
"""The page of one probe's calibrations: every record, who put which in force, and an earlier one put in force again.

The rule it keeps: nothing comes back without a second look, a person and a reason; records are never changed.
"""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drivers.calibration.artifact import Calibration
from drivers.calibration.methods import METHODS
from drivers.calibration.sessions import ProbeTaken
from edge.agent_client import AgentAway, BadCall
from edge.calibrating import CalibrationDesk, Refused
from edge.calibration_words import TAKEN, Line
from edge.console.calibration import AWAY, series_of
from edge.console.desk import Desk
from edge.users import User
from pages.words import N_, words
from telemetry.quantities import quantity

MAKERS: Final = "makers"  # the maker's scale, as the page names it
REASON_MOST: Final = 200
NO_REASON: Final = N_("Say why: whoever reads the record later will ask")


class HistoryPages:
    """The routes of a probe's calibrations."""

    def __init__(self, desk: Desk, work: CalibrationDesk) -> None:
        self._desk = desk
        self._work = work

    async def history(self, request: Request) -> Response:
        """Show the records and the changes; with ``?put=`` ask whether that record shall be in force again."""
        wanted = request.query_params.get("put", "")
        if wanted and request.state.person.rank < 3:
            raise HTTPException(403)
        return self._page(request, wanted)

    async def put(self, request: Request) -> Response:
        """Put an earlier record in force again."""
        series, person = series_of(request), request.state.person
        form = await request.form()
        wanted, reason = str(form.get("put", "")), str(form.get("reason", "")).strip()[:REASON_MOST]
        if not reason:
            return self._page(request, wanted, (NO_REASON, {}))
        try:
            await self._put(series, wanted, person, reason)
        except Refused as refused:
            return self._page(request, wanted, (refused.outcome.detail, refused.outcome.fields))
        except ProbeTaken as taken:
            return self._page(request, wanted, (TAKEN, {"person": taken.session.person, "series": series}))
        except (AgentAway, BadCall):
            return self._page(request, wanted, (AWAY, {}), 503)
        return RedirectResponse(f"/calibrations/{series}", 303)

    async def _put(self, series: str, wanted: str, person: User, reason: str) -> None:
        if wanted != MAKERS and self._found(series, wanted) is None:
            raise HTTPException(404)
        identity = "" if wanted == MAKERS else wanted
        await self._work.put_in_force(series, identity, person.name, person.role, reason)

    def _found(self, series: str, identity: str) -> Calibration | None:
        return next((one for one in self._work.shelf.kept(series)[0] if one.id == identity), None)

    def _page(self, request: Request, wanted: str, told: Line | None = None, status: int = 409) -> Response:
        series = series_of(request)
        records = self._work.shelf.kept(series)[0][::-1]
        changes = self._work.shelf.history(series)[::-1]
        if series not in self._work.shelf.series():
            raise HTTPException(404)
        chosen = self._found(series, wanted)
        if wanted and wanted != MAKERS and chosen is None:
            raise HTTPException(404)
        speak = words(self._desk.language(request))
        active = self._work.shelf.active(series)
        names = {one.id: self._named(one) for one in records}
        return self._desk.render(
            request, "calibration_history.html", 200 if told is None else status, series=series,
            title=quantity(series.partition("/")[2].partition(".")[0]).title, records=records, active=active,
            changes=[self._change(one.at, one.person, names.get(one.id, ""), one.reason) for one in changes],
            names=names, methods={one.id: METHODS[one.method].title for one in records if one.method in METHODS},
            wanted=wanted, chosen=chosen, makers=MAKERS, reason_most=REASON_MOST,
            told=speak.say(*told) if told else None,
        )  # fmt: skip

    def _named(self, record: Calibration) -> str:
        return f"{self._at(record.performed_at)} · {record.person}"

    def _at(self, moment: datetime) -> str:
        return f"{moment.astimezone(ZoneInfo(self._desk.config.farm.timezone)):%d/%m/%Y %H:%M}"

    def _change(self, at: datetime, person: str, name: str, reason: str) -> dict[str, Any]:
        return {"at": self._at(at), "person": person, "name": name, "reason": reason}
