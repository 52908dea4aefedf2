# SPDX-License-Identifier: Apache-2.0
"""The edge node against the assertions of Sparkplug 3.0 (tck-id-...), its bytes read by Google's protobuf.

Each test names the assertions it proves; the last one holds that list against all that speak of edge nodes.
"""

import ast
from pathlib import Path

import pytest

from telemetry.sparkplug import REBIRTH, EdgeNode, MetricFace, Reading
from telemetry.sparkplug_payload import BAD, BOOLEAN, DOUBLE, GOOD, INT64, STALE
from tests.support.sparkplug_edge_ids import EDGE_IDS, NOT_OURS
from tests.support.sparkplug_session import DEVICES, NOW, OWN, lived, node, proves, read, values


@proves(
    "topic-structure", "topic-structure-namespace-a", "topic-structure-namespace-device-id-associated-message-types",
    "topic-structure-namespace-device-id-non-associated-message-types", "topics-nbirth-topic", "topics-ndata-topic",
    "topics-ndeath-topic", "topics-dbirth-topic", "topics-ddata-topic", "topics-ddeath-topic",
    "message-flow-edge-node-birth-publish-nbirth-topic", "message-flow-device-birth-publish-dbirth-topic",
    "message-flow-edge-node-birth-publish-will-message-topic",
    "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
)  # fmt: skip
def test_every_topic_has_its_form() -> None:
    will, births, data, deaths = lived()
    assert will.message.topic == "spBv1.0/Vuon/NDEATH/da-lat-1"
    assert [said.message.topic for said in births] == [
        "spBv1.0/Vuon/NBIRTH/da-lat-1",
        "spBv1.0/Vuon/DBIRTH/da-lat-1/pepper-1",
        "spBv1.0/Vuon/DBIRTH/da-lat-1/station",
    ]
    assert {said.message.topic for said in data} == {
        "spBv1.0/Vuon/NDATA/da-lat-1",
        "spBv1.0/Vuon/DDATA/da-lat-1/pepper-1",
    }
    assert [said.message.topic for said in deaths] == [
        "spBv1.0/Vuon/DDEATH/da-lat-1/station",
        "spBv1.0/Vuon/DBIRTH/da-lat-1/station",
        "spBv1.0/Vuon/NDEATH/da-lat-1",
    ]


@proves(
    "topics-nbirth-mqtt", "topics-ndata-mqtt", "topics-dbirth-mqtt", "topics-ddata-mqtt", "topics-ddeath-mqtt",
    "message-flow-edge-node-birth-publish-nbirth-qos", "message-flow-edge-node-birth-publish-nbirth-retained",
    "message-flow-device-birth-publish-dbirth-qos", "message-flow-device-birth-publish-dbirth-retained",
    "payloads-nbirth-qos", "payloads-nbirth-retain", "payloads-dbirth-qos", "payloads-dbirth-retain",
    "payloads-ndata-qos", "payloads-ndata-retain", "payloads-ddata-qos", "payloads-ddata-retain",
    "message-flow-edge-node-birth-publish-will-message", "message-flow-edge-node-birth-publish-will-message-qos",
    "message-flow-edge-node-birth-publish-will-message-will-retained", "payloads-ndeath-will-message",
    "payloads-ndeath-will-message-qos", "payloads-ndeath-will-message-retain",
)  # fmt: skip
def test_quality_and_retain_are_as_ordered() -> None:
    will, births, data, deaths = lived()
    assert (will.message.qos, will.message.retain) == (1, False)
    for said in births + data + deaths:
        assert not said.message.retain
        assert said.message.qos == (1 if said.kind == "NDEATH" else 0)


@proves(
    "topics-nbirth-timestamp", "topics-ndata-timestamp", "topics-dbirth-timestamp", "topics-ddata-timestamp",
    "payloads-nbirth-timestamp", "payloads-dbirth-timestamp", "payloads-ndata-timestamp", "payloads-ddata-timestamp",
    "payloads-ddeath-timestamp", "payloads-name-birth-data-requirement",
)  # fmt: skip
def test_every_payload_and_every_metric_has_its_time() -> None:
    _, births, data, deaths = lived()
    for said in births + data + deaths:
        assert NOW <= said.payload.timestamp <= NOW + 7000
        assert all(NOW - 1000 <= metric.timestamp <= NOW + 7000 for metric in said.payload.metrics)


@proves(
    "topics-nbirth-seq-num", "topics-ndata-seq-num", "topics-dbirth-seq", "topics-ddata-seq-num",
    "topics-ddeath-seq-num", "topics-ndeath-seq", "payloads-ndeath-seq", "payloads-nbirth-seq", "payloads-dbirth-seq",
    "payloads-dbirth-seq-inc", "payloads-ndata-seq", "payloads-ndata-seq-inc", "payloads-ddata-seq",
    "payloads-ddata-seq-inc", "payloads-ddeath-seq", "payloads-ddeath-seq-inc", "payloads-ddeath-seq-number",
    "payloads-sequence-num-always-included", "payloads-sequence-num-req-nbirth", "payloads-sequence-num-incrementing",
    "message-flow-edge-node-birth-publish-nbirth-payload-seq", "message-flow-device-birth-publish-dbirth-payload-seq",
)  # fmt: skip
def test_the_sequence_counts_every_message_but_the_death_and_wraps_at_255() -> None:
    one = node()
    (will,) = read([one.will(NOW)])
    assert not will.payload.HasField("seq")
    said = read(one.connected(NOW))
    for at in range(600):
        one.read("pepper-1", "co2", Reading(float(at), NOW + at))
        one.read("", "Alarms", Reading(at, NOW + at))
        said += read(one.data(NOW + at))
        if at % 100 == 50:
            said += read([*one.lose("station", NOW + at), *one.find("station", NOW + at)])
    assert all(each.payload.HasField("seq") for each in said)
    assert [each.payload.seq for each in said] == [at % 256 for at in range(len(said))]
    assert not read([one.death(NOW)])[0].payload.HasField("seq")


@proves(
    "topics-nbirth-bdseq-included", "topics-nbirth-bdseq-matching", "topics-nbirth-bdseq-increment",
    "topics-ndeath-payload", "payloads-nbirth-bdseq", "payloads-nbirth-bdseq-repeat", "payloads-ndeath-bdseq",
    "message-flow-edge-node-birth-publish-will-message-payload",
    "message-flow-edge-node-birth-publish-nbirth-payload", "message-flow-device-birth-publish-dbirth-payload",
)  # fmt: skip
def test_birth_and_death_of_a_session_carry_its_number() -> None:
    one = node()
    numbers = []
    for session in range(300):
        (will,) = read([one.will(NOW + session)])
        births = read(one.connected(NOW + session))
        assert [metric.name for metric in will.payload.metrics] == ["bdSeq"]
        number = will.payload.metrics[0].long_value
        assert values(births[0].payload.metrics)["bdSeq"] == number
        assert read([one.death(NOW)])[0].payload.metrics[0].long_value == number
        numbers.append(number)
    assert numbers == [at % 256 for at in range(300)]


@proves(
    "topics-nbirth-metric-reqs", "topics-nbirth-metrics", "topics-dbirth-metric-reqs", "topics-dbirth-metrics",
    "operational-behavior-data-publish-nbirth", "operational-behavior-data-publish-nbirth-values",
    "operational-behavior-data-publish-dbirth", "operational-behavior-data-publish-dbirth-values",
    "payloads-metric-datatype-value-type", "payloads-metric-datatype-value", "payloads-metric-datatype-req",
    "payloads-name-requirement",
)  # fmt: skip
def test_births_hold_every_metric_with_type_and_value_or_null() -> None:
    _, (nbirth, pepper, station), _, _ = lived()
    assert {metric.name for metric in nbirth.payload.metrics} == {"bdSeq", REBIRTH, "Alarms"}
    assert {metric.name for metric in pepper.payload.metrics} == {face.name for face in DEVICES["pepper-1"]}
    assert values(pepper.payload.metrics) == {
        "air_temperature": 24.5,
        "Outputs/valve-1": False,
        "co2": None,
        "Outputs/vent-1": None,
    }
    assert values(station.payload.metrics) == {"rainfall": None}
    for said in (nbirth, pepper, station):
        for metric in said.payload.metrics:
            assert metric.datatype in {INT64, DOUBLE, BOOLEAN}
            assert metric.is_null == (metric.WhichOneof("value") is None)


@proves(
    "payloads-alias-uniqueness", "payloads-alias-birth-requirement", "payloads-alias-data-cmd-requirement",
    "payloads-metric-datatype-not-req", "operational-behavior-data-commands-rebirth-name-aliases",
)  # fmt: skip
def test_aliases_are_fixed_at_birth_and_stand_alone_in_data() -> None:
    _, births, data, _ = lived()
    named = {
        metric.alias: (said.device, metric.name)
        for said in births
        for metric in said.payload.metrics
        if metric.name not in {"bdSeq", REBIRTH}
    }
    assert len(named) == sum(map(len, DEVICES.values())) + len(OWN)
    assert 0 not in named
    assert not any(m.HasField("alias") for m in births[0].payload.metrics if m.name in {REBIRTH, "bdSeq"})
    for said in data:
        for metric in said.payload.metrics:
            assert not metric.HasField("name")
            assert not metric.HasField("datatype")
            assert named[metric.alias][0] == said.device


@proves(
    "topics-ndata-payload", "topics-ddata-payload", "operational-behavior-data-publish-nbirth-change",
    "operational-behavior-data-publish-dbirth-change", "operational-behavior-data-publish-nbirth-order",
    "operational-behavior-data-publish-dbirth-order",
)  # fmt: skip
def test_data_hold_what_changed_and_no_more_in_the_order_of_time() -> None:
    _, births, data, _ = lived()
    for said in births + data:
        times = [m.timestamp for m in said.payload.metrics if m.name not in {"bdSeq", REBIRTH}]
        assert times == sorted(times)
    assert all(len(said.payload.metrics) == (2 if said.device else 1) for said in data)
    one = node()
    one.will(NOW)
    one.read("pepper-1", "co2", Reading(400.0, NOW))
    one.connected(NOW)
    one.read("pepper-1", "co2", Reading(400.0, NOW + 1000))
    assert one.data(NOW + 1000) == []
    one.read("pepper-1", "co2", Reading(None, NOW + 2000, STALE))
    (said,) = read(one.data(NOW + 2000))
    assert said.payload.metrics[0].is_null


@proves(
    "payloads-propertyset-keys-array-size", "payloads-propertyset-values-array-size",
    "payloads-metric-propertyvalue-type-type", "payloads-metric-propertyvalue-type-value",
    "payloads-metric-propertyvalue-type-req", "payloads-propertyset-quality-value-type",
    "payloads-propertyset-quality-value-value",
)  # fmt: skip
def test_properties_tell_quality_and_unit() -> None:
    _, births, data, _ = lived()
    seen = {}
    for said in births + data:
        for metric in said.payload.metrics:
            properties = metric.properties
            assert len(properties.keys) == len(properties.values)
            for key, value in zip(properties.keys, properties.values, strict=True):
                assert value.type == {"Quality": 3, "engUnit": 12}[key]
                if key == "Quality":
                    assert value.int_value in {BAD, GOOD, STALE}
                else:
                    seen[metric.name] = value.string_value
    assert seen == {"air_temperature": "°C", "co2": "ppm", "rainfall": "mm"}


@proves(
    "topics-nbirth-rebirth-metric", "payloads-nbirth-rebirth-req", "operational-behavior-data-commands-rebirth-name",
    "operational-behavior-data-commands-rebirth-datatype", "operational-behavior-data-commands-rebirth-value",
)  # fmt: skip
def test_the_birth_offers_a_rebirth() -> None:
    _, births, _, _ = lived()
    (metric,) = [each for each in births[0].payload.metrics if each.name == REBIRTH]
    assert (metric.datatype, metric.WhichOneof("value"), metric.boolean_value) == (BOOLEAN, "boolean_value", False)


@proves(
    "topic-structure-namespace-valid-group-id", "topic-structure-namespace-valid-edge-node-id",
    "topic-structure-namespace-valid-device-id", "topic-structure-namespace-unique-device-id",
)  # fmt: skip
@pytest.mark.parametrize("bad", ["a/b", "a+b", "#", ""])
def test_ids_that_cannot_stand_in_a_topic_are_refused(bad: str) -> None:
    for group, name, devices in ((bad, "n", {}), ("g", bad, {}), ("g", "n", {bad: ()})):
        with pytest.raises(ValueError, match="cannot be a Sparkplug id"):
            EdgeNode(group, name, devices)


@proves("case-sensitivity-sparkplug-ids", "case-sensitivity-metric-names")
def test_no_two_names_differ_by_case_alone() -> None:
    for devices in (
        {"Lab": (), "lab": ()},
        {"lab": (MetricFace("co2"), MetricFace("CO2"))},
        {"lab": (MetricFace("BdSeq"),)},
    ):
        with pytest.raises(ValueError, match="twice but for its case"):
            EdgeNode("g", "n", devices)


def proved() -> set[str]:
    """Give the ids in the ``proves`` of this folder's tests."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_sparkplug*.py"):
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "proves":
                found |= {str(each.value) for each in part.args if isinstance(each, ast.Constant)}
    return found


def test_every_assertion_about_edge_nodes_is_proved_or_said_not_to_be_ours() -> None:
    ids = proved()
    assert ids - EDGE_IDS == set()
    assert ids & set(NOT_OURS) == set()
    assert EDGE_IDS - ids - set(NOT_OURS) == set()
