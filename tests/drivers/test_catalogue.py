# SPDX-License-Identifier: Apache-2.0
"""Every declared device type: its golden frames decode, and its simulated twin reads back what was put in."""

from math import isclose, isnan, nan

import pytest

from drivers.catalogue import BUILT_IN, Catalogue
from drivers.catalogue_schema import Entry, Value
from drivers.decode import block_registers, decode, plan_blocks
from drivers.modbus_pdu import bits, read, words
from drivers.sim.instruments import SimulatedInstrument
from drivers.units import from_canonical, to_canonical
from telemetry.quantities import quantity

CATALOGUE = Catalogue()
TYPES = CATALOGUE.types()
ACTUATORS = {"relay", "drive", "valve"}
MODBUS = [
    entry.type
    for entry in CATALOGUE.entries()
    if entry.protocol == "modbus" and entry.value and entry.kind not in ACTUATORS
]


def in_range(value: Value, fraction: float = 0.4) -> float:
    """A canonical value inside the instrument's and the quantity's range."""
    known = quantity(value.quantity)
    low = to_canonical(value.low, value.unit, value.quantity) if value.low is not None else known.low
    high = to_canonical(value.high, value.unit, value.quantity) if value.high is not None else known.high
    return low + fraction * (min(high, low + 1000.0) - low)


def name_of(value: Value) -> str:
    return f"{value.quantity}.{value.index}" if value.index else value.quantity


def poll(entry: Entry, slave: SimulatedInstrument, now: float) -> dict[str, tuple[float, int]]:
    registers: dict[tuple[int, int], int] = {}
    for block in plan_blocks(entry):
        request = read(slave.address, block.function, block.start, block.count)
        reply = slave.answer(slave.address, request.pdu, now)
        assert reply is not None
        assert len(reply) == request.reply_length
        assert request.mismatch(reply) == ""
        payload = request.payload(reply)
        got = words(payload) if block.function > 2 else tuple(int(b) for b in bits(payload, block.count))
        registers.update(block_registers(block, got))
    return {m.name: (m.canonical, m.quality) for m in decode(entry, registers)}


@pytest.mark.parametrize("name", TYPES)
def test_an_entry_loads_and_its_golden_frames_decode(name: str) -> None:
    entry = CATALOGUE.entry(name)  # raises with file and line when a frame does not decode
    assert entry.type == name
    assert entry.source or entry.notes, "an entry says where its map comes from"


@pytest.mark.parametrize("name", MODBUS)
def test_the_simulated_twin_reads_back_what_the_world_has(name: str) -> None:
    entry = CATALOGUE.entry(name)
    world = {name_of(v): in_range(v) for v in entry.value}
    slave = SimulatedInstrument(entry, lambda quantity_name, _now: world[quantity_name])
    got = poll(entry, slave, 0.0)
    for value in entry.value:
        canonical, quality = got[name_of(value)]
        step = 1.0 if value.type != "f32" else 0.0
        resolution = abs(
            to_canonical(step * abs(value.scale), value.unit, value.quantity)
            - to_canonical(0.0, value.unit, value.quantity)
        )
        if value.decimals_at is not None:
            resolution = 0.01
        assert isclose(canonical, world[name_of(value)], abs_tol=resolution * 0.5001 + 1e-3, rel_tol=1e-6), value
        assert quality == 0, value


def orders() -> list[tuple[str, int]]:
    return [(e.type, i) for e in CATALOGUE.entries() for i, golden in enumerate(e.golden) if golden.does]


@pytest.mark.parametrize(("name", "number"), orders())
def test_a_golden_order_is_answered_so_by_the_simulated_device(name: str, number: int) -> None:
    entry = CATALOGUE.entry(name)
    golden = entry.golden[number]
    request, reply = (bytes.fromhex(text) for text in (golden.request, golden.reply))
    slave = SimulatedInstrument(entry, lambda _name, _now: 0.0, address=request[0])
    assert slave.answer(request[0], request[1:-2], 0.0) == reply[1:-2]
    assert slave.coils is not None
    assert slave.coils.states(0.0)[0], golden.does


def test_an_unknown_register_is_answered_with_exception_2() -> None:
    slave = SimulatedInstrument(CATALOGUE.entry("xy-md02"), lambda _n, _t: 20.0)
    assert slave.answer(1, bytes.fromhex("04 0100 0002".replace(" ", "")), 0.0) == bytes((0x84, 2))
    assert slave.answer(1, bytes.fromhex("2B0E0100"), 0.0) == bytes((0xAB, 1))
    assert slave.answer(7, bytes.fromhex("0400010002"), 0.0) is None


def test_a_missing_value_becomes_a_sentinel_never_a_number() -> None:
    entry = CATALOGUE.entry("scd30")
    slave = SimulatedInstrument(entry, lambda _n, _t: nan)
    assert all(isnan(value) and quality for value, quality in poll(entry, slave, 0.0).values())


def test_negative_temperature_comes_back_negative() -> None:
    entry = CATALOGUE.entry("xy-md02")
    slave = SimulatedInstrument(entry, lambda name, _t: -20.5 if name == "air_temperature" else 50.0)
    assert poll(entry, slave, 0.0)["air_temperature"] == (-20.5, 0)


def test_units_go_there_and_back() -> None:
    assert isclose(to_canonical(1500.0, "µS/cm", "soil_ec"), 1.5)
    assert isclose(from_canonical(1.5, "µS/cm", "soil_ec"), 1500.0)
    assert isclose(to_canonical(68.0, "°F", "air_temperature"), 20.0)


def test_the_folder_holds_nothing_but_entries() -> None:
    assert all(path.suffix == ".toml" for path in BUILT_IN.iterdir())


def test_the_catalogue_is_broad_and_half_of_it_stands_on_cited_frames() -> None:
    entries = CATALOGUE.entries()
    sold = [e for e in entries if e.maker != "Vườn digital twin"]
    assert len(sold) >= 60
    assert sum(e.verified for e in sold) >= 30
    assert all(e.golden for e in entries), "every entry carries at least one frame"
    assert len({e.type for e in entries}) == len(entries)


def test_no_two_entries_are_the_same_map_under_two_names() -> None:
    seen: dict[tuple[object, ...], str] = {}
    for entry in CATALOGUE.entries():
        if entry.kind in ACTUATORS:
            continue
        values = tuple((v.quantity, v.index, v.at, v.type, v.scale, v.unit) for v in entry.value)
        key = (entry.protocol, entry.function, entry.order, entry.serial, entry.text, values)
        assert key not in seen, f"{entry.type} is {seen[key]} under another name: make it one of its clones"
        seen[key] = entry.type


def test_a_clone_is_found_by_its_own_name() -> None:
    assert [e.type for e in CATALOGUE.search("sen0640")] == ["renke-rs-tbq"]
    assert "sn-3002-thc-s" in [e.type for e in CATALOGUE.search("cwt soil thc")]
    assert CATALOGUE.search("flying carpet") == []


def test_the_page_of_devices_is_what_the_catalogue_says() -> None:
    from scripts.device_table import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(CATALOGUE), "run: python -m scripts.device_table"
