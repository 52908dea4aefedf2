# SPDX-License-Identifier: Apache-2.0
"""Lays what the farm tells of itself beside the log, for a report on this farm alone and for its papers.

The rule it keeps: the file is whole or not there.
"""

from pathlib import Path
from typing import Final

import msgspec

from drivers.kept import kept_json
from telemetry.records import FarmProfile

PROFILE_FILE: Final = "profile.json"
PLACES_FILE: Final = "places.json"
Titles = dict[str, dict[str, str]]  # by language, then by place


def write_profile(folder: Path, profile: FarmProfile) -> None:
    """Write the profile. OSError if the folder cannot be written."""
    _write(folder / PROFILE_FILE, msgspec.json.encode(profile))


def write_places(folder: Path, titles: Titles) -> None:
    """Write what people call the farm's places, for papers. OSError if the folder cannot be written."""
    _write(folder / PLACES_FILE, msgspec.json.encode(titles))


def place_title(folder: Path, place: str, language: str) -> str:
    """Give what people call a place; its id where the agent has not told."""
    titles = kept_json(folder / PLACES_FILE, Titles) or {}
    return titles.get(language, {}).get(place) or place


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(msgspec.json.format(data, indent=2))
    fresh.replace(path)
