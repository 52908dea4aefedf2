# SPDX-License-Identifier: Apache-2.0
"""The board's outputs, meters and contacts behind the ports of the field.

The rule it keeps: *on* is a wish with an end; the bridge turns it into leases the board ends by itself. A doser is
asked for volumes under its caps, never for time. NaN and half-open valves are refused.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from drivers.ports import Confirmation, Fault, OutputAbility
from firmware_bridge.board_config import Analogue, Doser, Input, Pump, Valve
from firmware_bridge.board_state import number
from firmware_bridge.bridge import Bridge
from firmware_bridge.calls import CallFailed
from firmware_bridge.codes import Block, DoseState
from firmware_bridge.leases import WishError, Wishes
from firmware_bridge.pulse_rate import PulseRate
from telemetry.records import Quality, Reading

SETTLE_S: Final = 0.005  # the board decides every millisecond; then its answer tells what became of the lease
WISH_S: Final = 5.0  # the longest wish by default; the board's own lease is shorter and renewed by the bridge


@dataclass(slots=True)
class _Dose:
    """The dose a doser is at."""

    dose_id: int
    volume_ul: int


class McuOutputs:
    """The port ``Outputs`` on one board."""

    def __init__(self, bridge: Bridge, wish_s: float = WISH_S) -> None:
        """``wish_s``: how long a ``hold`` may stand at most; longer than the slowest control tick."""
        self._bridge = bridge
        self._wish_s = wish_s
        self._parts: dict[str, Valve | Pump | Doser] = {part.name: part for part in bridge.config.outputs}
        self._doses: dict[str, _Dose] = {}
        self._dose_wishes = Wishes()
        bridge.on_renew = self._renew_doses

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give every output: leased by the board itself, on or off, with its interlocks as feedback.

        ``lease_max_s`` is how long a wish stands; when the host dies the board's own, shorter lease ends it.
        """
        ability = OutputAbility(leased=True, proportional=False, lease_max_s=self._wish_s, feedback=True)
        return dict.fromkeys(self._parts, ability)

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Want ``output`` on for ``lease_s``. done: it is on; refused: ``block.*`` says what the board waits for.

        A blocked output stays wanted and comes on by itself when the block ends within the lease. For a doser this
        begins or continues one dose of its event cap; what is not delivered when it ends is not counted.
        """
        part = self._parts.get(output)
        if part is None:
            return Confirmation("refused", "output.unknown")
        if level == 0.0:
            return await self.release(output)
        if not isfinite(level) or level != 1.0:
            return Confirmation("refused", "output.not_proportional")
        if not self._bridge.ready:
            return Confirmation("failed", "mcu.fenced" if self._bridge.fenced else "mcu.not_connected")
        try:
            if isinstance(part, Doser):
                await self._hold_doser(part, lease_s)
            else:
                self._bridge.wishes.want(part.output, _now(), lease_s, part.lease_s)
                if not await self._bridge.renew(1 << part.output) >> part.output & 1:
                    self._bridge.wishes.drop(part.output)
                    return Confirmation("refused", "output.not_accepted")
            await asyncio.sleep(SETTLE_S)
            return await self._standing(part)
        except WishError:
            return Confirmation("refused", "output.bad_lease")
        except CallFailed as failed:
            self._forget(part)
            return Confirmation("refused" if failed.code.startswith("refusal.") else "failed", failed.code)

    async def release(self, output: str) -> Confirmation:
        """Close ``output`` now; a valve under a running pump closes after the pump has stopped."""
        part = self._parts.get(output)
        if part is None:
            return Confirmation("refused", "output.unknown")
        self._forget(part)
        try:
            await self._bridge.call("release", outputs=1 << part.output, epoch=self._bridge.epoch)
        except CallFailed as failed:
            # Without a line the lease runs out by itself: the output is off within lease_s in any case.
            return Confirmation("failed", failed.code)
        return Confirmation("done", "", 0.0)

    async def _standing(self, part: Valve | Pump | Doser) -> Confirmation:
        values = await self._bridge.call("get_output", output=part.output)
        if number(values, "on"):
            return Confirmation("done", "", 1.0)
        return Confirmation("refused", f"block.{Block(number(values, 'block')).name.lower()}", 0.0)

    def _forget(self, part: Valve | Pump | Doser) -> None:
        self._bridge.wishes.drop(part.output)
        self._dose_wishes.drop(part.output)
        self._doses.pop(part.name, None)

    # --- dosing ---

    async def dose(self, output: str, volume_ml: float, lease_s: float) -> Confirmation:
        """Dose ``volume_ml`` once, for at most ``lease_s``; feedback is the volume delivered so far, mL."""
        part = self._parts.get(output)
        if not isinstance(part, Doser) or not isfinite(volume_ml) or volume_ml <= 0.0:
            return Confirmation("refused", "output.not_a_dose")
        if not self._bridge.ready:
            return Confirmation("failed", "mcu.not_connected")
        try:
            self._dose_wishes.want(part.output, _now(), lease_s, part.lease_s)
            self._doses.pop(part.name, None)
            await self._begin_dose(part, round(volume_ml * 1000))
        except WishError:
            return Confirmation("refused", "output.bad_lease")
        except CallFailed as failed:
            self._forget(part)
            return Confirmation("refused" if failed.code.startswith("refusal.") else "failed", failed.code)
        return Confirmation("done", "", 0.0)

    async def dosed_ml(self, output: str) -> tuple[float, float, float]:
        """Give what the present dose delivered, and the sums of the last hour and day as the board counts, mL."""
        values = await self._bridge.call("get_dose", output=self._parts[output].output)
        done, hour, day = (number(values, name) / 1000 for name in ("done_ul", "hour_ul", "day_ul"))
        return done, hour, day

    async def _hold_doser(self, part: Doser, lease_s: float) -> None:
        self._dose_wishes.want(part.output, _now(), lease_s, part.lease_s)
        running = self._doses.get(part.name)
        if running is not None and await self._push_dose(part, running) is DoseState.RUNNING:
            return
        values = await self._bridge.call("get_dose", output=part.output)
        left_ul = min(
            round(part.event_ml * 1000),
            round(part.hour_ml * 1000) - number(values, "hour_ul"),
            round(part.day_ml * 1000) - number(values, "day_ul"),
        )
        # With nothing left the full event is asked for, so that the board names the cap that refuses it.
        await self._begin_dose(part, left_ul if left_ul > 0 else round(part.event_ml * 1000))

    async def _begin_dose(self, part: Doser, volume_ul: int) -> None:
        values = await self._bridge.call("get_dose", output=part.output)
        dose = _Dose((number(values, "dose_id") + 1) & 0xFFFFFFFF, volume_ul)
        self._doses[part.name] = dose
        await self._push_dose(part, dose)

    async def _push_dose(self, part: Doser, dose: _Dose) -> DoseState:
        values = await self._bridge.call(
            "dose",
            output=part.output,
            epoch=self._bridge.epoch,
            dose_id=dose.dose_id,
            volume_ul=dose.volume_ul,
            lease_ms=max(1, self._dose_wishes.left_ms(part.output, _now())),
            expires_ms=self._bridge.expires_ms(),
        )
        state = DoseState(number(values, "state"))
        if state is not DoseState.RUNNING:
            self._doses.pop(part.name, None)
        return state

    async def _renew_doses(self) -> None:
        for name, dose in list(self._doses.items()):
            part = self._parts[name]
            if not isinstance(part, Doser) or not self._dose_wishes.left_ms(part.output, _now()):
                self._doses.pop(name, None)
                continue
            try:
                await self._push_dose(part, dose)
            except CallFailed:
                self._doses.pop(name, None)


class McuSource:
    """The port ``Source``: pulse totals, analogue averages and contacts, with the time they were measured at."""

    def __init__(
        self, bridge: Bridge, mono_ms: Callable[[float], int], feedback: Mapping[str, str] | None = None
    ) -> None:
        """``mono_ms`` turns the event loop's seconds into the edge's monotonic milliseconds.

        ``feedback`` maps outputs to the series that tells how their pins stand.
        """
        self._bridge = bridge
        self._mono_ms = mono_ms
        self._deliver: Callable[[Sequence[Reading]], None] | None = None
        self._totals: dict[int, tuple[int, int]] = {}  # pulses since this process began, board's last count
        config = bridge.config
        self._pins = {config.numbers[output]: series for output, series in (feedback or {}).items()}
        self._counters = {entry.counter: entry for entry in config.counters if entry.series or entry.rate_series}
        self._rates = {index: PulseRate(entry.per_pulse) for index, entry in self._counters.items()}
        self._analogue: dict[int, Analogue] = {entry.channel: entry for entry in config.analogue if entry.series}
        self._inputs: dict[int, Input] = {entry.input: entry for entry in config.inputs if entry.series}

    async def run(self, deliver: Callable[[Sequence[Reading]], None], report: Callable[[Fault], None]) -> None:
        """Deliver readings and report the board's faults and changes of state until cancelled."""
        self._deliver = deliver
        self._bridge.listen(report)
        self._bridge.on_report = self._take
        try:
            await self._bridge.run()
        finally:
            self._deliver = None

    def _take(self, name: str, values: Mapping[str, int | bytes]) -> None:
        if self._deliver is None:
            return
        board = self._bridge.board
        readings: list[Reading] = []
        if name == "counter":
            readings = self._count(number(values, "counter"))
        elif name == "adc":
            index = number(values, "channel")
            entry = self._analogue.get(index)
            if entry is not None and index in board.analogue:
                raw, good, at_s = board.analogue[index]
                quality = 0 if good else int(Quality.RANGE)
                value = entry.factor * raw / 16 + entry.offset
                readings = [self._reading(entry.series, value, entry.unit, at_s, quality)]
        elif name == "report":
            readings = [
                self._reading(contact.series, float(board.inputs >> index & 1), "1", board.at_s)
                for index, contact in self._inputs.items()
            ]
            readings += [
                self._reading(series, float(board.on >> index & 1), "1", board.at_s)
                for index, series in self._pins.items()
            ]
        if readings:
            self._deliver(readings)

    def _count(self, index: int) -> list[Reading]:
        """Give what was metered since this process began; a board that was reset counts from 0 again, we do not."""
        entry = self._counters.get(index)
        if entry is None or index not in self._bridge.board.counters:
            return []
        count, pulse_at = self._bridge.board.counters[index]
        total, last = self._totals.get(index, (0, 0))
        fresh = count - last if count >= last else count
        self._totals[index] = (total + fresh, count)
        readings = []
        if entry.series:
            metered = (total + fresh) * entry.per_pulse
            readings.append(self._reading(entry.series, metered, entry.unit, _now()))
        if entry.rate_series:
            rate = self._rates[index].take(fresh, pulse_at, _now())
            readings.append(self._reading(entry.rate_series, rate, entry.rate_unit, _now()))
        return readings

    def _reading(self, series: str, raw: float, unit: str, at_s: float, quality: int = 0) -> Reading:
        # The regression of the clocks may place a moment a little ahead of now.
        return Reading(series, self._bridge.config.name, self._mono_ms(min(at_s, _now())), raw, unit, quality)


def _now() -> float:
    return asyncio.get_running_loop().time()
