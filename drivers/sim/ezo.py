# SPDX-License-Identifier: Apache-2.0
"""What a simulated EZO circuit keeps and says: its calibration, slopes, temperature, and the way out and in of it.

The rule it keeps: the probe's signal comes in as what a circuit without calibration would show, and what the circuit
keeps changes the answer, as in the real one: ``Cal,mid`` erases the other points, an EC low point changes nothing
before the high one, the dry one is not counted. Source: EZO data sheets (pH V5.8, EC V6.2, DO V5.4, RTD V3.0), chapters
"Calibration theory", "Calibration", "Export calibration", "Import calibration", "Slope" (UART mode).
"""

from abc import abstractmethod
from math import nan
from typing import Final

import msgspec

from drivers.atlas_ezo import Kind
from drivers.calibration.ezo_chip import KINDS
from drivers.calibration.probes import PH_ISOPOTENTIAL, STANDARD_HPA, nernst_mv, oxygen_saturation_mg_l

OK: Final = b"*OK\r"
UNKNOWN: Final = b"*ER\r"
DONE: Final = b"*DONE\r"
STRING_LENGTH: Final = 12  # what one exported string holds
QUICK_S: Final = 0.3
CALIBRATE_S: Final = 0.9
PRESSURE_KPA: Final = STANDARD_HPA / 10.0
# One point kept: what was shown without calibration, and what it was.
Pair = tuple[float, float]


class Memory(msgspec.Struct, array_like=True):
    """What one kind of circuit keeps."""

    @abstractmethod
    def take(self, point: str, shown: float, number: float, air_mg_l: float) -> bool:
        """Keep a point; False for one that this kind does not know."""

    @abstractmethod
    def count(self) -> int:
        """Give what ``Cal,?`` says."""

    @abstractmethod
    def shown(self, uncalibrated: float) -> float:
        """Give what the circuit shows."""


class Kept(Memory):
    """Of a pH circuit."""

    mid: Pair | None = None
    low: Pair | None = None
    high: Pair | None = None

    def take(self, point: str, shown: float, number: float, air_mg_l: float) -> bool:
        """See Memory."""
        del air_mg_l
        taken = (shown, number)
        match point:
            case "mid":
                self.mid, self.low, self.high = taken, None, None
            case "low":
                self.low = taken
            case "high":
                self.high = taken
            case _:
                return False
        return True

    def count(self) -> int:
        """See Memory."""
        return sum(point is not None for point in (self.mid, self.low, self.high))

    def slope(self, point: Pair | None) -> float:
        """Give the share of the ideal slope on one side; 1 where no point is kept."""
        middle = self.mid or (PH_ISOPOTENTIAL, PH_ISOPOTENTIAL)
        return 1.0 if point is None else (point[0] - middle[0]) / (point[1] - middle[1])

    def shown(self, uncalibrated: float) -> float:
        """See Memory."""
        if self.mid is None:
            return uncalibrated
        distance = uncalibrated - self.mid[0]
        return self.mid[1] + distance / self.slope(self.low if distance < 0.0 else self.high)


class KeptEc(Memory):
    """Of an EC circuit, in µS/cm."""

    dry: float = 0.0
    low: Pair | None = None
    high: Pair | None = None
    noted: Pair | None = None

    def take(self, point: str, shown: float, number: float, air_mg_l: float) -> bool:
        """See Memory."""
        del air_mg_l
        if point == "dry":
            self.dry = shown
        elif point == "low":
            self.noted = (shown, number)
        elif point == "high" and self.noted is not None:
            self.low, self.high = self.noted, (shown, number)
        elif point == "one":
            self.low, self.high = None, (shown, number)
        else:
            return False
        return True

    def count(self) -> int:
        """See Memory."""
        return sum(point is not None for point in (self.low or self.noted, self.high))

    def shown(self, uncalibrated: float) -> float:
        """See Memory."""
        low = self.low or (self.dry, 0.0)
        if self.high is None:
            return max(0.0, uncalibrated - self.dry)
        gain = (self.high[1] - low[1]) / (self.high[0] - low[0])
        return max(0.0, low[1] + gain * (uncalibrated - low[0]))


class KeptOxygen(Memory):
    """Of a DO circuit, in mg/L."""

    air: Pair | None = None
    zero: float | None = None

    def take(self, point: str, shown: float, number: float, air_mg_l: float) -> bool:
        """See Memory."""
        if point == "air":
            self.air, self.zero = (shown, air_mg_l), None
        elif point == "one" and number == 0.0:
            self.zero = shown
        else:
            return False
        return True

    def count(self) -> int:
        """See Memory."""
        return (self.air is not None) + (self.zero is not None)

    def shown(self, uncalibrated: float) -> float:
        """See Memory."""
        nothing = self.zero or 0.0
        gain = self.air[1] / (self.air[0] - nothing) if self.air else 1.0
        return max(0.0, gain * (uncalibrated - nothing))


class KeptTemperature(Memory):
    """Of an RTD circuit: one point, an offset."""

    point: Pair | None = None

    def take(self, point: str, shown: float, number: float, air_mg_l: float) -> bool:
        """See Memory."""
        del air_mg_l
        self.point = (shown, number)
        return point == "one"

    def count(self) -> int:
        """See Memory."""
        return int(self.point is not None)

    def shown(self, uncalibrated: float) -> float:
        """See Memory."""
        return uncalibrated + (self.point[1] - self.point[0] if self.point else 0.0)


MEMORIES: Final[dict[Kind, type[Memory]]] = {"pH": Kept, "EC": KeptEc, "DO": KeptOxygen, "RTD": KeptTemperature}


class EzoCircuit:
    """A circuit's memory and its answers to everything but a reading; ``told`` are the commands heard.

    ``deaf``: it answers nothing more; ``unwilling``: every calibration command is an error to it.
    """

    def __init__(self, model: str = "atlas-ezo-ph") -> None:
        self.kept: Memory = MEMORIES[KINDS[model]]()
        self.told: list[str] = []
        self.deaf = False
        self.unwilling = False
        self.pressure_kpa = PRESSURE_KPA
        self._temperature_c = 20.0
        self._out: list[str] = []
        self._in = ""

    def answer(self, command: bytes, uncalibrated: float) -> list[tuple[float, bytes]]:
        """Answer one command that ends with CR: pairs of (delay [s], bytes)."""
        text = command.decode("ascii", "replace").strip("\r\n ")
        self.told.append(text)
        name, _, rest = text.partition(",")
        if self.deaf:
            return []
        match name.upper():
            case "CAL":
                return self._calibrate(rest, uncalibrated)
            case "SLOPE" if rest == "?" and isinstance(self.kept, Kept):
                return self._slopes(self.kept)
            case "EXPORT":
                return self._export(rest)
            case "IMPORT":
                return self._import(rest)
            case "P" if rest == "?" and isinstance(self.kept, KeptOxygen):
                return [(QUICK_S, f"?,P,{self.pressure_kpa:.2f}\r".encode() + OK)]
            case "P" if isinstance(self.kept, KeptOxygen):
                self.pressure_kpa = float(rest)
                return [(QUICK_S, OK)]
            case "T":
                self._temperature_c = float(rest)
                return [(QUICK_S, OK)]
            case "C":
                return [(QUICK_S, OK)]
            case _:
                return [(QUICK_S, UNKNOWN)]

    def _slopes(self, kept: Kept) -> list[tuple[float, bytes]]:
        zero_mv = -(kept.mid[0] - kept.mid[1]) * float(nernst_mv(25.0)) if kept.mid else 0.0
        acid, base = (100.0 * kept.slope(side) for side in (kept.low, kept.high))
        return [(QUICK_S, f"?Slope,{acid:.1f},{base:.1f},{zero_mv:.2f}\r".encode() + OK)]

    def _calibrate(self, rest: str, uncalibrated: float) -> list[tuple[float, bytes]]:
        if rest == "?":
            return [(QUICK_S, f"?Cal,{self.kept.count()}\r".encode() + OK)]
        if self.unwilling:
            return [(QUICK_S, UNKNOWN)]
        if rest == "clear":
            self.kept = type(self.kept)()
            return [(QUICK_S, OK)]
        air_mg_l = oxygen_saturation_mg_l(self._temperature_c, 10.0 * self.pressure_kpa)
        if rest in {"", "dry"}:
            taken = self.kept.take(rest or "air", uncalibrated, nan, air_mg_l)
            return [(CALIBRATE_S, OK if taken else UNKNOWN)]
        point, _, number = rest.rpartition(",")
        try:
            taken = self.kept.take(point or "one", uncalibrated, float(number), air_mg_l)
        except ValueError:
            taken = False
        return [(CALIBRATE_S, OK)] if taken else [(QUICK_S, UNKNOWN)]

    def _export(self, rest: str) -> list[tuple[float, bytes]]:
        whole = msgspec.json.encode(self.kept).hex()
        strings = [whole[at : at + STRING_LENGTH] for at in range(0, len(whole), STRING_LENGTH)]
        if rest == "?":
            self._out = strings
            return [(QUICK_S, f"?Export,{len(strings)},{len(whole)}\r".encode() + OK)]
        if not self._out:
            return [(QUICK_S, DONE)]
        return [(QUICK_S, f"{self._out.pop(0)}\r".encode())]

    def _import(self, rest: str) -> list[tuple[float, bytes]]:
        self._in += rest
        try:
            self.kept = msgspec.json.decode(bytes.fromhex(self._in), type=type(self.kept))
        except (ValueError, msgspec.DecodeError):
            return [(QUICK_S, OK)]  # not the last one yet
        self._in, self._temperature_c = "", 20.0
        return [(QUICK_S, OK), (2 * QUICK_S, b"*RS\r"), (3 * QUICK_S, b"*RE\r")]
