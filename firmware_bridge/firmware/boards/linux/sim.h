/* SPDX-License-Identifier: Apache-2.0 */
/* The world around the linux board: its clock, its pins, its line, its kept memory. Time moves only when told. */
#ifndef VUON_SIM_H
#define VUON_SIM_H

#include <stdbool.h>
#include <stdint.h>

/* Called at every change of the outputs, or of the SDI-12 line as the board drives it. */
struct sim_watch {
    void (*outputs)(uint64_t now_us, uint16_t on);
    void (*sdi12)(uint64_t now_us, bool driven, bool spacing);
    void (*reset)(uint64_t now_us, uint8_t cause);
};

void sim_create(const struct sim_watch *watch, int eeprom_file); /* -1: kept memory lives in this process only */
void sim_boot(uint8_t cause);            /* reset: outputs fall at once, the core starts anew */
void sim_advance(uint64_t until_us);
uint64_t sim_now_us(void);
uint16_t sim_outputs(void);

void sim_receive(const uint8_t *data, uint32_t length);   /* bytes from the host */
uint32_t sim_sent(uint8_t *data, uint32_t room);          /* bytes to the host */
bool sim_has_sent(void);

void sim_pulses(uint8_t counter, uint32_t count);
void sim_analogue(uint8_t channel, uint16_t millivolt);
void sim_input(uint8_t input, bool high);
void sim_sdi12_line(bool spacing);       /* what a sensor puts on the line */
void sim_hang(void);                     /* the main loop stands still, the tick goes on */
void sim_hang_deaf(void);                /* all stands still; only the watchdog is left */

#endif
