/* SPDX-License-Identifier: Apache-2.0 */
/* ATmega328P at 16 MHz on an Arduino Nano.
 *
 *   D4 D5 D6 D7 D9 D10 D11 D12   outputs 0..7, high = on; each needs a pull-down of 10 kOhm on the driver's input
 *   D2 D3 A2                     pulse counters 0..2, falling edge, pulled up
 *   A4                           input 0, the stop chain: closed to ground = run, open or cut = stop
 *   A5 A3                        inputs 1 and 2, pulled up
 *   A0 A1 A6 A7                  analogue 0..3, reference 5 V
 *   D8                           SDI-12 through a level driver
 *   D0 D1                        serial line to the host, 115200 8N1
 */
#ifndef VUON_BOARD_PINS_H
#define VUON_BOARD_PINS_H

#include <avr/pgmspace.h>

#define BOARD_NAME "avr-nano"
#define BOARD_OUTPUTS 8u
#define BOARD_PUMPS 2u
#define BOARD_DOSERS 2u
#define BOARD_INPUTS 3u
#define BOARD_ESTOP_INPUT 0u
#define BOARD_COUNTERS 3u
#define BOARD_ADCS 4u
#define BOARD_UART_EMPTY 127u /* room when nothing waits to be sent */
#define BOARD_EEPROM_BYTES 1024u

#define BOARD_FLASH PROGMEM
#define BOARD_FLASH_BYTE(pointer) pgm_read_byte(pointer)
#define BOARD_FLASH_LONG(pointer) pgm_read_dword(pointer)
#define BOARD_FLASH_POINTER(pointer) ((__typeof__(*(pointer)))pgm_read_word(pointer))

#endif
