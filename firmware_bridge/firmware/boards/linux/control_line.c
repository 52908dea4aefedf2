/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input as lines. A line that came in pieces waits for its end; nothing is ever read past the room. */
#include "control_line.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LENGTH 16384u

bool control_line_read(control_line_fn *do_line, bool *quit)
{
    static char text[LINE_MAX_LENGTH];
    static size_t length;
    const ssize_t got = read(STDIN_FILENO, &text[length], sizeof text - 1u - length);
    if (got <= 0) {
        return false;
    }
    length += (size_t)got;
    text[length] = '\0';
    char *start = text;
    for (char *end = strchr(start, '\n'); end != NULL && !*quit; end = strchr(start, '\n')) {
        *end = '\0';
        if (!do_line(start, quit)) {
            printf("{\"e\":\"error\",\"what\":\"not understood\"}\n");
        }
        start = end + 1;
    }
    length -= (size_t)(start - text);
    memmove(text, start, length);
    (void)fflush(stdout);
    return length < sizeof text - 1u;
}
