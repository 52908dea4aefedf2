# SPDX-License-Identifier: Apache-2.0
"""The catalogue's reader and writer agree with an independent implementation (Babel) and name bad lines."""

import gettext
import io

import pytest
from babel.messages import pofile
from hypothesis import given
from hypothesis import strategies as st

from pages.po import Message, PoError, mo_image, read_po, write_po
from pages.words import LOCALE

HEADER = Message(
    "", "", ["Language: vi\nContent-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"]
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1)


@given(st.dictionaries(TEXT, TEXT, max_size=8))
def test_what_is_written_is_read_again_and_the_standard_library_finds_it(texts: dict[str, str]) -> None:
    messages = [HEADER, *(Message(key, "", [value]) for key, value in texts.items())]
    again = read_po(write_po(messages))
    assert {m.msgid: m.strings for m in again} == {m.msgid: m.strings for m in messages}
    found = gettext.GNUTranslations(io.BytesIO(mo_image(again)))
    assert all(found.gettext(key) == value for key, value in texts.items())


def test_babel_reads_our_catalogue_the_same_way() -> None:
    text = (LOCALE / "vi" / "LC_MESSAGES" / "vuon.po").read_text(encoding="utf-8")
    ours = {m.msgid: tuple(m.strings) for m in read_po(text) if m.msgid}
    theirs: dict[str, tuple[str, ...]] = {}
    for message in pofile.read_po(io.BytesIO(text.encode()), locale="vi"):
        if message.id:
            msgid = message.id if isinstance(message.id, str) else message.id[0]
            theirs[msgid] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    assert ours == theirs


def test_plurals_continuation_lines_and_flags_are_understood() -> None:
    text = (
        '#, fuzzy\nmsgid "a"\nmsgstr "b"\n\nmsgid ""\n"{n} house"\nmsgid_plural "{n} houses"\nmsgstr[0] "{n} "\n"nhà"\n'
    )
    fuzzy, plural = read_po(text)
    assert fuzzy.fuzzy
    assert not fuzzy.complete
    assert (plural.msgid, plural.plural, plural.strings) == ("{n} house", "{n} houses", ["{n} nhà"])


@pytest.mark.parametrize("line", ['msgid "open', "msgstr 5", 'msgctxt "x"', '"lonely"', 'nonsense "a"'])
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(PoError, match=r"farm\.po, line 2"):
        read_po("# first\n" + line, "farm.po")
