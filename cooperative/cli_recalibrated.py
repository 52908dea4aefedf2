# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub recalibrated``: a span of a farm's history as another calibration sees it, laid beside what was measured.

The rule it keeps: only for a farm that hub.toml names; what is stored of the farm itself is not touched; the same file
a second time changes nothing.
"""

import asyncio
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cooperative.cli_config import config_option
from cooperative.speech import speech
from pages.words import N_, error_text

if TYPE_CHECKING:
    from cooperative.config import HubConfig
    from telemetry.versions import Version

EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 3
EXIT_TRY_AGAIN: Final = 75
BATCHES_AT_ONCE: Final = 64
WORKER: Final = "recalibrated"
LOOKS: Final = 100
LOOK_S: Final = 0.1


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def recalibrated(file: Path, path: Path) -> None:
    """Take FILE, which `vuon recalibrate --hub` wrote, into this hub's store.

    The new version stands under the farm's name with the calibration's first digits; both can be read.
    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 configuration refused, 75 the store is away.

    \b
    Example:
      vuon-hub recalibrated ph.vuon --config /etc/vuon/hub.toml
    """  # noqa: D301 click wants the \b
    from cooperative.config import ConfigError, load_config
    from telemetry.ports import StoreError
    from telemetry.rows import DiskError
    from telemetry.versions import FILE_MAX, BadVersion, read_version

    say = speech()
    try:
        config = load_config(path)
    except ConfigError as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(EXIT_CONFIG) from None
    try:
        version = read_version(file.read_bytes()[: FILE_MAX + 1])
    except BadVersion as error:
        click.echo(f"{file}: {error}", err=True)
        raise SystemExit(EXIT_FAILED) from None
    if version.edge not in {edge for member in config.members for edge in member.edges}:
        fields = {"edge": version.edge}
        click.echo(say.say(N_("{edge} is no farm of this cooperative; see [[members]] in hub.toml"), fields), err=True)
        raise SystemExit(EXIT_FAILED)
    try:
        count = asyncio.run(_store(config, version))
    except (StoreError, DiskError) as error:
        click.echo(error_text(error, speech()), err=True)
        raise SystemExit(EXIT_TRY_AGAIN) from None
    told: dict[str, str | float] = {
        "series": version.calibration.series, "id": version.calibration.id, "count": count, "name": version.name,
    }  # fmt: skip
    click.echo(say.say(N_("{series}: {count} values by {id} stand beside the measured ones, as {name}"), told))


async def _store(config: "HubConfig", version: "Version") -> int:
    """Write the batches and see that each part's mark can be read back; gives how many values there are."""
    from cooperative.hub import open_store
    from telemetry.ports import Mark, StoreError
    from telemetry.versions import batches_of

    store = open_store(config.store, Path(config.state))
    try:
        batches = list(batches_of(version))
        for first in range(0, len(batches), BATCHES_AT_ONCE):
            part = slice(first, first + BATCHES_AT_ONCE)
            mark = Mark(WORKER, zlib.crc32(b"".join(version.batches[part])))
            await store.write(batches[part], mark)
            for _ in range(LOOKS):
                if mark.number in await store.read_marks(WORKER, mark.number):
                    break
                await asyncio.sleep(LOOK_S)
            else:
                raise StoreError("the store took the values and does not show them; give the same file again")
    finally:
        await store.close()
    return sum(batch.header.total for batch in batches)
