/* SPDX-License-Identifier: Apache-2.0 */
/* Reports are not numbered for repetition: they carry totals and states with their time, so the next one heals
 * the loss of the last. */
#include "report.h"

#include <stdbool.h>
#include <stddef.h>

#include "adc.h"
#include "board.h"
#include "codes.h"
#include "core.h"
#include "counters.h"
#include "identity.h"
#include "inputs.h"
#include "link.h"
#include "outputs.h"
#include "shutdown.h"

#define DEFAULT_PERIOD_MS 1000u
#define PERIOD_MIN_MS 50u
#define ITEMS (1u + BOARD_COUNTERS + BOARD_ADCS)

static uint32_t round_at_ms;
static uint16_t period_ms;
static uint8_t item;         /* next thing of this round; ITEMS when the round is done */
static bool announced;
static bool connected_once;
static uint16_t told_on;
static uint8_t told_inputs;
static uint8_t told_shutdown;

void report_init(void)
{
    round_at_ms = 0;
    period_ms = DEFAULT_PERIOD_MS;
    item = ITEMS;
    announced = false;
    connected_once = false;
    told_on = 0;
    told_inputs = 0;
    told_shutdown = 0;
}

static bool report_state(void)
{
    const uint16_t on = outputs_on();
    const uint8_t inputs = inputs_active();
    const uint8_t reason = shutdown_reason();
    const uint32_t args[] = {core_now_ms(), board_clock_us(), on, outputs_leased(), inputs, reason};
    if (!link_report(MSG_report, args)) {
        return false;
    }
    told_on = on;
    told_inputs = inputs;
    told_shutdown = reason;
    return true;
}

static bool report_counter(uint8_t counter)
{
    uint32_t count;
    uint32_t at_us;
    counters_read(counter, &count, &at_us);
    const uint32_t args[] = {counter, count, at_us};
    return link_report(MSG_counter, args);
}

static bool report_adc(uint8_t channel)
{
    const uint32_t args[] = {channel, adc_average(channel), adc_in_range(channel), adc_at_us(channel)};
    return link_report(MSG_adc, args);
}

static bool report_item(void)
{
    if (item == 0) {
        return report_state();
    }
    if (item <= BOARD_COUNTERS) {
        return report_counter((uint8_t)(item - 1u));
    }
    return report_adc((uint8_t)(item - 1u - BOARD_COUNTERS));
}

void report_poll(void)
{
    if (!announced) {
        const uint32_t args[] = {identity_boots(), board_reset_cause()};
        /* A host that has just said hello knows that this is the beginning. */
        announced = link_is_connected() || link_report(MSG_started, args);
        return;
    }
    if (!connected_once) {
        return; /* nobody listens yet, perhaps it is a boot loader's tool */
    }
    if (outputs_on() != told_on || inputs_active() != told_inputs || shutdown_reason() != told_shutdown) {
        (void)report_state();
        return;
    }
    const uint32_t now = core_now_ms();
    if (item == ITEMS && now - round_at_ms >= period_ms) {
        round_at_ms = now;
        item = 0;
    }
    if (item < ITEMS && report_item()) {
        item++;
    }
}

void report_on_set_report(const struct call *call)
{
    if (call->arg[0] < PERIOD_MIN_MS) {
        link_refuse(call->message, REFUSE_BAD_VALUE, 1);
        return;
    }
    period_ms = (uint16_t)call->arg[0];
    connected_once = true;
    round_at_ms = core_now_ms() - period_ms; /* the first round at once */
    link_done(call);
}

void report_on_get_clock(const struct call *call)
{
    (void)call;
    const uint32_t args[] = {board_clock_us(), core_now_ms()};
    link_reply(MSG_clock, args, NULL, 0);
}
