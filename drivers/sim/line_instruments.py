# SPDX-License-Identifier: Apache-2.0
"""A catalogue entry as a simulated line-protocol instrument: SDI-12, comma or keyed ASCII, Winsen frames.

The rule it keeps: whole commands in, timed answers out; what it does not understand it does not answer, as the
specification says. Sources: SDI-12 V1.4 section 4.4; the manuals named in the entries.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

import msgspec

from drivers.calibration.ezo_chip import KINDS
from drivers.catalogue_schema import Entry, Text, Value
from drivers.crc import inverted_sum, sdi12_crc
from drivers.decode import number_to_words, value_unit
from drivers.registry import driver_of
from drivers.sim.ezo import EzoCircuit
from drivers.sim.signals import Element, ElementFault, Signals
from drivers.units import from_canonical
from drivers.wxt import letter_of

D_LIMIT = 35  # characters of values in a D answer after M (SDI-12 V1.4, 4.4.6)
D_LIMIT_CONCURRENT = 75  # after C
NO_VALUE = -9999.0
# The unit in which a new station tells each kind of parameter (its first letter).
LETTERED = {"D": "deg", "S": "m/s", "T": "degC", "U": "%", "P": "hPa", "R": "mm", "H": "1/cm2", "V": "V"}


def _imagined(entry: Entry, signals: Signals) -> Signals:
    """Let an instrument with code show its own values for the quantity that the world has."""
    driver = driver_of(entry)
    if driver is None:
        return signals

    def sense(name: str, now: float) -> float:
        value = signals(name, now)
        if isfinite(value):
            return value
        shown = driver.imagine(signals(driver.adds[0], now))
        return shown.get(name, value)

    return sense


@dataclass(slots=True)
class SimulatedLineInstrument:
    """One instrument that speaks lines of text or short frames. ``patience`` scales the time that it measures."""

    entry: Entry
    signals: Signals = lambda _name, _now: float("nan")
    address: str = ""
    seed: int = 0
    noise: dict[str, float] = field(default_factory=dict)
    faults: list[ElementFault] = field(default_factory=list)
    silent: bool = False
    patience: float = 1.0
    element: Element = field(init=False)
    text: Text = field(init=False)
    ezo: EzoCircuit | None = field(init=False, default=None)
    _data: list[str] = field(default_factory=list)
    _with_crc: bool = False

    def __post_init__(self) -> None:
        if self.entry.text is None:
            raise ValueError(f"{self.entry.type} speaks no line protocol")
        text = self.entry.text
        self.text = msgspec.structs.replace(text, measure_s=text.measure_s * self.patience)
        self.address = self.address or self.entry.serial.sdi12_address
        self.ezo = EzoCircuit(self.entry.type) if self.entry.type in KINDS else None
        self.element = Element(
            self.entry, _imagined(self.entry, self.signals), self.seed, self.noise, faults=self.faults
        )

    def answer(self, command: bytes, now: float) -> list[tuple[float, bytes]]:
        """Answer one whole command: pairs of (delay from the command's end [s], bytes); empty = silence."""
        if self.silent:
            return []
        if self.entry.protocol == "sdi12":
            return self._sdi12(command, now)
        if self.entry.protocol == "binary":
            return [(0.02, self._frame(now))] if command == bytes.fromhex(self.text.request) else []
        if self.text.who and command == self._said(self.text.who):
            return [(0.3, f"{self.text.says}1.0".encode("ascii") + self.text.ends.encode("ascii"))]
        if self.ezo is not None and command != self._said(self.text.request):
            return self.ezo.answer(command, self._number(self.entry.value[0], now, calibrated=False))
        if self.text.startup and command == self._said(self.text.startup[0]):
            return [(0.3, b"*OK" + self.text.ends.encode("ascii"))]
        body = command.removesuffix(self.text.ends.encode("ascii"))
        asked = self._said(self.text.request).removesuffix(self.text.ends.encode("ascii"))
        if self.text.checksum == "sdi12" and body == asked.upper():
            return [(self.text.measure_s, self._line(asked.upper(), now, crc=False))]  # the same without check sums
        crc = sdi12_crc(asked) if self.text.checksum == "sdi12" else b""
        if body != asked + crc:
            return []
        after = [(self.text.measure_s + 0.1, b"*OK" + self.text.ends.encode("ascii"))] if self.text.startup else []
        return [(self.text.measure_s, self._line(asked, now, crc=bool(crc))), *after]

    def _said(self, command: str) -> bytes:
        return command.replace("{a}", self.address).encode("ascii")

    def _number(self, value: Value, now: float, *, calibrated: bool = True) -> float:
        name = f"{value.quantity}.{value.index}" if value.index else value.quantity
        canonical = self.element.sense(name, now)
        if not isfinite(canonical):
            return value.sentinels[0] if value.sentinels else NO_VALUE
        number = (from_canonical(canonical, value_unit(value), value.quantity) - value.offset) / value.scale
        return self.ezo.kept.shown(number) if self.ezo is not None and calibrated else number

    def _line(self, asked: bytes, now: float, *, crc: bool) -> bytes:
        ends = self.text.ends.encode("ascii")
        if self.text.parted == "keys":
            told = ",".join(self._keyed(value, now) for value in self.entry.value)
            line = asked + b"," + told.encode("ascii")
            return line + (sdi12_crc(line) if crc else b"") + ends
        numbers = {v.at: f"{self._number(v, now):.3f}" for v in self.entry.value}
        return ",".join(numbers[at] for at in sorted(numbers)).encode("ascii") + ends

    def _keyed(self, value: Value, now: float) -> str:
        number = self._number(value, now)
        if number == NO_VALUE:
            return f"{value.key}=0.0#"
        return f"{value.key}={number:.1f}{letter_of(value.key, LETTERED[value.key[:1]])}"

    def _frame(self, now: float) -> bytes:
        frame = bytearray(self.text.reply_bytes)
        frame[0:2] = b"\xff\x86"
        for value in self.entry.value:
            word = number_to_words(self._number(value, now), "u16", "ABCD")[0]
            frame[value.at - 1 : value.at + 1] = word.to_bytes(2, "big")
        frame[8] = inverted_sum(frame[1:8])
        return bytes(frame)

    # ---- SDI-12 --------------------------------------------------------------------------------

    def _sdi12(self, command: bytes, now: float) -> list[tuple[float, bytes]]:
        line = command.decode("ascii", errors="replace")
        if not line.endswith("!") or len(line) < 2 or line[0] not in {self.address, "?"}:
            return []
        body = line[1:-1]
        if body == "":
            return self._say("")
        serve: dict[str, Callable[[str, float], list[tuple[float, bytes]]]] = {
            "I": self._identify,
            "A": self._readdress,
            "M": self._measure,
            "C": self._measure,
            "R": self._continuous,
            "D": self._deliver,
        }
        found = serve.get(body[0])
        return found(body, now) if found is not None else []

    def _say(self, text: str, delay_s: float = 0.009, *, crc: bool = False) -> list[tuple[float, bytes]]:
        line = (self.address + text).encode("ascii")
        if crc:
            line += sdi12_crc(line)
        return [(delay_s, line + b"\r\n")]

    def _identify(self, body: str, _now: float) -> list[tuple[float, bytes]]:
        if body != "I":
            return []
        maker = self.entry.maker.encode("ascii", errors="replace").decode()[:8].ljust(8)
        model = self.entry.type.rpartition("-")[2][:6].ljust(6)
        return self._say(f"14{maker}{model}100")

    def _readdress(self, body: str, _now: float) -> list[tuple[float, bytes]]:
        if len(body) != 2 or not body[1].isalnum():
            return []
        self.address = body[1]
        return self._say("")

    def _sense(self, now: float, limit: int) -> int:
        texts = [_signed(self._number(v, now)) for v in sorted(self.entry.value, key=lambda v: v.at)]
        self._data = [""]
        for text in texts:
            if len(self._data[-1]) + len(text) > limit:
                self._data.append("")
            self._data[-1] += text
        return len(texts)

    def _measure(self, body: str, now: float) -> list[tuple[float, bytes]]:
        concurrent = body[0] == "C"
        if body not in {"M", "MC", "C", "CC"}:
            return []
        self._with_crc = body.endswith("C") and len(body) == 2
        count = self._sense(now, D_LIMIT_CONCURRENT if concurrent else D_LIMIT)
        wait_s = round(self.text.measure_s)
        if concurrent:
            return self._say(f"{wait_s:03d}{count:02d}")
        answers = self._say(f"{wait_s:03d}{min(count, 9)}")
        return answers + (self._say("", self.text.measure_s) if wait_s else [])

    def _continuous(self, body: str, now: float) -> list[tuple[float, bytes]]:
        if body not in {"R0", "RC0"}:
            return []
        self._sense(now, D_LIMIT_CONCURRENT)
        return self._say(self._data[0], crc=body == "RC0")

    def _deliver(self, body: str, _now: float) -> list[tuple[float, bytes]]:
        if len(body) != 2 or not body[1].isdigit():
            return []
        index = int(body[1])
        return self._say(self._data[index] if index < len(self._data) else "", crc=self._with_crc)


def _signed(number: float) -> str:
    """Write a number as SDI-12 wants it: sign, at most seven digits and a decimal point."""
    sign = "-" if number < 0 else "+"
    digits = f"{abs(number):.4f}"
    if len(digits.partition(".")[0]) > 3:
        digits = f"{abs(number):.1f}"
    return sign + digits[:8].rstrip(".")
