/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated ATmega328P on a bench: power, reset button, wires and faults by script.
 *
 * It links libsimavr, which is under the GPL-3, and is therefore a program of its own: tests talk to it through its
 * control line and its pseudo terminal, never by linking.
 *
 *   avr-rig --hex IMAGE [--boot HEX] [--eeprom FILE] [--flash FILE] (--virtual | --pty [--elastic])
 *
 * Control lines as for the linux board (counter, adc, input, line, send, run, go, reset, power, hang, wedge, quit),
 * and: cut [tear] (power off), brownout, freeze, thaw, unplug, plug, flip ADDRESS BIT, peek ADDRESS, paint, untouched
 * ADDRESS, forget (blank EEPROM).
 * --elastic lets time pass at full speed while bytes are on the line, so that flashing takes no longer than it must.
 */
#include "control_line.h"
#include "rig.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ELASTIC_SLICE_US 1000u

static uint64_t wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void run_live(bool elastic)
{
    uint64_t wall_then = wall_us();
    bool was_closed = true;
    bool spoke = false;
    bool quit = false;
    while (!quit) {
        const bool busy = elastic && (spoke || rig_to_avr.head != rig_to_avr.tail || rig_uart_held() != 0);
        struct pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {rig_line, POLLIN, 0}};
        if (was_closed) {
            (void)poll(wait, 1, 1);
            (void)poll(&wait[1], 1, 0);
        } else {
            (void)poll(wait, 2, busy ? 0 : 1);
        }
        const bool closed = (wait[1].revents & POLLHUP) != 0;
        if (was_closed && !closed && rig_powered) {
            rig_reset(RIG_EXTRF); /* the capacitor between DTR and reset */
        }
        was_closed = closed;
        uint8_t data[512];
        const ssize_t got = closed ? 0 : read(rig_line, data, sizeof data);
        for (ssize_t i = 0; i < got && !rig_unplugged; i++) {
            rig_receive(data[i]);
        }
        const uint64_t wall_now = wall_us();
        const uint64_t passed = wall_now - wall_then;
        wall_then = wall_now;
        /* Elastic time never runs ahead of a tool that the machine holds up: the boot loader has a watchdog. */
        const uint64_t held_us = busy || passed > ELASTIC_SLICE_US ? ELASTIC_SLICE_US : passed;
        const uint64_t slice_us = elastic ? held_us : passed;
        rig_advance_cycles(rig_avr->cycle + slice_us * RIG_MHZ);
        spoke = rig_has_words();
        if (rig_unplugged) {
            rig_from_avr.tail = rig_from_avr.head;
        }
        rig_write_words();
        if ((wait[0].revents & (POLLIN | POLLHUP)) != 0 && !control_line_read(rig_control, &quit)) {
            quit = true;
        }
        (void)fflush(stdout);
    }
}

int main(int count, char **words)
{
    const char *image = NULL;
    const char *boot = NULL;
    bool virtual_time = false;
    bool live = false;
    bool elastic = false;
    for (int i = 1; i < count; i++) {
        const bool more = i + 1 < count;
        if (strcmp(words[i], "--hex") == 0 && more) {
            image = words[++i];
        } else if (strcmp(words[i], "--boot") == 0 && more) {
            boot = words[++i];
        } else if (strcmp(words[i], "--eeprom") == 0 && more) {
            rig_eeprom_path = words[++i];
        } else if (strcmp(words[i], "--flash") == 0 && more) {
            rig_flash_path = words[++i];
        } else if (strcmp(words[i], "--virtual") == 0) {
            virtual_time = true;
        } else if (strcmp(words[i], "--pty") == 0) {
            live = true;
        } else if (strcmp(words[i], "--elastic") == 0) {
            elastic = true;
        }
    }
    if (virtual_time == live) {
        (void)fprintf(stderr, "usage: avr-rig --hex IMAGE [--boot HEX] [--eeprom FILE] [--flash FILE] "
                              "(--virtual | --pty [--elastic])\n");
        return 2;
    }
    srandom(1);
    if (!rig_make_chip(image, boot)) {
        return 1;
    }
    if (live) {
        rig_make_pty();
    }
    rig_wire_up();
    rig_power_on(false);
    (void)fflush(stdout);
    bool quit = false;
    if (live) {
        run_live(elastic);
    } else {
        while (!quit && control_line_read(rig_control, &quit)) {
        }
    }
    rig_save();
    return 0;
}
