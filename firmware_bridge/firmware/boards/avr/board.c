/* SPDX-License-Identifier: Apache-2.0 */
/* ATmega328P. Outputs are low before main; the watchdog runs from the first instruction after reset on and is
 * nominally 250 ms (its oscillator gives +-10 % over voltage and temperature). */
#include "board.h"

#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "codes.h"
#include "core.h"
#include "counters.h"
#include "sdi12.h"

#define OUTPUTS_D 0xF0u /* PD4..7 are outputs 0..3 */
#define OUTPUTS_B 0x1Eu /* PB1..4 are outputs 4..7 */
#define RING 128u       /* a power of two */
#define CHUNK_FOURS 250u
#define EEPROM_WAIT_US 10000u
#define SELF_CHECK_MARK 0x5CA1u

static uint8_t mcusr_seen __attribute__((section(".noinit")));
static uint16_t self_check_mark __attribute__((section(".noinit")));

static volatile uint8_t rx[RING];
static volatile uint8_t rx_head;
static volatile uint8_t rx_tail;
static volatile uint8_t tx[RING];
static volatile uint8_t tx_head;
static volatile uint8_t tx_tail;
static volatile uint16_t clock_high;
static uint8_t cause;

void board_before_main(void) __attribute__((naked, used, section(".init3")));
void board_before_main(void)
{
    PORTD = 0;
    PORTB = 0;
    DDRD = OUTPUTS_D;
    DDRB = OUTPUTS_B;
    mcusr_seen = MCUSR;
    MCUSR = 0; /* else the watchdog cannot be changed and bites every 15 ms */
    wdt_enable(WDTO_250MS);
}

static uint8_t find_cause(void)
{
    const uint8_t seen = mcusr_seen;
    const uint16_t mark = self_check_mark;
    self_check_mark = 0;
    if ((seen & (1u << PORF)) != 0) {
        return RESET_POWER;
    }
    if (mark == SELF_CHECK_MARK) {
        return RESET_SELF_CHECK;
    }
    if ((seen & (1u << BORF)) != 0) {
        return RESET_BROWN_OUT;
    }
    if ((seen & (1u << WDRF)) != 0) {
        return RESET_WATCHDOG;
    }
    if ((seen & (1u << EXTRF)) != 0) {
        return RESET_EXTERNAL;
    }
    return RESET_UNKNOWN; /* a boot loader cleared it */
}

static void board_init(void)
{
    cause = find_cause();
    PORTD = (1u << PD2) | (1u << PD3) | (1u << PD0);
    PORTC = (1u << PC2) | (1u << PC3) | (1u << PC4) | (1u << PC5);
    /* serial line */
    UCSR0A = 1u << U2X0;
    UBRR0 = 16; /* 117,647 baud: 2.1 % fast, within what 8N1 bears */
    UCSR0C = (1u << UCSZ01) | (1u << UCSZ00);
    UCSR0B = (1u << RXEN0) | (1u << TXEN0) | (1u << RXCIE0);
    /* timer 2: the tick; timer 1: microseconds; timer 0: SDI-12 */
    TCCR0A = 1u << WGM01;
    TCCR0B = (1u << CS01) | (1u << CS00);
    TCCR2A = 1u << WGM21;
    OCR2A = 249;
    TCCR2B = 1u << CS22;
    TIMSK2 = 1u << OCIE2A;
    TCCR1B = 1u << CS11;
    TIMSK1 = 1u << TOIE1;
    /* pulse counters */
    EICRA = (1u << ISC11) | (1u << ISC01);
    EIMSK = (1u << INT1) | (1u << INT0);
    PCMSK1 = 1u << PCINT10;
    PCICR = 1u << PCIE1;
    ADCSRA = (1u << ADEN) | (1u << ADPS2) | (1u << ADPS1) | (1u << ADPS0);
}

int main(void)
{
    board_init();
    core_init();
    SMCR = 0; /* idle: timers, serial line and converter run on */
    sei();
    for (;;) {
        core_poll();
        cli();
        if (rx_head == rx_tail) {
            SMCR = 1u << SE;
            sei(); /* takes effect after the next instruction: no wake-up is lost */
            sleep_cpu();
            SMCR = 0;
        }
        sei();
    }
}

/* Interruptible: bytes and SDI-12 bits do not wait for the tick, which is done well within its millisecond. */
ISR(TIMER2_COMPA_vect, ISR_NOBLOCK)
{
    core_tick();
}

void board_outputs_write(uint16_t on)
{
    const uint8_t d = (uint8_t)((on << 4) & OUTPUTS_D);
    const uint8_t b = (uint8_t)((on >> 3) & OUTPUTS_B);
    const uint8_t saved = board_lock();
    const uint8_t port_d = (uint8_t)((PORTD & (uint8_t)~OUTPUTS_D) | d);
    const uint8_t port_b = (uint8_t)((PORTB & (uint8_t)~OUTPUTS_B) | b);
    PORTD = port_d; /* both ports within a quarter of a microsecond */
    PORTB = port_b;
    DDRD |= OUTPUTS_D;
    DDRB |= OUTPUTS_B;
    board_unlock(saved);
}

uint8_t board_inputs_read(void)
{
    const uint8_t pins = PINC;
    return (uint8_t)((pins >> PC4 & 1u) | (pins >> PC5 & 1u) << 1 | (pins >> PC3 & 1u) << 2);
}

void board_adc_start(uint8_t channel)
{
    const uint8_t pin = channel < 2u ? channel : (uint8_t)(channel + 4u);
    ADMUX = (uint8_t)((1u << REFS0) | pin);
    ADCSRA |= 1u << ADSC;
}

bool board_adc_take(uint16_t *raw)
{
    if ((ADCSRA & (1u << ADSC)) != 0) {
        return false;
    }
    *raw = ADC;
    return true;
}

ISR(TIMER1_OVF_vect)
{
    clock_high++;
}

uint32_t board_clock_us(void)
{
    const uint8_t saved = board_lock();
    const uint16_t low = TCNT1;
    uint32_t high = clock_high;
    if ((TIFR1 & (1u << TOV1)) != 0 && low < 0x8000u) {
        high++; /* it wrapped and its interrupt has not run yet */
    }
    board_unlock(saved);
    return high << 15 | low >> 1;
}

ISR(INT0_vect)
{
    counters_pulse(0, board_clock_us());
}

ISR(INT1_vect)
{
    counters_pulse(1, board_clock_us());
}

ISR(PCINT1_vect)
{
    if ((PINC & (1u << PC2)) == 0) {
        counters_pulse(2, board_clock_us());
    }
}

ISR(USART_RX_vect)
{
    const uint8_t byte = UDR0;
    const uint8_t next = (uint8_t)((rx_head + 1u) % RING);
    if (next != rx_tail) { /* full: the frame loses a byte and its CRC tells */
        rx[rx_head] = byte;
        rx_head = next;
    }
}

bool board_uart_take(uint8_t *byte)
{
    if (rx_head == rx_tail) {
        return false;
    }
    *byte = rx[rx_tail];
    rx_tail = (uint8_t)((rx_tail + 1u) % RING);
    return true;
}

ISR(USART_UDRE_vect)
{
    if (tx_head == tx_tail) {
        UCSR0B &= (uint8_t) ~(1u << UDRIE0);
        return;
    }
    UDR0 = tx[tx_tail];
    tx_tail = (uint8_t)((tx_tail + 1u) % RING);
}

void board_uart_put(uint8_t byte)
{
    const uint8_t next = (uint8_t)((tx_head + 1u) % RING);
    if (next != tx_tail) {
        tx[tx_head] = byte;
        tx_head = next;
        const uint8_t saved = board_lock();
        UCSR0B |= 1u << UDRIE0;
        board_unlock(saved);
    }
}

uint8_t board_uart_room(void)
{
    return (uint8_t)((uint8_t)(tx_tail - tx_head - 1) % RING);
}

uint8_t board_eeprom_read(uint16_t address)
{
    return eeprom_read_byte((const uint8_t *)address);
}

bool board_eeprom_write(uint16_t address, uint8_t byte)
{
    if (board_eeprom_read(address) == byte) {
        return true;
    }
    eeprom_write_byte((uint8_t *)address, byte);
    const uint32_t began_us = board_clock_us();
    while (!eeprom_is_ready()) {
        if (board_clock_us() - began_us > EEPROM_WAIT_US) {
            return false;
        }
    }
    return board_eeprom_read(address) == byte;
}

uint8_t board_lock(void)
{
    const uint8_t saved = SREG;
    cli();
    return saved;
}

void board_unlock(uint8_t saved)
{
    SREG = saved;
}

void board_watchdog_feed(void)
{
    wdt_reset();
}

void board_restart(void)
{
    cli();
    PORTD = 0;
    PORTB = 0;
    self_check_mark = SELF_CHECK_MARK;
    wdt_enable(WDTO_15MS);
    for (;;) {
    }
}

uint8_t board_reset_cause(void)
{
    return cause;
}

/* Timer 0 counts fours of microseconds and starts again at each compare, so a bit follows exactly on the one before. */
static volatile uint16_t fours_left;

static void arm(uint16_t fours)
{
    const uint16_t now = fours > 256u ? CHUNK_FOURS : fours;
    fours_left = (uint16_t)(fours - now);
    OCR0A = (uint8_t)(now - 1u);
}

ISR(TIMER0_COMPA_vect)
{
    if (fours_left != 0) {
        arm(fours_left);
    } else {
        sdi12_on_timer();
    }
}

ISR(PCINT0_vect)
{
    sdi12_on_edge(board_sdi12_spacing());
}

void board_sdi12_drive(bool spacing)
{
    const uint8_t saved = board_lock();
    if (spacing) {
        PORTB |= 1u << PB0;
    } else {
        PORTB &= (uint8_t) ~(1u << PB0);
    }
    DDRB |= 1u << DDB0;
    board_unlock(saved);
}

void board_sdi12_release(void)
{
    const uint8_t saved = board_lock();
    DDRB &= (uint8_t) ~(1u << DDB0);
    PORTB &= (uint8_t) ~(1u << PB0);
    board_unlock(saved);
}

bool board_sdi12_spacing(void)
{
    return (PINB & (1u << PB0)) != 0;
}

void board_sdi12_timer(uint16_t after_us)
{
    arm(after_us / 4u);
}

void board_sdi12_timer_from_now(uint16_t after_us)
{
    const uint8_t saved = board_lock();
    TCNT0 = 0;
    arm(after_us / 4u);
    TIFR0 = 1u << OCF0A;
    TIMSK0 = 1u << OCIE0A;
    board_unlock(saved);
}

void board_sdi12_timer_stop(void)
{
    TIMSK0 = 0;
}

void board_sdi12_edges(bool on)
{
    const uint8_t saved = board_lock();
    if (on) {
        PCMSK0 = 1u << PCINT0;
        PCIFR = 1u << PCIF0;
        PCICR |= 1u << PCIE0;
    } else {
        PCICR &= (uint8_t) ~(1u << PCIE0);
    }
    board_unlock(saved);
}
