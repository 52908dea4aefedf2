/* SPDX-License-Identifier: Apache-2.0 */
/* The pump runs only while some valve is open and will stay open longer than the close lead. So when leases run
 * out the pump stops first, and no lease is ever stretched to keep that order. */
#include "pumps.h"

#include <stdbool.h>

#include "adc.h"
#include "bits.h"
#include "board.h"
#include "codes.h"
#include "config.h"
#include "counters.h"
#include "outputs.h"

struct pump_state {
    uint32_t lockout_left_ms;
    uint16_t no_pulse_ms;
    uint16_t no_current_ms;
    uint16_t count;
    uint8_t trips;
};

static volatile struct pump_state states[BOARD_PUMPS];

void pumps_init(void)
{
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        states[i].lockout_left_ms = 0;
        states[i].no_pulse_ms = 0;
        states[i].no_current_ms = 0;
        states[i].count = 0;
        states[i].trips = 0;
    }
}

static bool locked(const volatile struct pump_state *state, const struct pump_config *pump)
{
    return state->lockout_left_ms != 0 || (pump->tries != 0 && state->trips >= pump->tries);
}

static void watch_running(volatile struct pump_state *state, const struct pump_config *pump)
{
    if (pump->counter != NOT_FITTED) {
        const uint16_t count = counters_low(pump->counter);
        state->no_pulse_ms = count == state->count ? (uint16_t)(state->no_pulse_ms + 1u) : 0;
        state->count = count;
    }
    if (pump->adc != NOT_FITTED) {
        const bool low = adc_average(pump->adc) < pump->current_min;
        state->no_current_ms = low ? (uint16_t)(state->no_current_ms + 1u) : 0;
    }
    if (state->no_pulse_ms >= pump->dry_run_ms || state->no_current_ms >= pump->dry_run_ms) {
        state->lockout_left_ms = (uint32_t)pump->lockout_s * 1000u;
        state->trips++;
    } else if (outputs_on_ms(pump->output) / 2u > pump->dry_run_ms) {
        state->trips = 0; /* it ran wet for twice the dry-run time: the trouble is over */
    }
}

void pumps_tick(void)
{
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        const struct pump_config *pump = &config.pump[i];
        volatile struct pump_state *state = &states[i];
        if (pump->output >= BOARD_OUTPUTS) {
            continue;
        }
        if (state->lockout_left_ms != 0) {
            state->lockout_left_ms--;
        }
        if (outputs_is_on(pump->output) && pump->dry_run_ms != 0) {
            watch_running(state, pump);
        } else {
            state->no_pulse_ms = 0;
            state->no_current_ms = 0;
            state->count = pump->counter < BOARD_COUNTERS ? counters_low(pump->counter) : 0;
        }
    }
}

static bool has_open_valve(const struct pump_config *pump)
{
    uint16_t valves = pump->valves;
    for (uint8_t valve = 0; valve < BOARD_OUTPUTS && valves != 0; valve++) {
        if ((valves & 1u) != 0 && outputs_is_on(valve) && outputs_on_ms(valve) >= pump->open_lead_ms &&
            outputs_stays_ms(valve) > pump->close_lead_ms) {
            return true;
        }
        valves >>= 1;
    }
    return false;
}

uint8_t pumps_block(uint8_t output)
{
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        const struct pump_config *pump = &config.pump[i];
        if (pump->output == output) {
            if (locked(&states[i], pump)) {
                return BLOCK_DRY_RUN;
            }
            return has_open_valve(pump) ? BLOCK_NONE : BLOCK_NO_OPEN_VALVE;
        }
    }
    return BLOCK_UNCONFIGURED;
}

uint16_t pumps_close_lead_ms(uint8_t valve)
{
    uint16_t lead_ms = 0;
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        const struct pump_config *pump = &config.pump[i];
        if (pump->output < BOARD_OUTPUTS && bit_is_set(pump->valves, valve) && outputs_is_on(pump->output) &&
            pump->close_lead_ms > lead_ms) {
            lead_ms = pump->close_lead_ms;
        }
    }
    return lead_ms;
}

void pumps_clear_lockout(uint16_t outputs)
{
    const uint8_t saved = board_lock();
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        if (config.pump[i].output < BOARD_OUTPUTS && bit_is_set(outputs, config.pump[i].output)) {
            states[i].lockout_left_ms = 0;
            states[i].trips = 0;
        }
    }
    board_unlock(saved);
}
