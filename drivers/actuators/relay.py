# SPDX-License-Identifier: Apache-2.0
"""Relay boards as ``Outputs``: where the board can end a pulse by itself, every *on* is such a pulse.

The rule it keeps: with a timed-flash board the lease lives in the board, so a valve closes when host, cable or
program dies; a board without it is labelled ``leased=False`` and never pretended otherwise.
"""

from collections.abc import Mapping
from math import floor

from drivers.actuators.orders import Ask, refusal, send
from drivers.catalogue_schema import Entry, Relay
from drivers.modbus_pdu import Request, bits, read, write_coil, write_register
from drivers.ports import Confirmation, OutputAbility


class RelayBoard:
    """One relay board. ``channels`` maps output names to its channels, counted from 1."""

    def __init__(self, entry: Entry, address: int, channels: Mapping[str, int], ask: Ask) -> None:
        if entry.relay is None:
            raise ValueError(f"{entry.type} is no relay board: its entry has no [relay] table")
        for name, channel in channels.items():
            if not 1 <= channel <= entry.relay.outputs:
                raise ValueError(
                    f"output {name!r}: {entry.type} has channels 1 to {entry.relay.outputs}, not {channel}"
                )
        if len(set(channels.values())) < len(channels):
            raise ValueError(f"{entry.type} at address {address}: two outputs share one channel")
        self._relay: Relay = entry.relay
        self._address = address
        self._channels = dict(channels)
        self._ask = ask

    @property
    def _timed(self) -> bool:
        return self._relay.flash_on_at is not None or self._relay.flash_by_register

    def abilities(self) -> Mapping[str, OutputAbility]:
        """Give the outputs by name."""
        longest_s = self._relay.flash_most * self._relay.flash_unit_ms / 1000.0 if self._timed else float("inf")
        ability = OutputAbility(leased=self._timed, proportional=False, lease_max_s=longest_s, feedback=False)
        return dict.fromkeys(self._channels, ability)

    async def hold(self, output: str, level: float, lease_s: float) -> Confirmation:
        """Put ``output`` on for at most ``lease_s``; level 0 releases it. A lease too long is cut."""
        refused = refusal(level, lease_s, proportional=False)
        if refused is not None:
            return refused
        if level == 0.0:
            return await self.release(output)
        channel = self._channels[output] - 1
        if not self._timed:
            return await send(self._ask, self._switch(channel, on=True))
        # Round down: the board may close early, never late.
        units = min(floor(lease_s * 1000.0 / self._relay.flash_unit_ms + 1e-9), self._relay.flash_most)
        if units < 1:
            return Confirmation("refused", "output.lease_impossible")
        return await send(self._ask, self._pulse(channel, units))

    async def release(self, output: str) -> Confirmation:
        """Put ``output`` off now; ends any pulse."""
        return await send(self._ask, self._switch(self._channels[output] - 1, on=False))

    async def states(self) -> dict[str, bool]:
        """Read back which relays are pulled; raises OrderFailed when the board does not answer."""
        relay = self._relay
        payload = await self._ask(read(self._address, 1, relay.coil_at, relay.outputs))
        pulled = bits(payload, relay.outputs)
        return {name: pulled[channel - 1] for name, channel in self._channels.items()}

    def _switch(self, channel: int, *, on: bool) -> Request:
        relay = self._relay
        if relay.by_register:
            return write_register(self._address, relay.coil_at + channel, relay.on_word if on else relay.off_word)
        return write_coil(self._address, relay.coil_at + channel, on)

    def _pulse(self, channel: int, units: int) -> Request:
        relay = self._relay
        if relay.flash_by_register:
            return write_register(self._address, relay.coil_at + channel, relay.flash_word_high | units)
        if relay.flash_on_at is None:
            raise ValueError("this board has no timed pulse")
        return write_coil(self._address, relay.flash_on_at + channel, int(units))
