/* SPDX-License-Identifier: Apache-2.0 */
/* The serial line at the chip's own speed, and the pseudo terminal at its end. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "sim_io.h"

#define BYTE_CYCLES 1360u        /* ten bits at 117,647 baud; simavr would count eleven */

struct rig_queue rig_to_avr;
struct rig_queue rig_from_avr;
avr_uart_t *rig_uart;
int rig_line = -1;
bool rig_unplugged;

bool rig_has_words(void)
{
    return rig_from_avr.head != rig_from_avr.tail;
}

void rig_flush_words(void)
{
    while (rig_has_words()) {
        printf("{\"e\":\"tx\",\"us\":%" PRIu64 ",\"hex\":\"", rig_now_us());
        for (unsigned i = 0; i < 256u && rig_has_words(); i++) {
            printf("%02x", rig_from_avr.data[rig_from_avr.tail++ % RIG_QUEUE]);
        }
        printf("\"}\n");
    }
}

void rig_on_uart_out(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    if (rig_from_avr.head - rig_from_avr.tail < RIG_QUEUE) {
        rig_from_avr.data[rig_from_avr.head++ % RIG_QUEUE] = (uint8_t)value;
    }
}

uint32_t rig_uart_held(void)
{
    return (uint32_t)(rig_uart->input.write - rig_uart->input.read) & 63u;
}

/* Two bytes deep like the silicon; fed one by one into an empty queue simavr delivers at half speed. */
void rig_top_up(void)
{
    rig_uart->cycles_per_byte = BYTE_CYCLES;
    while (rig_to_avr.tail != rig_to_avr.head && rig_uart_held() < 2u) {
        avr_raise_irq(avr_io_getirq(rig_avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT),
                      rig_to_avr.data[rig_to_avr.tail++ % RIG_QUEUE]);
    }
}

void rig_receive(uint8_t byte)
{
    if (rig_to_avr.head - rig_to_avr.tail < RIG_QUEUE) {
        rig_to_avr.data[rig_to_avr.head++ % RIG_QUEUE] = byte;
    }
}

void rig_make_pty(void)
{
    int slave;
    char path[128];
    struct termios raw;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    if (openpty(&rig_line, &slave, path, &raw, NULL) != 0) {
        perror("avr-rig: cannot make a pseudo terminal");
        exit(1);
    }
    (void)close(slave);
    (void)fcntl(rig_line, F_SETFL, O_NONBLOCK);
    printf("{\"e\":\"pty\",\"path\":\"%s\"}\n", path);
    (void)fflush(stdout);
}

void rig_write_words(void)
{
    while (rig_has_words()) {
        if (write(rig_line, &rig_from_avr.data[rig_from_avr.tail % RIG_QUEUE], 1) != 1) {
            if (errno != EAGAIN) {
                rig_from_avr.tail = rig_from_avr.head; /* nobody has the line open: a wire in the air */
            }
            return;
        }
        rig_from_avr.tail++;
    }
}
