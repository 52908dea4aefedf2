# SPDX-License-Identifier: Apache-2.0
"""The alarms' place in the agent: each tick it decides on calls, sounds the siren, and takes people's answers.

The rule it keeps: a tick does no I/O here; files are written and the sending child is run by a task beside control,
and whatever becomes of them, control goes on. The siren goes through the same gate as a valve, with an expiry.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from controllers.settings import minute_of_day
from drivers.kept import kept_json
from drivers.whole_file import write_whole
from edge.alarm_calls import Call, Caller
from edge.alarm_life import RANK, AlarmMemory, Fields, Key, may_acknowledge
from edge.alarms import AlarmBoard
from edge.config import FarmConfig
from edge.console.alarm_words import Message, message
from edge.console.reason_words import reason_words
from edge.live import Alarm, Outcome
from edge.notify_keeper import NotifyKeeper
from edge.notify_queue import Notice, Queue
from edge.orders import Orders
from edge.seen_orders import Giver
from edge.world import BootClock
from pages.numbers import LANGUAGES
from pages.words import N_, words
from telemetry.records import AnyRecord, Event

MEMORY_FILE: Final = "alarms.state"
SIREN: Final = "alarm"  # who sounds the siren, in the log and on the page
LAMP_S: Final = 120.0
LAMP_RENEW_MS: Final = 60_000
TEST_SIREN_S: Final = 3.0
TEST_EVERY_MS: Final = 10_000
WAITING_MAX: Final = 200
RETRY_S: Final = 10.0
TESTED_JUST_NOW: Final = N_("the alarms were tested just now; wait a moment")


class AlarmArgs(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``acknowledge``, ``shelve``, ``unshelve`` (an alarm's number) and ``alarm_test`` (none)."""

    person: str
    role: str
    number: int = 0
    seconds: float = 0.0


class AlarmDesk:
    """Alarms of one agent: ``tick`` from the control loop, ``order`` from the socket, ``run`` beside control."""

    def __init__(
        self,
        config: FarmConfig,
        board: AlarmBoard,
        orders: Orders,
        boot: BootClock,
        record: Callable[[Sequence[AnyRecord]], None],
        state: Path,
        epoch: int,
        *,
        send: bool,
    ) -> None:
        """Take the parts; ``send`` False (virtual time) decides on calls and reaches nobody."""
        self._farm = config
        self._settings = config.alarms
        self._board = board
        self._orders = orders
        self._boot = boot
        self._record = record
        self._state = state
        self._contacts_file = config.alarms.contacts_file if send else ""
        self._epoch = epoch
        settings = config.alarms
        quiet = (minute_of_day(settings.quiet_from), minute_of_day(settings.quiet_to))
        self._caller = Caller(round(settings.escalate_after_min * 60_000), quiet)
        self._reasons = reason_words()
        self._words = {name: words(name) for name in LANGUAGES}  # read now: a tick reads no file
        self._stir = asyncio.Event()
        self._unsaved = False
        self._notices: deque[Notice] = deque(maxlen=WAITING_MAX)
        self._sent = 0
        self._spoken: dict[Key, Alarm] = {}  # for the words of their end
        self._lamp_ms = -LAMP_RENEW_MS
        self._test_ms = -TEST_EVERY_MS
        board.changed = self._changed

    def restore(self) -> None:
        """Take over the alarms of the last boot; what cannot be read is as if it were not there."""
        memory = kept_json(self._state / MEMORY_FILE, AlarmMemory)
        if memory is None:
            return
        wall_ms, clock_ok = self._boot.wall()
        self._board.restore(memory, self._boot.mono_ms(), wall_ms, clock_ok=clock_ok)
        self._caller.restore(memory.told, self._boot.mono_ms())

    # ---- the tick --------------------------------------------------------------------------------

    def tick(self, mono_ms: int, minute: int) -> None:
        """End what has run out, and call people."""
        self._board.look(mono_ms)
        self._watch_clock(mono_ms)
        groups = self._board.groups()
        for call in self._caller.look(groups, mono_ms, minute, clock_ok=self._boot.clock_ok):
            self._call(call, mono_ms)
        self._signal(mono_ms, any(RANK[g.severity] >= RANK["alarm"] and not g.acknowledged for g in groups))

    def _watch_clock(self, mono_ms: int) -> None:
        """Say that the clock was never right in this boot: the engine only tells of changes."""
        if self._boot.clock_ok:
            self._board.clear("clock.untrusted", "farm", mono_ms)
        elif mono_ms > self._settings.clock_patience_s * 1000.0:
            self._board.put("clock.untrusted", "farm", "warning", mono_ms)

    def _call(self, call: Call, mono_ms: int) -> None:
        kind, subject = call.key
        fields: Fields = {"alarm": kind, "why": call.why, "tier": call.tier, "inside": call.inside}
        self._record((Event("alarm.call", subject, mono_ms, fields=fields),))
        self._unsaved = True
        if self._contacts_file:
            self._write(call)
        if call.severity == "critical" and call.why != "cleared":
            self._sound(self._settings.siren_s)
        self._stir.set()

    def _write(self, call: Call) -> None:
        wall_ms, _ = self._boot.wall()
        alarm = next(
            (one for one in self._board.live(self._boot.mono_ms()) if (one.kind, one.subject) == call.key), None
        )
        if alarm is not None:
            self._spoken[call.key] = alarm
            while len(self._spoken) > WAITING_MAX:
                del self._spoken[next(iter(self._spoken))]
        elif call.why == "cleared":
            alarm = self._spoken.pop(call.key, None)
        texts: dict[str, Message] = {
            name: message(call, alarm, self._farm, self._reasons, speech, wall_ms)
            for name, speech in self._words.items()
        }
        self._sent += 1
        self._notices.append(
            Notice(
                f"{self._epoch:08d}-{self._sent:06d}",
                wall_ms,
                call.severity,
                call.why,
                call.tier,
                {name: text.title for name, text in texts.items()},
                {name: text.body for name, text in texts.items()},
            )
        )

    def _sound(self, seconds: float) -> None:
        for output in self._settings.sirens:
            if output not in self._orders.overrides:  # a person's own order goes first
                self._orders.hold(output, 1.0, min(seconds, self._orders.hold_max_s(output)), _giver())

    def _signal(self, mono_ms: int, unseen: bool) -> None:
        """Keep the lamps on while an alarm waits for somebody; end siren and lamps when nothing waits."""
        if unseen and mono_ms - self._lamp_ms >= LAMP_RENEW_MS:
            self._lamp_ms = mono_ms
            for output in self._settings.lamps:
                standing = self._orders.overrides.get(output)
                if standing is None or standing.person == SIREN:
                    self._orders.hold(output, 1.0, min(LAMP_S, self._orders.hold_max_s(output)), _giver())
        elif not unseen and self._lamp_ms >= 0:
            self._lamp_ms = -LAMP_RENEW_MS
            self._hush(self._settings.lamps)

    def _hush(self, outputs: Sequence[str]) -> None:
        for output in outputs:
            standing = self._orders.overrides.get(output)
            if standing is not None and standing.person == SIREN:
                self._orders.drop(output)

    def _changed(self) -> None:
        self._unsaved = True
        self._stir.set()

    # ---- people's answers ------------------------------------------------------------------------

    def order(self, call: str, args: dict[str, Any]) -> Outcome:
        """Carry out one answer of a person; ValidationError for bad arguments."""
        given = msgspec.convert(args, AlarmArgs)
        now = self._boot.mono_ms()
        refused: tuple[str, Fields]
        match call:
            case "acknowledge":
                refused = self._board.acknowledge(given.number, given.person, given.role, now)
                if not refused[0]:
                    self._hush(self._settings.sirens)
            case "shelve":
                refused = self._board.shelve(given.number, given.seconds, given.person, given.role, now)
            case "unshelve":
                refused = self._board.unshelve(given.number, given.person, given.role, now)
            case _:
                refused = (self._test(given, now), {})
        return Outcome("refused", *refused) if refused[0] else Outcome("done")

    def _test(self, given: AlarmArgs, now: int) -> str:
        refused = may_acknowledge(given.role)
        if refused:
            return refused
        if now - self._test_ms < TEST_EVERY_MS:
            return TESTED_JUST_NOW
        self._test_ms = now
        self._record((Event("alarm.test", "farm", now, person=given.person),))
        if self._contacts_file:
            self._write(Call(("test", "farm"), "critical", "test", 3, 0))
        self._sound(TEST_SIREN_S)
        self._stir.set()
        return ""

    # ---- beside control --------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the memory and the queue on disk, and have the queue sent, until cancelled."""
        keeper = NotifyKeeper(self._state, self._contacts_file, self._delivered)
        sending = asyncio.create_task(keeper.run(), name="notify") if self._contacts_file else None
        try:
            while True:
                await self._stir.wait()
                self._stir.clear()
                try:
                    await self._keep()
                except OSError as error:
                    self._board.put("disk.refuses", "alarms", "alarm", self._boot.mono_ms(), {"detail": str(error)})
                    await asyncio.sleep(RETRY_S)
                    self._stir.set()
                else:
                    self._board.clear("disk.refuses", "alarms", self._boot.mono_ms())
                    keeper.stir()
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _keep(self) -> None:
        """Write what has changed."""
        if self._unsaved:
            self._unsaved = False
            wall_ms, clock_ok = self._boot.wall()
            now = self._boot.mono_ms()
            memory = self._board.memory(now, wall_ms, clock_ok=clock_ok)
            memory = msgspec.structs.replace(memory, told=self._caller.memory(now))
            try:
                await asyncio.to_thread(write_whole, self._state / MEMORY_FILE, msgspec.json.encode(memory))
            except OSError:
                self._unsaved = True
                raise
        queue = Queue(self._state)
        while self._notices:
            for lost in await asyncio.to_thread(queue.add, self._notices[0]):
                self._delivered(lost.id, "*", "dropped", 0, "", "the queue is full")
            self._notices.popleft()

    def _delivered(self, notice: str, contact: str, outcome: str, attempts: int, way: str, detail: str) -> None:
        """Note in the log what became of a message to one person; nobody reachable is an alarm of its own."""
        now = self._boot.mono_ms()
        fields: Fields = {"notice": notice, "attempts": attempts, "way": way, "detail": detail}
        severity = "info" if outcome == "sent" else "warning"
        self._record((Event(f"notify.{outcome}", contact, now, severity, fields=fields),))
        whom = "contacts" if contact == "*" else contact
        if outcome == "sent":
            self._board.clear("notify.fails", "contacts", now)
            self._board.clear("notify.fails", whom, now)
        else:
            self._board.put("notify.fails", whom, "warning", now, {"detail": detail, "attempts": attempts})


def _giver() -> Giver:
    return Giver(SIREN, "operator", "remote")
