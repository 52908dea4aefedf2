/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input as lines, for whatever plays a board: the linux board and the AVR rig. */
#ifndef VUON_CONTROL_LINE_H
#define VUON_CONTROL_LINE_H

#include <stdbool.h>

/* Does one line, which it may cut to pieces; false when it is not understood. Sets *quit to end. */
typedef bool control_line_fn(char *line, bool *quit);

/* Reads once what waits on standard input and does every whole line; what is not understood is told as an event.
 * False at the end of the input, or when a line is longer than the room for it (16 KB). */
bool control_line_read(control_line_fn *do_line, bool *quit);

#endif
