# SPDX-License-Identifier: Apache-2.0
"""Working at a place: keep its outputs safe while somebody is there, and release what safety has latched.

The rule it keeps: the agent decides what a role may do and for how long; the work ends by itself after its time.
"""

from collections.abc import Awaitable
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.agent_client import AgentAway, BadCall
from edge.console.desk import Desk
from edge.console.sentences import Said, say
from edge.live import Outcome
from edge.users import User
from pages.words import N_, words

WORK_S: Final = 1800.0


class PlaceOrders:
    """The routes of a technician at a place."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def work(self, request: Request) -> Response:
        """Keep the place's outputs safe for half an hour."""
        return await self._maintain(request, WORK_S)

    async def done(self, request: Request) -> Response:
        """The work is done."""
        return await self._maintain(request, 0.0)

    async def reset(self, request: Request) -> Response:
        """Somebody has looked: release what is latched here."""
        person: User = request.state.person
        place = request.path_params["place"]
        return await self._answer(request, self._desk.agent.reset(place, person.name, person.role))

    async def _maintain(self, request: Request, seconds: float) -> Response:
        person: User = request.state.person
        place = request.path_params["place"]
        return await self._answer(request, self._desk.agent.maintain(place, seconds, person.name, person.role))

    async def _answer(self, request: Request, question: Awaitable[Outcome]) -> Response:
        place = request.path_params["place"]
        language = words(self._desk.language(request))
        status = 409
        try:
            outcome = await question
        except (AgentAway, BadCall):
            said, status = Said(language.text(N_("The controller does not answer."))), 503
        else:
            if outcome.outcome == "done":
                return RedirectResponse(f"/place/{place}", 303)
            said = say(outcome.detail or outcome.outcome, outcome.fields, self._desk.reasons, language)
        return self._desk.render(request, "not_done.html", status, said=said, zone=place, place=place)
