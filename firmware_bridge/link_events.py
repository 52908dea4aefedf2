# SPDX-License-Identifier: Apache-2.0
"""What a link tells its owner.

The rule it keeps: every call ends in exactly one of Replied, Refused, ReplyLost or Abandoned, by its token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.dictionary import Dictionary


@dataclass(frozen=True, slots=True)
class Connected:
    """The board is known and speaks our messages."""

    about: str
    dictionary: Dictionary


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The board speaks other messages; nothing can be commanded until one side is updated."""

    about: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replied:
    """A call was done."""

    token: int
    name: str
    values: Mapping[str, int | bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """A call was refused by the board; ``reason`` is a ``codes.Refusal``."""

    token: int
    reason: int
    detail: int


@dataclass(frozen=True, slots=True)
class ReplyLost:
    """A call was done, but its reply can no longer be had. Queries are simply asked again."""

    token: int


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A call whose fate is unknown: the link died or the board restarted."""

    token: int


@dataclass(frozen=True, slots=True)
class Reported:
    """The board said something unasked."""

    name: str
    values: Mapping[str, int | bytes]


@dataclass(frozen=True, slots=True)
class Restarted:
    """The board was reset under us: every output is off and every lease gone."""


@dataclass(frozen=True, slots=True)
class Died:
    """Nothing was heard for DEAD_S although something was asked."""


Event = Connected | Mismatched | Replied | Refused | ReplyLost | Abandoned | Reported | Restarted | Died
