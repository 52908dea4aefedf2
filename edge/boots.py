# SPDX-License-Identifier: Apache-2.0
"""What a boot began with, kept beside the log: the configuration and the engine's memory.

The rule it keeps: a file is whole or not there, also after a power cut; what cannot be read is as if it were not
there, because the engine can always begin cautiously from nothing.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from controllers.state import EngineState, nothing_known
from drivers.catalogue import Catalogue
from drivers.kept import keep, kept
from drivers.whole_file import write_whole
from edge.device_types import device_types, own_folder
from edge.toml_reader import SettingsRefused, settings_text

BOOTS_KEPT: Final = 30
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class BootDamaged(Exception):
    """What a boot began with cannot be read any more; the text names the file."""


class Boots:
    """The folder of one agent's boots below its state folder."""

    def __init__(self, state: Path) -> None:
        self._memory = state / "engine.state"
        self._weather = state / "past-weather.state"  # apart, for it changes once a day and the rest often
        self._written: dict[str, bytes] | None = None
        self._folder = state / "boots"

    def save(self, memory: EngineState) -> None:
        """Keep the engine's memory for the next boot."""
        if memory.weather != self._written:
            keep(self._weather, memory.weather)
            self._written = memory.weather
        keep(self._memory, msgspec.structs.replace(memory, weather={}))

    def memory(self) -> EngineState | None:
        """Give the engine's memory that the last boot left, None where there is none that can be read."""
        memory = kept(self._memory, EngineState)
        weather = kept(self._weather, dict[str, bytes])
        if weather is None:
            return memory
        if memory is None and weather:  # years of weather are not lost with the last hour's runs
            memory = nothing_known()
        return None if memory is None else msgspec.structs.replace(memory, weather=weather)

    def damaged(self) -> list[str]:
        """Name the files that the last boot left and that cannot be read."""
        kinds = ((self._memory, EngineState), (self._weather, dict[str, bytes]))
        return [path.name for path, kind in kinds if os.path.lexists(path) and kept(path, kind) is None]

    def begin(self, epoch: int, config: str, memory: EngineState | None, devices: Mapping[str, str] = NOTHING) -> None:
        """Write down what boot ``epoch`` begins with; the oldest boots are forgotten.

        ``devices``: the farm's own device types, as text.
        """
        folder = self._folder / f"{epoch:08d}"
        write_whole(folder / "farm.toml", config.encode())
        for name, text in devices.items():
            write_whole(own_folder(folder / "farm.toml") / f"{name}.toml", text.encode())
        if memory is not None:
            keep(folder / "engine.state", memory)
        for old in sorted(self._folder.iterdir())[:-BOOTS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def types(self, epoch: int) -> Catalogue:
        """Give the device types that boot ``epoch`` knew."""
        return device_types(self._folder / f"{epoch:08d}" / "farm.toml")

    def settings(self, epoch: int) -> Path:
        """Name the copy of farm.toml that boot ``epoch`` began with."""
        return self._folder / f"{epoch:08d}" / "farm.toml"

    def began(self, epoch: int) -> tuple[str, EngineState | None]:
        """Give the configuration and memory that boot ``epoch`` began with.

        FileNotFoundError if it is forgotten, BootDamaged if one of the two cannot be read.
        """
        folder = self._folder / f"{epoch:08d}"
        try:
            text = settings_text(folder / "farm.toml")
        except FileNotFoundError:
            raise
        except (SettingsRefused, OSError) as error:
            raise BootDamaged(str(error)) from None
        path = folder / "engine.state"
        memory = kept(path, EngineState)
        if memory is None and os.path.lexists(path):
            raise BootDamaged(f"{path} is damaged: what this boot remembered is lost")
        return text, memory
