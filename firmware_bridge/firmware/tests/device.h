/* SPDX-License-Identifier: Apache-2.0 */
/* A board under test: the host build in this process, or the simulated ATmega328P behind a pipe. */
#ifndef VUON_DEVICE_H
#define VUON_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct device_watch {
    void (*outputs)(uint64_t us, uint16_t on);
    void (*reset)(uint64_t us, uint8_t cause);
    void (*word)(uint64_t us, uint8_t byte); /* a byte from the board to the host; may be NULL */
};

struct device {
    uint8_t outputs;
    uint8_t counters;
    uint32_t byte_us;      /* one byte on the line; 0 = no time */
    void (*create)(const struct device_watch *watch); /* a new board with empty memory */
    void (*send)(const uint8_t *data, uint32_t length);
    void (*run)(uint64_t us);
    void (*pulse)(uint8_t counter);
    void (*input)(uint8_t input, bool high);
    void (*fault)(const char *what);  /* reset, power, hang or wedge */
    uint64_t (*now_us)(void);
};

extern const struct device host_device;

/* Starts the rig with these words; the device is then rig_device. */
bool rig_start(char **words);
void rig_stop(void);
void rig_say(const char *line);              /* one control line */
uint32_t rig_ask(const char *line);          /* a control line that answers with a value */
extern const struct device rig_device;

#endif
