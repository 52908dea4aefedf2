# SPDX-License-Identifier: Apache-2.0
"""The page of the alarms: what is wrong, who has seen it, and three buttons: seen, later, test.

The rule it keeps: the agent's board decides what a role may do; the page only asks, and says what was answered.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.agent_client import AgentAway, BadCall
from edge.alarm_history import PastAlarm, history
from edge.console.alarm_words import Places, said_of
from edge.console.desk import Desk
from edge.console.farm_view import SEVERITIES
from edge.console.sentences import SEVERITY_WORDS, Said, ago, say
from edge.live import Alarm, Outcome
from edge.users import User
from pages.numbers import clock, countdown
from pages.words import N_, words

DAY_MS: Final = 86_400_000
PAST_MAX: Final = 30
SHELVES_S: Final = {1800: N_("30 minutes"), 7200: N_("2 hours"), 28_800: N_("8 hours")}


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as the page shows it; ``inside`` are its consequences."""

    number: int
    severity: str
    severity_word: str
    where: str
    said: Said
    since: str
    seen_by: str
    shelved_by: str
    shelved_left: str
    inside: tuple["AlarmView", ...]


@dataclass(frozen=True, slots=True)
class PastView:
    """One alarm of the last day."""

    begin: str
    end: str
    where: str
    text: str
    person: str


class AlarmPages:
    """The routes of the alarms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, request: Request) -> Response:
        """Show what stands, and the last day."""
        state = self._desk.state(self._desk.board.shot)
        ranked = sorted(state.alarms, key=lambda one: (bool(one.shelved_s), _urgency(one), one.for_s))
        now_ms = round(self._desk.clocks.wall_s() * 1000)
        events = await self._desk.book.events(now_ms - DAY_MS, now_ms + 1)
        past = history(events or [])
        return self._desk.render(
            request,
            "alarms.html",
            alarms=[self._view(request, alarm) for alarm in ranked],
            past=[self._past_view(request, one) for one in past[:PAST_MAX]],
            trouble=self._desk.book.trouble if events is None else "",
            shelves=SHELVES_S,
            away=self._desk.board.shot.away,
            done=request.query_params.get("done", ""),
        )

    async def acknowledge(self, request: Request) -> Response:
        """Somebody has seen it."""
        person: User = request.state.person
        return await self._ask(
            request, self._desk.agent.acknowledge(request.path_params["number"], person.name, person.role)
        )

    async def shelve(self, request: Request) -> Response:
        """Call nobody for it for one of the times of the page."""
        person: User = request.state.person
        text = str((await request.form()).get("seconds", ""))
        seconds = float(text) if text.isdecimal() else 0.0
        return await self._ask(
            request, self._desk.agent.shelve(request.path_params["number"], seconds, person.name, person.role)
        )

    async def unshelve(self, request: Request) -> Response:
        """Call people for it again."""
        person: User = request.state.person
        return await self._ask(
            request, self._desk.agent.unshelve(request.path_params["number"], person.name, person.role)
        )

    async def test(self, request: Request) -> Response:
        """Try every way to people."""
        person: User = request.state.person
        return await self._ask(request, self._desk.agent.test_alarms(person.name, person.role), "?done=test")

    async def _ask(self, request: Request, question: Awaitable[Outcome], done: str = "") -> Response:
        language = words(self._desk.language(request))
        try:
            outcome = await question
        except (AgentAway, BadCall):
            said = Said(language.text(N_("The controller does not answer.")))
            return self._desk.render(request, "alarm_not_done.html", 503, said=said)
        if outcome.outcome == "done":
            return RedirectResponse(f"/alarms{done}", 303)
        said = say(outcome.detail, outcome.fields, self._desk.reasons, language)
        return self._desk.render(request, "alarm_not_done.html", 409, said=said)

    def _view(self, request: Request, alarm: Alarm) -> AlarmView:
        language = words(self._desk.language(request))
        return AlarmView(
            alarm.number,
            alarm.severity,
            language.text(SEVERITY_WORDS.get(alarm.severity, alarm.severity)),
            Places(self._desk.config, language).where(alarm.subject),
            said_of(alarm, self._desk.reasons, language),
            ago(alarm.for_s, language),
            alarm.person,
            alarm.shelved_by if alarm.shelved_s else "",
            countdown(alarm.shelved_s) if alarm.shelved_s else "",
            tuple(self._view(request, one) for one in alarm.inside),
        )

    def _past_view(self, request: Request, one: PastAlarm) -> PastView:
        language, zone = words(self._desk.language(request)), self._desk.config.farm.timezone
        return PastView(
            clock(one.raised_ms, zone),
            clock(one.cleared_ms, zone) if one.cleared_ms else "",
            Places(self._desk.config, language).where(one.subject),
            said_of(Alarm(one.kind, one.subject, one.severity, 0.0, one.fields), self._desk.reasons, language).text,
            one.person,
        )


def _urgency(alarm: Alarm) -> int:
    return SEVERITIES.index(alarm.severity) if alarm.severity in SEVERITIES else 0
