/* SPDX-License-Identifier: Apache-2.0 */
/* Judges what the pins did, from what was sent and what happened to the plant; knows nothing of the firmware. */
#ifndef VUON_ORACLE_H
#define VUON_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

void oracle_begin(uint32_t seed, uint32_t byte_us);
void oracle_outputs(uint64_t us, uint16_t on);
void oracle_reset(uint64_t us);

void oracle_lease(uint64_t arrives_us, uint16_t outputs, uint32_t lease_ms); /* a good call that may open these */
void oracle_release(uint64_t arrives_us);
void oracle_dose(uint64_t arrives_us, uint32_t lease_ms);
void oracle_dose_began(void);   /* the board has said so */
void oracle_pulse(uint64_t us);
void oracle_estop(uint64_t us, bool open);
void oracle_float(uint64_t us, bool high);
void oracle_deaf(uint64_t us);  /* not even interrupts run: only the watchdog is left */
void oracle_cleared(void);      /* a person may have cleared the shutdown */
void oracle_stopped(uint64_t arrives_us); /* the host's emergency stop is on its way */
void oracle_check(uint64_t us); /* at any time: nothing on past its bounds */
void oracle_end(uint64_t us);

uint32_t oracle_breaches(void);
uint64_t oracle_switchings(void);
uint64_t oracle_pump_starts(void);
uint64_t oracle_doses(void);

#endif
