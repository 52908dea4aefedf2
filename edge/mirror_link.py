# SPDX-License-Identifier: Apache-2.0
"""The farm's own broker: shows every value, output and alarm there, announces them to Home Assistant, takes its orders.

The rule it keeps: runs beside control and can do nothing to it; an order from there is an override with an end that
passes the same desk, engine and safety as a person's, and only where farm.toml allows it. Nothing retained is obeyed.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge.config_exchange import Exchange, HomeAssistant, LocalBroker
from edge.link_faults import LinkFaults
from edge.live import LiveState, Outcome, OutputState
from edge.remote_orders import LOOP_SILENT
from telemetry.face import Face, OutputFace
from telemetry.homeassistant import BadCommand, discovery, discovery_pattern, level_of, status_pattern
from telemetry.json_mirror import (
    ONLINE,
    alarms_message,
    output_message,
    output_topic,
    status_message,
    value_message,
)
from telemetry.mqtt import MqttBroker
from telemetry.ports import Broker, BrokerError, Message, Session
from telemetry.records import Event, Sample
from telemetry.together import until_first_ends

if TYPE_CHECKING:
    from edge.agent import Agent

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
WAITING_MAX: Final = 16
PERSON: Final = "home-assistant"
DEFAULT_ROOT: Final = "vuon-live"
AGAIN_S: Final = 60.0
LEVEL_STEP: Final = 0.005

Fields = dict[str, str | float | int | bool]


def local_broker(config: LocalBroker) -> Broker:
    """Give the farm's own broker; its files are read when it is connected to."""
    scheme = "mqtts" if config.tls else "mqtt"
    return MqttBroker(
        f"{scheme}://{config.host}:{config.port}",
        config.username,
        password_file=config.password_file,
        ca_file=config.ca_file,
    )


@dataclass(slots=True)
class _Shown:
    """What stands on the broker already, so that only changes are sent."""

    samples: dict[str, Sample] = field(default_factory=dict)
    outputs: dict[str, tuple[object, ...]] = field(default_factory=dict)
    alarms: tuple[object, ...] | None = None


class MirrorLink:
    """The mirror of one farm, and its Home Assistant discovery where it is asked for."""

    def __init__(self, exchange: Exchange, face: Face, broker: Broker) -> None:
        self._face = face
        self._broker = broker
        self._root = exchange.mirror.root if exchange.mirror else DEFAULT_ROOT
        self._home: HomeAssistant | None = exchange.home_assistant
        self._series = {one.series: one for one in face.series}
        self._outputs = {one.output: one for one in face.outputs}
        self._waiting: asyncio.Queue[tuple[OutputFace, bytes]] = asyncio.Queue(WAITING_MAX)
        self._shown = _Shown()

    async def run(self, agent: "Agent") -> None:
        """Keep a connection until cancelled; no fault of a network or of another program ends the agent."""
        tries = 0
        faults = LinkFaults("mirror.failed", "mirror")
        while True:
            try:
                will = status_message(self._root, self._face.edge, online=False)
                async with self._broker.connect(f"vuon-mirror-{self._face.edge}", will) as session:
                    tries = 0
                    try:
                        with faults.connected(agent):
                            await self._serve(session, agent)
                    finally:
                        await session.publish(will)
            except BrokerError:
                wait_s = RETRY_S[min(tries, len(RETRY_S) - 1)]
                tries += 1
            except Exception as error:  # noqa: BLE001 another program's fault, foreseen or not, must not end control
                faults.tell(agent, error)
                wait_s = AGAIN_S
            await asyncio.sleep(wait_s)

    async def _serve(self, session: Session, agent: "Agent") -> None:
        self._shown = _Shown()
        if self._home is not None:
            await session.subscribe(discovery_pattern(self._home.prefix, self._face.edge))
            await session.subscribe(status_pattern(self._home.prefix))
            if self._home.commands:
                await session.subscribe(output_topic(self._root, self._face.edge, "+") + "/set")
        await self._announce(session)
        await session.publish(status_message(self._root, self._face.edge, online=True))
        await until_first_ends(
            mirror_listens=self._listen(session),
            mirror_shows=self._show(session, agent),
            mirror_obeys=self._obey(agent),
        )

    # ---- what goes out

    async def _announce(self, session: Session) -> None:
        for message in self._configurations():
            await session.publish(message)

    def _configurations(self) -> list[Message]:
        if self._home is None:
            return []
        return discovery(self._face, self._root, self._home.prefix, commands=self._home.commands)

    async def _show(self, session: Session, agent: "Agent") -> None:
        """Send what changed after each tick."""
        async for state in agent.desk.changes():
            for message in self._changed(state, agent.board.samples):
                await session.publish(message)

    def _changed(self, state: LiveState, samples: dict[str, Sample]) -> list[Message]:
        messages: list[Message] = []
        edge, shown = self._face.edge, self._shown
        offset_ms = state.wall_ms - state.mono_ms
        for series, face in self._series.items():
            sample = samples.get(series)
            if sample is not None and sample is not shown.samples.get(series):
                shown.samples[series] = sample
                messages.append(value_message(self._root, edge, face, sample, offset_ms + sample.mono_ms))
        for output in state.outputs:
            look = (output.level, output.wanted, output.code, output.limit, output.person, output.outcome)
            if repr(look) != repr(shown.outputs.get(output.output)):  # nan is not equal to itself
                shown.outputs[output.output] = look
                messages.append(self._output(output, state.wall_ms))
        alarms = tuple((alarm.kind, alarm.subject, alarm.severity) for alarm in state.alarms)
        if alarms != shown.alarms:
            shown.alarms = alarms
            told: list[Fields] = [
                {"kind": kind, "subject": subject, "severity": severity} for kind, subject, severity in alarms
            ]
            messages.append(alarms_message(self._root, edge, told, state.wall_ms))
        return messages

    def _output(self, output: OutputState, wall_ms: int) -> Message:
        face = self._outputs[output.output]
        why: Fields = {
            "reason": output.code,
            "limit": output.limit,
            "held_by": output.person,
            "outcome": output.outcome,
        }
        return output_message(self._root, self._face.edge, face, output.level, output.wanted, why, wall_ms)

    # ---- what comes in

    async def _listen(self, session: Session) -> None:
        wanted = {message.topic for message in self._configurations()}
        async for message in session.messages():
            if self._home is None:
                continue
            if message.topic == status_pattern(self._home.prefix):
                if message.payload == ONLINE and not message.retain:
                    await self._announce(session)
                    self._shown = _Shown()
            elif message.topic.endswith("/config"):
                if message.payload and message.topic not in wanted:
                    # An entity of an earlier farm.toml: Home Assistant forgets what is announced as empty.
                    await session.publish(Message(message.topic, b"", 1, retain=True))
            elif message.topic.endswith("/set") and not message.retain:
                face = self._outputs.get(message.topic.split("/")[-2])
                if face is not None and not self._waiting.full():
                    self._waiting.put_nowait((face, message.payload))

    async def _obey(self, agent: "Agent") -> None:
        while True:
            face, payload = await self._waiting.get()
            try:
                level = level_of(face, payload)
            except BadCommand as error:
                outcome = Outcome("refused", "these bytes are no order", {"seen": str(error)})
            else:
                seconds = self._home.hold_s if self._home is not None else 0.0
                outcome = await order_level(agent, face.output, level, seconds, PERSON)
            if outcome.outcome != "done":
                fields: Fields = {"outcome": outcome.outcome, "reason": outcome.detail}
                fields |= {f"seen_{name}": value for name, value in outcome.fields.items()}
                event = Event("order.refused", face.output, agent.boot.mono_ms(), "warning", PERSON, fields)
                agent.record((event,))
            self._shown.outputs.pop(face.output, None)  # it is shown again as it is, also after a refusal


async def order_level(agent: "Agent", output: str, level: float, seconds: float, person: str) -> Outcome:
    """Hold an output for another program, as an operator and within the output's own bound; its safe level stops it."""
    if output not in agent.gate.lines:
        return Outcome("refused", "there is no such output")
    whose: dict[str, Any] = {"output": output, "person": person, "role": "operator"}
    try:
        if abs(level - agent.gate.lines[output].safe) < LEVEL_STEP:
            return await agent.desk.order("stop", whose, "remote")
        seconds = min(seconds, agent.orders.hold_max_s(output))
        return await agent.desk.order("hold", {**whose, "level": level, "seconds": seconds}, "remote")
    except TimeoutError:
        return Outcome("failed", LOOP_SILENT)
