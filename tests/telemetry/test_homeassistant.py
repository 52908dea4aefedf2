# SPDX-License-Identifier: Apache-2.0
"""Discovery and the JSON mirror as text: topics that every version reads, stable ids, no value that looks good."""

import json
from math import inf, nan

import pytest

from telemetry.face import Face, OutputFace, SeriesFace
from telemetry.homeassistant import BadCommand, discovery, level_of
from telemetry.json_mirror import alarms_message, output_message, status_message, value_message
from telemetry.quantities import quantity
from telemetry.records import Quality, Sample

NOW = 1_795_316_712_345
VALVE = OutputFace("valve-1", "pepper-1", "valve", "Watering valve", opens=True, proportional=False)
VENT = OutputFace("vent-1", "pepper", "vent", "Roof vent", opens=True, proportional=True)
SOIL = SeriesFace("pepper-1/soil_moisture.2", "pepper-1", quantity("soil_moisture"), "Soil moisture 2", 10.0)
FACE = Face("da-lat-1", "Trại", "1", {"pepper-1": "Khu 1"}, (SOIL,), (VALVE, VENT))


def test_topics_and_ids_are_those_of_every_version_and_outlive_an_instrument() -> None:
    told = {message.topic: message for message in discovery(FACE, "vuon-live", "homeassistant", commands=True)}
    assert set(told) == {
        "homeassistant/binary_sensor/vuon-da-lat-1/alarms/config",
        "homeassistant/sensor/vuon-da-lat-1/pepper-1-soil_moisture-2/config",
        "homeassistant/valve/vuon-da-lat-1/valve-1/config",
        "homeassistant/number/vuon-da-lat-1/vent-1/config",
    }
    assert all(message.retain and message.qos == 1 for message in told.values())
    soil = json.loads(told["homeassistant/sensor/vuon-da-lat-1/pepper-1-soil_moisture-2/config"].payload)
    assert soil["unique_id"] == "vuon_da-lat-1_pepper-1-soil_moisture-2"
    assert soil["state_topic"] == "vuon-live/da-lat-1/value/pepper-1/soil_moisture.2"
    assert soil["availability_topic"] == "vuon-live/da-lat-1/status"
    assert soil["expire_after"] == 30
    assert soil["device"] == {
        "identifiers": ["vuon_da-lat-1_pepper-1"],
        "name": "Khu 1",
        "manufacturer": "Vườn",
        "model": "place",
        "via_device": "vuon_da-lat-1",
    }


def test_without_leave_nothing_can_be_commanded() -> None:
    for message in discovery(FACE, "vuon-live", "homeassistant", commands=False):
        assert b"command_topic" not in message.payload
        assert message.topic.split("/")[1] in {"sensor", "binary_sensor"}


@pytest.mark.parametrize(
    ("output", "payload", "level"),
    [
        (VALVE, b"OPEN", 1.0), (VALVE, b"close", 0.0), (VALVE, b" ON ", 1.0), (VENT, b"37.5", 0.375),
        (VENT, b"0", 0.0), (VENT, b"OFF", 0.0),
    ],
)  # fmt: skip
def test_a_command_is_read(output: OutputFace, payload: bytes, level: float) -> None:
    assert level_of(output, payload) == level


@pytest.mark.parametrize(
    ("output", "payload"),
    [
        (VALVE, b"50"), (VENT, b"101"), (VENT, b"-1"), (VENT, b"nan"), (VENT, b"1e400"), (VALVE, b""),
        (VALVE, b"\xff\x00"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(output: OutputFace, payload: bytes) -> None:
    with pytest.raises(BadCommand):
        level_of(output, payload)


@pytest.mark.parametrize(
    ("value", "quality", "shown", "flags"),
    [
        (24.3, 0, 24.3, []),
        (24.3, int(Quality.OVERDUE), 24.3, ["OVERDUE"]),
        (99.0, int(Quality.SPIKE | Quality.STALE), None, ["SPIKE", "STALE"]),
        (nan, int(Quality.COMM), None, ["COMM"]),
        (inf, 0, None, []),
    ],
)
def test_a_value_that_may_not_be_trusted_is_null(
    value: float, quality: int, shown: float | None, flags: list[str]
) -> None:
    message = value_message("vuon-live", "da-lat-1", SOIL, Sample(SOIL.series, 0, value, value, quality), NOW)
    told = json.loads(message.payload)
    assert (told["value"], told["flags"], told["good"]) == (shown, flags, shown is not None)
    assert (told["unit"], told["time"]) == ("%", "2026-11-22T03:05:12.345Z")
    assert message.retain


def test_outputs_alarms_and_status_are_plain_json() -> None:
    told = json.loads(output_message("r", "e", VALVE, 1.0, 0.0, {"reason": "x"}, NOW).payload)
    assert (told["state"], told["level"], told["percent"], told["wanted"], told["reason"]) == ("open", 1, 100, 0, "x")
    assert json.loads(output_message("r", "e", VALVE, nan, nan, {}, NOW).payload)["state"] is None
    assert json.loads(alarms_message("r", "e", [], NOW).payload)["state"] == "off"
    assert json.loads(alarms_message("r", "e", [{"kind": "leak"}], NOW).payload)["count"] == 1
    assert status_message("r", "e", online=False).payload == b"offline"
