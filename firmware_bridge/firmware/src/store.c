/* SPDX-License-Identifier: Apache-2.0 */
/* Writes wait for the EEPROM, byte by byte; leases and interlocks go on in the tick meanwhile. */
#include "store.h"

#include <string.h>

#include "crc.h"

void store_read(uint16_t address, void *data, uint16_t length)
{
    uint8_t *bytes = data;
    for (uint16_t i = 0; i < length; i++) {
        bytes[i] = board_eeprom_read((uint16_t)(address + i));
    }
}

bool store_write(uint16_t address, const void *data, uint16_t length)
{
    const uint8_t *bytes = data;
    for (uint16_t i = 0; i < length; i++) {
        board_watchdog_feed(); /* bounded: at most the EEPROM's length */
        if (!board_eeprom_write((uint16_t)(address + i), bytes[i])) {
            return false;
        }
    }
    return true;
}

static uint16_t serial_of(const uint8_t *record)
{
    return (uint16_t)(record[0] | (uint16_t)((uint16_t)record[1] << 8));
}

static bool load_slot(const struct ring *ring, uint8_t slot, uint8_t *record)
{
    const uint8_t body = (uint8_t)(ring->record_size - 2u);
    store_read((uint16_t)(ring->base + (uint16_t)(slot * ring->slot_size)), record, ring->record_size);
    const uint16_t crc = crc16_of(record, body);
    return record[body] == (uint8_t)(crc & 0xFFu) && record[body + 1u] == (uint8_t)(crc >> 8);
}

bool store_ring_load(const struct ring *ring, void *record)
{
    uint8_t *bytes = record;
    bool found = false;
    uint8_t newest = 0;
    uint16_t newest_serial = 0;
    for (uint8_t slot = 0; slot < ring->slots; slot++) {
        if (load_slot(ring, slot, bytes)) {
            const uint16_t serial = serial_of(bytes);
            if (!found || (uint16_t)(serial - newest_serial) < 0x8000u) {
                found = true;
                newest = slot;
                newest_serial = serial;
            }
        }
    }
    if (!found) {
        memset(record, 0, ring->record_size);
        return false;
    }
    return load_slot(ring, newest, bytes);
}

bool store_ring_save(const struct ring *ring, void *record)
{
    uint8_t *bytes = record;
    const uint8_t body = (uint8_t)(ring->record_size - 2u);
    const uint16_t serial = (uint16_t)(serial_of(bytes) + 1u);
    bytes[0] = (uint8_t)(serial & 0xFFu);
    bytes[1] = (uint8_t)(serial >> 8);
    const uint16_t crc = crc16_of(bytes, body);
    bytes[body] = (uint8_t)(crc & 0xFFu);
    bytes[body + 1u] = (uint8_t)(crc >> 8);
    return store_write((uint16_t)(ring->base + (uint16_t)(serial % ring->slots * ring->slot_size)), bytes,
                       ring->record_size);
}
