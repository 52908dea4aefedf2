# SPDX-License-Identifier: Apache-2.0
"""``vuon-hub report`` as an officer runs it: from a hub's store, from one farm's folder, and what it refuses."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from cooperative.cli import main
from cooperative.memory import Memory
from telemetry.envelope import Batch, Header, Opener, Packer
from telemetry.notes import write_note
from telemetry.ports import Mark
from telemetry.records import AnyRecord, FarmProfile, Instrument, Plot, Sample
from telemetry.stores.embedded import EmbeddedStore

DAY_MS = int(datetime(2026, 3, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp() * 1000)
METER = "bed-1/water_volume"
PROFILE = FarmProfile(
    edge="farm-1",
    title="Nhà Lan",
    member="anh-ba",
    timezone="Asia/Ho_Chi_Minh",
    plots=(Plot("bed-1", "Luống 1", 1000.0, "pepper", "drip", meter=METER),),
    instruments=(Instrument("meter", "TUF-2000", (METER,), 60.0, "2030-01-01T00:00:00+07:00"),),
)
HUB = """
name = "hub-1"
title = "HTX Tân Tiến"
state = "hub"

[[members]]
name = "anh-ba"
title = "Anh Ba"
edges = ["farm-1"]
"""


def day_of_water() -> Batch:
    """Fill a day with a meter that counts 1,500 litres in 1,440 minutes."""
    records: list[AnyRecord] = [Sample(METER, minute * 60_000, 0.0, 1500.0 * minute / 1439.0) for minute in range(1440)]
    header = Header("farm-1", 1, 77, 1, 0, 0, DAY_MS, True, 0)
    return Opener().open(Packer().pack(header, records))


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    async def fill() -> None:
        store = EmbeddedStore(tmp_path / "hub" / "store.db")
        await store.write([day_of_water()], Mark("hub-1-0", 1))
        await store.close()

    (tmp_path / "hub").mkdir()
    asyncio.run(fill())
    memory = Memory(tmp_path / "hub" / "worker-0.db")
    memory.keep_profile("farm-1", write_note(PROFILE), DAY_MS)
    memory.close()
    config = tmp_path / "hub.toml"
    config.write_text(HUB, encoding="utf-8")
    return config


def test_an_officer_gets_his_figures_from_the_hubs_store(hub: Path) -> None:
    run = CliRunner().invoke(main, ["report", "--config", str(hub), "--period", "2026-03-01", "--json"])
    assert run.exit_code == 0, run.output
    figures = {item["id"]: item for item in json.loads(run.stdout)["indicators"]}
    assert figures["I04"]["value"] == pytest.approx(1.5)
    assert figures["I04"]["grade"] == "A"
    assert figures["I02"]["value"] == pytest.approx(0.1)
    assert figures["I12"]["value"] is None


def test_all_three_files_are_written(hub: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["report", "--config", str(hub), "--period", "2026-03", "--out", str(out), "--lang", "vi"]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    assert sorted(path.suffix for path in out.iterdir()) == [".csv", ".json", ".pdf"]
    assert (out / "vuon-2026-03.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--config", "nowhere.toml", "--period", "2026-03"], 3, "nowhere.toml"),
        (["--farm", "nowhere", "--period", "2026-03"], 1, "nowhere"),
        (["--farm", "nowhere", "--period", "2026-13"], 2, "2026-13"),
        (["--farm", "nowhere", "--period", "2026-03", "--format", "docx"], 2, "docx"),
        (["--period", "2026-03"], 2, "--config"),
    ],
)
def test_what_cannot_be_reported_is_said_with_its_code(arguments: list[str], code: int, said: str) -> None:
    run = CliRunner().invoke(main, ["report", *arguments])
    assert run.exit_code == code
    assert said in run.output


def test_a_member_without_farms_is_told_so(hub: Path) -> None:
    run = CliRunner().invoke(
        main, ["report", "--config", str(hub), "--period", "2026-03", "--member", "chi-tu", "--lang", "en"]
    )
    assert run.exit_code == 1
    assert "No farm has told the hub" in run.output
