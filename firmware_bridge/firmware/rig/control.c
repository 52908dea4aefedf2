/* SPDX-License-Identifier: Apache-2.0 */
/* The control line: one command a line, see avr_rig.c. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool send_hex(const char *text)
{
    unsigned byte;
    for (; text != NULL && text[0] != '\0'; text += 2) {
        if (sscanf(text, "%2x", &byte) != 1) {
            return false;
        }
        rig_receive((uint8_t)byte);
    }
    return true;
}

static void show_value(uint32_t value)
{
    printf("{\"e\":\"value\",\"us\":%" PRIu64 ",\"value\":%u}\n", rig_now_us(), value);
}

static uint32_t untouched(uint32_t from)
{
    uint32_t count = 0;
    while (from + count <= rig_avr->ramend && rig_avr->data[from + count] == RIG_PAINT) {
        count++;
    }
    return count;
}

static bool do_plain(const char *word, const char *first, bool *quit)
{
    if (strcmp(word, "reset") == 0) {
        rig_reset(RIG_EXTRF);
    } else if (strcmp(word, "power") == 0) {
        rig_power_on(false);
    } else if (strcmp(word, "paint") == 0) {
        rig_power_on(true);
    } else if (strcmp(word, "brownout") == 0) {
        rig_reset(RIG_BORF);
    } else if (strcmp(word, "cut") == 0) {
        rig_cut(first != NULL);
    } else if (strcmp(word, "hang") == 0) {
        rig_wedge(false);
    } else if (strcmp(word, "wedge") == 0) {
        rig_wedge(true);
    } else if (strcmp(word, "freeze") == 0) {
        rig_frozen = true;
    } else if (strcmp(word, "thaw") == 0) {
        rig_frozen = false;
    } else if (strcmp(word, "unplug") == 0) {
        rig_unplugged = true;
    } else if (strcmp(word, "plug") == 0) {
        rig_unplugged = false;
    } else if (strcmp(word, "forget") == 0) {
        rig_forget();
    } else if (strcmp(word, "quit") == 0) {
        *quit = true;
    } else {
        return false;
    }
    return true;
}

static bool do_numbers(const char *word, uint64_t first, uint64_t second)
{
    if (strcmp(word, "counter") == 0) {
        return rig_pulses(first, second);
    }
    if (strcmp(word, "adc") == 0) {
        return rig_analogue(first, (uint32_t)second);
    }
    if (strcmp(word, "input") == 0) {
        return rig_input(first, second != 0);
    }
    if (strcmp(word, "line") == 0) {
        rig_plan_edge(first, 'B', 0, second != 0);
    } else if (strcmp(word, "run") == 0) {
        rig_run(first, false);
    } else if (strcmp(word, "go") == 0) {
        rig_run(first, true);
    } else if (strcmp(word, "flip") == 0 && first <= rig_avr->ramend && second < 8) {
        rig_avr->data[first] ^= (uint8_t)(1u << second);
    } else if (strcmp(word, "peek") == 0 && first <= rig_avr->ramend) {
        show_value(rig_avr->data[first]);
    } else if (strcmp(word, "untouched") == 0 && first <= rig_avr->ramend) {
        show_value(untouched((uint32_t)first));
    } else {
        return false;
    }
    return true;
}

bool rig_control(char *text, bool *quit)
{
    char *rest = NULL;
    const char *word = strtok_r(text, " \r\n", &rest);
    const char *first = strtok_r(NULL, " \r\n", &rest);
    const char *second = strtok_r(NULL, " \r\n", &rest);
    if (word == NULL) {
        return true;
    }
    if (strcmp(word, "send") == 0) {
        return send_hex(first);
    }
    return do_plain(word, first, quit) ||
           do_numbers(word, first == NULL ? 0 : strtoull(first, NULL, 10),
                      second == NULL ? 0 : strtoull(second, NULL, 10));
}
