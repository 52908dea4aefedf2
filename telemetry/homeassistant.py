# SPDX-License-Identifier: Apache-2.0
"""What Home Assistant's MQTT discovery is told of a farm, and what its commands mean.

The rule it keeps: one retained configuration per entity under ``PREFIX/COMPONENT/NODE/OBJECT/config``, which every
version since discovery exists reads; only device classes that versions since 2023 know; unique ids are made of the
edge and of names that outlive an instrument. States are the JSON mirror's.

Source: the documentation of Home Assistant's MQTT integration, sections Discovery, Sensor, Switch, Valve, Number.
"""

from math import ceil
from typing import Any, Final

import msgspec

from telemetry.face import Face, OutputFace, SeriesFace
from telemetry.json_mirror import alarms_topic, output_topic, status_topic, value_topic
from telemetry.ports import Message

PERIODS_TO_EXPIRE: Final = 3.0
# quantity -> (device class, unit as Home Assistant writes it); without an entry it has a unit and no class.
CLASSES: Final[dict[str, tuple[str, str]]] = {
    "air_temperature": ("temperature", "°C"),
    "soil_temperature": ("temperature", "°C"),
    "water_temperature": ("temperature", "°C"),
    "leaf_temperature": ("temperature", "°C"),
    "dew_point": ("temperature", "°C"),
    "air_humidity": ("humidity", "%"),
    "soil_moisture": ("moisture", "%"),
    "vapour_pressure_deficit": ("pressure", "kPa"),
    "air_pressure": ("pressure", "hPa"),
    "water_pressure": ("pressure", "kPa"),
    "soil_tension": ("pressure", "kPa"),
    "co2": ("carbon_dioxide", "ppm"),
    "illuminance": ("illuminance", "lx"),
    "solar_radiation": ("irradiance", "W/m²"),
    "wind_speed": ("wind_speed", "m/s"),
    "rainfall": ("precipitation", "mm"),
    "rain_rate": ("precipitation_intensity", "mm/h"),
    "water_volume": ("water", "L"),
    "water_level": ("distance", "m"),
    "oxidation_reduction": ("voltage", "mV"),
    "voltage": ("voltage", "V"),
    "current": ("current", "A"),
    "power": ("power", "W"),
    "energy": ("energy", "kWh"),
    "frequency": ("frequency", "Hz"),
}
# What a relay says of its own contacts is the output's state; an instrument's own count is for technicians.
LEFT_OUT: Final = frozenset({"switch", "raw_signal"})
_json = msgspec.json.Encoder()


class BadCommand(ValueError):
    """What came on a command topic means nothing for this output."""


def node_id(edge: str) -> str:
    """Give the node id of a farm in the discovery topics."""
    return f"vuon-{edge}"


def object_id(name: str) -> str:
    """Give the object id of a series or an output: letters, digits, ``-`` and ``_`` only."""
    return name.replace("/", "-").replace(".", "-")


def status_pattern(prefix: str) -> str:
    """Give the topic on which Home Assistant says that it has come up."""
    return f"{prefix}/status"


def discovery_pattern(prefix: str, edge: str) -> str:
    """Give the pattern of all that was ever announced of a farm."""
    return f"{prefix}/+/{node_id(edge)}/+/config"


def discovery(face: Face, root: str, prefix: str, *, commands: bool) -> list[Message]:
    """Give the retained configurations of all entities of a farm."""
    # The farm's own device first: the places hang on it.
    entities = [("binary_sensor", "alarms", _alarms(face, root))]
    entities += [
        ("sensor", object_id(one.series), _sensor(face, one, root))
        for one in face.series
        if one.quantity.name not in LEFT_OUT
    ]
    entities += [(*_output(face, one, root, commands=commands),) for one in face.outputs]
    return [
        Message(
            f"{prefix}/{component}/{node_id(face.edge)}/{name}/config",
            _json.encode(_common(face, root, name) | told),
            1,
            retain=True,
        )
        for component, name, told in entities
    ]


def level_of(face: OutputFace, payload: bytes) -> float:
    """Read a command: OPEN, CLOSE, ON, OFF, or a percentage where the output has levels. BadCommand otherwise."""
    text = payload[:32].decode("ascii", "replace").strip().upper()
    if text in {"OPEN", "ON"}:
        return 1.0
    if text in {"CLOSE", "OFF"}:
        return 0.0
    try:
        percent = float(text)
    except ValueError:
        raise BadCommand(f"{text!r} is no command for {face.output}") from None
    if not face.proportional or not 0.0 <= percent <= 100.0:
        raise BadCommand(f"{text!r} is no level for {face.output}")
    return percent / 100.0


def _common(face: Face, root: str, name: str) -> dict[str, Any]:
    return {
        "unique_id": f"vuon_{face.edge}_{name}",
        "availability_topic": status_topic(root, face.edge),
        "origin": {"name": "Vườn", "sw": face.version},
        "qos": 0,
    }


def _device(face: Face, place: str) -> dict[str, Any]:
    """Describe the device that a place is: a house, a zone, a station; all hang on the farm's own."""
    if place == "farm":
        return {
            "identifiers": [f"vuon_{face.edge}"],
            "name": face.title,
            "manufacturer": "Vườn",
            "model": "farm",
            "sw_version": face.version,
        }
    return {
        "identifiers": [f"vuon_{face.edge}_{place}"],
        "name": face.places.get(place, place),
        "manufacturer": "Vườn",
        "model": "place",
        "via_device": f"vuon_{face.edge}",
    }


def _sensor(face: Face, one: SeriesFace, root: str) -> dict[str, Any]:
    topic = value_topic(root, face.edge, one.series)
    told: dict[str, Any] = {
        "name": one.title,
        "device": _device(face, one.place),
        "state_topic": topic,
        "value_template": "{{ value_json.value }}",
        "json_attributes_topic": topic,
        "expire_after": ceil(PERIODS_TO_EXPIRE * one.period_s),
        "suggested_display_precision": one.quantity.decimals,
        "state_class": "total_increasing" if one.quantity.cumulative else "measurement",
    }
    kind, unit = CLASSES.get(one.quantity.name, ("", one.quantity.unit))
    if kind:
        told["device_class"] = kind
    if unit not in {"1", "pH"}:
        told["unit_of_measurement"] = unit
    return told


def _output(face: Face, one: OutputFace, root: str, *, commands: bool) -> tuple[str, str, dict[str, Any]]:
    topic = output_topic(root, face.edge, one.output)
    told: dict[str, Any] = {
        "name": one.title,
        "device": _device(face, one.place),
        "state_topic": topic,
        "json_attributes_topic": topic,
    }
    name = object_id(one.output)
    if one.proportional:
        told |= {"value_template": "{{ value_json.percent }}", "unit_of_measurement": "%"}
        if not commands:
            return "sensor", name, told | {"state_class": "measurement"}
        return "number", name, told | {"command_topic": f"{topic}/set", "min": 0, "max": 100, "step": 1}
    on, off = ("open", "closed") if one.opens else ("on", "off")
    told["value_template"] = "{{ value_json.state }}"
    if not commands:
        return "binary_sensor", name, told | {"payload_on": on, "payload_off": off}
    told["command_topic"] = f"{topic}/set"
    if one.opens:
        shown = {"state_open": on, "state_closed": off, "payload_open": "OPEN", "payload_close": "CLOSE"}
        # A valve or cover that has no word for "not known" is told nothing until the hardware has answered.
        known = {"value_template": "{{ value_json.state if value_json.state else '' }}", "payload_stop": None}
        told |= shown | known
        if one.kind == "vent":
            return "cover", name, told | {"device_class": "window"}
        return "valve", name, told | {"device_class": "water", "reports_position": False}
    shown = {"state_on": on, "state_off": off, "payload_on": "ON", "payload_off": "OFF"}
    return "switch", name, told | shown


def _alarms(face: Face, root: str) -> dict[str, Any]:
    topic = alarms_topic(root, face.edge)
    return {
        "name": face.alarms_title,
        "device": _device(face, "farm"),
        "device_class": "problem",
        "state_topic": topic,
        "value_template": "{{ value_json.state }}",
        "payload_on": "on",
        "payload_off": "off",
        "json_attributes_topic": topic,
    }
