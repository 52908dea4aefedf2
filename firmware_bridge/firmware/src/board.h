/* SPDX-License-Identifier: Apache-2.0 */
/* What a board gives to the core. A new board is one file that fulfils this and one that counts its pins. */
#ifndef VUON_BOARD_H
#define VUON_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "board_pins.h"

/* Outputs: bit n energises output n. Called every millisecond from interrupt level with the whole truth. */
void board_outputs_write(uint16_t on);

/* Levels of the digital inputs; bit BOARD_ESTOP_INPUT is 1 when the stop chain is open (also: its wire is cut). */
uint8_t board_inputs_read(void);

/* Analogue: one conversion at a time, 10 bits. take() returns false while it runs. */
void board_adc_start(uint8_t channel);
bool board_adc_take(uint16_t *raw);

/* Free-running microseconds; wraps after 71 minutes. */
uint32_t board_clock_us(void);

/* Serial line. put() drops the byte when the buffer is full: callers look at room() first. */
bool board_uart_take(uint8_t *byte);
void board_uart_put(uint8_t byte);
uint8_t board_uart_room(void);

/* Kept memory. write() waits for the cell and returns false when it does not read back. */
uint8_t board_eeprom_read(uint16_t address);
bool board_eeprom_write(uint16_t address, uint8_t byte);

/* Interrupt lock around data shared with the tick. */
uint8_t board_lock(void);
void board_unlock(uint8_t saved);

void board_watchdog_feed(void);
void board_restart(void); /* after a failed self check: outputs off, then reset with RESET_SELF_CHECK */
uint8_t board_reset_cause(void);

/* SDI-12 line. Spacing is the high level; release() lets go of the line to listen. */
void board_sdi12_drive(bool spacing);
void board_sdi12_release(void);
bool board_sdi12_spacing(void);
void board_sdi12_timer(uint16_t after_us); /* counted from the last timer event, or from now when first */
void board_sdi12_timer_from_now(uint16_t after_us);
void board_sdi12_timer_stop(void);
void board_sdi12_edges(bool on);

#ifndef BOARD_FLASH /* boards with one address space read constants directly */
#define BOARD_FLASH
#define BOARD_FLASH_BYTE(pointer) (*(const uint8_t *)(pointer))
#define BOARD_FLASH_LONG(pointer) (*(pointer))
#define BOARD_FLASH_POINTER(pointer) (*(pointer))
#endif

#endif
