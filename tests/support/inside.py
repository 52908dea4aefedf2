# SPDX-License-Identifier: Apache-2.0
"""The agent's desk as a technician's tools see it, asked without a socket: for agents in virtual time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from edge.agent import Agent
from edge.live import LiveState, Outcome


@dataclass
class Inside:
    """The agent's desk, asked without a socket."""

    agent: Agent

    async def status(self) -> LiveState:
        return self.agent.desk.live()

    def watch(self) -> AsyncIterator[LiveState]:
        return self.agent.desk.changes()

    async def lock(self, series: str, person: str, role: str = "technician") -> Outcome:
        return await self.agent.desk.order("lock", {"series": series, "person": person, "role": role})

    async def unlock(self, series: str, person: str = "", role: str = "technician") -> Outcome:
        return await self.agent.desk.order("unlock", {"series": series, "person": person, "role": role})

    async def activate_calibration(
        self, series: str, artifact: str, person: str = "", role: str = "", reason: str = ""
    ) -> Outcome:
        order = {"series": series, "artifact": artifact, "person": person, "role": role, "reason": reason}
        return await self.agent.desk.order("activate", order)

    async def chip(self, series: str, do: str, person: str, role: str, **more: Any) -> Outcome:
        return await self.agent.desk.order("chip", {"series": series, "do": do, "person": person, "role": role, **more})
