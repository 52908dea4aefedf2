# SPDX-License-Identifier: Apache-2.0
"""One board on one line: connect, fence, configure, keep leases alive, and come back after every loss.

The rule it keeps: nothing is commanded before dictionary, epoch and configuration agree. A board that serves a
higher epoch than ours has another master: we fall silent until a person decides. All I/O goes through the byte
stream that the opener gives; all time is the event loop's.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from drivers.ports import ByteStream, Fault, LineDown, StreamOpener
from firmware_bridge.board_config import BoardConfig
from firmware_bridge.board_state import BoardState, Values, number
from firmware_bridge.board_types import kind_of
from firmware_bridge.calls import CallFailed, refusal_code
from firmware_bridge.clock_sync import ClockSync
from firmware_bridge.codes import ResetCause, Shutdown
from firmware_bridge.leases import Wishes
from firmware_bridge.link import Link, State
from firmware_bridge.link_events import (
    Abandoned,
    Connected,
    Died,
    Event,
    Mismatched,
    Refused,
    Replied,
    ReplyLost,
    Reported,
    Restarted,
)

CALL_TIMEOUT_S: Final = 4.0  # the link gives up after 3
CLOCK_PERIOD_S: Final = 2.0
RENEW_PART: Final = 4  # leases are renewed four times in their time: three may be lost
EXPIRY_S: Final = 1.0  # a call that reaches the board later than this is refused there
REOPEN_FIRST_S: Final = 0.1
REOPEN_MAX_S: Final = 5.0


class Epochs(Protocol):
    """Where the host keeps the last epoch it claimed on this board."""

    def last(self) -> int:
        """Give the last claimed epoch; 0 when none."""

    def keep(self, epoch: int) -> None:
        """Remember ``epoch`` for good before it is used."""


class _Reconnect(Exception):
    """The session cannot go on with this line."""


class _Restart(Exception):
    """The board was reset under us; opening the port anew would only reset it once more."""


def _unheard(_fault: Fault) -> None:
    """Nobody listens yet."""


class Bridge:
    """The host's side of one board. ``run`` it as a task; call it from anywhere on the same loop."""

    def __init__(
        self,
        opener: StreamOpener,
        config: BoardConfig,
        epochs: Epochs,
        *,
        host_id: int,
        report: Callable[[Fault], None] = _unheard,
    ) -> None:
        """``host_id``: random, not 0, one for each process; ``report`` takes every fault and change of state."""
        self.config = config
        self.board = BoardState()
        self.wishes = Wishes()
        self.clock = ClockSync()
        self.ready = False
        self.fenced = False
        self.about = ""
        self.on_report: Callable[[str, Values], None] = lambda _name, _values: None
        self.on_renew: Callable[[], Awaitable[None]] | None = None
        self._opener = opener
        self._epochs = epochs
        self._host_id = host_id
        self._report = report
        self._known: dict[int, tuple[str, ...]] = {}
        self._link = Link(host_id, self._known)
        self._pending: dict[int, asyncio.Future[Values]] = {}
        self._wake = asyncio.Event()
        self._connected = asyncio.Event()
        self._mismatch: tuple[str, ...] = ()
        self._epoch = 0
        self._board_ms = (0.0, 0)
        self._looked_at = False

    def listen(self, report: Callable[[Fault], None]) -> None:
        """Let ``report`` take every fault and change of state from now on."""
        self._report = report

    def somebody_looked(self) -> None:
        """Release what the board has latched, for a person has looked; the board refuses while the cause lasts."""
        self._looked_at = True

    @property
    def epoch(self) -> int:
        """The epoch we command with; 0 before the first claim."""
        return self._epoch

    @property
    def link(self) -> Link:
        """The link, for its counts."""
        return self._link

    # --- life ---

    async def run(self) -> None:
        """Serve the board until cancelled; a lost line is reopened, ever more slowly up to five seconds."""
        wait_s = REOPEN_FIRST_S
        while True:
            began = _now()
            try:
                stream = await self._opener.open()
                try:
                    await self._sessions(stream)
                finally:
                    self.ready = False
                    stream.close()
                    self._fail_pending("mcu.line_down")
            except LineDown as down:
                self._fault("mcu.line_down", f"{down.where}: {down.seen}")
            except _Reconnect as why:
                self._fault("mcu.session_lost", str(why))
            if _now() - began > REOPEN_MAX_S:
                wait_s = REOPEN_FIRST_S
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, REOPEN_MAX_S)

    async def _sessions(self, stream: ByteStream) -> None:
        while True:
            try:
                await self._session(stream)
            except _Restart:
                self.ready = False
                self._fail_pending("mcu.restarted")
                self._fault("mcu.restarted", self.about)

    async def _session(self, stream: ByteStream) -> None:
        self._link = Link(self._host_id, self._known)
        self._connected.clear()
        self._mismatch = ()
        self.clock.reset()
        self._link.start(_now())
        self._wake.set()
        tasks = [
            asyncio.create_task(self._read(stream), name="mcu-read"),
            asyncio.create_task(self._write(stream), name="mcu-write"),
            asyncio.create_task(self._serve(), name="mcu-serve"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError, LineDown, _Reconnect, _Restart):
                    await task

    async def _read(self, stream: ByteStream) -> None:
        while True:
            data = await stream.read()
            self._handle(self._link.feed(data, _now()))
            self._wake.set()

    async def _write(self, stream: ByteStream) -> None:
        while True:
            data = self._link.to_send()
            if data:
                await stream.write(data)
                continue
            deadline = self._link.deadline
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if deadline is None else max(0.0, deadline - _now())):
                    await self._wake.wait()
            self._handle(self._link.tick(_now()))

    # --- the session: dictionary, epoch, configuration, then leases and clock ---

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S * 2):
                await self._connected.wait()
        except TimeoutError:
            raise _Reconnect("no answer to hello; is this the right port, and is the firmware on the board?") from None
        if self._mismatch:
            self._fault("mcu.mismatch", "; ".join(self._mismatch))
            await asyncio.Event().wait()  # until the line goes: only an update of one side helps
        if self.config.kind not in {"", kind_of(self.about)}:
            self._fault("mcu.other_board", f"{self.about or '-'}; farm.toml: {self.config.kind}")
            await asyncio.Event().wait()  # its pins are other pins: nothing is told to it
        try:
            boot = await self._claim(await self.call("get_boot"))
            await self._sync_clock()
            if number(boot, "config_crc") != self.config.crc or not number(boot, "configured"):
                await self._configure()
            await self.call("set_report", period_ms=round(self.config.report_s * 1000))
        except CallFailed as failed:
            if failed.code == "refusal.fenced":
                self._fence(failed.detail)
                await asyncio.Event().wait()
            raise _Reconnect(str(failed)) from failed
        self.ready = True
        self._fault("mcu.ready", self.about)
        if number(boot, "shutdown"):
            self._fault("mcu.shutdown", Shutdown(number(boot, "shutdown")).name.lower())
        await self._keep_alive()

    async def _claim(self, boot: Values) -> Values:
        self.board.boots = number(boot, "count")
        self.board.reset_cause = number(boot, "cause")
        self.board.shutdown = number(boot, "shutdown")
        cause = ResetCause(self.board.reset_cause).name.lower()
        self._fault("mcu.started", f"boot {self.board.boots}, {cause}")
        theirs = number(boot, "epoch")
        if self._epoch == theirs and self._epoch != 0:
            return boot
        if self._epoch != 0 and theirs > self._epoch:
            raise CallFailed("claim", "refusal.fenced", theirs)
        wanted = max(theirs, self._epochs.last()) + 1
        self._epochs.keep(wanted)
        boot = await self.call("claim", epoch=wanted, host=self._host_id)
        self._epoch = wanted
        return boot

    async def _configure(self) -> None:
        self._fault("mcu.configuring", self.config.name)
        changeover_ms = round(self.config.changeover_s * 1000)
        await self.call("config_begin", epoch=self._epoch, changeover_ms=changeover_ms)
        for name, values in self.config.calls():
            await self.call(name, **values)
        await self.call("config_end", epoch=self._epoch, crc=self.config.crc)

    async def _keep_alive(self) -> None:
        leases = [part.lease_s for part in self.config.outputs] or [1.0]
        period_s = min(leases) / RENEW_PART
        clock_at = _now() + CLOCK_PERIOD_S
        next_at = _now()
        while True:
            next_at = max(next_at + period_s, _now())
            await self.renew()
            if self.on_renew is not None:
                await self.on_renew()
            if _now() >= clock_at:
                clock_at = _now() + CLOCK_PERIOD_S
                with contextlib.suppress(CallFailed):
                    await self._sync_clock()
            if self._looked_at:
                self._looked_at = False
                await self._release_latches()
            await asyncio.sleep(max(0.0, next_at - _now()))

    async def _release_latches(self) -> None:
        pumps = self.config.mask(tuple(pump.name for pump in self.config.pumps))
        try:
            if self.board.shutdown:
                values = await self.call("get_boot")
                await self.call("clear_shutdown", epoch=self._epoch, reason=number(values, "shutdown"))
            if pumps:
                await self.call("clear_lockout", epoch=self._epoch, outputs=pumps)
        except CallFailed as failed:
            self._fault("mcu.not_released", failed.code)

    async def _sync_clock(self) -> None:
        sent = _now()
        values = await self.call("get_clock")
        received = _now()
        self.clock.exchange(sent, received, number(values, "us"))
        self._board_ms = ((sent + received) / 2, number(values, "ms"))

    # --- what callers use ---

    async def renew(self, only: int = 0xFFFF) -> int:
        """Renew the live wishes among ``only``; give the bits the board accepted. A fence stops everything."""
        accepted = 0
        for renewal in list(self.wishes.due(_now(), only)):
            try:
                values = await self.call(
                    "lease",
                    outputs=renewal.outputs,
                    epoch=self._epoch,
                    lease_ms=renewal.lease_ms,
                    expires_ms=self.expires_ms(),
                )
                accepted |= number(values, "outputs")
            except CallFailed as failed:
                if failed.code == "refusal.fenced":
                    self._fence(failed.detail)
                if only != 0xFFFF:
                    raise
        return accepted

    def expires_ms(self) -> int:
        """Give the board's time until which a call sent now may act."""
        at, board_ms = self._board_ms
        return (board_ms + round((_now() - at + EXPIRY_S) * 1000)) & 0xFFFFFFFF

    async def call(self, name: str, **values: int | bytes) -> Values:
        """Do one call; CallFailed with ``refusal.*`` or ``mcu.*`` when it was not done or cannot be known."""
        for _ in range(2):
            if self._link.state is not State.READY:
                raise CallFailed(name, "mcu.not_connected")
            if self._link.full:
                raise CallFailed(name, "mcu.no_answer")
            token = self._link.call(name, _now(), **values)
            future: asyncio.Future[Values] = asyncio.get_running_loop().create_future()
            self._pending[token] = future
            self._wake.set()
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return await future
            except TimeoutError:
                raise CallFailed(name, "mcu.no_answer") from None
            except CallFailed as failed:
                # Done, but the answer is gone. All calls may be asked again but those that build a configuration.
                if failed.code != "mcu.reply_lost" or name.startswith("config_"):
                    raise
            finally:
                self._pending.pop(token, None)
        raise CallFailed(name, "mcu.reply_lost")

    # --- events ---

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Replied(token, _, values):
                    self._resolve(token, values)
                case Refused(token, reason, detail):
                    self._reject(token, refusal_code(reason), detail)
                case ReplyLost(token):
                    self._reject(token, "mcu.reply_lost")
                case Abandoned(token):
                    self._reject(token, "mcu.abandoned")
                case Reported(name, values):
                    self._take_report(name, values)
                case Connected(about, _):
                    self.about = about
                    self._connected.set()
                case Mismatched(about, lines):
                    self.about = about
                    self._mismatch = lines
                    self._connected.set()
                case Restarted():
                    raise _Restart
                case Died():
                    raise _Reconnect("no answer from the board")

    def _take_report(self, name: str, values: Values) -> None:
        was = self.board.shutdown
        self.board.take(name, values, self.clock if self.clock.ready else None, _now())
        if self.board.shutdown != was:
            self._fault("mcu.shutdown", Shutdown(self.board.shutdown).name.lower())
        self.on_report(name, values)

    def _resolve(self, token: int, values: Values) -> None:
        future = self._pending.pop(token, None)
        if future is not None and not future.done():
            future.set_result(values)

    def _reject(self, token: int, code: str, detail: int = 0) -> None:
        future = self._pending.pop(token, None)
        if future is not None and not future.done():
            future.set_exception(CallFailed("call", code, detail))

    def _fail_pending(self, code: str) -> None:
        for token in list(self._pending):
            self._reject(token, code)

    def _fence(self, theirs: int) -> None:
        self.ready = False
        self.wishes.clear()
        if not self.fenced:
            self.fenced = True
            self._fault("mcu.fenced", f"the board obeys epoch {theirs}, ours is {self._epoch}")

    def _fault(self, kind: str, detail: str) -> None:
        self._report(Fault(self.config.name, kind, _now(), detail))


def _now() -> float:
    return asyncio.get_running_loop().time()
