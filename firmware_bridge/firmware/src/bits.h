/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at one bit without the integer promotions that hide sign changes. */
#ifndef VUON_BITS_H
#define VUON_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bit_is_set(uint16_t bits, uint8_t index)
{
    return ((uint16_t)(bits >> index) & 1u) != 0;
}

#endif
