/* SPDX-License-Identifier: Apache-2.0 */
/* Valves and relays under lease, minimum off time and maximum on time; the one place that energises a pin. */
#ifndef VUON_OUTPUTS_H
#define VUON_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "messages.h"

void outputs_init(void);
void outputs_tick(void);

uint16_t outputs_on(void);
uint16_t outputs_leased(void);
bool outputs_is_on(uint8_t output);          /* for the tick */
uint32_t outputs_on_ms(uint8_t output);      /* for the tick: 0 when off */
uint16_t outputs_stays_ms(uint8_t output);   /* for the tick: on for sure at most this long from now */
uint16_t outputs_lease_ms(uint8_t output);

void outputs_set_lease(uint8_t output, uint16_t lease_ms);
void outputs_release(uint16_t outputs);   /* in order: pumps first, then the valves they pumped through */
void outputs_drop_all(void);              /* at once */

/* True when a call that energises something may go on; else it has been refused. */
bool outputs_call_allowed(const struct call *call, uint32_t epoch, uint32_t expires_ms);

#endif
