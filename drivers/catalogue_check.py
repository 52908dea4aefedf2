# SPDX-License-Identifier: Apache-2.0
"""Judges what an entry means: maps that cannot be, names twice, units that lead nowhere, frames that do not decode.

The rule it keeps: every refusal names the file, the line and what to change; an entry that passed can be planned,
decoded and simulated without further checks.
"""

from collections.abc import Callable
from math import isclose

from drivers.catalogue_golden import GoldenError, replay
from drivers.catalogue_schema import WORDS, CatalogueError, Entry, Value
from drivers.decode import plan_blocks, value_function
from drivers.registry import DRIVERS
from drivers.toml_lines import find_line
from drivers.units import conversion
from telemetry.quantities import QUANTITIES

# A Modbus reply carries at most 125 registers (Modbus Application Protocol V1.1b3, section 6.3).
MOST_REGISTERS = 125
Refuse = Callable[..., CatalogueError]


def check_entry(entry: Entry, file: str, text: str) -> None:
    """Raise CatalogueError for the first thing in ``entry`` that cannot be."""

    def refuse(path: str, message: str, **fields: str | float) -> CatalogueError:
        return CatalogueError(file, find_line(text, path), message, **fields)

    stem = file.rpartition("/")[2].removesuffix(".toml")
    if entry.type != stem:
        raise refuse("type", "type {type!r} must be the file's name {stem!r}", type=entry.type, stem=stem)
    if entry.driver and entry.driver not in DRIVERS:
        raise refuse("driver", "unknown driver {name!r}; known: {known}", name=entry.driver, known=", ".join(DRIVERS))
    _check_names(entry, refuse)
    if entry.protocol != "modbus" and entry.text is None:
        raise refuse("protocol", "protocol {protocol} needs a [text] table", protocol=entry.protocol)
    if entry.text is not None and entry.text.temperature and "{t}" not in entry.text.temperature:
        raise refuse("text.temperature", "{seen} has no {mark} where the temperature goes",
                     seen=repr(entry.text.temperature), mark="{t}")  # fmt: skip
    for number, value in enumerate(entry.value):
        _check_value(entry, value, f"value[{number}]", refuse)
    if entry.protocol == "modbus":
        _check_map(entry, refuse)
    _check_outputs(entry, refuse)
    _check_writes(entry, refuse)
    _check_golden(entry, refuse)


def _check_names(entry: Entry, refuse: Refuse) -> None:
    seen: set[tuple[str, int]] = set()
    for number, value in enumerate(entry.value):
        if value.quantity not in QUANTITIES:
            near = sorted(q for q in QUANTITIES if q[:3] == value.quantity[:3]) or sorted(QUANTITIES)
            raise refuse(
                f"value[{number}].quantity",
                "unknown quantity {name!r}; known with a like name: {near}",
                name=value.quantity,
                near=", ".join(near),
            )
        if (value.quantity, value.index) in seen:
            raise refuse(
                f"value[{number}]",
                "{name} is given twice; give the second one an index",
                name=value.quantity,
            )
        seen.add((value.quantity, value.index))
    names = [v.name for v in entry.variant]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise refuse(f"variant[{number}].name", "variant {name!r} is given twice", name=name)


def _check_value(entry: Entry, value: Value, path: str, refuse: Refuse) -> None:
    try:
        conversion(value.unit, value.quantity)
    except KeyError as error:
        raise refuse(f"{path}.unit", "{problem}", problem=str(error.args[0])) from None
    if value.scale == 0.0:
        raise refuse(f"{path}.scale", "scale 0 would make every value 0; leave it out or give the maker's factor")
    if value.low is not None and value.high is not None and value.low >= value.high:
        raise refuse(f"{path}.low", "low {low} is not below high {high}", low=value.low, high=value.high)
    if entry.protocol != "modbus":
        if value.at < 1:
            raise refuse(f"{path}.at", "position {at} in a text reply: positions count from 1", at=value.at)
        return
    if value_function(entry, value) not in {1, 2, 3, 4}:
        raise refuse(
            f"{path}.function",
            "function {function} does not read; use 1, 2, 3 or 4",
            function=value_function(entry, value),
        )
    if value.at < 0 or value.at + WORDS[value.type] > 0x10000:
        raise refuse(
            f"{path}.at",
            "register {at} with {words} words does not fit the 65,536 registers",
            at=value.at,
            words=WORDS[value.type],
        )
    if value.mask is not None and (WORDS[value.type] != 1 or not 0 < value.mask <= 0xFFFF):
        raise refuse(f"{path}.mask", "a mask needs a 16-bit type and a value from 1 to 65535")
    if value.negative_from is not None and value.type not in {"u16", "u32"}:
        raise refuse(f"{path}.negative_from", "negative_from needs an unsigned type, not {type}", type=value.type)


def _check_map(entry: Entry, refuse: Refuse) -> None:
    taken: dict[tuple[int, int], int] = {}
    for number, value in enumerate(entry.value):
        function = value_function(entry, value)
        for address in range(value.at, value.at + WORDS[value.type]):
            other = taken.get((function, address))
            if other is not None and not _may_share(entry.value[other], value):
                raise refuse(
                    f"value[{number}].at",
                    "{name} and {other} lie over each other at register {at}",
                    name=value.quantity,
                    other=entry.value[other].quantity,
                    at=address,
                )
            taken[function, address] = number
    for number, block in enumerate(entry.block):
        if not 0 < block.count <= MOST_REGISTERS or block.at + block.count > 0x10000:
            raise refuse(
                f"block[{number}].count",
                "a read of {count} registers: 1 to {most} are possible",
                count=block.count,
                most=MOST_REGISTERS,
            )
    covered = {(b.function, b.start + i) for b in plan_blocks(entry) for i in range(b.count)}
    for (function, address), number in taken.items():
        if (function, address) not in covered:
            raise refuse(
                f"value[{number}].at",
                "register {at} of {name} is in none of the blocks",
                at=address,
                name=entry.value[number].quantity,
            )


def _may_share(one: Value, other: Value) -> bool:
    """Two values may share a register when each takes its own bits of it."""
    if one.mask is not None and other.mask is not None:
        return one.mask & other.mask == 0
    return {one.type, other.type} == {"u8_high", "u8_low"}


def _check_outputs(entry: Entry, refuse: Refuse) -> None:
    needed = {"relay": entry.relay, "drive": entry.drive, "valve": entry.valve}
    if entry.kind in needed and needed[entry.kind] is None:
        raise refuse("kind", "kind {kind} needs a [{kind}] table", kind=entry.kind)
    relay = entry.relay
    if relay is not None and not 1 <= relay.outputs <= 64:
        raise refuse("relay.outputs", "{outputs} outputs: 1 to 64 are possible", outputs=relay.outputs)
    if entry.drive is not None and not 0 <= entry.drive.least_hz < entry.drive.most_hz:
        raise refuse("drive.least_hz", "least_hz must be below most_hz")
    if not entry.value and needed.get(entry.kind) is None:
        raise refuse("type", "{type} gives no value and has no output", type=entry.type)


def _check_writes(entry: Entry, refuse: Refuse) -> None:
    for number, write in enumerate(entry.startup):
        for forbidden in entry.forbidden:
            last = forbidden.to if forbidden.to is not None else forbidden.at
            hit = not forbidden.words or set(forbidden.words) & set(write.words)
            if forbidden.at <= write.at <= last and hit:
                raise refuse(
                    f"startup[{number}]",
                    "start-up writes register {at}, which is forbidden: {why}",
                    at=write.at,
                    why=forbidden.why,
                )


def _check_golden(entry: Entry, refuse: Refuse) -> None:
    for number, golden in enumerate(entry.golden):
        path = f"golden[{number}]"
        if golden.verified and (golden.cited is None or not golden.cited.at):
            raise refuse(f"{path}.verified", "a verified frame needs cited with at = ..., page = ...")
        try:
            given = replay(entry, golden)
        except GoldenError as error:
            raise refuse(path, "golden frame does not decode: {problem}", problem=str(error)) from None
        for name, expected in golden.gives.items():
            if name not in given:
                raise refuse(
                    path,
                    "golden frame gives no {name}; it gives {given}",
                    name=name,
                    given=", ".join(sorted(given)) or "nothing",
                )
            if not isclose(given[name], expected, rel_tol=2e-6, abs_tol=1e-9):
                raise refuse(
                    path,
                    "golden frame gives {name} = {given}, not {expected}",
                    name=name,
                    given=given[name],
                    expected=expected,
                )
