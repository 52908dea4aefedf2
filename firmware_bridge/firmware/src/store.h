/* SPDX-License-Identifier: Apache-2.0 */
/* EEPROM: one place for the configuration, rings of small records for what changes often. */
#ifndef VUON_STORE_H
#define VUON_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

/* A ring record begins with its serial number and ends with a CRC-16. A torn write leaves the one before valid;
 * the slots share the wear (100,000 writes each). */
#define IDENTITY_SLOTS 8u
#define IDENTITY_SIZE 20u
#define DOSE_SLOTS 10u
#define DOSE_SIZE 24u

#define STORE_IDENTITY 0u
#define STORE_DOSES (IDENTITY_SLOTS * IDENTITY_SIZE)
#define STORE_CONFIG (STORE_DOSES + BOARD_DOSERS * DOSE_SLOTS * DOSE_SIZE)

struct ring {
    uint16_t base;
    uint8_t slots;
    uint8_t slot_size;
    uint8_t record_size;
};

void store_read(uint16_t address, void *data, uint16_t length);
bool store_write(uint16_t address, const void *data, uint16_t length);

/* Loads the newest valid record; false (and zeros) when there is none. */
bool store_ring_load(const struct ring *ring, void *record);

/* Gives the record the next serial and its CRC, and writes it to the next slot. Takes up to 4 ms a byte. */
bool store_ring_save(const struct ring *ring, void *record);

#endif
