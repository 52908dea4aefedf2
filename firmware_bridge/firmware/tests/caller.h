/* SPDX-License-Identifier: Apache-2.0 */
/* The host of a sequence: numbers and frames its calls, and knows when they reach the board. */
#ifndef VUON_CALLER_H
#define VUON_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "messages.h"

enum spoil { SPOIL_NOT, SPOIL_BIT, SPOIL_DROP, SPOIL_TWICE, SPOIL_NOISE_BEFORE };

void caller_begin(const struct device *device, void (*dose_began)(void));
void caller_hear(uint64_t us, uint8_t byte); /* a byte from the board */
void caller_connect(void);

/* Sends one call; gives when it has reached the board whole, or 0 when it was spoilt. */
uint64_t caller_call(enum message message, const uint32_t *args, enum spoil spoil, uint32_t chance);

void caller_noise(uint32_t length, uint32_t (*random)(void));
uint8_t caller_configure(uint32_t epoch); /* tells the plant of plant.h; gives the next call's number */

#endif
