/* SPDX-License-Identifier: Apache-2.0 */
/* On is a lease that runs down by itself; off needs no message. The whole truth is computed anew and written to
 * the pins every millisecond from interrupt level, so neither a hung main loop nor a flipped bit keeps water on. */
#include "outputs.h"

#include <stddef.h>

#include "bits.h"
#include "board.h"
#include "codes.h"
#include "config.h"
#include "core.h"
#include "dosers.h"
#include "identity.h"
#include "inputs.h"
#include "link.h"
#include "pumps.h"
#include "shutdown.h"

#define EXPIRY_LIMIT_MS 60000u /* a call that is good for longer was made with another clock */
#define FOREVER_MS 0xFFFFFFFFul

struct output_state {
    uint16_t lease_left_ms;
    uint16_t lease_check;  /* the inverse of lease_left_ms */
    uint32_t since_ms;     /* time on, or time off; stands still at FOREVER_MS */
    uint8_t block;
    bool on;
    bool spent;            /* reached its maximum on time; a new lease must be asked for after this one ended */
};

static volatile struct output_state states[BOARD_OUTPUTS];
static volatile uint16_t on_mask;

static void set_lease(volatile struct output_state *state, uint16_t lease_ms)
{
    state->lease_left_ms = lease_ms;
    state->lease_check = (uint16_t)~lease_ms;
}

void outputs_init(void)
{
    on_mask = 0;
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        set_lease(&states[i], 0);
        states[i].since_ms = 0; /* how long it was off before the reset is not known: the off time starts now */
        states[i].block = BLOCK_NO_LEASE;
        states[i].on = false;
        states[i].spent = false;
    }
    board_outputs_write(0);
}

bool outputs_is_on(uint8_t output)
{
    return states[output].on;
}

uint32_t outputs_on_ms(uint8_t output)
{
    return outputs_is_on(output) ? states[output].since_ms : 0;
}

uint16_t outputs_lease_ms(uint8_t output)
{
    return states[output].lease_left_ms;
}

uint16_t outputs_stays_ms(uint8_t output)
{
    const uint16_t lease_ms = states[output].lease_left_ms;
    const uint32_t max_on_ms = config.output[output].max_on_ms;
    const uint32_t on_ms = outputs_on_ms(output);
    if (!outputs_is_on(output) || on_ms >= max_on_ms) {
        return 0;
    }
    return max_on_ms - on_ms < lease_ms ? (uint16_t)(max_on_ms - on_ms) : lease_ms;
}

/* Others of its group on, or off for less than the changeover time. */
static bool group_busy(uint8_t output, bool was_on)
{
    const uint8_t group = config.output[output].group;
    if (group == 0) {
        return false;
    }
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        if (i == output || config.output[i].group != group) {
            continue;
        }
        if (outputs_is_on(i) || (!was_on && states[i].since_ms < config.changeover_ms)) {
            return true;
        }
    }
    return false;
}

/* The first reason that keeps this output off; the order is the order in which a technician should look. */
static uint8_t block_of(uint8_t output, bool forbidden)
{
    volatile struct output_state *state = &states[output];
    const struct output_config *limits = &config.output[output];
    const uint16_t lease_ms = state->lease_left_ms;
    if (lease_ms == 0) {
        state->spent = false;
        return BLOCK_NO_LEASE;
    }
    if (lease_ms > LEASE_LIMIT_MS) {
        return BLOCK_NO_LEASE;
    }
    if (forbidden) {
        return BLOCK_INPUT;
    }
    if (state->on && state->since_ms >= limits->max_on_ms) {
        state->spent = true;
    }
    if (state->spent) {
        return BLOCK_MAX_ON;
    }
    if (!state->on && state->since_ms < limits->min_off_ms) {
        return BLOCK_MIN_OFF;
    }
    if (group_busy(output, state->on)) {
        return BLOCK_EXCLUSIVE;
    }
    if (limits->kind == OUTPUT_PUMP) {
        return pumps_block(output);
    }
    return limits->kind == OUTPUT_DOSER ? dosers_block(output) : (uint8_t)BLOCK_NONE;
}

static void count_lease(volatile struct output_state *state)
{
    const uint16_t left = state->lease_left_ms;
    if ((uint16_t)(left ^ state->lease_check) != 0xFFFFu) {
        set_lease(state, 0);
        board_restart(); /* a lease that does not match its inverse: memory cannot be trusted */
        return;
    }
    if (left != 0) {
        set_lease(state, (uint16_t)(left - 1u));
    }
}

/* What keeps all outputs off together. */
static uint8_t common_block(void)
{
    if (shutdown_active()) {
        return BLOCK_SHUTDOWN;
    }
    return config_ready() ? (uint8_t)BLOCK_NONE : (uint8_t)BLOCK_UNCONFIGURED;
}

/* Settles one output for this millisecond; true when it is on. */
static bool decide(uint8_t output, uint8_t common, bool forbidden)
{
    volatile struct output_state *state = &states[output];
    const uint32_t since_ms = state->since_ms;
    if (since_ms != FOREVER_MS) {
        state->since_ms = since_ms + 1u; /* the millisecond that ends now counts, else a limit is passed by one */
    }
    const uint8_t block = common != BLOCK_NONE ? common : block_of(output, forbidden);
    const bool on = block == BLOCK_NONE;
    state->block = block;
    if (state->on != on) {
        state->on = on;
        state->since_ms = 0;
    }
    return on;
}

/* Valves before pumps before dosers: a pump sees in this very tick that its last valve is about to close. */
void outputs_tick(void)
{
    const uint16_t forbidden = inputs_blocked();
    const uint8_t common = common_block();
    uint16_t on = 0;
    uint8_t last_kind = OUTPUT_VALVE;
    uint16_t bit = 1;
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        const uint8_t kind = config.output[i].kind;
        count_lease(&states[i]);
        if (kind > last_kind) {
            last_kind = kind;
        }
        if (kind == OUTPUT_VALVE && decide(i, common, (forbidden & bit) != 0)) {
            on |= bit;
        }
        bit = (uint16_t)(bit << 1);
    }
    for (uint8_t kind = OUTPUT_PUMP; kind <= last_kind && kind <= OUTPUT_DOSER; kind++) {
        bit = 1;
        for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
            if (config.output[i].kind == kind && decide(i, common, (forbidden & bit) != 0)) {
                on |= bit;
            }
            bit = (uint16_t)(bit << 1);
        }
    }
    on_mask = on;
    board_outputs_write(on);
}

uint16_t outputs_on(void)
{
    const uint8_t saved = board_lock();
    const uint16_t on = on_mask;
    board_unlock(saved);
    return on;
}

uint16_t outputs_leased(void)
{
    uint16_t leased = 0;
    const uint8_t saved = board_lock();
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        if (states[i].lease_left_ms != 0) {
            leased |= (uint16_t)(1u << i);
        }
    }
    board_unlock(saved);
    return leased;
}

void outputs_set_lease(uint8_t output, uint16_t lease_ms)
{
    const uint8_t saved = board_lock();
    set_lease(&states[output], lease_ms);
    board_unlock(saved);
}

void outputs_drop_all(void)
{
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        outputs_set_lease(i, 0);
    }
}

/* A renewal never shortens: a valve cut short under a running pump would close before it. Release does that. */
static void extend_lease(uint8_t output, uint16_t lease_ms)
{
    const uint8_t saved = board_lock();
    if (lease_ms > states[output].lease_left_ms) {
        set_lease(&states[output], lease_ms);
    }
    board_unlock(saved);
}

void outputs_release(uint16_t outputs)
{
    for (uint8_t i = 0; i < BOARD_OUTPUTS; i++) {
        if (!bit_is_set(outputs, i)) {
            continue;
        }
        const uint8_t saved = board_lock();
        const uint16_t lead_ms = pumps_close_lead_ms(i);
        if (states[i].lease_left_ms > lead_ms) {
            set_lease(&states[i], lead_ms); /* the pump sees the short lease and stops before the valve closes */
        }
        board_unlock(saved);
    }
}

bool outputs_call_allowed(const struct call *call, uint32_t epoch, uint32_t expires_ms)
{
    const uint32_t left_ms = expires_ms - core_now_ms();
    if (!identity_is_master(epoch)) {
        link_refuse(call->message, REFUSE_FENCED, identity_epoch());
    } else if (!config_ready()) {
        link_refuse(call->message, REFUSE_UNCONFIGURED, 0);
    } else if (shutdown_active()) {
        link_refuse(call->message, REFUSE_SHUTDOWN, shutdown_reason());
    } else if (left_ms > EXPIRY_LIMIT_MS) {
        link_refuse(call->message, REFUSE_EXPIRED, core_now_ms());
    } else {
        return true;
    }
    return false;
}

void outputs_on_lease(const struct call *call)
{
    const uint16_t asked = (uint16_t)call->arg[0];
    const uint16_t lease_ms = (uint16_t)call->arg[2];
    if (!outputs_call_allowed(call, call->arg[1], call->arg[3])) {
        return;
    }
    uint16_t refused = 0;
    for (uint8_t i = 0; i < 16u; i++) {
        const uint16_t bit = (uint16_t)(1u << i);
        if (!bit_is_set(asked, i)) {
            continue;
        }
        const uint8_t kind = i < BOARD_OUTPUTS ? config.output[i].kind : (uint8_t)OUTPUT_UNUSED;
        if ((kind != OUTPUT_VALVE && kind != OUTPUT_PUMP) || lease_ms > config.output[i].lease_max_ms) {
            refused |= bit; /* a doser is asked for a volume, not for time */
        } else {
            extend_lease(i, lease_ms);
        }
    }
    const uint32_t args[] = {(uint32_t)asked & ~(uint32_t)refused, refused};
    link_reply(MSG_leased, args, NULL, 0);
}

void outputs_on_release(const struct call *call)
{
    if (!identity_is_master(call->arg[1])) {
        link_refuse(call->message, REFUSE_FENCED, identity_epoch());
        return;
    }
    outputs_release((uint16_t)call->arg[0]);
    link_done(call);
}

void outputs_on_get_output(const struct call *call)
{
    const uint32_t output = call->arg[0];
    if (output >= BOARD_OUTPUTS) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 1);
        return;
    }
    const uint8_t saved = board_lock();
    const bool on = outputs_is_on((uint8_t)output);
    const uint32_t since_ms = states[output].since_ms;
    const uint32_t args[] = {output, on, states[output].block, states[output].lease_left_ms,
                             on ? since_ms : 0, on ? 0 : since_ms};
    board_unlock(saved);
    link_reply(MSG_output, args, NULL, 0);
}

void outputs_on_clear_lockout(const struct call *call)
{
    if (!identity_is_master(call->arg[0])) {
        link_refuse(call->message, REFUSE_FENCED, identity_epoch());
        return;
    }
    pumps_clear_lockout((uint16_t)call->arg[1]);
    inputs_clear_latched((uint16_t)call->arg[1]);
    link_done(call);
}
