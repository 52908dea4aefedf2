/* SPDX-License-Identifier: Apache-2.0 */
/* Sampled every millisecond from interrupt level, so that no talk delays an emergency stop. */
#include "inputs.h"

#include "bits.h"
#include "board.h"
#include "codes.h"
#include "config.h"
#include "shutdown.h"

#define ESTOP_DEBOUNCE_MS 3u

static volatile uint8_t active;
static volatile uint8_t latched;          /* inputs whose block stays until a person clears it */
static uint8_t differs_ms[BOARD_INPUTS];  /* how long the level has differed from the debounced state */

void inputs_init(void)
{
    active = 0;
    latched = 0;
    for (uint8_t i = 0; i < BOARD_INPUTS; i++) {
        differs_ms[i] = 0;
    }
}

void inputs_tick(void)
{
    uint8_t levels = board_inputs_read();
    uint8_t now_active = active;
    uint8_t bit = 1;
    for (uint8_t i = 0; i < BOARD_INPUTS; i++) {
        const bool high = (levels & 1u) != 0;
        const bool wanted_high = i == BOARD_ESTOP_INPUT || (config.input[i].flags & INPUT_ACTIVE_HIGH) != 0;
        if ((high == wanted_high) == ((now_active & bit) != 0)) {
            differs_ms[i] = 0;
        } else {
            const uint8_t wait_ms = i == BOARD_ESTOP_INPUT ? ESTOP_DEBOUNCE_MS : config.input[i].debounce_ms;
            differs_ms[i]++;
            if (differs_ms[i] >= wait_ms) {
                differs_ms[i] = 0;
                now_active ^= bit;
            }
        }
        if ((now_active & bit) != 0 && (config.input[i].flags & INPUT_LATCHES) != 0) {
            latched |= bit;
        }
        levels >>= 1;
        bit = (uint8_t)(bit << 1);
    }
    active = now_active;
    if (inputs_estop()) {
        shutdown_latch(SHUTDOWN_ESTOP);
    }
}

uint8_t inputs_active(void)
{
    return active;
}

bool inputs_estop(void)
{
    return bit_is_set(active, BOARD_ESTOP_INPUT);
}

uint16_t inputs_blocked(void)
{
    uint8_t bits = (uint8_t)(active | latched);
    uint16_t blocked = 0;
    for (uint8_t i = 0; bits != 0 && i < BOARD_INPUTS; i++) {
        if ((bits & 1u) != 0) {
            blocked |= config.input[i].blocks;
        }
        bits >>= 1;
    }
    return blocked;
}

void inputs_clear_latched(uint16_t outputs)
{
    const uint8_t saved = board_lock();
    for (uint8_t i = 0; i < BOARD_INPUTS; i++) {
        if ((config.input[i].blocks & outputs) != 0) {
            latched &= (uint8_t) ~(1u << i);
        }
    }
    board_unlock(saved);
}
