/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a configuration from the host, names it by CRC, keeps it in EEPROM, and watches its copy in RAM.
 * While one is being taken no output can be leased; a half-taken one is never acted upon. */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "adc.h"
#include "board.h"
#include "codes.h"
#include "core.h"
#include "crc.h"
#include "identity.h"
#include "link.h"
#include "outputs.h"
#include "store.h"

#define READY 0xC3u
#define WATCH_BYTES 4u  /* bytes of the RAM copy checked in one poll */

struct config config;

static volatile uint8_t state;   /* READY or something else; a flipped bit is not READY */
static uint32_t taking_crc;
static bool taking;
static uint16_t watch_at;
static uint16_t watch_crc;

static uint16_t guard_of_config(void)
{
    return crc16_of(&config, offsetof(struct config, guard));
}

static void forget(void)
{
    state = 0;
    memset(&config, 0, sizeof config);
    for (uint8_t i = 0; i < BOARD_PUMPS; i++) {
        config.pump[i].output = NOT_FITTED;
    }
    for (uint8_t i = 0; i < BOARD_DOSERS; i++) {
        config.doser[i].output = NOT_FITTED;
    }
}

void config_load(void)
{
    taking = false;
    watch_at = 0;
    watch_crc = CRC16_START;
    state = 0;
    store_read(STORE_CONFIG, &config, sizeof config);
    if (config.guard == guard_of_config() && config.host_crc != 0) {
        state = READY;
    } else {
        forget();
    }
}

bool config_ready(void)
{
    return state == READY;
}

/* A flipped bit in a limit must not live: found within a tenth of a second, ended by a reset that reloads it. */
void config_poll(void)
{
    if (state != READY) {
        watch_at = 0;
        watch_crc = CRC16_START;
        return;
    }
    const uint8_t *bytes = (const uint8_t *)&config;
    for (uint8_t i = 0; i < WATCH_BYTES; i++) {
        if (watch_at == offsetof(struct config, guard)) {
            if (watch_crc != config.guard) {
                board_restart();
            }
            watch_at = 0;
            watch_crc = CRC16_START;
            return;
        }
        watch_crc = crc16_add(watch_crc, bytes[watch_at]);
        watch_at++;
    }
}

static bool begin_allowed(const struct call *call, uint32_t epoch)
{
    if (!identity_is_master(epoch)) {
        link_refuse(call->message, REFUSE_FENCED, identity_epoch());
        return false;
    }
    if (outputs_on() != 0) {
        link_refuse(call->message, REFUSE_OUTPUTS_ON, outputs_on());
        return false;
    }
    return true;
}

void config_on_begin(const struct call *call)
{
    if (!begin_allowed(call, call->arg[0])) {
        return;
    }
    outputs_drop_all();
    forget();
    taking = true;
    config.changeover_ms = (uint16_t)call->arg[1];
    taking_crc = crc32_add(CRC32_START, (uint8_t)(call->arg[1] & 0xFFu));
    taking_crc = crc32_add(taking_crc, (uint8_t)(call->arg[1] >> 8));
    link_done(call);
}

/* Common end of all config_ calls: refuse with the number of the bad field (1 = first), or take the bytes in. */
static void finish(const struct call *call, uint8_t bad_field)
{
    if (bad_field != 0) {
        link_refuse(call->message, REFUSE_BAD_VALUE, bad_field);
        return;
    }
    taking_crc = crc32_add(taking_crc, call->body_length);
    for (uint8_t i = 0; i < call->body_length; i++) {
        taking_crc = crc32_add(taking_crc, call->body[i]);
    }
    link_done(call);
}

static bool refused_outside(const struct call *call)
{
    if (!taking) {
        link_refuse(call->message, REFUSE_UNCONFIGURED, 0);
        return true;
    }
    return false;
}

static bool fitted(uint32_t index, uint8_t count)
{
    return index < count || index == NOT_FITTED;
}

void config_on_output(const struct call *call)
{
    const uint32_t *arg = call->arg;
    if (refused_outside(call)) {
        return;
    }
    uint8_t bad = 0;
    if (arg[0] >= BOARD_OUTPUTS) {
        bad = 1;
    } else if (arg[1] < OUTPUT_VALVE || arg[1] > OUTPUT_DOSER) {
        bad = 2;
    } else if (arg[3] == 0 || arg[3] > LEASE_LIMIT_MS) {
        bad = 4;
    } else if (arg[5] == 0 || arg[5] > MAX_ON_LIMIT_MS) {
        bad = 6;
    } else {
        struct output_config *output = &config.output[arg[0]];
        output->kind = (uint8_t)arg[1];
        output->group = (uint8_t)arg[2];
        output->lease_max_ms = (uint16_t)arg[3];
        output->min_off_ms = (uint16_t)arg[4];
        output->max_on_ms = arg[5];
    }
    finish(call, bad);
}

static bool is_kind(uint32_t output, enum output_kind kind)
{
    return output < BOARD_OUTPUTS && config.output[output].kind == (uint8_t)kind;
}

void config_on_pump(const struct call *call)
{
    const uint32_t *arg = call->arg;
    if (refused_outside(call)) {
        return;
    }
    uint8_t slot = 0;
    while (slot < BOARD_PUMPS && config.pump[slot].output != NOT_FITTED && config.pump[slot].output != arg[0]) {
        slot++;
    }
    uint8_t bad = 0;
    if (slot == BOARD_PUMPS || !is_kind(arg[0], OUTPUT_PUMP)) {
        bad = 1;
    } else if (!fitted(arg[1], BOARD_COUNTERS)) {
        bad = 2;
    } else if (arg[3] == 0) {
        bad = 4;
    } else if (!fitted(arg[8], BOARD_ADCS)) {
        bad = 9;
    } else {
        struct pump_config *pump = &config.pump[slot];
        pump->output = (uint8_t)arg[0];
        pump->counter = (uint8_t)arg[1];
        pump->tries = (uint8_t)arg[2];
        pump->valves = (uint16_t)arg[3];
        pump->open_lead_ms = (uint16_t)arg[4];
        pump->close_lead_ms = (uint16_t)arg[5];
        pump->dry_run_ms = (uint16_t)arg[6];
        pump->lockout_s = (uint16_t)arg[7];
        pump->adc = (uint8_t)arg[8];
        pump->current_min = (uint16_t)arg[9];
    }
    finish(call, bad);
}

void config_on_doser(const struct call *call)
{
    const uint32_t *arg = call->arg;
    if (refused_outside(call)) {
        return;
    }
    uint8_t slot = 0;
    while (slot < BOARD_DOSERS && config.doser[slot].output != NOT_FITTED && config.doser[slot].output != arg[0]) {
        slot++;
    }
    uint8_t bad = 0;
    if (slot == BOARD_DOSERS || !is_kind(arg[0], OUTPUT_DOSER)) {
        bad = 1;
    } else if (arg[1] >= BOARD_COUNTERS) {
        bad = 2; /* a doser without a water meter cannot be made safe */
    } else if (arg[2] == 0) {
        bad = 3;
    } else if (arg[3] == 0) {
        bad = 4;
    } else if (arg[4] == 0 || arg[4] > EVENT_LIMIT_UL || arg[4] > arg[5] || arg[5] > arg[6]) {
        bad = 5;
    } else {
        struct doser_config *doser = &config.doser[slot];
        doser->output = (uint8_t)arg[0];
        doser->counter = (uint8_t)arg[1];
        doser->rate_ul_s = (uint16_t)arg[2];
        doser->flow_window_ms = (uint16_t)arg[3];
        doser->event_ul = arg[4];
        doser->hour_ul = arg[5];
        doser->day_ul = arg[6];
    }
    finish(call, bad);
}

void config_on_input(const struct call *call)
{
    const uint32_t *arg = call->arg;
    if (refused_outside(call)) {
        return;
    }
    uint8_t bad = 0;
    if (arg[0] >= BOARD_INPUTS || arg[0] == BOARD_ESTOP_INPUT) {
        bad = 1; /* the stop chain is not for configuring */
    } else {
        struct input_config *input = &config.input[arg[0]];
        input->flags = (uint8_t)arg[1];
        input->debounce_ms = (uint8_t)arg[2];
        input->blocks = (uint16_t)arg[3];
    }
    finish(call, bad);
}

void config_on_counter(const struct call *call)
{
    if (refused_outside(call)) {
        return;
    }
    uint8_t bad = 0;
    if (call->arg[0] >= BOARD_COUNTERS) {
        bad = 1;
    } else {
        config.counter_min_us[call->arg[0]] = (uint16_t)call->arg[1];
    }
    finish(call, bad);
}

void config_on_adc(const struct call *call)
{
    const uint32_t *arg = call->arg;
    if (refused_outside(call)) {
        return;
    }
    uint8_t bad = 0;
    if (arg[0] >= BOARD_ADCS) {
        bad = 1;
    } else if (arg[1] > arg[2]) {
        bad = 2;
    } else if (arg[4] > ADC_ACTION_SHUTDOWN) {
        bad = 5;
    } else {
        struct adc_config *adc = &config.adc[arg[0]];
        adc->limit_low = (uint16_t)arg[1];
        adc->limit_high = (uint16_t)arg[2];
        adc->bad_limit = (uint8_t)arg[3];
        adc->action = (uint8_t)arg[4];
    }
    finish(call, bad);
}

/* A pump without its interlock or a doser without its caps is no configuration. Returns BOARD_OUTPUTS if whole. */
static uint8_t incomplete_output(void)
{
    for (uint8_t output = 0; output < BOARD_OUTPUTS; output++) {
        bool found = config.output[output].kind == OUTPUT_UNUSED || config.output[output].kind == OUTPUT_VALVE;
        for (uint8_t i = 0; i < BOARD_PUMPS && !found; i++) {
            found = config.pump[i].output == output;
        }
        for (uint8_t i = 0; i < BOARD_DOSERS && !found; i++) {
            found = config.doser[i].output == output;
        }
        if (!found) {
            return output;
        }
    }
    return BOARD_OUTPUTS;
}

void config_on_end(const struct call *call)
{
    const uint32_t crc = taking_crc ^ CRC32_START;
    if (refused_outside(call) || !begin_allowed(call, call->arg[0])) {
        return;
    }
    if (crc != call->arg[1] || crc == 0) {
        link_refuse(call->message, REFUSE_CONFIG_CRC, crc);
        return;
    }
    const uint8_t missing = incomplete_output();
    if (missing != BOARD_OUTPUTS) {
        link_refuse(call->message, REFUSE_CONFIG_INCOMPLETE, missing);
        return;
    }
    taking = false;
    config.host_crc = crc;
    config.guard = guard_of_config();
    if (!store_write(STORE_CONFIG, &config, sizeof config)) {
        forget();
        link_refuse(call->message, REFUSE_STORE_FAILED, 0);
        return;
    }
    adc_restart();
    state = READY;
    link_done(call);
}
