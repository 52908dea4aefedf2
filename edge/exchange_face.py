# SPDX-License-Identifier: Apache-2.0
"""Makes the face that a farm shows to programs that are not ours, from farm.toml.

The rule it keeps: a name that somebody gave stands as it is; only the kinds of things are put into words.
"""

from collections.abc import Iterable

from edge.config import FarmConfig
from edge.output_words import KIND_WORDS, OPENS
from edge.pipeline import SeriesPlan
from edge.release import VERSION
from pages.numbers import Language
from pages.words import N_, words
from telemetry.face import Face, OutputFace, SeriesFace


def face_of(config: FarmConfig, plans: Iterable[SeriesPlan], language: Language) -> Face:
    """Put the face together."""
    say = words(language)
    control = config.control
    places = {line.id: line.id for line in control.lines}
    places |= {house.id: house.title or house.id for house in control.houses}
    places |= {zone.id: zone.title or zone.id for zone in control.zones}
    places |= {station.id: station.title or station.id for station in config.stations}
    series = []
    for plan in plans:
        place, _, rest = plan.series.partition("/")
        number = rest.partition(".")[2]
        title = say.text(plan.quantity.title) + (f" {number}" if number else "")
        series.append(SeriesFace(plan.series, place, plan.quantity, title, plan.period_s))
    outputs = tuple(
        OutputFace(
            one.id,
            one.place,
            one.kind,
            one.title or f"{say.text(KIND_WORDS.get(one.kind, one.kind))} {one.id}",
            one.kind in OPENS,
            one.proportional,
        )
        for one in control.outputs
    )
    return Face(config.farm.edge, config.farm.title, VERSION, places, tuple(series), outputs, say.text(N_("Alarms")))
