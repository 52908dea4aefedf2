# SPDX-License-Identifier: Apache-2.0
"""The farm as a Sparkplug B edge node on its own broker: each place a device, each series and output a metric.

The rule it keeps: runs beside control and can do nothing to it; a host's command is an override with an end that
passes the same desk, engine and safety as a person's, and only where farm.toml allows it.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from edge.config_exchange import Sparkplug
from edge.link_faults import LinkFaults
from edge.live import LiveState
from edge.mirror_link import order_level
from telemetry.face import Face
from telemetry.json_mirror import usable
from telemetry.ports import Broker, BrokerError, Session
from telemetry.records import Event, Quality, Sample
from telemetry.sparkplug import NODE, EdgeNode, MetricFace, Reading, Write, quality_code
from telemetry.sparkplug_payload import BOOLEAN, DOUBLE, INT64, STRING
from telemetry.together import until_first_ends

if TYPE_CHECKING:
    from edge.agent import Agent

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
AGAIN_S: Final = 60.0
WAITING_MAX: Final = 16
PERSON: Final = "sparkplug"
OUTPUTS: Final = "Outputs/"
SOFTWARE: Final = "Properties/Software"
ALARMS: Final = "Alarms"
QOS: Final = 1

Fields = dict[str, str | float | int | bool]


def devices_of(face: Face, *, commands: bool) -> dict[str, tuple[MetricFace, ...]]:
    """Give each place as a device with its metrics."""
    found: dict[str, list[MetricFace]] = {}
    for one in face.series:
        name = one.series.partition("/")[2]
        found.setdefault(one.place, []).append(MetricFace(name, DOUBLE, one.quantity.unit))
    for output in face.outputs:
        kind = DOUBLE if output.proportional else BOOLEAN
        found.setdefault(output.place, []).append(MetricFace(OUTPUTS + output.output, kind, "", commands))
    return {place: tuple(metrics) for place, metrics in found.items()}


class SparkplugLink:
    """One farm as an edge node."""

    def __init__(self, config: Sparkplug, face: Face, broker: Broker) -> None:
        self._config = config
        self._face = face
        self._broker = broker
        self._proportional = {one.output: one.proportional for one in face.outputs}
        self._node = EdgeNode(
            config.group,
            config.node or face.edge,
            devices_of(face, commands=config.commands),
            own=(MetricFace(SOFTWARE, STRING), MetricFace(ALARMS, INT64)),
            primary_host=config.primary_host,
        )
        self._waiting: asyncio.Queue[Write] = asyncio.Queue(WAITING_MAX)
        self._samples: dict[str, Sample] = {}

    async def run(self, agent: "Agent") -> None:
        """Keep a session until cancelled; no fault of a network or of a host ends the agent."""
        tries = 0
        faults = LinkFaults("sparkplug.failed", "sparkplug")
        while True:
            wait_s = RETRY_S[0]
            try:
                will = self._node.will(agent.boot.wall()[0])
                async with self._broker.connect(f"vuon-sparkplug-{self._face.edge}", will) as session:
                    tries = 0
                    try:
                        with faults.connected(agent):
                            await self._serve(session, agent)
                    finally:
                        if self._node.born:
                            await session.publish(self._node.death(agent.boot.wall()[0]))
            except BrokerError:
                wait_s = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
            except Exception as error:  # noqa: BLE001 another program's fault, foreseen or not, must not end control
                faults.tell(agent, error)
                wait_s = AGAIN_S
            await asyncio.sleep(wait_s)

    async def _serve(self, session: Session, agent: "Agent") -> None:
        """Say and hear until the link breaks or the primary host goes."""
        for pattern in self._node.subscriptions():
            await session.subscribe(pattern, QOS)
        self._note(agent.desk.live(), agent.board.samples)
        for message in self._node.connected(agent.boot.wall()[0]):
            await session.publish(message)
        await until_first_ends(
            sparkplug_listens=self._listen(session, agent),
            sparkplug_tells=self._tell(session, agent),
            sparkplug_obeys=self._obey(agent),
        )

    async def _tell(self, session: Session, agent: "Agent") -> None:
        """Send what changed after each tick."""
        async for state in agent.desk.changes():
            self._note(state, agent.board.samples)
            now_ms = state.wall_ms
            for place, there in self._places(agent.board.samples).items():
                for message in self._node.find(place, now_ms) if there else self._node.lose(place, now_ms):
                    await session.publish(message)
            for message in self._node.data(now_ms):
                await session.publish(message)

    def _note(self, state: LiveState, samples: Mapping[str, Sample]) -> None:
        offset_ms = state.wall_ms - state.mono_ms
        self._node.read(NODE, SOFTWARE, Reading(f"Vườn {self._face.version}", state.wall_ms))
        self._node.read(NODE, ALARMS, Reading(len(state.alarms), state.wall_ms))
        for one in self._face.series:
            sample = samples.get(one.series)
            if sample is None or sample is self._samples.get(one.series):
                continue
            self._samples[one.series] = sample
            good = usable(sample.value, sample.quality)
            code = quality_code(usable=good, stale=bool(sample.quality & Quality.STALE))
            value = sample.value if good else None
            self._node.read(one.place, one.series.partition("/")[2], Reading(value, offset_ms + sample.mono_ms, code))
        for output in state.outputs:
            known = output.level == output.level
            level = output.level if self._proportional[output.output] else output.level > 0.0
            reading = Reading(level if known else None, state.wall_ms, quality_code(usable=known, stale=False))
            self._node.read(output.place, OUTPUTS + output.output, reading)

    def _places(self, samples: Mapping[str, Sample]) -> dict[str, bool]:
        """Say of each place with instruments whether any of them is still heard."""
        there: dict[str, bool] = {}
        for one in self._face.series:
            sample = samples.get(one.series)
            heard = sample is None or not sample.quality & Quality.STALE
            there[one.place] = there.get(one.place, False) or heard
        for output in self._face.outputs:
            there[output.place] = True  # the farm itself holds its outputs
        return there

    async def _listen(self, session: Session, agent: "Agent") -> None:
        async for message in session.messages():
            # A retained state is how a host is found; a retained command is nobody's present will.
            if message.retain and "/STATE/" not in message.topic:
                continue
            heard = self._node.take(message, agent.boot.wall()[0])
            for answer in heard.messages:
                await session.publish(answer)
            for write in heard.writes if self._config.commands else ():
                if not self._waiting.full():
                    self._waiting.put_nowait(write)
            if heard.leave:
                return

    async def _obey(self, agent: "Agent") -> None:
        while True:
            write = await self._waiting.get()
            output = write.metric.removeprefix(OUTPUTS)
            level = float(write.value) if isinstance(write.value, int | float) else -1.0
            outcome = await order_level(agent, output, level, self._config.hold_s, PERSON)
            if outcome.outcome != "done":
                fields: Fields = {"outcome": outcome.outcome, "reason": outcome.detail}
                fields |= {f"seen_{name}": value for name, value in outcome.fields.items()}
                agent.record((Event("order.refused", output, agent.boot.mono_ms(), "warning", PERSON, fields),))
