# SPDX-License-Identifier: Apache-2.0
"""A proportional valve or vent actuator as ``Outputs``: a set-point register, and its position where it tells it.

The rule it keeps: the position reported is the valve's own, never the set point said back.
"""

from collections.abc import Mapping

from drivers.actuators.orders import Ask, OrderFailed, refusal, send
from drivers.catalogue_schema import Entry, Valve
from drivers.modbus_pdu import read, words, write_register, write_registers
from drivers.ports import Confirmation, OutputAbility


class ValveOutput:
    """One proportional valve with one output."""

    def __init__(self, entry: Entry, address: int, name: str, ask: Ask) -> None:
        if entry.valve is None:
            raise ValueError(f"{entry.type} is no valve: its entry has no [valve] table")
        self._valve: Valve = entry.valve
        self._address = address
        self._name = name
        self._ask = ask

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give the output by name."""
        valve = self._valve
        return {
            self._name: OutputAbility(
                leased=valve.silence_closes,
                proportional=True,
                lease_max_s=float("inf"),
                feedback=valve.actual_at is not None,
            )
        }

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Drive the valve to ``level``; the confirmation's feedback is where it stands now."""
        refused = refusal(level, lease_s, proportional=True)
        if refused is not None:
            return refused
        if output != self._name:
            raise KeyError(output)
        valve = self._valve
        word = round(valve.set_zero + level * valve.set_span)
        if valve.function == 16:
            order = write_registers(self._address, valve.set_at, (word,))
        else:
            order = write_register(self._address, valve.set_at, word)
        done = await send(self._ask, order)
        if done.outcome != "done" or valve.actual_at is None:
            return done
        try:
            payload = await self._ask(read(self._address, 3, valve.actual_at, 1))
        except OrderFailed:
            return done  # the order itself was confirmed; only the feedback is missing
        return Confirmation("done", feedback=words(payload)[0] / (valve.actual_span or valve.set_span))

    async def release(self, output: str) -> Confirmation:
        """Drive the valve shut."""
        return await self.hold(output, 0.0, 0.0)
