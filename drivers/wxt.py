# SPDX-License-Identifier: Apache-2.0
"""Vaisala WXT530 weather stations in ASCII polled mode, with and without CRC.

The rule it keeps: a value comes with its unit letter or not at all; ``#`` means that the station mistrusts it.
Source: WXT530 Series User Guide M211840EN-D p. 86-88: ``aR1`` wind, ``aR2`` pressure-temperature-humidity, ``aR3``
rain, ``aR5`` supervisor, ``aR0`` all of them; with a lower-case ``r`` request and answer end with three CRC characters.
"""

from typing import Final

import msgspec

from drivers.ascii_line import Ask, ExchangeError, LineExchange, lines_ending
from drivers.crc import sdi12_crc

WAIT_S: Final = 1.0
# unit letter -> canonical unit and factor, by the parameter's first letter
UNITS: Final[dict[str, dict[str, tuple[str, float, float]]]] = {
    "D": {"D": ("deg", 1.0, 0.0)},
    "S": {
        "M": ("m/s", 1.0, 0.0),
        "K": ("m/s", 1 / 3.6, 0.0),
        "S": ("m/s", 0.44704, 0.0),
        "N": ("m/s", 1852 / 3600, 0.0),
    },
    "T": {"C": ("degC", 1.0, 0.0), "F": ("degC", 5 / 9, -160 / 9)},
    "U": {"P": ("%", 1.0, 0.0)},
    "P": {
        "H": ("hPa", 1.0, 0.0),
        "P": ("hPa", 0.01, 0.0),
        "B": ("hPa", 1000.0, 0.0),
        "M": ("hPa", 1.333224, 0.0),
        "I": ("hPa", 33.86389, 0.0),
    },
    "R": {"M": ("mm", 1.0, 0.0), "I": ("mm", 25.4, 0.0), "s": ("s", 1.0, 0.0)},
    "H": {"M": ("1/cm2", 1.0, 0.0), "s": ("s", 1.0, 0.0)},
    "V": {"V": ("V", 1.0, 0.0), "N": ("V", 1.0, 0.0), "W": ("V", 1.0, 0.0), "F": ("V", 1.0, 0.0)},
}


class WeatherValue(msgspec.Struct, frozen=True):
    """One parameter, such as ``Ta``: value in ``unit``; NaN when the station marked it invalid."""

    name: str
    value: float
    unit: str


class WeatherError(ValueError):
    """They broke the rules: this message cannot be read."""


def line() -> LineExchange:
    """Give the exchange for one station."""
    return LineExchange(lines_ending(b"\r\n"), _good)


def poll(address: str = "0", message: int = 0, *, crc: bool = True) -> Ask:
    """Ask for message 1 (wind), 2 (PTU), 3 (rain), 5 (supervisor) or 0 (all)."""
    if len(address) != 1 or not address.isalnum() or message not in {0, 1, 2, 3, 5}:
        raise ExchangeError(f"{address!r} R{message}: an address is one letter or digit, messages are 0, 1, 2, 3, 5")
    text = f"{address}{'r' if crc else 'R'}{message}".encode("ascii")
    return Ask(text + (sdi12_crc(text) if crc else b"") + b"\r\n", WAIT_S)


def _good(ask: Ask, answer: bytes) -> bool:
    if answer[:4] != ask.request[:3] + b",":
        return False
    return ask.request[1:2] != b"r" or (len(answer) > 6 and sdi12_crc(answer[:-3]) == answer[-3:])


def values(answer: bytes) -> tuple[WeatherValue, ...]:
    """Read ``0R0,Dx=005D,Sx=2.8M,...``; take the CRC off first if the message (lower-case r) has one."""
    text = answer[:-3] if answer[1:2] == b"r" else answer
    found = []
    for part in text.decode("ascii", "replace").split(",")[1:]:
        name, equals, value = part.partition("=")
        if not equals or len(value) < 2:
            raise WeatherError(f"{part!r}: expected NAME=VALUE with a unit letter")
        found.append(value_of(name, value))
    return tuple(found)


def value_of(name: str, text: str) -> WeatherValue:
    """Read one parameter's value with its unit letter; WeatherError when it cannot be read."""
    letter = text[-1:]
    known = UNITS.get(name[:1], {})
    if letter == "#":
        return WeatherValue(name, float("nan"), next(iter(known.values()), ("", 1.0, 0.0))[0])
    if letter not in known:
        raise WeatherError(f"{name}={text}: unit letter {letter!r} is not known for {name}")
    unit, factor, offset = known[letter]
    try:
        return WeatherValue(name, float(text[:-1]) * factor + offset, unit)
    except ValueError:
        raise WeatherError(f"{name}={text}: no number") from None


def letter_of(name: str, unit: str) -> str:
    """Give the letter that a station writes for a parameter in ``unit``; KeyError when there is none."""
    for letter, (known, factor, offset) in UNITS[name[:1]].items():
        if known == unit and (factor, offset) == (1.0, 0.0):
            return letter
    raise KeyError(f"{name} in {unit}")
