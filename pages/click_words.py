# SPDX-License-Identifier: Apache-2.0
"""Says click's own sentences in the language of the run: headings, defaults, refusals of wrong usage.

The rule it keeps: click is not changed. What it has said in English is recognised by its pattern and said again;
a sentence that is not recognised stays as it was. ``tests/pages/test_click_words.py`` holds the list against the
installed click, so that a new version with a new sentence is noticed.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from pages.words import N_, Words

# A sentence that another may follow (``{more}``) stands before the one without it: the first that fits is taken.
SENTENCES: Final = (
    N_("Error: invalid input"),
    N_("Error: The two entered values do not match."),
    N_("Error: {message}"),
    N_("Try '{command} {option}' for help."),
    N_("Usage:"),
    N_("Options"),
    N_("Commands"),
    N_("Positional arguments"),
    N_("Show this message and exit."),
    N_("Show the version and exit."),
    N_("Aborted!"),
    N_("Repeat for confirmation"),
    N_("default: {default}"),
    N_("env var: {var}"),
    N_("required"),
    N_("(dynamic)"),
    N_("Missing command."),
    N_("Missing argument {param_hint}. {more}"),
    N_("Missing argument {param_hint}."),
    N_("Missing option {param_hint}. {more}"),
    N_("Missing option {param_hint}."),
    N_("No such option {name}. {more}"),
    N_("No such option {name}."),
    N_("No such command {name}. {more}"),
    N_("No such command {name}."),
    N_("Did you mean {possibility}?"),
    N_("(Did you mean one of: {possibilities}?)"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("Invalid value: {message}"),
    N_("Could not open file {filename}: {message}"),
    N_("Option {name} does not take a value."),
    N_("Option {name} requires an argument."),
    N_("Option {name} requires {nargs} arguments."),
    N_("Argument {name} takes {nargs} values."),
    N_("Takes {nargs} values but 1 was given."),
    N_("Takes {nargs} values but {len} were given."),
    N_("Got unexpected extra argument ({args})"),
    N_("Got unexpected extra arguments ({args})"),
    N_("Choose from:\n\t{choices}"),
    N_("{value} is not a valid boolean. Recognized values: {states}"),
    N_("{value} is not a valid integer range."),
    N_("{value} is not a valid integer."),
    N_("{value} is not a valid float range."),
    N_("{value} is not a valid float."),
    N_("{value} is not in the range {range}."),
    N_("{value} is not one of {choices}."),
    N_("File {filename} does not exist."),
    N_("File {filename} is a directory."),
    N_("File {filename} is not readable."),
    N_("File {filename} is not writable."),
    N_("Directory {filename} does not exist."),
    N_("Directory {filename} is a file."),
    N_("Directory {filename} is not readable."),
    N_("Directory {filename} is not writable."),
    N_("Path {filename} does not exist."),
    N_("Path {filename} is not readable."),
    N_("Path {filename} is not writable."),
    N_("{value} is not {choice}."),
)

# How click names the kinds of values in the list of options.
KINDS: Final = (
    N_("TEXT"),
    N_("INTEGER"),
    N_("INTEGER RANGE"),
    N_("FLOAT"),
    N_("FLOAT RANGE"),
    N_("PATH"),
    N_("FILE"),
    N_("FILENAME"),
    N_("DIRECTORY"),
)
NESTED: Final = frozenset({"message", "more"})
_FIELD: Final = re.compile(r"\\{(\w+)\\}")


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {msgid: re.compile(_FIELD.sub(r"(?P<\1>.+?)", re.escape(msgid)), re.DOTALL) for msgid in SENTENCES}


def again(told: str, say: Words) -> str:
    """Say one sentence of click in ``say``'s language; any other text comes back as it is."""
    for msgid, pattern in _patterns().items():
        heard = pattern.fullmatch(told)
        if heard is not None:
            fields = heard.groupdict()
            return say.say(msgid, {name: again(one, say) if name in NESTED else one for name, one in fields.items()})
    return told
