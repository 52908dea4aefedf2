# SPDX-License-Identifier: Apache-2.0
"""Who is called, by which ways, and the secrets of those ways: a file that only the agent's user can read.

The rule it keeps: a file that others can read is refused, not used; a mistake is told with its line and without the
secret that stands there.
"""

import stat
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.toml_reader import Page, SettingsRefused

CONTACTS_MAX: Final = 50
SMS: Final = "sms:"
OPEN_TO_OTHERS: Final = "{file} can be read by others (mode {mode}); make it private: chmod 600 {file}"


class ContactsRefused(Exception):
    """The file cannot be used; the text says what to do."""


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person. ``ways`` are tried in their order: apprise addresses (zalo://, tgram://, ntfy://, mailto://, ...)
    or ``sms:+84...``. ``tier`` 1 hears at once, 2 and 3 when nobody answered; below ``least`` nothing is sent.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    ways: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)]
    language: Literal["vi", "en"] = "vi"
    tier: Annotated[int, Meta(ge=1, le=3)] = 1
    least: Literal["warning", "alarm", "critical"] = "alarm"


class Modem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mobile modem for ``sms:`` ways. ``pin`` is entered once if the card asks for it."""

    port: Annotated[str, Meta(min_length=1)]
    baud_bd: Annotated[int, Meta(ge=1200, le=921_600)] = 115_200
    pin: Annotated[str, Meta(pattern="^[0-9]{0,8}$")] = ""
    mode: Literal["pdu", "text"] = "pdu"


class Contacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    contacts: tuple[Contact, ...]
    modem: Modem | None = None


def load(path: Path) -> Contacts:
    """Read the file at ``path``; ContactsRefused when it is open to others, unreadable or wrong."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ContactsRefused(OPEN_TO_OTHERS.format(file=path, mode=f"{mode:04o}"))
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ContactsRefused(f"{path} cannot be read: {error}") from error
    try:
        page = Page(text, str(path))
    except SettingsRefused as error:
        raise ContactsRefused(f"{path} is not TOML at line {error.problems[0].line}; see docs/alarms.md") from None
    for name in page.data:
        if name not in {"contact", "modem"}:
            page.wrong(name, "unknown table {key}; known: {known}", key=name, known="contact, modem")
    rows = page.tables(Contact, "contact")
    modem = page.table(Modem, page.data["modem"], "modem") if "modem" in page.data else None
    known: set[str] = set()
    for where, contact in rows:
        if contact.name in known:
            page.wrong(f"{where}.name", "{name} stands here twice", name=contact.name)
        known.add(contact.name)
        if modem is None and "modem" not in page.data and any(way.startswith(SMS) for way in contact.ways):
            page.wrong(f"{where}.ways", "sms: needs a table [modem]")
    if len(rows) > CONTACTS_MAX:
        page.wrong("contact", "at most {most} people; seen: {seen}", most=CONTACTS_MAX, seen=len(rows))
    if not rows:
        page.wrong("contact", "there is no [[contact]]")
    if page.problems:
        # Told without what was seen: it may be a password.
        told = "; ".join(f"line {one.line}: {one.path}" for one in page.problems)
        raise ContactsRefused(f"{path} is wrong at {told}; see docs/alarms.md")
    return Contacts(tuple(contact for _, contact in rows), modem)
