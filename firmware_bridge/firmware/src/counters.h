/* SPDX-License-Identifier: Apache-2.0 */
/* Pulse counters for water meters and rain gauges. Totals since reset: a lost message loses no water. */
#ifndef VUON_COUNTERS_H
#define VUON_COUNTERS_H

#include <stdint.h>

void counters_init(void);
void counters_pulse(uint8_t counter, uint32_t at_us); /* from the board's edge interrupt */
uint16_t counters_low(uint8_t counter);               /* low half; for the tick */
void counters_read(uint8_t counter, uint32_t *count, uint32_t *at_us);

#endif
