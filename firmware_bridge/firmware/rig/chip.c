/* SPDX-License-Identifier: Apache-2.0 */
/* The chip: made, loaded, wired to the rest of the rig. */
#include "rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avr_eeprom.h"
#include "avr_ioport.h"
#include "sim_io.h"

avr_t *rig_avr;

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
        for (unsigned i = 0; i < count && address + i <= rig_avr->flashend; i++) {
            unsigned byte = 0xFF;
            (void)sscanf(&text[9u + 2u * i], "%2x", &byte);
            rig_avr->flash[address + i] = (uint8_t)byte;
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
    FILE *file = rig_eeprom_path == NULL ? NULL : fopen(rig_eeprom_path, "rb");
    if (file != NULL) {
        uint8_t kept[1024];
        if (fread(kept, 1, sizeof kept, file) == sizeof kept) {
            avr_eeprom_desc_t desc = {kept, 0, sizeof kept};
            (void)avr_ioctl(rig_avr, AVR_IOCTL_EEPROM_SET, &desc);
        }
        (void)fclose(file);
    }
    file = rig_flash_path == NULL ? NULL : fopen(rig_flash_path, "rb");
    if (file != NULL) {
        if (fread(rig_avr->flash, 1, rig_avr->flashend + 1u, file) == 0) {
            memset(rig_avr->flash, 0xFF, rig_avr->flashend + 1u);
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

static void no_sleep(avr_t *at, avr_cycle_count_t cycles)
{
    (void)at;
    (void)cycles;
}

static void find_uart(void)
{
    for (avr_io_t *io = rig_avr->io_port; io != NULL; io = io->next) {
        if (strcmp(io->kind, "uart") == 0) {
            rig_uart = (avr_uart_t *)io;
        }
    }
    uint32_t flags = 0; /* else every byte is echoed on stdout and every status poll sleeps */
    (void)avr_ioctl(rig_avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(rig_avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), rig_on_uart_out, NULL);
}

bool rig_make_chip(const char *image, const char *boot)
{
    uint32_t base = 0;
    avr_global_logger_set(quiet);
    rig_avr = avr_make_mcu_by_name("atmega328p");
    if (rig_avr == NULL || avr_init(rig_avr) != 0) {
        (void)fprintf(stderr, "avr-rig: libsimavr has no atmega328p\n");
        return false;
    }
    rig_avr->frequency = RIG_MHZ * 1000000u;
    rig_avr->vcc = rig_avr->avcc = rig_avr->aref = 5000;
    rig_avr->log = LOG_NONE;
    rig_avr->sleep = no_sleep;
    rig_watch_resets();
    find_uart();
    for (const char *port = "BD"; *port != '\0'; port++) {
        const uint32_t irqs = AVR_IOCTL_IOPORT_GETIRQ(*port);
        avr_irq_register_notify(avr_io_getirq(rig_avr, irqs, IOPORT_IRQ_PIN_ALL), rig_on_port, NULL);
        avr_irq_register_notify(avr_io_getirq(rig_avr, irqs, IOPORT_IRQ_DIRECTION_ALL), rig_on_port, NULL);
    }
    if ((image != NULL && !load_hex(image, &base)) || (boot != NULL && !load_hex(boot, &base))) {
        return false;
    }
    rig_avr->reset_pc = rig_avr->pc = boot != NULL ? base : 0;
    load_kept();
    rig_avr->codeend = rig_avr->flashend; /* else code that was programmed by the chip itself counts as a wild jump */
    rig_flash_before = malloc(rig_avr->flashend + 1u);
    memcpy(rig_flash_before, rig_avr->flash, rig_avr->flashend + 1u);
    return true;
}
