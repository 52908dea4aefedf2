# SPDX-License-Identifier: Apache-2.0
"""A Sparkplug session for tests: a node with two devices, what it says read by Google's protobuf, what hosts say."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from telemetry.ports import Message
from telemetry.sparkplug import REBIRTH, EdgeNode, MetricFace, Reading
from telemetry.sparkplug_payload import BOOLEAN, DOUBLE, INT64, Metric
from tests.support.sparkplug_proto import payload_class

F = TypeVar("F", bound=Callable[..., object])
NOW = 1_795_316_712_000
DEVICES = {
    "pepper-1": (
        MetricFace("air_temperature", DOUBLE, "°C"),
        MetricFace("co2", DOUBLE, "ppm"),
        MetricFace("Outputs/vent-1", DOUBLE, "", writable=True),
        MetricFace("Outputs/valve-1", BOOLEAN, "", writable=True),
    ),
    "station": (MetricFace("rainfall", DOUBLE, "mm"),),
}
OWN = (MetricFace("Alarms", INT64),)
Decoded: Any = payload_class()


def proves(*ids: str) -> Callable[[F], F]:
    """Say which assertions a test proves; tests/telemetry/test_sparkplug.py reads them from the source."""
    del ids
    return lambda function: function


class Said(NamedTuple):
    """One message of the node, read by Google's protobuf."""

    kind: str
    device: str
    message: Message
    payload: Any


def read(messages: list[Message]) -> list[Said]:
    told = []
    for message in messages:
        parts = message.topic.split("/")
        assert parts[:2] == ["spBv1.0", "Vuon"]
        assert parts[3] == "da-lat-1"
        payload = Decoded()
        payload.ParseFromString(message.payload)
        told.append(Said(parts[2], "/".join(parts[4:]), message, payload))
    return told


def node(primary_host: str = "") -> EdgeNode:
    return EdgeNode("Vuon", "da-lat-1", DEVICES, own=OWN, primary_host=primary_host)


def values(metrics: Any) -> dict[str, Any]:
    return {each.name: getattr(each, each.WhichOneof("value")) if not each.is_null else None for each in metrics}


def command(kind: str, metrics: list[Metric], device: str = "") -> Message:
    """Write what a host would say, with Google's protobuf."""
    payload = Decoded(timestamp=NOW)
    for metric in metrics:
        one = payload.metrics.add(timestamp=NOW)
        if metric.name:
            one.name = metric.name
        if metric.alias:
            one.alias = metric.alias
        if isinstance(metric.value, bool):
            one.boolean_value = metric.value
        elif isinstance(metric.value, float):
            one.double_value = metric.value
        elif isinstance(metric.value, str):
            one.string_value = metric.value
    topic = f"spBv1.0/Vuon/{kind}/da-lat-1" + (f"/{device}" if device else "")
    return Message(topic, payload.SerializeToString())


def rebirth() -> Message:
    return command("NCMD", [Metric(REBIRTH, value=True)])


def lived() -> tuple[Said, list[Said], list[Said], list[Said]]:
    """Live a session: will, births, data of three ticks, and deaths."""
    one = node()
    (will,) = read([one.will(NOW)])
    one.read("pepper-1", "air_temperature", Reading(24.5, NOW - 500))
    one.read("pepper-1", "Outputs/valve-1", Reading(False, NOW - 900))
    one.read("", "Alarms", Reading(0, NOW))
    births = read(one.connected(NOW))
    data = []
    for at in range(1, 4):
        one.read("pepper-1", "co2", Reading(400.0 + at, NOW + at * 1000 - 100))
        one.read("pepper-1", "air_temperature", Reading(24.5 + at, NOW + at * 1000 - 300))
        one.read("", "Alarms", Reading(at, NOW + at * 1000))
        data += read(one.data(NOW + at * 1000))
    deaths = read([*one.lose("station", NOW + 5000), *one.find("station", NOW + 6000), one.death(NOW + 7000)])
    return will, births, data, deaths
