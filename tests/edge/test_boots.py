# SPDX-License-Identifier: Apache-2.0
"""What a boot begins with survives power cuts; the farm's profile says what stands in farm.toml."""

from pathlib import Path

import msgspec
import pytest

from controllers.engine import Engine
from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from edge.boots import BOOTS_KEPT, Boots
from edge.calibration_book import ShelfBook
from edge.config import parse
from edge.farm_profile import farm_profile
from edge.wiring import known_devices

FARM = Path(__file__).parents[2] / "deploy" / "examples" / "da-lat-pepper.toml"
TEXT = FARM.read_text(encoding="utf-8")


def test_memory_comes_back_as_it_was_left(tmp_path: Path) -> None:
    memory = Engine(parse(TEXT).control).snapshot(1000, 2000, clock_ok=True)
    boots = Boots(tmp_path)
    assert boots.memory() is None
    boots.save(memory)
    again = boots.memory()
    assert again is not None
    assert again.outputs.keys() == memory.outputs.keys()
    assert again.saved_wall_ms == 2000


@pytest.mark.parametrize("damage", [b"", b"\x81", b"not msgpack at all", b"\x00" * 4096])
def test_a_damaged_memory_is_as_if_there_were_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "engine.state").write_bytes(damage)
    assert Boots(tmp_path).memory() is None


def test_past_weather_is_written_once_a_day_and_outlives_a_damaged_memory(tmp_path: Path) -> None:
    engine = Engine(parse(TEXT).control)
    memory = msgspec.structs.replace(engine.snapshot(1000, 2000, clock_ok=True), weather={"house": b"days"})
    boots = Boots(tmp_path)
    boots.save(memory)
    apart = tmp_path / "past-weather.state"
    written = apart.stat().st_mtime_ns
    boots.save(msgspec.structs.replace(memory, saved_mono_ms=3000))
    assert apart.stat().st_mtime_ns == written
    assert b"days" not in (tmp_path / "engine.state").read_bytes()
    again = Boots(tmp_path).memory()
    assert again is not None
    assert (again.weather, again.saved_mono_ms) == ({"house": b"days"}, 3000)
    (tmp_path / "engine.state").write_bytes(b"damaged")
    alone = Boots(tmp_path).memory()
    assert alone is not None
    assert (alone.weather, alone.outputs) == ({"house": b"days"}, {})
    fresh = Engine(parse(TEXT).control).snapshot(5000, 9000, clock_ok=False)
    engine.restore(alone, 5000, 9000, clock_ok=False)
    assert engine.snapshot(5000, 9000, clock_ok=False).lines.keys() == fresh.lines.keys()


def test_a_boot_keeps_its_farm_and_the_oldest_boots_are_forgotten(tmp_path: Path) -> None:
    boots = Boots(tmp_path)
    for epoch in range(1, BOOTS_KEPT + 4):
        boots.begin(epoch, f"# {epoch}", None)
    assert boots.began(BOOTS_KEPT + 3) == (f"# {BOOTS_KEPT + 3}", None)
    with pytest.raises(FileNotFoundError):
        boots.began(1)


def test_the_profile_says_what_the_file_says(tmp_path: Path) -> None:
    config = parse(TEXT + '\n[uplink]\nhost = "hub.example"\nmember = "anh-ba"\n')
    book = ShelfBook(Shelf(tmp_path), lambda: (0, False))
    profile = farm_profile(config, known_devices(config, Catalogue()), book)
    assert (profile.edge, profile.member) == ("da-lat-pepper", "anh-ba")
    assert [plot.place for plot in profile.plots] == ["pepper-1-1", "pepper-1-2"]
    assert profile.plots[0].irrigation == "drip"
    assert profile.plots[0].meter == "pepper-1-water/water_volume"
    assert profile.plots[0].band_day == (21.0, 27.0, 0.5, 1.2)
    assert profile.plots[0].band_night == (17.0, 20.0, 0.2, 1.0)
    probes = {one.device: one for one in profile.instruments}
    assert probes["pepper-1-soil-1"].model == "sn-3002-thc-s"
    assert "pepper-1-1/soil_moisture" in probes["pepper-1-soil-1"].series
    assert probes["pepper-1-soil-1"].calibration_due == ""
