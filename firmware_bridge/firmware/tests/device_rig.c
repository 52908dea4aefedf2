/* SPDX-License-Identifier: Apache-2.0 */
/* The real image in the rig, over its control line. The rig is a program of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"

static FILE *to_rig;
static FILE *from_rig;
static pid_t rig;
static uint64_t rig_us;
static const struct device_watch *watching;

bool rig_start(char **words)
{
    int down[2];
    int up[2];
    if (pipe(down) != 0 || pipe(up) != 0) {
        return false;
    }
    rig = fork();
    if (rig == 0) {
        (void)dup2(down[0], STDIN_FILENO);
        (void)dup2(up[1], STDOUT_FILENO);
        (void)close(down[1]);
        (void)close(up[0]);
        (void)execv(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    to_rig = fdopen(down[1], "w");
    from_rig = fdopen(up[0], "r");
    return rig > 0 && to_rig != NULL && from_rig != NULL;
}

void rig_stop(void)
{
    (void)fclose(to_rig);
    (void)fclose(from_rig);
    (void)waitpid(rig, NULL, 0);
}

void rig_say(const char *line)
{
    (void)fprintf(to_rig, "%s\n", line);
}

static uint64_t field(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void take_words(const char *line, uint64_t us)
{
    const char *hex = strstr(line, "\"hex\":\"");
    if (hex == NULL || watching == NULL || watching->word == NULL) {
        return;
    }
    unsigned byte;
    for (hex += 7; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        watching->word(us, (uint8_t)byte);
    }
}

/* Reads events until the line that names `until` comes; gives its value. */
static uint32_t read_until(const char *until)
{
    static char line[8192];
    (void)fflush(to_rig);
    while (fgets(line, sizeof line, from_rig) != NULL) {
        const uint64_t us = field(line, "\"us\":");
        if (strstr(line, "\"outputs\"") != NULL && watching != NULL) {
            watching->outputs(us, (uint16_t)field(line, "\"on\":"));
        } else if (strstr(line, "\"reset\"") != NULL && watching != NULL) {
            watching->reset(us, (uint8_t)field(line, "\"cause\":"));
        } else if (strstr(line, "\"tx\"") != NULL) {
            take_words(line, us);
        } else if (strstr(line, until) != NULL) {
            rig_us = us;
            return (uint32_t)field(line, "\"value\":");
        } else if (strstr(line, "\"error\"") != NULL) {
            (void)fprintf(stderr, "the rig did not understand a line\n");
            exit(2);
        }
    }
    (void)fprintf(stderr, "the rig ended\n");
    exit(2);
}

uint32_t rig_ask(const char *line)
{
    rig_say(line);
    return read_until("\"value\"");
}

static void run(uint64_t us)
{
    (void)fprintf(to_rig, "run %" PRIu64 "\n", us);
    (void)read_until("\"ran\"");
}

static void create(const struct device_watch *listener)
{
    watching = listener;
    rig_say("forget");
    rig_say("power");
    run(60000); /* out of reset and through its EEPROM */
}

static void send(const uint8_t *data, uint32_t length)
{
    (void)fprintf(to_rig, "send ");
    for (uint32_t i = 0; i < length; i++) {
        (void)fprintf(to_rig, "%02x", data[i]);
    }
    (void)fprintf(to_rig, "\n");
}

static void pulse(uint8_t counter)
{
    (void)fprintf(to_rig, "counter %u 1\n", counter);
}

static void input(uint8_t index, bool high)
{
    (void)fprintf(to_rig, "input %u %u\n", index, high ? 1u : 0u);
}

static void fault(const char *what)
{
    rig_say(what);
    run(1);
}

static uint64_t now_us(void)
{
    return rig_us;
}

const struct device rig_device = {8, 3, 85, create, send, run, pulse, input, fault, now_us};
