# SPDX-License-Identifier: Apache-2.0
"""How a call to a board fails.

The rule it keeps: the code is a message id; ``refusal.*`` is the board's own word, ``mcu.*`` the link's.
"""

from firmware_bridge.codes import Refusal


class CallFailed(Exception):
    """A call did not succeed. ``code`` is a message id: ``refusal.*`` from the board, ``mcu.*`` from the link."""

    def __init__(self, call: str, code: str, detail: int = 0) -> None:
        super().__init__(f"{call}: {code} ({detail})")
        self.code = code
        self.detail = detail


def refusal_code(reason: int) -> str:
    """Give the message id of a board's refusal; a number that a newer firmware added stays a number."""
    try:
        return f"refusal.{Refusal(reason).name.lower()}"
    except ValueError:
        return f"refusal.number_{reason}"
