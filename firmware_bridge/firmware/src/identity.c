/* SPDX-License-Identifier: Apache-2.0 */
/* Fencing: each host claims a higher epoch than any before, and only the highest acts. A cloned SD card or a
 * second agent thus silences the first instead of fighting it. The epoch is on EEPROM before it is granted. */
#include "identity.h"

#include <stddef.h>

#include "board.h"
#include "codes.h"
#include "config.h"
#include "core.h"
#include "link.h"
#include "outputs.h"
#include "shutdown.h"
#include "store.h"

struct identity_record {
    uint16_t serial;
    uint8_t shutdown;
    uint8_t spare;
    uint32_t boots;
    uint32_t epoch;
    uint16_t crc;
};

_Static_assert(sizeof(struct identity_record) <= IDENTITY_SIZE, "an identity record fits its slot");

static const struct ring ring = {STORE_IDENTITY, IDENTITY_SLOTS, IDENTITY_SIZE, offsetof(struct identity_record, crc) + 2u};

static struct identity_record record;
static uint32_t master_host; /* who made the present claim, in this boot */

void identity_load(void)
{
    (void)store_ring_load(&ring, &record);
    record.boots++;
    master_host = 0;
    (void)store_ring_save(&ring, &record); /* a worn-out cell must not keep the board from irrigating */
}

uint32_t identity_boots(void)
{
    return record.boots;
}

uint32_t identity_epoch(void)
{
    return record.epoch;
}

bool identity_is_master(uint32_t epoch)
{
    return epoch != 0 && epoch == record.epoch;
}

uint8_t identity_shutdown(void)
{
    return record.shutdown;
}

bool identity_keep_shutdown(uint8_t reason)
{
    record.shutdown = reason;
    return store_ring_save(&ring, &record);
}

void identity_on_get_boot(const struct call *call)
{
    (void)call;
    const uint32_t args[] = {record.boots, board_reset_cause(), record.epoch,        core_now_ms(),
                             config.host_crc, config_ready(),   shutdown_reason()};
    link_reply(MSG_boot, args, NULL, 0);
}

void identity_on_claim(const struct call *call)
{
    const uint32_t epoch = call->arg[0];
    const bool repeated = epoch == record.epoch && call->arg[1] == master_host && master_host != 0;
    if (!repeated) {
        if (epoch <= record.epoch) {
            link_refuse(call->message, REFUSE_FENCED, record.epoch);
            return;
        }
        outputs_release(UINT16_MAX); /* nothing the former master opened stays open under the new one */
        record.epoch = epoch;
        if (!store_ring_save(&ring, &record)) {
            link_refuse(call->message, REFUSE_STORE_FAILED, 0);
            return;
        }
        master_host = call->arg[1];
    }
    identity_on_get_boot(call);
}
