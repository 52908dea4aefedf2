# SPDX-License-Identifier: Apache-2.0
"""A technician's walk over a simulated line in virtual time: scan, identify, readdress; nothing is destroyed."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from drivers.catalogue import Catalogue
from drivers.commissioning import (
    Candidate,
    Outcome,
    check_write,
    confirm,
    identify,
    readdress,
    scan,
)
from drivers.line_settings import LineSettings
from drivers.modbus_pdu import read
from drivers.ports import StreamOpener
from drivers.probe import Probe
from drivers.sim.devices import line_with, settings_of
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import Emission, Exchange, LineOpener
from edge import virtual
from telemetry.quantities import quantity

T = TypeVar("T")
CATALOGUE = Catalogue()
SLOW = LineSettings(4800)
COMMON = LineSettings(9600)
PAR = LineSettings(19200, "E")


def world(name: str, _now: float) -> float:
    known = quantity(name.partition(".")[0])
    values = {"soil_moisture": 27.5, "soil_temperature": 24.3, "soil_ec": 1.25, "co2": 612.0, "voltage": 228.0}
    values |= {"frequency": 50.0, "power_factor": 0.97}
    return values.get(known.name, known.low + 0.25 * (min(known.high, known.low + 100.0) - known.low))


def device(type_name: str, address: int = 0, baud: int = 0) -> SimulatedInstrument:
    return SimulatedInstrument(CATALOGUE.entry(type_name), world, address=address, baud=baud)


def on(*devices: SimulatedInstrument) -> Callable[[LineSettings], StreamOpener]:
    return lambda settings: LineOpener(line_with(devices, settings))


def run(main: Callable[[], Awaitable[T]]) -> T:
    async def body(_loop: virtual.VirtualLoop) -> T:
        return await main()

    return virtual.run(body)


def test_a_scan_finds_each_device_at_its_own_setting_and_two_on_one_address() -> None:
    devices = (
        device("sn-3002-thc-s"),
        device("xy-md02", 1),
        device("pzem-004t-v3", 7),
        device("apogee-sq-522"),
        device("sonbest-xm3005b", 30),
        device("rs485-th", 30),
    )
    found = run(lambda: scan(on(*devices), settings=(SLOW, COMMON, PAR), addresses=range(1, 33)))
    assert [(f.address, f.settings, f.state) for f in found] == [
        (1, SLOW, "device"),
        (1, COMMON, "device"),
        (7, COMMON, "device"),
        (30, COMMON, "several"),
        (1, PAR, "device"),
    ]


def test_a_scan_only_reads() -> None:
    devices = (device("xy-md02", 1), device("waveshare-relay-8ch", 2), device("scd30", baud=9600))
    asked: set[int] = set()

    def spying(settings: LineSettings) -> StreamOpener:
        line = line_with(devices, settings)
        plain = line.behaviour

        def spy(exchange: Exchange) -> list[Emission]:
            asked.add(exchange.frame[1])
            return plain(exchange)

        line.behaviour = spy
        return LineOpener(line)

    async def walk() -> list[Candidate]:
        found = await scan(spying, settings=(COMMON,), addresses=(1, 2, 3, 0x61))
        assert [f.address for f in found] == [1, 2, 0x61]
        async with Probe(spying(COMMON), COMMON) as probe:
            return await identify(probe, 1, CATALOGUE.entries())

    assert run(walk)
    assert asked <= {1, 2, 3, 4}


def test_a_scan_of_an_empty_line_ends_and_finds_nobody() -> None:
    told: list[tuple[LineSettings, int, int]] = []
    found = run(lambda: scan(on(), settings=(COMMON,), addresses=(1, 2), told=lambda s, a, n: told.append((s, a, n))))
    assert found == []
    assert told == [(COMMON, 1, 0), (COMMON, 2, 0)]


@pytest.mark.parametrize(
    "name",
    [
        "xy-md02",
        "sn-3002-thc-s",
        "jxbs-3001-tr-7in1",
        "seeed-mtec-02",
        "tuf-2000",
        "pzem-004t-v3",
        "eastron-sdm120",
        "qdy30a-level",
        "seeed-orch-s4",
        "hukseflux-sr05",
    ],
)
def test_identify_puts_the_true_type_among_the_first(name: str) -> None:
    slave = device(name, 5)
    settings = settings_of(slave)

    async def ask() -> list[Candidate]:
        async with Probe(on(slave)(settings), settings) as probe:
            return await identify(probe, 5, CATALOGUE.entries())

    candidates = [c.entry.type for c in run(ask)]
    assert name in candidates[:3], candidates


def change(
    slave: SimulatedInstrument, old: int, new: int, *others: SimulatedInstrument, alone: bool = False
) -> Outcome:
    settings = settings_of(slave)

    async def ask() -> Outcome:
        async with Probe(on(slave, *others)(settings), settings) as probe:
            return await readdress(probe, slave.entry, old, new, alone=alone)

    return run(ask)


def test_readdress_waits_for_the_power_cycle_that_the_maker_wants() -> None:
    slave = device("xy-md02", 1)
    assert change(slave, 1, 9).state == "power-cycle"
    assert slave.address == 1
    slave.power_cycle(0.0)
    assert slave.address == 9

    async def look() -> Outcome:
        async with Probe(on(slave)(COMMON), COMMON) as probe:
            return await confirm(probe, 9)

    assert run(look).state == "done"


def test_readdress_saves_where_the_maker_wants_it_saved() -> None:
    slave = device("apogee-sq-522", 1)
    assert change(slave, 1, 4) == Outcome("done")
    assert slave.address == 4
    assert slave.ruined == []
    level = device("qdy30a-level", 1)
    assert change(level, 1, 8) == Outcome("done")
    assert level.address == 8


def test_readdress_writes_a_float_where_the_address_is_one() -> None:
    slave = device("eastron-sdm120", 1)
    assert change(slave, 1, 12) == Outcome("done")
    assert slave.address == 12


def test_readdress_by_broadcast_needs_the_device_to_be_alone() -> None:
    slave = device("waveshare-relay-8ch", 1)
    assert change(slave, 1, 3) == Outcome("refused", "commission.must_be_alone")
    assert change(slave, 1, 3, alone=True).state == "done"
    assert slave.address == 3


def test_readdress_refuses_an_address_that_someone_has() -> None:
    slave, other = device("pzem-004t-v3", 1), device("rs485-th", 2)
    assert change(slave, 1, 2, other) == Outcome("refused", "commission.address_taken", "2")
    assert (slave.address, other.address) == (1, 2)


def test_what_would_destroy_a_factory_calibration_is_refused_before_a_byte_is_sent() -> None:
    slave = device("apogee-sq-522", 1)
    refused = change(slave, 1, 255)
    assert refused.reason == "commission.address_out_of_range"
    assert slave.ruined == []
    assert "factory calibration" in check_write(slave.entry, 48, (255,))
    assert "factory calibration" in check_write(slave.entry, 27, (0, 1))
    assert check_write(slave.entry, 48, (7,)) == ""
    assert "calibration" in check_write(CATALOGUE.entry("senseair-s8"), 1, (0x7C06,))


@pytest.mark.parametrize(
    ("name", "new", "reason"),
    [
        ("scd30", 5, "commission.address_by_hand"),
        ("rs485-th", 5, "commission.no_address_setting"),
        ("xy-md02", 1, "commission.same_address"),
        ("xy-md02", 248, "commission.address_out_of_range"),
    ],
)
def test_readdress_says_why_it_will_not(name: str, new: int, reason: str) -> None:
    slave = device(name)
    outcome = change(slave, slave.address, new)
    assert (outcome.state, outcome.reason) == ("refused", reason)


def test_readdress_of_nobody_fails_without_writing() -> None:
    slave = device("xy-md02", 1)
    outcome = change(slave, 20, 21)
    assert (outcome.state, outcome.reason) == ("failed", "commission.nobody_at_old")


def test_a_probe_tells_silence_refusal_and_rubbish_apart() -> None:
    slave = device("xy-md02", 1)

    async def ask() -> list[str]:
        async with Probe(on(slave, device("rs485-th", 2), device("sonbest-xm3005b", 2))(COMMON), COMMON) as probe:
            return [
                (await probe.ask(read(1, 4, 1, 2))).kind,
                (await probe.ask(read(1, 3, 0, 1))).kind,
                (await probe.ask(read(9, 3, 0, 1))).kind,
                "garbled" if (await probe.ask(read(2, 3, 0, 2))).garbled else "clean",
            ]

    assert run(ask) == ["reply", "exception", "timeout", "garbled"]
