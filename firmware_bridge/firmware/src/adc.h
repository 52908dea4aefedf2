/* SPDX-License-Identifier: Apache-2.0 */
/* Analogue inputs: sixteen conversions to an average, and a range check that may shut everything down. */
#ifndef VUON_ADC_H
#define VUON_ADC_H

#include <stdbool.h>
#include <stdint.h>

void adc_init(void);
void adc_restart(void);
void adc_poll(void);
uint16_t adc_average(uint8_t channel);  /* sum of sixteen 10-bit conversions: 0..16368 */
bool adc_in_range(uint8_t channel);
uint32_t adc_at_us(uint8_t channel);    /* when its last conversion was taken */

#endif
