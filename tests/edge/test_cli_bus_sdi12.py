# SPDX-License-Identifier: Apache-2.0
"""A technician's commands on an SDI-12 line, against simulated sensors behind an adapter's pseudo-terminal."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.catalogue import Catalogue
from drivers.sim.practice_bench import PracticeBench
from edge.cli_bus import bus
from edge.cli_init import init
from edge.config import load

ADAPTER = ["--kind", "sdi12-adapter"]
CATALOGUE = Catalogue()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A TEROS 12 at 3 and a TEROS 21 at a, served by a thread of their own."""
    monkeypatch.setenv("LC_ALL", "C")
    loop = asyncio.new_event_loop()
    benches: list[PracticeBench] = []
    ready = threading.Event()

    async def play() -> None:
        benches.append(PracticeBench([(CATALOGUE.entry("meter-teros-12"), "3"), (CATALOGUE.entry("eko-ms-80s"), "a")]))

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(play())
        loop.call_soon(ready.set)  # not before the loop runs for ever: a stop would end only the first run
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(10.0)
        yield benches[0].path
    finally:
        loop.call_soon_threadsafe(benches[0].close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        loop.close()


def test_sensors_are_found_named_and_given_addresses(port: str, tmp_path: Path) -> None:
    found = CliRunner().invoke(bus, ["scan", port, *ADAPTER, "--addresses", "3,a"])
    assert found.exit_code == 0, found.output
    assert "  3  SDI-12 1.4  METER" in found.output
    named = CliRunner().invoke(bus, ["identify", port, "3", *ADAPTER, "--json"])
    assert json.loads(named.stdout)["candidates"][0]["type"] == "meter-teros-12", named.output
    taken = CliRunner().invoke(bus, ["readdress", port, "3", "a", *ADAPTER, "--yes"])
    assert taken.exit_code == 5
    done = CliRunner().invoke(bus, ["readdress", port, "3", "7", *ADAPTER, "--yes"])
    assert done.exit_code == 0, done.output
    out = tmp_path / "farm.toml"
    place = ["--title", "V", "--latitude", "11.9", "--longitude", "108.4", "--area", "500", "--crop", "tomato"]
    made = CliRunner().invoke(init, [port, *ADAPTER, "--addresses", "7", *place, "--out", str(out)])
    assert made.exit_code == 0, made.output
    config = load(out)
    assert [(one.kind, one.name) for one in config.buses] == [("sdi12-adapter", "line-1")]
    assert [(one.type, one.address) for one in config.devices] == [("meter-teros-12", "7")]


def test_a_break_on_a_line_that_carries_none_is_told(port: str) -> None:
    refused = CliRunner().invoke(bus, ["scan", port, "--kind", "sdi12", "--addresses", "3"])
    assert refused.exit_code == 4
    assert "carries no break" in refused.output


@pytest.mark.parametrize("addresses", ["33", "-", "0-", "é"])
def test_bad_addresses_are_refused(addresses: str) -> None:
    assert CliRunner().invoke(bus, ["scan", "/dev/null", *ADAPTER, "--addresses", addresses]).exit_code == 2
