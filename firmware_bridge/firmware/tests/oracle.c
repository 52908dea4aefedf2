/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds in microseconds. SLACK is the millisecond of the tick and, on a board with a real line, what the line and
 * the main loop add before a call is taken. */
#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plant.h"

#define MS 1000ull
#define TICK_US 1000ull
#define JITTER_US 50ull /* a tick that waits for another interrupt */
#define NEVER UINT64_MAX
#define ESTOP_BOUND_US (10ull * MS)
#define WATCHDOG_BOUND_US (265ull * MS) /* 256 ms in the part, and what the simulator adds */

static struct {
    uint32_t seed;
    uint64_t slack_us;
    uint16_t on;
    uint64_t changed_us[PLANT_OUTPUTS];   /* last switching, or the last reset */
    uint64_t allowed_us[PLANT_OUTPUTS];   /* may be on until */
    uint64_t pulse_us;
    uint64_t dry_since_us;
    uint64_t estop_us;                    /* open since; NEVER when closed */
    bool latched;
    uint64_t stop_bound_us;               /* everything off from then on, while latched */
    uint64_t float_us;
    uint64_t disturbed_us;                /* last e-stop, float, reset or stop: closing order is not judged then */
    double dosed_ul;                      /* in this sequence; it is shorter than an hour */
    double event_ul;
    uint64_t closed_us;                   /* pump on and no valve open since; NEVER when not so */
    uint64_t deaf_us;                     /* the whole controller stands still since; NEVER when it does not */
} now;

static uint32_t breaches;
static uint64_t switchings;
static uint64_t pump_starts;
static uint64_t doses;

static void breach(uint64_t us, const char *what, uint8_t output)
{
    breaches++;
    if (breaches <= 20) {
        (void)fprintf(stderr, "breach: seed %u at %" PRIu64 " us: %s (output %u)\n", now.seed, us, what, output);
    }
}

static bool is_on(uint8_t output)
{
    return (now.on >> output & 1u) != 0;
}

void oracle_begin(uint32_t seed, uint32_t byte_us)
{
    memset(&now, 0, sizeof now);
    now.seed = seed;
    now.slack_us = byte_us == 0 ? TICK_US : 12u * TICK_US;
    now.estop_us = NEVER;
    now.float_us = NEVER;
    now.stop_bound_us = NEVER;
    now.deaf_us = NEVER;
    now.closed_us = NEVER;
}

static void count_dose(uint64_t us)
{
    const double volume_ul = (double)(us - now.changed_us[DOSER]) * 1e-6 * RATE_UL_S;
    now.dosed_ul += volume_ul;
    now.event_ul += volume_ul;
    if (now.event_ul > 1.1 * EVENT_UL) {
        breach(us, "a dose above the event's cap", DOSER);
    }
    if (now.dosed_ul > 1.1 * HOUR_UL) {
        breach(us, "doses above the hour's cap", DOSER);
    }
}

static void judge_start(uint64_t us, uint8_t output)
{
    const uint64_t off_us = us - now.changed_us[output];
    if (us > now.allowed_us[output] + now.slack_us) { /* a lease runs from when it is taken */
        breach(us, "on without a lease", output);
    }
    if (off_us + TICK_US < MIN_OFF_MS * MS && now.changed_us[output] != 0) {
        breach(us, "on before its minimum off time", output);
    }
    if (output == PUMP) {
        bool open = false;
        pump_starts++;
        now.dry_since_us = us;
        for (uint8_t valve = 0; valve < PLANT_OUTPUTS; valve++) {
            open = open || ((PUMP_VALVES >> valve & 1u) != 0 && is_on(valve) &&
                            us - now.changed_us[valve] + TICK_US >= OPEN_LEAD_MS * MS);
        }
        if (!open) {
            breach(us, "pump started against closed valves", output);
        }
    }
    if (output == DOSER) {
        doses++;
    }
}

static void judge_stop(uint64_t us, uint8_t output)
{
    if (now.deaf_us != NEVER) {
        if (output == DOSER) {
            count_dose(now.deaf_us); /* what a dead controller doses until its watchdog bites is bounded by time */
        }
        return;
    }
    const uint64_t on_us = us - now.changed_us[output];
    const uint64_t limit_ms = output == PUMP ? PUMP_MAX_ON_MS : MAX_ON_MS;
    if (us > now.allowed_us[output] + now.slack_us) {
        breach(us, "on past its lease", output);
    }
    if (on_us > limit_ms * MS + JITTER_US) {
        breach(us, "on past its maximum on time", output);
    }
    if (output == DOSER) {
        count_dose(us);
    }
}

static void judge_mask(uint64_t us, uint16_t before, uint16_t on)
{
    const bool pump_before = (before >> PUMP & 1u) != 0;
    const bool pump_after = (on >> PUMP & 1u) != 0;
    /* Two ports are written a fraction of a microsecond apart. */
    if (now.closed_us != NEVER && us > now.closed_us + 1u) {
        breach(us, "pump on with all valves closed", PUMP);
    }
    now.closed_us = pump_after && (on & PUMP_VALVES) == 0 ? us : NEVER;
    if (pump_before && !pump_after && (before & PUMP_VALVES) != 0 && (on & PUMP_VALVES) == 0 &&
        us > now.disturbed_us + 50u * MS) {
        breach(us, "last valve closed together with its pump", PUMP);
    }
    if ((on & 0x0Cu) == 0x0Cu || (on & 0xC0u) == 0xC0u) {
        breach(us, "two of an exclusive group on", 2);
    }
    if (now.latched && on != 0 && us > now.stop_bound_us) {
        breach(us, "on during a shutdown", 0);
    }
}

void oracle_outputs(uint64_t us, uint16_t on)
{
    oracle_check(us);
    const uint16_t before = now.on;
    for (uint8_t output = 0; output < PLANT_OUTPUTS; output++) {
        if (((before & (uint16_t)~on) >> output & 1u) != 0) {
            judge_stop(us, output);
            now.changed_us[output] = us;
        }
    }
    now.on = on;
    for (uint8_t output = 0; output < PLANT_OUTPUTS; output++) {
        if (((on & (uint16_t)~before) >> output & 1u) != 0) {
            judge_start(us, output);
            now.changed_us[output] = us;
            switchings++;
        }
    }
    judge_mask(us, before, on);
}

void oracle_check(uint64_t us)
{
    if (now.deaf_us != NEVER) {
        if (now.on != 0 && us > now.deaf_us + WATCHDOG_BOUND_US) {
            breach(us, "on although the controller stands still", 0);
        }
        return;
    }
    for (uint8_t output = 0; output < PLANT_OUTPUTS; output++) {
        if (is_on(output) && us > now.allowed_us[output] + now.slack_us) {
            breach(us, "still on past its lease", output);
            now.allowed_us[output] = NEVER;
        }
    }
    if (is_on(PUMP)) {
        const uint64_t wet_us = now.pulse_us > now.dry_since_us ? now.pulse_us : now.dry_since_us;
        if (us > wet_us + DRY_RUN_MS * MS + now.slack_us) {
            breach(us, "pump ran dry", PUMP);
        }
    }
    if (is_on(DOSER) && us > now.pulse_us + FLOW_WINDOW_MS * MS + now.slack_us) {
        breach(us, "dosed without water flow", DOSER);
    }
    if (now.on != 0 && now.estop_us != NEVER && us > now.estop_us + ESTOP_BOUND_US) {
        breach(us, "on with the stop chain open", 0);
    }
    if (now.latched && now.on != 0 && us > now.stop_bound_us) {
        breach(us, "still on during a shutdown", 0);
    }
    if ((now.on & FLOAT_BLOCKS) != 0 && now.float_us != NEVER &&
        us > now.float_us + FLOAT_DEBOUNCE_MS * MS + now.slack_us) {
        breach(us, "on with the tank full", 0);
    }
}

void oracle_reset(uint64_t us)
{
    now.disturbed_us = us;
    if (now.on != 0) {
        oracle_outputs(us, 0);
    }
    now.deaf_us = NEVER;
    for (uint8_t output = 0; output < PLANT_OUTPUTS; output++) {
        now.changed_us[output] = us;
        now.allowed_us[output] = 0;
    }
}

void oracle_lease(uint64_t arrives_us, uint16_t outputs, uint32_t lease_ms)
{
    for (uint8_t output = 0; output < PLANT_OUTPUTS; output++) {
        const uint64_t until_us = arrives_us + lease_ms * MS;
        if ((outputs >> output & 1u) != 0 && output != DOSER && until_us > now.allowed_us[output]) {
            now.allowed_us[output] = until_us;
        }
    }
}

void oracle_release(uint64_t arrives_us)
{
    now.disturbed_us = arrives_us;
}

void oracle_deaf(uint64_t us)
{
    now.deaf_us = us;
    now.disturbed_us = us;
}

void oracle_dose_began(void)
{
    now.event_ul = 0;
}

void oracle_dose(uint64_t arrives_us, uint32_t lease_ms)
{
    const uint64_t until_us = arrives_us + lease_ms * MS;
    if (until_us > now.allowed_us[DOSER]) {
        now.allowed_us[DOSER] = until_us;
    }
}

void oracle_pulse(uint64_t us)
{
    now.pulse_us = us;
}

void oracle_estop(uint64_t us, bool open)
{
    now.estop_us = open ? us : NEVER;
    now.disturbed_us = us + ESTOP_BOUND_US;
}

void oracle_float(uint64_t us, bool high)
{
    now.float_us = high ? us : NEVER;
    now.disturbed_us = us + FLOAT_DEBOUNCE_MS * MS;
}

void oracle_stopped(uint64_t arrives_us)
{
    now.latched = true;
    now.stop_bound_us = arrives_us + now.slack_us;
    now.disturbed_us = arrives_us;
}

void oracle_cleared(void)
{
    now.latched = false;
    now.stop_bound_us = NEVER;
}

void oracle_end(uint64_t us)
{
    oracle_check(us);
    if (now.on != 0) {
        breach(us, "on at the end, long after the host fell silent", 0);
    }
}

uint32_t oracle_breaches(void)
{
    return breaches;
}

uint64_t oracle_switchings(void)
{
    return switchings;
}

uint64_t oracle_pump_starts(void)
{
    return pump_starts;
}

uint64_t oracle_doses(void)
{
    return doses;
}
