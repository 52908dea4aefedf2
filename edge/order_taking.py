# SPDX-License-Identifier: Apache-2.0
"""Carries out orders from afar: each is verified, written down, taken to the desk and answered.

The rule it keeps: an order's number is on the disk before anything acts, so that no restart hears it twice; every
refusal is an event with its reason; what cannot be verified may neither flood the log nor hold up the link.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drivers.kept import kept_json
from drivers.whole_file import write_whole
from edge.config_exchange import Issuer
from edge.live import Outcome
from edge.remote_orders import LOOP_SILENT, REPEATED, TOO_MANY, Answers, Heard, Judge
from telemetry.records import Event
from telemetry.remote_orders import Order, OrderAnswer, OrderRefused, digest, write_answer

if TYPE_CHECKING:
    from edge.agent import Agent

HEARD_FILE: Final = "remote-orders.json"
WAITING_MAX: Final = 16
STRANGE_MAX: Final = 30  # events of orders that nobody known has signed, in STRANGE_WITHIN_S
STRANGE_WITHIN_S: Final = 600.0
DETAIL_MAX: Final = 200

Fields = dict[str, str | float | int | bool]


class OrderTaking:
    """The farm's ear for orders from afar. ``answer`` sends bytes back; ``now_s`` is monotonic."""

    def __init__(self, judge: Judge, state: Path, answer: Callable[[bytes], None], now_s: Callable[[], float]) -> None:
        self._judge = judge
        self._file = state / HEARD_FILE
        self._answer = answer
        self._now_s = now_s
        self._heard = Heard(_read(self._file))
        self._answers = Answers()
        self._repeated: set[bytes] = set()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self._strange: deque[float] = deque(maxlen=STRANGE_MAX)
        self._untold = 0

    async def take(self, payload: bytes) -> None:
        """Take what came on the command topic; returns at once."""
        if self._answers.known(payload):
            given = self._answers.given(payload)
            if given is not None:
                self._answer(write_answer(given))
                if digest(payload) not in self._repeated:
                    self._waiting_or_not(payload)
            return
        if not self._waiting_or_not(payload):
            self._answer(write_answer(OrderAnswer(digest(payload), "refused", TOO_MANY)))

    def _waiting_or_not(self, payload: bytes) -> bool:
        try:
            self._waiting.put_nowait(payload)
        except asyncio.QueueFull:
            return False
        return True

    async def run(self, agent: "Agent") -> None:
        """Carry out orders one after the other until cancelled."""
        while True:
            await self._serve(await self._waiting.get(), agent)

    async def _serve(self, payload: bytes, agent: "Agent") -> None:
        if self._answers.known(payload):
            self._note_repeated(payload, agent)
            return
        self._answers.begin(payload)
        wall_ms, clock_ok = agent.boot.wall()
        try:
            issuer, order = self._judge.verify(payload)
        except OrderRefused as refused:
            self._strange_order(agent, refused)
            self._end(OrderAnswer(digest(payload), "refused", refused.code, _detail(refused.detail), at_ms=wall_ms))
            return
        try:
            self._judge.allow(issuer, order, self._heard, wall_ms, clock_ok=clock_ok)
        except OrderRefused as refused:
            outcome = Outcome("refused", refused.code, _detail(refused.detail))
        else:
            heard = self._heard.after(order)
            await asyncio.to_thread(write_whole, self._file, msgspec.json.encode(heard.last))
            self._heard = heard
            outcome = await _carried_out(agent, order, _arguments(issuer, order))
        self._tell(agent, order, outcome)
        self._end(
            OrderAnswer(
                digest(payload), outcome.outcome, outcome.detail, outcome.fields, outcome.command, agent.boot.wall()[0]
            )
        )

    def _end(self, answer: OrderAnswer) -> None:
        self._answers.end(answer)
        self._answer(write_answer(answer))

    def _tell(self, agent: "Agent", order: Order, outcome: Outcome) -> None:
        """Write down who wanted what, and what became of it."""
        fields: Fields = {
            "issuer": order.issuer,
            "epoch": order.epoch,
            "seq": order.seq,
            "call": order.call,
            "outcome": outcome.outcome,
            "reason": outcome.detail,
            **{f"seen_{name}": value for name, value in outcome.fields.items()},
        }
        severity = "info" if outcome.outcome == "done" else "warning"
        subject = order.output or order.place or "farm"
        event = Event("order.remote", subject, agent.boot.mono_ms(), severity, order.person, fields)
        agent.record((event,))

    def _strange_order(self, agent: "Agent", refused: OrderRefused) -> None:
        """Write down an order that nobody known has signed; of a flood only how many there were."""
        now_s = self._now_s()
        if len(self._strange) == STRANGE_MAX and now_s - self._strange[0] < STRANGE_WITHIN_S:
            self._untold += 1
            return
        self._strange.append(now_s)
        fields: Fields = {"reason": refused.code, **_detail(refused.detail)}
        if self._untold:
            fields["more"], self._untold = self._untold, 0
        agent.record((Event("order.refused", "farm", agent.boot.mono_ms(), "warning", fields=fields),))

    def _note_repeated(self, payload: bytes, agent: "Agent") -> None:
        """Write down once that an order came twice."""
        name = digest(payload)
        if name in self._repeated:
            return
        self._repeated = {kept for kept in self._repeated if self._answers.has(kept)} | {name}
        fields: Fields = {"reason": REPEATED, "order": name.hex()}
        agent.record((Event("order.refused", "farm", agent.boot.mono_ms(), fields=fields),))


async def _carried_out(agent: "Agent", order: Order, arguments: dict[str, Any]) -> Outcome:
    try:
        return await agent.desk.order(order.call, arguments, "remote")
    except TimeoutError:
        return Outcome("failed", LOOP_SILENT)
    except ValueError as error:
        return Outcome("refused", "these bytes are no order", _detail(str(error)))


def _arguments(issuer: Issuer, order: Order) -> dict[str, Any]:
    """Give the desk's arguments; the person carries the issuer's name, so that nobody passes for one of the farm."""
    numbered = {"issuer": order.issuer, "epoch": order.epoch, "seq": order.seq}
    whose: dict[str, Any] = {"person": f"{order.person} ({issuer.name})", "role": order.role, **numbered}
    match order.call:
        case "hold":
            return {"output": order.output, "level": order.level, "seconds": order.seconds, **whose}
        case "stop":
            return {"output": order.output, **whose}
        case _:
            return {"place": order.place, "seconds": order.seconds, **whose}


def _detail(text: str) -> Fields:
    return {"seen": text[:DETAIL_MAX]} if text else {}


def _read(file: Path) -> dict[str, tuple[int, int]]:
    """Read the numbers heard before; a file that is not there or not ours is as none, and orders die of old age."""
    return kept_json(file, dict[str, tuple[int, int]]) or {}
