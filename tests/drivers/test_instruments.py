# SPDX-License-Identifier: Apache-2.0
"""Simulated instruments as instruments are: they lag, warm up, lie, freeze, and speak lines as well as registers."""

from math import isclose, isnan, nan

import pytest

from drivers.catalogue import Catalogue
from drivers.catalogue_schema import Entry
from drivers.crc import sdi12_crc
from drivers.registry import names_of, read_registers, read_text
from drivers.sensors import teros, topp
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line_instruments import SimulatedLineInstrument
from drivers.sim.signals import Element, ElementFault
from drivers.text_decode import TextFault, join_sdi12
from telemetry.quantities import quantity
from telemetry.records import Quality

CATALOGUE = Catalogue()
LINES = [e.type for e in CATALOGUE.entries() if e.protocol != "modbus"]
SDI12 = [e.type for e in CATALOGUE.entries() if e.protocol == "sdi12"]


def world(name: str, _now: float) -> float:
    """Plausible values of a greenhouse for every quantity."""
    known = quantity(name.partition(".")[0])
    return {"soil_moisture": 27.0, "co2": 640.0, "raw_signal": nan, "soil_permittivity": nan}.get(
        known.name, known.low + 0.25 * (min(known.high, known.low + 100.0) - known.low)
    )


def ask_all(entry: Entry, slave: SimulatedLineInstrument) -> bytes:
    """Ask as a recorder would and give the values' bytes."""
    assert entry.text is not None
    if entry.protocol == "binary":
        return slave.answer(bytes.fromhex(entry.text.request), 0.0)[0][1]
    if entry.protocol == "ascii":
        command = entry.text.request.replace("{a}", str(entry.serial.address))
        return slave.answer(command.upper().encode("ascii"), 0.0)[0][1]  # WXT: the message without check sums
    a = slave.address
    head = slave.answer(f"{a}C!".encode(), 0.0)[0][1].decode().strip()
    expected = int(head[4:6])
    rows: list[bytes] = []
    while sum(row.count(b"+") + row.count(b"-") for row in rows) < expected:
        rows.append(slave.answer(f"{a}D{len(rows)}!".encode(), 0.0)[0][1])
        assert len(rows) < 10
    return join_sdi12(rows)


@pytest.mark.parametrize("name", LINES)
def test_a_line_instrument_tells_what_the_world_has(name: str) -> None:
    entry = CATALOGUE.entry(name)
    slave = SimulatedLineInstrument(entry, world)
    got = {m.name: m for m in read_text(entry, ask_all(entry, slave))}
    assert set(got) == set(names_of(entry))
    for key, measured in got.items():
        truth = world(key, 0.0)
        if not isnan(truth):
            assert isclose(measured.canonical, truth, rel_tol=2e-3, abs_tol=0.06), key


@pytest.mark.parametrize("name", SDI12)
def test_sdi12_instruments_keep_the_grammar(name: str) -> None:
    entry = CATALOGUE.entry(name)
    slave = SimulatedLineInstrument(entry, world)
    assert slave.answer(b"?!", 0.0)[0][1] == b"0\r\n"
    assert slave.answer(b"1!", 0.0) == []
    assert slave.answer(b"0X!", 0.0) == []
    identity = slave.answer(b"0I!", 0.0)[0][1].decode()
    assert identity.startswith("014")
    assert slave.answer(b"0A5!", 0.0)[0][1] == b"5\r\n"
    assert slave.answer(b"0!", 0.0) == []
    answers = slave.answer(b"5MC!", 0.0)
    assert answers[0][1][1:4].isdigit()
    data = slave.answer(b"5D0!", 0.0)[0][1]
    assert sdi12_crc(data[:-5]) == data[-5:-2]
    assert len(data) <= 1 + 35 + 3 + 2


@pytest.mark.parametrize("data", [b"", b"0\r\n", b"0+1.0x\r\n", b"0abc\r\n", b"\xff+1.0\r\n", b"0 1.0\r\n"])
def test_a_broken_data_answer_is_a_fault_never_a_value(data: bytes) -> None:
    with pytest.raises(TextFault):
        read_text(CATALOGUE.entry("acclima-tdr-310s"), data)


def test_a_winsen_frame_with_a_wrong_sum_is_a_fault() -> None:
    entry = CATALOGUE.entry("mh-z19b")
    with pytest.raises(TextFault, match="checksum"):
        read_text(entry, bytes.fromhex("FF8602200000000059"))
    with pytest.raises(TextFault, match="8 bytes"):
        read_text(entry, bytes.fromhex("FF86022000000000"))


def test_a_vaisala_value_with_a_hash_is_a_fault_flag() -> None:
    measured = read_text(CATALOGUE.entry("vaisala-wxt536"), b"0R0,Dx=005#,Sx=2.8M,Ta=23.0C\r\n")
    flags = {m.quantity: m.quality for m in measured}
    assert flags["wind_direction"] & Quality.SENTINEL
    assert flags["wind_speed"] == 0
    assert flags["air_pressure"] & Quality.COMM


def test_an_ezo_error_code_is_a_fault() -> None:
    with pytest.raises(TextFault):
        read_text(CATALOGUE.entry("atlas-ezo-ph"), b"*ER\r")


def test_the_makers_equations_meet_their_test_vectors() -> None:
    # METER manual p. 18 and Topp (1980), numbers recomputed by hand.
    assert isclose(teros.moisture(2500.0), 27.415, abs_tol=1e-3)
    assert isclose(teros.moisture(3000.0), 46.81, abs_tol=1e-3)
    assert isclose(teros.raw_count(27.415), 2500.0, abs_tol=0.01)
    assert [round(topp.moisture(e), 2) for e in (5.0, 10.0, 20.0, 40.0)] == [7.98, 18.83, 34.54, 51.02]
    assert isclose(topp.permittivity(34.54), 20.0, abs_tol=0.01)


def test_a_teros_fault_code_gives_no_moisture() -> None:
    got = {m.quantity: m for m in read_text(CATALOGUE.entry("meter-teros-12"), b"0-9999+24.0+1000\r\n")}
    assert isnan(got["soil_moisture"].raw)
    assert got["soil_moisture"].quality & Quality.SENTINEL


def test_a_frozen_element_repeats_itself_and_a_lying_one_is_off() -> None:
    entry = CATALOGUE.entry("xy-md02")
    faults = [ElementFault("frozen", 10.0, 20.0), ElementFault("lying", 30.0, 40.0, amount=5.0)]
    element = Element(entry, lambda _name, now: now, faults=faults)
    shown = {t: element.sense("air_temperature", float(t)) for t in (9, 10, 15, 19, 25, 30, 45)}
    assert shown == {9: 9.0, 10: 9.0, 15: 9.0, 19: 9.0, 25: 25.0, 30: 35.0, 45: 45.0}


def test_a_lagging_element_follows_the_world_with_its_time_constant() -> None:
    element = Element(CATALOGUE.entry("xy-md02"), lambda _n, now: 0.0 if now < 1.0 else 10.0, lag_s=10.0)
    element.sense("air_temperature", 0.0)
    element.sense("air_temperature", 1.0)
    assert isclose(element.sense("air_temperature", 11.0), 10.0 * (1.0 - 0.904837418 * 0.367879441), rel_tol=1e-6)


def test_a_warming_element_is_wrong_until_its_warm_up_ends() -> None:
    element = Element(CATALOGUE.entry("senseair-s8"), lambda _n, _t: 600.0, powered_s=0.0)
    assert element.sense("co2", 0.0) == 1600.0
    assert element.sense("co2", 30.0) == 1100.0
    assert element.sense("co2", 60.0) == 600.0


def test_noise_repeats_for_a_seed() -> None:
    runs = [
        [Element(CATALOGUE.entry("xy-md02"), world, seed, {"air_temperature": 0.1}).sense("air_temperature", 0.0)]
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_a_device_out_of_power_or_silent_says_nothing() -> None:
    slave = SimulatedInstrument(CATALOGUE.entry("scd30"), world, powered_s=0.0)
    request = bytes.fromhex("0300280006")
    assert slave.answer(0x61, request, 1.0) is None
    assert slave.answer(0x61, request, 2.5) is not None
    slave.silent = True
    assert slave.answer(0x61, request, 3.0) is None


def test_status_bits_flag_every_value() -> None:
    entry = CATALOGUE.entry("senseair-s8")
    good = {(4, 0): 0, (4, 1): 0, (4, 2): 0, (4, 3): 512}
    assert [m.quality for m in read_registers(entry, good)] == [0]
    assert read_registers(entry, {**good, (4, 0): 1})[0].quality & Quality.SENTINEL
    assert read_registers(entry, good, since_power_s=5.0)[0].quality & Quality.WARMUP


def test_the_register_scale_is_taken_from_the_instrument() -> None:
    entry = CATALOGUE.entry("qdy30a-level")
    words = {(3, i): w for i, w in enumerate((1, 3, 0x11, 2, 1234, 0, 5000))}
    assert read_registers(entry, words)[0].raw == 12.34
    assert isnan(read_registers(entry, {(3, 4): 1234})[0].raw), "no scale, no value"


def test_sign_by_offset_gives_negative_temperatures() -> None:
    entry = CATALOGUE.entry("kincony-sht30")
    assert read_registers(entry, {(3, 0): 10055, (3, 1): 500})[0].raw == -5.5
    assert read_registers(entry, {(3, 0): 255, (3, 1): 500})[0].raw == 25.5
