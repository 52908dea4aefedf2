# SPDX-License-Identifier: Apache-2.0
"""The instruments of one bus as one source of readings, and the way of the actuators' orders onto it.

The rule it keeps: orders go before all polls; an order that found no room on the bus in time is given up, and its
giver asks again; a bus that goes away ends nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.actuators.orders import Ask, OrderFailed
from drivers.bus import Bus
from drivers.catalogue_schema import Entry
from drivers.modbus_pdu import Request
from drivers.polling import BusInstrument
from drivers.ports import Fault
from drivers.scheduler import Rank, Transaction
from telemetry.records import Reading

ORDER_WITHIN_S: Final = 2.0
ATTENDED_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class PolledDevice:
    """One instrument on the bus. ``series`` maps its value names (``quantity`` or ``quantity.index``) to series."""

    name: str
    entry: Entry
    address: int
    period_s: float
    series: Mapping[str, str]


@dataclass(slots=True)
class FaultRelay:
    """Hands a bus's own faults to whoever listens; the bus is made before its listener is known."""

    report: Callable[[Fault], None] | None = None

    def take(self, fault: Fault) -> None:
        """Pass one fault on."""
        if self.report is not None:
            self.report(fault)


class ModbusSource:
    """The instruments of one Modbus bus as a source of readings (``drivers.ports.Source``)."""

    def __init__(
        self, bus: Bus, devices: Sequence[PolledDevice], mono_ms: Callable[[float], int], faults: FaultRelay
    ) -> None:
        self.bus = bus
        self._devices = devices
        self._mono_ms = mono_ms
        self._faults = faults
        self._instruments: dict[str, BusInstrument] = {}

    def attend(self, device: str, closely: bool) -> None:
        """Read a device as often as it allows (at most every second) while somebody calibrates it, or as usual."""
        for one in self._devices:
            if one.name == device and device in self._instruments:
                fast_s = min(one.period_s, max(ATTENDED_S, one.entry.min_interval_s))
                self._instruments[device].read_every(fast_s if closely else one.period_s)

    async def run(self, deliver: Callable[[Sequence[Reading]], None], report: Callable[[Fault], None]) -> None:
        """Poll until cancelled."""
        self._faults.report = report
        for device in self._devices:
            instrument = BusInstrument(
                device.entry,
                device.name,
                device.address,
                device.series,
                period_s=device.period_s,
                deliver=deliver,
                mono_ms=self._mono_ms,
            )
            instrument.attach(self.bus)
            self._instruments[device.name] = instrument
        await self.bus.run()

    def ask(self, device: str) -> Ask:
        """Give the way for an actuator's orders."""

        async def ask(request: Request) -> bytes:
            transaction = Transaction(device, request, Rank.ACTUATOR, within_s=ORDER_WITHIN_S)
            outcome = await self.bus.submit(transaction)
            if isinstance(outcome, Fault):
                raise OrderFailed(outcome.kind.rpartition(".")[2], outcome.detail)
            return outcome.payload

        return ask
