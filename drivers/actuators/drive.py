# SPDX-License-Identifier: Apache-2.0
"""A pump or fan behind a variable-frequency drive as ``Outputs``: level 0 to 1 is least to most frequency.

The rule it keeps: no run command before the drive confirmed that it stops by itself when its line falls silent for a
lease; the run command is sent after the frequency, the stop command first.
"""

from collections.abc import Mapping
from typing import Final

from drivers.actuators.orders import Ask, OrderFailed, refusal, send
from drivers.catalogue_schema import Drive, Entry
from drivers.modbus_pdu import Request, read, words, write_register, write_registers
from drivers.ports import Confirmation, OutputAbility

LEASE_MAX_S: Final = 60.0


class DriveOutput:
    """One drive with one output. Where its entry tells how, it is armed before it first runs: its lease is its own."""

    def __init__(self, entry: Entry, address: int, name: str, ask: Ask) -> None:
        if entry.drive is None:
            raise ValueError(f"{entry.type} is no drive: its entry has no [drive] table")
        self._drive: Drive = entry.drive
        self._address = address
        self._name = name
        self._ask = ask
        self._armed_s = 0.0  # the lease that the drive has confirmed; 0: none

    def _write(self, at: int, word: int) -> Request:
        if self._drive.function == 16:
            return write_registers(self._address, at, (word,))
        return write_register(self._address, at, word)

    async def _arm(self, lease_s: float) -> Confirmation:
        """Have the drive stop by itself after ``lease_s`` without a message."""
        drive = self._drive
        if drive.silence_at is None or self._armed_s == lease_s:
            return Confirmation("done")
        orders = [self._write(drive.silence_at, max(1, round(lease_s / drive.silence_scale)))]
        if drive.silence_action is not None:
            orders.append(self._write(drive.silence_action.at, drive.silence_action.words[0]))
        done = await send(self._ask, *orders)
        self._armed_s = lease_s if done.outcome == "done" else 0.0
        return done

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give the output by name."""
        leased = self._drive.silence_at is not None
        most_s = LEASE_MAX_S if leased else float("inf")
        feedback = self._drive.actual_at is not None
        return {self._name: OutputAbility(leased, proportional=True, lease_max_s=most_s, feedback=feedback)}

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Run at ``level``; 0 stops. The confirmation's feedback is the output frequency as a level."""
        refused = refusal(level, lease_s, proportional=True)
        if refused is not None:
            return refused
        if level == 0.0:
            return await self.release(output)
        armed = await self._arm(min(lease_s, LEASE_MAX_S))
        if armed.outcome != "done":
            return armed
        drive = self._drive
        hz = drive.least_hz + level * (drive.most_hz - drive.least_hz)
        frequency = self._write(drive.frequency_at, round(hz / drive.frequency_scale))
        done = await send(self._ask, frequency, self._write(drive.command_at, drive.run_word))
        if done.outcome != "done":
            self._armed_s = 0.0  # it may have lost its power, and with it what it was told
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
