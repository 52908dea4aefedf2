# SPDX-License-Identifier: Apache-2.0
"""The gate: on is a lease, off needs nobody, late orders die, dead boards delay nobody."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from controllers.settings import OutputSettings
from drivers.ports import Confirmation, LineDown, OutputAbility
from edge import virtual
from edge.actuation import Gate
from telemetry.records import Ack, AnyRecord, Command, Event
from tests.support.waiting import passes


@dataclass
class Board:
    """A relay board that closes by itself, remembers what it was told, and can be dead or deaf."""

    loop: virtual.VirtualLoop
    said: list[tuple[float, str, str, float]] = field(default_factory=list)
    until: dict[str, float] = field(default_factory=dict)
    dead: bool = False
    deaf: bool = False
    delay_s: float = 0.05

    def abilities(self) -> Mapping[str, OutputAbility]:
        return {c: OutputAbility(leased=True, proportional=False, lease_max_s=60.0, feedback=False) for c in "12"}

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        await self._answer()
        self.said.append((self.loop.time(), "hold", output, lease_s))
        self.until[output] = self.loop.time() + lease_s
        return Confirmation("done")

    async def release(self, output: str) -> Confirmation:
        await self._answer()
        self.said.append((self.loop.time(), "release", output, 0.0))
        self.until.pop(output, None)
        return Confirmation("done")

    async def _answer(self) -> None:
        await passes(1e6 if self.deaf else self.delay_s)
        if self.dead:
            raise LineDown("board", "no answer", "check the power of the board")

    def on(self, output: str) -> bool:
        return self.until.get(output, -1.0) > self.loop.time()


class Rig:
    def __init__(self, loop: virtual.VirtualLoop) -> None:
        self.loop = loop
        self.records: list[AnyRecord] = []
        self.board = Board(loop)
        self.gate = Gate(lambda: round(loop.time() * 1000), self._record, epoch=3)
        self.bank = self.gate.add_bank(
            "relay",
            self.board,
            {
                "valve-1": ("1", OutputSettings("valve-1", "valve", "zone-1", lease_s=10.0)),
                "fan-1": ("2", OutputSettings("fan-1", "fan", "house-1", lease_s=10.0)),
            },
        )

    def _record(self, records: Sequence[AnyRecord]) -> None:
        self.records.extend(records)

    async def tick(self, seconds: float, level: float, output: str = "valve-1", origin: str = "local") -> None:
        end = self.loop.time() + seconds
        while self.loop.time() < end - 1e-6:
            self.gate.affirm(output, level, origin, "soil is dry")
            await passes(1.0)

    def of(self, kind: type[AnyRecord]) -> list[AnyRecord]:
        return [r for r in self.records if isinstance(r, kind)]


def run(play: Callable[[Rig], Awaitable[None]]) -> Rig:
    async def main(loop: virtual.VirtualLoop) -> Rig:
        rig = Rig(loop)
        task = asyncio.create_task(rig.gate.serve(rig.bank))
        await passes(0.5)
        await play(rig)
        task.cancel()
        return rig

    return virtual.run(main)


def test_at_start_every_output_is_put_in_its_safe_state() -> None:
    async def play(rig: Rig) -> None:
        await passes(1)

    rig = run(play)
    assert [(kind, output) for _, kind, output, _ in rig.board.said] == [("release", "1"), ("release", "2")]
    assert rig.of(Command) == []


def test_an_affirmed_output_is_renewed_and_its_command_is_acknowledged_once() -> None:
    async def play(rig: Rig) -> None:
        await rig.tick(60, 1.0)
        assert rig.board.on("1")

    rig = run(play)
    holds = [at for at, kind, _, _ in rig.board.said if kind == "hold"]
    assert 10 <= len(holds) <= 14
    assert max(b - a for a, b in pairwise(holds)) < 10.0
    (command,) = rig.of(Command)
    (ack,) = rig.of(Ack)
    assert isinstance(command, Command)
    assert isinstance(ack, Ack)
    assert command.lease_ms == 10_000
    assert command.expires_ms - command.mono_ms <= 10_000
    assert (ack.command, ack.outcome) == (command.id, "done")


def test_when_nobody_affirms_any_more_the_output_closes_within_its_lease() -> None:
    async def play(rig: Rig) -> None:
        await rig.tick(5, 1.0)
        await passes(11.0)
        assert not rig.board.on("1")

    rig = run(play)
    assert [r.kind for r in rig.of(Event) if isinstance(r, Event)] == ["output.lapsed"]


def test_closing_is_sent_at_once_and_before_anything_else() -> None:
    async def play(rig: Rig) -> None:
        await rig.tick(3, 1.0)
        rig.gate.affirm("fan-1", 1.0, "local", "too hot")
        rig.gate.affirm("valve-1", 0.0, "local", "wet enough")
        rig.board.said.clear()
        await passes(0.2)

    rig = run(play)
    assert [(kind, output) for _, kind, output, _ in rig.board.said] == [("release", "1"), ("hold", "2")]


def test_an_order_that_could_not_be_sent_is_never_sent_late() -> None:
    async def play(rig: Rig) -> None:
        rig.board.deaf = True
        rig.gate.affirm("valve-1", 1.0, "manual", "person", "lan")
        await passes(20.0)
        rig.board.deaf = False
        await passes(20.0)

    rig = run(play)
    assert not [1 for _, kind, _, _ in rig.board.said if kind == "hold"]
    assert [a.outcome for a in rig.of(Ack) if isinstance(a, Ack)] == ["failed", "expired"]


def test_a_dead_board_is_reported_once_and_recovers_by_itself() -> None:
    async def play(rig: Rig) -> None:
        rig.board.dead = True
        await rig.tick(30, 1.0)
        rig.board.dead = False
        await rig.tick(5, 1.0)
        assert rig.board.on("1")

    rig = run(play)
    assert [r.kind for r in rig.of(Event) if isinstance(r, Event)] == ["output.silent", "output.answers"]
    assert [a.outcome for a in rig.of(Ack) if isinstance(a, Ack)] == ["failed", "done"]


def test_a_deaf_board_does_not_delay_another_board() -> None:
    async def main(loop: virtual.VirtualLoop) -> float:
        rig = Rig(loop)
        other = Board(loop)
        second = rig.gate.add_bank("other", other, {"pump-1": ("1", OutputSettings("pump-1", "pump", "line-1"))})
        rig.board.deaf = True
        tasks = [asyncio.create_task(rig.gate.serve(bank)) for bank in (rig.bank, second)]
        await passes(1.0)
        start = loop.time()
        rig.gate.affirm("pump-1", 1.0, "local", "zone open")
        await passes(1.0)
        for task in tasks:
            task.cancel()
        return next(at for at, kind, _, _ in other.said if kind == "hold") - start

    assert virtual.run(main) < 0.2


def test_a_person_taking_over_the_same_level_is_a_new_command_but_no_new_switching() -> None:
    async def play(rig: Rig) -> None:
        await rig.tick(2, 1.0)
        rig.board.said.clear()
        rig.gate.affirm("valve-1", 1.0, "manual", "person", "lan")
        await passes(1.1)

    rig = run(play)
    assert rig.board.said == []
    assert [c.origin for c in rig.of(Command) if isinstance(c, Command)] == ["local", "manual"]
    assert [a.outcome for a in rig.of(Ack) if isinstance(a, Ack)] == ["done", "done"]


def test_at_the_end_everything_is_released_even_when_one_board_hangs() -> None:
    async def main(loop: virtual.VirtualLoop) -> float:
        rig = Rig(loop)
        rig.board.deaf = True
        start = loop.time()
        await rig.gate.make_safe(5.0)
        return loop.time() - start

    assert virtual.run(main) <= 5.1
