/* SPDX-License-Identifier: Apache-2.0 */
/* The linux board's pins and clock. Deterministic: nothing here looks at the time or at chance. */
#include "board.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codes.h"
#include "core.h"
#include "counters.h"
#include "sdi12.h"
#include "sim.h"

#define WATCHDOG_US 250000u
#define TICK_US 1000u
#define RING 4096u
#define NEVER UINT64_MAX
#define POLLS_PER_TICK 2u

static struct {
    const struct sim_watch *watch;
    int eeprom_file;
    uint64_t now_us;
    uint64_t tick_at_us;
    uint64_t fed_at_us;
    uint64_t booted_at_us;
    uint64_t timer_at_us;
    uint64_t timer_base_us;
    uint16_t outputs;
    uint8_t inputs;
    uint8_t cause;
    uint8_t adc_channel;
    bool adc_busy;
    bool restart;
    bool hung;
    bool deaf;
    bool edges;
    bool line_spacing;
    uint16_t millivolt[BOARD_ADCS];
    uint8_t rx[RING];
    uint32_t rx_head;
    uint32_t rx_tail;
    uint8_t tx[RING];
    uint32_t tx_head;
    uint32_t tx_tail;
    uint8_t eeprom[BOARD_EEPROM_BYTES];
} sim;

void sim_create(const struct sim_watch *watch, int eeprom_file)
{
    memset(&sim, 0, sizeof sim);
    memset(sim.eeprom, 0xFF, sizeof sim.eeprom);
    sim.watch = watch;
    sim.eeprom_file = eeprom_file;
    if (eeprom_file >= 0 && pread(eeprom_file, sim.eeprom, sizeof sim.eeprom, 0) < 0) {
        abort();
    }
    sim_boot(RESET_POWER);
}

void sim_boot(uint8_t cause)
{
    sim.watch->reset(sim.now_us, cause);
    board_outputs_write(0);
    sim.cause = cause;
    sim.restart = false;
    sim.hung = false;
    sim.deaf = false;
    sim.edges = false;
    sim.adc_busy = false;
    sim.timer_at_us = NEVER;
    sim.rx_tail = sim.rx_head;
    sim.booted_at_us = sim.now_us;
    sim.tick_at_us = sim.now_us + TICK_US;
    sim.fed_at_us = sim.now_us;
    core_init();
}

static void poll_core(void)
{
    if (!sim.hung) {
        core_poll();
    }
    if (sim.restart) {
        sim_boot(RESET_SELF_CHECK);
    }
}

void sim_advance(uint64_t until_us)
{
    for (uint8_t i = 0; i < POLLS_PER_TICK; i++) {
        poll_core();
    }
    for (;;) {
        const bool timer_first = sim.timer_at_us <= sim.tick_at_us;
        const uint64_t next_us = timer_first ? sim.timer_at_us : sim.tick_at_us;
        if (next_us > until_us) {
            break;
        }
        sim.now_us = next_us;
        if (timer_first) {
            sim.timer_base_us = next_us;
            sim.timer_at_us = NEVER;
            sdi12_on_timer();
            continue;
        }
        sim.tick_at_us += TICK_US;
        if (!sim.deaf) {
            core_tick();
        }
        poll_core();
        if (sim.now_us - sim.fed_at_us >= WATCHDOG_US) {
            sim_boot(RESET_WATCHDOG);
        }
    }
    sim.now_us = until_us;
}

uint64_t sim_now_us(void)
{
    return sim.now_us;
}

uint16_t sim_outputs(void)
{
    return sim.outputs;
}

void sim_receive(const uint8_t *data, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (sim.rx_head - sim.rx_tail < RING) {
            sim.rx[sim.rx_head % RING] = data[i];
            sim.rx_head++;
        }
    }
}

uint32_t sim_sent(uint8_t *data, uint32_t room)
{
    uint32_t length = 0;
    while (length < room && sim.tx_tail != sim.tx_head) {
        data[length] = sim.tx[sim.tx_tail % RING];
        sim.tx_tail++;
        length++;
    }
    return length;
}

bool sim_has_sent(void)
{
    return sim.tx_tail != sim.tx_head;
}

void sim_pulses(uint8_t counter, uint32_t count)
{
    /* A batch stands for pulses that came apart: spaced wider than any contact filter, the last one now. */
    for (uint32_t i = 0; i < count; i++) {
        counters_pulse(counter, board_clock_us() - (count - 1u - i) * (UINT16_MAX + 1u));
    }
}

void sim_analogue(uint8_t channel, uint16_t millivolt)
{
    sim.millivolt[channel] = millivolt;
}

void sim_input(uint8_t input, bool high)
{
    const uint8_t bit = (uint8_t)(1u << input);
    sim.inputs = high ? (uint8_t)(sim.inputs | bit) : (uint8_t)(sim.inputs & (uint8_t)~bit);
}

void sim_sdi12_line(bool spacing)
{
    const bool changed = spacing != sim.line_spacing;
    sim.line_spacing = spacing;
    if (changed && sim.edges) {
        sdi12_on_edge(spacing);
    }
}

void sim_hang(void)
{
    sim.hung = true;
}

void sim_hang_deaf(void)
{
    sim.hung = true;
    sim.deaf = true;
}

void board_outputs_write(uint16_t on)
{
    if (on != sim.outputs) {
        sim.outputs = on;
        sim.watch->outputs(sim.now_us, on);
    }
}

uint8_t board_inputs_read(void)
{
    return sim.inputs;
}

void board_adc_start(uint8_t channel)
{
    sim.adc_channel = channel;
    sim.adc_busy = true;
}

bool board_adc_take(uint16_t *raw)
{
    if (sim.adc_busy) {
        sim.adc_busy = false;
        return false; /* a conversion takes until the next poll */
    }
    const uint32_t scaled = (uint32_t)sim.millivolt[sim.adc_channel] * 1023u / 5000u;
    *raw = scaled > 1023u ? 1023u : (uint16_t)scaled;
    return true;
}

uint32_t board_clock_us(void)
{
    return (uint32_t)(sim.now_us - sim.booted_at_us);
}

bool board_uart_take(uint8_t *byte)
{
    if (sim.rx_tail == sim.rx_head) {
        return false;
    }
    *byte = sim.rx[sim.rx_tail % RING];
    sim.rx_tail++;
    return true;
}

void board_uart_put(uint8_t byte)
{
    if (sim.tx_head - sim.tx_tail < RING) {
        sim.tx[sim.tx_head % RING] = byte;
        sim.tx_head++;
    }
}

uint8_t board_uart_room(void)
{
    const uint32_t room = RING - (sim.tx_head - sim.tx_tail);
    return room > UINT8_MAX ? UINT8_MAX : (uint8_t)room;
}

uint8_t board_eeprom_read(uint16_t address)
{
    return address < BOARD_EEPROM_BYTES ? sim.eeprom[address] : 0xFFu;
}

bool board_eeprom_write(uint16_t address, uint8_t byte)
{
    if (address >= BOARD_EEPROM_BYTES) {
        return false;
    }
    if (sim.eeprom[address] == byte) {
        return true;
    }
    sim.eeprom[address] = byte;
    return sim.eeprom_file < 0 || pwrite(sim.eeprom_file, &byte, 1, (off_t)address) == 1;
}

uint8_t board_lock(void)
{
    return 0; /* one thread: the tick never comes in between */
}

void board_unlock(uint8_t saved)
{
    (void)saved;
}

void board_watchdog_feed(void)
{
    sim.fed_at_us = sim.now_us;
}

void board_restart(void)
{
    board_outputs_write(0);
    sim.restart = true;
}

uint8_t board_reset_cause(void)
{
    return sim.cause;
}

void board_sdi12_drive(bool spacing)
{
    sim.watch->sdi12(sim.now_us, true, spacing);
}

void board_sdi12_release(void)
{
    sim.watch->sdi12(sim.now_us, false, false);
}

bool board_sdi12_spacing(void)
{
    return sim.line_spacing;
}

void board_sdi12_timer(uint16_t after_us)
{
    sim.timer_base_us += after_us;
    sim.timer_at_us = sim.timer_base_us;
}

void board_sdi12_timer_from_now(uint16_t after_us)
{
    sim.timer_base_us = sim.now_us + after_us;
    sim.timer_at_us = sim.timer_base_us;
}

void board_sdi12_timer_stop(void)
{
    sim.timer_at_us = NEVER;
}

void board_sdi12_edges(bool on)
{
    sim.edges = on;
}
