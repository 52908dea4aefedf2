/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered calls, each done once and answered once. */
#ifndef VUON_LINK_H
#define VUON_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "messages.h"

void link_init(void);
void link_poll(void);
bool link_is_connected(void);

/* The one answer to the call being handled. */
void link_reply(enum message message, const uint32_t *args, const uint8_t *text, uint8_t text_length);
void link_refuse(uint8_t call, uint8_t reason, uint32_t detail);
void link_done(const struct call *call);

/* An unasked message; false when the line has no room for it now. */
bool link_report(enum message message, const uint32_t *args);

#endif
