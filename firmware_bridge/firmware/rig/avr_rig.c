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
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "avr_adc.h"
#include "avr_eeprom.h"
#include "avr_ioport.h"
#include "avr_uart.h"
#include "sim_avr.h"
#include "sim_cycle_timers.h"
#include "sim_io.h"

#define MHZ 16u
#define MCUSR_AT 0x54
#define DDRB_AT 0x24
#define PORTB_AT 0x25
#define PORF 1u
#define EXTRF 2u
#define BORF 4u
#define BYTE_CYCLES 1360u        /* ten bits at 117,647 baud; simavr would count eleven */
#define TOP_UP_CYCLES 300u
#define EDGE_SLICE_CYCLES (5000u * MHZ) /* simavr keeps at most 64 timers */
#define WATCHDOG_CYCLES (250u * 1000u * MHZ)
#define PULSE_LOW_US 300u
#define PULSE_SPACING_US 2500u
#define QUEUE 65536u
#define LINE_MAX_LENGTH 16384u
#define PAGE 128u
#define RJMP_SELF 0xCFFFu
#define ELASTIC_SLICE_US 1000u

static avr_t *avr;
static avr_uart_t *uart;
static const char *eeprom_path;
static const char *flash_path;
static int line = -1;
static bool reset_seen;
static bool powered = true;
static bool frozen;
static bool unplugged;
static uint16_t told_outputs;
static int told_sdi12 = -1;
static uint8_t told_ddrb;
static uint8_t told_portb;
static uint32_t wedged_at = UINT32_MAX;
static uint8_t wedged_code[2];
static uint8_t *flash_before;

static struct {
    uint8_t data[QUEUE];
    uint32_t head;
    uint32_t tail;
} to_avr, from_avr;

static uint64_t now_us(void)
{
    return avr->cycle / MHZ;
}

/* ---- words ---- */

static bool has_words(void)
{
    return from_avr.head != from_avr.tail;
}

static void flush_words(void)
{
    while (has_words()) {
        printf("{\"e\":\"tx\",\"us\":%" PRIu64 ",\"hex\":\"", now_us());
        for (unsigned i = 0; i < 256u && has_words(); i++) {
            printf("%02x", from_avr.data[from_avr.tail++ % QUEUE]);
        }
        printf("\"}\n");
    }
}

/* ---- pins ---- */

static avr_ioport_state_t port_state(char port)
{
    avr_ioport_state_t state = {0};
    (void)avr_ioctl(avr, AVR_IOCTL_IOPORT_GETSTATE(port), &state);
    return state;
}

static void look_at_pins(void)
{
    const avr_ioport_state_t b = port_state('B');
    const avr_ioport_state_t d = port_state('D');
    const unsigned high_d = d.port & d.ddr;
    const unsigned high_b = b.port & b.ddr;
    const uint16_t on = (uint16_t)((high_d >> 4 & 0x0Fu) | (high_b >> 1 & 0x0Fu) << 4);
    if (on != told_outputs) {
        told_outputs = on;
        if (line < 0) {
            flush_words(); /* what was said before this switching was said before it */
        }
        printf("{\"e\":\"outputs\",\"us\":%" PRIu64 ",\"on\":%u}\n", now_us(), on);
    }
    const int driven = (int)(b.ddr & 1u);
    const int sdi12 = driven * 2 + (int)(driven != 0 && (b.port & 1u) != 0);
    if (sdi12 != told_sdi12) {
        told_sdi12 = sdi12;
        printf("{\"e\":\"sdi12\",\"us\":%" PRIu64 ",\"driven\":%d,\"spacing\":%d}\n", now_us(), driven, sdi12 & 1);
    }
}

static void on_port(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)value;
    (void)param;
    look_at_pins();
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
    (void)avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL(port), wire);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), IOPORT_IRQ_PIN0 + pin), high ? 1 : 0);
}

/* A reset clears the pin registers, and simavr passes on only levels that change: tell every level anew. */
static void tell_wires(void)
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
} plan[QUEUE];
static uint32_t plan_first;
static uint32_t plan_count;

static void plan_edge(uint64_t at_us, char port, uint8_t pin, bool high)
{
    if (plan_count < QUEUE) {
        const uint32_t slot = (plan_first + plan_count) % QUEUE;
        plan[slot].at = at_us * MHZ;
        plan[slot].edge = (struct edge){port, pin, high};
        plan_count++;
    }
}

/* Hand over only the edges of the stretch about to run. */
static void arm_edges(uint64_t until)
{
    while (plan_count != 0 && plan[plan_first].at <= until) {
        struct edge *edge = malloc(sizeof *edge);
        *edge = plan[plan_first].edge;
        const uint64_t at = plan[plan_first].at;
        avr_cycle_timer_register(avr, at > avr->cycle ? at - avr->cycle : 1, do_edge, edge);
        plan_first = (plan_first + 1u) % QUEUE;
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

static bool pulses(uint64_t counter, uint64_t count)
{
    char port;
    uint8_t pin;
    if (!counter_pin(counter, &port, &pin)) {
        return false;
    }
    uint64_t at_us = now_us() + 1;
    if (at_us < pulses_until_us) {
        at_us = pulses_until_us;
    }
    for (uint64_t i = 0; i < count; i++) {
        plan_edge(at_us, port, pin, false);
        plan_edge(at_us + PULSE_LOW_US, port, pin, true);
        at_us += PULSE_SPACING_US;
    }
    pulses_until_us = at_us;
    return true;
}

static bool input(uint64_t index, bool high)
{
    static const uint8_t pins[] = {4, 5, 3};
    if (index >= 3) {
        return false;
    }
    set_pin('C', pins[index], high);
    return true;
}

static bool analogue(uint64_t channel, uint32_t millivolt)
{
    static const uint8_t pins[] = {0, 1, 6, 7};
    if (channel >= 4) {
        return false;
    }
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + pins[channel]), millivolt);
    return true;
}

/* ---- serial line ---- */

static void on_uart_out(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    if (from_avr.head - from_avr.tail < QUEUE) {
        from_avr.data[from_avr.head++ % QUEUE] = (uint8_t)value;
    }
}

static uint32_t uart_held(void)
{
    return (uint32_t)(uart->input.write - uart->input.read) & 63u;
}

/* Two bytes deep like the silicon; fed one by one into an empty queue simavr delivers at half speed. */
static void top_up(void)
{
    uart->cycles_per_byte = BYTE_CYCLES;
    while (to_avr.tail != to_avr.head && uart_held() < 2u) {
        avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT),
                      to_avr.data[to_avr.tail++ % QUEUE]);
    }
}

static void receive(uint8_t byte)
{
    if (to_avr.head - to_avr.tail < QUEUE) {
        to_avr.data[to_avr.head++ % QUEUE] = byte;
    }
}

/* ---- power and resets ---- */

static void (*core_reset)(struct avr_t *avr);

static void on_reset(struct avr_t *at)
{
    if (core_reset != NULL) {
        core_reset(at);
    }
    reset_seen = true;
}

static void no_sleep(avr_t *at, avr_cycle_count_t cycles)
{
    (void)at;
    (void)cycles;
}

static void restore_wedged(void)
{
    if (wedged_at != UINT32_MAX) {
        memcpy(&avr->flash[wedged_at], wedged_code, sizeof wedged_code);
        wedged_at = UINT32_MAX;
    }
}

static void after_reset(void)
{
    reset_seen = false;
    restore_wedged();
    tell_wires();
    printf("{\"e\":\"reset\",\"us\":%" PRIu64 ",\"cause\":%u}\n", now_us(), avr->data[MCUSR_AT]);
    look_at_pins();
}

static void reset(uint8_t flags)
{
    avr->state = cpu_Running; /* a core that simavr gave up on comes back, as silicon does */
    avr_reset(avr);
    avr->data[MCUSR_AT] = flags;
    after_reset();
}

static void forget(void)
{
    static uint8_t blank[1024];
    memset(blank, 0xFF, sizeof blank);
    avr_eeprom_desc_t desc = {blank, 0, sizeof blank};
    (void)avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &desc);
    plan_count = 0;
    pulses_until_us = 0;
    to_avr.tail = to_avr.head;
    from_avr.tail = from_avr.head;
}

static void fill_ram(bool paint)
{
    for (uint32_t i = 0x100; i <= avr->ramend; i++) {
        avr->data[i] = paint ? 0xA5u : (uint8_t)random();
    }
}

static void power_on(bool paint)
{
    powered = true;
    fill_ram(paint);
    reset(PORF | BORF);
}

static void save(void)
{
    if (eeprom_path != NULL) {
        avr_eeprom_desc_t kept = {NULL, 0, 0};
        FILE *file = fopen(eeprom_path, "wb");
        kept.size = 1024;
        if (file != NULL && avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &kept) >= 0 && kept.ee != NULL) {
            (void)fwrite(kept.ee, 1, kept.size, file);
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    if (flash_path != NULL) {
        FILE *file = fopen(flash_path, "wb");
        if (file != NULL) {
            (void)fwrite(avr->flash, 1, avr->flashend + 1u, file);
            (void)fclose(file);
        }
    }
}

/* Power goes while a page is being programmed: the last page that changed ends half erased. */
static void tear_flash(void)
{
    for (uint32_t page = (avr->flashend + 1u) / PAGE; page-- > 0;) {
        if (memcmp(&avr->flash[page * PAGE], &flash_before[page * PAGE], PAGE) != 0 && page * PAGE < 0x7000u) {
            memset(&avr->flash[page * PAGE + PAGE / 2], 0xFF, PAGE / 2);
            return;
        }
    }
}

static void cut(bool tear)
{
    if (tear) {
        tear_flash();
    }
    powered = false;
    to_avr.tail = to_avr.head;
    for (uint32_t i = 0x20; i <= avr->ramend; i++) {
        avr->data[i] = 0;
    }
    look_at_pins();
    save();
}

/* ---- time ---- */

static avr_cycle_count_t at_target(avr_t *at, avr_cycle_count_t when, void *param)
{
    (void)at;
    (void)when;
    (void)param;
    return 0;
}

static void advance_cycles(uint64_t until)
{
    uint64_t halted_at = 0;
    while (avr->cycle < until) {
        if (!powered || frozen) {
            avr->cycle = until;
            return;
        }
        uint64_t stop = until;
        if (to_avr.tail != to_avr.head) {
            top_up();
            stop = avr->cycle + TOP_UP_CYCLES < until ? avr->cycle + TOP_UP_CYCLES : until;
        }
        if (plan_count != 0 && stop - avr->cycle > EDGE_SLICE_CYCLES) {
            stop = avr->cycle + EDGE_SLICE_CYCLES;
        }
        arm_edges(stop);
        avr_cycle_timer_register(avr, stop - avr->cycle, at_target, NULL);
        while (avr->cycle < stop) {
            const int state = avr_run(avr);
            if (avr->data[DDRB_AT] != told_ddrb || avr->data[PORTB_AT] != told_portb) {
                told_ddrb = avr->data[DDRB_AT];
                told_portb = avr->data[PORTB_AT];
                look_at_pins(); /* simavr does not tell of every change on a pin with a wire on it */
            }
            if (avr->pc == wedged_at && avr->sreg[S_I] != 0 && state == cpu_Running) {
                avr->state = cpu_Sleeping; /* turning on the spot does nothing else, and costs a thousand times more */
            }
            if (reset_seen) {
                after_reset();
            }
            if (state == cpu_Done || state == cpu_Crashed) {
                /* Asleep with interrupts off, or nonsense for an instruction: on silicon the watchdog ends it. */
                if (halted_at == 0) {
                    halted_at = avr->cycle;
                }
                const uint64_t bite = halted_at + WATCHDOG_CYCLES;
                avr->cycle = bite < until ? bite : until;
                if (avr->cycle >= bite) {
                    halted_at = 0;
                    reset(8u);
                }
                break;
            }
        }
        avr_cycle_timer_cancel(avr, at_target, NULL);
    }
}

/* The main loop stands still at the next instruction; deaf: interrupts too. The patch is undone by any reset. */
static void wedge(bool deaf)
{
    for (unsigned i = 0; i < 100u && avr->state != cpu_Sleeping; i++) {
        advance_cycles(avr->cycle + 20u * MHZ); /* not in the middle of an interrupt: it is the main loop that hangs */
    }
    wedged_at = avr->pc;
    memcpy(wedged_code, &avr->flash[wedged_at], sizeof wedged_code);
    avr->flash[wedged_at] = RJMP_SELF & 0xFFu;
    avr->flash[wedged_at + 1u] = RJMP_SELF >> 8;
    avr->sreg[S_I] = deaf ? 0 : 1;
    if (avr->state == cpu_Sleeping) {
        avr->state = cpu_Running;
    }
}

static void run(uint64_t us, bool stop_at_word)
{
    const uint64_t until = avr->cycle + us * MHZ;
    do {
        const uint64_t step = avr->cycle + 1000u * MHZ;
        advance_cycles(stop_at_word && step < until ? step : until);
    } while (avr->cycle < until && !has_words());
    flush_words();
    printf("{\"e\":\"ran\",\"us\":%" PRIu64 "}\n", now_us());
}

/* ---- control ---- */

static bool send_hex(const char *text)
{
    unsigned byte;
    for (; text != NULL && text[0] != '\0'; text += 2) {
        if (sscanf(text, "%2x", &byte) != 1) {
            return false;
        }
        receive((uint8_t)byte);
    }
    return true;
}

static void show_value(uint32_t value)
{
    printf("{\"e\":\"value\",\"us\":%" PRIu64 ",\"value\":%u}\n", now_us(), value);
}

static uint32_t untouched(uint32_t from)
{
    uint32_t count = 0;
    while (from + count <= avr->ramend && avr->data[from + count] == 0xA5u) {
        count++;
    }
    return count;
}

static bool do_plain(const char *word, const char *first, bool *quit)
{
    if (strcmp(word, "reset") == 0) {
        reset(EXTRF);
    } else if (strcmp(word, "power") == 0) {
        power_on(false);
    } else if (strcmp(word, "paint") == 0) {
        power_on(true);
    } else if (strcmp(word, "brownout") == 0) {
        reset(BORF);
    } else if (strcmp(word, "cut") == 0) {
        cut(first != NULL);
    } else if (strcmp(word, "hang") == 0) {
        wedge(false);
    } else if (strcmp(word, "wedge") == 0) {
        wedge(true);
    } else if (strcmp(word, "freeze") == 0) {
        frozen = true;
    } else if (strcmp(word, "thaw") == 0) {
        frozen = false;
    } else if (strcmp(word, "unplug") == 0) {
        unplugged = true;
    } else if (strcmp(word, "plug") == 0) {
        unplugged = false;
    } else if (strcmp(word, "forget") == 0) {
        forget();
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
        return pulses(first, second);
    }
    if (strcmp(word, "adc") == 0) {
        return analogue(first, (uint32_t)second);
    }
    if (strcmp(word, "input") == 0) {
        return input(first, second != 0);
    }
    if (strcmp(word, "line") == 0) {
        plan_edge(first, 'B', 0, second != 0);
    } else if (strcmp(word, "run") == 0) {
        run(first, false);
    } else if (strcmp(word, "go") == 0) {
        run(first, true);
    } else if (strcmp(word, "flip") == 0 && first <= avr->ramend && second < 8) {
        avr->data[first] ^= (uint8_t)(1u << second);
    } else if (strcmp(word, "peek") == 0 && first <= avr->ramend) {
        show_value(avr->data[first]);
    } else if (strcmp(word, "untouched") == 0 && first <= avr->ramend) {
        show_value(untouched((uint32_t)first));
    } else {
        return false;
    }
    return true;
}

static bool control(char *text, bool *quit)
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

static bool read_control(bool *quit)
{
    static char text[LINE_MAX_LENGTH];
    static size_t length;
    const ssize_t got = read(STDIN_FILENO, &text[length], sizeof text - 1u - length);
    if (got <= 0) {
        return false;
    }
    length += (size_t)got;
    text[length] = '\0';
    char *start = text;
    for (char *end = strchr(start, '\n'); end != NULL && !*quit; end = strchr(start, '\n')) {
        *end = '\0';
        if (!control(start, quit)) {
            printf("{\"e\":\"error\",\"what\":\"not understood\"}\n");
        }
        start = end + 1;
    }
    length -= (size_t)(start - text);
    memmove(text, start, length);
    (void)fflush(stdout);
    return length < sizeof text - 1u;
}

/* ---- the two ways to run ---- */

static uint64_t wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void make_pty(void)
{
    int slave;
    char path[128];
    struct termios raw;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    if (openpty(&line, &slave, path, &raw, NULL) != 0) {
        perror("avr-rig: cannot make a pseudo terminal");
        exit(1);
    }
    (void)close(slave);
    (void)fcntl(line, F_SETFL, O_NONBLOCK);
    printf("{\"e\":\"pty\",\"path\":\"%s\"}\n", path);
    (void)fflush(stdout);
}

static void write_words(void)
{
    while (has_words()) {
        if (write(line, &from_avr.data[from_avr.tail % QUEUE], 1) != 1) {
            if (errno != EAGAIN) {
                from_avr.tail = from_avr.head; /* nobody has the line open: a wire in the air */
            }
            return;
        }
        from_avr.tail++;
    }
}

static void run_live(bool elastic)
{
    uint64_t wall_then = wall_us();
    bool was_closed = true;
    bool spoke = false;
    bool quit = false;
    while (!quit) {
        const bool busy = elastic && (spoke || to_avr.head != to_avr.tail || uart_held() != 0);
        struct pollfd wait[2] = {{STDIN_FILENO, POLLIN, 0}, {line, POLLIN, 0}};
        if (was_closed) {
            (void)poll(wait, 1, 1);
            (void)poll(&wait[1], 1, 0);
        } else {
            (void)poll(wait, 2, busy ? 0 : 1);
        }
        const bool closed = (wait[1].revents & POLLHUP) != 0;
        if (was_closed && !closed && powered) {
            reset(EXTRF); /* the capacitor between DTR and reset */
        }
        was_closed = closed;
        uint8_t data[512];
        const ssize_t got = closed ? 0 : read(line, data, sizeof data);
        for (ssize_t i = 0; i < got && !unplugged; i++) {
            receive(data[i]);
        }
        const uint64_t wall_now = wall_us();
        const uint64_t passed = wall_now - wall_then;
        wall_then = wall_now;
        /* Elastic time never runs ahead of a tool that the machine holds up: the boot loader has a watchdog. */
        const uint64_t slice_us = !elastic ? passed : busy ? ELASTIC_SLICE_US : (passed < ELASTIC_SLICE_US ? passed : ELASTIC_SLICE_US);
        advance_cycles(avr->cycle + slice_us * MHZ);
        spoke = has_words();
        if (unplugged) {
            from_avr.tail = from_avr.head;
        }
        write_words();
        if ((wait[0].revents & (POLLIN | POLLHUP)) != 0 && !read_control(&quit)) {
            quit = true;
        }
        (void)fflush(stdout);
    }
}

/* Intel HEX, as avr-objcopy and the boot loaders' makers write it. *base becomes the lowest address. */
static bool load_hex(const char *path, uint32_t *base)
{
    FILE *file = fopen(path, "r");
    char text[600];
    uint32_t lowest = UINT32_MAX;
    while (file != NULL && fgets(text, sizeof text, file) != NULL) {
        unsigned count;
        unsigned address;
        unsigned type;
        if (sscanf(text, ":%2x%4x%2x", &count, &address, &type) != 3 || type != 0) {
            continue;
        }
        for (unsigned i = 0; i < count && address + i <= avr->flashend; i++) {
            unsigned byte = 0xFF;
            (void)sscanf(&text[9u + 2u * i], "%2x", &byte);
            avr->flash[address + i] = (uint8_t)byte;
        }
        lowest = address < lowest ? address : lowest;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (lowest == UINT32_MAX) {
        (void)fprintf(stderr, "avr-rig: cannot load %s\n", path);
        return false;
    }
    *base = lowest;
    return true;
}

static void load_kept(void)
{
    uint8_t kept[1024];
    FILE *file = eeprom_path == NULL ? NULL : fopen(eeprom_path, "rb");
    if (file != NULL) {
        if (fread(kept, 1, sizeof kept, file) == sizeof kept) {
            avr_eeprom_desc_t desc = {kept, 0, sizeof kept};
            (void)avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &desc);
        }
        (void)fclose(file);
    }
    file = flash_path == NULL ? NULL : fopen(flash_path, "rb");
    if (file != NULL) {
        if (fread(avr->flash, 1, avr->flashend + 1u, file) == 0) {
            memset(avr->flash, 0xFF, avr->flashend + 1u);
        }
        (void)fclose(file);
    }
}

static void quiet(avr_t *at, const int level, const char *format, va_list words)
{
    (void)at;
    (void)level;
    (void)format;
    (void)words;
}

static void find_uart(void)
{
    for (avr_io_t *io = avr->io_port; io != NULL; io = io->next) {
        if (strcmp(io->kind, "uart") == 0) {
            uart = (avr_uart_t *)io;
        }
    }
    uint32_t flags = 0; /* else every byte is echoed on stdout and every status poll sleeps */
    (void)avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_uart_out, NULL);
}

static bool make_chip(const char *image, const char *boot)
{
    uint32_t base = 0;
    avr_global_logger_set(quiet);
    avr = avr_make_mcu_by_name("atmega328p");
    if (avr == NULL || avr_init(avr) != 0) {
        (void)fprintf(stderr, "avr-rig: libsimavr has no atmega328p\n");
        return false;
    }
    avr->frequency = MHZ * 1000000u;
    avr->vcc = avr->avcc = avr->aref = 5000;
    avr->log = LOG_NONE;
    avr->sleep = no_sleep;
    core_reset = avr->reset;
    avr->reset = on_reset;
    find_uart();
    for (const char *port = "BD"; *port != '\0'; port++) {
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(*port), IOPORT_IRQ_PIN_ALL), on_port, NULL);
        avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(*port), IOPORT_IRQ_DIRECTION_ALL), on_port,
                                NULL);
    }
    if ((image != NULL && !load_hex(image, &base)) || (boot != NULL && !load_hex(boot, &base))) {
        return false;
    }
    avr->reset_pc = avr->pc = boot != NULL ? base : 0;
    load_kept();
    avr->codeend = avr->flashend; /* else code that was programmed by the chip itself counts as a wild jump */
    flash_before = malloc(avr->flashend + 1u);
    memcpy(flash_before, avr->flash, avr->flashend + 1u);
    return true;
}

/* The wires of a bench without a plant: stop chain closed, contacts pulled up, meters at rest. */
static void wire_up(void)
{
    set_pin('C', 4, false);
    set_pin('C', 5, true);
    set_pin('C', 3, true);
    set_pin('C', 2, true);
    set_pin('D', 2, true);
    set_pin('D', 3, true);
    set_pin('B', 0, false);
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
            eeprom_path = words[++i];
        } else if (strcmp(words[i], "--flash") == 0 && more) {
            flash_path = words[++i];
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
    if (!make_chip(image, boot)) {
        return 1;
    }
    if (live) {
        make_pty();
    }
    wire_up();
    power_on(false);
    (void)fflush(stdout);
    bool quit = false;
    if (live) {
        run_live(elastic);
    } else {
        while (!quit && read_control(&quit)) {
        }
    }
    save();
    return 0;
}
