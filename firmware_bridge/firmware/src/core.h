/* SPDX-License-Identifier: Apache-2.0 */
/* The core's three entry points and its clock. The board calls them and nothing else. */
#ifndef VUON_CORE_H
#define VUON_CORE_H

#include <stdint.h>

void core_init(void);        /* once after reset, before interrupts run */
void core_tick(void);        /* every millisecond, from interrupt level */
void core_poll(void);        /* again and again from the main loop; never waits for the world */

uint32_t core_now_ms(void);  /* ticks since reset */

#endif
