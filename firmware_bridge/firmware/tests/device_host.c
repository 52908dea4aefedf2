/* SPDX-License-Identifier: Apache-2.0 */
/* The host build of the core, in this process and in no time. */
#include <string.h>

#include "board.h"
#include "codes.h"
#include "device.h"
#include "sim.h"

static const struct device_watch *watching;

static void hand_over_words(void)
{
    uint8_t data[256];
    for (uint32_t length = sim_sent(data, sizeof data); length != 0; length = sim_sent(data, sizeof data)) {
        for (uint32_t i = 0; i < length && watching->word != NULL; i++) {
            watching->word(sim_now_us(), data[i]);
        }
    }
}

static void on_outputs(uint64_t us, uint16_t on)
{
    hand_over_words(); /* what was said before this switching was said before it */
    watching->outputs(us, on);
}

static void on_sdi12(uint64_t us, bool driven, bool spacing)
{
    (void)us;
    (void)driven;
    (void)spacing;
}

static void on_reset(uint64_t us, uint8_t cause)
{
    watching->reset(us, cause);
}

static const struct sim_watch watch = {on_outputs, on_sdi12, on_reset};

static void create(const struct device_watch *listener)
{
    watching = listener;
    sim_create(&watch, -1);
}

static void send(const uint8_t *data, uint32_t length)
{
    sim_receive(data, length);
}

static void run(uint64_t us)
{
    sim_advance(sim_now_us() + us);
    hand_over_words();
}

static void pulse(uint8_t counter)
{
    sim_pulses(counter, 1);
}

static void fault(const char *what)
{
    if (strcmp(what, "reset") == 0) {
        sim_boot(RESET_EXTERNAL);
    } else if (strcmp(what, "power") == 0) {
        sim_boot(RESET_POWER);
    } else if (strcmp(what, "hang") == 0) {
        sim_hang();
    } else {
        sim_hang_deaf();
    }
}

const struct device host_device = {
    BOARD_OUTPUTS, BOARD_COUNTERS, 0, create, send, run, pulse, sim_input, fault, sim_now_us,
};
