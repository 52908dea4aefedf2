# SPDX-License-Identifier: Apache-2.0
"""The bridge between a region's MQTT broker and the cluster: batches go up, answers come down.

The rule it keeps: it passes only what belongs to the members of its own configuration, changes nothing, keeps
nothing and acknowledges nothing. When it has lost a link, it asks its edges to send again what was on its way.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Final

from cooperative.config import MemberConfig
from cooperative.members import Members
from telemetry.notes import AskNote, write_note
from telemetry.ports import Broker, BrokerError, Message, Session
from telemetry.together import until_first_ends
from telemetry.topics import DOWN, UP, TopicError, all_edges, read_topic, topic

RETRY_S: Final = (0.2, 0.5, 1.0, 2.0)

_log = logging.getLogger(__name__)


class Bridge:
    """One bridge: an MQTT broker on this side, the cluster on the other."""

    def __init__(self, name: str, members: Iterable[MemberConfig], region: Broker, cluster: Broker) -> None:
        """Take both brokers and the members whose edges connect here."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self._members = Members(members)
        self._region = region
        self._cluster = cluster

    async def run(self) -> None:
        """Carry messages until cancelled."""
        tries = 0
        while True:
            try:
                async with (
                    self._cluster.connect(f"{self.name}-bridge") as cluster,
                    self._region.connect(f"{self.name}-bridge") as region,
                ):
                    for kind in DOWN:
                        await cluster.subscribe(all_edges(kind))
                    for kind in UP:
                        await region.subscribe(all_edges(kind))
                    tries = 0
                    await self._serve(region, cluster)
            except BrokerError as error:
                _log.warning("%s: %s", self.name, error)
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    async def _serve(self, region: Session, cluster: Session) -> None:
        """Carry both ways until a link breaks."""
        note = write_note(AskNote(fresh=True))
        for edge in self._members.edges():
            await region.publish(Message(topic(self._members.member_of(edge), edge, "ask"), note))
        await until_first_ends(
            bridge_carries_up=self._carry(region, cluster),
            bridge_carries_down=self._carry(cluster, region),
        )

    async def _carry(self, source: Session, target: Session) -> None:
        async for message in source.messages():
            try:
                address = read_topic(message.topic)
            except TopicError:
                self.counts["topic"] += 1
                continue
            if self._members.allows(address.member, address.edge):
                self.counts[address.kind] += 1
                await target.publish(Message(message.topic, message.payload))
            else:
                self.counts["tenant"] += 1
