# SPDX-License-Identifier: Apache-2.0
"""What a simulated EZO-pH circuit keeps and says: its calibration, slopes, temperature, and the way out and in of it.

The rule it keeps: the probe's signal comes in as the pH that a circuit without calibration would show, and what the
circuit keeps changes the answer, as in the real one: ``Cal,mid`` erases the other points. Source: EZO-pH data sheet
V5.8, chapters "Calibration", "Export calibration", "Import calibration", "Slope" (UART mode).
"""

from typing import Final

import msgspec

from drivers.calibration.probes import PH_ISOPOTENTIAL, nernst_mv

EZO_PH: Final = "atlas-ezo-ph"
OK: Final = b"*OK\r"
UNKNOWN: Final = b"*ER\r"
DONE: Final = b"*DONE\r"
STRING_LENGTH: Final = 12  # what one exported string holds
QUICK_S: Final = 0.3
CALIBRATE_S: Final = 0.9


class Kept(msgspec.Struct, array_like=True):
    """The points kept, each as (what was shown without calibration, what it was)."""

    mid: tuple[float, float] | None = None
    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None

    def slope(self, point: tuple[float, float] | None) -> float:
        """Give the share of the ideal slope on one side; 1 where no point is kept."""
        middle = self.mid or (PH_ISOPOTENTIAL, PH_ISOPOTENTIAL)
        return 1.0 if point is None else (point[0] - middle[0]) / (point[1] - middle[1])

    def shown(self, uncalibrated: float) -> float:
        """Give the pH that the circuit shows."""
        if self.mid is None:
            return uncalibrated
        distance = uncalibrated - self.mid[0]
        return self.mid[1] + distance / self.slope(self.low if distance < 0.0 else self.high)


class EzoPh:
    """The circuit's memory and its answers to everything but a reading; ``told`` are the commands heard."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.told: list[str] = []
        self._out: list[str] = []
        self._in = ""

    def answer(self, command: bytes, uncalibrated: float) -> list[tuple[float, bytes]]:
        """Answer one command that ends with CR: pairs of (delay [s], bytes)."""
        text = command.decode("ascii", "replace").strip("\r\n ")
        self.told.append(text)
        name, _, rest = text.partition(",")
        match name.upper():
            case "CAL":
                return self._calibrate(rest, uncalibrated)
            case "SLOPE" if rest == "?":
                zero_mv = -(self.kept.mid[0] - self.kept.mid[1]) * float(nernst_mv(25.0)) if self.kept.mid else 0.0
                acid, base = (100.0 * self.kept.slope(side) for side in (self.kept.low, self.kept.high))
                return [(QUICK_S, f"?Slope,{acid:.1f},{base:.1f},{zero_mv:.2f}\r".encode() + OK)]
            case "EXPORT":
                return self._export(rest)
            case "IMPORT":
                return self._import(rest)
            case "C" | "T":
                return [(QUICK_S, OK)]
            case _:
                return [(QUICK_S, UNKNOWN)]

    def _calibrate(self, rest: str, uncalibrated: float) -> list[tuple[float, bytes]]:
        if rest == "?":
            count = sum(point is not None for point in (self.kept.mid, self.kept.low, self.kept.high))
            return [(QUICK_S, f"?Cal,{count}\r".encode() + OK)]
        if rest == "clear":
            self.kept = Kept()
            return [(QUICK_S, OK)]
        point, _, number = rest.partition(",")
        try:
            taken = (uncalibrated, float(number))
        except ValueError:
            return [(QUICK_S, UNKNOWN)]
        match point:
            case "mid":
                self.kept = Kept(taken)
            case "low":
                self.kept.low = taken
            case "high":
                self.kept.high = taken
            case _:
                return [(QUICK_S, UNKNOWN)]
        return [(CALIBRATE_S, OK)]

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
            self.kept = msgspec.json.decode(bytes.fromhex(self._in), type=Kept)
        except (ValueError, msgspec.DecodeError):
            return [(QUICK_S, OK)]  # not the last one yet
        self._in = ""
        return [(QUICK_S, OK), (2 * QUICK_S, b"*RS\r"), (3 * QUICK_S, b"*RE\r")]
