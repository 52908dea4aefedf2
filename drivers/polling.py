# SPDX-License-Identifier: Apache-2.0
"""One instrument of the catalogue on a Modbus bus: start-up writes, the planned polls, decoded readings.

The rule it keeps: readings are delivered once a cycle, when every block has answered or failed; what was not
answered is nan with the flag for it, so nothing above can take an old value for a new one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from drivers.bus import Bus
from drivers.catalogue_schema import Entry, Write
from drivers.decode import ReadBlock, block_registers, plan_blocks, to_readings
from drivers.modbus_pdu import Request, bits, raw, read, words, write_coil, write_register, write_registers
from drivers.registry import read_registers
from drivers.scheduler import Answer, Job, Outcome, Rank, Transaction
from telemetry.records import Reading

STARTUP_WITHIN_S: Final = 10.0


def write_request(unit: int, write: Write) -> Request:
    """Give the request of a write that the catalogue describes; no words: the maker's write of no register."""
    if write.function == 5:
        return write_coil(unit, write.at, write.words[0])
    if write.function == 6:
        return write_register(unit, write.at, write.words[0])
    if not write.words:
        return raw(unit, bytes((16, write.at >> 8, write.at & 0xFF, 0, 0, 0)), 5)
    return write_registers(unit, write.at, write.words)


def registers_of(block: ReadBlock, payload: bytes) -> dict[tuple[int, int], int]:
    """Place the payload of a good answer to ``block`` at its addresses."""
    if block.function <= 2:
        return block_registers(block, (int(bit) for bit in bits(payload, block.count)))
    return block_registers(block, words(payload))


class BusInstrument:
    """Polls one instrument. ``series`` maps value names to series ids; ``mono_ms`` brings loop time to the epoch.

    ``power_s`` is when the instrument got its power (loop seconds), None where nobody knows.
    """

    def __init__(
        self,
        entry: Entry,
        name: str,
        address: int,
        series: Mapping[str, str],
        *,
        period_s: float,
        deliver: Callable[[Sequence[Reading]], None],
        mono_ms: Callable[[float], int],
        power_s: float | None = None,
    ) -> None:
        if entry.protocol != "modbus":
            raise ValueError(f"{name}: {entry.type} speaks {entry.protocol}, not Modbus")
        if period_s < entry.min_interval_s:
            raise ValueError(f"{name}: {entry.type} measures every {entry.min_interval_s} s, not every {period_s} s")
        self.entry = entry
        self.name = name
        self.address = address
        self.power_s = power_s
        self._series = dict(series)
        self._period_s = period_s
        self._deliver = deliver
        self._mono_ms = mono_ms
        self._blocks = plan_blocks(entry)
        self._waiting: set[ReadBlock] = set(self._blocks)
        self._registers: dict[tuple[int, int], int] = {}
        self._measured_s = 0.0
        self._jobs: list[Job] = []
        self._lost = False
        self._bus: Bus | None = None

    def attach(self, bus: Bus) -> None:
        """Put the start-up writes and the polls on ``bus``."""
        self._bus = bus
        self._start_up()
        for block in self._blocks:
            request = read(self.address, block.function, block.start, block.count)
            transaction = Transaction(
                self.name, request, Rank.SENSOR, spare=block.spare or None, merge_gap=self.entry.gap_most
            )
            self._jobs.append(bus.poll(transaction, self._period_s, self._taker(block)))

    def read_every(self, period_s: float) -> None:
        """Change how often it is read, from its next turn on."""
        if period_s < self.entry.min_interval_s:
            raise ValueError(f"{self.name}: {self.entry.type} measures every {self.entry.min_interval_s} s")
        for job in self._jobs:
            job.period_s = period_s

    def detach(self) -> None:
        """Take the polls off the bus."""
        if self._bus is not None:
            for job in self._jobs:
                self._bus.remove(job)
        self._jobs.clear()
        self._bus = None

    def _start_up(self) -> None:
        if self._bus is None:
            return
        for write in self.entry.startup:
            request = write_request(self.address, write)
            self._bus.submit(Transaction(self.name, request, Rank.PERSON, within_s=STARTUP_WITHIN_S))

    def _taker(self, block: ReadBlock) -> Callable[[Outcome], None]:
        def take(outcome: Outcome) -> None:
            self._take(block, outcome)

        return take

    def _take(self, block: ReadBlock, outcome: Outcome) -> None:
        if block not in self._waiting:
            self._finish()  # a block came twice before another came once: the cycle is over
        self._waiting.discard(block)
        if isinstance(outcome, Answer):
            self._registers.update(registers_of(block, outcome.payload))
            self._measured_s = max(self._measured_s, outcome.measured_at_s)
            if self._lost:
                self._lost = False
                self._start_up()  # it may have lost its power, and with it what it was told
        else:
            self._measured_s = max(self._measured_s, outcome.at_s)
            self._lost = self._lost or outcome.kind in {"bus.dead", "bus.line_down"}
        if not self._waiting:
            self._finish()

    def _finish(self) -> None:
        since_s = None if self.power_s is None else self._measured_s - self.power_s
        measured = read_registers(self.entry, self._registers, since_s)
        self._waiting = set(self._blocks)
        self._registers = {}
        self._deliver(to_readings(self.entry, measured, self._series, self.name, self._mono_ms(self._measured_s)))
