/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware as an ordinary process: vuon-board [--eeprom FILE] [--pty LINK | --fd N | --virtual].
 *
 * With --pty it makes a pseudo terminal, prints its path, links it at LINK when that is not "-", and runs in real
 * time. With --fd the line is an inherited socket. With --virtual time moves only by "run" on the control line.
 * Ends with its standard input. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "codes.h"
#include "control.h"
#include "control_line.h"
#include "sim.h"

#define BUSY_WAIT_MS 2   /* an output is on: leases end within this of their time */
#define IDLE_WAIT_MS 20

static void show_outputs(uint64_t now_us, uint16_t on)
{
    printf("{\"e\":\"outputs\",\"us\":%" PRIu64 ",\"on\":%u}\n", now_us, on);
}

static void show_sdi12(uint64_t now_us, bool driven, bool spacing)
{
    printf("{\"e\":\"sdi12\",\"us\":%" PRIu64 ",\"driven\":%d,\"spacing\":%d}\n", now_us, driven, spacing);
}

static void show_reset(uint64_t now_us, uint8_t cause)
{
    printf("{\"e\":\"reset\",\"us\":%" PRIu64 ",\"cause\":%u}\n", now_us, cause);
}

static const struct sim_watch watch = {show_outputs, show_sdi12, show_reset};

static uint64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int make_pty(const char *link_path)
{
    int master;
    int slave;
    char path[128];
    struct termios raw;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    (void)cfsetspeed(&raw, B115200);
    if (openpty(&master, &slave, path, &raw, NULL) != 0) {
        return -1;
    }
    (void)close(slave); /* the host's open is then visible, as a real board's reset line sees it */
    if (strcmp(link_path, "-") != 0) {
        (void)unlink(link_path);
        if (symlink(path, link_path) != 0) {
            return -1;
        }
    }
    (void)fcntl(master, F_SETFL, O_NONBLOCK);
    printf("{\"e\":\"pty\",\"path\":\"%s\"}\n", path);
    (void)fflush(stdout);
    return master;
}

static void write_all_sent(int line)
{
    static uint8_t data[512];
    static uint32_t length;
    static uint32_t done;
    for (;;) {
        if (done == length) {
            done = 0;
            length = sim_sent(data, sizeof data);
            if (length == 0) {
                return;
            }
        }
        const ssize_t wrote = write(line, &data[done], length - done);
        if (wrote <= 0) {
            done = errno == EAGAIN ? done : length; /* nobody has the line open: a wire in the air */
            return;
        }
        done += (uint32_t)wrote;
    }
}

static void run_real_time(int line)
{
    const uint64_t start_us = clock_us();
    bool was_closed = isatty(line) != 0;
    bool quit = false;
    while (!quit) {
        struct pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {line, POLLIN, 0}};
        const int wait_ms = sim_outputs() != 0 ? BUSY_WAIT_MS : IDLE_WAIT_MS;
        if (was_closed) {
            (void)poll(wait, 1, wait_ms); /* a closed line would make poll return at once for ever */
            (void)poll(&wait[1], 1, 0);
        } else {
            (void)poll(wait, 2, wait_ms);
        }
        sim_advance(clock_us() - start_us);
        const bool closed = (wait[1].revents & POLLHUP) != 0;
        if (was_closed && !closed) {
            sim_boot(RESET_EXTERNAL); /* opening the port pulses the reset line of most boards */
        }
        was_closed = closed;
        uint8_t data[512];
        const ssize_t got = closed ? 0 : read(line, data, sizeof data);
        if (got > 0) {
            sim_receive(data, (uint32_t)got);
            sim_advance(sim_now_us());
        }
        write_all_sent(line);
        if ((wait[0].revents & (POLLIN | POLLHUP)) != 0 && !control_line_read(control_do, &quit)) {
            quit = true;
        }
        (void)fflush(stdout);
    }
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: vuon-board [--eeprom FILE] --pty LINK|- | --fd N | --virtual\n");
    return 2;
}

int main(int count, char **words)
{
    int line = -1;
    int eeprom_file = -1;
    bool virtual_time = false;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--virtual") == 0) {
            virtual_time = true;
        } else if (strcmp(words[i], "--pty") == 0 && i + 1 < count) {
            i++;
            line = make_pty(words[i]);
            if (line < 0) {
                perror("vuon-board: cannot make a pseudo terminal");
                return 1;
            }
        } else if (strcmp(words[i], "--fd") == 0 && i + 1 < count) {
            i++;
            line = (int)strtol(words[i], NULL, 10);
            if (fcntl(line, F_SETFL, O_NONBLOCK) != 0) {
                perror("vuon-board: --fd");
                return 2;
            }
        } else if (strcmp(words[i], "--eeprom") == 0 && i + 1 < count) {
            i++;
            eeprom_file = open(words[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            if (eeprom_file < 0) {
                perror(words[i]);
                return 2;
            }
        } else {
            return usage();
        }
    }
    if (virtual_time == (line >= 0)) {
        return usage();
    }
    sim_create(&watch, eeprom_file);
    (void)fflush(stdout);
    if (!virtual_time) {
        run_real_time(line);
        return 0;
    }
    bool quit = false;
    while (!quit && control_line_read(control_do, &quit)) {
    }
    return 0;
}
