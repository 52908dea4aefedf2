/* SPDX-License-Identifier: Apache-2.0 */
/* Bit-wise and without tables: on the small board flash is dearer than the microseconds. */
#include "crc.h"

uint16_t crc16_add(uint16_t crc, uint8_t byte)
{
    byte = (uint8_t)(byte ^ (uint8_t)(crc & 0xFFu));
    byte = (uint8_t)(byte ^ (uint8_t)(byte << 4));
    return (uint16_t)((uint16_t)((uint16_t)byte << 8 | crc >> 8) ^ (uint16_t)(byte >> 4) ^ (uint16_t)((uint16_t)byte << 3));
}

uint16_t crc16_of(const void *data, uint16_t length)
{
    const uint8_t *bytes = data;
    uint16_t crc = CRC16_START;
    for (uint16_t i = 0; i < length; i++) {
        crc = crc16_add(crc, bytes[i]);
    }
    return crc;
}

uint32_t crc32_add(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (uint8_t bit = 0; bit < 8; bit++) {
        crc = (crc & 1u) != 0 ? crc >> 1 ^ 0xEDB88320ul : crc >> 1;
    }
    return crc;
}
