/* SPDX-License-Identifier: Apache-2.0 */
/* Kept on EEPROM, because opening a serial port resets many boards: a reset must not clear an emergency stop. */
#include "shutdown.h"

#include "codes.h"
#include "identity.h"
#include "inputs.h"
#include "link.h"
#include "outputs.h"

static volatile uint8_t latched;
static volatile uint8_t latched_check; /* the inverse; unequal means a bit fell over, and that is off too */
static bool kept;

static void set(uint8_t reason)
{
    latched = reason;
    latched_check = (uint8_t)~reason;
}

void shutdown_init(void)
{
    set(identity_shutdown());
    kept = true;
}

bool shutdown_active(void)
{
    return latched != SHUTDOWN_NONE || latched_check != (uint8_t)~SHUTDOWN_NONE;
}

uint8_t shutdown_reason(void)
{
    return latched;
}

void shutdown_latch(uint8_t reason)
{
    if (!shutdown_active()) {
        set(reason);
        kept = false;
    }
}

void shutdown_poll(void)
{
    if (!kept) {
        kept = true;
        outputs_drop_all();
        (void)identity_keep_shutdown(latched); /* in RAM it holds in any case */
    }
}

void shutdown_on_emergency_stop(const struct call *call)
{
    shutdown_latch(SHUTDOWN_HOST);
    outputs_drop_all();
    link_done(call);
}

void shutdown_on_clear(const struct call *call)
{
    if (!identity_is_master(call->arg[0])) {
        link_refuse(call->message, REFUSE_FENCED, identity_epoch());
    } else if (call->arg[1] != latched) {
        link_refuse(call->message, REFUSE_WRONG_REASON, latched);
    } else if (inputs_estop()) {
        link_refuse(call->message, REFUSE_STILL_ACTIVE, latched);
    } else if (!identity_keep_shutdown(SHUTDOWN_NONE)) {
        link_refuse(call->message, REFUSE_STORE_FAILED, latched);
    } else {
        outputs_drop_all();
        kept = true;
        set(SHUTDOWN_NONE);
        link_done(call);
    }
}
