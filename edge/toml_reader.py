# SPDX-License-Identifier: Apache-2.0
"""Turns TOML text into typed settings and names every mistake with its path and line.

The rule it keeps: a file is accepted whole or refused whole; all mistakes are told at once; an unknown key is a
mistake, because a misspelled limit must not be a silent default.
"""

import difflib
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from drivers.toml_lines import NotUtf8, utf8
from pages.words import N_, Words, words

S = TypeVar("S", bound=msgspec.Struct)

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\" ]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_\-\"]+(?:\s*\.\s*[A-Za-z0-9_\-\"]+)*)\s*=")
_ITEM_KEY: Final = re.compile(r"([A-Za-z0-9_\-]+)\s*=")
_SYNTAX: Final = re.compile(r"\(at line (\d+), column \d+\)")
_AT: Final = re.compile(r"^(.*) - at `(.*)`$")

# The last part of a key names its unit; longest first, so that l_min is not read as min.
UNITS: Final[dict[str, str]] = {
    "j_cm2": "J/cm²", "kpa_h": "kPa·h", "l_min": "L/min", "ml_s": "mL/s", "ml_per_s": "mL/s", "w_m2": "W/m²",
    "ms_cm": "mS/cm", "us_cm": "µS/cm", "m_s": "m/s", "km_h": "km/h", "m3_h": "m³/h", "m2": "m²", "ha": "ha",
    "s": "s", "ms": "ms", "min": "min", "h": "h", "d": "days", "c": "°C", "f": "°F", "k": "K", "pct": "%",
    "kpa": "kPa", "bar": "bar", "l": "L", "ml": "mL", "m3": "m³", "m": "m", "cm": "cm", "mm": "mm", "deg": "°",
    "w": "W", "kw": "kW", "a": "A", "v": "V", "bd": "Bd", "ph": "pH", "mb": "MB",
}  # fmt: skip
_WRONG: Final = object()  # stands for a value that could not be read
_SUFFIXES: Final = sorted(UNITS, key=len, reverse=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: ``message`` is an English msgid filled with ``fields``; ``path`` is like ``device[2].period_s``."""

    path: str
    line: int
    message: str
    fields: dict[str, str | float | int | bool] = field(default_factory=dict)

    def text(self) -> str:
        """Give the message in English."""
        return words("en").say(self.message, self.fields)


class SettingsRefused(Exception):
    """The file breaks the rules; ``problems`` lists all that was found."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = sorted(problems, key=lambda p: (p.line, p.path))
        super().__init__("\n".join(f"{file}:{p.line}: {p.path}: {p.text()}" for p in self.problems))

    def said(self, say: Words) -> str:
        """Say every mistake, one a line, the way compilers do."""
        return "\n".join(f"{self.file}:{p.line}: {p.path}: {say.say(p.message, p.fields)}" for p in self.problems)


def settings_text(path: Path) -> str:
    """Read a file of settings. OSError when it cannot be read, SettingsRefused when it is not UTF-8.

    Some editors begin UTF-8 with a byte order mark; it is left out.
    """
    try:
        return utf8(path.read_bytes())
    except NotUtf8 as error:
        message = N_("byte {seen} is not UTF-8; save the file with the encoding UTF-8")
        problem = Problem("(file)", error.line, message, {"seen": error.seen})
        raise SettingsRefused(str(path), [problem]) from None


def line_index(text: str) -> dict[str, int]:
    """Map each table and key path (``house[0].day_parts[1].starts``) to its line, counted from 1."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    listed, items = "", 0  # the list that is open, and how many inline tables it has so far
    for number, line in enumerate(text.splitlines(), start=1):
        if listed and line.lstrip().startswith(("{", "]")):
            if line.lstrip().startswith("]"):
                listed = ""
                continue
            lines.setdefault(f"{listed}[{items}]", number)
            for name in _ITEM_KEY.findall(line):
                lines.setdefault(f"{listed}[{items}].{name}", number)
            items += 1
            continue
        header = _HEADER.match(line)
        if header is not None:
            parts = [part.strip().strip('"') for part in header.group(2).split(".")]
            table = ""
            for place, part in enumerate(parts):
                table = f"{table}.{part}" if table else part
                last = place == len(parts) - 1
                if last and header.group(1) == "[[":
                    counts[table] = counts.get(table, 0) + 1
                if table in counts:
                    table = f"{table}[{counts[table] - 1}]"
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            name = key.group(1).replace('"', "").replace(" ", "")
            path = f"{table}.{name}" if table else name
            lines.setdefault(path, number)
            listed, items = (path, 0) if line.rstrip().endswith("[") else ("", 0)
    return lines


class Page:
    """One TOML file on the desk: its tables, its line numbers and the mistakes found so far."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.spoiled: set[str] = set()  # rows and keys that hold a stand-in for what could not be read
        self._lines = line_index(text)
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            at = _SYNTAX.search(str(error))
            line = int(at.group(1)) if at else max(1, text.count("\n"))
            problem = Problem("(file)", line, N_("not TOML: {seen}"), {"seen": str(error)})
            raise SettingsRefused(file, [problem]) from None

    def line(self, path: str) -> int:
        """Give the line of the deepest part of ``path`` that stands in the file, else 1."""
        part = path
        while part:
            if part in self._lines:
                return self._lines[part]
            part = part[: part.rindex("[")] if part.endswith("]") else part.rpartition(".")[0]
        return 1

    def wrong(self, path: str, message: str, **fields: str | float) -> None:
        """Note one mistake."""
        self.problems.append(Problem(path, self.line(path), message, dict(fields)))

    def refuse(self) -> None:
        """Raise what was found, if anything was."""
        if self.problems:
            raise SettingsRefused(self.file, self.problems)

    def table(self, kind: type[S], data: Any, path: str) -> S | None:
        """Read one table as ``kind``, noting what is wrong with it.

        With mistakes only in keys that have defaults it still gives a table, so that what refers to it can be
        checked too; the file is refused all the same. Where a required key is missing or wrong, a stand-in takes
        its place and the path is ``spoiled``; None where there is no stand-in.
        """
        if not isinstance(data, dict):
            self.wrong(path, "a table is expected here, not {seen}", seen=_seen(data))
            return None
        known = {f.encode_name: f for f in msgspec.structs.fields(kind)}
        where = f"{path}." if path else ""
        meant = {self._unknown(where + key, key, list(known)) for key in data if key not in known}
        values: dict[str, Any] = {}
        for name, info in known.items():
            if name in data:
                value = self._value(info.type, data[name], where + name)
                if value is not _WRONG:
                    values[info.name] = value
                    continue
            elif info.required and name not in meant:
                self.wrong(path or "(file)", "the key {key} is missing", key=name)
            if info.required:
                self.spoiled |= {path, where + name}
                values[info.name] = _stand_in(info.type)
        return None if any(value is _WRONG for value in values.values()) else kind(**values)

    def tables(self, kind: type[S], name: str, data: dict[str, Any] | None = None) -> list[tuple[str, S]]:
        """Read the array of tables ``[[name]]``; gives (path, struct) of the good ones."""
        rows = (self.data if data is None else data).get(name, [])
        if not isinstance(rows, list):
            self.wrong(name, "write [[{name}]] with two brackets: there may be several", name=name)
            return []
        read = [(f"{name}[{i}]", self.table(kind, row, f"{name}[{i}]")) for i, row in enumerate(rows)]
        return [(path, row) for path, row in read if row is not None]

    def _value(self, kind: Any, data: Any, path: str) -> Any:
        inner = _struct_of(kind)
        if inner is not None and isinstance(data, dict):
            row = self.table(inner, data, path)
            return _WRONG if row is None else row
        item = _struct_item_of(kind)
        if item is not None and isinstance(data, list):
            rows = [self.table(item, row, f"{path}[{i}]") for i, row in enumerate(data)]
            return _WRONG if None in rows else tuple(rows)
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            found = _AT.match(str(error))
            deeper = found.group(2).removeprefix("$").removeprefix("[...]") if found else ""
            said = found.group(1) if found else str(error)
            unit = unit_of(path)
            if unit and isinstance(data, str):
                self.wrong(path, "a number in {unit} is expected, not {seen}", unit=unit, seen=_seen(data))
            else:
                self.wrong(path + deeper, "{said}; seen: {seen}", said=said, seen=_seen(data))
            return _WRONG

    def _unknown(self, path: str, key: str, known: list[str]) -> str:
        """Note an unknown key; gives the key that was meant, "" where nobody knows."""
        for name in known:
            if name != key and stem_of(name) == stem_of(key) and unit_of(name):
                self.wrong(path, "wrong unit: {key} must be given as {name} in {unit}", key=key, name=name,
                           unit=unit_of(name))  # fmt: skip
                return name
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
        if near:
            self.wrong(path, "unknown key {key}; did you mean {near}?", key=key, near=near[0])
            return near[0]
        self.wrong(path, "unknown key {key}; known here: {known}", key=key, known=", ".join(sorted(known)))
        return ""


def unit_of(key: str) -> str:
    """Give the unit that a key's last part names, or nothing."""
    for suffix in _SUFFIXES:
        if key.endswith(f"_{suffix}"):
            return UNITS[suffix]
    return ""


def stem_of(key: str) -> str:
    """Give the key without its unit: ``period`` of ``period_ms``."""
    for suffix in _SUFFIXES:
        if key.endswith(f"_{suffix}"):
            return key.removesuffix(f"_{suffix}")
    return key


def _seen(data: Any) -> str:
    return repr(data)[:80]


def _struct_of(kind: Any) -> type[msgspec.Struct] | None:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = [_struct_of(arg) for arg in typing.get_args(kind)]
        return next((one for one in inner if one is not None), None)
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _struct_item_of(kind: Any) -> type[msgspec.Struct] | None:
    if typing.get_origin(kind) in (tuple, list):
        return _struct_of(typing.get_args(kind)[0])
    return None


def _stand_in(kind: Any) -> Any:
    """Give a harmless value of a type, so that the rest of its row can be judged."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _stand_in(typing.get_args(kind)[0])
    if origin is typing.Literal:
        return typing.get_args(kind)[0]
    if origin is tuple:
        return ()
    return {float: 1.0, int: 1, str: ""}.get(kind, _WRONG)
