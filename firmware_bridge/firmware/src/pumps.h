/* SPDX-License-Identifier: Apache-2.0 */
/* Pump interlocks: never against closed valves, never dry, and off before its last valve closes. */
#ifndef VUON_PUMPS_H
#define VUON_PUMPS_H

#include <stdint.h>

void pumps_init(void);
void pumps_tick(void);
uint8_t pumps_block(uint8_t output);                /* for the tick */
uint16_t pumps_close_lead_ms(uint8_t valve);        /* how long this valve has to outlive a running pump; 0 = not */
void pumps_clear_lockout(uint16_t outputs);

#endif
