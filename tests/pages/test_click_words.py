# SPDX-License-Identifier: Apache-2.0
"""What click says is known by heart, so that a new sentence of a new version is noticed; and it is said again right."""

import ast
import re
from pathlib import Path

import click
import pytest

from pages.click_words import KINDS, SENTENCES, again
from pages.words import words

# Said to programmers, to other systems than ours, or of things that no command of ours has.
NOT_FOR_US = (
    "d", "deprecated", "file", "directory", "path", "Choice({choices})", "unknown error", "Do you want to continue?",
    "Confirm the action without prompting.", "%(prog)s, version %(version)s", "Press any key to continue...",
    "Missing parameter", "Missing {param_type}", "Missing parameter: {param_name}", "Value must be an iterable.",
    "{name} {filename} is not executable.", "{value} is not a valid UUID.",
    "{len_type} values are required, but {len_value} was given.",
    "{len_type} values are required, but {len_value} were given.",
    "{value} does not match the format {format}.", "{value} does not match the formats {formats}.",
)  # fmt: skip
FOR_PROGRAMMERS = re.compile(
    r"Windows error|Editing failed|Shell completion|Bash version|defined twice|same flag|determine name"
    r"|No options defined|exactly one parameter|Invalid start|Unknown color|Unknown standard stream|DeprecationWarning"
)


def spoken_by_click() -> set[str]:
    found: set[str] = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "ngettext"}:
                for argument in node.args[: 1 if node.func.id == "_" else 2]:
                    if isinstance(argument, ast.Constant):
                        found.add(str(argument.value).replace("!r}", "}"))
    return {text for text in found if not FOR_PROGRAMMERS.search(text)} - set(NOT_FOR_US)


def test_every_sentence_of_the_installed_click_is_known() -> None:
    whole = " | ".join(SENTENCES)
    # "{name} {filename} does not exist." stands in the list once for a file, a folder and a path.
    without_kind = {
        text.removeprefix("{name} ").replace("a valid {number_type}", "a valid integer") for text in spoken_by_click()
    }
    assert {text for text in without_kind if text not in whole} == set()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Error: Missing option '--port'.", "Lỗi: Thiếu tùy chọn '--port'."),
        ("Error: No such option '--hulp'. Did you mean '--help'?",
         "Lỗi: Không có tùy chọn '--hulp'. Có phải ý bạn là '--help'?"),
        ("Error: Invalid value for '--wait': 3 is not in the range 10<=x<=5000.",
         "Lỗi: Giá trị của '--wait' không đúng: 3 không nằm trong khoảng 10<=x<=5000."),
        ("Error: Invalid value for 'IMAGE': File '/nope' does not exist.",
         "Lỗi: Giá trị của 'IMAGE' không đúng: Không có tệp '/nope'."),
        ("Error: Missing option '--kind'. Choose from:\n\ta,\n\tb",
         "Lỗi: Thiếu tùy chọn '--kind'. Chọn một trong:\n\ta,\n\tb"),
        ("Error: các lời của ta {x}", "Lỗi: các lời của ta {x}"),
        ("a text of nobody", "a text of nobody"),
    ],
)  # fmt: skip
def test_a_sentence_is_said_again_in_vietnamese_and_stays_in_english(told: str, said: str) -> None:
    assert again(told, words("vi")) == said
    assert again(told, words("en")) == told


def test_every_sentence_and_kind_has_its_vietnamese() -> None:
    assert [text for text in (*SENTENCES, *KINDS) if words("vi").text(text) == text] == []
