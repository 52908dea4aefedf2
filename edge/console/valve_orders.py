# SPDX-License-Identifier: Apache-2.0
"""The one manual action: open a valve for five minutes, confirmed; and stop, at once.

The rule it keeps: the confirm page says zone, seconds and litres before anything moves; each confirmation is carried
out once however often it is sent; the agent's gate decides, and what it answers is shown in words.
"""

import math
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.agent_client import AgentAway, BadCall
from edge.console.desk import Desk
from edge.console.farm_view import HOLD_S
from edge.console.sentences import Said, say
from edge.live import Outcome, OutputState
from edge.users import User
from pages.numbers import countdown, with_unit
from pages.words import N_, words

DONE = frozenset({"done", "duplicate"})


class ValveOrders:
    """The routes that move something."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _valve(self, request: Request) -> OutputState:
        name = request.path_params["output"]
        for output in self._desk.state(self._desk.board.shot).outputs:
            if output.output == name and output.kind == "valve":
                return output
        raise HTTPException(404)

    async def confirm(self, request: Request) -> Response:
        """Say what would happen, and ask."""
        valve = self._valve(request)
        language = self._desk.language(request)
        seconds = min(HOLD_S, valve.hold_max_s)
        litres = self._desk.pages(language).litres(valve.output, seconds, valve.flow_l_min)
        return self._desk.render(
            request,
            "open_valve.html",
            output=valve.output,
            zone=self._desk.pages(language).place_of_output(valve.output),
            place=valve.place,
            seconds=round(seconds),
            minutes=countdown(seconds),
            litres=with_unit(litres, "L", 0, language) if math.isfinite(litres) else "",
            allowed=seconds > 0,
            order=secrets.token_urlsafe(12),
        )

    async def open(self, request: Request) -> Response:
        """Ask the agent to hold the valve open."""
        valve = self._valve(request)
        form = await request.form()
        person: User = request.state.person
        if not self._desk.first_time(str(form.get("order", ""))):
            return RedirectResponse(f"/place/{valve.place}", 303)
        seconds = min(HOLD_S, valve.hold_max_s)
        try:
            outcome = await self._desk.agent.hold(valve.output, 1.0, seconds, person.name, person.role)
        except (AgentAway, BadCall):
            return self._not_done(request, valve, None)
        return self._answer(request, valve, outcome)

    async def stop(self, request: Request) -> Response:
        """Close the valve now; needs no confirmation and may be sent twice."""
        valve = self._valve(request)
        person: User = request.state.person
        try:
            outcome = await self._desk.agent.stop(valve.output, person.name, person.role)
        except (AgentAway, BadCall):
            return self._not_done(request, valve, None)
        return self._answer(request, valve, outcome)

    def _answer(self, request: Request, valve: OutputState, outcome: Outcome) -> Response:
        if outcome.outcome in DONE:
            return RedirectResponse(f"/place/{valve.place}", 303)
        return self._not_done(request, valve, outcome)

    def _not_done(self, request: Request, valve: OutputState, outcome: Outcome | None) -> Response:
        language = words(self._desk.language(request))
        if outcome is None:
            said = Said(
                language.text(N_("The controller does not answer.")),
                language.text(N_("The valve closes by itself. Check the controller's power, then try again.")),
            )
        else:
            said = say(outcome.detail or outcome.outcome, outcome.fields, self._desk.reasons, language)
        zone = self._desk.pages(language.language).place_of_output(valve.output)
        return self._desk.render(
            request, "not_done.html", 503 if outcome is None else 409, said=said, zone=zone, place=valve.place
        )
