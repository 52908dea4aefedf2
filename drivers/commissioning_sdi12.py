# SPDX-License-Identifier: Apache-2.0
"""What a technician does on an SDI-12 line: who is there, what it may be, another address.

The rule it keeps: searching only asks; an address is written by ``Sdi12Line.readdress`` alone, after the new one was
found free.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from drivers import sdi12_words
from drivers.catalogue_schema import Entry
from drivers.decode import Measured
from drivers.registry import read_numbers
from drivers.sdi12 import Answered, Failed, Result
from drivers.sdi12_line import Sdi12Line
from drivers.sdi12_words import AnswerError, Identity
from drivers.text_start import start_of
from telemetry.records import Quality


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor that answered; ``identity`` None: its answer to aI! cannot be read."""

    address: str
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Likely:
    """A type that a sensor may be, with what it measures now as that type."""

    entry: Entry
    measured: tuple[Measured, ...]


async def scan(line: Sdi12Line, addresses: Iterable[str], told: Callable[[str], None] | None = None) -> list[Sensor]:
    """Ask each address once who is there."""
    found = []
    for address in addresses:
        if told is not None:
            told(address)
        answer = await line.ask(sdi12_words.identify(address), briefly=True)
        if isinstance(answer, Answered):
            found.append(Sensor(address, _identity(answer.text)))
    return found


def _identity(text: str) -> Identity | None:
    try:
        return sdi12_words.identity(text)
    except AnswerError:
        return None


async def identify(line: Sdi12Line, address: str, entries: Iterable[Entry]) -> tuple[Sensor | None, list[Likely]]:
    """Say who the sensor at ``address`` is and which types fit its values, the likeliest first."""
    there = await scan(line, [address])
    if not there:
        return None, []
    likely: list[Likely] = []
    taken: dict[str, Result | Failed] = {}
    for entry in entries:
        if entry.protocol != "sdi12":
            continue
        start = start_of(entry, address)
        if start.body not in taken:
            (taken[start.body],) = await line.measure([start])
        result = taken[start.body]
        if isinstance(result, Result) and (measured := _fits(entry, result.values)):
            likely.append(Likely(entry, measured))
    return there[0], sorted(likely, key=lambda one: _unlike(one.entry, there[0].identity))


def _fits(entry: Entry, values: Sequence[float]) -> tuple[Measured, ...]:
    """Give the values as this type's, none where they cannot be."""
    measured = read_numbers(entry, values)
    bad = Quality.RANGE | Quality.SENTINEL | Quality.COMM
    fits = len(values) == len(entry.value) and not any(m.quality & bad or not isfinite(m.raw) for m in measured)
    return measured if fits else ()


def _unlike(entry: Entry, identity: Identity | None) -> tuple[int, str]:
    """Rank by how much of what the sensor says of itself stands in the entry."""
    if identity is None:
        return 0, entry.type
    known = " ".join((entry.type, entry.title, entry.maker, *entry.clones)).lower()
    words = [word for word in f"{identity.maker} {identity.model}".lower().split() if len(word) > 1]
    return -sum(word in known or word[:3] in known for word in words), entry.type
