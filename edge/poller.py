# SPDX-License-Identifier: Apache-2.0
"""Asks the instruments of one bus in turn and makes readings of their answers.

The rule it keeps: a reading carries the time at which it was measured; a value is delivered once per answer, when
the last register it needs has come; an instrument that does not answer gives no reading, only a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from drivers.actuators.orders import Ask, OrderFailed
from drivers.bus import Bus
from drivers.catalogue_schema import WORDS, Entry, Value
from drivers.decode import ReadBlock, block_registers, decode, plan_blocks, to_readings, value_function
from drivers.modbus_pdu import BIT_READS, Request, bits, read, words
from drivers.ports import Fault
from drivers.scheduler import Answer, Outcome, Rank, Transaction
from telemetry.records import Reading

# An order that found no room on the bus for so long is given up; its giver asks again.
ORDER_WITHIN_S: Final = 2.0


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


@dataclass(slots=True)
class _Asked:
    """The registers of one instrument as they come in, block by block."""

    device: PolledDevice
    blocks: tuple[ReadBlock, ...]
    registers: dict[tuple[int, int], int] = field(default_factory=dict)
    came_s: dict[int, float] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)  # value name -> the last block it needs


class ModbusSource:
    """The instruments of one Modbus bus as a source of readings (``drivers.ports.Source``)."""

    def __init__(
        self, bus: Bus, devices: Sequence[PolledDevice], mono_ms: Callable[[float], int], faults: FaultRelay
    ) -> None:
        self.bus = bus
        self._faults = faults
        self._mono_ms = mono_ms
        self._devices = devices

    async def run(self, deliver: Callable[[Sequence[Reading]], None], report: Callable[[Fault], None]) -> None:
        """Poll until cancelled."""
        self._faults.report = report
        for device in self._devices:
            blocks = plan_blocks(device.entry)
            asked = _Asked(device, blocks, owners=_owners(device.entry, blocks))
            for number, block in enumerate(blocks):
                request = read(device.address, block.function, block.start, block.count)
                self.bus.poll(
                    Transaction(device.name, request, spare=block.spare or None),
                    device.period_s,
                    _taker(self, asked, number, deliver, report),
                )
        await self.bus.run()

    def ask(self, device: str) -> Ask:
        """Give the way for an actuator's orders: they go before all polls."""

        async def ask(request: Request) -> bytes:
            transaction = Transaction(device, request, Rank.ACTUATOR, within_s=ORDER_WITHIN_S)
            outcome = await self.bus.submit(transaction)
            if isinstance(outcome, Fault):
                raise OrderFailed(outcome.kind.rpartition(".")[2], outcome.detail)
            return outcome.payload

        return ask

    def take(self, asked: _Asked, number: int, answer: Answer) -> tuple[Reading, ...]:
        """Place one answer's registers and decode the values that are now complete."""
        block = asked.blocks[number]
        if block.function in BIT_READS:
            came = [int(bit) for bit in bits(answer.payload, block.count)]
        else:
            came = list(words(answer.payload))[: block.count]
        asked.registers.update(block_registers(block, came))
        asked.came_s[number] = answer.measured_at_s
        fresh = self._fresh(asked, answer.measured_at_s)
        measured = [m for m in decode(asked.device.entry, fresh) if asked.owners.get(m.name) == number]
        at_ms = self._mono_ms(answer.measured_at_s)
        return to_readings(asked.device.entry, measured, asked.device.series, asked.device.name, at_ms)

    def _fresh(self, asked: _Asked, now_s: float) -> dict[tuple[int, int], int]:
        """Give the registers of this round; a block that failed meanwhile must not lend an old half of a value."""
        if len(asked.blocks) == 1:
            return asked.registers
        limit_s = now_s - 1.5 * asked.device.period_s
        fresh: dict[tuple[int, int], int] = {}
        for number, block in enumerate(asked.blocks):
            if asked.came_s.get(number, float("-inf")) >= limit_s:
                for i in range(block.count):
                    key = (block.function, block.start + i)
                    fresh[key] = asked.registers[key]
        return fresh


def _taker(
    source: ModbusSource,
    asked: _Asked,
    number: int,
    deliver: Callable[[Sequence[Reading]], None],
    report: Callable[[Fault], None],
) -> Callable[[Outcome], None]:
    def take(outcome: Outcome) -> None:
        if isinstance(outcome, Fault):
            report(outcome)
            return
        readings = source.take(asked, number, outcome)
        if readings:
            deliver(readings)

    return take


def _owners(entry: Entry, blocks: Sequence[ReadBlock]) -> dict[str, int]:
    """Say for each value which block completes it: the last in order that holds one of its registers."""
    owners: dict[str, int] = {}
    for value in entry.value:
        name = f"{value.quantity}.{value.index}" if value.index else value.quantity
        function = value_function(entry, value)
        for number, block in enumerate(blocks):
            if block.function == function and any(
                block.start <= at < block.start + block.count for at in _addresses(value)
            ):
                owners[name] = number
    return owners


def _addresses(value: Value) -> list[int]:
    needed = [value.at + i for i in range(WORDS[value.type])]
    if value.plus is not None:
        needed += [value.plus.at + i for i in range(WORDS[value.plus.type])]
    if value.decimals_at is not None:
        needed.append(value.decimals_at)
    return needed
