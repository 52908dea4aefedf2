/* SPDX-License-Identifier: Apache-2.0 */
/* One table, made from messages.def: format texts, handlers, and the walk over a format that does all packing. */
#include "messages.h"

#include <stddef.h>

#include "board.h"
#include "codes.h"
#include "crc.h"
#include "frame.h"
#include "link.h"

#define CALL(name, format, handler) static const char text_##name[] BOARD_FLASH = #name " " format;
#define SEND(name, format) static const char text_##name[] BOARD_FLASH = #name " " format;
#include "messages.def"
#undef CALL
#undef SEND

typedef void (*call_handler)(const struct call *call);

static const char *const texts[MSG_COUNT] BOARD_FLASH = {
#define CALL(name, format, handler) text_##name,
#define SEND(name, format) text_##name,
#include "messages.def"
#undef CALL
#undef SEND
};

static const call_handler handlers[MSG_COUNT] BOARD_FLASH = {
#define CALL(name, format, handler) handler,
#define SEND(name, format) NULL,
#include "messages.def"
#undef CALL
#undef SEND
};

static char text_at(const char *text)
{
    return (char)BOARD_FLASH_BYTE(text);
}

/* Moves behind the next '=' and returns the type letter there; 0 at the end of the format. */
static char next_type(const char **cursor)
{
    const char *text = *cursor;
    char letter = text_at(text);
    while (letter != '\0' && letter != '=') {
        text++;
        letter = text_at(text);
    }
    if (letter == '\0') {
        return '\0';
    }
    *cursor = text + 1;
    return text_at(text + 1);
}

static uint8_t type_size(char type)
{
    return type == 'I' ? 4u : type == 'H' ? 2u : 1u;
}

static bool decode(struct call *call, const char *format, const uint8_t *body, uint8_t length)
{
    uint8_t at = 0;
    uint8_t count = 0;
    for (char type = next_type(&format); type != '\0'; type = next_type(&format)) {
        if (type == '*') {
            call->text = &body[at];
            call->text_length = (uint8_t)(length - at);
            return true;
        }
        const uint8_t size = type_size(type);
        if (count >= CALL_ARGS_MAX || at + size > length) {
            return false;
        }
        uint32_t value = 0;
        for (uint8_t i = 0; i < size; i++) {
            value |= (uint32_t)body[at + i] << (8u * i);
        }
        call->arg[count] = value;
        count++;
        at = (uint8_t)(at + size);
    }
    return at == length;
}

void messages_dispatch(const uint8_t *body, uint8_t length)
{
    const uint8_t message = length > 0 ? body[0] : 255u;
    const call_handler handler = message < MSG_COUNT ? BOARD_FLASH_POINTER(&handlers[message]) : NULL;
    if (handler == NULL) {
        link_refuse(message, REFUSE_UNKNOWN_CALL, message);
        return;
    }
    struct call call = {.message = message, .body = &body[1], .body_length = (uint8_t)(length - 1u)};
    if (!decode(&call, BOARD_FLASH_POINTER(&texts[message]), &body[1], (uint8_t)(length - 1u))) {
        link_refuse(message, REFUSE_BAD_LENGTH, length);
        return;
    }
    handler(&call);
}

uint8_t messages_encode(uint8_t *body, enum message message, const uint32_t *args, const uint8_t *text,
                        uint8_t text_length)
{
    const char *format = BOARD_FLASH_POINTER(&texts[message]);
    uint8_t at = 1;
    uint8_t count = 0;
    body[0] = (uint8_t)message;
    for (char type = next_type(&format); type != '\0'; type = next_type(&format)) {
        if (type == '*') {
            for (uint8_t i = 0; i < text_length && at < FRAME_BODY_MAX; i++) {
                body[at] = text[i];
                at++;
            }
            break;
        }
        const uint8_t size = type_size(type);
        for (uint8_t i = 0; i < size; i++) {
            body[at] = (uint8_t)(args[count] >> (8u * i));
            at++;
        }
        count++;
    }
    return at;
}

uint16_t messages_dictionary_crc(void)
{
    uint16_t crc = CRC16_START;
    for (uint8_t message = 0; message < (uint8_t)MSG_COUNT; message++) {
        const char *text = BOARD_FLASH_POINTER(&texts[message]);
        char letter = text_at(text);
        while (letter != '\0') {
            crc = crc16_add(crc, (uint8_t)letter);
            text++;
            letter = text_at(text);
        }
        crc = crc16_add(crc, '\n');
    }
    return crc;
}

void messages_on_get_dictionary(const struct call *call)
{
    enum { CHUNK = 48 };
    const uint32_t message = call->arg[0];
    uint8_t chunk[CHUNK];
    uint8_t length = 0;
    uint8_t filled = 0;
    if (message < MSG_COUNT) {
        const char *text = BOARD_FLASH_POINTER(&texts[message]);
        while (length < 255u && text_at(&text[length]) != '\0') {
            if (length >= call->arg[1] && filled < CHUNK) {
                chunk[filled] = (uint8_t)text_at(&text[length]);
                filled++;
            }
            length++;
        }
    }
    const uint32_t args[] = {message, length};
    link_reply(MSG_dictionary, args, chunk, filled);
}
