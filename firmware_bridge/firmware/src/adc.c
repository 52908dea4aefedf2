/* SPDX-License-Identifier: Apache-2.0 */
/* Averaging by summing: sixteen readings of ten bits give two more honest bits and need no division. */
#include "adc.h"

#include "board.h"
#include "codes.h"
#include "config.h"
#include "shutdown.h"

#define CONVERSIONS 16u

struct adc_state {
    uint32_t at_us;
    uint16_t average;
    uint8_t bad;  /* averages out of range in a row */
};

static struct adc_state states[BOARD_ADCS];
static uint16_t sum;
static uint8_t taken;
static uint8_t channel;
static bool started;

void adc_init(void)
{
    for (uint8_t i = 0; i < BOARD_ADCS; i++) {
        states[i].at_us = 0;
        states[i].average = 0;
        states[i].bad = 0;
    }
    channel = 0;
    started = false;
    adc_restart();
}

void adc_restart(void)
{
    sum = 0;
    taken = 0;
    for (uint8_t i = 0; i < BOARD_ADCS; i++) {
        states[i].bad = 0;
    }
}

static void check_range(uint8_t index)
{
    const struct adc_config *limits = &config.adc[index];
    struct adc_state *state = &states[index];
    if (limits->bad_limit == 0 || (state->average >= limits->limit_low && state->average <= limits->limit_high)) {
        state->bad = 0;
        return;
    }
    if (state->bad < limits->bad_limit) {
        state->bad++;
    }
    if (state->bad >= limits->bad_limit && limits->action == ADC_ACTION_SHUTDOWN && config_ready()) {
        shutdown_latch(SHUTDOWN_ADC_RANGE);
    }
}

void adc_poll(void)
{
    uint16_t raw;
    if (!started) {
        started = true;
        board_adc_start(channel);
        return;
    }
    if (!board_adc_take(&raw)) {
        return;
    }
    sum = (uint16_t)(sum + raw);
    taken++;
    if (taken >= CONVERSIONS) {
        const uint32_t at_us = board_clock_us();
        const uint8_t saved = board_lock(); /* the pump interlock reads averages in the tick */
        states[channel].average = sum;
        states[channel].at_us = at_us;
        board_unlock(saved);
        check_range(channel);
        sum = 0;
        taken = 0;
        channel = channel + 1u < BOARD_ADCS ? (uint8_t)(channel + 1u) : 0;
    }
    board_adc_start(channel);
}

uint16_t adc_average(uint8_t index)
{
    return states[index].average;
}

bool adc_in_range(uint8_t index)
{
    return states[index].bad == 0;
}

uint32_t adc_at_us(uint8_t index)
{
    return states[index].at_us;
}
