/* SPDX-License-Identifier: Apache-2.0 */
/* The whole volume is charged to the caps, on EEPROM, before the pump may turn; what was not delivered is given
 * back when the dose ends in order. A reset in the middle gives nothing back: caps err to the dry side. After a
 * reset the sums count as dosed just now, since nobody knows how long the board was dark. */
#include "dosers.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "board.h"
#include "codes.h"
#include "config.h"
#include "core.h"
#include "counters.h"
#include "link.h"
#include "outputs.h"
#include "store.h"

/* Sliding windows of buckets; one more than fills the window, so no window is ever seen as emptier than it is. */
#define HOUR_BUCKETS 7u
#define HOUR_BUCKET_MS 600000ul
#define DAY_BUCKETS 9u
#define DAY_BUCKET_MS 10800000ul
#define NL_PER_UL ((uint32_t)1000)

struct dose_record {
    uint16_t serial;
    uint16_t spare;
    uint32_t dose_id;
    uint32_t hour_ul;
    uint32_t day_ul;
    uint16_t crc;
};

_Static_assert(sizeof(struct dose_record) <= DOSE_SIZE, "a dose record fits its slot");

struct doser_state {
    uint32_t left_nl;
    uint32_t volume_ul;
    uint32_t hour_ul[HOUR_BUCKETS]; /* [0] is the present bucket */
    uint32_t day_ul[DAY_BUCKETS];
    uint32_t hour_since_ms;
    uint32_t day_since_ms;
    uint16_t dry_ms;                /* since the last pulse of the water meter */
    uint16_t count;
    uint8_t state;
    bool settle;                    /* the dose has ended and its rest has to be given back */
    struct dose_record record;
};

static struct doser_state states[BOARD_DOSERS];

static struct ring ring_of(uint8_t slot)
{
    const struct ring ring = {(uint16_t)(STORE_DOSES + slot * DOSE_SLOTS * DOSE_SIZE), DOSE_SLOTS, DOSE_SIZE,
                              offsetof(struct dose_record, crc) + 2u};
    return ring;
}

void dosers_init(void)
{
    memset(states, 0, sizeof states);
    for (uint8_t i = 0; i < BOARD_DOSERS; i++) {
        const struct ring ring = ring_of(i);
        (void)store_ring_load(&ring, &states[i].record);
        states[i].hour_ul[0] = states[i].record.hour_ul;
        states[i].day_ul[0] = states[i].record.day_ul;
        states[i].dry_ms = UINT16_MAX;
    }
}

void dosers_tick(void)
{
    for (uint8_t i = 0; i < BOARD_DOSERS; i++) {
        const struct doser_config *doser = &config.doser[i];
        struct doser_state *state = &states[i];
        if (doser->output >= BOARD_OUTPUTS) {
            continue;
        }
        const uint16_t count = counters_low(doser->counter);
        if (!config_ready()) {
            state->count = count; /* water that ran before this configuration says nothing about now */
            state->dry_ms = UINT16_MAX;
            continue;
        }
        if (count != state->count) {
            state->count = count;
            state->dry_ms = 0;
        } else if (state->dry_ms != UINT16_MAX) {
            state->dry_ms++;
        }
        if (state->state != DOSE_RUNNING) {
            continue;
        }
        if (outputs_is_on(doser->output)) {
            state->left_nl = state->left_nl > doser->rate_ul_s ? state->left_nl - doser->rate_ul_s : 0;
        }
        if (state->left_nl == 0) {
            state->state = DOSE_COMPLETE;
            outputs_set_lease(doser->output, 0);
        } else if (outputs_lease_ms(doser->output) == 0) {
            state->state = DOSE_INTERRUPTED;
            state->settle = true;
        }
    }
}

uint8_t dosers_block(uint8_t output)
{
    for (uint8_t i = 0; i < BOARD_DOSERS; i++) {
        if (config.doser[i].output == output) {
            if (states[i].state != DOSE_RUNNING) {
                return BLOCK_NO_DOSE;
            }
            return states[i].dry_ms >= config.doser[i].flow_window_ms ? BLOCK_NO_WATER_FLOW : BLOCK_NONE;
        }
    }
    return BLOCK_UNCONFIGURED;
}

static uint32_t sum_of(const uint32_t *buckets, uint8_t count)
{
    uint32_t sum = 0;
    for (uint8_t i = 0; i < count; i++) {
        sum += buckets[i];
    }
    return sum;
}

static void shift(uint32_t *buckets, uint8_t count)
{
    memmove(&buckets[1], &buckets[0], (size_t)(count - 1u) * sizeof buckets[0]);
    buckets[0] = 0;
}

static bool keep(uint8_t slot)
{
    struct doser_state *state = &states[slot];
    const struct ring ring = ring_of(slot);
    state->record.hour_ul = sum_of(state->hour_ul, HOUR_BUCKETS);
    state->record.day_ul = sum_of(state->day_ul, DAY_BUCKETS);
    return store_ring_save(&ring, &state->record);
}

static void give_back(uint32_t *bucket, uint32_t rest_ul)
{
    *bucket = *bucket > rest_ul ? *bucket - rest_ul : 0;
}

void dosers_poll(void)
{
    const uint32_t now = core_now_ms();
    for (uint8_t i = 0; i < BOARD_DOSERS; i++) {
        struct doser_state *state = &states[i];
        if (state->settle) {
            state->settle = false;
            give_back(&state->hour_ul[0], state->left_nl / NL_PER_UL);
            give_back(&state->day_ul[0], state->left_nl / NL_PER_UL);
            (void)keep(i); /* not kept means charged too much: the dry side */
        }
        if (now - state->hour_since_ms >= HOUR_BUCKET_MS) {
            state->hour_since_ms = now;
            shift(state->hour_ul, HOUR_BUCKETS);
        }
        if (now - state->day_since_ms >= DAY_BUCKET_MS) {
            state->day_since_ms = now;
            shift(state->day_ul, DAY_BUCKETS);
        }
    }
}

static uint8_t slot_of(uint32_t output)
{
    uint8_t slot = 0;
    while (slot < BOARD_DOSERS && (output >= BOARD_OUTPUTS || config.doser[slot].output != output)) {
        slot++;
    }
    return slot;
}

static void answer(uint8_t slot)
{
    const struct doser_state *state = &states[slot];
    const uint8_t saved = board_lock();
    const uint32_t left_ul = (state->left_nl + NL_PER_UL - 1u) / NL_PER_UL;
    const uint8_t dose_state = state->state;
    board_unlock(saved);
    const uint32_t args[] = {config.doser[slot].output,
                             dose_state,
                             state->record.dose_id,
                             state->volume_ul - left_ul,
                             sum_of(state->hour_ul, HOUR_BUCKETS),
                             sum_of(state->day_ul, DAY_BUCKETS)};
    link_reply(MSG_dosed, args, NULL, 0);
}

/* The rule that this volume would break, or 0. */
static uint8_t cap_broken(uint8_t slot, uint32_t volume_ul)
{
    const struct doser_config *doser = &config.doser[slot];
    const struct doser_state *state = &states[slot];
    if (volume_ul == 0 || volume_ul > doser->event_ul) {
        return REFUSE_EVENT_CAP;
    }
    if (sum_of(state->hour_ul, HOUR_BUCKETS) + volume_ul > doser->hour_ul) {
        return REFUSE_HOUR_CAP;
    }
    if (sum_of(state->day_ul, DAY_BUCKETS) + volume_ul > doser->day_ul) {
        return REFUSE_DAY_CAP;
    }
    return 0;
}

static void start_dose(const struct call *call, uint8_t slot)
{
    struct doser_state *state = &states[slot];
    const uint32_t volume_ul = call->arg[3];
    const uint8_t broken = cap_broken(slot, volume_ul);
    if (broken != 0) {
        link_refuse(call->message, broken, sum_of(state->day_ul, DAY_BUCKETS));
        return;
    }
    state->hour_ul[0] += volume_ul;
    state->day_ul[0] += volume_ul;
    state->record.dose_id = call->arg[2];
    if (!keep(slot)) {
        link_refuse(call->message, REFUSE_STORE_FAILED, 0);
        return;
    }
    const uint8_t saved = board_lock();
    state->volume_ul = volume_ul;
    state->left_nl = volume_ul * NL_PER_UL;
    state->state = DOSE_RUNNING;
    outputs_set_lease(config.doser[slot].output, (uint16_t)call->arg[4]);
    board_unlock(saved);
    answer(slot);
}

void dosers_on_dose(const struct call *call)
{
    const uint8_t slot = slot_of(call->arg[0]);
    if (!outputs_call_allowed(call, call->arg[1], call->arg[5])) {
        return;
    }
    if (slot == BOARD_DOSERS) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 1);
        return;
    }
    struct doser_state *state = &states[slot];
    const uint8_t output = config.doser[slot].output;
    if (call->arg[4] == 0 || call->arg[4] > config.output[output].lease_max_ms) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 5);
        return;
    }
    const uint32_t ahead = call->arg[2] - state->record.dose_id;
    if (ahead == 0) {
        const uint8_t saved = board_lock();
        if (state->state == DOSE_RUNNING) {
            outputs_set_lease(output, (uint16_t)call->arg[4]);
        }
        board_unlock(saved);
        answer(slot);
    } else if (ahead > INT32_MAX) {
        link_refuse(call->message, REFUSE_DOSE_OLD, state->record.dose_id);
    } else if (state->state == DOSE_RUNNING || state->settle) {
        link_refuse(call->message, REFUSE_BUSY, state->record.dose_id);
    } else {
        start_dose(call, slot);
    }
}

void dosers_on_get_dose(const struct call *call)
{
    const uint8_t slot = slot_of(call->arg[0]);
    if (slot == BOARD_DOSERS) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 1);
        return;
    }
    answer(slot);
}
