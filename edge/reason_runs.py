# SPDX-License-Identifier: Apache-2.0
"""Decisions told as a farmer would: one reason for a stretch of time, also where an output only pulsed.

The rule it keeps: nothing is invented. A stretch carries the newest decision of its reason as it was stored; a fan
that runs a part of every ten minutes has one reason and says how much of the time it ran.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.history import LogReader, Stored
from telemetry.records import Ack, Decision, Event

PULSE: Final = "climate.between_pulses"
PULSED: Final = "climate."
SPANS_H: Final = (2.0, 24.0)
ORDERS: Final = frozenset({"order.hold", "order.stop"})
# Between two pulses of one reason lie at most so many minutes; longer apart they are two stories.
PULSE_GAP_MS: Final = 15 * 60_000


@dataclass(slots=True)
class Story:
    """One output's reason from ``from_ms`` to ``to_ms`` (ms since 1970). ``on_ms`` of it the output was wanted on.

    ``level`` is the level of its newest decision.
    """

    decision: Decision
    from_ms: int
    to_ms: int
    on_ms: int = 0
    starts: int = 0
    pulsed: bool = False
    level: float = 0.0

    @property
    def share(self) -> float:
        """How much of the time it was on; the level itself where the stretch is only a moment."""
        return self.on_ms / (self.to_ms - self.from_ms) if self.to_ms > self.from_ms else self.decision.level


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored about an output or place: stories (newest last), the last answers of hardware, and orders."""

    stories: tuple[Story, ...]
    answers: dict[str, tuple[int, Ack]]
    orders: tuple[tuple[int, Event], ...]

    def who(self, story: Story) -> Event | None:
        """Give the order that a story obeyed, None where no person gave one."""
        if story.decision.code != "people.override":
            return None
        output = story.decision.output
        given = [event for at, event in self.orders if event.subject == output and at <= story.to_ms]
        return given[-1] if given else None


def steady(before: Decision | None, now: Decision) -> Decision:
    """Give the decision whose reason holds: between two pulses still that of the pulses."""
    if now.code != PULSE or now.limit or before is None:
        return now
    same = before.code.startswith(PULSED) and before.code != PULSE and not before.limit
    return before if same and now.mono_ms - before.mono_ms <= PULSE_GAP_MS else now


def stories(decisions: Sequence[tuple[int, Decision]], until_ms: int) -> list[Story]:
    """Turn one output's decisions (wall ms, oldest first) into stories, the newest last."""
    found: list[Story] = []
    for at_ms, decision in decisions:
        last = found[-1] if found else None
        if last is not None:
            _lengthen(last, at_ms)
        if last is not None and _goes_on(last, decision):
            last.pulsed = last.pulsed or PULSE in {decision.code, last.decision.code}
            last.starts += decision.level > 0.0 and last.level == 0.0
            last.level = decision.level
            if decision.code != PULSE:
                last.decision = decision
        else:
            found.append(Story(decision, at_ms, at_ms, starts=int(decision.level > 0.0), level=decision.level))
    if found:
        _lengthen(found[-1], max(until_ms, found[-1].to_ms))
    return found


def _lengthen(story: Story, to_ms: int) -> None:
    story.on_ms += round((to_ms - story.to_ms) * (story.level > 0.0))
    story.to_ms = to_ms


def _goes_on(story: Story, decision: Decision) -> bool:
    old = story.decision
    if decision.limit != old.limit:
        return False
    if decision.code == old.code:
        return True
    pulses = decision.code.startswith(PULSED) and old.code.startswith(PULSED) and not decision.limit
    return pulses and PULSE in {decision.code, old.code}


def past(reader: LogReader, name: str, until_ms: int, last: int) -> Past:
    """Read the last stories of an output or place before a moment; no further back than it must, at most a day."""
    told: list[Stored] = []
    every: list[Story] = []
    to_ms = until_ms + 1
    for hours in SPANS_H:
        from_ms = until_ms - round(hours * 3.6e6)
        told = reader.others(from_ms, to_ms) + told
        to_ms = from_ms
        decisions: dict[str, list[tuple[int, Decision]]] = {}
        for one in told:
            if isinstance(one.record, Decision) and name in {"", one.record.output, one.record.place}:
                decisions.setdefault(one.record.output, []).append((one.wall_ms, one.record))
        every = [story for rows in decisions.values() for story in stories(rows, until_ms)]
        if len(every) > last * max(1, len(decisions)):
            break
    every.sort(key=lambda story: (story.to_ms, story.from_ms))
    answers = {one.record.output: (one.wall_ms, one.record) for one in told if isinstance(one.record, Ack)}
    orders = tuple(
        (one.wall_ms, one.record) for one in told if isinstance(one.record, Event) and one.record.kind in ORDERS
    )
    return Past(tuple(every[-last:]), answers, orders)
