/* SPDX-License-Identifier: Apache-2.0 */
/* Time passes: the chip runs, sleeps, hangs, and its watchdog bites. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim_cycle_timers.h"

#define DDRB_AT 0x24
#define PORTB_AT 0x25
#define TOP_UP_CYCLES 300u
#define EDGE_SLICE_CYCLES (5000u * RIG_MHZ) /* simavr keeps at most 64 timers */
#define WATCHDOG_CYCLES (250u * 1000u * RIG_MHZ)
#define RJMP_SELF 0xCFFFu

static uint8_t told_ddrb;
static uint8_t told_portb;
bool rig_frozen;
uint32_t rig_wedged_at = UINT32_MAX;
uint8_t rig_wedged_code[2];

static avr_cycle_count_t at_target(avr_t *at, avr_cycle_count_t when, void *param)
{
    (void)at;
    (void)when;
    (void)param;
    return 0;
}

void rig_advance_cycles(uint64_t until)
{
    uint64_t halted_at = 0;
    while (rig_avr->cycle < until) {
        if (!rig_powered || rig_frozen) {
            rig_avr->cycle = until;
            return;
        }
        uint64_t stop = until;
        if (rig_to_avr.tail != rig_to_avr.head) {
            rig_top_up();
            stop = rig_avr->cycle + TOP_UP_CYCLES < until ? rig_avr->cycle + TOP_UP_CYCLES : until;
        }
        if (rig_edges_wait() && stop - rig_avr->cycle > EDGE_SLICE_CYCLES) {
            stop = rig_avr->cycle + EDGE_SLICE_CYCLES;
        }
        rig_arm_edges(stop);
        avr_cycle_timer_register(rig_avr, stop - rig_avr->cycle, at_target, NULL);
        while (rig_avr->cycle < stop) {
            const int state = avr_run(rig_avr);
            if (rig_avr->data[DDRB_AT] != told_ddrb || rig_avr->data[PORTB_AT] != told_portb) {
                told_ddrb = rig_avr->data[DDRB_AT];
                told_portb = rig_avr->data[PORTB_AT];
                rig_look_at_pins(); /* simavr does not tell of every change on a pin with a wire on it */
            }
            if (rig_avr->pc == rig_wedged_at && rig_avr->sreg[S_I] != 0 && state == cpu_Running &&
                rig_avr->interrupt_state == 0) {
                /* Turning on the spot does nothing else, and costs a thousand times more. Not while an interrupt
                 * waits: simavr would enter it asleep, and give up. */
                rig_avr->state = cpu_Sleeping;
            }
            if (rig_reset_seen) {
                rig_after_reset();
            }
            if (state == cpu_Done || state == cpu_Crashed) {
                /* Asleep with interrupts off, or nonsense for an instruction: on silicon the watchdog ends it. */
                if (halted_at == 0) {
                    halted_at = rig_avr->cycle;
                }
                const uint64_t bite = halted_at + WATCHDOG_CYCLES;
                rig_avr->cycle = bite < until ? bite : until;
                if (bite <= until) {
                    halted_at = 0;
                    rig_reset(8u);
                }
                break;
            }
        }
        avr_cycle_timer_cancel(rig_avr, at_target, NULL);
    }
}

/* In the main loop, not in an interrupt: the same code hung there would hang the tick too, and that is `deaf`. */
static bool in_main_loop(void)
{
    return rig_avr->state == cpu_Sleeping || (rig_avr->interrupts.running_ptr == 0 && rig_avr->sreg[S_I] != 0);
}

/* The main loop stands still at the next instruction; deaf: interrupts too. The patch is undone by any reset. */
void rig_wedge(bool deaf)
{
    for (unsigned i = 0; i < 100u && rig_avr->state != cpu_Sleeping; i++) {
        rig_advance_cycles(rig_avr->cycle + 20u * RIG_MHZ);
    }
    for (unsigned i = 0; i < 2000u && !in_main_loop(); i++) {
        rig_advance_cycles(rig_avr->cycle + 1u);
    }
    rig_wedged_at = rig_avr->pc;
    memcpy(rig_wedged_code, &rig_avr->flash[rig_wedged_at], sizeof rig_wedged_code);
    rig_avr->flash[rig_wedged_at] = RJMP_SELF & 0xFFu;
    rig_avr->flash[rig_wedged_at + 1u] = RJMP_SELF >> 8;
    rig_avr->sreg[S_I] = deaf ? 0 : 1;
    if (rig_avr->state == cpu_Sleeping) {
        rig_avr->state = cpu_Running;
    }
}

void rig_run(uint64_t us, bool stop_at_word)
{
    const uint64_t until = rig_avr->cycle + us * RIG_MHZ;
    do {
        const uint64_t step = rig_avr->cycle + 1000u * RIG_MHZ;
        rig_advance_cycles(stop_at_word && step < until ? step : until);
    } while (rig_avr->cycle < until && !rig_has_words());
    rig_flush_words();
    printf("{\"e\":\"ran\",\"us\":%" PRIu64 "}\n", rig_now_us());
}
