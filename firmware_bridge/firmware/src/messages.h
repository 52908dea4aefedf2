/* SPDX-License-Identifier: Apache-2.0 */
/* The dictionary in flash: numbers for names, arguments out of bodies, bodies out of arguments. */
#ifndef VUON_MESSAGES_H
#define VUON_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#define CALL(name, format, handler) MSG_##name,
#define SEND(name, format) MSG_##name,
enum message {
#include "messages.def"
    MSG_COUNT
};
#undef CALL
#undef SEND

#define CALL_ARGS_MAX 10u

/* A decoded call. Fields stand in the order of the format; text points into the received frame. */
struct call {
    uint8_t message;
    uint8_t text_length;
    const uint8_t *text;
    const uint8_t *body;  /* as received, behind the message number: what a configuration's CRC covers */
    uint8_t body_length;
    uint32_t arg[CALL_ARGS_MAX];
};

#define CALL(name, format, handler) void handler(const struct call *call);
#define SEND(name, format)
#include "messages.def"
#undef CALL
#undef SEND

/* Decodes the body of a frame and runs the call's handler, which answers exactly once. */
void messages_dispatch(const uint8_t *body, uint8_t length);

/* Writes number and fields to body (room for FRAME_BODY_MAX bytes); returns the length. */
uint8_t messages_encode(uint8_t *body, enum message message, const uint32_t *args, const uint8_t *text,
                        uint8_t text_length);

uint16_t messages_dictionary_crc(void);

#endif
