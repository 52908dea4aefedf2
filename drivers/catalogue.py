# SPDX-License-Identifier: Apache-2.0
"""Loads the declared device types: one TOML file each, under ``drivers/catalog`` or a farm's own folder.

The rule it keeps: a file is read only when its type is asked for, and refused whole, with file and line, when
anything in it is wrong; a farm's own entry goes before the one that came with the program.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from drivers.catalogue_check import check_entry
from drivers.catalogue_schema import CatalogueError, Entry, Serial, Value, Variant
from drivers.toml_lines import NotUtf8, find_line, utf8
from telemetry.quantities import NotKnown

BUILT_IN: Final = Path(__file__).parent / "catalog"
_PATH: Final = re.compile(r"^(.*) - at `(.*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`")
_SYNTAX: Final = re.compile(r"\(at line (\d+), column \d+\)")


class UnknownType(NotKnown):
    """The catalogue has no such type or variant."""


def parse_entry(text: str, file: str) -> Entry:
    """Read one entry from TOML ``text``; ``file`` is for messages and its stem must be the entry's type."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _SYNTAX.search(str(error))
        raise CatalogueError(file, int(at.group(1)) if at else 1, "not TOML: {problem}", problem=str(error)) from None
    try:
        entry = msgspec.convert(data, Entry)
    except msgspec.ValidationError as error:
        raise _refusal(error, file, text) from None
    check_entry(entry, file, text)
    for variant in entry.variant:
        apply_variant(entry, variant.name)
    return entry


def _text(path: Path) -> str:
    try:
        return utf8(path.read_bytes())
    except NotUtf8 as error:
        msgid = "byte {seen} is not UTF-8; save the file with the encoding UTF-8"
        raise CatalogueError(str(path), error.line, msgid, seen=error.seen) from None


def _refusal(error: msgspec.ValidationError, file: str, text: str) -> CatalogueError:
    found = _PATH.match(str(error))
    problem, path = (found.group(1), found.group(2)) if found else (str(error), "$")
    unknown = _UNKNOWN.match(problem)
    if unknown is not None:
        name = unknown.group(1)
        return CatalogueError(file, find_line(text, f"{path}.{name}"), "unknown key {name!r}", name=name)
    return CatalogueError(file, find_line(text, path), "{problem} at {path}", problem=problem, path=path)


class Catalogue:
    """The device types of some folders; the first folder that has a type wins."""

    def __init__(self, folders: Iterable[Path] = (BUILT_IN,)) -> None:
        self._folders = tuple(folders)
        self._known: dict[str, Entry] = {}

    def types(self) -> list[str]:
        """Give all type names, sorted."""
        return sorted({path.stem for folder in self._folders for path in folder.glob("*.toml")})

    def path(self, type_name: str) -> Path:
        """Give the file of a type; KeyError names the near ones."""
        for folder in self._folders:
            path = folder / f"{type_name}.toml"
            if path.is_file():
                return path
        near = [name for name in self.types() if name[:3] == type_name[:3] or type_name in name]
        raise UnknownType(
            "unknown device type {name!r}; known with a like name: {near}", name=type_name, near=", ".join(near) or "-"
        )

    def entry(self, type_name: str, variant: str = "") -> Entry:
        """Give one entry; CatalogueError when its file is wrong, KeyError when there is none."""
        name = f"{type_name}:{variant}"
        if name not in self._known:
            if variant:
                self._known[name] = apply_variant(self.entry(type_name), variant)
            else:
                path = self.path(type_name)
                self._known[name] = parse_entry(_text(path), str(path))
        return self._known[name]

    def own_texts(self, types: Iterable[str]) -> dict[str, str]:
        """Give the files of those ``types`` that did not come with the program, by type."""
        paths = {name: self.path(name) for name in sorted(types)}
        return {name: _text(path) for name, path in paths.items() if path.parent != BUILT_IN}

    def search(self, words: str) -> list[Entry]:
        """Find entries whose type, title, maker or clones hold all ``words``, in any case."""
        wanted = words.lower().split()
        texts = ((e, " ".join((e.type, e.title, e.maker, *e.clones)).lower()) for e in self.entries())
        return [entry for entry, text in texts if all(word in text for word in wanted)]

    def entries(self) -> list[Entry]:
        """Load all entries, sorted by type."""
        return [self.entry(name) for name in self.types()]


def _varied(value: Value, variant: Variant) -> Value:
    scale = variant.scale.get(value.quantity, value.scale)
    wider = scale / value.scale  # the register spans the same numbers, so its range grows with what one of them means
    return msgspec.structs.replace(
        value,
        low=None if value.low is None else value.low * wider,
        high=None if value.high is None else value.high * wider,
        at=value.at + variant.shift,
        function=variant.function if variant.function is not None else value.function,
        order=variant.order if variant.order is not None else value.order,
        scale=scale,
    )


def apply_variant(entry: Entry, name: str) -> Entry:
    """Give the entry as the family member ``name``; KeyError lists the members."""
    for variant in entry.variant:
        if variant.name == name:
            serial: Serial = variant.serial if variant.serial is not None else entry.serial
            identity = (variant.identity,) if variant.identity is not None else entry.identity
            return msgspec.structs.replace(
                entry,
                title=variant.title,
                value=tuple(_varied(v, variant) for v in entry.value),
                serial=serial,
                identity=identity,
                golden=(),
                variant=(),
            )
    known = ", ".join(v.name for v in entry.variant) or "-"
    raise UnknownType("{type} has no variant {name!r}; known: {known}", type=entry.type, name=name, known=known)
