/* SPDX-License-Identifier: Apache-2.0 */
/* Dosing pumps: a volume at a time, capped per event, hour and day, and only into flowing water. */
#ifndef VUON_DOSERS_H
#define VUON_DOSERS_H

#include <stdint.h>

void dosers_init(void);
void dosers_tick(void);
void dosers_poll(void);
uint8_t dosers_block(uint8_t output); /* for the tick */

#endif
