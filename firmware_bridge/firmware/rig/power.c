/* SPDX-License-Identifier: Apache-2.0 */
/* Supply and reset: power on and off, brown-out, the reset button, EEPROM and flash that stay. */
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avr_eeprom.h"
#include "sim_io.h"

#define MCUSR_AT 0x54
#define PORF 1u
#define PAGE 128u

const char *rig_eeprom_path;
const char *rig_flash_path;
bool rig_reset_seen;
bool rig_powered = true;
uint8_t *rig_flash_before;

static void (*core_reset)(struct avr_t *avr);

static void on_reset(struct avr_t *at)
{
    rig_reset_seen = true; /* before the ports let go: the reset is told first, then what it did to the pins */
    if (core_reset != NULL) {
        core_reset(at);
    }
}

void rig_watch_resets(void)
{
    core_reset = rig_avr->reset;
    rig_avr->reset = on_reset;
}

static void restore_wedged(void)
{
    if (rig_wedged_at != UINT32_MAX) {
        memcpy(&rig_avr->flash[rig_wedged_at], rig_wedged_code, sizeof rig_wedged_code);
        rig_wedged_at = UINT32_MAX;
    }
}

void rig_after_reset(void)
{
    restore_wedged();
    rig_tell_wires();
    if (rig_line < 0) {
        rig_flush_words();
    }
    printf("{\"e\":\"reset\",\"us\":%" PRIu64 ",\"cause\":%u}\n", rig_now_us(), rig_avr->data[MCUSR_AT]);
    rig_reset_seen = false;
    rig_look_at_pins();
}

void rig_reset(uint8_t flags)
{
    rig_avr->state = cpu_Running; /* a core that simavr gave up on comes back, as silicon does */
    avr_reset(rig_avr);
    rig_avr->data[MCUSR_AT] = flags;
    rig_after_reset();
}

void rig_forget(void)
{
    static uint8_t blank[1024];
    memset(blank, 0xFF, sizeof blank);
    avr_eeprom_desc_t desc = {blank, 0, sizeof blank};
    (void)avr_ioctl(rig_avr, AVR_IOCTL_EEPROM_SET, &desc);
    rig_forget_edges();
    rig_to_avr.tail = rig_to_avr.head;
    rig_from_avr.tail = rig_from_avr.head;
}

static void fill_ram(bool paint)
{
    for (uint32_t i = 0x100; i <= rig_avr->ramend; i++) {
        rig_avr->data[i] = paint ? RIG_PAINT : (uint8_t)random();
    }
}

void rig_power_on(bool paint)
{
    rig_powered = true;
    fill_ram(paint);
    rig_reset(PORF | RIG_BORF);
}

void rig_save(void)
{
    if (rig_eeprom_path != NULL) {
        avr_eeprom_desc_t kept = {NULL, 0, 0};
        FILE *file = fopen(rig_eeprom_path, "wb");
        kept.size = 1024;
        if (file != NULL && avr_ioctl(rig_avr, AVR_IOCTL_EEPROM_GET, &kept) >= 0 && kept.ee != NULL) {
            (void)fwrite(kept.ee, 1, kept.size, file);
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    if (rig_flash_path != NULL) {
        FILE *file = fopen(rig_flash_path, "wb");
        if (file != NULL) {
            (void)fwrite(rig_avr->flash, 1, rig_avr->flashend + 1u, file);
            (void)fclose(file);
        }
    }
}

/* Power goes while a page is being programmed: the last page that changed ends half erased. */
static void tear_flash(void)
{
    for (uint32_t page = (rig_avr->flashend + 1u) / PAGE; page-- > 0;) {
        if (memcmp(&rig_avr->flash[page * PAGE], &rig_flash_before[page * PAGE], PAGE) != 0 && page * PAGE < 0x7000u) {
            memset(&rig_avr->flash[page * PAGE + PAGE / 2], 0xFF, PAGE / 2);
            return;
        }
    }
}

void rig_cut(bool tear)
{
    if (tear) {
        tear_flash();
    }
    rig_powered = false;
    rig_to_avr.tail = rig_to_avr.head;
    for (uint32_t i = 0x20; i <= rig_avr->ramend; i++) {
        rig_avr->data[i] = 0;
    }
    rig_look_at_pins();
    rig_save();
}
