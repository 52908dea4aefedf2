# SPDX-License-Identifier: Apache-2.0
"""Check values of the field protocols: CRC-16 of Modbus and SDI-12, the sum of MH-Z19.

The rule it keeps: plain functions of bytes, checked against published vectors, no state.
"""


def _table(polynomial: int) -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ polynomial if value & 1 else value >> 1
        rows.append(value)
    return tuple(rows)


_A001 = _table(0xA001)


def crc16(data: bytes | bytearray | memoryview, start: int = 0xFFFF) -> int:
    """CRC-16, polynomial 0xA001 reflected (Modbus over Serial Line 1.02, §6.2.2; SDI-12 1.4 §4.4.12).

    ``start`` is 0xFFFF for Modbus and 0 for SDI-12. Over a Modbus frame with its own CRC appended the
    result is 0.
    """
    table = _A001
    value = start
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value


def modbus_crc(data: bytes | bytearray | memoryview) -> bytes:
    """Give the two CRC bytes in the order of the wire, low byte first."""
    return crc16(data).to_bytes(2, "little")


def sdi12_crc(data: bytes | bytearray | memoryview) -> bytes:
    """Give the three printable CRC characters of SDI-12 (§4.4.12.2): six bits each, with 0x40 set."""
    value = crc16(data, 0)
    return bytes((0x40 | (value >> 12), 0x40 | ((value >> 6) & 0x3F), 0x40 | (value & 0x3F)))


def inverted_sum(data: bytes | bytearray | memoryview) -> int:
    """Checksum of Winsen frames (MH-Z19B manual, "Calculation of check value"): 0xFF - sum + 1."""
    return (-sum(data)) & 0xFF
