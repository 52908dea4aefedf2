/* SPDX-License-Identifier: Apache-2.0 */
/* The one configuration: what hangs where, and the limits nobody may pass. */
#ifndef VUON_CONFIG_H
#define VUON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

#define LEASE_LIMIT_MS 5000u          /* no configuration may allow a longer lease */
#define MAX_ON_LIMIT_MS 86400000ul    /* a day */
#define EVENT_LIMIT_UL 4000000ul      /* a dose counts nanolitres in 32 bits */
#define NOT_FITTED 255u

#define INPUT_ACTIVE_HIGH 1u          /* config_input flags */
#define INPUT_LATCHES 2u

#define ADC_ACTION_REPORT 0u
#define ADC_ACTION_SHUTDOWN 1u

struct output_config {
    uint8_t kind;
    uint8_t group;         /* outputs of one group, if not 0, are never on together */
    uint16_t lease_max_ms;
    uint16_t min_off_ms;
    uint32_t max_on_ms;
};

struct pump_config {
    uint8_t output;        /* NOT_FITTED: this slot is empty */
    uint8_t counter;       /* flow after the pump, or NOT_FITTED */
    uint8_t adc;           /* motor current, or NOT_FITTED */
    uint8_t tries;         /* dry runs until a person has to come */
    uint16_t valves;       /* at least one of these has to be open */
    uint16_t open_lead_ms; /* a valve counts as open after this */
    uint16_t close_lead_ms;/* the pump stops this long before its last valve closes */
    uint16_t dry_run_ms;   /* without a pulse, or under current_min */
    uint16_t current_min;
    uint16_t lockout_s;
};

struct doser_config {
    uint8_t output;
    uint8_t counter;       /* the water that the dose goes into */
    uint16_t rate_ul_s;
    uint16_t flow_window_ms;
    uint32_t event_ul;
    uint32_t hour_ul;
    uint32_t day_ul;
};

struct input_config {
    uint8_t flags;
    uint8_t debounce_ms;
    uint16_t blocks;       /* outputs that may not be on while the input is active */
};

struct adc_config {
    uint16_t limit_low;
    uint16_t limit_high;
    uint8_t bad_limit;     /* this many bad averages in a row; 0: range not checked */
    uint8_t action;
};

struct config {
    uint32_t host_crc;     /* the name the host gave it */
    uint16_t changeover_ms;
    struct output_config output[BOARD_OUTPUTS];
    struct pump_config pump[BOARD_PUMPS];
    struct doser_config doser[BOARD_DOSERS];
    struct input_config input[BOARD_INPUTS];
    struct adc_config adc[BOARD_ADCS];
    uint16_t counter_min_us[BOARD_COUNTERS];
    uint16_t guard;        /* CRC-16 over all before it */
};

extern struct config config;

void config_load(void);
void config_poll(void);
bool config_ready(void);

#endif
