# SPDX-License-Identifier: Apache-2.0
"""How a farm looks to programs that are not ours: its places, series and outputs, with words for people.

The rule it keeps: plain data, made once from farm.toml; the words are in the language that the farm chose.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from telemetry.quantities import Quantity


@dataclass(frozen=True, slots=True)
class SeriesFace:
    """One series. ``title`` is the quantity's name for people, with the number of a second probe."""

    series: str
    place: str
    quantity: Quantity
    title: str
    period_s: float


@dataclass(frozen=True, slots=True)
class OutputFace:
    """One output. ``opens`` True: its on is open (a valve, a vent)."""

    output: str
    place: str
    kind: str
    title: str
    opens: bool
    proportional: bool


@dataclass(frozen=True, slots=True)
class Face:
    """The farm. ``places`` gives each place its title."""

    edge: str
    title: str
    version: str
    places: Mapping[str, str]
    series: tuple[SeriesFace, ...]
    outputs: tuple[OutputFace, ...]
    alarms_title: str = "Alarms"
