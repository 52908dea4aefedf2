/* SPDX-License-Identifier: Apache-2.0 */
/* The control line of a simulated board: text commands in, JSON lines out. The AVR rig speaks the same. */
#ifndef VUON_CONTROL_H
#define VUON_CONTROL_H

#include <stdbool.h>

/* Does one command; false when it is not understood. Sets *quit on "quit". */
bool control_do(char *line, bool *quit);

/* Gives what the board has sent to the host as an event (virtual time only). */
void control_flush_sent(void);

#endif
