# SPDX-License-Identifier: Apache-2.0
"""Finds the line of a TOML key, because the standard parser does not keep it.

The rule it keeps: it never judges a file; it only tells on which line the deepest known part of a path stands
(``value[1].scale``), and falls back to the table, then to line 1.
"""

import re
from typing import Final

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"]+)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_\-\"]+(?:\s*\.\s*[A-Za-z0-9_\-\"]+)*)\s*=")
_STEP: Final = re.compile(r"\[\d+\]$")


class NotUtf8(ValueError):
    """Bytes are not UTF-8; ``line`` is where, ``seen`` the first wrong byte."""

    def __init__(self, line: int, seen: str) -> None:
        super().__init__(f"line {line}: byte {seen} is not UTF-8")
        self.line, self.seen = line, seen


def utf8(data: bytes) -> str:
    """Give a file's text, without the mark that some editors put before it. NotUtf8 if it is in another encoding."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        seen = error.object  # without the mark
        raise NotUtf8(seen[: error.start].count(b"\n") + 1, f"0x{seen[error.start]:02X}") from None


def line_index(text: str) -> dict[str, int]:
    """Map each table and key path of ``text`` to its line number, counted from 1."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            name = header.group(2).replace('"', "")
            if header.group(1) == "[[":
                index = counts.get(name, 0)
                counts[name] = index + 1
                table = f"{name}[{index}]"
            else:
                table = name
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            name = key.group(1).replace('"', "").replace(" ", "")
            lines.setdefault(f"{table}.{name}" if table else name, number)
    return lines


def find_line(text: str, path: str) -> int:
    """Give the line of the deepest part of ``path`` (``value[1].scale``) that stands in ``text``, else 1."""
    lines = line_index(text)
    part = path.removeprefix("$").lstrip(".")
    while part:
        if part in lines:
            return lines[part]
        shorter = _STEP.sub("", part)
        part = shorter if shorter != part else part.rpartition(".")[0]
    return 1
