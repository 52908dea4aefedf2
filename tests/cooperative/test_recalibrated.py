# SPDX-License-Identifier: Apache-2.0
"""History through another calibration, from the farm's log into the hub's real stores: twice, and beside the first."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cooperative.cli import main as hub
from cooperative.config import load_config
from cooperative.hub import open_store
from drivers.calibration.artifact import Calibration, summary
from drivers.calibration.curves import apply_one
from drivers.calibration.shelf import Shelf
from edge.calibrating import SHELF_FOLDER
from edge.cli_recalibrate import recalibrate
from edge.exits import LOG_FILE
from edge.profile import write_profile
from telemetry.envelope import Header, Opener, Packer
from telemetry.history import Points
from telemetry.log import Log
from telemetry.ports import Mark
from telemetry.records import FarmProfile, Quality, Sample
from telemetry.stores.influx import InfluxStore
from telemetry.versions import BadVersion, make_version, read_version, whole_hours, write_version
from tests.drivers.calibration.walk import START, record
from tests.support.servers import influxdb, victoria_metrics
from tests.support.waiting import passes

SERIES, EDGE = "tank/water_ph", "farm-1"
BEGIN_MS = round(START.timestamp() * 1000) - 6 * 3_600_000
COUNT = 400  # every 30 s: three hours and a third
BACKENDS = ("embedded", "influx", "victoria")


@pytest.fixture(scope="module", autouse=True)
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The real servers; what is not installed here is left out by name."""
    found: dict[str, str] = {}
    with ExitStack() as stack:
        try:
            found["influx"] = stack.enter_context(influxdb(tmp_path_factory.mktemp("influx")))[1].url
            found["victoria"] = stack.enter_context(victoria_metrics(tmp_path_factory.mktemp("victoria"))).url
        except pytest.skip.Exception as missing:
            found["missing"] = str(missing)
        yield found


def signals() -> list[float]:
    return [round(6.0 + math.sin(number / 40.0), 3) for number in range(COUNT)]


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A farm whose pH was stored by the maker's scale, and a record that came later."""
    state = tmp_path / "farm"
    state.mkdir()
    log = Log.open(state / LOG_FILE, EDGE, nonce=7)
    for number, raw in enumerate(signals()):
        log.append([Sample(SERIES, number * 30_000, raw, raw, int(Quality.UNCALIBRATED))])
        if number % 50 == 49:
            log.flush(number * 30_000, BEGIN_MS + number * 30_000, True)
    log.close()
    shelf = Shelf(state / SHELF_FOLDER)
    shelf.add(record())
    shelf.activate(SERIES, record().id, "lan", START)
    write_profile(state, FarmProfile(EDGE, "Farm", "lan", "Asia/Ho_Chi_Minh", (), ()))
    return state


def export(state: Path, file: Path) -> Result:
    span = ["--from", "2026-11-22T02:00:00+00:00", "--to", "2026-11-22T05:00:00+00:00"]
    return CliRunner().invoke(
        recalibrate, ["--sensor", SERIES, *span, "--hub", str(file), "--state", str(state)], env={"LC_ALL": "en"}
    )


def hub_toml(folder: Path, kind: str, urls: dict[str, str]) -> Path:
    text = f'name = "hub-1"\ntitle = "HTX"\nstate = "{folder}/hub"\n[store]\nkind = "{kind}"\n'
    if kind != "embedded":
        if kind not in urls:
            pytest.skip(urls["missing"])
        text += f'url = "{urls[kind]}"\n'
    (folder / "hub").mkdir()
    path = folder / "hub.toml"
    path.write_text(text + f'[[members]]\nname = "lan"\ntitle = "Lan"\nedges = ["{EDGE}"]\n', encoding="utf-8")
    return path


async def stored(path: Path, edge: str) -> Points:
    config = load_config(path)
    store = open_store(config.store, Path(config.state))
    try:
        return await store.range(edge, SERIES, 0, 1 << 42)
    finally:
        await store.close()


async def measured(path: Path) -> None:
    """Bring the farm's own history into the hub's store, as its uplink does."""
    config = load_config(path)
    store = open_store(config.store, Path(config.state))
    samples = [Sample(SERIES, n * 30_000, raw, raw, int(Quality.UNCALIBRATED)) for n, raw in enumerate(signals())]
    data = Packer().pack(Header(EDGE, 1, 7, 1, 0, 0, BEGIN_MS, True, COUNT), samples)
    try:
        if isinstance(store, InfluxStore):
            await store.prepare()
        await store.write([Opener().open(data)], Mark("worker-0", 1))
    finally:
        await store.close()


@pytest.mark.parametrize("kind", BACKENDS)
def test_both_versions_are_in_the_store_and_sending_again_changes_nothing(
    tmp_path: Path, farm: Path, urls: dict[str, str], kind: str
) -> None:
    file, path = tmp_path / "ph.vuon", hub_toml(tmp_path, kind, urls)
    asyncio.run(measured(path))
    made = export(farm, file)
    assert made.exit_code == 0, made.output
    version = read_version(file.read_bytes())
    curve = record().curve
    for _ in range(2):
        done = CliRunner().invoke(hub, ["recalibrated", str(file), "--config", str(path)], env={"LC_ALL": "en"})
        assert done.exit_code == 0, done.output
    assert version.name == f"farm-1-{record().content_hash[:8]}"

    new, old = asyncio.run(both(path, version.name))
    assert new.wall_ms.tolist() == [BEGIN_MS + 30_000 * n for n in range(360)]
    assert new.value.tolist() == pytest.approx([apply_one(curve, raw) for raw in signals()[:360]])
    assert old.value.tolist() == signals(), "what was measured stays as it was stored"


async def both(path: Path, name: str) -> tuple[Points, Points]:
    """Give both versions once the store shows them whole."""
    for _ in range(200):
        new, old = await stored(path, name), await stored(path, EDGE)
        if len(new.value) >= 360 and len(old.value) >= COUNT:
            break
        await passes(0.05)
    return new, old


def versions_of(made: Calibration) -> bytes:
    wall = BEGIN_MS + 30_000 * np.arange(COUNT)
    raw = np.array(signals())
    return write_version(make_version(EDGE, summary(made), wall, raw, raw + 0.1, np.zeros(COUNT, np.int64)))


def test_the_same_hour_is_the_same_batch_in_whichever_span_it_is_sent(farm: Path, tmp_path: Path) -> None:
    whole = read_version(versions_of(record()))
    again = read_version(versions_of(record()))
    assert whole == again
    assert whole_hours(BEGIN_MS + 5, BEGIN_MS + 3_600_001, 1 << 42) == (BEGIN_MS, BEGIN_MS + 7_200_000)
    assert whole_hours(BEGIN_MS, BEGIN_MS + 7_200_000, BEGIN_MS + 3_700_000) == (BEGIN_MS, BEGIN_MS + 3_600_000)
    assert export(farm, tmp_path / "a").exit_code == export(farm, tmp_path / "b").exit_code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: b"", "no file"),
        (lambda data: data[:500], "no file"),
        (lambda data: data.replace(b"vuon-version/1", b"vuon-version/9"), "schema"),
        (lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], "damaged"),
        (lambda data: data.replace(b"tank/water_ph", b"pond/water_ph", 1), "not of pond/water_ph"),
    ],
)
def test_a_damaged_or_forged_file_is_refused(spoil: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(BadVersion, match=why):
        read_version(spoil(versions_of(record())))


def test_a_strangers_history_is_refused(tmp_path: Path, urls: dict[str, str]) -> None:
    path = hub_toml(tmp_path, "embedded", urls)
    version = msgspec.structs.replace(read_version(versions_of(record())), edge=EDGE)
    file = tmp_path / "x.vuon"
    wall = BEGIN_MS + 30_000 * np.arange(10)
    other = make_version("stranger", version.calibration, wall, wall / 1e12, wall / 1e12, np.zeros(10, np.int64))
    file.write_bytes(write_version(other))
    done = CliRunner().invoke(hub, ["recalibrated", str(file), "--config", str(path)], env={"LC_ALL": "en"})
    assert done.exit_code == 1
    assert "stranger is no farm of this cooperative" in done.output
