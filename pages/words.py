# SPDX-License-Identifier: Apache-2.0
"""Gives the words people read: English message ids, their Vietnamese, and the fields written into them.

The rule it keeps: code below the applications returns a message id and fields; only here do they become a
sentence. A missing translation shows the English, a missing field shows a dash: a page never fails for a word.
A message id that stands in a table and is translated later is marked with ``N_``.
"""

import gettext
import io
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from pages.numbers import UNKNOWN, Language, decimal, plain
from pages.po import mo_image, read_po

LOCALE: Final = Path(__file__).parent.parent / "locale"
Field = str | float | int | bool


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for "translated later"
    """Mark a message id for the catalogue and give it back unchanged."""
    return msgid


class _Sentence(string.Formatter):
    """Writes fields into a message: ``{limit:.1f}`` in the language's digits, ``{what:t}`` translated first."""

    def __init__(self, words: "Words") -> None:
        self._words = words

    def get_field(self, field_name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[object, str]:
        # Only plain names: a message may not reach into objects.
        del args
        return kwargs.get(field_name, UNKNOWN), field_name

    def format_field(self, value: object, format_spec: str) -> str:
        if isinstance(value, bool):
            return self._words.text("yes") if value else self._words.text("no")
        if isinstance(value, int | float):
            if format_spec.startswith(".") and format_spec[1:].rstrip("f").isdigit():
                return decimal(float(value), min(9, int(format_spec[1:].rstrip("f"))), self._words.language)
            return plain(float(value), self._words.language)
        text = str(value)
        return self._words.text(text) if format_spec == "t" and text else text


class Words:
    """The words of one language."""

    def __init__(self, language: Language, translations: gettext.NullTranslations) -> None:
        self.language: Language = language
        self._translations = translations
        self._sentence = _Sentence(self)

    def text(self, msgid: str) -> str:
        """Translate ``msgid``; an unknown one comes back as it is."""
        return self._translations.gettext(msgid) if msgid else ""

    def count(self, one: str, many: str, number: int) -> str:
        """Translate by number: ``count("{n} house", "{n} houses", 2)``; the field ``n`` is filled in."""
        return self._sentence.vformat(self._translations.ngettext(one, many, number), (), {"n": number})

    def say(self, msgid: str, fields: Mapping[str, Field]) -> str:
        """Translate ``msgid`` and write ``fields`` into it."""
        text = self.text(msgid)
        try:
            return self._sentence.vformat(text, (), fields)
        except (ValueError, KeyError, IndexError):
            # A message with broken braces is a bug that a test finds; a farmer must still see its words.
            return text


class Told(Exception):
    """An error that people read: a message id and its fields. As a string, for a log, it is English."""

    def __init__(self, msgid: str, **fields: Field) -> None:
        super().__init__(words("en").say(msgid, fields))
        self.msgid = msgid
        self.fields = fields


# What the operating system answers most often; ``{seen:t}`` in a message puts it into the reader's language.
SYSTEM: Final = (
    N_("Address already in use"),
    N_("Connection refused"),
    N_("Connection timed out"),
    N_("Device or resource busy"),
    N_("File exists"),
    N_("Input/output error"),
    N_("Is a directory"),
    N_("Network is unreachable"),
    N_("No route to host"),
    N_("No space left on device"),
    N_("No such device"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Permission denied"),
    N_("Read-only file system"),
)


@runtime_checkable
class Sayable(Protocol):
    """An error of a package that may not import this one: a message id and its fields."""

    msgid: str
    fields: Mapping[str, Field]


@runtime_checkable
class Placed(Sayable, Protocol):
    """Such an error of a file."""

    file: str
    line: int


@runtime_checkable
class Telling(Protocol):
    """An error with more to say than one message."""

    def said(self, say: Words) -> str:
        """Say it in a language."""


def error_text(error: BaseException, say: Words) -> str:
    """Say an error to a person: one with a message id in the reader's language, another one as it tells itself."""
    if isinstance(error, Telling):
        return error.said(say)
    if isinstance(error, Placed):
        return f"{error.file}:{error.line}: {say.say(error.msgid, error.fields)}"
    if isinstance(error, Sayable):
        return say.say(error.msgid, error.fields)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return where + say.text(error.strerror)
    return str(error)


@lru_cache(maxsize=4)
def words(language: Language) -> Words:
    """Give the words of ``language``; read once from ``locale/``, English needs no file."""
    path = LOCALE / language / "LC_MESSAGES" / "vuon.po"
    if language == "en":
        return Words(language, gettext.NullTranslations())
    image = mo_image(read_po(path.read_text(encoding="utf-8"), str(path)))
    return Words(language, gettext.GNUTranslations(io.BytesIO(image)))
