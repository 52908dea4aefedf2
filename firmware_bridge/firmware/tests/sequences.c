/* SPDX-License-Identifier: Apache-2.0 */
/* Randomised commands and faults against the core, judged by the oracle. One seed is one sequence, for ever.
 *
 *   sequences COUNT FIRST_SEED [RIG --hex IMAGE --virtual]    without a rig: the host build, in this process
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "codes.h"
#include "oracle.h"
#include "plant.h"

#define PULSE_EVERY_US 40000u
#define EXPIRY_MS 400u
#define BREACHES_ENOUGH 10u

static const struct device *board;
static uint64_t state;
static uint32_t epoch;
static uint32_t dose_id;
static bool flowing;
static bool estop_open;
static bool float_high;
static bool was_reset;
static uint64_t booted_us;
static uint64_t next_pulse_us;

static uint32_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static uint32_t below(uint32_t limit)
{
    return chance() % limit;
}

static void on_reset(uint64_t us, uint8_t cause)
{
    (void)cause;
    booted_us = us;
    was_reset = true;
    oracle_reset(us);
}

static const struct device_watch watch = {oracle_outputs, on_reset, caller_hear};

static void pass(uint64_t us)
{
    const uint64_t until_us = board->now_us() + us;
    while (board->now_us() < until_us) {
        uint64_t step_us = until_us - board->now_us();
        if (flowing && next_pulse_us <= board->now_us()) {
            board->pulse(FLOW);
            oracle_pulse(board->now_us());
            next_pulse_us = board->now_us() + PULSE_EVERY_US;
        }
        if (flowing && step_us > next_pulse_us - board->now_us()) {
            step_us = next_pulse_us - board->now_us();
        }
        board->run(step_us);
        oracle_check(board->now_us());
    }
}

static enum spoil some_spoil(void)
{
    const uint32_t draw = below(100);
    if (draw < 88u) {
        return SPOIL_NOT;
    }
    return draw < 91u ? SPOIL_BIT : draw < 94u ? SPOIL_DROP : draw < 97u ? SPOIL_TWICE : SPOIL_NOISE_BEFORE;
}

static uint32_t expires_ms(void)
{
    return (uint32_t)((board->now_us() - booted_us) / 1000u) + EXPIRY_MS;
}

static void reconnect(void)
{
    was_reset = false;
    caller_connect();
    pass(3000);
}

static void lease(uint32_t outputs, uint32_t with_epoch, uint32_t until_ms)
{
    const uint32_t lease_ms = 1u + below(LEASE_MAX_MS + 20u);
    const uint32_t args[] = {outputs, with_epoch, lease_ms, until_ms};
    const uint64_t arrives_us = caller_call(MSG_lease, args, some_spoil(), chance());
    const bool good = with_epoch == epoch && until_ms == expires_ms() && lease_ms <= LEASE_MAX_MS;
    if (arrives_us == 0) {
        caller_connect(); /* the number that was lost is never waited for */
    } else if (good) {
        oracle_lease(arrives_us, (uint16_t)outputs, lease_ms);
    }
}

static void some_lease(void)
{
    static const uint32_t usual[] = {1u << 0, 1u << 1, 1u << 0 | 1u << PUMP, 1u << 1 | 1u << PUMP, 1u << PUMP,
                                     1u << 2, 1u << 3, 1u << VENT_OPEN, 1u << VENT_CLOSE, 0xFFu, 0x13u, 0xC0u};
    const uint32_t outputs = below(4) == 0 ? below(65536) : usual[below(sizeof usual / sizeof usual[0])];
    lease(outputs, epoch, expires_ms());
}

static void some_dose(void)
{
    const bool is_new = below(2) == 0;
    const uint32_t lease_ms = 1u + below(LEASE_MAX_MS);
    if (is_new) {
        dose_id++;
    }
    const uint32_t volume_ul = 1u + below(EVENT_UL + 200u);
    const uint32_t args[] = {DOSER, epoch, dose_id, volume_ul, lease_ms, expires_ms()};
    const uint64_t arrives_us = caller_call(MSG_dose, args, some_spoil(), chance());
    if (arrives_us == 0) {
        caller_connect();
    } else {
        oracle_dose(arrives_us, lease_ms);
    }
}

static void toggle_estop(void)
{
    estop_open = !estop_open;
    oracle_estop(board->now_us(), estop_open);
    board->input(0, estop_open);
    if (estop_open) {
        oracle_stopped(board->now_us() + 10000u);
        pass(12000);
    }
}

static void toggle_float(void)
{
    float_high = !float_high;
    oracle_float(board->now_us(), float_high);
    board->input(FLOAT, float_high);
}

static void clear_shutdown(void)
{
    const uint32_t args[] = {epoch, below(3) == 0 ? SHUTDOWN_HOST : SHUTDOWN_ESTOP};
    if (caller_call(MSG_clear_shutdown, args, SPOIL_NOT, 0) != 0 && !estop_open) {
        oracle_cleared();
    }
}

static void some_fault(void)
{
    static const char *const faults[] = {"reset", "power", "hang", "wedge"};
    const uint32_t which = below(4);
    if (which == 3u) {
        oracle_deaf(board->now_us());
    }
    board->fault(faults[which]);
    if (which >= 2u) {
        pass(300000); /* nothing is sent to a dead controller; its watchdog has to end this */
    } else {
        pass(60000 + below(40000));
    }
}

static void claim(void)
{
    if (was_reset) {
        reconnect();
    }
    const uint32_t args[] = {epoch + 1u + below(3), 77};
    if (caller_call(MSG_claim, args, SPOIL_NOT, 0) != 0) {
        epoch = args[0];
    }
    pass(5000);
}

static void stop(void)
{
    if (was_reset) {
        reconnect();
    }
    const uint64_t arrives_us = caller_call(MSG_emergency_stop, NULL, SPOIL_NOT, 0);
    oracle_stopped(arrives_us);
}

static void ask(void)
{
    const uint32_t args[] = {below(10)};
    static const enum message questions[] = {MSG_get_output, MSG_get_dose, MSG_get_boot, MSG_get_clock};
    (void)caller_call(questions[below(4)], args, some_spoil(), chance());
    caller_connect();
}

static void release(void)
{
    const uint32_t args[] = {below(256), epoch};
    oracle_release(caller_call(MSG_release, args, SPOIL_NOT, 0));
}

static void clear_lockout(void)
{
    const uint32_t args[] = {epoch, 0xFFFFu};
    (void)caller_call(MSG_clear_lockout, args, SPOIL_NOT, 0);
}

static void good_lease(uint32_t outputs)
{
    const uint32_t args[] = {outputs, epoch, LEASE_MAX_MS, expires_ms()};
    oracle_lease(caller_call(MSG_lease, args, SPOIL_NOT, 0), (uint16_t)outputs, LEASE_MAX_MS);
}

/* A host that renews without a gap: only the board's own limits end this. */
static void diligent_watering(void)
{
    static const uint32_t usual[] = {1u << 0 | 1u << PUMP, 1u << 1 | 1u << PUMP, 1u << 2, 1u << VENT_OPEN};
    const uint32_t outputs = usual[below(4)];
    flowing = below(3) != 0;
    next_pulse_us = board->now_us();
    for (uint32_t i = 8u + below(8); i != 0; i--) {
        good_lease(outputs);
        pass(200000);
    }
}

static void diligent_dosing(void)
{
    flowing = true;
    next_pulse_us = board->now_us();
    for (uint32_t i = 3u + below(3); i != 0; i--) {
        dose_id++;
        for (uint32_t renewals = 0; renewals < 3u; renewals++) {
            const uint32_t args[] = {DOSER, epoch, dose_id, EVENT_UL, LEASE_MAX_MS, expires_ms()};
            oracle_dose(caller_call(MSG_dose, args, SPOIL_NOT, 0), LEASE_MAX_MS);
            pass(130000);
        }
    }
}

static void one_step(void)
{
    const uint32_t draw = below(100);
    if (was_reset && below(8) != 0) {
        reconnect();
    }
    if (draw < 3u) {
        diligent_watering();
    } else if (draw < 5u) {
        diligent_dosing();
    } else if (draw < 38u) {
        some_lease();
    } else if (draw < 50u) {
        some_dose();
    } else if (draw < 55u) {
        lease(below(256), epoch - 1u - below(2), expires_ms());
    } else if (draw < 58u) {
        lease(below(256), epoch, expires_ms() - EXPIRY_MS - 30u - below(500));
    } else if (draw < 64u) {
        release();
    } else if (draw < 70u) {
        flowing = !flowing;
        next_pulse_us = board->now_us();
    } else if (draw < 72u) {
        toggle_estop();
    } else if (draw < 76u) {
        toggle_float();
    } else if (draw < 83u) {
        clear_shutdown();
    } else if (draw < 84u) {
        stop();
    } else if (draw < 86u) {
        clear_lockout();
    } else if (draw < 88u) {
        claim();
    } else if (draw < 91u) {
        some_fault();
    } else if (draw < 94u) {
        caller_noise(1u + below(40), chance);
        caller_connect();
    } else if (draw < 97u) {
        ask();
    } else {
        pass(300000u + below(900000)); /* the host is silent */
    }
    pass(1000u + below(60000));
}

static void one_sequence(uint32_t seed)
{
    state = 0x9E3779B97F4A7C15ull ^ ((uint64_t)seed * 0xD1342543DE82EF95ull + 1u);
    flowing = true;
    estop_open = false;
    float_high = false;
    next_pulse_us = 0;
    epoch = 0;
    dose_id = 0;
    oracle_begin(seed, board->byte_us);
    board->input(0, false);
    board->create(&watch);
    board->input(0, false);
    board->input(FLOAT, false);
    caller_begin(board, oracle_dose_began);
    reconnect();
    claim();
    (void)caller_configure(epoch);
    const uint32_t steps = 15u + below(25);
    for (uint32_t i = 0; i < steps; i++) {
        one_step();
    }
    pass(LEASE_MAX_MS * 1000u + 40000u);
    oracle_end(board->now_us());
}

int main(int count, char **words)
{
    if (count < 3) {
        (void)fprintf(stderr, "usage: sequences COUNT FIRST_SEED [RIG --hex IMAGE --virtual]\n");
        return 2;
    }
    const uint32_t sequences = (uint32_t)strtoul(words[1], NULL, 10);
    const uint32_t first = (uint32_t)strtoul(words[2], NULL, 10);
    board = &host_device;
    if (count > 3) {
        if (!rig_start(&words[3])) {
            return 2;
        }
        board = &rig_device;
    }
    uint32_t done = 0;
    while (done < sequences && oracle_breaches() < BREACHES_ENOUGH) {
        one_sequence(first + done);
        done++;
    }
    if (count > 3) {
        rig_stop();
    }
    printf("{\"sequences\":%u,\"breaches\":%u,\"switchings\":%" PRIu64 ",\"pump_starts\":%" PRIu64 ",\"doses\":%" PRIu64
           "}\n",
           done, oracle_breaches(), oracle_switchings(), oracle_pump_starts(), oracle_doses());
    return oracle_breaches() == 0 ? 0 : 1;
}
