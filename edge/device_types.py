# SPDX-License-Identifier: Apache-2.0
"""The device types that a farm knows: those in ``devices/`` beside its farm.toml, then Vườn's own.

The rule it keeps: a farm's own entry wins over Vườn's of the same name, so a technician can mend one in the field.
"""

from pathlib import Path

from drivers.catalogue import BUILT_IN, Catalogue

FOLDER = "devices"


def own_folder(farm_file: Path) -> Path:
    """Give the folder of a farm's own entries."""
    return farm_file.parent / FOLDER


def own_types(farm_file: Path) -> list[str]:
    """Name the farm's own entries."""
    return sorted(path.stem for path in own_folder(farm_file).glob("*.toml"))


def device_types(farm_file: Path) -> Catalogue:
    """Give the types for the farm whose file is ``farm_file`` (which need not exist)."""
    return Catalogue((own_folder(farm_file), BUILT_IN))
