# SPDX-License-Identifier: Apache-2.0
"""A trial of a bus master against a bad line: devices that know when they were asked, and a judge.

The rule it keeps: a register's value names its device, address and the very request that it was read for, so a
stale, swapped or foreign value cannot pass for a right one; a write counts as done only if the device did it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from drivers.bus_master import BusMaster
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import Request, read, write_coil, write_register, write_registers
from drivers.modbus_slave import serve_registers
from drivers.ports import Fault
from drivers.scheduler import Answer, Outcome, Rank, Transaction
from drivers.sim.faults import Disturbance
from drivers.sim.line import Behaviour, Emission, Exchange, SimLine, run_virtual

REGISTERS: Final = 24
COMMAND_EVERY_S: Final = 0.4
FAULTY_SHARE: Final = 0.8


class Witness:
    """A device whose every answer tells which request it answers."""

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.asked = 0
        self.asked_s = -1.0
        self.words: dict[int, tuple[int, float]] = {}
        self.coils: dict[int, tuple[bool, float]] = {}
        self.line: SimLine | None = None

    def __call__(self, pdu: bytes) -> bytes | None:
        """Serve one request PDU."""
        self.asked += 1
        self.asked_s = self.line.now_s if self.line is not None else 0.0
        return serve_registers(self, pdu)

    def word(self, function: int, address: int) -> int:
        """Give the value that a register has for the request being served."""
        mixed = (self.unit * 0x9E3779B1) ^ (function * 0x85EBCA6B) ^ (address * 0xC2B2AE35) ^ (self.asked * 0x27D4EB2F)
        return (mixed ^ (mixed >> 15)) * 0x2C1B3C6D >> 12 & 0xFFFF

    def read_words(self, function: int, address: int, count: int) -> list[int]:
        """Give registers."""
        if address + count > REGISTERS:
            raise KeyError(address)
        return [self.word(function, index) for index in range(address, address + count)]

    def read_bits(self, function: int, address: int, count: int) -> list[bool]:
        """Give coils or inputs."""
        return [bool(self.word(function, index) & 1) for index in range(address, address + count)]

    def write_words(self, address: int, values: tuple[int, ...]) -> None:
        """Note what was written, and when."""
        self.words.update((index, (value, self.asked_s)) for index, value in enumerate(values, address))

    def write_bits(self, address: int, values: tuple[bool, ...]) -> None:
        """Note what was written, and when."""
        self.coils.update((index, (value, self.asked_s)) for index, value in enumerate(values, address))


@dataclass(slots=True)
class Verdict:
    """What came of a trial."""

    requests: int = 0
    faulty: int = 0
    answers: int = 0
    writes_done: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    by_kind: Mapping[str, int] = field(default_factory=dict)


class Trial:
    """A bus of witnesses, polled and written to, on a line with this behaviour."""

    def __init__(self, behaviour: Behaviour, *, units: int = 8, seed: int = 1, byte_by_byte: bool = False) -> None:
        settings = LineSettings(baud=19200)
        self.verdict = Verdict()
        self.witnesses = {unit: Witness(unit) for unit in range(1, units + 1)}
        self.sent_s: dict[int, float] = {}
        self._inner = behaviour
        self.line = SimLine(
            settings, self.witnesses, behaviour=self._watched, seed=seed, byte_by_byte=byte_by_byte, latency_s=0.006
        )
        for witness in self.witnesses.values():
            witness.line = self.line
        self.master = BusMaster("trial", settings, self._fault)
        self.now_s = 0.0
        for unit in self.witnesses:
            self._polls(unit)
        self.master.line_opened(0.0)

    def _polls(self, unit: int) -> None:
        """Polls of many shapes: equal lengths at other addresses, single registers, bits, with and without spare."""
        count = 1 + unit % 4
        plans: list[tuple[Request, float, int | None]] = [
            (read(unit, 3, 0, count), 0.3, None),
            (read(unit, 3, 10, count), 0.5, 0 if unit % 2 else None),
            (read(unit, 4, 0, 2), 0.7, 1),
            (read(unit, 1, 0, 9), 0.9, None),
        ]
        for request, period_s, spare in plans:
            transaction = Transaction(f"device {unit}", request, spare=spare)
            self.master.add_poll(transaction, period_s, self._deliver, 0.0)

    def run(self, faulty: int, disturbance: Disturbance) -> Verdict:
        """Go on in virtual time until so many exchanges were disturbed."""
        command = 0
        while sum(disturbance.done.values()) < faulty:
            self.now_s = run_virtual(self.master, self.line, self.now_s, self.now_s + COMMAND_EVERY_S)
            self._command(command)
            command += 1
        verdict = self.verdict
        verdict.requests, verdict.faulty = self.line.requests, sum(disturbance.done.values())
        verdict.by_kind = dict(disturbance.done)
        return verdict

    def _command(self, number: int) -> None:
        unit = 1 + number % len(self.witnesses)
        turn = number // len(self.witnesses)
        on = bool(turn % 2)
        request = (
            write_coil(unit, turn % 3, on),
            write_register(unit, 2, turn % 5),
            write_registers(unit, 4, (turn & 0xFFFF, 7)),
            write_coil(unit, 1, not on),
        )[number % 4]
        begun_s = self.now_s

        def deliver(outcome: Outcome) -> None:
            self._written(outcome, begun_s)

        transaction = Transaction(f"device {unit}", request, rank=Rank.ACTUATOR, within_s=2.0)
        self.master.submit(transaction, deliver, self.now_s)

    def _watched(self, exchange: Exchange) -> list[Emission]:
        if exchange.frame:
            self.sent_s[exchange.unit] = exchange.start_s
        return self._inner(exchange)

    def _fault(self, outcome: Outcome) -> None:
        if isinstance(outcome, Fault):
            self.verdict.faults[outcome.kind] = self.verdict.faults.get(outcome.kind, 0) + 1

    def _deliver(self, outcome: Outcome) -> None:
        if isinstance(outcome, Fault):
            self._fault(outcome)
            return
        self.verdict.answers += 1
        request, witness = outcome.request, self.witnesses[outcome.request.unit]
        right = self._right_payload(witness, request)
        if outcome.payload != right or witness.asked_s < self.sent_s.get(request.unit, 0.0):
            self.verdict.wrong.append(f"{self.now_s:.3f} {request}: {outcome.payload.hex()} instead of {right.hex()}")

    def _right_payload(self, witness: Witness, request: Request) -> bytes:
        if request.function in {1, 2}:
            values = witness.read_bits(request.function, request.address, request.count)
            return bytes(
                sum(bit << place for place, bit in enumerate(values[at : at + 8])) for at in range(0, len(values), 8)
            )
        return b"".join(
            word.to_bytes(2, "big") for word in witness.read_words(request.function, request.address, request.count)
        )

    def _written(self, outcome: Outcome, begun_s: float) -> None:
        if not isinstance(outcome, Answer):
            self._fault(outcome)
            return
        self.verdict.writes_done += 1
        request, witness = outcome.request, self.witnesses[outcome.request.unit]
        if request.function == 5:
            seen: tuple[int | None, float] = witness.coils.get(request.address, (None, -1.0))
            wanted = int(request.pdu[3] == 0xFF)
        else:
            seen = witness.words.get(request.address, (None, -1.0))
            at = 3 if request.function == 6 else 6
            wanted = int.from_bytes(request.pdu[at : at + 2], "big")
        if seen[0] != wanted or seen[1] < begun_s:
            self.verdict.wrong.append(f"{self.now_s:.3f} {request}: called done, the device has {seen}")


def judged(faulty: int, seed: int, byte_by_byte: bool = False) -> Verdict:
    """Judge so many disturbed exchanges of all kinds, four of five exchanges disturbed."""
    disturbance = Disturbance(FAULTY_SHARE)
    return Trial(disturbance, seed=seed, byte_by_byte=byte_by_byte).run(faulty, disturbance)
