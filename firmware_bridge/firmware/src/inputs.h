/* SPDX-License-Identifier: Apache-2.0 */
/* Float switches and the stop chain, debounced, and what they forbid. */
#ifndef VUON_INPUTS_H
#define VUON_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

void inputs_init(void);
void inputs_tick(void);
uint8_t inputs_active(void);
uint16_t inputs_blocked(void); /* outputs that may not be on now */
bool inputs_estop(void);
void inputs_clear_latched(uint16_t outputs);

#endif
