# SPDX-License-Identifier: Apache-2.0
"""Damaged farm.toml files by the thousand: none that is unsafe may be accepted, and each refusal names a field (H16).

    python -m tests.torture.farm_mutants --count 100000

The rule it keeps: what is unsafe is judged here anew, from the limits in words, and not by the code under test; the
same seed damages the same files in the same way.
"""

import math
import random
import re
import sys
from collections import Counter
from typing import Final, NamedTuple

import msgspec

from controllers.settings import OutputSettings, ZoneSettings
from drivers.catalogue import Catalogue
from edge.config import FarmConfig, parse
from edge.toml_reader import SettingsRefused
from tests.support.board_farm import EXAMPLE, board_farm
from tests.torture.asked import count_and_seed

FOUR_HOURS_S: Final = 14_400.0
WATER: Final = frozenset({"valve", "pump", "master_valve", "fill_valve", "backwash_valve", "doser", "fogger"})
ODD_NUMBERS: Final = (
    "0", "-1", "-0.0", "nan", "inf", "-inf", "1e300", "1e-300", "36000", "86401", "999999999999", "0x10", "true",
    '"10"', '""', "[]", "{}", "2026-01-01", "9223372036854775808", "-9223372036854775809",
)  # fmt: skip
ODD_TEXTS: Final = (
    '""', '"moon"', '"../../etc/passwd"', '"a b"', '"UPPER"', "5", "nan", "[]", "{}", "false",
    '"pepper-1"', '"pepper-1-valve-1"', '"pepper-1-pump"', '"valve"', '"pump"', '"\\u0000"', '"' + "x" * 300 + '"',
)  # fmt: skip
DAMAGES: Final = (*["value"] * 4, "inner", "drop", "twice", "key", "swap", "cut", "table", "junk")
_VALUE: Final = re.compile(r"^(\s*([A-Za-z0-9_]+)\s*=\s*)(.+)$")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


class Damaged(NamedTuple):
    """A damaged file: ``line`` (from 1) is where it was damaged, 0 when in more than one place."""

    text: str
    line: int
    what: str


class Verdict(NamedTuple):
    """What became of the files. ``unsafe`` and ``unnamed`` tell of the failures; both must be empty."""

    files: int
    refused: int
    accepted: int
    kinds: Counter[str]
    unsafe: list[str]
    unnamed: list[str]


def damage(text: str, dice: random.Random) -> Damaged:
    """Damage a file in one of many ways."""
    lines = text.splitlines()
    at = dice.choice([i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")])
    line = lines[at]
    found = _VALUE.match(line)
    what = dice.choice(
        ("value", "value", "value", "value", "inner", "drop", "twice", "key", "swap", "cut", "table", "junk")
    )
    if what in {"value", "inner", "key"} and found is None:
        what = "drop"
    number = at + 1
    if what == "value" and found:
        is_number = bool(_NUMBER.fullmatch(found[3].strip()))
        scaled = [f"{float(found[3]) * by!r}" for by in (60.0, 1 / 60.0, -1.0, 1000.0)] if is_number else []
        lines[at] = found[1] + dice.choice([*(ODD_NUMBERS if is_number else ODD_TEXTS), *scaled])
    elif what == "inner" and found:
        numbers = list(_NUMBER.finditer(found[3]))
        inside = dice.choice(numbers) if numbers else None
        odd = dice.choice(ODD_NUMBERS)
        lines[at] = found[1] + (found[3][: inside.start()] + odd + found[3][inside.end() :] if inside else odd)
    elif what == "key" and found:
        lines[at] = line.replace(found[2], dice.choice((found[2][:-1], found[2] + "s", found[2].upper(), "limit")), 1)
    elif what == "twice":
        lines.insert(at, line)
    elif what == "swap":
        other = dice.randrange(len(lines))
        lines[at], lines[other], number = lines[other], lines[at], 0
    elif what == "cut":
        lines, number = lines[:at], 0
    elif what == "table":
        lines, number = _without_table(lines, at), 0
    elif what == "junk":
        lines[at] = line[: dice.randrange(len(line) + 1)] + dice.choice("\x00\x7f\ud7ff[]={}\"'#\\,\t\u200b") + line[3:]
    else:
        what = "drop"
        del lines[at]
    return Damaged("\n".join(lines) + "\n", number, f"{what} {line.strip()[:60]}")


def _without_table(lines: list[str], at: int) -> list[str]:
    """Leave out the table in which line ``at`` stands."""
    first = max((i for i in range(at + 1) if lines[i].startswith("[")), default=0)
    last = next((i for i in range(first + 1, len(lines)) if lines[i].startswith("[")), len(lines))
    return lines[:first] + lines[last:]


def unsafe(config: FarmConfig) -> list[str]:
    """Say in words why a farm could do harm; nothing for a safe one."""
    control = config.control
    found = [f"{path} is {value}" for path, value in _numbers(msgspec.to_builtins(control)) if not math.isfinite(value)]
    places = {o.id: o for o in control.outputs}
    for one in control.outputs:
        found += _unsafe_output(one)
    for zone in control.zones:
        found += _unsafe_zone(zone, places)
    valves = Counter(zone.valve for zone in control.zones)
    found += [f"valve {valve} serves {count} zones" for valve, count in valves.items() if count > 1]
    wiring = [*(device.outputs for device in config.devices), *(board.outputs for board in config.boards)]
    wired = Counter(output for wires in wiring for output in wires.values())
    found += [f"{output} is wired {count} times" for output, count in wired.items() if count > 1]
    units = Counter((d.bus, d.address) for d in config.devices)
    found += [f"address {at} is used {count} times" for at, count in units.items() if count > 1]
    for house in control.houses:
        if not house.frost_c < house.heat_c or not 0.0 < house.storm_m_s <= 40.0:
            found.append(f"house {house.id}: limits {house.frost_c} {house.heat_c} {house.storm_m_s}")
    for line in control.lines:
        if line.pump and places.get(line.pump) is None:
            found.append(f"line {line.id}: no pump {line.pump}")
        if not 0.0 < line.leak_l_min <= 100.0 or not line.high_flow_fraction > 1.0 or not line.low_flow_fraction > 0.0:
            found.append(f"line {line.id}: leak {line.leak_l_min}")
    limits = control.limits
    if not 0.0 < limits.override_max_s <= 86_400.0 or not 0.0 < limits.maintenance_max_s <= 7200.0:
        found.append(f"people may hold for {limits.override_max_s} s, work for {limits.maintenance_max_s} s")
    if not 0.0 < limits.stale_s <= 3600.0 or not 0.0 < limits.wind_stale_s <= 600.0:
        found.append(f"old values are believed for {limits.stale_s} s, wind for {limits.wind_stale_s} s")
    return found


def _unsafe_output(one: OutputSettings) -> list[str]:
    found = []
    if one.kind in WATER and not 0.0 < one.max_on_s <= 86_400.0:
        found.append(f"{one.kind} {one.id} may be on for {one.max_on_s} s")
    if one.kind in WATER and one.safe_level != 0.0:
        found.append(f"{one.kind} {one.id} rests at {one.safe_level}")
    if not 0.0 < one.lease_s <= 600.0:
        found.append(f"{one.id} lives {one.lease_s} s without renewal")
    if one.min_off_s < 0.0:
        found.append(f"{one.id} rests {one.min_off_s} s")
    return found


def _unsafe_zone(zone: ZoneSettings, outputs: dict[str, OutputSettings]) -> list[str]:
    valve = outputs.get(zone.valve)
    found = []
    if valve is None or valve.kind != "valve" or valve.place != zone.id:
        found.append(f"zone {zone.id} has no valve of its own: {zone.valve}")
    if not 0.0 < zone.run_max_s <= FOUR_HOURS_S or not zone.flow_l_min > 0.0 or zone.rest_min_s < 0.0:
        found.append(f"zone {zone.id}: runs {zone.run_max_s} s, {zone.flow_l_min} L/min, rests {zone.rest_min_s} s")
    if not 0.0 <= zone.dose_l <= zone.daily_cap_l or not 0.0 <= zone.safe_dose_l <= zone.daily_cap_l:
        found.append(f"zone {zone.id}: dose {zone.dose_l}, safe dose {zone.safe_dose_l} of {zone.daily_cap_l} L")
    return found


def _numbers(value: object, path: str = "control") -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [pair for key, one in value.items() for pair in _numbers(one, f"{path}.{key}")]
    if isinstance(value, list | tuple):
        return [pair for i, one in enumerate(value) for pair in _numbers(one, f"{path}[{i}]")]
    return [(path, value)] if isinstance(value, float) else []


def names_a_field(refused: SettingsRefused) -> bool:
    """Say whether each problem tells its path and, where there is one, a line that exists."""
    return bool(refused.problems) and all(p.path and p.line >= 0 and p.text() for p in refused.problems)


def try_files(count: int, seed: int) -> Verdict:
    """Damage ``count`` files and see what the farm makes of each."""
    dice = random.Random(seed)
    good = (
        board_farm(),
        EXAMPLE.read_text(encoding="utf-8"),
    )
    catalogue = Catalogue()
    kinds: Counter[str] = Counter()
    refusals = 0
    harmful: list[str] = []
    unnamed: list[str] = []
    for _ in range(count):
        made = damage(dice.choice(good), dice)
        kinds[made.what.partition(" ")[0]] += 1
        try:
            config = parse(made.text, types=catalogue)
        except SettingsRefused as refused:
            refusals += 1
            if not names_a_field(refused):
                unnamed.append(f"{made.what}: {refused}")
            elif made.line and not any(_is_about(p.line, p.path, p.text(), made) for p in refused.problems):
                unnamed.append(f"line {made.line}, {made.what}: {refused}")
            continue
        harm = unsafe(config)
        if harm:
            harmful.append(f"line {made.line}, {made.what}: {'; '.join(harm)}")
    return Verdict(count, refusals, count - refusals, kinds, harmful, unnamed)


def _is_about(line: int, path: str, text: str, made: Damaged) -> bool:
    """Say whether a problem is where the damage was: at its line, in its table, or at what refers to it."""
    if abs(line - made.line) <= 1 or path == "(file)":
        return True
    lines = made.text.splitlines()
    table = next((at for at in range(min(made.line, len(lines)) - 1, -1, -1) if lines[at].startswith("[")), 0)
    told = re.findall(r"[a-z0-9-]{3,}", made.what)
    return table <= line <= made.line + 30 or any(name in text or name in path for name in told)


def main() -> int:
    """Try many files and tell."""
    verdict = try_files(*count_and_seed(__doc__, 100_000))
    for told in (*verdict.unsafe[:20], *verdict.unnamed[:20]):
        print(told, file=sys.stderr)
    print(
        msgspec.json.encode(
            verdict._asdict() | {"unsafe": len(verdict.unsafe), "unnamed": len(verdict.unnamed)}
        ).decode()
    )
    return 1 if verdict.unsafe or verdict.unnamed else 0


if __name__ == "__main__":
    sys.exit(main())
