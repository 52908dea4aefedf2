# SPDX-License-Identifier: Apache-2.0
"""A dead probe is replaced on an SDI-12 line and on a line of text, against simulated ones behind a pseudo-terminal."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from drivers.catalogue import Catalogue
from drivers.sim.practice_bench import PracticeBench
from edge.cli_sensor import sensor

CATALOGUE = Catalogue()
FARM = """
[farm]
edge = "f"
title = "F"
latitude_deg = 11.9
longitude_deg = 108.4

[[house]]
id = "house"
area_m2 = 100.0
crop = "tomato"

[[house.day_parts]]
name = "day"
starts = "06:00"
temperature_low_c = 21.0
temperature_high_c = 27.0
vpd_low_kpa = 0.8
vpd_high_kpa = 1.2

[[bus]]
name = "line-1"
kind = "{kind}"
port = "{port}"

[[device]]
name = "bed-probe"
bus = "line-1"
type = "{type}"
place = "house"
{address}
"""
Replace = Callable[..., tuple[int, str]]


@contextmanager
def _served(devices: Sequence[tuple[str, str]]) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    benches: list[PracticeBench] = []
    ready = threading.Event()

    async def play() -> None:
        benches.append(PracticeBench([(CATALOGUE.entry(name), address) for name, address in devices]))

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(play())
        loop.call_soon(ready.set)
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


@pytest.fixture
def replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Run ``vuon sensor replace bed-probe`` on a farm whose probe is of ``type_name``; ``there``: who answers now."""
    monkeypatch.setenv("LC_ALL", "C")

    def run(
        there: Sequence[tuple[str, str]], type_name: str, address: str, *options: str, kind: str = "sdi12-adapter"
    ) -> tuple[int, str]:
        with _served(there) as port:
            farm = tmp_path / "farm.toml"
            line = f'address = "{address}"' if address else ""
            farm.write_text(FARM.format(kind=kind, port=port, type=type_name, address=line), encoding="utf-8")
            told = ["replace", "bed-probe", "--config", str(farm), "--state", str(tmp_path), "--person", "Bình"]
            result = CliRunner().invoke(sensor, [*told, *options])
        return result.exit_code, result.output

    return run


def test_a_new_sdi12_probe_with_its_makers_address_takes_the_dead_ones(replace: Replace) -> None:
    code, said = replace([("meter-teros-12", "0"), ("eko-ms-80s", "a")], "meter-teros-12", "3")
    assert (code, said) == (0, "The device answers at its new address\n")


def test_a_probe_alone_on_its_line_is_asked_for_its_address(replace: Replace) -> None:
    assert replace([("meter-teros-12", "k")], "meter-teros-12", "3", "--alone")[0] == 0


def test_a_probe_that_has_the_address_already_only_has_to_be_of_the_type(replace: Replace) -> None:
    code, said = replace([("meter-teros-12", "3")], "meter-teros-12", "3", "--at", "3")
    assert (code, said) == (0, "The new device answers as its type\n")


def test_a_probe_of_another_type_an_address_in_use_and_silence_are_told(replace: Replace) -> None:
    code, said = replace([("eko-ms-80s", "0")], "meter-teros-12", "3")
    assert code == 5
    assert "another type, perhaps eko-ms-80s" in said
    code, said = replace([("meter-teros-12", "0"), ("eko-ms-80s", "3")], "meter-teros-12", "3")
    assert code == 5
    assert "address 3 already" in said
    code, said = replace([("meter-teros-12", "7")], "meter-teros-12", "3")
    assert code == 1
    assert "Nobody answers at address 0" in said
    assert replace([("meter-teros-12", "7")], "meter-teros-12", "3", "--at", "77")[0] == 2


def test_an_instrument_alone_on_a_line_of_text_is_asked_whether_it_is_of_the_type(replace: Replace) -> None:
    code, said = replace([("atlas-ezo-ec", "")], "atlas-ezo-ec", "", kind="line")
    assert (code, said) == (0, "The new device answers as its type\n")
    code, said = replace([("atlas-ezo-rtd", "")], "atlas-ezo-ec", "", kind="line")
    assert code == 5
    assert "not as this type does" in said
