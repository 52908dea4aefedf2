/* SPDX-License-Identifier: Apache-2.0 */
/* The two check sums: CRC-32 guards frames and names a configuration, CRC-16/MCRF4XX guards records. */
#ifndef VUON_CRC_H
#define VUON_CRC_H

#include <stdint.h>

#define CRC16_START 0xFFFFu
#define CRC32_START 0xFFFFFFFFul

uint16_t crc16_add(uint16_t crc, uint8_t byte);
uint16_t crc16_of(const void *data, uint16_t length);

/* CRC-32/ISO-HDLC without the final inversion; the caller inverts once at the end. */
uint32_t crc32_add(uint32_t crc, uint8_t byte);

#endif
