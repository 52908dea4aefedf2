# SPDX-License-Identifier: Apache-2.0
"""The testable assertions of the Eclipse Sparkplug Specification 3.0.0 that speak of an edge node, by their ids.

Left out: those of host applications, templates and data sets (we send none). ``NOT_OURS`` says why an id that
speaks of edge nodes cannot be proved on one.
"""

_EDGE = """
case-sensitivity-metric-names case-sensitivity-sparkplug-ids
message-flow-device-birth-publish-dbirth-match-edge-node-topic message-flow-device-birth-publish-dbirth-payload
message-flow-device-birth-publish-dbirth-payload-seq message-flow-device-birth-publish-dbirth-qos
message-flow-device-birth-publish-dbirth-retained message-flow-device-birth-publish-dbirth-topic
message-flow-device-birth-publish-nbirth-wait message-flow-device-dcmd-subscribe
message-flow-edge-node-birth-publish-connect message-flow-edge-node-birth-publish-nbirth-payload
message-flow-edge-node-birth-publish-nbirth-payload-seq message-flow-edge-node-birth-publish-nbirth-qos
message-flow-edge-node-birth-publish-nbirth-retained message-flow-edge-node-birth-publish-nbirth-topic
message-flow-edge-node-birth-publish-phid-offline message-flow-edge-node-birth-publish-phid-wait
message-flow-edge-node-birth-publish-phid-wait-id message-flow-edge-node-birth-publish-phid-wait-online
message-flow-edge-node-birth-publish-phid-wait-timestamp message-flow-edge-node-birth-publish-will-message
message-flow-edge-node-birth-publish-will-message-payload message-flow-edge-node-birth-publish-will-message-qos
message-flow-edge-node-birth-publish-will-message-topic
message-flow-edge-node-birth-publish-will-message-will-retained message-flow-edge-node-ncmd-subscribe
operational-behavior-data-commands-dcmd-metric-name operational-behavior-data-commands-dcmd-metric-value
operational-behavior-data-commands-dcmd-verb operational-behavior-data-commands-ncmd-metric-name
operational-behavior-data-commands-ncmd-metric-value operational-behavior-data-commands-ncmd-rebirth-name
operational-behavior-data-commands-ncmd-rebirth-value operational-behavior-data-commands-ncmd-rebirth-verb
operational-behavior-data-commands-ncmd-verb operational-behavior-data-commands-rebirth-action-1
operational-behavior-data-commands-rebirth-action-2 operational-behavior-data-commands-rebirth-action-3
operational-behavior-data-commands-rebirth-datatype operational-behavior-data-commands-rebirth-name
operational-behavior-data-commands-rebirth-name-aliases operational-behavior-data-commands-rebirth-value
operational-behavior-data-publish-dbirth operational-behavior-data-publish-dbirth-change
operational-behavior-data-publish-dbirth-order operational-behavior-data-publish-dbirth-values
operational-behavior-data-publish-nbirth operational-behavior-data-publish-nbirth-change
operational-behavior-data-publish-nbirth-order operational-behavior-data-publish-nbirth-values
operational-behavior-device-ddeath operational-behavior-edge-node-birth-sequence-wait
operational-behavior-edge-node-intentional-disconnect-ndeath
operational-behavior-edge-node-intentional-disconnect-packet
operational-behavior-edge-node-termination-host-action-ddeath-devices-offline
operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale
operational-behavior-edge-node-termination-host-action-ndeath-devices-offline
operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale
operational-behavior-edge-node-termination-host-action-ndeath-node-offline
operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale
operational-behavior-edge-node-termination-host-offline
operational-behavior-edge-node-termination-host-offline-reconnect
operational-behavior-edge-node-termination-host-offline-timestamp
operational-behavior-primary-application-state-with-multiple-servers-single-server
operational-behavior-primary-application-state-with-multiple-servers-state
operational-behavior-primary-application-state-with-multiple-servers-state-subs
operational-behavior-primary-application-state-with-multiple-servers-walk payloads-alias-birth-requirement
payloads-alias-data-cmd-requirement payloads-alias-uniqueness payloads-dbirth-order payloads-dbirth-qos
payloads-dbirth-retain payloads-dbirth-seq payloads-dbirth-seq-inc payloads-dbirth-timestamp payloads-dcmd-qos
payloads-dcmd-retain payloads-dcmd-seq payloads-dcmd-timestamp payloads-ddata-order payloads-ddata-qos
payloads-ddata-retain payloads-ddata-seq payloads-ddata-seq-inc payloads-ddata-timestamp payloads-ddeath-seq
payloads-ddeath-seq-inc payloads-ddeath-seq-number payloads-ddeath-timestamp payloads-metric-datatype-not-req
payloads-metric-datatype-req payloads-metric-datatype-value payloads-metric-datatype-value-type
payloads-metric-propertyvalue-type-req payloads-metric-propertyvalue-type-type
payloads-metric-propertyvalue-type-value payloads-name-birth-data-requirement payloads-name-cmd-requirement
payloads-name-requirement payloads-nbirth-bdseq payloads-nbirth-bdseq-repeat payloads-nbirth-edge-node-descriptor
payloads-nbirth-qos payloads-nbirth-rebirth-req payloads-nbirth-retain payloads-nbirth-seq payloads-nbirth-timestamp
payloads-ncmd-qos payloads-ncmd-retain payloads-ncmd-seq payloads-ncmd-timestamp payloads-ndata-order
payloads-ndata-qos payloads-ndata-retain payloads-ndata-seq payloads-ndata-seq-inc payloads-ndata-timestamp
payloads-ndeath-bdseq payloads-ndeath-seq payloads-ndeath-will-message payloads-ndeath-will-message-publisher
payloads-ndeath-will-message-publisher-disconnect-mqtt311 payloads-ndeath-will-message-publisher-disconnect-mqtt50
payloads-ndeath-will-message-qos payloads-ndeath-will-message-retain payloads-propertyset-keys-array-size
payloads-propertyset-quality-value-type payloads-propertyset-quality-value-value
payloads-propertyset-values-array-size payloads-sequence-num-always-included payloads-sequence-num-incrementing
payloads-sequence-num-req-nbirth topic-structure topic-structure-namespace-a
topic-structure-namespace-device-id-associated-message-types
topic-structure-namespace-device-id-non-associated-message-types
topic-structure-namespace-duplicate-device-id-across-edge-node topic-structure-namespace-unique-device-id
topic-structure-namespace-unique-edge-node-descriptor topic-structure-namespace-valid-device-id
topic-structure-namespace-valid-edge-node-id topic-structure-namespace-valid-group-id topics-dbirth-metric-reqs
topics-dbirth-metrics topics-dbirth-mqtt topics-dbirth-seq topics-dbirth-timestamp topics-dbirth-topic
topics-dcmd-mqtt topics-dcmd-payload topics-dcmd-timestamp topics-dcmd-topic topics-ddata-mqtt topics-ddata-payload
topics-ddata-seq-num topics-ddata-timestamp topics-ddata-topic topics-ddeath-mqtt topics-ddeath-seq-num
topics-ddeath-topic topics-nbirth-bdseq-included topics-nbirth-bdseq-increment topics-nbirth-bdseq-matching
topics-nbirth-metric-reqs topics-nbirth-metrics topics-nbirth-mqtt topics-nbirth-rebirth-metric
topics-nbirth-seq-num topics-nbirth-timestamp topics-nbirth-topic topics-ncmd-mqtt topics-ncmd-payload
topics-ncmd-timestamp topics-ncmd-topic topics-ndata-mqtt topics-ndata-payload topics-ndata-seq-num
topics-ndata-timestamp topics-ndata-topic topics-ndeath-payload topics-ndeath-seq topics-ndeath-topic
"""
_NOT_OURS = {
    "a host sends commands": """
        operational-behavior-data-commands-ncmd-metric-name operational-behavior-data-commands-ncmd-metric-value
        payloads-dcmd-qos payloads-dcmd-retain payloads-dcmd-seq payloads-dcmd-timestamp
        payloads-name-cmd-requirement payloads-ncmd-qos payloads-ncmd-retain payloads-ncmd-seq
        payloads-ncmd-timestamp topics-dcmd-mqtt topics-dcmd-payload topics-dcmd-timestamp topics-ncmd-mqtt
        topics-ncmd-payload topics-ncmd-timestamp
    """,
    "a host does that": """
        operational-behavior-edge-node-termination-host-action-ddeath-devices-offline
        operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale
        operational-behavior-edge-node-termination-host-action-ndeath-devices-offline
        operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale
        operational-behavior-edge-node-termination-host-action-ndeath-node-offline
        operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale
    """,
    "one broker; with several the operator of the hosts sees to that": """
        operational-behavior-primary-application-state-with-multiple-servers-single-server
        operational-behavior-primary-application-state-with-multiple-servers-state
        operational-behavior-primary-application-state-with-multiple-servers-walk
    """,
    "who gives the names sees to that": """
        payloads-nbirth-edge-node-descriptor topic-structure-namespace-duplicate-device-id-across-edge-node
        topic-structure-namespace-unique-edge-node-descriptor
    """,
    "we speak MQTT 3.1.1": """
        payloads-ndeath-will-message-publisher-disconnect-mqtt50
    """,
}
EDGE_IDS = frozenset(_EDGE.split())
NOT_OURS = {one: why for why, ids in _NOT_OURS.items() for one in ids.split()}
