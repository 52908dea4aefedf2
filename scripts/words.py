# SPDX-License-Identifier: Apache-2.0
"""Finds every message id in the tree and holds the Vietnamese catalogue against it.

    .venv/bin/python scripts/words.py            say what is missing, fuzzy or no longer used
    .venv/bin/python scripts/words.py update     add what is missing (empty) and drop what is not used
    .venv/bin/python scripts/words.py merge F    take translations from the .po fragment F

The rule it keeps: a text that people read is either marked in the source (``N_("…")``, ``_("…")``, ``.text("…")``,
``.say("…")``, ``.count("…", "…")``), stands in a named table of message ids, is in a template, or is the help of a
command; nothing else counts.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from jinja2 import nodes

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pages.po import Message, read_po, write_po  # noqa: E402
from pages.words import LOCALE  # noqa: E402

PACKAGES: Final = ("telemetry", "drivers", "controllers", "pages", "firmware_bridge", "edge", "cooperative")
CATALOGUE: Final = LOCALE / "vi" / "LC_MESSAGES" / "vuon.po"
MARKS: Final = frozenset({"N_", "_", "text", "say", "gettext"})
PLURAL_MARKS: Final = frozenset({"count", "ngettext"})
# Methods whose given argument (0 = the first) is a message id: the mistakes that ``vuon check`` names.
ARGUMENTS: Final = {"wrong": 1}
# Errors of the packages that have no mark, and which of their arguments is a message id.
TELLERS: Final = {
    "LineDown": 1, "self._gone": 0, "DiskError": 0, "CatalogueError": 2, "refuse": 1, "UnknownType": 0,
    "BoardConfigError": 0, "BadFile": 1,
    "NotKnown": 0, "ImageRefused": 0,
}  # fmt: skip
JS_TEXT: Final = re.compile(r"\b(?:_|gettext|say)\(\s*[\"'`]")

# Modules that speak to people in message ids without a mark.
SPEAKERS: Final = (
    "drivers/calibration/*.py",
    "drivers/atlas_ezo.py",
    "controllers/settings_check.py",
    "controllers/settings_mistake.py",
    "controllers/plan_check.py",
    "controllers/settings_water_check.py",
)
BUILT_IN_ERRORS: Final = frozenset({"ValueError", "TypeError", "KeyError", "RuntimeError", "AssertionError", "OSError"})
WORDS: Final = re.compile(r"[A-Za-z]{2,},? (?:[a-z(]|\{)")

Found = dict[str, str]  # msgid -> its plural or ""


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def in_python(text: str) -> Found:
    """Give the message ids of a Python source."""
    found: Found = {}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        place = ARGUMENTS.get(name, 0)
        if (name in MARKS or name in ARGUMENTS) and len(node.args) > place:
            msgid = _constant(node.args[place])
            if msgid and (name != "text" or isinstance(node.func, ast.Attribute)):
                found.setdefault(msgid, "")
        elif name in PLURAL_MARKS and len(node.args) >= 2:
            one, many = _constant(node.args[0]), _constant(node.args[1])
            if one and many:
                found[one] = many
    return found


def in_template(text: str) -> Found:
    """Give the message ids of a Jinja template: the constants that ``_`` and ``say`` are called with."""
    found: Found = {}
    for call in jinja2.Environment(autoescape=True).parse(text).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "say") and call.args:
            first = call.args[0]
            if isinstance(first, nodes.Const) and isinstance(first.value, str):
                found[first.value] = ""
    return found


def _for_programmers(node: ast.AST) -> bool:
    raised = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
    return isinstance(raised, ast.Name) and raised.id in BUILT_IN_ERRORS


def sentences(text: str) -> Found:
    """Give the sentences of a module below the applications: every text of two words that is no docstring or error.

    Such a module may not import ``pages`` and so has no mark to put on its message ids. What it raises with a built-in
    error is for programmers.
    """
    tree = ast.parse(text)
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or _for_programmers(node):
            skipped.update(ast.walk(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
    found: Found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in skipped:
            value = _constant(node)
            if value and WORDS.search(value) and not value.isupper():
                found[value] = ""
    return found


def in_catalogue_of_devices(text: str) -> Found:
    """Give what instruments say of themselves: the ``means`` of a device's status bits."""
    quoted = re.findall(r'^\s*means\s*=\s*(".*")\s*$', text, re.MULTILINE)
    return {ast.literal_eval(one): "" for one in quoted}


def in_errors(text: str) -> Found:
    """Give what errors below the applications tell people: constants named ``HINT…``, and those of ``TELLERS``."""
    found: Found = {}
    for node in ast.walk(ast.parse(text)):
        said: ast.expr | None = None
        if isinstance(node, ast.Assign | ast.AnnAssign) and "HINT" in ast.unparse(node).partition("=")[0]:
            said = node.value
        elif isinstance(node, ast.Call):
            place = TELLERS.get(ast.unparse(node.func), -1)
            said = node.args[place] if 0 <= place < len(node.args) else None
        msgid = _constant(said) if said is not None else None
        if msgid:
            found[msgid] = ""
    return found


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def in_tables() -> Found:
    """Give the message ids that stand in tables: quantities, reasons, refusals of orders."""
    from controllers.reasons import message_ids
    from edge import orders
    from telemetry.quantities import QUANTITIES

    texts = [quantity.title for quantity in QUANTITIES.values()]
    texts += message_ids()
    texts += [value for name, value in vars(orders).items() if name.isupper() and isinstance(value, str)]
    return dict.fromkeys(texts, "")


def in_programs() -> Found:
    """Give what the help pages of the two programs say."""
    from cooperative.cli import main as hub
    from edge.cli import main as farm
    from pages.commands import message_ids

    return dict.fromkeys(message_ids(farm) + message_ids(hub), "")


@cache
def everything() -> Found:
    """Give every message id of the tree."""
    found: Found = {}
    for path in _sources():
        found |= in_python(path.read_text(encoding="utf-8"))
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("templates/**/*.html")):
            found |= in_template(path.read_text(encoding="utf-8"))
    for pattern in SPEAKERS:
        for path in sorted(ROOT.glob(pattern)):
            found |= sentences(path.read_text(encoding="utf-8"))
    for package in ("telemetry", "drivers", "firmware_bridge"):
        for path in {*(ROOT / package).rglob("*.py")} - {*(ROOT / package / "sim").glob("*.py")}:
            found |= in_errors(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "drivers" / "catalog").glob("*.toml")):
        found |= in_catalogue_of_devices(path.read_text(encoding="utf-8"))
    return found | in_tables() | in_programs()


def words_in_javascript() -> list[str]:
    """Name scripts that carry words of their own: they must take them from the page."""
    scripts = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("static/**/*.js")))
    return [str(path.relative_to(ROOT)) for path in scripts if JS_TEXT.search(path.read_text(encoding="utf-8"))]


def catalogue() -> list[Message]:
    """Read the Vietnamese catalogue."""
    return read_po(CATALOGUE.read_text(encoding="utf-8"), str(CATALOGUE))


def missing(found: Found, messages: Iterable[Message]) -> list[str]:
    """Give the message ids without a settled translation."""
    complete = {message.msgid for message in messages if message.complete}
    return sorted(msgid for msgid in found if msgid not in complete)


def unused(found: Found, messages: Iterable[Message]) -> list[str]:
    """Give the message ids of the catalogue that nothing in the tree says."""
    return sorted(message.msgid for message in messages if message.msgid and message.msgid not in found)


def main(arguments: list[str]) -> int:
    """Run one of the three commands."""
    found, messages = everything(), catalogue()
    known = {message.msgid: message for message in messages}
    match arguments:
        case ["merge", fragment]:
            for message in read_po(Path(fragment).read_text(encoding="utf-8"), fragment):
                if message.msgid and message.complete:
                    known[message.msgid] = message
            CATALOGUE.write_text(write_po(known.values()), encoding="utf-8")
        case ["update"]:
            kept = [message for message in messages if not message.msgid or message.msgid in found]
            new = [Message(msgid, plural, []) for msgid, plural in found.items() if msgid not in known]
            CATALOGUE.write_text(write_po([*kept, *new]), encoding="utf-8")
        case _:
            for msgid in missing(found, messages):
                print(f"missing: {msgid!r}")
            for msgid in unused(found, messages):
                print(f"unused:  {msgid!r}")
    return 1 if missing(found, catalogue()) or unused(found, catalogue()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
