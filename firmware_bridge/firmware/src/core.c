/* SPDX-License-Identifier: Apache-2.0 */
/* Order of work: safety in the tick, talk in the poll, and the watchdog is fed only when both were seen alive. */
#include "core.h"

#include "adc.h"
#include "board.h"
#include "config.h"
#include "counters.h"
#include "dosers.h"
#include "identity.h"
#include "inputs.h"
#include "link.h"
#include "outputs.h"
#include "pumps.h"
#include "report.h"
#include "sdi12.h"
#include "shutdown.h"

static volatile uint32_t ticks_ms;
static uint32_t fed_at_ms;

void core_init(void)
{
    ticks_ms = 0;
    fed_at_ms = 0;
    outputs_init();
    pumps_init();
    inputs_init();
    counters_init();
    adc_init();
    sdi12_init();
    config_load();
    identity_load();
    shutdown_init();
    dosers_init();
    link_init();
    report_init();
}

void core_tick(void)
{
    ticks_ms++;
    inputs_tick();
    pumps_tick();
    dosers_tick();
    outputs_tick();
}

uint32_t core_now_ms(void)
{
    const uint8_t saved = board_lock();
    const uint32_t now = ticks_ms;
    board_unlock(saved);
    return now;
}

void core_poll(void)
{
    link_poll();
    shutdown_poll();
    dosers_poll();
    adc_poll();
    report_poll();
    config_poll();
    /* A loop that turns while the tick is dead would keep leases alive for ever: then let the watchdog bite. */
    const uint32_t now = core_now_ms();
    if (now != fed_at_ms) {
        fed_at_ms = now;
        board_watchdog_feed();
    }
}
