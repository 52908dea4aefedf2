# SPDX-License-Identifier: Apache-2.0
"""Who may send: the members of the cooperative and the edges that are theirs.

The rule it keeps: an edge belongs to one member, and a message counts only under both names.
"""

from collections.abc import Iterable

from cooperative.config import MemberConfig


class Members:
    """The register of members and edges."""

    def __init__(self, members: Iterable[MemberConfig]) -> None:
        """Take the members of the configuration."""
        self._member_of = {edge: member.name for member in members for edge in member.edges}

    def allows(self, member: str, edge: str) -> bool:
        """Say whether this edge is this member's."""
        return self._member_of.get(edge) == member

    def member_of(self, edge: str) -> str:
        """Give the member an edge belongs to. KeyError if it is nobody's."""
        return self._member_of[edge]

    def edges(self) -> list[str]:
        """Give all edges, in the order of the register."""
        return list(self._member_of)
