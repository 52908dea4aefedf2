# SPDX-License-Identifier: Apache-2.0
"""The farm as plain JSON on MQTT, for Node-RED, Home Assistant and whoever reads text.

The rule it keeps: retained and complete, so that who comes late sees all; a value that may not be trusted is null
beside its flags, never a number that looks good; times are UTC in RFC 3339.

Topics: ``ROOT/EDGE/`` + ``status`` (online, offline), ``value/PLACE/QUANTITY``, ``output/ID``, ``alarms``.
"""

from datetime import UTC, datetime
from math import isfinite
from typing import Final

import msgspec

from telemetry.face import OutputFace, SeriesFace
from telemetry.ports import Message
from telemetry.records import UNUSABLE, Quality, Sample

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
NAMED: Final = tuple(flag for flag in Quality if flag)
_json = msgspec.json.Encoder()

Fields = dict[str, str | float | int | bool]


def status_topic(root: str, edge: str) -> str:
    """Give the topic that says whether the farm is there."""
    return f"{root}/{edge}/status"


def value_topic(root: str, edge: str, series: str) -> str:
    """Give a series' topic; place and quantity are levels of it."""
    return f"{root}/{edge}/value/{series}"


def output_topic(root: str, edge: str, output: str) -> str:
    """Give an output's topic; ``/set`` below it takes commands where they are allowed."""
    return f"{root}/{edge}/output/{output}"


def alarms_topic(root: str, edge: str) -> str:
    """Give the topic of the alarms that stand."""
    return f"{root}/{edge}/alarms"


def stamp(wall_ms: int) -> str:
    """Write a time."""
    return datetime.fromtimestamp(wall_ms / 1000.0, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flag_names(quality: int) -> list[str]:
    """Name the flags of a quality."""
    return [flag.name or "" for flag in NAMED if quality & flag]


def usable(value: float, quality: int) -> bool:
    """Say whether a value may be shown as one."""
    return isfinite(value) and not quality & UNUSABLE


def value_message(root: str, edge: str, face: SeriesFace, sample: Sample, wall_ms: int) -> Message:
    """Write a series' newest value, measured at ``wall_ms``."""
    good = usable(sample.value, sample.quality)
    told = {
        "value": round(sample.value, face.quantity.decimals + 2) if good else None,
        "unit": face.quantity.unit,
        "good": good,
        "flags": flag_names(sample.quality),
        "uncertainty": sample.uncertainty if isfinite(sample.uncertainty) else None,
        "calibration": sample.calibration or None,
        "time": stamp(wall_ms),
    }
    return Message(value_topic(root, edge, face.series), _json.encode(told), 0, retain=True)


def output_message(
    root: str, edge: str, face: OutputFace, level: float, wanted: float, why: Fields, wall_ms: int
) -> Message:
    """Write how an output stands; ``level`` is what the hardware confirmed, nan where it has not."""
    known = isfinite(level)
    words = ("open", "closed") if face.opens else ("on", "off")
    told = {
        "state": (words[0] if level > 0.0 else words[1]) if known else None,
        "level": level if known else None,
        "percent": round(level * 100.0, 1) if known else None,
        "wanted": wanted if isfinite(wanted) else None,
        **why,
        "time": stamp(wall_ms),
    }
    return Message(output_topic(root, edge, face.output), _json.encode(told), 0, retain=True)


def alarms_message(root: str, edge: str, alarms: list[Fields], wall_ms: int) -> Message:
    """Write the alarms that stand."""
    told = {"state": "on" if alarms else "off", "count": len(alarms), "alarms": alarms, "time": stamp(wall_ms)}
    return Message(alarms_topic(root, edge), _json.encode(told), 0, retain=True)


def status_message(root: str, edge: str, *, online: bool) -> Message:
    """Write whether the farm is there; the offline one is also the will."""
    return Message(status_topic(root, edge), ONLINE if online else OFFLINE, 1, retain=True)
