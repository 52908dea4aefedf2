/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the rig share: one chip, its wires, its supply. See avr_rig.c for what the rig does.
 *
 * It links libsimavr, which is under the GPL-3, and is therefore a program of its own: tests talk to it through its
 * control line and its pseudo terminal, never by linking. */
#ifndef VUON_RIG_H
#define VUON_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "avr_uart.h"
#include "sim_avr.h"

#define RIG_MHZ 16u
#define RIG_EXTRF 2u
#define RIG_BORF 4u
#define RIG_QUEUE 65536u
#define RIG_PAINT 0xA5u

struct rig_queue {
    uint8_t data[RIG_QUEUE];
    uint32_t head;
    uint32_t tail;
};

/* chip.c: the ATmega328P itself */
extern avr_t *rig_avr;
bool rig_make_chip(const char *image, const char *boot);

/* serial.c: its serial line; what it said waits in rig_from_avr */
extern avr_uart_t *rig_uart;
extern int rig_line;
extern bool rig_unplugged;
extern struct rig_queue rig_to_avr;
extern struct rig_queue rig_from_avr;
bool rig_has_words(void);
void rig_flush_words(void);
void rig_on_uart_out(avr_irq_t *irq, uint32_t value, void *param);
uint32_t rig_uart_held(void);
void rig_top_up(void);
void rig_receive(uint8_t byte);
void rig_make_pty(void);
void rig_write_words(void);

/* pins.c: wires, edges by plan, pulses, voltages */
void rig_look_at_pins(void);
void rig_on_port(avr_irq_t *irq, uint32_t value, void *param);
void rig_tell_wires(void);
void rig_plan_edge(uint64_t at_us, char port, uint8_t pin, bool high);
void rig_arm_edges(uint64_t until);
bool rig_pulses(uint64_t counter, uint64_t count);
bool rig_input(uint64_t index, bool high);
bool rig_analogue(uint64_t channel, uint32_t millivolt);
void rig_wire_up(void);
void rig_forget_edges(void);
bool rig_edges_wait(void);

/* power.c: supply, reset button, memories that stay */
extern const char *rig_eeprom_path;
extern const char *rig_flash_path;
extern bool rig_reset_seen;
extern bool rig_powered;
extern uint8_t *rig_flash_before;
void rig_watch_resets(void);
void rig_after_reset(void);
void rig_reset(uint8_t flags);
void rig_forget(void);
void rig_power_on(bool paint);
void rig_save(void);
void rig_cut(bool tear);

/* passing.c: time, and a program that hangs */
extern bool rig_frozen;
extern uint32_t rig_wedged_at;
extern uint8_t rig_wedged_code[2];
void rig_advance_cycles(uint64_t until);
void rig_wedge(bool deaf);
void rig_run(uint64_t us, bool stop_at_word);

/* control.c: the control line */
bool rig_control(char *text, bool *quit); /* one line of the control line */

static inline uint64_t rig_now_us(void)
{
    return rig_avr->cycle / RIG_MHZ;
}

#endif
