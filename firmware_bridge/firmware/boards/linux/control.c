/* SPDX-License-Identifier: Apache-2.0 */
/* counter N PULSES | adc N MILLIVOLT | input N 0|1 | line AT_US 0|1 | send HEX | run US | go US | reset | power | hang |
 * wedge | quit. "go" is "run" that ends early when the board has said something to the host. Every change of the
 * outputs is an event with its time in microseconds. */
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "codes.h"
#include "sim.h"

#define EDGES_MAX 4096u
#define STEP_US 1000u

static struct {
    uint64_t at_us[EDGES_MAX];
    bool spacing[EDGES_MAX];
    uint32_t first;
    uint32_t count;
} edges;

static bool hex_byte(const char *text, uint8_t *byte)
{
    char pair[3] = {text[0], '\0', '\0'};
    if (text[0] != '\0') {
        pair[1] = text[1];
    }
    char *end;
    const unsigned long value = strtoul(pair, &end, 16);
    *byte = (uint8_t)value;
    return end == &pair[2];
}

static bool send_hex(const char *text)
{
    for (; *text != '\0'; text += 2) {
        uint8_t byte;
        if (!hex_byte(text, &byte)) {
            return false;
        }
        sim_receive(&byte, 1);
    }
    return true;
}

void control_flush_sent(void)
{
    uint8_t data[256];
    uint32_t length = sim_sent(data, sizeof data);
    while (length != 0) {
        printf("{\"e\":\"tx\",\"us\":%" PRIu64 ",\"hex\":\"", sim_now_us());
        for (uint32_t i = 0; i < length; i++) {
            printf("%02x", data[i]);
        }
        printf("\"}\n");
        length = sim_sent(data, sizeof data);
    }
}

static bool add_edge(uint64_t at_us, bool spacing)
{
    if (edges.count == EDGES_MAX) {
        return false;
    }
    const uint32_t slot = (edges.first + edges.count) % EDGES_MAX;
    edges.at_us[slot] = at_us;
    edges.spacing[slot] = spacing;
    edges.count++;
    return true;
}

/* Moves time; with stop_at_word only until the board has said something to the host. */
static void run(uint64_t duration_us, bool stop_at_word)
{
    const uint64_t until_us = sim_now_us() + duration_us;
    while (edges.count != 0 && edges.at_us[edges.first] <= until_us) {
        if (edges.at_us[edges.first] > sim_now_us()) {
            sim_advance(edges.at_us[edges.first]);
        }
        sim_sdi12_line(edges.spacing[edges.first]);
        edges.first = (edges.first + 1u) % EDGES_MAX;
        edges.count--;
    }
    do {
        const uint64_t step_us = sim_now_us() + STEP_US;
        sim_advance(stop_at_word && step_us < until_us ? step_us : until_us);
    } while (sim_now_us() < until_us && !sim_has_sent());
    control_flush_sent();
    printf("{\"e\":\"ran\",\"us\":%" PRIu64 "}\n", sim_now_us());
}

static bool do_with_numbers(const char *word, uint64_t first, uint64_t second)
{
    if (strcmp(word, "counter") == 0 && first < BOARD_COUNTERS && second <= 1000000u) {
        sim_pulses((uint8_t)first, (uint32_t)second);
    } else if (strcmp(word, "adc") == 0 && first < BOARD_ADCS && second <= UINT16_MAX) {
        sim_analogue((uint8_t)first, (uint16_t)second);
    } else if (strcmp(word, "input") == 0 && first < BOARD_INPUTS) {
        sim_input((uint8_t)first, second != 0);
    } else if (strcmp(word, "line") == 0) {
        return add_edge(first, second != 0);
    } else if (strcmp(word, "run") == 0) {
        run(first, false);
    } else if (strcmp(word, "go") == 0) {
        run(first, true);
    } else {
        return false;
    }
    return true;
}

bool control_do(char *line, bool *quit)
{
    char *rest = NULL;
    const char *word = strtok_r(line, " \r\n", &rest);
    const char *first = strtok_r(NULL, " \r\n", &rest);
    const char *second = strtok_r(NULL, " \r\n", &rest);
    if (word == NULL) {
        return true;
    }
    if (strcmp(word, "send") == 0) {
        return first == NULL || send_hex(first);
    }
    if (strcmp(word, "reset") == 0) {
        sim_boot(RESET_EXTERNAL);
    } else if (strcmp(word, "power") == 0) {
        sim_boot(RESET_POWER);
    } else if (strcmp(word, "hang") == 0) {
        sim_hang();
    } else if (strcmp(word, "wedge") == 0) {
        sim_hang_deaf();
    } else if (strcmp(word, "quit") == 0) {
        *quit = true;
    } else {
        return do_with_numbers(word, first == NULL ? 0 : strtoull(first, NULL, 10),
                               second == NULL ? 0 : strtoull(second, NULL, 10));
    }
    return true;
}
