# SPDX-License-Identifier: Apache-2.0
"""Independent masters read our simulated instruments over a pseudo-terminal and understand the same numbers."""

import minimalmodbus
import pytest
from pymodbus.client import ModbusSerialClient

from drivers.catalogue import Catalogue
from drivers.line_settings import LineSettings
from drivers.sim.instruments import SimulatedInstrument
from tests.drivers.served import served

CATALOGUE = Catalogue()
FAST = LineSettings(115200)
WORLD = {
    "air_temperature": -3.4,
    "air_humidity": 71.3,
    "co2": 612.5,
    "voltage": 228.4,
    "current": 3.217,
    "water_flow": 35.5,
    "water_volume": 1250.25,
    "power": 712.3,
    "energy": 154.2,
    "frequency": 50.0,
    "power_factor": 0.97,
}
XY, CO2, FLOW, METER = 1, 2, 3, 4


def slaves() -> list[SimulatedInstrument]:
    types = {XY: "xy-md02", CO2: "scd30", FLOW: "tuf-2000", METER: "pzem-004t-v3"}
    return [
        SimulatedInstrument(CATALOGUE.entry(name), lambda key, _now: WORLD[key], address=unit, baud=FAST.baud)
        for unit, name in types.items()
    ]


def test_pymodbus_reads_floats_integers_and_word_orders_as_we_mean_them() -> None:
    with served(slaves(), FAST) as port:
        client = ModbusSerialClient(port, baudrate=FAST.baud, timeout=1.0, retries=0)
        assert client.connect()
        try:
            kinds = client.DATATYPE
            air = client.read_input_registers(1, count=2, device_id=XY)
            assert client.convert_from_registers(air.registers[:1], kinds.INT16) == -34
            assert client.convert_from_registers(air.registers[1:], kinds.UINT16) == 713
            co2 = client.read_holding_registers(0x28, count=6, device_id=CO2)
            assert client.convert_from_registers(co2.registers[:2], kinds.FLOAT32) == 612.5
            flow = client.read_holding_registers(0, count=12, device_id=FLOW)
            per_hour = client.convert_from_registers(flow.registers[:2], kinds.FLOAT32, word_order="little")
            assert per_hour == pytest.approx(35.5 * 0.06)
            whole = client.convert_from_registers(flow.registers[8:10], kinds.INT32, word_order="little")
            rest = client.convert_from_registers(flow.registers[10:12], kinds.FLOAT32, word_order="little")
            assert float(str(whole)) + float(str(rest)) == pytest.approx(1.25025)
            assert client.read_holding_registers(0x200, count=1, device_id=XY).exception_code == 2
        finally:
            client.close()  # type: ignore[no-untyped-call]


def test_minimalmodbus_reads_the_same_numbers() -> None:
    with served(slaves(), FAST) as port:
        meter = minimalmodbus.Instrument(port, METER, close_port_after_each_call=True)
        meter.serial.baudrate = FAST.baud
        meter.serial.timeout = 1.0
        assert meter.read_register(0, 1, functioncode=4) == 228.4
        assert meter.read_long(1, functioncode=4, byteorder=minimalmodbus.BYTEORDER_LITTLE_SWAP) == 3217
        assert meter.read_register(7, 1, functioncode=4) == 50.0
        with pytest.raises(minimalmodbus.IllegalRequestError):
            meter.read_register(0x500, 0, functioncode=3)
