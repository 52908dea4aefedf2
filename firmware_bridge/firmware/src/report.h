/* SPDX-License-Identifier: Apache-2.0 */
/* What the board says unasked: its state on every change, everything at the period the host asked for. */
#ifndef VUON_REPORT_H
#define VUON_REPORT_H

void report_init(void);
void report_poll(void);

#endif
