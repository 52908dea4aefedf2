# SPDX-License-Identifier: Apache-2.0
"""Atlas Scientific EZO circuits (pH, EC, DO, RTD) on their UART: read, compensate, calibrate, sleep.

The rule it keeps: a calibration step is refused when the circuit would silently undo another one (``mid`` first).
Source: EZO data sheets, chapters "UART mode" (9600 8N1, commands end with CR, response codes ``*OK`` ...).
"""

import re
from typing import Final, Literal

from drivers.ascii_line import Ask, Cut, ExchangeError, LineExchange, Missed, lines_ending

READ_S: Final = 1.3  # a reading takes up to 900 ms (RTD 600 ms)
COMMAND_S: Final = 0.6
CALIBRATE_S: Final = 1.9
RESPONSES: Final = {
    b"*OK": "ok",
    b"*ER": "the circuit does not know this command",
    b"*OV": "supply voltage too high (above 5.5 V)",
    b"*UV": "supply voltage too low (below 3.1 V)",
    b"*RS": "the circuit restarted",
    b"*RE": "the circuit has started and is ready",
    b"*SL": "the circuit sleeps",
    b"*WA": "the circuit woke up",
}
DONE: Final = b"*DONE"
EXPORTED: Final = r"[0-9A-Za-z ]{1,36}"
Kind = Literal["pH", "EC", "DO", "RTD"]


def line() -> LineExchange:
    """Give the exchange for one circuit."""
    cut: Cut = lines_ending(b"\r")
    return LineExchange(cut, _good)


def _good(ask: Ask, answer: bytes) -> bool:
    if ask.request == b"Export\r":
        return answer == DONE or re.fullmatch(EXPORTED.encode(), answer) is not None
    if answer in RESPONSES:
        return answer in ask.ends
    if ask.request[:1] == b"R":
        return re.fullmatch(rb"-?\d+(\.\d+)?(,-?\d+(\.\d+)?)*", answer) is not None
    return answer.startswith(b"?") and (b"?" in ask.request or answer[1:7].upper() == ask.request[:6].upper())


def _ask(text: str, wait_s: float) -> Ask:
    return Ask(f"{text}\r".encode("ascii"), wait_s, lines=3, ends=(b"*OK", b"*ER", b"*SL"))


def quiet() -> Ask:
    """Stop the readings that a new circuit sends by itself every second (``C,0``)."""
    return _ask("C,0", COMMAND_S)


def reading() -> Ask:
    """Take one reading."""
    return _ask("R", READ_S)


def reading_at(temperature_c: float) -> Ask:
    """Take one reading compensated for this temperature (-20 to 120 degC)."""
    return _ask(f"RT,{_temperature(temperature_c):.2f}", READ_S)


def compensate(temperature_c: float) -> Ask:
    """Set the temperature for the readings to come (-20 to 120 degC)."""
    return _ask(f"T,{_temperature(temperature_c):.2f}", COMMAND_S)


def _temperature(temperature_c: float) -> float:
    if not -20 <= temperature_c <= 120:
        raise ExchangeError(f"{temperature_c} degC is no water temperature; -20 to 120 are taken")
    return temperature_c


def calibrate(kind: Kind, point: str, value: float | None, *, points_done: int) -> Ask:
    """Calibrate one point. ``points_done``: of pH how many points the circuit has now (see :func:`calibration_state`),
    of the others how many it was told so far: an EC circuit does not count the dry one.

    pH: mid first, then low, then high; EC: dry first, then one point or low and high (µS/cm); DO: atmospheric
    (no value) then zero (0); RTD: any temperature.
    """
    number = "" if value is None else f",{value:.7g}"  # 12880 and 128800 are no 1.288e+05
    allowed = {"pH": ("mid", "low", "high"), "EC": ("dry", "one", "low", "high"), "DO": ("air", "zero"), "RTD": ("t",)}
    if point == "clear":
        return _ask("Cal,clear", CALIBRATE_S)
    if point not in allowed[kind]:
        raise ExchangeError(f"{kind} has no calibration point {point!r}; it has {', '.join(allowed[kind])}")
    if kind == "pH" and point != "mid" and points_done == 0:
        raise ExchangeError("calibrate the mid point (pH 7) first: it erases the others when it comes later")
    if kind == "EC" and point != "dry" and points_done == 0:
        raise ExchangeError("calibrate the dry probe first, in air")
    if kind == "EC" and point == "high" and points_done < 2:
        raise ExchangeError("calibrate the low point first: nothing changes before the high one")
    if kind == "DO" and point == "zero" and points_done == 0:
        raise ExchangeError("calibrate in the air first")
    if (value is None) != (point in {"dry", "air"}) and point != "zero":
        raise ExchangeError(f"the point {point!r} of {kind} needs {'no' if value is not None else 'a'} value")
    text = {"air": "Cal", "zero": "Cal,0", "one": f"Cal{number}", "t": f"Cal{number}", "dry": "Cal,dry"}
    return _ask(text.get(point) or f"Cal,{point}{number}", CALIBRATE_S)


def calibration_state() -> Ask:
    """Ask how many points are calibrated (``?Cal,n``)."""
    return _ask("Cal,?", COMMAND_S)


def points_told(kind: Kind, point: str) -> int:
    """Say how many points the circuit must count at least once ``point`` was told; an EC low point is only noted."""
    counted = {"mid": 1, "low": 2, "high": 2, "one": 1, "air": 1, "zero": 2, "t": 1}
    return 0 if kind == "EC" and point in {"dry", "low"} else counted[point]


def pressure() -> Ask:
    """Ask a DO circuit for the pressure that it reckons with (``?P,90.25``, also ``?,P,90.25``) [kPa]."""
    return _ask("P,?", COMMAND_S)


def at_pressure(pressure_hpa: float) -> Ask:
    """Tell a DO circuit the air's pressure; it keeps it (500 to 1100 hPa)."""
    if not 500.0 <= pressure_hpa <= 1100.0:
        raise ExchangeError(f"{pressure_hpa} hPa is no air pressure; 500 to 1100 are taken")
    return _ask(f"P,{pressure_hpa / 10.0:.2f}", COMMAND_S)


def slope() -> Ask:
    """Ask a pH circuit for the slopes of its probe in percent of the ideal (``?Slope,acid,base[,mV]``)."""
    return _ask("Slope,?", COMMAND_S)


def export_size() -> Ask:
    """Ask how many strings hold the circuit's calibration (``?Export,10,120``); the first ``export`` begins anew."""
    return _ask("Export,?", COMMAND_S)


def export() -> Ask:
    """Take the next string of the calibration (at most 12 characters); ``*DONE`` after the last one."""
    return Ask(b"Export\r", COMMAND_S)


def bring_back(string: str) -> Ask:
    """Give one exported string back; after the last one the circuit restarts with that calibration."""
    if not re.fullmatch(EXPORTED, string):
        raise ExchangeError(f"{string!r} is no string that a circuit exported")
    return _ask(f"Import,{string}", CALIBRATE_S)


def status() -> Ask:
    """Ask why it restarted and what its supply is (``?Status,P,5.04``)."""
    return _ask("Status", COMMAND_S)


def probe_constant(k: float) -> Ask:
    """Tell an EC circuit its probe's cell constant K (0.1 to 10)."""
    if not 0.1 <= k <= 10:
        raise ExchangeError(f"K {k} is no cell constant of these probes; 0.1, 1.0 and 10 are sold")
    return _ask(f"K,{k:g}", COMMAND_S)


def sleep() -> Ask:
    """Put the circuit to sleep; any character wakes it."""
    return _ask("Sleep", COMMAND_S)


def numbers(answer: bytes) -> tuple[float, ...]:
    """Read the numbers of an answer such as ``7.02`` or ``?Slope,99.7,100.3,-0.89``."""
    parts = answer.decode("ascii", "replace").split(",")
    found = []
    for part in parts[1:] if answer.startswith(b"?") else parts:
        try:
            found.append(float(part))
        except ValueError:
            continue
    return tuple(found)


def trouble(answers: tuple[bytes, ...] | Missed) -> str:
    """Say in words what a technician should know; '' if all is well."""
    if isinstance(answers, Missed):
        return answers.detail or "no answer: is it in UART mode (green LED), at 9600 baud?"
    return next((RESPONSES[item] for item in answers if item in RESPONSES and item != b"*OK"), "")
