# SPDX-License-Identifier: Apache-2.0
"""Reads and writes gettext's .po files and turns them into the .mo image that the standard library reads.

The rule it keeps: the catalogue in the tree is the one that runs. There is no compiled file that can be old,
and a line that is not understood is an error with its number.
"""

import ast
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_MO_MAGIC = 0x950412DE


class PoError(ValueError):
    """A .po file breaks the rules; says which line and what was seen."""


@dataclass(slots=True)
class Message:
    """One entry: the English ``msgid`` (with ``plural`` or ""), and its translations, one per plural form."""

    msgid: str
    plural: str
    strings: list[str]
    flags: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def fuzzy(self) -> bool:
        """Whether a person still has to look at it."""
        return "fuzzy" in self.flags

    @property
    def complete(self) -> bool:
        """Whether every form is translated and settled."""
        return bool(self.strings) and all(self.strings) and not self.fuzzy


class _Reader:
    """Collects the lines of one entry until the next begins."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._begin()

    def _begin(self) -> None:
        self._msgid: str | None = None
        self._plural = ""
        self._strings: list[str] = []
        self._flags: set[str] = set()
        self._notes: list[str] = []
        self._field = ""

    def end(self) -> None:
        if self._msgid is not None:
            self.messages.append(
                Message(self._msgid, self._plural, self._strings, frozenset(self._flags), tuple(self._notes))
            )
        self._begin()

    def comment(self, line: str) -> None:
        if self._strings:
            self.end()
        if line.startswith("#,"):
            self._flags.update(flag.strip() for flag in line[2:].split(","))
        elif not line.startswith("#~"):
            self._notes.append(line)

    def text(self, keyword: str, text: str) -> None:
        if keyword == "msgid":
            if self._strings:
                self.end()
            self._msgid = text
        elif keyword == "msgid_plural":
            self._plural = text
        elif keyword.startswith("msgstr"):
            self._strings.append(text)
        else:
            raise ValueError(f"{keyword!r} is not used here")
        self._field = keyword

    def more(self, text: str) -> None:
        if self._field == "msgid":
            self._msgid = (self._msgid or "") + text
        elif self._field == "msgid_plural":
            self._plural += text
        elif self._field:
            self._strings[-1] += text
        else:
            raise ValueError("a string before any msgid")


def _unquote(text: str) -> str:
    inner = text[1:-1]
    if text.startswith('"') and text.endswith('"') and len(text) > 1 and '"' not in inner and "\\" not in inner:
        return inner  # nearly every line, and each start of the agent reads them all
    value = ast.literal_eval(text)
    if not isinstance(value, str):
        raise TypeError("not a quoted string")
    return value


def read_po(text: str, where: str = "the catalogue") -> list[Message]:
    """Read a .po file; the header is the message with msgid "". Raise PoError naming ``where`` and the line."""
    reader = _Reader()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        try:
            if not line:
                reader.end()
            elif line.startswith("#"):
                reader.comment(line)
            elif line.startswith('"'):
                reader.more(_unquote(line))
            else:
                keyword, _, rest = line.partition(" ")
                reader.text(keyword, _unquote(rest.strip()))
        except (ValueError, TypeError, SyntaxError) as seen:
            raise PoError(f"{where}, line {number}: {line[:60]!r}: {seen}; check quotes and keywords") from seen
    reader.end()
    return reader.messages


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def write_po(messages: Iterable[Message]) -> str:
    """Write messages as .po text: the header first, the others in the order of their msgids."""
    ordered = sorted(messages, key=lambda message: (message.msgid != "", message.msgid))
    return "\n".join(_entry(message) for message in ordered)


def _entry(message: Message) -> str:
    lines = list(message.notes)
    if message.flags:
        lines.append("#, " + ", ".join(sorted(message.flags)))
    lines.append("msgid " + _quote(message.msgid))
    if message.plural:
        lines.append("msgid_plural " + _quote(message.plural))
        lines += [f"msgstr[{index}] {_quote(text)}" for index, text in enumerate(message.strings or [""])]
    elif message.msgid:
        lines.append("msgstr " + _quote(message.strings[0] if message.strings else ""))
    else:
        lines.append('msgstr ""')
        lines += [_quote(line) for line in "".join(message.strings).splitlines(keepends=True)]
    return "\n".join(lines) + "\n"


def mo_image(messages: Iterable[Message]) -> bytes:
    """Give the .mo bytes (GNU gettext manual, 10.3) of the settled messages; fuzzy and empty ones are left out."""
    pairs: list[tuple[bytes, bytes]] = []
    for message in messages:
        if message.complete or not message.msgid:
            key = message.msgid + ("\0" + message.plural if message.plural else "")
            pairs.append((key.encode(), "\0".join(message.strings).encode()))
    pairs.sort()
    count = len(pairs)
    keys_at, values_at = 28, 28 + 8 * count
    text_at = 28 + 16 * count
    tables: list[bytes] = []
    texts: list[bytes] = []
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), text_at))
            texts.append(pair[column] + b"\0")
            text_at += len(texts[-1])
    head = struct.pack("<7I", _MO_MAGIC, 0, count, keys_at, values_at, 0, 28 + 16 * count)
    return head + b"".join(tables) + b"".join(texts)
