# SPDX-License-Identifier: Apache-2.0
"""A catalogue entry as a Modbus slave: the simulated instrument that the real bus code talks to.

The rule it keeps: it knows only what the entry says; a register that the entry does not name is answered with
exception 2, an unknown function with exception 1. It takes request PDUs and the time and gives reply PDUs; the
line simulator adds address, CRC and timing.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite

from drivers.calibration.on_chip import CHIP_METHODS
from drivers.catalogue_schema import WORDS, Entry, Setting, Write
from drivers.decode import bits_to_number, number_to_words, value_function
from drivers.sim.encode import encode
from drivers.sim.outputs import Coils, Motor, Stem
from drivers.sim.signals import Element, ElementFault, Signals

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
BUSY = 6


class _Refused(Exception):
    """An exception reply of the slave."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class SimulatedInstrument:
    """One device on a simulated line. ``address`` and ``baud`` change as the device's own settings do."""

    entry: Entry
    signals: Signals = lambda _name, _now: float("nan")
    address: int = 0
    seed: int = 0
    noise: dict[str, float] = field(default_factory=dict)
    lag_s: float = 0.0
    powered_s: float = float("-inf")
    faults: list[ElementFault] = field(default_factory=list)
    silent: bool = False
    baud: int = 0
    ruined: list[str] = field(default_factory=list)
    trim: dict[str, float] = field(default_factory=dict)
    element: Element = field(init=False)
    coils: Coils | None = field(init=False, default=None)
    motor: Motor | None = field(init=False, default=None)
    stem: Stem | None = field(init=False, default=None)
    _memory: dict[int, int] = field(default_factory=dict)
    _pending_address: int | None = None
    _pending_baud: int | None = None
    _started: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        entry = self.entry
        self.address = self.address or entry.serial.address
        self.baud = self.baud or entry.serial.baud
        self.element = Element(entry, self.signals, self.seed, self.noise, self.lag_s, self.powered_s, self.faults)
        if entry.relay is not None:
            self.coils = Coils(entry.relay)
        if entry.drive is not None:
            self.motor = Motor(entry.drive)
        if entry.valve is not None:
            self.stem = Stem(entry.valve)
        self._remember()

    def _remember(self) -> None:
        """Fill the holding registers that hold settings and the answers of the identity probe."""
        entry = self.entry
        for identity in entry.identity:
            text = identity.text.encode("ascii").ljust(2 * identity.count, b"\0")
            for i in range(identity.count):
                word = int.from_bytes(text[2 * i : 2 * i + 2], "big")
                self._memory.setdefault(identity.at + i, identity.equals[i] if i < len(identity.equals) else word)
        for setting, now in ((entry.address_setting, self.address), (entry.baud_setting, self._baud_code())):
            if setting is not None and not setting.why_not and setting.read_function == 3:
                for i, word in enumerate(number_to_words(float(now), setting.type, "ABCD")):
                    self._memory[setting.at + i] = word
        for write in (*entry.startup, *_setting_writes(entry.address_setting), *_setting_writes(entry.baud_setting)):
            for i in range(max(len(write.words), 1)):
                self._memory.setdefault(write.at + i, 0)
        if entry.drive is not None:
            self._memory.setdefault(entry.drive.command_at, 0)
            self._memory.setdefault(entry.drive.frequency_at, 0)
            for at in (entry.drive.actual_at, entry.drive.fault_at, entry.drive.silence_at):
                if at is not None:
                    self._memory.setdefault(at, 0)
            if entry.drive.silence_action is not None:
                self._memory.setdefault(entry.drive.silence_action.at, 0)
        if entry.valve is not None:
            self._memory.setdefault(entry.valve.set_at, round(entry.valve.set_zero))
        for forbidden in entry.forbidden:
            last = forbidden.to if forbidden.to is not None else forbidden.at
            for at in range(forbidden.at, last + 1):
                self._memory.setdefault(at, 0)

    def _baud_code(self) -> int:
        setting = self.entry.baud_setting
        return setting.codes.get(str(self.baud), 0) if setting is not None else 0

    def hears(self, unit: int) -> bool:
        """Whether a frame to ``unit`` is for this device (its address, the maker's any-address, or broadcast)."""
        return unit in {self.address, 0} or unit == self.entry.serial.any_address

    def power_cycle(self, now: float) -> None:
        """Take the power off and on: settings that wait for it come into force, outputs fall open."""
        if self._pending_address is not None:
            self.address, self._pending_address = self._pending_address, None
        if self._pending_baud is not None:
            self.baud, self._pending_baud = self._pending_baud, None
        self.element.powered_s = now
        self._started.clear()
        if self.coils is not None:
            self.coils.power_up()

    def answer(self, unit: int, pdu: bytes, now: float) -> bytes | None:
        """Answer a request PDU addressed to ``unit`` at ``now`` (s); None = silence."""
        if self.silent or not pdu or not self.hears(unit):
            return None
        if now - self.element.powered_s < self.entry.power_on_s:
            return None
        if self.motor is not None:
            self.motor.heard(now)
        try:
            reply = self._serve(pdu, now)
        except _Refused as refused:
            reply = bytes((pdu[0] | 0x80, refused.code))
        return None if unit == 0 else reply

    def _serve(self, pdu: bytes, now: float) -> bytes:
        function = pdu[0]
        if function in {1, 2, 3, 4} and len(pdu) == 5:
            return self._read(function, _word(pdu, 1), _word(pdu, 3), now)
        if function in {5, 6} and len(pdu) == 5:
            if function == 5:
                self._write_coil(_word(pdu, 1), _word(pdu, 3), now)
            else:
                self._write(_word(pdu, 1), _word(pdu, 3), now)
            return pdu
        if function in {15, 16} and len(pdu) > 5 and len(pdu) == 6 + pdu[5]:
            start, count = _word(pdu, 1), _word(pdu, 3)
            for i in range(count):
                if function == 16:
                    self._write(start + i, _word(pdu, 6 + 2 * i), now)
                else:
                    bit = pdu[6 + i // 8] >> (i % 8) & 1
                    self._write_coil(start + i, 0xFF00 if bit else 0, now)
            return pdu[:5]
        raise _Refused(ILLEGAL_FUNCTION)

    def registers(self, now: float) -> dict[tuple[int, int], int]:
        """Give all registers as they stand at ``now``: (function, address) -> word."""
        entry = self.entry
        image = {(3, at): word for at, word in self._memory.items()}
        for identity in entry.identity:
            for i in range(identity.count):
                image.setdefault((identity.function, identity.at + i), self._memory.get(identity.at + i, 0))
        for block in entry.block:
            for i in range(block.count + block.spare):
                image.setdefault((block.function or entry.function, block.at + i), 0)
        for status in entry.status:
            image.setdefault((status.function or entry.function, status.at), 0)
        if entry.gap_most:
            self._fill_gaps(image)
        image.update(encode(entry, lambda name: self._value(name, now)))
        if self.motor is not None and self.motor.drive.actual_at is not None:
            drive = self.motor.drive
            image[3, self.motor.drive.actual_at] = round(self.motor.hz(now) / drive.actual_scale)
        if self.stem is not None and self.stem.valve.actual_at is not None:
            valve = self.stem.valve
            image[3, self.stem.valve.actual_at] = round(self.stem.position(now) * (valve.actual_span or valve.set_span))
        if self.coils is not None:
            for i, on in enumerate(self.coils.states(now)):
                image[1, self.coils.relay.coil_at + i] = int(on)
            for i in range(self.coils.relay.inputs):
                image.setdefault((2, i), 0)
        return image

    def _fill_gaps(self, image: dict[tuple[int, int], int]) -> None:
        ends = sorted((value_function(self.entry, v), v.at) for v in self.entry.value)
        for (function, at), (other, after) in pairwise(ends):
            if function == other and after - at <= self.entry.gap_most + 4:
                for address in range(at, after):
                    image.setdefault((function, address), 0)

    def _value(self, name: str, now: float) -> float:
        kind, _, index = name.partition(".")
        if self.coils is not None and kind == "switch" and index:
            channel = int(index) - 1
            if channel < self.coils.relay.outputs:
                return float(self.coils.states(now)[channel])
            level = self.signals(name, now)
            return level if isfinite(level) else 0.0
        if self.stem is not None and kind == "position":
            return 100.0 * self.stem.position(now)
        if self.motor is not None and kind == "frequency":
            return self.motor.hz(now)
        return self.element.sense(name, now) + self.trim.get(name, 0.0)

    def _calibrate(self, at: int, word: int, now: float) -> None:
        """Keep what the maker's calibration command says that the probe sees now."""
        for method in CHIP_METHODS:
            if self.entry.type in method.models and at == method.at and method.word in {None, word}:
                seen = float(word) if method.shows is None else method.shows
                self.trim[method.quantity] = seen - self.element.sense(method.quantity, now)

    def _read(self, function: int, start: int, count: int, now: float) -> bytes:
        if not 1 <= count <= (125 if function > 2 else 2000):
            raise _Refused(ILLEGAL_VALUE)
        image = self.registers(now)
        found = [image.get((function, start + i)) for i in range(count)]
        words = [word for word in found if word is not None]
        if len(words) < count:
            raise _Refused(ILLEGAL_ADDRESS)
        if function > 2:
            data = b"".join(word.to_bytes(2, "big") for word in words)
        else:
            packed = bytearray((count + 7) // 8)
            for i, word in enumerate(words):
                packed[i // 8] |= (word & 1) << (i % 8)
            data = bytes(packed)
        return bytes((function, len(data))) + data

    def _write_coil(self, address: int, word: int, now: float) -> None:
        if self.coils is None or not self.coils.write(address, word, now):
            raise _Refused(ILLEGAL_ADDRESS)

    def _write(self, at: int, word: int, now: float) -> None:
        relay = self.entry.relay
        if (
            relay is not None
            and relay.by_register
            and self.coils is not None
            and 0 <= at - relay.coil_at < relay.outputs
        ):
            self._write_output_register(at - relay.coil_at, word, now)
            return
        if at not in self._memory:
            raise _Refused(ILLEGAL_ADDRESS)
        for forbidden in self.entry.forbidden:
            last = forbidden.to if forbidden.to is not None else forbidden.at
            if forbidden.at <= at <= last and (not forbidden.words or word in forbidden.words):
                self.ruined.append(forbidden.why)
        self._memory[at] = word
        self._apply(at, word)
        self._calibrate(at, word, now)
        if self.motor is not None:
            if at == self.motor.drive.command_at:
                self.motor.command(word, now)
            elif at == self.motor.drive.frequency_at:
                self.motor.set_frequency(word, now)
            elif at == self.motor.drive.silence_at:
                self.motor.silence_s = word * self.motor.drive.silence_scale
        if self.stem is not None and at == self.stem.valve.set_at:
            self.stem.set(word, now)

    def _write_output_register(self, channel: int, word: int, now: float) -> None:
        relay, coils = self.entry.relay, self.coils
        if relay is None or coils is None:
            raise _Refused(ILLEGAL_ADDRESS)
        if relay.flash_by_register and word & 0xFF00 == relay.flash_word_high and word & 0xFF:
            coils.pulse(channel, on=True, units=word & 0xFF, now=now)
        elif word in {relay.on_word, relay.off_word}:
            coils.set(channel, word == relay.on_word, now)
        else:
            raise _Refused(ILLEGAL_VALUE)

    def _apply(self, at: int, word: int) -> None:
        entry = self.entry
        address, baud = entry.address_setting, entry.baud_setting
        if address is not None and not address.why_not and at == address.at + WORDS[address.type] - 1:
            words = [self._memory[address.at + i] for i in range(WORDS[address.type])]
            wanted = bits_to_number(words, address.type, "ABCD")
            self._pending_address = int(wanted) if 1 <= wanted <= 255 else self.address
            if address.applies == "at once":
                self.address, self._pending_address = self._pending_address, None
        if baud is not None and at == baud.at and not baud.why_not:
            codes = {code: int(name) for name, code in baud.codes.items()}
            self._pending_baud = codes.get(word, self.baud)
            if baud.applies == "at once":
                self.baud, self._pending_baud = self._pending_baud, None
        saves = [w.at for s in (address, baud) if s is not None and s.applies == "after save" for w in s.save]
        if at in saves:
            if self._pending_address is not None:
                self.address, self._pending_address = self._pending_address, None
            if self._pending_baud is not None:
                self.baud, self._pending_baud = self._pending_baud, None


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")


def _setting_writes(setting: Setting | None) -> tuple[Write, ...]:
    return (*setting.unlock, *setting.save) if setting is not None else ()
