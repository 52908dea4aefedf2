# SPDX-License-Identifier: Apache-2.0
"""The agent's way to the cooperative's hub: runs beside control and can do nothing to it.

The rule it keeps: whatever goes wrong on the way is told and tried again; no fault of a network ends the agent.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from edge.config import Uplink as UplinkConfig
from edge.config_exchange import Issuer
from edge.link_faults import STEADY_S, LinkFaults
from edge.world import World
from telemetry.log import Log
from telemetry.outbox import Outbox
from telemetry.outgoing import OutgoingRows
from telemetry.records import Event, FarmProfile
from telemetry.uplink import Uplink

if TYPE_CHECKING:
    from edge.agent import Agent

AGAIN_S: Final = 60.0
LOOK_S: Final = 1.0


class HubLink:
    """Sends the log to the hub over MQTT."""

    def __init__(
        self, config: UplinkConfig, log: Log, world: World, profile: FarmProfile, issuers: Sequence[Issuer] = ()
    ) -> None:
        from telemetry.mqtt import MqttBroker  # only where there is a hub: an agent without one starts sooner

        scheme = "mqtts" if config.tls else "mqtt"
        broker = MqttBroker(
            f"{scheme}://{config.host}:{config.port}",
            config.username,
            password_file=config.password_file,
            ca_file=config.ca_file,
        )
        self._rows = OutgoingRows(log.path, world.disk)
        # A reader of its own, because the upkeep asks from another thread.
        self._retained = OutgoingRows(log.path, world.disk)
        from edge.order_taking import OrderTaking  # cryptography loads only where there is a hub
        from edge.remote_orders import Judge

        self._faults = LinkFaults("uplink.failed", "uplink")
        self._orders = OrderTaking(
            Judge(config.member, log.edge, issuers), world.state, self._send_answer, world.clock.mono_s
        )
        self._uplink = Uplink(
            log,
            self._rows,
            broker,
            config.member,
            profile=profile,
            now=world.clock.mono_s,
            on_command=self._orders.take,
        )

    def acked_row(self) -> int:
        """Give the row up to which the hub has acknowledged everything, as far as that is written down."""
        return Outbox(self._retained.boots(), self._retained.acked()).acknowledged_below()

    def renew(self, profile: FarmProfile) -> None:
        """Tell the hub what has changed of the farm: a calibration, for instance."""
        self._uplink.renew(profile)

    def _send_answer(self, payload: bytes) -> None:
        self._uplink.answer(payload)

    async def run(self, agent: "Agent") -> None:
        """Send until cancelled."""
        agent.on_written = self._uplink.wake
        watch = asyncio.create_task(self._watch(agent), name="uplink state")
        orders = asyncio.create_task(self._take_orders(agent), name="orders from afar")
        try:
            while True:
                try:
                    await self._uplink.run()
                except Exception as error:  # noqa: BLE001 a network's fault, foreseen or not, must not end control
                    self._faults.tell(agent, error)
                await asyncio.sleep(AGAIN_S)
        finally:
            watch.cancel()
            orders.cancel()
            self._rows.close()
            self._retained.close()

    async def _take_orders(self, agent: "Agent") -> None:
        """Carry out orders; a fault there is told and ends neither the ear nor the agent."""
        while True:
            try:
                await self._orders.run(agent)
            except Exception as error:  # noqa: BLE001 whatever an order from outside brings about must not end control
                fields: dict[str, str | float | int | bool] = {"detail": f"{type(error).__name__}: {error}"}
                agent.record((Event("order.failed", "farm", agent.boot.mono_ms(), "alarm", fields=fields),))

    async def _watch(self, agent: "Agent") -> None:
        """Show how the uplink fares, and say when it has been well for a while."""
        steady_s = 0.0
        while True:
            state = self._uplink.state
            agent.board.counts.uplink = "connected" if state.connected else "waiting"
            agent.board.counts.unsent = state.pending_rows
            steady_s = steady_s + LOOK_S if state.connected else 0.0
            if steady_s >= STEADY_S:
                self._faults.over(agent)
            await asyncio.sleep(LOOK_S)
