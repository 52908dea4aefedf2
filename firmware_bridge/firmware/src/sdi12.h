/* SPDX-License-Identifier: Apache-2.0 */
/* An SDI-12 data recorder on one pin: break, command, reply, with the timing of the SDI-12 v1.4 document. */
#ifndef VUON_SDI12_H
#define VUON_SDI12_H

#include <stdbool.h>

void sdi12_init(void);
void sdi12_on_timer(void);           /* the board's one-shot timer, at interrupt level */
void sdi12_on_edge(bool spacing);    /* a level change while edges are wanted, at interrupt level */

#endif
