# SPDX-License-Identifier: Apache-2.0
"""A pump or fan behind a variable-frequency drive as ``Outputs``: level 0 to 1 is least to most frequency.

The rule it keeps: the drive is told once to stop when its line falls silent, and only when it confirmed that does
it count as leased; the run command is sent after the frequency, the stop command first.
"""

from collections.abc import Mapping
from math import isfinite

from drivers.actuators.orders import Ask, OrderFailed, refusal, send
from drivers.catalogue_schema import Drive, Entry
from drivers.modbus_pdu import Request, read, words, write_register, write_registers
from drivers.ports import Confirmation, OutputAbility


class DriveOutput:
    """One drive with one output. Call ``arm`` once before the first ``hold``."""

    def __init__(self, entry: Entry, address: int, name: str, ask: Ask, silence_s: float = 3.0) -> None:
        if entry.drive is None:
            raise ValueError(f"{entry.type} is no drive: its entry has no [drive] table")
        if not isfinite(silence_s) or silence_s <= 0.0:
            raise ValueError(f"{entry.type}: silence_s must be above 0, not {silence_s}")
        self._drive: Drive = entry.drive
        self._address = address
        self._name = name
        self._ask = ask
        self._silence_s = silence_s
        self._armed = False

    def _write(self, at: int, word: int) -> Request:
        if self._drive.function == 16:
            return write_registers(self._address, at, (word,))
        return write_register(self._address, at, word)

    async def arm(self) -> Confirmation:
        """Tell the drive to stop by itself after ``silence_s`` without a message; drives that cannot stay unleased."""
        drive = self._drive
        if drive.silence_at is None:
            return Confirmation("refused", "output.no_hardware_lease")
        orders = [self._write(drive.silence_at, max(1, round(self._silence_s / drive.silence_scale)))]
        if drive.silence_action is not None:
            orders.append(self._write(drive.silence_action.at, drive.silence_action.words[0]))
        done = await send(self._ask, *orders)
        self._armed = done.outcome == "done"
        return done

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give the output by name; leased once armed."""
        lease_s = self._silence_s if self._armed else float("inf")
        feedback = self._drive.actual_at is not None
        return {self._name: OutputAbility(self._armed, proportional=True, lease_max_s=lease_s, feedback=feedback)}

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Run at ``level``; 0 stops. The confirmation's feedback is the output frequency as a level."""
        refused = refusal(level, lease_s, proportional=True)
        if refused is not None:
            return refused
        if level == 0.0:
            return await self.release(output)
        drive = self._drive
        hz = drive.least_hz + level * (drive.most_hz - drive.least_hz)
        frequency = self._write(drive.frequency_at, round(hz / drive.frequency_scale))
        done = await send(self._ask, frequency, self._write(drive.command_at, drive.run_word))
        return await self._with_feedback(done)

    async def release(self, output: str) -> Confirmation:
        """Stop the drive now."""
        if output != self._name:
            raise KeyError(output)
        return await send(self._ask, self._write(self._drive.command_at, self._drive.stop_word))

    async def _with_feedback(self, done: Confirmation) -> Confirmation:
        drive = self._drive
        if done.outcome != "done" or drive.actual_at is None:
            return done
        try:
            payload = await self._ask(read(self._address, 3, drive.actual_at, 1))
        except OrderFailed:
            return done  # the order itself was confirmed; only the feedback is missing
        hz = words(payload)[0] * drive.actual_scale
        return Confirmation("done", feedback=(hz - drive.least_hz) / (drive.most_hz - drive.least_hz))
