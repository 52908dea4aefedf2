# SPDX-License-Identifier: Apache-2.0
"""The uplink: carries a log to the hub over any broker until the hub says that each batch can be read there.

The rule it keeps: only the hub's acknowledgement counts, never the broker's; the live batch goes first, the
backlog follows newest first; a hub that is away costs nothing but a question now and then.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from telemetry.envelope import EnvelopeError, read_header
from telemetry.log import Log, LogUnavailableError
from telemetry.notes import AckNote, AskNote, NoteError, read_note, write_note
from telemetry.outbox import Outbox
from telemetry.outgoing import OutgoingRows
from telemetry.ports import Broker, BrokerError, Message, Session
from telemetry.records import FarmProfile
from telemetry.together import until_first_ends
from telemetry.topics import topic

MESSAGE_BYTES: Final = 65_536
ROWS_AT_ONCE: Final = 256
PACE_S: Final = 0.02  # between two messages of backlog, so that a slow line stays free for the live batch
IDLE_S: Final = 1.0
RETRY_S: Final = (0.2, 0.5, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0)
SAVE_S: Final = 60.0
ANSWERS_MAX: Final = 64

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class UplinkState:
    """What the console shows of the uplink."""

    connected: bool = False
    pending_rows: int = 0
    sent_batches: int = 0
    sent_bytes: int = 0
    refused_batches: int = 0
    answer_s: list[float] = field(default_factory=list)  # the last thousand
    trouble: str = ""


class Uplink:
    """Sends one log. ``wake`` it after each flush; ``run`` ends only by being cancelled."""

    def __init__(
        self,
        log: Log,
        rows: OutgoingRows,
        broker: Broker,
        member: str,
        *,
        profile: FarmProfile | None = None,
        now: Callable[[], float],
        on_command: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        """Take the log, its rows, the broker, the member's name and the monotonic clock (s)."""
        self.state = UplinkState()
        self._log = log
        self._rows = rows
        self._broker = broker
        self._member = member
        self._profile = profile
        self._profile_changed = False
        self._now = now
        self._on_command = on_command
        self._wake = asyncio.Event()
        self._answers: deque[bytes] = deque(maxlen=ANSWERS_MAX)
        self._outbox = Outbox(rows.boots(), rows.acked())
        self._announced: set[int] = set()
        self._saved_s = now()

    def wake(self) -> None:
        """Say that the log has grown."""
        self._wake.set()

    def renew(self, profile: FarmProfile) -> None:
        """Tell the hub of a changed profile: over the standing link now, else with the next one."""
        self._profile, self._profile_changed = profile, True
        self._wake.set()

    def answer(self, payload: bytes) -> None:
        """Send what became of a command as soon as there is a link; of many the newest."""
        self._answers.append(payload)
        self.wake()

    def pending(self) -> int:
        """Count the rows that are not acknowledged yet."""
        self._outbox.grow(self._rows.boots())
        return self._outbox.pending()

    def acked_row(self) -> int:
        """Give the row up to which everything is acknowledged: for ``Upkeep``."""
        return self._outbox.acknowledged_below()

    async def run(self) -> None:
        """Keep a connection and send over it."""
        tries = 0
        while True:
            try:
                will = Message(self._topic("state"), b'{"online":false}', 1, retain=True)
                async with self._broker.connect(f"vuon-{self._log.edge}-{self._log.nonce:08x}", will) as session:
                    tries = 0
                    await self._serve(session)
            except BrokerError as error:
                self.state.trouble = str(error)
            finally:
                self.state.connected = False
                self._outbox.link_lost()
                self._save()
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _serve(self, session: Session) -> None:
        """Announce this edge, then send and listen until the link breaks."""
        for kind in ("ack", "ask", "command"):
            await session.subscribe(self._topic(kind))
        self._announced.clear()
        await session.publish(Message(self._topic("state"), b'{"online":true}', 1, retain=True))
        await self._tell_profile(session)
        self.state.connected, self.state.trouble = True, ""
        await until_first_ends(
            uplink_listens=self._listen(session),
            uplink_sends=self._send(session),
        )

    async def _send(self, session: Session) -> None:
        while True:
            while self._answers:
                await session.publish(Message(self._topic("answer"), self._answers[0], 1))
                self._answers.popleft()
            if self._profile_changed:
                await self._tell_profile(session)
            self._outbox.grow(self._rows.boots())
            self._outbox.unanswered(self._now())
            rows = self._outbox.next_rows(self._now(), ROWS_AT_ONCE)
            for first in await self._send_rows(session, rows):
                self._outbox.sent(*first, self._now())
            self.state.pending_rows = self._outbox.pending()
            if self._now() - self._saved_s >= SAVE_S:
                self._save()
            self._wake.clear()
            try:
                async with asyncio.timeout(PACE_S if len(rows) == ROWS_AT_ONCE else IDLE_S):
                    await self._wake.wait()  # wait_for of Python 3.11 may lose a cancellation that comes with the wake
            except TimeoutError:
                continue

    async def _send_rows(self, session: Session, rows: list[int]) -> list[tuple[int, int]]:
        """Send rows in messages of bounded size; give row and size of what went out."""
        gone: list[tuple[int, int]] = []
        message: list[bytes] = []
        size = 0
        for row, data in self._rows.raw_rows(rows):
            try:
                header = read_header(data)
            except EnvelopeError:
                self._outbox.give_up(row)  # gone or damaged: nobody could read it, and ``check`` names it
                continue
            if not header.clock_ok and header.epoch == self._log.epoch and header.nonce == self._log.nonce:
                self._outbox.wait(row, self._now() + IDLE_S)  # its true time will be known soon
                continue
            if header.dictionary and header.dictionary not in self._announced:
                await self._announce(session, header.dictionary)
            if message and size + len(data) > MESSAGE_BYTES:
                await self._publish_batches(session, message)
                message, size = [], 0
            message.append(data)
            size += len(data)
            gone.append((row, len(data)))
        if message:
            await self._publish_batches(session, message)
        return gone

    async def _publish_batches(self, session: Session, batches: list[bytes]) -> None:
        payload = b"".join(batches)
        await session.publish(Message(self._topic("batch"), payload))
        self.state.sent_batches += len(batches)
        self.state.sent_bytes += len(payload)

    async def _announce(self, session: Session, number: int) -> None:
        data = self._rows.dictionary(number)
        if data:
            await session.publish(Message(self._topic("dictionary"), data))
        self._announced.add(number)

    async def _listen(self, session: Session) -> None:
        async for message in session.messages():
            try:
                if message.topic == self._topic("ack"):
                    self._take_ack(read_note(AckNote, message.payload))
                elif message.topic == self._topic("ask"):
                    await self._take_ask(session, read_note(AskNote, message.payload))
                elif message.topic == self._topic("command") and self._on_command:
                    await self._on_command(message.payload)
            except NoteError as error:
                self.state.trouble = f"a note from the hub that cannot be read: {error}"
                _log.warning("%s", self.state.trouble)

    def _take_ack(self, note: AckNote) -> None:
        self.state.answer_s = (self.state.answer_s + self._outbox.answered(note.stored, self._now()))[-1000:]
        if note.refused:
            self.state.refused_batches += len(self._outbox.answered(note.refused, self._now()))
            self.state.trouble = "the hub refused batches; they are among its dead letters"
        if note.held:
            self._outbox.held(note.held, self._now() + min(note.hold_s, 300.0))
        self.wake()

    async def _take_ask(self, session: Session, note: AskNote) -> None:
        if note.fresh:
            self._announced.clear()
        for number in note.dictionaries[:64]:
            await self._announce(session, number)
        if note.dictionaries or note.fresh:
            self._outbox.link_lost()  # what could not be opened there is to be sent again at once
        self._outbox.asked(note.replay)
        if note.profile:
            await self._tell_profile(session)
        self.wake()

    async def _tell_profile(self, session: Session) -> None:
        self._profile_changed = False
        if self._profile:
            await session.publish(Message(self._topic("profile"), write_note(self._profile), 1, retain=True))

    def _save(self) -> None:
        """Write down what is acknowledged, once a minute: losing it costs a resend, writing it costs the card."""
        self._saved_s = self._now()
        if (acked := self._outbox.to_store()) is not None:
            try:
                self._log.save_acked([(s.epoch, s.nonce, low, high) for s in acked for low, high in s.ranges])
            except LogUnavailableError as error:  # not worth more than a word: it is written a minute later
                self.state.trouble = str(error)

    def _topic(self, kind: str) -> str:
        return topic(self._member, self._log.edge, kind)
