# SPDX-License-Identifier: Apache-2.0
"""Every text that people read has its Vietnamese, with the same fields; nothing is fuzzy; scripts carry no words."""

import re
import string

import pytest

from pages.words import words
from scripts.words import (
    catalogue,
    everything,
    in_catalogue_of_devices,
    in_errors,
    in_python,
    in_template,
    missing,
    sentences,
    unused,
    words_in_javascript,
)


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_nothing_is_missing_or_fuzzy_in_vietnamese() -> None:
    lacking = missing(everything(), catalogue())
    assert not lacking, "run scripts/words.py update and translate:\n" + "\n".join(lacking)


def test_nothing_is_kept_that_nobody_says() -> None:
    idle = unused(everything(), catalogue())
    assert not idle, "run scripts/words.py update, or mark the text in the source:\n" + "\n".join(idle)


def test_a_translation_has_the_fields_of_its_message() -> None:
    wrong = {
        message.msgid: string_
        for message in catalogue()
        for string_ in message.strings
        if message.msgid and fields_of(string_) != fields_of(message.msgid) | fields_of(message.plural)
    }
    assert wrong == {}


def test_no_message_stands_twice() -> None:
    msgids = [message.msgid for message in catalogue()]
    assert len(msgids) == len(set(msgids))


def test_the_glossary_is_kept() -> None:
    # "hiệu chỉnh" changes a reading and "hiệu chuẩn" compares it: no message of ours means the first.
    for message in catalogue():
        if re.search(r"\bcalibrat", message.msgid, re.IGNORECASE):
            assert "hiệu chuẩn" in message.strings[0].lower(), message.msgid


def test_scripts_of_the_browser_carry_no_words() -> None:
    assert words_in_javascript() == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = N_("a")', {"a": ""}),
        ('words.say("b {n}", {})', {"b {n}": ""}),
        ('w.count("{n} day", "{n} days", 2)', {"{n} day": "{n} days"}),
        ('page.wrong(path, "c {key}", key=1)', {"c {key}": ""}),
        ('print("not for people")', {}),
        ('file.text("msgid")', {"msgid": ""}),
        ("x = N_(name)", {}),
    ],
)
def test_marked_texts_are_found(source: str, found: dict[str, str]) -> None:
    assert in_python(source) == found


def test_sentences_of_modules_below_the_applications_are_found_without_a_mark() -> None:
    source = '"""A docstring here."""\nA = "Too noisy: {sd}"\nraise Refused("A point is old", x=1)\n'
    source += 'raise ValueError("for us")\n'
    assert set(sentences(source)) == {"Too noisy: {sd}", "A point is old"}
    assert set(in_catalogue_of_devices('name = "x y"\n  means = "The sensor is busy"\n')) == {"The sensor is busy"}


def test_what_errors_below_the_applications_tell_is_found_without_a_mark() -> None:
    source = 'HINT: Final = "Is it on?"\nHINT_B = "Try again"\nraise LineDown(where, "no port", HINT)\n'
    source += 'raise self._gone("it went")\nraise DiskError("{path}: full", path=p)\n'
    source += "raise LineDown(where, seen, HINT)\n"
    assert set(in_errors(source)) == {"Is it on?", "Try again", "no port", "it went", "{path}: full"}


def test_texts_in_templates_are_found() -> None:
    assert in_template("{{ _('a') }}{% if x %}{{ say('b {n}', n=1) }}{% endif %}{{ _(said) }}") == {
        "a": "",
        "b {n}": "",
    }


def test_every_message_can_be_said_in_both_languages() -> None:
    fields = {name: 1.0 for msgid in everything() for name in fields_of(msgid)}
    for msgid in everything():
        for language in ("vi", "en"):
            said = words(language).say(msgid, fields)
            assert "{" not in said.replace("{{", ""), msgid
