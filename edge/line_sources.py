# SPDX-License-Identifier: Apache-2.0
"""Makes of each [[bus]] of farm.toml a source of readings, and of each device with outputs a bank.

The rule it keeps: what a line's kind means (Modbus, SDI-12, lines of text) is decided here, once; the opener of its
port is chosen elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence

from controllers.settings import OutputSettings
from drivers.actuators.drive import DriveOutput
from drivers.actuators.relay import RelayBoard
from drivers.actuators.valve import ValveOutput
from drivers.bus import Bus
from drivers.ports import Outputs, Source, StreamOpener
from drivers.text_bus import LineBus, Sdi12Bus
from drivers.text_places import TextDevice
from edge.agent import OutputBank
from edge.config import Bus as BusConfig
from edge.connected import line_settings
from edge.farm_profile import Known
from edge.poller import FaultRelay, ModbusSource, PolledDevice
from edge.temperatures import Temperatures
from edge.world import BootClock

LineSource = ModbusSource | LineBus | Sdi12Bus


def sources_and_banks(
    buses: Sequence[BusConfig],
    outputs: Mapping[str, OutputSettings],
    known: Sequence[Known],
    openers: Callable[[BusConfig], StreamOpener],
    boot: BootClock,
    water: Temperatures,
) -> tuple[dict[str, Source], list[OutputBank]]:
    """Make a source for each bus and a bank for each device with outputs; ``water`` knows what circuits are told."""
    sources: dict[str, Source] = {}
    banks: list[OutputBank] = []
    for bus in buses:
        here = [one for one in known if one.device.bus == bus.name]
        if bus.kind == "modbus":
            source = modbus_source(bus, here, openers(bus), boot.to_ms)
            sources[bus.name] = source
            banks += [_bank(one, source, outputs) for one in here if one.device.outputs]
        else:
            sources[bus.name] = text_source(bus, here, openers(bus), boot.to_ms, water)
    return sources, banks


def modbus_source(
    bus: BusConfig, here: Sequence[Known], opener: StreamOpener, mono_ms: Callable[[float], int]
) -> ModbusSource:
    """Make the source of one Modbus line."""
    faults = FaultRelay()
    line = Bus(opener, line_settings(bus), faults.take, name=bus.name)
    polled = [
        PolledDevice(one.device.name, one.entry, one.device.unit, one.device.period_s, one.series)
        for one in here
        if one.series
    ]
    return ModbusSource(line, polled, mono_ms, faults)


def text_source(
    bus: BusConfig,
    here: Sequence[Known],
    opener: StreamOpener,
    mono_ms: Callable[[float], int],
    water: Temperatures | None = None,
) -> LineBus | Sdi12Bus:
    """Make the source of one line with another protocol."""
    devices = [
        TextDevice(
            one.device.name,
            one.entry,
            str(one.device.address),
            one.device.period_s,
            one.series,
            water.of(one.device.temperature_from) if water is not None and one.device.temperature_from else None,
        )
        for one in here
        if one.series
    ]
    if bus.kind == "line":
        return LineBus(bus.name, opener, devices, mono_ms)
    adapter = bus.kind == "sdi12-adapter"
    as_8n1 = not adapter and line_settings(bus).data_bits == 8
    return Sdi12Bus(bus.name, opener, devices, mono_ms, adapter=adapter, as_8n1=as_8n1)


def _bank(one: Known, source: ModbusSource, settings: Mapping[str, OutputSettings]) -> OutputBank:
    device, entry, ask = one.device, one.entry, source.ask(one.device.name)
    wires = {output: (output, settings[output]) for output in device.outputs.values()}
    outputs: Outputs
    if entry.relay is not None:
        channels = {output: int(channel) for channel, output in device.outputs.items()}
        outputs = RelayBoard(entry, device.unit, channels, ask)
    elif entry.drive is not None:
        outputs = DriveOutput(entry, device.unit, next(iter(device.outputs.values())), ask)
    else:
        outputs = ValveOutput(entry, device.unit, next(iter(device.outputs.values())), ask)
    return OutputBank(device.name, outputs, wires)
