# SPDX-License-Identifier: Apache-2.0
"""The topics: ``vuon/1/{member}/{edge}/{kind}``, made and read here and nowhere else.

The rule it keeps: names are ``[a-z][a-z0-9-]{0,31}``, so that no wildcard, slash, ``$`` or control character can
ever stand in a topic; what does not fit is refused, not escaped. Up go batch, dictionary, profile, state
and answer; down go ack, ask and command.
"""

import functools
import re
from typing import Final, NamedTuple

ROOT: Final = "vuon/1"
UP: Final = ("batch", "dictionary", "profile", "state", "answer")
DOWN: Final = ("ack", "ask", "command")
KINDS: Final = frozenset(UP + DOWN)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
TOPIC_MAX: Final = 128
_REMEMBERED: Final = 65_536  # good ones; one that is refused is looked at anew


class TopicError(ValueError):
    """A topic or a name in it is not of this grammar."""


class Address(NamedTuple):
    """Who sends or receives what."""

    member: str
    edge: str
    kind: str


@functools.lru_cache(maxsize=_REMEMBERED)
def topic(member: str, edge: str, kind: str) -> str:
    """Make the topic of one kind of message of one edge. TopicError for names that may not stand in one."""
    for name in (member, edge):
        if not _NAME.fullmatch(name):
            raise TopicError(f"bad name {name!r}: use a-z, 0-9 and '-', beginning with a letter, at most 32")
    if kind not in KINDS:
        raise TopicError(f"unknown kind of message {kind!r}; known: {', '.join(sorted(KINDS))}")
    return f"{ROOT}/{member}/{edge}/{kind}"


@functools.lru_cache(maxsize=_REMEMBERED)
def read_topic(text: str) -> Address:
    """Read a topic. TopicError if it is none of ours."""
    parts = text[:TOPIC_MAX].split("/")
    if len(text) >= TOPIC_MAX or len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise TopicError(f"not a topic of ours: {text[:TOPIC_MAX]!r}")
    address = Address(*parts[2:])
    topic(*address)
    return address


def all_edges(kind: str, share: str = "") -> str:
    """Give the subscription to one kind of message of all edges; ``share`` names a group that divides them."""
    if kind not in KINDS or (share and not _NAME.fullmatch(share)):
        raise TopicError(f"cannot subscribe to {kind!r} shared as {share!r}")
    return (f"$share/{share}/" if share else "") + f"{ROOT}/+/+/{kind}"


def matches(pattern: str, text: str) -> bool:
    """Say whether a subscription catches a topic (MQTT 3.1.1 §4.7; ``$`` topics are not caught by wildcards)."""
    wanted, there = pattern.split("/"), text.split("/")
    if text.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    for at, part in enumerate(wanted):
        if part == "#":
            return True
        if at >= len(there) or part not in ("+", there[at]):
            return False
    return len(wanted) == len(there)
