# SPDX-License-Identifier: Apache-2.0
"""Lays what the farm tells of itself beside the log, for a report on this farm alone.

The rule it keeps: the file is whole or not there.
"""

from pathlib import Path
from typing import Final

import msgspec

from telemetry.records import FarmProfile

PROFILE_FILE: Final = "profile.json"


def write_profile(folder: Path, profile: FarmProfile) -> None:
    """Write the profile. OSError if the folder cannot be written."""
    fresh = folder / f".{PROFILE_FILE}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2))
    fresh.replace(folder / PROFILE_FILE)
