# SPDX-License-Identifier: Apache-2.0
"""The edge node and its hosts: births that wait, rebirths, commands, deaths (assertions tck-id-... of the standard)."""

import json

from telemetry.ports import Message
from telemetry.sparkplug import REBIRTH, Reading, Write
from telemetry.sparkplug_payload import Metric
from tests.support.sparkplug_session import NOW, command, node, proves, read, rebirth, values


@proves(
    "operational-behavior-data-commands-rebirth-action-1", "operational-behavior-data-commands-rebirth-action-2",
    "operational-behavior-data-commands-rebirth-action-3",
)  # fmt: skip
def test_a_rebirth_is_a_whole_birth_of_the_same_session() -> None:
    one = node()
    one.will(NOW)
    (will,) = read([one.will(NOW)])
    one.connected(NOW)
    one.read("pepper-1", "co2", Reading(400.0, NOW))
    again = read(one.take(rebirth(), NOW + 1).messages)
    assert [said.kind for said in again] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert [said.payload.seq for said in again] == [0, 1, 2]
    assert values(again[0].payload.metrics)["bdSeq"] == will.payload.metrics[0].long_value == 1
    assert values(again[1].payload.metrics)["co2"] == 400.0
    assert one.data(NOW + 2) == []
    for other in (
        command("NCMD", [Metric(REBIRTH, value=False)]),
        command("NCMD", [Metric("Node Control/Reboot", value=True)]),
    ):
        assert one.take(other, NOW).messages == []


@proves("message-flow-edge-node-ncmd-subscribe", "message-flow-device-dcmd-subscribe")
def test_it_listens_for_commands_of_the_node_and_of_devices_with_outputs() -> None:
    assert node().subscriptions() == ["spBv1.0/Vuon/NCMD/da-lat-1", "spBv1.0/Vuon/DCMD/da-lat-1/pepper-1"]
    assert node("scada").subscriptions()[-1] == "spBv1.0/STATE/scada"


@proves(
    "message-flow-edge-node-birth-publish-connect", "message-flow-device-birth-publish-nbirth-wait",
    "payloads-dbirth-order", "payloads-ndata-order", "payloads-ddata-order",
)  # fmt: skip
def test_nothing_is_said_before_the_births() -> None:
    one = node()
    one.read("pepper-1", "co2", Reading(400.0, NOW))
    assert one.data(NOW) == []
    one.will(NOW)
    assert [
        *one.data(NOW),
        *one.lose("station", NOW),
        *one.find("station", NOW),
        *one.take(rebirth(), NOW).messages,
    ] == []
    assert [said.kind for said in read(one.connected(NOW))] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    # a new session begins with births again
    one.will(NOW)
    one.read("pepper-1", "co2", Reading(401.0, NOW))
    assert one.data(NOW) == []


def state(host: str, online: object, at_ms: object) -> Message:
    return Message(f"spBv1.0/STATE/{host}", json.dumps({"online": online, "timestamp": at_ms}).encode(), 1, retain=True)


@proves(
    "message-flow-edge-node-birth-publish-phid-wait", "message-flow-edge-node-birth-publish-phid-wait-id",
    "message-flow-edge-node-birth-publish-phid-wait-online",
    "message-flow-edge-node-birth-publish-phid-wait-timestamp",
    "operational-behavior-edge-node-birth-sequence-wait",
    "operational-behavior-primary-application-state-with-multiple-servers-state-subs",
)  # fmt: skip
def test_births_wait_for_the_primary_host() -> None:
    one = node("scada")
    one.will(NOW)
    assert one.connected(NOW) == []
    for other in (
        state("another", True, NOW),
        state("scada", False, NOW),
        state("scada", "true", NOW + 1),
        state("scada", True, "soon"),
        Message("spBv1.0/STATE/scada", b"\xff{"),
        Message("spBv1.0/STATE/scada", b"[" * 1000),
        state("scada", True, NOW - 1),
    ):
        assert one.take(other, NOW) == node().take(other, NOW)
    assert one.take(rebirth(), NOW).messages == []
    births = read(one.take(state("scada", True, NOW), NOW).messages)
    assert [said.kind for said in births] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert one.take(state("scada", True, NOW + 5), NOW).messages == []


@proves(
    "message-flow-edge-node-birth-publish-phid-offline", "operational-behavior-edge-node-termination-host-offline",
    "operational-behavior-edge-node-termination-host-offline-reconnect",
    "operational-behavior-edge-node-termination-host-offline-timestamp",
    "operational-behavior-edge-node-intentional-disconnect-ndeath",
    "operational-behavior-edge-node-intentional-disconnect-packet", "payloads-ndeath-will-message-publisher",
    "payloads-ndeath-will-message-publisher-disconnect-mqtt311",
)  # fmt: skip
def test_when_the_primary_host_goes_the_node_dies_and_leaves() -> None:
    one = node("scada")
    one.will(NOW)
    one.take(state("scada", True, NOW), NOW)
    stale = one.take(state("scada", False, NOW - 1), NOW)
    assert (stale.messages, stale.leave) == ([], False)
    gone = one.take(state("scada", False, NOW), NOW + 1)
    assert gone.leave
    assert [said.kind for said in read(gone.messages)] == ["NDEATH"]
    one.read("pepper-1", "co2", Reading(400.0, NOW))
    assert one.data(NOW + 2) == []
    (will,) = read([one.will(NOW + 3)])
    assert will.payload.metrics[0].long_value == 1
    assert one.connected(NOW + 3) == []


@proves("operational-behavior-device-ddeath")
def test_a_lost_device_dies_once_and_is_born_again() -> None:
    one = node()
    one.will(NOW)
    one.connected(NOW)
    assert [said.kind for said in read(one.lose("station", NOW))] == ["DDEATH"]
    assert one.lose("station", NOW) == []
    one.read("station", "rainfall", Reading(1.2, NOW))
    assert one.data(NOW) == []
    assert [said.device for said in read(one.take(rebirth(), NOW).messages)] == ["", "pepper-1"]
    (birth,) = read(one.find("station", NOW))
    assert values(birth.payload.metrics) == {"rainfall": 1.2}
    assert one.find("station", NOW) == []


@proves(
    "operational-behavior-data-commands-dcmd-verb", "operational-behavior-data-commands-dcmd-metric-name",
    "operational-behavior-data-commands-dcmd-metric-value", "operational-behavior-data-commands-ncmd-verb",
    "operational-behavior-data-commands-ncmd-rebirth-verb", "operational-behavior-data-commands-ncmd-rebirth-name",
    "operational-behavior-data-commands-ncmd-rebirth-value", "topics-ncmd-topic", "topics-dcmd-topic",
)  # fmt: skip
def test_a_command_writes_what_is_writable_with_a_value_that_fits() -> None:
    one = node()
    one.will(NOW)
    aliases = {metric.name: metric.alias for said in read(one.connected(NOW)) for metric in said.payload.metrics}
    alias = aliases["Outputs/valve-1"]
    good = one.take(
        command("DCMD", [Metric("Outputs/vent-1", value=0.4), Metric(alias=alias, value=True)], "pepper-1"), NOW
    )
    assert good.writes == [Write("pepper-1", "Outputs/vent-1", 0.4), Write("pepper-1", "Outputs/valve-1", True)]
    for metric in (
        Metric("Outputs/valve-1", value=1.0),
        Metric("Outputs/vent-1", value=True),
        Metric("Outputs/vent-1", value="open"),
        Metric("air_temperature", value=30.0),
        Metric("Outputs/pump-9", value=True),
        Metric(alias=999, value=True),
        Metric(alias=aliases["rainfall"], value=1.0),
        Metric("Outputs/valve-1"),
    ):
        assert one.take(command("DCMD", [metric], "pepper-1"), NOW).writes == []
    assert one.take(command("DCMD", [Metric("Outputs/valve-1", value=True)], "station"), NOW).writes == []
    assert one.take(command("NCMD", [Metric("Outputs/valve-1", value=True)]), NOW).writes == []
