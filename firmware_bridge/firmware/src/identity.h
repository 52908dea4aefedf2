/* SPDX-License-Identifier: Apache-2.0 */
/* What a board remembers of itself: how often it booted, who may command it, and why it is shut down. */
#ifndef VUON_IDENTITY_H
#define VUON_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

void identity_load(void);
uint32_t identity_boots(void);
uint32_t identity_epoch(void);
bool identity_is_master(uint32_t epoch);
uint8_t identity_shutdown(void);
bool identity_keep_shutdown(uint8_t reason);

#endif
