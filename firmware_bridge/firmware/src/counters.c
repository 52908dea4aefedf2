/* SPDX-License-Identifier: Apache-2.0 */
/* A reed contact bounces: pulses closer than the configured interval to the last one are the same pulse. */
#include "counters.h"

#include "board.h"
#include "config.h"

struct counter_state {
    uint32_t count;
    uint32_t at_us;
};

static volatile struct counter_state counters[BOARD_COUNTERS];

void counters_init(void)
{
    for (uint8_t i = 0; i < BOARD_COUNTERS; i++) {
        counters[i].count = 0;
        counters[i].at_us = 0;
    }
}

void counters_pulse(uint8_t counter, uint32_t at_us)
{
    volatile struct counter_state *state = &counters[counter];
    if (state->count == 0 || at_us - state->at_us >= config.counter_min_us[counter]) {
        state->count++;
        state->at_us = at_us;
    }
}

uint16_t counters_low(uint8_t counter)
{
    const uint8_t saved = board_lock(); /* the edge interrupt may come in the middle of the tick */
    const uint16_t low = (uint16_t)counters[counter].count;
    board_unlock(saved);
    return low;
}

void counters_read(uint8_t counter, uint32_t *count, uint32_t *at_us)
{
    const uint8_t saved = board_lock();
    *count = counters[counter].count;
    *at_us = counters[counter].at_us;
    board_unlock(saved);
}
