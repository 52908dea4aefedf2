/* SPDX-License-Identifier: Apache-2.0 */
/* flips COUNT SEED RIG --hex IMAGE --virtual: one bit of the RAM of the real image falls over while valves and the
 * pump are on. Then the host falls silent, and within two seconds every output has to be off. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "caller.h"
#include "plant.h"

#define RAM_START 0x100u
#define RAM_BYTES 2048u
#define LEASE_MS 300u
#define STUCK_US 2000000u

static uint64_t state;
static uint16_t on;
static uint64_t off_us;
static uint32_t resets;

static uint32_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void on_outputs(uint64_t us, uint16_t mask)
{
    on = mask;
    off_us = us;
}

static void on_reset(uint64_t us, uint8_t cause)
{
    (void)us;
    (void)cause;
    resets++;
}

static const struct device_watch watch = {on_outputs, on_reset, NULL};
static const struct device *const board = &rig_device;

static void renew(uint64_t booted_us)
{
    const uint32_t expires_ms = (uint32_t)((board->now_us() - booted_us) / 1000u) + 500u;
    const uint32_t args[] = {1u << 0 | 1u << 1 | 1u << PUMP, 1, LEASE_MS, expires_ms};
    (void)caller_call(MSG_lease, args, SPOIL_NOT, 0);
    board->pulse(FLOW);
    board->run(100000);
}

/* Gives how long the last output stayed on after the host fell silent. */
static uint64_t one_flip(void)
{
    char line[32];
    rig_say("power");
    board->run(20000);
    const uint64_t booted_us = board->now_us() - 20000u;
    caller_begin(board, NULL);
    caller_connect();
    board->run(60000 + chance() % 3000u);
    renew(booted_us);
    renew(booted_us);
    board->run(chance() % 1500u);
    (void)snprintf(line, sizeof line, "flip %u %u", RAM_START + chance() % RAM_BYTES, chance() & 7u);
    rig_say(line);
    renew(booted_us);
    const uint64_t silent_us = board->now_us();
    while (on != 0 && board->now_us() < silent_us + STUCK_US) {
        board->run(50000);
    }
    board->run(10000);
    return on != 0 ? STUCK_US + 1u : off_us > silent_us ? off_us - silent_us : 0;
}

int main(int count, char **words)
{
    if (count < 4) {
        (void)fprintf(stderr, "usage: flips COUNT SEED RIG --hex IMAGE --virtual\n");
        return 2;
    }
    const uint32_t flips = (uint32_t)strtoul(words[1], NULL, 10);
    state = 0x9E3779B97F4A7C15ull ^ (strtoull(words[2], NULL, 10) + 1u) * 0xD1342543DE82EF95ull;
    if (!rig_start(&words[3])) {
        return 2;
    }
    const uint32_t claim[] = {1, 77};
    board->create(&watch);
    caller_begin(board, NULL);
    caller_connect();
    board->run(5000);
    (void)caller_call(MSG_claim, claim, SPOIL_NOT, 0);
    board->run(5000);
    (void)caller_configure(1); /* kept in EEPROM for all that follows */
    const uint32_t resets_before = resets;
    uint32_t stuck = 0;
    uint32_t lit = 0;
    uint64_t worst_us = 0;
    for (uint32_t i = 0; i < flips; i++) {
        const uint64_t us = one_flip();
        stuck += us > STUCK_US;
        lit += us != 0;
        worst_us = us > worst_us ? us : worst_us;
    }
    rig_stop();
    printf("{\"ram_flips\":%u,\"stuck_over_2s\":%u,\"worst_off_ms\":%" PRIu64 ",\"on_when_silent\":%u,\"resets\":%u}\n",
           flips, stuck, worst_us / 1000u, lit, resets - resets_before - flips);
    return stuck == 0 ? 0 : 1;
}
