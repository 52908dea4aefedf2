# SPDX-License-Identifier: Apache-2.0
"""What a technician does on an SDI-12 line: who is there, what it may be, another address, a dead one's place.

The rule it keeps: searching only asks; an address is written by ``Sdi12Line.readdress`` alone, after the new one was
found free.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from drivers import sdi12_words
from drivers.catalogue_schema import Entry
from drivers.commissioning import Outcome
from drivers.decode import Measured
from drivers.registry import read_numbers
from drivers.sdi12 import Answered, Failed, Result
from drivers.sdi12_line import Sdi12Line
from drivers.sdi12_words import AnswerError, CommandError, Identity
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
    return there[0], sorted(likely, key=lambda one: (-_rank(one, there[0]), one.entry.type))


async def only_address(line: Sdi12Line) -> str | None:
    """Give the address of the one sensor on the line; None: nobody answers, or more than one does."""
    answer = await line.ask(sdi12_words.query())
    return answer.text[:1] if isinstance(answer, Answered) else None


async def replace(line: Sdi12Line, entry: Entry, at: str, address: str, entries: Iterable[Entry]) -> Outcome:
    """Let the new sensor at ``at`` take the place of a dead one that had ``address``.

    Refused when its values cannot be this type's, or when what it says of itself fits another type better; ``detail``
    then names what it may be of ``entries``.
    """
    known = [one for one in entries if one.protocol == "sdi12"]
    asked_alike = [one for one in known if start_of(one, at).body == start_of(entry, at).body]
    there, likely = await identify(line, at, asked_alike)
    if there is None:
        return Outcome("failed", "commission.nobody_on_wire", at)
    if not likely:
        _, likely = await identify(line, at, known)
    best = [one.entry.type for one in likely if _rank(one, there) == _rank(likely[0], there)]
    if entry.type not in best:
        return Outcome("refused", "commission.another_type", ", ".join(best[:3]) or "?")
    if at == address:
        return Outcome("done", "commission.answers")
    try:
        await line.readdress(at, address)
    except CommandError:
        return Outcome("refused", "commission.address_taken", address)
    moved = await line.ask(sdi12_words.acknowledge(address))
    return Outcome("done") if isinstance(moved, Answered) else Outcome("failed", "commission.nobody_on_wire", address)


def _fits(entry: Entry, values: Sequence[float]) -> tuple[Measured, ...]:
    """Give the values as this type's, none where they cannot be."""
    measured = read_numbers(entry, values)
    bad = Quality.RANGE | Quality.SENTINEL | Quality.COMM
    fits = len(values) == len(entry.value) and not any(m.quality & bad or not isfinite(m.raw) for m in measured)
    return measured if fits else ()


def _rank(one: Likely, sensor: Sensor) -> int:
    """Count how much of what the sensor says of itself stands in the entry."""
    entry, identity = one.entry, sensor.identity
    if identity is None:
        return 0
    known = " ".join((entry.type, entry.title, entry.maker, *entry.clones)).lower()
    words = [word for word in f"{identity.maker} {identity.model}".lower().split() if len(word) > 1]
    return sum(word in known or word[:3] in known for word in words)
