/* SPDX-License-Identifier: Apache-2.0 */
/* The latched shutdown: everything off, and it stays off until a person says so. */
#ifndef VUON_SHUTDOWN_H
#define VUON_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

void shutdown_init(void);
void shutdown_latch(uint8_t reason); /* callable from the tick; the first reason stays */
bool shutdown_active(void);
uint8_t shutdown_reason(void);
void shutdown_poll(void);

#endif
