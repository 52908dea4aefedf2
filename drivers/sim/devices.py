# SPDX-License-Identifier: Apache-2.0
"""Puts simulated instruments on a simulated line: who hears a frame, and what happens when two answer at once.

The rule it keeps: a device hears only frames at its own speed and format; two devices on one address both answer,
and their bytes spoil each other, as on a real line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from drivers.line_settings import LineSettings
from drivers.modbus_rtu import frame_of
from drivers.modbus_slave import Serve
from drivers.sim.instruments import SimulatedInstrument
from drivers.sim.line import Behaviour, Emission, Exchange, SimLine

# The second of two devices that share an address answers so much later (s): less than a character at 9600 baud.
SECOND_LATER_S = 0.0004


def settings_of(device: SimulatedInstrument) -> LineSettings:
    """Give the line settings at which a device listens now."""
    form = device.entry.serial.format
    parity = form[1]
    return LineSettings(
        device.baud, "E" if parity == "E" else "O" if parity == "O" else "N", int(form[2]), int(form[0])
    )


class DeviceTable(Mapping[int, Serve]):
    """The devices of one line by the addresses they answer to at the moment (an address may change).

    ``baud`` tells at which speed the line is open now; without it, the line stays at ``settings``.
    """

    def __init__(
        self, devices: Sequence[SimulatedInstrument], settings: LineSettings, baud: Callable[[], int] | None = None
    ) -> None:
        self.devices = list(devices)
        self.settings = settings
        self.line: SimLine | None = None
        self._baud = baud

    def _understands(self, device: SimulatedInstrument) -> bool:
        return settings_of(device) == self.settings if self._baud is None else device.baud == self._baud()

    def hearing(self, unit: int) -> list[SimulatedInstrument]:
        """Give the devices that take a frame to ``unit`` at this line's settings."""
        return [d for d in self.devices if self._understands(d) and d.hears(unit)]

    def __getitem__(self, unit: int) -> Serve:
        for device in self.hearing(unit):
            return self._serve(device, unit)
        raise KeyError(unit)

    def __iter__(self) -> Iterator[int]:
        return iter({d.address for d in self.devices if self._understands(d)})

    def __len__(self) -> int:
        return len(set(iter(self)))

    def _serve(self, device: SimulatedInstrument, unit: int) -> Serve:
        def serve(pdu: bytes) -> bytes | None:
            return device.answer(unit, pdu, self.line.now_s if self.line is not None else 0.0)

        return serve


def line_with(
    devices: Sequence[SimulatedInstrument],
    settings: LineSettings,
    latency_s: float = 0.01,
    baud: Callable[[], int] | None = None,
) -> SimLine:
    """Give a line at ``settings`` with ``devices`` on it; ``baud`` as in :class:`DeviceTable`."""
    table = DeviceTable(devices, settings, baud)
    line = SimLine(settings, table, latency_s=latency_s, behaviour=_together(table), byte_by_byte=False)
    table.line = line
    return line


def _together(table: DeviceTable) -> Behaviour:
    def behave(exchange: Exchange) -> list[Emission]:
        unit = exchange.unit
        hearing = table.hearing(unit)
        if unit == 0 or len(hearing) < 2:
            reply = exchange.ask()
            return [] if reply is None else [exchange.emit(reply)]
        emissions = []
        for number, device in enumerate(hearing):
            pdu = device.answer(unit, exchange.frame[1:-2], exchange.end_s)
            if pdu is not None:
                emissions.append(exchange.emit(frame_of(unit, pdu), number * SECOND_LATER_S))
        return emissions

    return behave
