# SPDX-License-Identifier: Apache-2.0
"""In which language the hub's commands speak.

The rule it keeps: as asked, else English for an English environment, else Vietnamese.
"""

import os

from pages.numbers import LANGUAGES, Language
from pages.words import Words, words


def language(asked: str | None = None) -> Language:
    """Choose the language."""
    if asked in LANGUAGES:
        return asked
    told = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if told.startswith("en") else "vi"


def speech(asked: str | None = None) -> Words:
    """Give the words of the language."""
    return words(language(asked))
