# SPDX-License-Identifier: Apache-2.0
"""A Sparkplug B 3.0 edge node: what it says at birth, of its data, at death, and what it makes of a host's words.

The rule it keeps: messages and time in, messages out, no I/O. One session is one CONNECT: ``will`` before it,
``connected`` after it; births before data; ``seq`` counts every message of the node but its death.

Source: Eclipse Sparkplug Specification 3.0.0, chapters 4 to 6; the tests name its assertions (tck-id-...).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from telemetry.ports import Message
from telemetry.sparkplug_payload import (
    BAD,
    BOOLEAN,
    DOUBLE,
    GOOD,
    INT64,
    STALE,
    Metric,
    Payload,
    PayloadError,
    Value,
    decode,
    encode,
)

NAMESPACE: Final = "spBv1.0"
NODE: Final = ""  # stands for the node itself where a device is named
REBIRTH: Final = "Node Control/Rebirth"
BD_SEQ: Final = "bdSeq"
STATE_MAX: Final = 1_024


@dataclass(frozen=True, slots=True)
class MetricFace:
    """A metric of a device, fixed for the life of the program. ``writable`` ones are a host's to command."""

    name: str
    datatype: int = DOUBLE
    unit: str = ""
    writable: bool = False


class Reading(NamedTuple):
    """A metric's newest value; None where there is none that may be trusted."""

    value: Value
    at_ms: int
    quality: int = GOOD


class Write(NamedTuple):
    """A host wants this of a device's metric."""

    device: str
    metric: str
    value: Value


@dataclass(slots=True)
class Heard:
    """What a message from outside brings about: messages to send, a write to carry out, or the end of the session."""

    messages: list[Message] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    leave: bool = False


class EdgeNode:
    """One edge node and its devices."""

    def __init__(
        self,
        group: str,
        node: str,
        devices: Mapping[str, tuple[MetricFace, ...]],
        *,
        own: tuple[MetricFace, ...] = (),
        primary_host: str = "",
    ) -> None:
        """Take the ids, each device's metrics and the node's ``own``. ValueError for an id with ``+``, ``/``, ``#``."""
        for name in (group, node, *devices, *([primary_host] if primary_host else [])):
            if not name or any(mark in name for mark in "+/#"):
                raise ValueError(f"{name!r} cannot be a Sparkplug id: it may not be empty or hold + / #")
        _no_twins(devices)
        for faces in (own, *devices.values()):
            _no_twins([BD_SEQ, REBIRTH, *(face.name for face in faces)])
        self._group, self._node, self._host = group, node, primary_host
        self._devices = dict(devices)
        self._metrics = {NODE: own, **devices}
        ordered = [(device, face.name) for device, faces in self._metrics.items() for face in faces]
        self._alias = {key: number for number, key in enumerate(ordered, 1)}
        self._by_alias = {number: key for key, number in self._alias.items()}
        self._readings: dict[tuple[str, str], Reading] = {}
        self._changed: dict[str, dict[str, None]] = {device: {} for device in self._metrics}
        self._lost: set[str] = set()
        self._bd_seq = -1
        self._seq = 0
        self._host_ms = -1
        self.born = False

    # ---- the session

    def will(self, now_ms: int) -> Message:
        """Begin a session: count it, and give the will for its CONNECT."""
        self._bd_seq = (self._bd_seq + 1) % 256
        self.born = False
        return self.death(now_ms)

    def death(self, now_ms: int) -> Message:
        """Give the death certificate of this session, also to be sent before an intended goodbye."""
        bd_seq = Metric(BD_SEQ, 0, now_ms, INT64, self._bd_seq)
        return Message(self._topic("NDEATH"), encode(Payload(now_ms, (bd_seq,))), 1)

    def subscriptions(self) -> list[str]:
        """Give the patterns to subscribe to at quality 1, before anything is said."""
        patterns = [self._topic("NCMD")]
        patterns += [
            self._topic("DCMD", device)
            for device, faces in self._devices.items()
            if any(face.writable for face in faces)
        ]
        return patterns + ([f"{NAMESPACE}/STATE/{self._host}"] if self._host else [])

    def connected(self, now_ms: int) -> list[Message]:
        """Go on after CONNECT and subscriptions: the births, or nothing yet while the primary host is awaited."""
        return [] if self._host else self._births(now_ms)

    def take(self, message: Message, now_ms: int) -> Heard:
        """Take what a host says. What is no Sparkplug, or not for this node, brings about nothing."""
        if self._host and message.topic == f"{NAMESPACE}/STATE/{self._host}":
            return self._host_state(message.payload, now_ms)
        try:
            payload = decode(message.payload)
        except PayloadError:
            return Heard()
        if message.topic == self._topic("NCMD"):
            if self.born and any(metric.name == REBIRTH and metric.value is True for metric in payload.metrics):
                return Heard(self._births(now_ms))
            return Heard()
        device = message.topic.rpartition("/")[2]
        if device in self._devices and message.topic == self._topic("DCMD", device):
            return Heard(writes=list(self._writes(device, payload)))
        return Heard()

    # ---- data

    def read(self, device: str, metric: str, reading: Reading) -> None:
        """Note a metric's newest value; one that says nothing new is not sent."""
        key = (device, metric)
        before = self._readings.get(key)
        if before is None or (before.value, before.quality) != (reading.value, reading.quality):
            self._changed[device][metric] = None
        self._readings[key] = reading

    def lose(self, device: str, now_ms: int) -> list[Message]:
        """Note that a device is gone; give its death."""
        if device in self._lost:
            return []
        self._lost.add(device)
        if not self.born:
            return []
        return [Message(self._topic("DDEATH", device), encode(Payload(now_ms, (), self._next())))]

    def find(self, device: str, now_ms: int) -> list[Message]:
        """Note that a device is back; give its birth."""
        if device not in self._lost:
            return []
        self._lost.discard(device)
        return [self._device_birth(device, now_ms)] if self.born else []

    def data(self, now_ms: int) -> list[Message]:
        """Give what changed since the last birth or data, one message a device."""
        if not self.born:
            return []
        messages = []
        for device, names in self._changed.items():
            if names and device not in self._lost:
                # Values of one message stand in the order of their times.
                ordered = sorted(names, key=lambda name, of=device: self._readings[of, name].at_ms)  # type: ignore[misc]
                metrics = tuple(self._datum(device, name) for name in ordered)
                names.clear()
                topic = self._topic("DDATA" if device else "NDATA", device)
                messages.append(Message(topic, encode(Payload(now_ms, metrics, self._next()))))
        return messages

    # ---- inside

    def _births(self, now_ms: int) -> list[Message]:
        self.born = True
        self._seq = 0
        metrics = (
            Metric(BD_SEQ, 0, now_ms, INT64, self._bd_seq),
            Metric(REBIRTH, 0, now_ms, BOOLEAN, False),
            *self._all(NODE, now_ms),
        )
        born = [Message(self._topic("NBIRTH"), encode(Payload(now_ms, metrics, 0)))]
        return born + [self._device_birth(device, now_ms) for device in self._devices if device not in self._lost]

    def _device_birth(self, device: str, now_ms: int) -> Message:
        metrics = self._all(device, now_ms)
        return Message(self._topic("DBIRTH", device), encode(Payload(now_ms, metrics, self._next())))

    def _all(self, device: str, now_ms: int) -> tuple[Metric, ...]:
        """Give every metric of a device for its birth, in the order of their times."""
        metrics = []
        for face in self._metrics[device]:
            reading = self._readings.get((device, face.name), Reading(None, now_ms, STALE))
            alias = self._alias[device, face.name]
            metrics.append(
                Metric(face.name, alias, reading.at_ms, face.datatype, reading.value, 0, reading.quality, face.unit)
            )
        self._changed[device].clear()
        return tuple(sorted(metrics, key=lambda metric: metric.timestamp_ms))

    def _datum(self, device: str, name: str) -> Metric:
        reading = self._readings[device, name]
        kind = next(face.datatype for face in self._metrics[device] if face.name == name)
        return Metric("", self._alias[device, name], reading.at_ms, 0, reading.value, kind, reading.quality)

    def _writes(self, device: str, payload: Payload) -> list[Write]:
        faces = {face.name: face for face in self._devices[device]}
        found = []
        for metric in payload.metrics:
            of, name = self._by_alias.get(metric.alias, ("", "")) if not metric.name else (device, metric.name)
            face = faces.get(name)
            if of != device or face is None or not face.writable or metric.value is None:
                continue
            fits = isinstance(metric.value, bool) if face.datatype == BOOLEAN else _is_number(metric.value)
            if fits:
                found.append(Write(device, name, metric.value))
        return found

    def _host_state(self, data: bytes, now_ms: int) -> Heard:
        """Heed the primary host's state: births when it comes, an end when it goes; older news is no news."""
        try:
            told = json.loads(data[:STATE_MAX])
            online, at_ms = told["online"], told["timestamp"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return Heard()
        if not isinstance(online, bool) or not isinstance(at_ms, int) or isinstance(at_ms, bool):
            return Heard()
        if at_ms < self._host_ms:
            return Heard()
        self._host_ms = at_ms
        if online:
            return Heard([] if self.born else self._births(now_ms))
        if not self.born:
            return Heard()
        self.born = False
        return Heard([self.death(now_ms)], leave=True)

    def _next(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def _topic(self, kind: str, device: str = "") -> str:
        return f"{NAMESPACE}/{self._group}/{kind}/{self._node}" + (f"/{device}" if device else "")


def quality_code(*, usable: bool, stale: bool) -> int:
    """Give Sparkplug's code for a value of ours."""
    return GOOD if usable else STALE if stale else BAD


def _no_twins(names: Iterable[str]) -> None:
    """Refuse names that some host would take for the same: those that differ by case alone."""
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise ValueError(f"{name!r} is there twice but for its case")
        seen.add(name.lower())


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
