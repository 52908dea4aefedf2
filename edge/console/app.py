# SPDX-License-Identifier: Apache-2.0
"""The console's routes: who may reach what, and the application that a web server runs.

The rule it keeps: a route names the least role it needs, and a route without one does not exist (default deny).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from edge.calibrating import CalibrationDesk
from edge.console.alarm_pages import AlarmPages
from edge.console.board import FOLLOWERS_MAX
from edge.console.calibration import CalibrationPages
from edge.console.calibration_history import HistoryPages
from edge.console.desk import FOLDER, Desk
from edge.console.gates import Gates
from edge.console.live_feed import LiveFeed
from edge.console.place_orders import PlaceOrders
from edge.console.sign_in import SignIn
from edge.console.valve_orders import ValveOrders
from edge.users import Role
from pages.words import N_

Answer = Callable[[Request], Awaitable[Response]]
ANYBODY: Final = None
LOCAL_NAMES: Final = frozenset({"localhost"})


@dataclass(frozen=True, slots=True)
class Door:
    """One way in: path, method, the least role (None: anybody) and what answers."""

    path: str
    method: str
    role: Role | None
    answer: Answer


class Kept(StaticFiles):
    """Static files that browsers may keep for ever: their address carries a hash of the contents."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Add the caching header."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Give a file that was asked for with its hash; without it browsers ask again each time."""
        response = await super().get_response(path, scope)
        if not scope.get("query_string"):
            response.headers["cache-control"] = "no-cache"
        return response


class FarmPage:
    """The routes of looking."""

    def __init__(self, desk: Desk, feed: LiveFeed) -> None:
        self._desk = desk
        self._feed = feed

    async def farm(self, request: Request) -> Response:
        """Show the whole farm."""
        return self._page(request, "")

    async def place(self, request: Request) -> Response:
        """Show one house, zone or other place with all its charts."""
        return self._page(request, request.path_params["place"])

    def _page(self, request: Request, name: str) -> Response:
        may_operate = request.state.person.rank >= Role.OPERATOR
        sheet = self._feed.sheet(name, self._desk.language(request), may_operate=may_operate)
        place = sheet.view.place(name) if name else None
        if name and place is None:
            raise HTTPException(404)
        return self._desk.render(
            request, "place.html" if place else "farm.html", farm=sheet.view, place=place, parts=sheet.parts,
            live=f"/live?place={name}&seen={sheet.number}",
        )  # fmt: skip

    async def live(self, request: Request) -> Response:
        """Keep one tab up to date until it goes."""
        if self._desk.board.followers >= FOLLOWERS_MAX:
            return PlainTextResponse("too many open pages\n", 503, {"retry-after": "10"})
        key, rank = self._desk.session_key(request), request.state.person.rank

        def still_welcome() -> bool:
            person = self._desk.users.session_user(key, self._desk.clocks.wall_s())
            return person is not None and person.rank == rank

        events = self._feed.stream(
            request.query_params.get("place", ""),
            self._desk.language(request),
            request.query_params.get("seen", ""),
            may_operate=rank >= Role.OPERATOR,
            still_welcome=still_welcome,
        )
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def doors(desk: Desk) -> list[Door]:
    """Give every way into the console."""
    pages = FarmPage(desk, LiveFeed(desk))
    sign_in = SignIn(desk)
    valves = ValveOrders(desk)
    return [
        Door("/", "GET", Role.VIEWER, pages.farm),
        Door("/place/{place}", "GET", Role.VIEWER, pages.place),
        Door("/live", "GET", Role.VIEWER, pages.live),
        Door("/output/{output}/open", "GET", Role.OPERATOR, valves.confirm),
        Door("/output/{output}/open", "POST", Role.OPERATOR, valves.open),
        Door("/output/{output}/stop", "POST", Role.OPERATOR, valves.stop),
        Door("/login", "GET", ANYBODY, sign_in.login_page),
        Door("/login", "POST", ANYBODY, sign_in.login),
        Door("/logout", "POST", ANYBODY, sign_in.logout),
        Door("/welcome", "GET", ANYBODY, sign_in.welcome_page),
        Door("/welcome", "POST", ANYBODY, sign_in.welcome),
        Door("/look", "POST", ANYBODY, sign_in.look),
        *alarm_doors(AlarmPages(desk)),
        *place_doors(PlaceOrders(desk)),
        *(calibration_doors(desk, desk.calibration) if desk.calibration else ()),
    ]


def alarm_doors(pages: AlarmPages) -> list[Door]:
    """Give the ways to the alarms; the agent asks more than the door of some (shelving the highest severity)."""
    return [
        Door("/alarms", "GET", Role.VIEWER, pages.page),
        Door("/alarms/test", "POST", Role.OPERATOR, pages.test),
        Door("/alarms/{number:int}/acknowledge", "POST", Role.OPERATOR, pages.acknowledge),
        Door("/alarms/{number:int}/shelve", "POST", Role.OPERATOR, pages.shelve),
        Door("/alarms/{number:int}/unshelve", "POST", Role.OPERATOR, pages.unshelve),
    ]


def place_doors(orders: PlaceOrders) -> list[Door]:
    """Give the ways of working at a place."""
    return [
        Door("/place/{place}/work", "POST", Role.TECHNICIAN, orders.work),
        Door("/place/{place}/done", "POST", Role.TECHNICIAN, orders.done),
        Door("/place/{place}/reset", "POST", Role.TECHNICIAN, orders.reset),
    ]


def calibration_doors(desk: Desk, work: CalibrationDesk) -> list[Door]:
    """Give the technician's ways in."""
    pages, past = CalibrationPages(desk, work), HistoryPages(desk, work)
    probe = "/calibrate/{place}/{name}"
    return [
        Door("/calibrations", "GET", Role.VIEWER, pages.due),
        Door("/calibrations/{place}/{name}", "GET", Role.VIEWER, past.history),
        Door("/calibrations/{place}/{name}", "POST", Role.TECHNICIAN, past.put),
        Door("/calibrations/{place}/{name}/{record}", "GET", Role.VIEWER, pages.record),
        Door(probe, "GET", Role.TECHNICIAN, pages.step),
        Door(probe, "POST", Role.TECHNICIAN, pages.act),
        Door(f"{probe}/live", "GET", Role.TECHNICIAN, pages.live),
    ]


def _guarded(desk: Desk, door: Door) -> Answer:
    async def answer(request: Request) -> Response:
        person = desk.person(request)
        if door.role is not None:
            if person is None:
                if door.method == "GET" and door.path != "/live":
                    return RedirectResponse("/login", 303)
                raise HTTPException(401)
            if person.rank < door.role:
                raise HTTPException(403)
        request.state.person = person
        return await door.answer(request)

    return answer


TROUBLES: Final = {
    401: N_("Log in first."),
    403: N_("Your role does not allow this. Ask the farm's administrator."),
    404: N_("There is no such page on this farm."),
    405: N_("That cannot be done here."),
}


def application(desk: Desk, more: list[Door] | None = None, host_names: frozenset[str] = LOCAL_NAMES) -> Starlette:
    """Give the application; ``more`` doors are pages of other modules, ``host_names`` the names it answers to."""

    async def trouble(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return desk.render(request, "trouble.html", status, said=TROUBLES.get(status, N_("Something went wrong.")))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(desk.board.run(), name="board"),
                group.create_task(desk.book.run(lambda: round(desk.clocks.wall_s() * 1000)), name="day-book"),
            ]
            yield
            for task in tasks:
                task.cancel()

    routes = [Route(door.path, _guarded(desk, door), methods=[door.method]) for door in [*doors(desk), *(more or [])]]
    return Starlette(
        routes=[*routes, Mount("/static", Kept(directory=FOLDER / "static"), name="static")],
        middleware=[Middleware(Gates, names=host_names), Middleware(GZipMiddleware, minimum_size=600, compresslevel=6)],
        exception_handlers={HTTPException: trouble},
        lifespan=lifespan,
    )
