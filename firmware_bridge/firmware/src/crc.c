/* SPDX-License-Identifier: Apache-2.0 */
/* Small before fast: on the small board flash is dearer than microseconds. */
#include "crc.h"

#include "board.h"

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
    /* Half a byte at a time: 64 bytes of table make it fast enough for every frame. */
    static const uint32_t table[16] BOARD_FLASH = {
        0x00000000ul, 0x1DB71064ul, 0x3B6E20C8ul, 0x26D930ACul, 0x76DC4190ul, 0x6B6B51F4ul, 0x4DB26158ul, 0x5005713Cul,
        0xEDB88320ul, 0xF00F9344ul, 0xD6D6A3E8ul, 0xCB61B38Cul, 0x9B64C2B0ul, 0x86D3D2D4ul, 0xA00AE278ul, 0xBDBDF21Cul,
    };
    crc ^= byte;
    crc = crc >> 4 ^ BOARD_FLASH_LONG(&table[crc & 0x0Fu]);
    return crc >> 4 ^ BOARD_FLASH_LONG(&table[crc & 0x0Fu]);
}
