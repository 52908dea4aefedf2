/* SPDX-License-Identifier: Apache-2.0 */
/* The linux board: a process whose pins a simulated plant sees and moves. */
#ifndef VUON_BOARD_PINS_H
#define VUON_BOARD_PINS_H

#define BOARD_NAME "linux"
#define BOARD_OUTPUTS 16u
#define BOARD_PUMPS 4u
#define BOARD_DOSERS 4u
#define BOARD_INPUTS 8u
#define BOARD_ESTOP_INPUT 0u
#define BOARD_COUNTERS 8u
#define BOARD_ADCS 8u
#define BOARD_UART_EMPTY 127u /* room when nothing waits to be sent */
#define BOARD_EEPROM_BYTES 4096u

#endif
