/* SPDX-License-Identifier: Apache-2.0 */
/* Wires: what the pins do is told, what hangs on them is set, edges come at planned times. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "avr_adc.h"
#include "avr_ioport.h"
#include "sim_cycle_timers.h"
#include "sim_io.h"

#define PULSE_LOW_US 300u
#define PULSE_SPACING_US 2500u

static uint16_t told_outputs;
static int told_sdi12 = -1;

static avr_ioport_state_t port_state(char port)
{
    avr_ioport_state_t state = {0};
    (void)avr_ioctl(rig_avr, AVR_IOCTL_IOPORT_GETSTATE(port), &state);
    return state;
}

void rig_look_at_pins(void)
{
    if (rig_reset_seen) {
        return; /* looked at once the reset is told */
    }
    const avr_ioport_state_t b = port_state('B');
    const avr_ioport_state_t d = port_state('D');
    const unsigned high_d = d.port & d.ddr;
    const unsigned high_b = b.port & b.ddr;
    const uint16_t on = (uint16_t)((high_d >> 4 & 0x0Fu) | (high_b >> 1 & 0x0Fu) << 4);
    if (on != told_outputs) {
        told_outputs = on;
        if (rig_line < 0) {
            rig_flush_words(); /* what was said before this switching was said before it */
        }
        printf("{\"e\":\"outputs\",\"us\":%" PRIu64 ",\"on\":%u}\n", rig_now_us(), on);
    }
    const int driven = (int)(b.ddr & 1u);
    const int sdi12 = driven * 2 + (int)(driven != 0 && (b.port & 1u) != 0);
    if (sdi12 != told_sdi12) {
        told_sdi12 = sdi12;
        printf("{\"e\":\"sdi12\",\"us\":%" PRIu64 ",\"driven\":%d,\"spacing\":%d}\n", rig_now_us(), driven, sdi12 & 1);
    }
}

void rig_on_port(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)value;
    (void)param;
    rig_look_at_pins();
}

/* The level is also kept as the wire's own, which simavr asks for whenever the chip touches its port: else a
 * pull-up or a reset would win over the wire. */
static avr_ioport_external_t wires[3] = {{.name = 'B'}, {.name = 'C'}, {.name = 'D'}};

static void set_pin(char port, int pin, bool high)
{
    avr_ioport_external_t *wire = &wires[port - 'B'];
    const unsigned bit = 1u << pin;
    wire->mask |= (unsigned char)bit;
    wire->value = (unsigned char)(high ? wire->value | bit : wire->value & ~bit);
    (void)avr_ioctl(rig_avr, AVR_IOCTL_IOPORT_SET_EXTERNAL(port), wire);
    avr_raise_irq(avr_io_getirq(rig_avr, AVR_IOCTL_IOPORT_GETIRQ(port), IOPORT_IRQ_PIN0 + pin), high ? 1 : 0);
}

/* A reset clears the pin registers, and simavr passes on only levels that change: tell every level anew. */
void rig_tell_wires(void)
{
    for (char port = 'B'; port <= 'D'; port++) {
        for (int pin = 0; pin < 8; pin++) {
            const avr_ioport_external_t *wire = &wires[port - 'B'];
            if ((wire->mask >> pin & 1u) != 0) {
                const bool high = (wire->value >> pin & 1u) != 0;
                set_pin(port, pin, !high);
                set_pin(port, pin, high);
            }
        }
    }
}

struct edge {
    char port;
    uint8_t pin;
    bool high;
};

static avr_cycle_count_t do_edge(avr_t *at, avr_cycle_count_t when, void *param)
{
    (void)at;
    (void)when;
    struct edge *edge = param;
    set_pin(edge->port, edge->pin, edge->high);
    free(edge);
    return 0;
}

static struct {
    uint64_t at;
    struct edge edge;
} plan[RIG_QUEUE];
static uint32_t plan_first;
static uint32_t plan_count;

void rig_plan_edge(uint64_t at_us, char port, uint8_t pin, bool high)
{
    if (plan_count < RIG_QUEUE) {
        const uint32_t slot = (plan_first + plan_count) % RIG_QUEUE;
        plan[slot].at = at_us * RIG_MHZ;
        plan[slot].edge = (struct edge){port, pin, high};
        plan_count++;
    }
}

/* Hand over only the edges of the stretch about to run. */
void rig_arm_edges(uint64_t until)
{
    while (plan_count != 0 && plan[plan_first].at <= until) {
        struct edge *edge = malloc(sizeof *edge);
        *edge = plan[plan_first].edge;
        const uint64_t at = plan[plan_first].at;
        avr_cycle_timer_register(rig_avr, at > rig_avr->cycle ? at - rig_avr->cycle : 1, do_edge, edge);
        plan_first = (plan_first + 1u) % RIG_QUEUE;
        plan_count--;
    }
}

static bool counter_pin(uint64_t counter, char *port, uint8_t *pin)
{
    static const struct edge pins[] = {{'D', 2, false}, {'D', 3, false}, {'C', 2, false}};
    if (counter >= 3) {
        return false;
    }
    *port = pins[counter].port;
    *pin = pins[counter].pin;
    return true;
}

static uint64_t pulses_until_us;

bool rig_pulses(uint64_t counter, uint64_t count)
{
    char port;
    uint8_t pin;
    if (!counter_pin(counter, &port, &pin)) {
        return false;
    }
    uint64_t at_us = rig_now_us() + 1;
    if (at_us < pulses_until_us) {
        at_us = pulses_until_us;
    }
    for (uint64_t i = 0; i < count; i++) {
        rig_plan_edge(at_us, port, pin, false);
        rig_plan_edge(at_us + PULSE_LOW_US, port, pin, true);
        at_us += PULSE_SPACING_US;
    }
    pulses_until_us = at_us;
    return true;
}

bool rig_input(uint64_t index, bool high)
{
    static const uint8_t pins[] = {4, 5, 3};
    if (index >= 3) {
        return false;
    }
    set_pin('C', pins[index], high);
    return true;
}

bool rig_analogue(uint64_t channel, uint32_t millivolt)
{
    static const uint8_t pins[] = {0, 1, 6, 7};
    if (channel >= 4) {
        return false;
    }
    avr_raise_irq(avr_io_getirq(rig_avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + pins[channel]), millivolt);
    return true;
}

/* The wires of a bench without a plant: stop chain closed, contacts pulled up, meters at rest. */
void rig_wire_up(void)
{
    set_pin('C', 4, false);
    set_pin('C', 5, true);
    set_pin('C', 3, true);
    set_pin('C', 2, true);
    set_pin('D', 2, true);
    set_pin('D', 3, true);
    set_pin('B', 0, false);
}

void rig_forget_edges(void)
{
    plan_count = 0;
    pulses_until_us = 0;
}

bool rig_edges_wait(void)
{
    return plan_count != 0;
}
